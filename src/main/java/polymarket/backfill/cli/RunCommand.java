package polymarket.backfill.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.IdLoader;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.Window;
import polymarket.backfill.run.JobResult;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.run.RunState;
import polymarket.backfill.run.SourceLocks;

/** Runs jobs until no id is pending. */
@Command(
    name = "run",
    footer = {
      "",
      "A job's setting is an option too: run wallets --closed means --set wallets.closed=true.",
      "`backfill run JOB --help` shows what this job takes.",
      "",
      "Examples:",
      "  backfill run payouts --ids ids.txt",
      "  backfill run markets fills --since 30d",
      "  backfill run payouts --redo failed --pace 0.5",
      "  backfill run chain --from 86000000 --to latest --follow"
    },
    description =
        "Run a job: fetch its pending ids, then retry the failed ones. The same command continues"
            + " where it stopped.")
final class RunCommand extends JobsCommand {

  /** How long it waits before it asks again how far a source is. */
  private static final long FOLLOW_MILLIS = Long.getLong("backfill.follow-millis", 10_000);

  /** So often a run is repeated at once for what its source has replaced meanwhile. */
  private static final int REPLACED_ROUNDS = 3;

  @Option(
      names = "--follow",
      description =
          "For jobs whose ids are ranges: when all is done, continue with what the source has"
              + " added, until Ctrl-C; blocks that it has replaced are fetched again.")
  private boolean follow;

  @Option(
      names = "--page",
      description = "Serve the live page while it runs, as `backfill serve` does; prints its link.")
  private boolean page;

  /** Those of all rounds of --follow; null for a run that takes its own. */
  private SourceLocks locks;

  /** Whether this is a further round of --follow, which is told of only if it does not end well. */
  private boolean following;

  /** Whether the source has replaced numbers since they were fetched; they are pending again. */
  private boolean replaced;

  @Override
  void check(Job job) {
    super.check(job);
    if (follow && job.idKind() != IdKind.RANGE) {
      throw new UserError(job.getName() + " takes no --follow: its ids are not ranges");
    }
  }

  @Override
  int go(Settings settings, Map<Job, String> sources) {
    Optional<ServedPage.Served> served = ServedPage.find(settings);
    if (page) {
      // not as a message: those are kept, and this has the token
      served.ifPresent(of -> System.err.println("The page of this run is at " + of.link()));
    }
    OptionalInt code = served.isPresent() ? inService(settings, served.get()) : OptionalInt.empty();
    if (code.isPresent()) {
      return code.getAsInt();
    }
    Terminal terminal =
        new Terminal(
            options.json,
            new EventLog(settings.path("runtime.dir"), "run " + String.join(" ", names)));
    try (ServedPage own =
        page && served.isEmpty() ? ServedPage.open(settings, common.overrides(), false) : null) {
      if (own != null) {
        System.err.println("The page of this run is at " + own.link());
      }
      if (!follow) {
        return go(settings, sources, terminal);
      }
      // also between the rounds, so that another run waits for this one and `stop` finds it
      try (SourceLocks kept =
          SourceLocks.following(settings, List.copyOf(sources.keySet()), options.share())) {
        locks = kept;
        return go(settings, sources, terminal);
      }
    }
  }

  /**
   * Lets a service carry the run out, and follows it.
   *
   * @return the exit code; empty where this process has to carry it out
   */
  private OptionalInt inService(Settings settings, ServedPage.Served service) {
    if (!service.takesRuns()
        || !service.home().equals(Common.home().toString())
        || Signals.isStep()
        || options.idsNeedThisProcess()) {
      return OptionalInt.empty();
    }
    List<String> line = new ArrayList<>(spec.root().commandLine().getParseResult().expandedArgs());
    if (Log.isDebug()) {
      line.add("--debug");
    }
    // the page is served already
    line.remove("--page");
    return new ServiceRun(service, new Terminal(options.json))
        .follow(
            new PostedCommand(
                line.subList(line.indexOf(spec.name()), line.size()),
                names,
                Path.of("").toAbsolutePath().toString(),
                common.overrides(),
                PostedCommand.signed(settings, service.key()),
                options.json ? 0 : Terminal.progressWidth(),
                Boolean.getBoolean("backfill.terminal.output")));
  }

