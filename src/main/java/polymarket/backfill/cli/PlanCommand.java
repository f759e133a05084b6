package polymarket.backfill.cli;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine.Command;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.IdLoader;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.NoIdsYetException;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.pipeline.PipelineRun;
import polymarket.backfill.pipeline.Plan;
import polymarket.backfill.run.Estimate;
import polymarket.backfill.run.JobPlan;
import polymarket.backfill.run.JobRun;

/** Shows what a run would take. */
@Command(
    name = "plan",
    description =
        "Show what `run` with the same options would take, before it runs: requests, rows, bytes"
            + " on disk and time. A pipeline's name shows its plan.",
    footer = {
      "",
      "Nothing is fetched, and no ledger changes. Sources are asked only how far their blocks"
          + " reach.",
      "",
      "Examples:",
      "  backfill plan payouts --ids ids.txt",
      "  backfill plan markets fills --pace 0.5",
      "  backfill plan overnight"
    })
final class PlanCommand extends JobsCommand {

  /** What a job would take. */
  record Planned(String job, @JsonUnwrapped Estimate estimate) {}

  @Override
  public Integer call() {
    if (names.size() == 1
        && Pipeline.names(Common.home()).contains(names.get(0))
        && !Job.names(Common.home()).contains(names.get(0))) {
      Takes.only(spec, "the plan of a pipeline", "--json");
      if (!own.isEmpty()) {
        throw new UserError("the plan of a pipeline takes no " + own.get(0));
      }
      Settings settings = common.settings();
      Plan.Result plan =
          PipelineCommand.plan(
              settings,
              PipelineCommand.read(settings, names.get(0)),
              new PipelineRun.Options(null, false, null, null));
      PipelineCommand.show(names.get(0), plan, options.json);
      return 0;
    }
    return super.call();
  }

  @Override
  int go(Settings settings, Map<Job, String> sources) {
    List<Job> jobs = List.copyOf(sources.keySet());
    Terminal terminal = new Terminal(options.json);
    List<Planned> planned = new ArrayList<>();
    List<Job> unknown = new ArrayList<>();
    try (ClickHouse clickHouse = ClickHouse.open(settings);
        JobPlan plan =
            new JobPlan(
                settings,
                jobs,
                clickHouse,
                new JobRun.Options(
                    options.share(),
                    options.pace,
                    options.most(),
                    options.period().window(),
                    false),
                terminal)) {
      IdLoader loader = new IdLoader(settings, clickHouse, Common.home(), () -> false, terminal);
      if (options.ids == null) {
        Set<Job> first = Set.copyOf(stages(jobs).get(0));
        jobs.stream()
            .filter(job -> !loaded(loader, plan, job, sources, terminal, first.contains(job)))
            .forEach(unknown::add);
      } else {
        load(loader, plan, jobs, sources, options.redoStates(), options.age(), terminal);
      }
      jobs.stream()
          .filter(job -> !unknown.contains(job))
          .forEach(job -> planned.add(new Planned(job.getName(), plan.estimate(job))));
    }
    if (options.json) {
      System.out.println(Report.json(Map.of("jobs", planned)));
      return 0;
    }
    System.out.print(Report.table(planned.stream().map(PlanCommand::row).toList()));
    planned.forEach(one -> System.out.println("  " + note(one)));
    tellWhatLacks(planned);
    List<List<Job>> stages = options.ids == null ? stages(jobs) : List.of(jobs);
    stages.stream()
        .skip(1)
        .flatMap(List::stream)
        .forEach(
            job ->
                System.out.println(
                    "  "
                        + job.getName()
                        + (unknown.contains(job)
                            ? " starts later; its ids are not known before"
                            : " starts later, and also fetches what those before it find")));
    return 0;
  }

  /**
   * Puts what a job is to fetch into its ledger.
   *
   * @param first whether no job of the plan runs before it
   * @return whether its ids are known: not where a job before it finds all of them
   */
  private boolean loaded(
      IdLoader loader,
      JobPlan plan,
      Job job,
      Map<Job, String> sources,
      Terminal terminal,
      boolean first) {
    try {
      load(loader, plan, List.of(job), sources, options.redoStates(), options.age(), terminal);
      return true;
    } catch (NoIdsYetException e) {
      if (first) {
        throw e;
      }
      return false;
    }
  }

  private static Map<String, Object> row(Planned planned) {
    Estimate estimate = planned.estimate();
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("job", planned.job());
    row.put("ids", estimate.ids());
    row.put("requests", estimate.requests());
    row.put("rows", estimate.rows() == null ? "?" : Messages.count(estimate.rows()));
    row.put("on disk", estimate.bytes() == null ? "?" : Memory.text(estimate.bytes()));
    row.put("at the limit", time(estimate.secondsAtTheLimit()));
    row.put("expected", time(estimate.seconds()));
    return row;
  }

  private static String time(Long seconds) {
    return seconds == null ? "?" : Messages.time(seconds * 1000);
  }

  /** Where the numbers of a job come from, in a line of a narrow terminal. */
  private static String note(Planned planned) {
    Estimate estimate = planned.estimate();
    return planned.job()
        + ": "
        + estimate.from()
        + "; "
        + estimate.source()
        + (estimate.limitPerSecond() > 0
            ? String.format(Locale.ROOT, " at %.4g/s", estimate.limitPerSecond())
            : "")
        + (estimate.latencyMillis() == null
            ? ""
            : ", latency " + Messages.time(estimate.latencyMillis()));
  }

  /** What would make the plan better. */
  private static void tellWhatLacks(List<Planned> planned) {
    if (planned.stream().anyMatch(one -> one.estimate().rows() == null)) {
      System.out.println("  Rows and bytes are known after a first run, such as --limit 1000.");
    }
    if (planned.stream().anyMatch(one -> one.estimate().latencyMillis() == null)) {
      System.out.println("  `./backfill doctor` measures the latency of the sources.");
    }
  }
}
