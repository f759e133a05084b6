package polymarket.backfill.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Unmatched;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.job.Job;
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
      System.out.print(checks.list());
      return ExitCode.COMPLETE.code();
    }
    List<String> jobs = Job.names(Common.home());
    List<Ready.Line> lines;
    try (ClickHouse clickHouse = ClickHouse.open(settings);
        LedgerValues ledgers = new LedgerValues(settings, jobs)) {
      lines = new Ready(clickHouse, settings, ledgers, checks).measure(jobs);
    }
    boolean yes = lines.stream().allMatch(Ready.Line::ok);
    if (json) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("ready", yes);
      object.put("measures", lines.stream().map(line -> line(line, true)).toList());
      System.out.println(Report.json(object));
    } else {
      System.out.print(text(lines, yes));
    }
    if (html != null) {
      List<Map<String, Object>> rows = lines.stream().map(line -> line(line, false)).toList();
      HtmlReport.write(
          html,
          "Is the data ready? " + verdict(yes),
          List.of(new HtmlReport.Heading(summary(lines)), new HtmlReport.Rows(rows)));
      if (!json) {
        System.out.println("The report is in " + html);
      }
    }
    return (yes ? ExitCode.COMPLETE : ExitCode.CHECK_FAILED).code();
  }

  private static String verdict(boolean yes) {
    return yes ? "YES" : "NO";
  }

  private static String summary(List<Ready.Line> lines) {
    long missed = lines.stream().filter(line -> !line.ok()).count();
    return missed == 0
        ? "all thresholds are met"
        : missed + " of " + Messages.count(lines.size(), "measure") + " miss their threshold";
  }

  /** What is missed comes first, each with what to type below it. */
  private static String text(List<Ready.Line> lines, boolean yes) {
    StringBuilder text = new StringBuilder(verdict(yes) + ": " + summary(lines) + "\n");
    for (boolean ok : List.of(false, true)) {
      lines.stream()
          .filter(line -> line.ok() == ok)
          .forEach(
              line -> {
                text.append(ok ? "  yes  " : "  NO   ").append(sentence(line)).append('\n');
                if (!line.toDo().isEmpty()) {
                  text.append("         ").append(line.toDo()).append('\n');
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