  private int go(Settings settings, Map<Job, String> sources, Terminal terminal) {
    if (options.redo != null) {
      Signals.afterwards("the same command without --redo continues where it stopped");
    }
    List<Job> jobs = List.copyOf(sources.keySet());
    Set<State> again = options.redoStates();
    Duration age = options.age();
    Window window = options.period().window();
    List<JobRun.Result> results = new ArrayList<>();
    for (List<Job> stage : options.ids == null ? stages(jobs) : List.of(jobs)) {
      JobRun.Result last = results.isEmpty() ? null : results.get(results.size() - 1);
      if (last != null && !last.exit().isFinished()) {
        terminal.warn(
            String.join(", ", stage.stream().map(Job::getName).toList())
                + ": not started, because the job that its ids come from is not complete");
        continue;
      }
      results.add(run(stage, sources, again, age, window, settings, terminal));
      for (int n = 0; replaced && !follow && n < REPLACED_ROUNDS; n++) {
        options.withoutRange();
        JobRun.Result next = run(stage, sources, Set.of(), null, window, settings, terminal);
        results.set(results.size() - 1, after(results.get(results.size() - 1), next));
      }
    }
    while (follow && goesOn(results.get(0))) {
      options.followOn();
      following = true;
      JobRun.Result next = run(jobs, sources, Set.of(), null, window, settings, terminal);
      results.set(0, after(results.get(0), next));
    }
    if (follow && results.get(0).exit().isFinished()) {
      results.set(0, ended(results.get(0), MemberRuns.interrupted()));
    }
    return Report.end(results, jobs, options.json);
  }

  /** What was fetched so far, where the round behind it was stopped before it began. */
  private static JobRun.Result ended(JobRun.Result last, JobRun.Result next) {
    List<JobResult> jobs =
        last.jobs().stream()
            .map(
                job -> new JobResult(job.status().in(next.state()), next.exitCode(), next.reason()))
            .toList();
    return new JobRun.Result(next.exit(), next.state(), next.reason(), jobs);
  }

  /** What a further round did, with what those before it did. */
  private static JobRun.Result after(JobRun.Result last, JobRun.Result next) {
    if (next.jobs().isEmpty()) {
      return ended(last, next);
    }
    List<JobResult> jobs = new ArrayList<>();
    for (int i = 0; i < next.jobs().size(); i++) {
      JobResult job = next.jobs().get(i);
      jobs.add(
          new JobResult(
              job.status().after(last.jobs().get(i).status()), job.exitCode(), job.reason()));
    }
    return new JobRun.Result(next.exit(), next.state(), next.reason(), jobs);
  }

  /** Waits a little, unless a round did not end well; false where a stop was asked for. */
  private static boolean goesOn(JobRun.Result last) {
    return last.exit().isFinished() && !Signals.askedWithin(FOLLOW_MILLIS);
  }

  private JobRun.Result run(
      List<Job> jobs,
      Map<Job, String> sources,
      Set<State> again,
      Duration age,
      Window window,
      Settings settings,
      Terminal terminal) {
    replaced = false;
    return new MemberRuns(settings, terminal)
        .run(
            jobs,
            new JobRun.Options(options.share(), options.pace, options.most(), window, false, locks),
            new MemberRuns.Steps() {
              @Override
              public JobRun.Result before(JobRun run, ClickHouse clickHouse) {
                JobRun.Result ended =
                    load(run, clickHouse, jobs, sources, again, age, settings, terminal);
                if (!following) {
                  terminal.event("started");
                }
                return ended;
              }

              @Override
              public void after(JobRun run, JobRun.Result result) {
                if (!following || !result.exit().isFinished()) {
                  terminal.event("ended: " + how(result));
                }
                replaced = !follow && result.exit().isFinished() && askReplaced(run, jobs) > 0;
              }
            });
  }

  private static String how(JobRun.Result result) {
    return result.reason() == null
        ? result.state().toString()
        : result.reason().startsWith(result.state().toString())
            ? result.reason()
            : result.state() + ": " + result.reason();
  }

  /**
   * Loads the ids of jobs.
   *
   * @return how the run ended, where it was stopped meanwhile; otherwise null
   */
  private JobRun.Result load(
      JobRun run,
      ClickHouse clickHouse,
      List<Job> jobs,
      Map<Job, String> sources,
      Set<State> again,
      Duration age,
      Settings settings,
      Terminal terminal) {
    IdLoader loader =
        new IdLoader(settings, clickHouse, Common.home(), () -> run.stopCode() != null, terminal);
    try {
      load(loader, run, jobs, sources, again, age, terminal);
      return null;
    } catch (UserError e) {
      if (run.stopCode() == null) {
        throw e;
      }
      return new JobRun.Result(run.stopCode(), RunState.STOPPED, e.getMessage(), List.of());
    }
  }

  /**
   * Asks again for what the sources have replaced since it was fetched; returns how many ranges.
   */
  private static long askReplaced(JobRun run, List<Job> jobs) {
    return jobs.stream()
        .filter(job -> job.idKind() == IdKind.RANGE)
        .mapToLong(run::askReplaced)
        .sum();
  }
}
