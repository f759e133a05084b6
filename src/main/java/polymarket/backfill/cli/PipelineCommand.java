package polymarket.backfill.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.job.Job;
import polymarket.backfill.pipeline.PassState;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.pipeline.PipelineFiles;
import polymarket.backfill.pipeline.PipelineRun;
import polymarket.backfill.pipeline.PipelineStatus;
import polymarket.backfill.pipeline.Plan;
import polymarket.backfill.run.Conductor;
import polymarket.backfill.verify.Checks;
import polymarket.backfill.verify.Ready;

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

  /**
   * The end of a run as JSON.
   *
   * @param report the file with the report
   * @param ready the verdict; null where it was not measured
   * @param toDo what to type where the data is not ready
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record Ended(
      @JsonUnwrapped PipelineStatus status,
      String report,
      String reason,
      @JsonInclude(JsonInclude.Include.NON_NULL) Boolean ready,
      @JsonInclude(JsonInclude.Include.NON_NULL) List<String> toDo) {

    static Ended of(PipelineRun.Result result, String report, Verdict verdict) {
      return new Ended(
          result.status(),
          report,
          result.reason(),
          verdict == null ? null : verdict.yes(),
          verdict == null ? null : verdict.toDo());
    }
  }

  @Mixin private Common common;

  @Parameters(
      paramLabel = "NAME",
      completionCandidates = Names.Pipelines.class,
      description = "The pipeline, such as overnight.")
  private String name;

  @Option(
      names = "--dry-run",
      description =
          "Show the plan, with the requests and their time at the limits, and run nothing.")
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
      show(name, plan(settings, pipeline, options), json);
      return ExitCode.COMPLETE.code();
    }
    List<String> arguments = new ArrayList<>();
    common
        .overrides()
        .forEach((key, value) -> arguments.addAll(List.of("--set", key + "=" + value)));
    PipelineView view =
        new PipelineView(json, new EventLog(settings.path("runtime.dir"), "pipeline " + name));
    AtomicReference<PipelineRun> running = new AtomicReference<>();
    // kept open, so that one engine serves all steps
    try (ClickHouse clickHouse = needed(pipeline, options, ClickHouse.open(settings));
        Conductor conductor =
            Conductor.of(
                settings,
                name,
                view,
                why -> Optional.ofNullable(running.get()).ifPresent(run -> run.stop(why)));
        PipelineRun run =
            new PipelineRun(
                settings,
                pipeline,
                options,
                arguments,
                clickHouse.id(),
                conductor,
                view.room(),
                view)) {
      running.set(run);
      if (run.isNothingToDo()) {
        System.out.println(json ? Report.json(run.status()) : nothingToDo(run.status()));
        return ExitCode.COMPLETE.code();
      }
      Signals.handle(() -> run.stop(Signals.interrupted()), view);
      PipelineRun.Result result = run.run(view);
      view.event("ended: " + result.status().state().text());
      PipelineFiles files = PipelineFiles.of(settings, name);
      PipelineReport.Text report = PipelineReport.write(pipeline, result.status(), files);
      Verdict verdict = verdict(settings, clickHouse, result.status().state(), view);
      System.out.print(
          json
              ? Report.json(Ended.of(result, files.report().toString(), verdict)) + "\n"
              : text(report, files) + (verdict == null ? "" : "\n" + verdict.brief()));
      if (result.reason() != null) {
        System.err.println("backfill: " + result.reason());
      }
      return result.exit().code();
    }
  }

  /** The end of a run: on a terminal the steps alone, in a pipe or a file all of the report. */
  private static String text(PipelineReport.Text report, PipelineFiles files) {
    return (Boolean.getBoolean("backfill.terminal.output") ? report.steps() : report.whole())
        + "\nThis report is in "
        + files.report()
        + ", with charts in report.html there, and the messages of each step in its .log\n";
  }

  /**
   * Whether the data can be used, when the pipeline came to its end; null where it did not, or
   * where that cannot be measured, which a line says. It does not change the exit code.
   */
  private static Verdict verdict(
      Settings settings, ClickHouse clickHouse, PassState state, PipelineView view) {
    if (state != PassState.FINISHED && state != PassState.FAILED) {
      return null;
    }
    try {
      return Verdict.measure(
          settings, clickHouse, new Checks(Ready.FILE, SqlFile.read(Ready.FILE), List.of()));
    } catch (UserError e) {
      view.warn("whether the data is ready cannot be measured: " + e.getMessage());
      return null;
    }
  }

  private String nothingToDo(PipelineStatus status) {
    return name
        + ": pass "
        + status.pass()
        + " is finished, since "
        + status.endedAt()
        + ". To start a new pass, which fetches everything again: `backfill pipeline "
        + name
        + " --again`; to run a part of it again: --from STEP or --only STEP";
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

  /** The plan of a run; a note says what it lacks to start. */
  static Plan.Result plan(Settings settings, Pipeline pipeline, PipelineRun.Options options) {
    Plan.Result plan = Plan.of(settings, pipeline, options);
    String missing = missing(settings, pipeline, options);
    if (missing != null) {
      plan.notes().add(0, missing);
    }
    return plan;
  }

  /** Prints a plan. */
  static void show(String name, Plan.Result plan, boolean json) {
    if (json) {
      System.out.println(Report.json(plan));
      return;
    }
    System.out.println("The plan of " + name + "; nothing is run");
    System.out.print(Report.table(Report.rows(plan.steps())));
    System.out.println();
    plan.notes().forEach(note -> System.out.println("  " + note));
    if (plan.steps().stream().noneMatch(Plan.Row::planned)) {
      System.out.println(
          "All steps are done; --again starts a new pass, --from STEP or --only STEP runs a part of"
              + " it again");
      return;
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
  }
}
