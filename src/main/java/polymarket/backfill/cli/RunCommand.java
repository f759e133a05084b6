package polymarket.backfill.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;
import polymarket.backfill.Messages;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.IdList;
import polymarket.backfill.job.IdLoader;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Parts;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.Window;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.run.RunLedgers;
import polymarket.backfill.run.RunState;

/** Runs jobs until no id is pending. */
@Command(
    name = "run",
    footer = {
      "",
      "A job's setting is an option too: run wallets --closed means --set wallets.closed=true."
    },
    description =
        "Run a job: fetch its pending ids, then retry the failed ones. The same command continues"
            + " where it stopped.")
class RunCommand implements Callable<Integer> {

  /** How long it waits before it asks again how far a source is. */
  private static final long FOLLOW_MILLIS = Long.getLong("backfill.follow-millis", 10_000);

  /** So often a run is repeated at once for what its source has replaced meanwhile. */
  private static final int REPLACED_ROUNDS = 3;

  @Mixin Common common;

  @Mixin RunOptions options;

  @Parameters(
      arity = "1..*",
      paramLabel = "JOB",
      description =
          "The jobs to run, such as payouts. They run in parallel, except that a job starts after"
              + " the jobs that its ids come from.")
  List<String> names;

  @Spec private CommandSpec spec;

  @Unmatched private List<String> own = new ArrayList<>();

  /** Whether the source has replaced numbers since they were fetched; they are pending again. */
  private boolean replaced;

  @Override
  public Integer call() {
    options.check(names);
    // first, because a value after it could be mistaken for a job's name
    own.forEach(option -> settingsOf(option, Job.names(Common.home())));
    options.redoStates();
    options.age();
    Map<Job, String> sources = sources();
    List<Job> jobs = List.copyOf(sources.keySet());
    checkIds(jobs.get(0));
    for (Job job : jobs) {
      common.set(job.getName() + ".batch-size", options.batchSize);
      common.set(job.getName() + ".concurrency", options.concurrency);
    }
    own.forEach(option -> setOwn(option, jobs));
    jobs.forEach(options::check);
    Settings settings = common.settings();
    // also for jobs that start later
    JobRun.check(settings, jobs);
    return go(settings, sources);
  }

  /**
   * Does it, when the options are known to be right.
   *
   * @param sources the jobs, each with its chosen source
   * @return the exit code
   */
  int go(Settings settings, Map<Job, String> sources) {
    OptionalInt followed = inService(settings);
    if (followed.isPresent()) {
      return followed.getAsInt();
    }
    Terminal terminal =
        new Terminal(
            options.json,
            new EventLog(settings.path("runtime.dir"), "run " + String.join(" ", names)));
    try (ServedPage page =
        options.page ? ServedPage.open(settings, common.overrides(), false) : null) {
      if (page != null) {
        // not as a message: those are kept, and this has the token
        System.err.println("The page of this run is at " + page.link());
      }
      return go(settings, sources, terminal);
    }
  }

