package polymarket.backfill.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Messages;
import polymarket.backfill.Nearest;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Job;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.pipeline.PipelineRun;
import polymarket.backfill.pipeline.PipelineStatus;
import polymarket.backfill.pipeline.Plan;
import polymarket.backfill.verify.HtmlReport;

/** Runs several commands as one pipeline. */
@Command(
    name = "pipeline",
    description = {
      "Run a pipeline: the commands of routes/pipelines/NAME.yaml, in parallel or one after the"
          + " other, within a time budget. The same command continues where it stopped, after"
          + " Ctrl-C, a crash or kill -9; `backfill status` shows it from another terminal.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  backfill pipeline overnight --dry-run",
      "  backfill pipeline overnight --budget 4h",
      "  backfill pipeline overnight --from reconcile"
    })
final class PipelineCommand implements Callable<Integer> {

  /** Commands that do not end, or that use their own data. */
  private static final Set<String> NO_STEPS =
      Set.of("pipeline", "demo", "sandbox", "clickhouse", "benchmark", "help", "archive-classes");

  @Mixin private Common common;

  @Parameters(paramLabel = "NAME", description = "The pipeline, such as overnight.")
  private String name;

  @Option(
      names = "--dry-run",
      description =
          "Show the plan, with the requests and their time at the limits, and run" + " nothing.")
  private boolean dryRun;

  @Option(
      names = "--budget",
      paramLabel = "TIME",
      description =
          "Time budget of the whole pass, such as 6h, counted over all its runs. When time is"
              + " short, steps are skipped or stopped as the file says.")
  private String budget;

  @Option(
      names = "--only",
      paramLabel = "STEP",
      description = "Run only this step, even if it is done.")
  private String only;

  @Option(
      names = "--from",
      paramLabel = "STEP",
      description = "Run this step and all steps after it, even if they are done.")
  private String from;

  @Option(names = "--again", description = "Start a new pass, with all steps.")
  private boolean again;

  @Option(
      names = "--json",
      description = "Print the result, or the plan, as one JSON object on standard output.")
  private boolean json;

  @Override
  public Integer call() {
    if (only != null && from != null) {
      throw new UserError(
          "--only and --from cannot be combined: --only runs one step, --from that step and all"
              + " steps after it");
    }
    Settings settings = common.settings();
    Pipeline pipeline = read(settings, name);
    Duration time = budget == null ? null : Settings.duration(budget, "--budget");
    PipelineRun.Options options = new PipelineRun.Options(time, again, only, from);
    if (dryRun) {
      Plan.Result plan = new Plan(settings, pipeline).reckon(options);
      String missing = missing(settings, pipeline, options);
      if (missing != null) {
        plan.notes().add(0, missing);
      }
      return plan(plan);
    }
    List<String> arguments = new ArrayList<>();
    common
        .overrides()
        .forEach((key, value) -> arguments.addAll(List.of("--set", key + "=" + value)));
    PipelineView view = new PipelineView(json);
    // kept open, so that one engine serves all steps
    try (ClickHouse clickHouse = needed(pipeline, options, ClickHouse.open(settings));
        PipelineRun run =
            new PipelineRun(
                settings, pipeline, options, arguments, clickHouse.id(), view.room(), view)) {
      if (run.isNothingToDo()) {
        Map<String, Object> status = run.status();
        System.out.println(
            json
                ? Report.json(status)
                : name
                    + ": pass "
                    + status.get("pass")
                    + " is finished, since "
                    + status.get("ended_at")
                    + ". To start a new pass, which fetches everything again: `backfill pipeline "
                    + name
                    + " --again`; to run a part of it again: --from STEP or --only STEP");
        return 0;
      }
      Signals.handle(() -> run.stop(Signals.interrupted()), view);
      PipelineRun.Result result = run.run(view);
      Map<String, Object> status = result.status();
      Path folder = PipelineStatus.folder(settings.path("runtime.dir"), name);
      status.put("report", folder.resolve("report.txt").toString());
      status.put("exit_code", result.exitCode());
      status.put("reason", result.reason());
      String report = report(pipeline, status, folder);
      System.out.print(
          json
              ? Report.json(status) + "\n"
              : report
                  + "\nThis report is in "
                  + folder.resolve("report.txt")
                  + ", with charts in report.html there, and the messages of each step in its"
                  + " .log\n");
      if (result.reason() != null) {
        System.err.println("backfill: " + result.reason());
      }
      return result.exitCode();
    }
  }

