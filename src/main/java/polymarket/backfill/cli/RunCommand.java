package polymarket.backfill.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;
import polymarket.backfill.Messages;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.IdList;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.Window;
import polymarket.backfill.run.JobRun;

/** Runs jobs until nothing of theirs is pending. */
@Command(
    name = "run",
    footer = {
      "",
      "A job's setting is an option too: run wallets --closed means --set wallets.closed=true."
    },
    description =
        "Run a job: fetch what is pending, then retry what failed before. The same command"
            + " continues where it stopped.")
final class RunCommand implements Callable<Integer> {

  /** At most this many invalid lines are shown. */
  private static final int BAD_LINES_SHOWN = 20;

  /** So many ids stand in one query that says whose they are. */
  private static final int TAKEN_AT_ONCE = 20_000;

  /**
   * Ranges stand in the ledger so wide at least; they are cut when they are asked for, so that a
   * long list is loaded soon.
   */
  private static final long LISTED_WIDTH = 1_000;

  /** Of several, the first one here is the exit code. */
  private static final List<Integer> EXIT_CODES = List.of(130, 4, 1, 5, 3, 2);

  @Mixin private Common common;

  @Parameters(
      arity = "1..*",
      paramLabel = "JOB",
      description =
          "The jobs to run, such as payouts: side by side, but for one whose ids come from another"
              + " one of them, which runs after that.")
  private List<String> names;

  @Option(
      names = "--ids",
      paramLabel = "FILE",
      description =
          "Ids to add to the job's ledger: one a line, separated by commas or a JSON array, plain"
              + " or .gz, a file, a pipe or - for standard input. Without it, the job asks"
              + " ClickHouse for what is missing.")
  private String ids;

  @Option(
      names = "--column",
      paramLabel = "NAME",
      description =
          "With --ids: the column of a CSV file, or the field of JSON objects, that holds the ids.")
  private String column;

  /** The file that is read; of what can be read only once, for several jobs, a copy. */
  private String listed;

  private boolean badTold;

  @Option(names = "--strict", description = "Reject the file if any line is invalid.")
  private boolean strict;

