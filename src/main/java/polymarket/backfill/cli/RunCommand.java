package polymarket.backfill.cli;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;
import polymarket.backfill.ExitCode;
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
import polymarket.backfill.job.Period;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.Window;
import polymarket.backfill.run.JobResult;
import polymarket.backfill.run.JobRun;
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
final class RunCommand implements Callable<Integer> {

  /** How long it waits before it asks again how far a source is. */
  private static final long FOLLOW_MILLIS = Long.getLong("backfill.follow-millis", 10_000);

  /** So often a run is repeated at once for what its source has replaced meanwhile. */
  private static final int REPLACED_ROUNDS = 3;

  @Mixin private Common common;

  @Parameters(
      arity = "1..*",
      paramLabel = "JOB",
      description =
          "The jobs to run, such as payouts. They run in parallel, except that a job starts after"
              + " the jobs that its ids come from.")
  private List<String> names;

  @Option(
      names = "--ids",
      paramLabel = "FILE",
      description =
          "Ids to add to the job's ledger: one per line, separated by commas or a JSON array, plain"
              + " or .gz, a file, a pipe or - for standard input. Without it, the job queries"
              + " ClickHouse for the missing ids.")
  private String ids;

  @Option(
      names = "--column",
      paramLabel = "NAME",
      description =
          "With --ids: the column of a CSV file, or the field of JSON objects, that has the ids.")
  private String column;

  @Option(names = "--strict", description = "Reject the file if any line is invalid.")
  private boolean strict;

  @Option(
      names = "--redo",
      paramLabel = "STATE",
      split = ",",
      description =
          "Fetch ids again that are failed, unresolved, absent, found, or all; with --limit N, N of"
              + " them; with --from and --to, the ranges that hold one of these numbers.")
  private List<String> redo;

  @Option(
      names = "--older-than",
      paramLabel = "TIME",
      description = "With --redo: only ids marked longer ago than that, such as 7d.")
  private String olderThan;

  @Option(
      names = "--since",
      paramLabel = "TIME",
      description =
          "For jobs that find their ids themselves: the start of the period; a date, a time such as"
              + " 2026-11-01T00:00:00Z, or an age such as 30d.")
  private String since;

  @Option(names = "--days", paramLabel = "N", description = "The last N days, as --since Nd.")
  private Integer days;

  @Option(
      names = "--until",
      paramLabel = "TIME",
      description = "The end of the period, in the same forms.")
  private String until;

  @Option(
      names = "--from",
      paramLabel = "N",
      description = "For jobs whose ids are ranges, such as ranges of blocks: the first number.")
  private Long from;

  @Option(
      names = "--to",
      paramLabel = "N|latest",
      description =
          "For jobs whose ids are ranges: the last number, or latest (the default) for the source's"
              + " newest.")
  private String to;

  @Option(
      names = "--datasets",
      paramLabel = "NAME",
      split = ",",
      description =
          "For jobs with datasets: those to fetch, separated by commas; all of them by default."
              + " What is done for one dataset is not done for another.")
  private List<String> datasets;

  @Option(
      names = "--worker",
      paramLabel = "N",
      description = "Take the N-th share of the ids and of the pace.")
  private Integer worker;

  @Option(names = "--of", paramLabel = "M", description = "How many workers share the job.")
  private Integer of;

  @Option(names = "--batch-size", paramLabel = "N", description = "Ids per batch.")
  private Integer batchSize;

  @Option(names = "--concurrency", paramLabel = "N", description = "Batches in flight at once.")
  private Integer concurrency;

  @Spec private CommandSpec spec;

  @Unmatched private List<String> own = new ArrayList<>();

  @Option(
      names = "--pace",
      paramLabel = "PART",
      defaultValue = "1",
      description = "Part of the source's limit to use, such as 0.5.")
  private double pace;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Fetch at most N ids of each job; the same command without it continues.")
  private Long limit;

  @Option(
      names = "--follow",
      description =
          "For jobs whose ids are ranges: when all is done, go on with what the source has by then,"
              + " until Ctrl-C; blocks that it has replaced since are fetched again.")
  private boolean follow;

  /** Whether the source has replaced numbers since they were fetched; they are pending again. */
  private boolean replaced;

  @Option(names = "--json", description = "Print the result as one JSON object on standard output.")
  private boolean json;