  /**
   * Lets {@code serve} carry the run out where one serves this folder, and follows it.
   *
   * @return the exit code; empty where this process has to carry it out
   */
  private OptionalInt inService(Settings settings) {
    ServedPage.Served service =
        Signals.isStep() || options.idsNeedThisProcess()
            ? null
            : ServedPage.find(settings).filter(ServedPage.Served::takesRuns).orElse(null);
    if (service == null || !service.home().equals(Common.home().toString())) {
      return OptionalInt.empty();
    }
    List<String> line = new ArrayList<>(spec.root().commandLine().getParseResult().expandedArgs());
    if (Log.isDebug()) {
      line.add("--debug");
    }
    if (options.page) {
      System.err.println("The page of this run is at " + service.link());
      line.remove("--page");
    }
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
      for (int round = 0; replaced && !options.follow && round < REPLACED_ROUNDS; round++) {
        options.withoutRange();
        results.set(
            results.size() - 1, run(stage, sources, Set.of(), null, window, settings, terminal));
      }
    }
    while (options.follow && goesOn(results)) {
      options.followOn();
      results.set(0, run(jobs, sources, Set.of(), null, window, settings, terminal));
    }
    return Report.end(results, jobs, options.json);
  }

  private void checkIds(Job job) {
    if (options.ids != null) {
      if (job.isPass()) {
        throw new UserError(
            "--ids does not go with "
                + job.getName()
                + ", which asks for whole lists; leave it out");
      }
      IdList.check(options.ids, job.idKind());
    }
  }

  /** Waits a little, unless a run did not end well. */
  private static boolean goesOn(List<JobRun.Result> results) {
    if (results.stream().anyMatch(result -> result.exitCode() != 0 && result.exitCode() != 2)) {
      return false;
    }
    try {
      TimeUnit.MILLISECONDS.sleep(FOLLOW_MILLIS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /**
   * The jobs in groups that run one after the other, so that each job runs after the jobs that its
   * ids come from; the jobs of a group run in parallel.
   */
  static List<List<Job>> stages(List<Job> jobs) {
    List<List<Job>> stages = new ArrayList<>();
    List<Job> left = new ArrayList<>(jobs);
    while (!left.isEmpty()) {
      Set<String> open = left.stream().map(Job::getName).collect(Collectors.toSet());
      List<Job> next =
          left.stream()
              .filter(job -> !open.contains(filledBy(job)) && !open.contains(job.getLeftBy()))
              .toList();
      stages.add(next.isEmpty() ? List.copyOf(left) : next);
      left.removeAll(stages.get(stages.size() - 1));
    }
    return stages;
  }

  /** The job that fills the table of a job's ids; empty for none. */
  private static String filledBy(Job job) {
    return job.sql().has("ids")
        ? job.sql().section("ids").attributes().getOrDefault("filled", "")
        : "";
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
            new JobRun.Options(options.share(), options.pace, options.most(), window, false),
            new MemberRuns.Steps() {
              @Override
              public JobRun.Result before(JobRun run, ClickHouse clickHouse) {
                JobRun.Result ended =
                    load(run, clickHouse, jobs, sources, again, age, settings, terminal);
                terminal.event("started");
                return ended;
              }

              @Override
              public void after(JobRun run, JobRun.Result result) {
                terminal.event(
                    "ended: "
                        + result.state()
                        + (result.reason() == null ? "" : ": " + result.reason()));
                replaced =
                    !options.follow && result.exit().isFinished() && askReplaced(run, jobs) > 0;
              }
            });
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

  /** Puts what the jobs are to fetch into their ledgers. */
  void load(
      IdLoader loader,
      RunLedgers run,
      List<Job> jobs,
      Map<Job, String> sources,
      Set<State> again,
      Duration age,
      Terminal terminal) {
    IdLoader.Listed list =
        options.ids == null
            ? null
            : new IdLoader.Listed(options.ids, options.column, options.strict);
    if (list != null && jobs.size() > 1) {
      list = loader.forSeveral(list, jobs.get(0).idKind());
    }
    for (Job job : jobs) {
      Ledger ledger = run.ledger(job.getName());
      if (list != null) {
        loader.load(job, sources.get(job), ledger, list);
      } else if (job.idKind() != IdKind.RANGE) {
        loader.load(job, sources.get(job), ledger, options.period(), options.redo != null);
      } else {
        run.askReplaced(job);
        run.loadRanges(job, options.from, options.to, options.datasets);
      }
      redo(run, job, again, age, terminal);
    }
  }

  /**
   * Makes ids pending again: of ranges, those that were asked for, or all without --from and --to.
   */
  private void redo(RunLedgers run, Job job, Set<State> again, Duration age, Terminal terminal) {
    if (again.isEmpty()) {
      return;
    }
    long pending =
        options.from == null && options.to == null
            ? run.ledger(job.getName()).redo(again, age, options.share(), options.most())
            : run.redoRanges(
                job,
                again,
                run.ledger(job.getName()).now() + 1 - (age == null ? 0 : age.toMillis()),
                options.from,
                options.to,
                options.datasets,
                options.most());
    if (pending > 0) {
      terminal.info(
          job.getName() + ": " + Messages.count(pending, "id") + " will be fetched again");
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

  /**
   * The jobs to run, including those that run under another's name, each with the chosen source if
   * it has several.
   */
  private Map<Job, String> sources() {
    Map<String, Job> jobs = new LinkedHashMap<>();
    Map<Job, String> sources = new LinkedHashMap<>();
    for (String name : names.stream().distinct().toList()) {
      Job named = Job.read(Common.home(), name);
      String source = Parts.source(common.settings(), named);
      for (Job job : named.parts(Common.home(), source)) {
        if (jobs.putIfAbsent(job.getName(), job) == null) {
          sources.put(job, source);
        }
      }
    }
    return sources;
  }

  /** Sets JOB.X for a job of this run from the option --X, which means --X=true, or --X=VALUE. */
  private void setOwn(String option, List<Job> jobs) {
    String[] parts = option.split("=", 2);
    settingsOf(option, jobs.stream().map(Job::getName).toList())
        .forEach(key -> common.set(key, parts.length == 2 ? parts[1] : "true"));
  }

  /** The settings of jobs that such an option sets. */
  private List<String> settingsOf(String option, List<String> jobs) {
    String name = option.split("=", 2)[0];
    Settings settings = common.settings();
    List<String> keys =
        jobs.stream()
            .map(job -> job + "." + name.replaceFirst("^--", ""))
            .filter(settings::has)
            .toList();
    if (!option.startsWith("--") || keys.isEmpty()) {
      List<String> known = new ArrayList<>(spec.optionsMap().keySet());
      settings.all().keySet().stream()
          .filter(key -> jobs.stream().anyMatch(job -> key.startsWith(job + ".")))
          .forEach(key -> known.add("--" + key.substring(key.indexOf('.') + 1)));
      throw new UserError(
          "unknown option '"
              + option
              + "' of run."
              + Nearest.hint(name, known)
              + " `backfill run --help` lists all");
    }
    return keys;
  }
}