  /** Checks at the start, not after hours, that no table is missing that no step creates. */
  private static ClickHouse needed(
      Pipeline pipeline, PipelineRun.Options options, ClickHouse clickHouse) {
    String missing = missing(pipeline, options, clickHouse);
    if (missing != null) {
      clickHouse.close();
      throw new UserError(missing);
    }
    return clickHouse;
  }

  /**
   * The table that is missing at the start of a run, in one line; null for none. A missing data
   * folder is not created.
   */
  private static String missing(Settings settings, Pipeline pipeline, PipelineRun.Options options) {
    if (options.selected(pipeline).stream()
        .allMatch(step -> pipeline.step(step).needs().isEmpty())) {
      return null;
    }
    String missing;
    if (settings.text("clickhouse.url").isEmpty()
        && !Files.exists(settings.path("clickhouse.data"))) {
      missing = missing(pipeline, options, null);
    } else {
      try (ClickHouse clickHouse = ClickHouse.open(settings)) {
        missing = missing(pipeline, options, clickHouse);
      } catch (UserError e) {
        return "cannot check the tables that the steps need: " + e.getMessage();
      }
    }
    return missing == null ? null : "it would not start: " + missing;
  }

  private static String missing(
      Pipeline pipeline, PipelineRun.Options options, ClickHouse clickHouse) {
    for (String name : options.selected(pipeline)) {
      Pipeline.Step step = pipeline.step(name);
      for (String table : step.needs()) {
        if (clickHouse == null
            || !clickHouse.has(
                table.contains(".") ? table.substring(0, table.indexOf('.')) : "default",
                table.substring(table.indexOf('.') + 1))) {
          return "there is no table "
              + table
              + ", which step "
              + step.name()
              + " needs and no step creates ("
              + pipeline.file().getFileName()
              + ":"
              + step.line()
              + "); create it, or change that line";
        }
      }
    }
    return null;
  }

  /** A pipeline whose commands are commands of this program. */
  static Pipeline read(Settings settings, String name) {
    return Pipeline.read(settings, name, words -> mistake(settings, words));
  }

  /** The mistake in a step's command, in one line; null for none. */
  private static String mistake(Settings settings, List<String> words) {
    List<String> commands =
        Backfill.commandLine().getSubcommands().keySet().stream()
            .filter(command -> !NO_STEPS.contains(command))
            .sorted()
            .toList();
    if (!commands.contains(words.get(0))) {
      return NO_STEPS.contains(words.get(0))
          ? "'" + words.get(0) + "' cannot be a step"
          : "there is no command '"
              + words.get(0)
              + "'."
              + Nearest.hint(words.get(0), commands)
              + " The commands are: "
              + String.join(", ", commands);
    }
    try {
      Backfill.commandLine().parseArgs(words.toArray(String[]::new));
    } catch (ParameterException e) {
      return Backfill.plain(e.getMessage().lines().findFirst().orElse("it cannot be read"))
          + "; see `backfill "
          + words.get(0)
          + " --help`";
    }
    if (words.get(0).equals("run")) {
      try {
        for (String job :
            words.stream().skip(1).takeWhile(word -> !word.startsWith("-")).toList()) {
          Job.read(settings.home(), job);
        }
      } catch (UserError e) {
        return e.getMessage();
      }
    }
    return null;
  }

