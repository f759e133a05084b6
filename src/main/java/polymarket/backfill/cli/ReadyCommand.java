package polymarket.backfill.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.verify.Checks;
import polymarket.backfill.verify.HtmlReport;
import polymarket.backfill.verify.Ready;

/** Says whether the data can be used. */
@Command(
    name = "ready",
    description =
        "Say whether the data can be used: YES, or NO with what to type (exit code 3 for NO).",
    footer = {
      "",
      "Each measure M takes --min-M and --max-M, as numbers or shares such as 1%%: ready"
          + " --min-fills-coverage 90%% --max-newest-fill 48.",
      "`backfill ready --measures` lists them."
    })
final class ReadyCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Spec private CommandSpec spec;

  @Option(names = "--measures", description = "List the measures and stop.")
  private boolean list;

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "Also write the verdict as one HTML file.")
  private Path html;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /** Thresholds with their values. */
  @Unmatched private List<String> thresholds = new ArrayList<>();

  @Override
  public Integer call() {
    Settings settings = common.settings();
    Checks checks = new Checks(Ready.FILE, SqlFile.read(Ready.FILE), thresholds);
    if (list) {
      Takes.only(spec, "ready --measures", "--measures");
      System.out.print(checks.list());
      return ExitCode.COMPLETE.code();
    }
    HtmlReport.check(html);
    Verdict verdict;
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      verdict = Verdict.measure(settings, clickHouse, checks);
    }
    List<Ready.Line> lines = verdict.lines();
    boolean yes = verdict.yes();
    if (json) {
      System.out.println(Report.json(object(verdict)));
    } else {
      System.out.print(text(verdict));
    }
    if (html != null) {
      List<Map<String, Object>> rows = lines.stream().map(line -> line(line, false)).toList();
      HtmlReport.write(
          html,
          "Is the data ready? " + (yes ? "YES" : "NO"),
          List.of(new HtmlReport.Heading(verdict.summary()), new HtmlReport.Rows(rows)));
      if (!json) {
        System.out.println("The report is in " + html);
      }
    }
    return (yes ? ExitCode.COMPLETE : ExitCode.CHECK_FAILED).code();
  }

  /** As {@code --json} prints it. */
  static Map<String, Object> object(Verdict verdict) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("ready", verdict.yes());
    object.put("measures", verdict.lines().stream().map(line -> line(line, true)).toList());
    return object;
  }

  /** What is missed comes first, each with what to type below it. */
  private static String text(Verdict verdict) {
    StringBuilder text = new StringBuilder(verdict.summary() + "\n");
    for (boolean ok : List.of(false, true)) {
      verdict.lines().stream()
          .filter(line -> line.ok() == ok)
          .forEach(
              line -> {
                text.append(ok ? "  yes  " : "  NO   ").append(sentence(line)).append('\n');
                if (!line.toDo().isEmpty()) {
                  text.append("       ").append(line.toDo()).append('\n');
                }
              });
    }
    return text.toString();
  }

  private static String sentence(Ready.Line line) {
    Checks.Measure measure = line.measure();
    return measure.title()
        + ": "
        + (line.value() == null ? line.why() : measure.shown(line.value().value()))
        + (line.ok()
            ? ""
            : measure.min() != null
                ? ", at least " + measure.shown(measure.min())
                : ", at most " + measure.shown(measure.max()))
        + (line.before() == null || line.value() == null || line.before() == line.value().value()
            ? ""
            : " (" + measure.shown(line.before()) + " before)");
  }

  private static Map<String, Object> line(Ready.Line line, boolean plain) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("measure", line.measure().name());
    object.put("ok", plain ? (Object) line.ok() : line.ok() ? "yes" : "NO");
    object.put("meaning", line.measure().title());
    object.put("value", number(line, line.value() == null ? null : line.value().value(), plain));
    object.put("at_least", number(line, line.measure().min(), plain));
    object.put("at_most", number(line, line.measure().max(), plain));
    object.put("before", number(line, line.before(), plain));
    object.put("why", line.why());
    object.put("to_do", line.toDo().isEmpty() ? null : line.toDo());
    return object;
  }

  private static Object number(Ready.Line line, Double number, boolean plain) {
    return number == null || plain ? number : line.measure().shown(number);
  }
}