  @Override
  public Integer call() {
    if ((worker == null) != (of == null)) {
      throw new UserError("--worker N needs --of M and vice versa, such as --worker 2 --of 4");
    }
    if (!(pace > 0 && pace <= 1)) {
      throw new UserError(
          "--pace is " + pace + "; it takes a part of the limit above 0 and up to 1");
    }
    if (limit != null && limit < 1) {
      throw new UserError("--limit is " + limit + "; it takes a number of at least 1");
    }
    if (olderThan != null && redo == null) {
      throw new UserError("--older-than requires --redo");
    }
    if (to != null && !to.equals("latest") && !to.matches("\\d{1,12}")
        || from != null && (from < 0 || from > 999_999_999_999L)) {
      throw new UserError(
          (from == null ? "" : "--from " + from)
              + (from == null || to == null ? "" : " ")
              + (to == null ? "" : "--to " + to)
              + ": they take whole numbers of at most 12 digits, --to also latest");
    }
    if (from != null && to != null && !to.equals("latest") && from > Long.parseLong(to)) {
      throw new UserError("--from " + from + " is beyond --to " + to);
    }
    if (days != null) {
      if (since != null || days < 1) {
        throw new UserError(
            "--days takes a whole number of at least 1, and cannot be combined with --since");
      }
      since = days + "d";
    }
    if (ids != null && names.size() > 1) {
      throw new UserError("--ids takes one job; " + names.size() + " are given");
    }
    if (column != null && ids == null) {
      throw new UserError("--column requires --ids");
    }
    // first, because a value after it could be mistaken for a job's name
    own.forEach(option -> settingsOf(option, Job.names(Common.home())));
    Set<State> again = redoStates();
    Duration age = olderThan == null ? null : Settings.duration(olderThan, "--older-than");
    Map<Job, String> sources = sources();
    List<Job> jobs = List.copyOf(sources.keySet());
    if (ids != null) {
      if (jobs.get(0).isPass()) {
        throw new UserError(
            "--ids does not go with "
                + jobs.get(0).getName()
                + ", which asks for whole lists; leave it out");
      }
      IdList.check(ids, jobs.get(0).idKind());
    }
    for (Job job : jobs) {
      common.set(job.getName() + ".batch-size", batchSize);
      common.set(job.getName() + ".concurrency", concurrency);
    }
    own.forEach(option -> setOwn(option, jobs));
    jobs.forEach(this::checkRange);
    Settings settings = common.settings();
    // also for jobs that start later
    JobRun.check(settings, jobs);
    Window window = new Period(since, until).window();
    Terminal terminal = new Terminal(json);
    List<JobRun.Result> results = new ArrayList<>();
    for (List<Job> stage : ids == null ? stages(jobs) : List.of(jobs)) {
      JobRun.Result last = results.isEmpty() ? null : results.get(results.size() - 1);
      if (last != null && !last.exit().isFinished()) {
        terminal.warn(
            String.join(", ", stage.stream().map(Job::getName).toList())
                + ": not started, because the job that its ids come from is not complete");
        continue;
      }
      results.add(run(stage, sources, again, age, window, settings, terminal));
      for (int round = 0; replaced && !follow && round < REPLACED_ROUNDS; round++) {
        from = null;
        to = null;
        results.set(
            results.size() - 1, run(stage, sources, Set.of(), null, window, settings, terminal));
      }
    }
    while (follow && goesOn(results)) {
      from = null;
      to = "latest";
      results.set(0, run(jobs, sources, Set.of(), null, window, settings, terminal));
    }
    return end(jobs, results);
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
  private static List<List<Job>> stages(List<Job> jobs) {
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
    Share share = worker == null ? Share.WHOLE : new Share(worker, of);
    try (ClickHouse clickHouse = ClickHouse.open(settings);
        JobRun run =
            new JobRun(
                settings,
                jobs,
                clickHouse,
                new JobRun.Options(share, pace, limit == null ? Long.MAX_VALUE : limit, window),
                terminal)) {
      // before any step that may have to wait for a source
      Signals.handle(run, terminal);
      IdLoader loader =
          new IdLoader(settings, clickHouse, Common.home(), () -> run.stopCode() != null, terminal);
      IdLoader.Listed list = ids == null ? null : new IdLoader.Listed(ids, column, strict);
      if (list != null && jobs.size() > 1) {
        list = loader.forSeveral(list, jobs.get(0).idKind());
      }
      for (Job job : jobs) {
        Ledger ledger = run.ledger(job.getName());
        if (list != null) {
          loader.load(job, sources.get(job), ledger, list);
        } else if (job.idKind() != IdKind.RANGE) {
          Period period = new Period(since, until);
          loader.load(job, sources.get(job), ledger, period, redo != null);
        } else {
          try {
            run.askReplaced(job);
            run.loadRanges(job, from, to, datasets);
          } catch (UserError e) {
            if (run.stopCode() == null) {
              throw e;
            }
            return new JobRun.Result(run.stopCode(), RunState.STOPPED, e.getMessage(), List.of());
          }
        }
        if (!again.isEmpty()) {
          long most = limit == null ? Long.MAX_VALUE : limit;
          // of ranges, those that were asked for; all of them without --from and --to
          long pending =
              from == null && to == null
                  ? ledger.redo(again, age, share, most)
                  : run.redoRanges(
                      job,
                      again,
                      System.currentTimeMillis() + 1 - (age == null ? 0 : age.toMillis()),
                      from,
                      to,
                      datasets,
                      most);
          if (pending > 0) {
            terminal.info(
                job.getName() + ": " + Messages.count(pending, "id") + " will be fetched again");
          }
        }
      }
      JobRun.Result result = run.run(terminal);
      replaced = !follow && result.exit().isFinished() && askReplaced(run, jobs) > 0;
      return result;
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

  /** Prints the results of the groups of jobs, and returns the exit code for all of them. */
  private int end(List<Job> jobs, List<JobRun.Result> results) {
    List<JobResult> ended = results.stream().flatMap(result -> result.jobs().stream()).toList();
    ExitCode exit = ExitCode.worst(results.stream().map(JobRun.Result::exit).toList());
    if (json) {
      if (!ended.isEmpty()) {
        System.out.println(
            Report.json(
                ended.size() == 1
                    ? ended.get(0)
                    : Map.of("exit_code", exit.code(), "jobs", ended)));
      }
    } else {
      Map<String, String> notes =
          jobs.stream().collect(Collectors.toMap(Job::getName, Job::getSourceNote));
      ended.forEach(
          result -> System.out.print(Report.end(result, notes.get(result.status().job()))));
    }
    results.stream()
        .filter(result -> result.reason() != null)
        .forEach(result -> System.err.println("backfill: " + result.reason()));
    return exit.code();
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

  /**
   * Rejects options that do not apply to a job: without them, it would fetch more than requested.
   */
  private void checkRange(Job job) {
    if ((from != null || to != null) && job.idKind() != IdKind.RANGE) {
      throw new UserError(
          job.getName()
              + " takes no "
              + (from != null ? "--from" : "--to")
              + ": its ids are not ranges");
    }
    if (datasets != null && !job.getDatasets().containsAll(datasets)) {
      String unknown =
          datasets.stream().filter(name -> !job.getDatasets().contains(name)).findFirst().get();
      throw new UserError(
          job.getName()
              + " has no dataset '"
              + unknown
              + "'."
              + (job.getDatasets().isEmpty()
                  ? " It takes no --datasets"
                  : Nearest.hint(unknown, job.getDatasets())
                      + " Its datasets are: "
                      + String.join(", ", job.getDatasets())));
    }
    if (follow && job.idKind() != IdKind.RANGE) {
      throw new UserError(job.getName() + " takes no --follow: its ids are not ranges");
    }
    boolean asksByTime =
        job.isWindow()
            || job.sql().has("ids")
                && job.sql().section("ids").statements().stream()
                    .anyMatch(sql -> sql.contains("{since}"));
    if ((since != null || until != null) && !asksByTime) {
      throw new UserError(
          job.getName()
              + " takes no "
              + (days != null ? "--days" : since != null ? "--since" : "--until")
              + ": it has no time filter");
    }
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

  private Set<State> redoStates() {
    Set<State> states = EnumSet.noneOf(State.class);
    for (String name : redo == null ? List.<String>of() : redo) {
      List<State> all = List.of(State.FOUND, State.ABSENT, State.UNRESOLVED, State.FAILED);
      if (name.equals("all")) {
        states.addAll(all);
      } else {
        states.add(
            all.stream()
                .filter(state -> state.text().equals(name))
                .findFirst()
                .orElseThrow(
                    () ->
                        new UserError(
                            "--redo "
                                + name
                                + ": it takes failed, unresolved, absent, found or all")));
      }
    }
    return states;
  }
}