  private int plan(Plan.Result plan) {
    if (json) {
      System.out.println(Report.json(plan));
      return 0;
    }
    System.out.println("The plan of " + name + "; nothing is run");
    System.out.print(Report.table(plan.steps()));
    System.out.println();
    plan.notes().forEach(note -> System.out.println("  " + note));
    if (plan.steps().stream().allMatch(row -> row.get("begins") == null)) {
      System.out.println(
          "All steps are done; --again starts a new pass, --from STEP or --only STEP runs a part of"
              + " it again");
      return 0;
    }
    System.out.println(
        "\nTotal: about "
            + Messages.time(plan.seconds() * 1000)
            + " of the "
            + Messages.time(plan.budgetSeconds() * 1000)
            + " available"
            + (plan.seconds() > plan.budgetSeconds()
                ? ": required steps would continue after that"
                : ""));
    return 0;
  }

  /**
   * The report of a run for people, as text and as an HTML page: the steps, the decisions, and the
   * output of the steps that the file includes in the report.
   *
   * @return the text
   */
  private static String report(Pipeline pipeline, Map<String, Object> status, Path folder) {
    List<String> cut =
        PipelineView.steps(status).stream()
            .filter(step -> List.of("cut", "skipped").contains(step.get("state")))
            .map(step -> step.get("state") + " " + step.get("step"))
            .toList();
    String head =
        status.get("pipeline")
            + ": "
            + status.get("state")
            + " after "
            + PipelineView.seconds(status.get("spent_seconds"))
            + " of "
            + PipelineView.seconds(status.get("budget_seconds"))
            + " (pass "
            + status.get("pass")
            + ")"
            + (cut.isEmpty() ? "" : ", with the data available in time: " + String.join(", ", cut));
    List<Map<String, Object>> rows = new ArrayList<>();
    for (Map<String, Object> step : PipelineView.steps(status)) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("step", step.get("step"));
      row.put("state", step.get("state"));
      row.put("tries", step.get("tries"));
      row.put("took", PipelineView.seconds(step.get("seconds")));
      row.put("requests", step.get("requests"));
      row.put("command", step.get("command"));
      row.put("note", step.get("reason") == null ? "" : step.get("reason"));
      rows.add(row);
    }
    StringBuilder text =
        new StringBuilder(pipeline.title() + "\n\n" + head + "\n" + Report.table(rows));
    List<HtmlReport.Part> html =
        new ArrayList<>(List.of(new HtmlReport.Line(head), new HtmlReport.Rows(rows)));
    StringBuilder decided = new StringBuilder();
    for (Object line : (List<?>) status.get("decisions")) {
      Map<?, ?> decision = (Map<?, ?>) line;
      decided
          .append("  ")
          .append(decision.get("at"))
          .append(' ')
          .append("".equals(decision.get("step")) ? "" : decision.get("step") + ": ")
          .append(decision.get("decision"))
          .append('\n');
    }
    if (!decided.isEmpty()) {
      text.append("\nDecisions\n").append(decided);
      html.add(new HtmlReport.Heading("Decisions"));
      decided.toString().lines().forEach(line -> html.add(new HtmlReport.Line(line.strip())));
    }
    for (Pipeline.Step step : pipeline.steps().values()) {
      boolean done =
          PipelineView.steps(status).stream()
              .anyMatch(of -> of.get("step").equals(step.name()) && "done".equals(of.get("state")));
      Path out = PipelineStatus.out(folder, step.name());
      if (step.report() && done && Files.exists(out)) {
        String title =
            step.title().isEmpty()
                ? step.name()
                : step.title().substring(0, 1).toUpperCase(java.util.Locale.ROOT)
                    + step.title().substring(1);
        String printed = text(out).strip();
        text.append("\n").append(title).append("\n\n").append(printed).append("\n");
        html.add(new HtmlReport.Heading(title));
        html.add(
            step.html() != null && Files.exists(step.html())
                ? HtmlReport.content(step.html())
                : new HtmlReport.Printed(printed));
      }
    }
    write(folder.resolve("report.txt"), text.toString());
    HtmlReport.write(folder.resolve("report.html"), pipeline.title(), html);
    return text.toString();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + UserError.reason(e));
    }
  }

  private static void write(Path file, String text) {
    try {
      Redaction.write(file, text);
    } catch (IOException e) {
      throw UserError.unwritable(file, e);
    }
  }
}