  @Option(
      names = "--redo",
      paramLabel = "STATE",
      split = ",",
      description =
          "Ask again for ids that are failed, unresolved, absent, found, or all; with --limit N,"
              + " for N of them.")
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
      description = "For jobs whose ids are ranges, such as block ranges: the first number.")
  private Long from;

  @Option(
      names = "--to",
      paramLabel = "N|latest",
      description =
          "Likewise: the last, or latest (the default) for the newest that the source has.")
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

  @Option(names = "--batch-size", paramLabel = "N", description = "Ids a batch.")
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
      description =
          "Take at most N ids of each job, for a try-out; the same command without it continues.")
  private Long limit;

  @Option(names = "--json", description = "Print the result as one JSON object on standard output.")
  private boolean json;

  @Override
  public Integer call() {
    if ((worker == null) != (of == null)) {
      throw new UserError("--worker N and --of M go together: --worker 2 --of 4");
    }
    if (!(pace > 0 && pace <= 1)) {
      throw new UserError(
          "--pace is " + pace + "; it takes a part of the limit above 0 and up to 1");
    }
    if (limit != null && limit < 1) {
      throw new UserError("--limit is " + limit + "; it takes a number of at least 1");
    }
    if (olderThan != null && redo == null) {
      throw new UserError("--older-than goes with --redo");
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
        throw new UserError("--days takes a whole number of at least 1, and goes without --since");
      }
      since = days + "d";
    }
    if (ids != null && names.size() > 1) {
      throw new UserError("--ids goes with one job; here are " + names.size());
    }
    if (column != null && ids == null) {
      throw new UserError("--column goes with --ids");
    }
    // before a value that follows it is taken for a job's name
    own.forEach(option -> settingsOf(option, Job.names(Common.home())));
    Set<State> again = redoStates();
    Duration age = olderThan == null ? null : Settings.duration(olderThan, "--older-than");
    Map<Job, String> sources = sources();
    List<Job> jobs = List.copyOf(sources.keySet());
    if (ids != null) {
      IdList.check(ids, jobs.get(0).idKind());
    }
    for (Job job : jobs) {
      common.set(job.getName() + ".batch-size", batchSize);
      common.set(job.getName() + ".concurrency", concurrency);
    }
    own.forEach(option -> setOwn(option, jobs));
    jobs.forEach(this::checkRange);
    Settings settings = common.settings();
    // also of those that begin later
    JobRun.check(settings, jobs);
    Window window = window();
    Terminal terminal = new Terminal(json);
    List<JobRun.Result> results = new ArrayList<>();
    for (List<Job> stage : ids == null ? stages(jobs) : List.of(jobs)) {
      JobRun.Result last = results.isEmpty() ? null : results.get(results.size() - 1);
      if (last != null && !(last.exitCode() == 0 || last.exitCode() == 2)) {
        terminal.warn(
            String.join(", ", stage.stream().map(Job::getName).toList())
                + ": not started, because the job that its ids come from is not complete");
        continue;
      }
      results.add(run(stage, sources, again, age, window, settings, terminal));
    }
    return end(jobs, results);
  }

  /**
   * The jobs in groups that run one after the other, so that each comes after those of them that
   * its ids come from; the jobs of a group run side by side.
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

  /** The job that fills the table which another one takes its ids from; empty for none. */
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
      // before what may have to ask a source, and wait for it
      Signals.handle(run, terminal);
      listed =
          ids != null && jobs.size() > 1 && IdList.once(ids)
              ? copy(jobs.get(0).idKind(), run).toString()
              : ids;
      for (Job job : jobs) {
        if (job.idKind() == IdKind.RANGE && ids == null) {
          try {
            loadRanges(job, run, run.ledger(job.getName()), terminal);
          } catch (UserError e) {
            if (run.stopCode() == null) {
              throw e;
            }
            return new JobRun.Result(run.stopCode(), "stopped", e.getMessage(), List.of());
          }
        } else {
          load(job, sources.get(job), run, clickHouse, terminal);
        }
        if (!again.isEmpty()) {
          long pending =
              run.ledger(job.getName())
                  .redo(again, age, share, limit == null ? Long.MAX_VALUE : limit);
          if (pending > 0) {
            terminal.info(
                job.getName()
                    + ": "
                    + Messages.count(pending, "id")
                    + (pending == 1 ? " is" : " are")
                    + " asked for again");
          }
        }
      }
      return run.run(terminal);
    }
  }

  /** Prints how the groups of jobs ended, and gives the exit code of all of them. */
  private int end(List<Job> jobs, List<JobRun.Result> results) {
    List<Map<String, Object>> ended =
        results.stream().flatMap(result -> result.jobs().stream()).toList();
    Set<Integer> codes = results.stream().map(JobRun.Result::exitCode).collect(Collectors.toSet());
    int code = EXIT_CODES.stream().filter(codes::contains).findFirst().orElse(0);
    if (json) {
      if (!ended.isEmpty()) {
        System.out.println(
            Report.json(
                ended.size() == 1 ? ended.get(0) : Map.of("exit_code", code, "jobs", ended)));
      }
    } else {
      Map<String, String> notes =
          jobs.stream().collect(Collectors.toMap(Job::getName, Job::getSourceNote));
      ended.forEach(
          result -> System.out.print(Report.end(result, notes.get(result.get("job").toString()))));
    }
    results.stream()
        .filter(result -> result.reason() != null)
        .forEach(result -> System.err.println("backfill: " + result.reason()));
    return code;
  }

  /**
   * The jobs to run, with the source that was chosen for those that have several; those that run
   * under another's name too.
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
   * An option that a job does not know what to do with is refused: left aside, it would fetch more
   * than was asked for.
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

  private Window window() {
    if (since == null && until == null) {
      return Window.ALL;
    }
    String from = time(since, "--since");
    String to = time(until, "--until");
    Window window =
        new Window(
            since + " " + until,
            from.isEmpty() ? 0 : Instant.parse(from).getEpochSecond(),
            to.isEmpty() ? Window.ALL.until() : Instant.parse(to).getEpochSecond());
    if (window.since() > window.until()) {
      throw new UserError("--since " + since + " is later than --until " + until);
    }
    return window;
  }

  /** A pipe or standard input in a file, because each job reads it. */
  private Path copy(IdKind kind, JobRun run) {
    try {
      Path file = Files.createTempFile("backfill-ids", ".txt");
      file.toFile().deleteOnExit();
      IdList.copy(ids, kind, column, () -> run.stopCode() != null, file);
      return file;
    } catch (IOException e) {
      throw new UserError("no temporary file for the ids can be written: " + UserError.reason(e));
    }
  }

  /** A setting JOB.X of a job of this run can be given as --X, which is --X=true, or --X=VALUE. */
  private void setOwn(String option, List<Job> jobs) {
    String[] parts = option.split("=", 2);
    settingsOf(option, jobs.stream().map(Job::getName).toList())
        .forEach(key -> common.set(key, parts.length == 2 ? parts[1] : "true"));
  }

  /** The settings of jobs that such an option stands for. */
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

  /**
   * Adds what of the ranges that were asked for the ledger does not have yet, and says how long it
   * will take.
   */
  private void loadRanges(Job job, JobRun run, Ledger ledger, Messages messages) {
    long before = ledger.size(Share.WHOLE);
    if (from == null && before == 0) {
      throw new UserError(job.getName() + " takes --from N --to N, or --to latest");
    }
    JobRun.Reach reach = run.reach(job);
    long span = run.span(job);
    TreeSet<String> known = new TreeSet<>();
    for (State state : State.values()) {
      ledger.entries(state, Long.MAX_VALUE, entry -> known.add(entry.id()));
    }
    if (from != null || to != null) {
      long first = from != null ? from : Ranges.last(known.last()) + 1;
      long last =
          to == null || to.equals("latest")
              ? reach.last()
              : Math.min(reach.last(), Long.parseLong(to));
      if (to != null && !to.equals("latest") && Long.parseLong(to) > reach.last()) {
        messages.warn(
            job.getName()
                + ": --to "
                + to
                + " is beyond the last that may be asked for, which is "
                + reach.last());
      }
      if (first > last && from != null) {
        throw new UserError(
            "--from " + first + " is beyond " + last + ", the last that may be asked for");
      }
      List<String> added = new ArrayList<>();
      if (job.getDatasets().isEmpty()) {
        Ranges.gaps(
            known,
            first,
            last,
            (gapFirst, gapLast) ->
                Ranges.cut(gapFirst, gapLast, Math.max(LISTED_WIDTH, span), added::add));
      } else {
        List<String> wanted =
            job.getDatasets().stream()
                .filter(name -> datasets == null || datasets.contains(name))
                .toList();
        Ranges.missing(
            known, List.of(), wanted, first, last, Math.max(LISTED_WIDTH, span), added::add);
      }
      ledger.load(loading -> added.forEach(loading::add));
      messages.info(
          job.getName()
              + ": "
              + Messages.count(added.stream().mapToLong(Ranges::width).sum())
              + " "
              + job.getUnit()
              + " from "
              + first
              + " to "
              + last
              + (before > 0 ? " are new" : ""));
    }
    long[] pending = {0};
    ledger.entries(State.PENDING, Long.MAX_VALUE, entry -> pending[0] += Ranges.width(entry.id()));
    if (pending[0] > 0) {
      long calls = JobRun.calls(common.settings(), job, pending[0], reach);
      messages.info(
          job.getName()
              + ": "
              + Messages.count(pending[0])
              + " "
              + job.getUnit()
              + " to do, and "
              + job.getSource()
              + " takes "
              + Messages.count(reach.widest())
              + " a call at most: "
              + Messages.count(calls)
              + " calls or more, at "
              + Math.round(reach.callsPerSecond())
              + " calls/s at least "
              + Messages.time((long) Math.ceil(calls / reach.callsPerSecond()) * 1000));
    }
  }

  private void load(Job job, String source, JobRun run, ClickHouse clickHouse, Messages messages) {
    Ledger ledger = run.ledger(job.getName());
    long before = ledger.size(Share.WHOLE);
    IdKind kind = job.idKind();
    List<IdList.Bad> bad = new ArrayList<>();
    long[] badCount = {0};
    Ledger.Loaded loaded;
    List<String> pass = new ArrayList<>();
    if (ids != null) {
      long[] others = {0};
      long[] unknown = {0};
      IdList.Summary[] list = new IdList.Summary[1];
      loaded =
          ledger.load(
              loading -> {
                List<String> waiting = new ArrayList<>();
                list[0] =
                    IdList.read(
                        listed,
                        kind,
                        column,
                        () -> run.stopCode() != null,
                        id -> {
                          waiting.add(id);
                          if (waiting.size() == TAKEN_AT_ONCE) {
                            others[0] += take(job, source, clickHouse, waiting, loading, unknown);
                          }
                        },
                        line -> {
                          if (badCount[0]++ < BAD_LINES_SHOWN) {
                            bad.add(line);
                          }
                        });
                others[0] += take(job, source, clickHouse, waiting, loading, unknown);
                if (strict && badCount[0] > 0) {
                  throw new UserError(
                      ids
                          + ": line "
                          + bad.get(0).line()
                          + " is not a "
                          + kind.label()
                          + ": '"
                          + Messages.shown(bad.get(0).text())
                          + "'"
                          + (badCount[0] > 1 ? ", and " + (badCount[0] - 1) + " more" : "")
                          + "; --strict rejects such a file");
                }
              });
      // of jobs that share a list, the first one reports invalid entries
      for (IdList.Bad line : badTold ? List.<IdList.Bad>of() : bad) {
        messages.warn(
            ids
                + ":"
                + line.line()
                + ": no "
                + kind.label()
                + ", not asked for: '"
                + Messages.shown(line.text())
                + "'");
      }
      if (badCount[0] > bad.size() && !badTold) {
        messages.warn(
            ids + ": " + list[0].parts(badCount[0] - bad.size()) + " more: no " + kind.label());
      }
      badTold = true;
      messages.info(
          job.getName()
              + ": "
              + Messages.count(loaded.distinct(), "id")
              + " in "
              + (ids.equals("-") ? "standard input" : ids)
              + (loaded.entries() > loaded.distinct()
                  ? " (" + Messages.count(loaded.entries() - loaded.distinct()) + " repeated)"
                  : "")
              + (badCount[0] > 0
                  ? " ("
                      + list[0].parts(badCount[0])
                      + (badCount[0] == 1 ? " is not an id" : " are not ids")
                      + ")"
                  : "")
              + (others[0] > 0
                  ? ", apart from " + Messages.count(others[0]) + " that another source has"
                  : "")
              + (before > 0 ? ", " + Messages.count(loaded.added()) + " of them new" : ""));
      if (unknown[0] > 0) {
        messages.warn(
            job.getName()
                + ": "
                + Messages.count(unknown[0])
                + " "
                + job.sql().section("unknown").title());
      }
    } else if (job.sql().has("ids")) {
      boolean left = loadLeft(job, ledger, messages);
      SqlFile.Section query = job.sql().section("ids");
      String needed = query.attributes().get("needs");
      Views.Made views = Views.refresh(clickHouse, common.settings(), Job.names(Common.home()));
      String note = views.notes().get(needed);
      if (views.reads().containsKey(needed)) {
        messages.info(job.getName() + ": ids from " + views.reads().get(needed));
      }
      for (SqlFile.Section line : job.sql().sections("note")) {
        clickHouse
            .rows(line.sql(Map.of()), Map.of())
            .forEach(row -> messages.info(job.getName() + ": " + row.get("line")));
      }
      if (note != null && before == 0 && !left) {
        throw new UserError(
            "without --ids, "
                + job.getName()
                + " takes its ids from "
                + needed
                + ", but "
                + note
                + ". Or give a list with --ids FILE");
      }
      String filled = query.attributes().get("filled");
      if (filled != null
          && before == 0
          && !left
          && clickHouse.rows("SELECT 1 FROM " + needed + " LIMIT 1", Map.of()).isEmpty()) {
        throw new UserError(
            "without --ids, "
                + job.getName()
                + " takes its ids from "
                + needed
                + ", which is empty: `backfill run "
                + filled
                + "` fills it. Or give a list with --ids FILE");
      }
      try {
        Window window = ledger.window();
        String sql =
            query.sql(
                Map.of(
                    "source",
                    source,
                    "since",
                    window.all()
                        ? time(since, "--since")
                        : Instant.ofEpochSecond(window.since()).toString(),
                    "until",
                    window.all()
                        ? time(until, "--until")
                        : Instant.ofEpochSecond(window.until()).toString()));
        loaded =
            ledger.load(
                loading ->
                    clickHouse.stream(
                        sql,
                        Map.of(),
                        row -> {
                          String id = kind.normalise(String.valueOf(row.get("id")));
                          if (id != null) {
                            loading.add(id);
                            if (job.isPass()) {
                              pass.add(id);
                            }
                          }
                        }));
        if (before == 0
            && !left
            && loaded.distinct() == 0
            && needed != null
            && clickHouse.rows("SELECT 1 FROM " + needed + " LIMIT 1", Map.of()).isEmpty()) {
          throw new UserError(
              "without --ids, "
                  + job.getName()
                  + " takes its ids from "
                  + needed
                  + ", which is empty: run the job that fills it, or give a list with --ids FILE");
        }
        messages.info(
            job.getName()
                + ": "
                + Messages.count(loaded.distinct(), "id")
                + (loaded.distinct() == 1
                    ? job.isPass() ? " in this pass" : " is missing in ClickHouse"
                    : job.isPass() ? " in this pass" : " are missing in ClickHouse")
                + (before > 0 ? ", " + Messages.count(loaded.added()) + " of them new" : ""));
      } catch (ClickHouseException e) {
        String why =
            "without --ids, "
                + job.getName()
                + " asks ClickHouse for what is missing, and that failed: "
                + e.getMessage()
                + ". Give a list with --ids FILE";
        if (before == 0 && !left) {
          throw new UserError(why);
        }
        messages.warn(why + "; continuing with the ids in the ledger");
      }
    }
    if (!pass.isEmpty()
        && redo == null
        && !ledger.any(pass, EnumSet.of(State.PENDING, State.FAILED))) {
      ledger.redo(pass);
      messages.info(
          job.getName()
              + ": the last pass is finished, so this is a new one, which replaces its rows");
    }
    if (before > 0 && job.sql().has("again")) {
      askAgain(job, ledger, clickHouse, messages);
    }
    long pending = ledger.counts(Share.WHOLE).get(State.PENDING);
    long size = ledger.size(Share.WHOLE);
    if (before > 0) {
      messages.info(
          job.getName()
              + ": the ledger has "
              + Messages.count(size, "id")
              + ", "
              + Messages.count(size - pending)
              + " of them done, "
              + Messages.count(pending)
              + " to do");
    }
  }

  /**
   * Makes those ids pending again that were asked for before something was known of them that
   * matters.
   */
  private static void askAgain(Job job, Ledger ledger, ClickHouse clickHouse, Messages messages) {
    Views.create(clickHouse, job.getName());
    SqlFile.Section section = job.sql().section("again");
    long[] again = {0};
    clickHouse.stream(
        section.sql(Map.of()),
        Map.of(),
        row ->
            again[0] +=
                ledger.again(
                        String.valueOf(row.get("id")),
                        Long.parseLong(String.valueOf(row.get("since"))))
                    ? 1
                    : 0);
    if (again[0] > 0) {
      messages.info(
          job.getName()
              + ": "
              + Messages.count(again[0], "id")
              + (again[0] == 1 ? " is" : " are")
              + " asked for once more, because "
              + section.title());
    }
  }

  /** Adds what another job's source had no answer for. */
  private boolean loadLeft(Job job, Ledger ledger, Messages messages) {
    Path file =
        job.getLeftBy().isEmpty() ? null : JobRun.ledgerFile(common.settings(), job.getLeftBy());
    if (file == null || !Ledger.exists(file)) {
      return false;
    }
    Ledger.Loaded loaded;
    try (Ledger other = Ledger.open(file)) {
      loaded =
          ledger.load(
              loading ->
                  List.of(State.ABSENT, State.UNRESOLVED, State.FAILED)
                      .forEach(
                          state ->
                              other.entries(
                                  state, Long.MAX_VALUE, entry -> loading.add(entry.id()))));
    }
    messages.info(
        job.getName()
            + ": "
            + Messages.count(loaded.distinct(), "id")
            + (loaded.distinct() == 1 ? " was" : " were")
            + " left without an answer by "
            + job.getLeftBy()
            + (loaded.added() < loaded.distinct()
                ? ", " + Messages.count(loaded.added()) + " of them new"
                : ""));
    return loaded.entries() > 0;
  }

  /**
   * Adds those ids of a list that are this job's, where jobs share a list.
   *
   * @param unknown counts those of which less is known than the job wants
   * @return how many are another job's
   */
  private static long take(
      Job job,
      String source,
      ClickHouse clickHouse,
      List<String> list,
      Ledger.Loading loading,
      long[] unknown) {
    Set<String> taken = Parts.own(clickHouse, job, source, list);
    List<String> own = list.stream().filter(taken::contains).toList();
    own.forEach(loading::add);
    if (!own.isEmpty() && job.sql().has("unknown")) {
      clickHouse.stream(
          job.sql().section("unknown").sql(Map.of("list", own)),
          Map.of(),
          row -> unknown[0] += Long.parseLong(String.valueOf(row.get("ids"))));
    }
    long others = list.size() - own.size();
    list.clear();
    return others;
  }

  /** An instant as 2026-11-01T00:00:00Z; empty where there is none. */
  private static String time(String text, String option) {
    if (text == null) {
      return "";
    }
    try {
      if (text.matches("\\d+\\s*(ms|s|m|h|d)")) {
        return Instant.now()
            .minus(Settings.duration(text, option))
            .truncatedTo(ChronoUnit.SECONDS)
            .toString();
      }
      return Instant.parse(text.length() == 10 ? text + "T00:00:00Z" : text)
          .truncatedTo(ChronoUnit.SECONDS)
          .toString();
    } catch (DateTimeParseException e) {
      throw new UserError(
          option
              + " is '"
              + text
              + "'; it takes a date, a time such as 2026-11-01T00:00:00Z, or an age such as 30d");
    }
  }
}
