package polymarket.backfill.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.State;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.pipeline.PipelineFiles;
import polymarket.backfill.run.JobStatus;
import polymarket.backfill.run.RunState;
import polymarket.backfill.serve.PaceHistory;
import polymarket.backfill.serve.PageContent;
import polymarket.backfill.serve.Posted;

/** What the page shows: what {@code status} reads, and what was started from the page. */
final class ServeContent implements PageContent, AutoCloseable {

  /** So many failed ids are shown. */
  private static final int MOST_FAILED = 200;

  /** So many events are shown. */
  private static final int EVENTS = 50;

  /** How long a process may take to end after it was asked to. */
  private static final long STOP_SECONDS = 120;

  /** The options of run that the page passes on. */
  private static final Set<String> OPTIONS =
      Set.of(
          "--limit", "--from", "--to", "--since", "--until", "--days", "--pace", "--redo", "--ids");

  /** What the page starts beside jobs and pipelines: the words before the report's file. */
  private static final Map<String, List<String>> CHECKS =
      Map.of("ready", List.of("ready", "--html"), "audit", List.of("audit", "--report"));

  private final Settings settings;
  private final Path folder;
  private final List<String> sets = new ArrayList<>();
  private final List<String> jobs;
  private final List<String> pipelines;
  private final Map<String, String> sources = new TreeMap<>();
  private final PaceHistory history = new PaceHistory();

  /** How many answers with HTTP 429 each source's run had at the last sample. */
  private final Map<String, Long> refused = new TreeMap<>();

  private final Map<String, Started> started = new TreeMap<>();
  private final Map<String, String> overrides;
  private final Schedules schedules;
  private final ServeHistory kept;

  /** What a command line posts its settings with; empty where runs cannot be posted. */
  private final String key;

  private boolean closing;

  /**
   * @param overrides the values of --set, which what is started gets too
   * @param service whether schedules are kept, and runs can be posted
   * @param key what a command line signs its settings with
   */
  ServeContent(Settings settings, Map<String, String> overrides, boolean service, String key) {
    this.settings = settings;
    this.overrides = overrides;
    this.key = service ? key : "";
    this.folder = settings.path("runtime.dir").resolve("serve");
    overrides.forEach((name, value) -> sets.addAll(List.of("--set", name + "=" + value)));
    jobs = Job.names(Common.home());
    pipelines = Pipeline.names(Common.home());
    kept = new ServeHistory(settings, history);
    schedules = service ? new Schedules(settings, jobs, pipelines, sets) : null;
    jobs.forEach(job -> sources.put(job, Job.read(Common.home(), job).firstSource(settings)));
  }

  @Override
  public String status() {
    List<StatusCommand.LedgerStatus> ledgers = StatusCommand.statuses(settings, jobs);
    Map<String, Object> status = new LinkedHashMap<>();
    status.put("jobs", ledgers);
    status.put("pipelines", StatusCommand.passes(settings, pipelines));
    status.put("pace", pace(ledgers));
    status.put("started", started());
    status.put("schedules", Schedules.read(settings));
    status.put("coverage", kept.coverage());
    status.put("reports", reports());
    status.put("events", EventLog.newest(settings.path("runtime.dir"), EVENTS));
    LastChecks.ready(settings).ifPresent(ready -> status.put("ready", ready));
    Map<String, List<String>> can = new LinkedHashMap<>();
    can.put("jobs", jobs);
    can.put("pipelines", pipelines);
    can.put("checks", CHECKS.keySet().stream().sorted().toList());
    status.put("can_start", can);
    return Report.json(status);
  }

  /** The runs that go on, with their jobs' ledgers. */
  private static List<JobStatus> running(List<StatusCommand.LedgerStatus> ledgers) {
    return ledgers.stream()
        .flatMap(ledger -> ledger.runs().stream())
        .filter(run -> run.state() == RunState.RUNNING)
        .toList();
  }

  /**
   * How fast a source is asked.
   *
   * @param limitPerSecond jobs of one process share the limit of their source
   * @param waitingFor the source's trouble; null where it has none
   * @param state its answers, circuit breaker and throttle; null for runs of earlier versions
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record Pace(
      String source,
      double requestsPerSecond,
      double limitPerSecond,
      @JsonInclude(JsonInclude.Include.NON_NULL) String waitingFor,
      @JsonInclude(JsonInclude.Include.NON_NULL) JobStatus.SourceState state) {

    /** With another job of the same process, which has the same pace. */
    private Pace same(Pace other) {
      return with(
          other,
          Math.max(requestsPerSecond, other.requestsPerSecond),
          Math.max(limitPerSecond, other.limitPerSecond));
    }

    /**
     * With another process.
     *
     * @param parts whether each has a part of the limit, as workers do; members share it
     */
    private Pace and(Pace other, boolean parts) {
      return with(
          other,
          requestsPerSecond + other.requestsPerSecond,
          parts
              ? limitPerSecond + other.limitPerSecond
              : Math.max(limitPerSecond, other.limitPerSecond));
    }

    private Pace with(Pace other, double rate, double limit) {
      return new Pace(
          source,
          rate,
          limit,
          waitingFor == null ? other.waitingFor : waitingFor,
          state == null ? other.state : state);
    }
  }

  private List<Pace> pace(List<StatusCommand.LedgerStatus> ledgers) {
    List<Pace> paces = paces(running(ledgers), sources);
    long now = System.currentTimeMillis();
    paces.forEach(pace -> keep(now, pace));
    return paces;
  }

  /**
   * How fast each source is asked now.
   *
   * @param sources the source of each job
   */
  static List<Pace> paces(List<JobStatus> running, Map<String, String> sources) {
    Map<String, Map<Long, Pace>> ofProcesses = new TreeMap<>();
    Set<String> ofWorkers = new HashSet<>();
    for (JobStatus status : running) {
      if (status.waitsFor() != null) {
        // it does not ask now
        continue;
      }
      JobStatus.Run run = status.run();
      String source = sources.getOrDefault(status.job(), status.job());
      if (status.worker() != null) {
        ofWorkers.add(source);
      }
      ofProcesses
          .computeIfAbsent(source, one -> new TreeMap<>())
          .merge(
              status.pid(),
              new Pace(
                  source,
                  run.requestsPerSecond(),
                  run.limitPerSecond(),
                  run.waitingFor(),
                  status.sources() == null ? null : status.sources().get(0)),
              Pace::same);
    }
    return ofProcesses.entrySet().stream()
        .map(
            source ->
                source.getValue().values().stream()
                    .reduce((one, other) -> one.and(other, ofWorkers.contains(source.getKey())))
                    .orElseThrow())
        .toList();
  }

  private void keep(long now, Pace pace) {
    long counted = pace.state() == null ? 0 : pace.state().answers().getOrDefault("429", 0L);
    long before = refused.getOrDefault(pace.source(), 0L);
    boolean kept =
        history.add(
            pace.source(),
            new PaceHistory.Sample(
                now,
                pace.requestsPerSecond(),
                pace.limitPerSecond(),
                pace.waitingFor() != null,
                // another run counts anew
                counted < before ? counted : counted - before,
                pace.state() != null && pace.state().circuitOpen()));
    if (kept) {
      refused.put(pace.source(), counted);
    }
  }

  private synchronized List<Map<String, Object>> started() {
    List<Map<String, Object>> all = new ArrayList<>();
    started.forEach(
        (what, of) -> {
          Map<String, Object> one = new LinkedHashMap<>();
          one.put("what", what);
          one.put("at", Instant.ofEpochMilli(of.at()).toString());
          one.put("running", of.process().isAlive());
          one.put("exit_code", of.process().isAlive() ? null : of.process().exitValue());
          one.put("last_line", of.process().isAlive() ? null : of.lastLine());
          all.add(one);
        });
    return all;
  }

  private Map<String, Path> reportFiles() {
    Map<String, Path> files = new LinkedHashMap<>();
    CHECKS.keySet().stream()
        .sorted()
        .forEach(check -> files.put(check, folder.resolve(check + ".html")));
    files.put("enrichment", settings.path("runtime.dir").resolve("enrichment.html"));
    pipelines.forEach(pipeline -> files.put(pipeline, PipelineFiles.of(settings, pipeline).page()));
    return files;
  }

  private List<Map<String, Object>> reports() {
    List<Map<String, Object>> reports = new ArrayList<>();
    reportFiles()
        .forEach(
            (name, file) -> {
              try {
                reports.add(Map.of("name", name, "at", Files.getLastModifiedTime(file).toString()));
              } catch (IOException e) {
                // it was not made yet
              }
            });
    return reports;
  }

  @Override
  public String history() {
    return Report.json(history.all());
  }

  @Override
  public Optional<String> failed(String name, String search) {
    if (!jobs.contains(name)) {
      return Optional.empty();
    }
    String lower = search.toLowerCase(Locale.ROOT);
    List<Map<String, Object>> failed = new ArrayList<>();
    failed(
        name,
        search.isEmpty() ? MOST_FAILED : Long.MAX_VALUE,
        (part, entry) -> {
          String reason = entry.reason() == null ? "" : entry.reason();
          if (failed.size() < MOST_FAILED
              && (entry.id() + " " + reason).toLowerCase(Locale.ROOT).contains(lower)) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("job", part);
            row.put("id", entry.id());
            row.put("status", entry.status() == 0 ? null : entry.status());
            row.put("attempts", entry.attempts());
            row.put("reason", reason);
            failed.add(row);
          }
        });
    return Optional.of(Report.json(failed));
  }

  /** Hands out at most so many failed ids of each job that runs under a name, with that job. */
  private void failed(String name, long most, BiConsumer<String, Ledger.Entry> to) {
    for (Job part : Job.read(Common.home(), name).parts(Common.home(), "auto")) {
      LedgerPlace file = LedgerPlace.of(settings, part.getName());
      if (file.exists()) {
        try (Ledger ledger = Ledger.open(file)) {
          ledger.entries(State.FAILED, most, entry -> to.accept(part.getName(), entry));
        }
      }
    }
  }

  @Override
  public String metrics() {
    return ServeMetrics.of(settings, StatusCommand.statuses(settings, jobs), sources);
  }

  @Override
  public Optional<Path> report(String name) {
    return Optional.ofNullable(reportFiles().get(name)).filter(Files::isRegularFile);
  }

  @Override
  public String act(String action, String named, String options) {
    String what = Job.ownName(Common.home(), named);
    return switch (action) {
      case "run" -> start(what, options(options));
      case "retry" -> start(what, retryOptions(what));
      case "stop" -> stop(what);
      default -> throw new UserError("the page can only run, retry and stop");
    };
  }

  private void checkOpen() {
    if (closing) {
      throw new UserError("this service is ending");
    }
  }

  /**
   * The options of a run that asks for a job's failed ids again: their list, so that it looks for
   * no others. A run of whole lists or ranges asks for what failed, too.
   */
  private List<String> retryOptions(String what) {
    Job job = Job.read(Common.home(), what);
    List<String> ids = new ArrayList<>();
    failed(what, Long.MAX_VALUE, (part, entry) -> ids.add(entry.id()));
    if (ids.isEmpty()) {
      throw new UserError("no id of " + what + " has failed");
    }
    if (job.isPass() || job.idKind() == IdKind.RANGE) {
      return List.of();
    }
    Path list = folder.resolve(what + ".failed.txt");
    try {
      Files.createDirectories(folder);
      Redaction.write(list, String.join("\n", ids) + "\n");
    } catch (IOException e) {
      throw UserError.unwritable(list, e);
    }
    return List.of("--ids", list.toString());
  }

  private synchronized String start(String what, List<String> options) {
    checkOpen();
    Started before = started.get(what);
    if (before != null && before.process().isAlive()) {
      throw new UserError(what + " runs already, with process id " + before.process().pid());
    }
    List<String> words = new ArrayList<>();
    if (CHECKS.containsKey(what)) {
      if (!options.isEmpty()) {
        throw new UserError(what + " takes no options on the page");
      }
      words.addAll(CHECKS.get(what));
      words.add(folder.resolve(what + ".html").toString());
    } else if (pipelines.contains(what)) {
      words.addAll(List.of("pipeline", what));
    } else {
      words.addAll(List.of("run", Job.read(Common.home(), what).getName()));
    }
    words.addAll(options);
    words.addAll(sets);
    Backfill.check(words);
    Started now = Started.start(words, folder.resolve(what + ".log"), List.of());
    started.put(what, now);
    return what + " was started, with process id " + now.process().pid();
  }

  @Override
  public synchronized Posted run(String request) {
    checkOpen();
    PostedCommand command = PostedCommand.read(request);
    command.check(overrides, key);
    // they become names of files
    if (command.names().isEmpty() || !jobs.containsAll(command.names())) {
      throw new UserError("only a run of this project's jobs can be posted");
    }
    String what = String.join(" ", command.names());
    for (int i = 2; started.containsKey(what) && started.get(what).process().isAlive(); i++) {
      what = String.join(" ", command.names()) + " " + i;
    }
    Path log = folder.resolve(what.replace(' ', '-') + ".log");
    PostedRun.Output output =
        new PostedRun.Output(
            log,
            log.resolveSibling(what.replace(' ', '-') + ".out"),
            log.resolveSibling(what.replace(' ', '-') + ".now"));
    Started now = command.start(sets, output);
    started.put(what, now);
    return new PostedRun(now.process(), output);
  }

  private static List<String> options(String options) {
    List<String> words = options.isBlank() ? List.of() : List.of(options.strip().split("\\s+"));
    for (String word : words) {
      // @ would read further words from a file
      if ((word.startsWith("-") || word.startsWith("@"))
          && !OPTIONS.contains(word.replaceFirst("=.*", ""))) {
        throw new UserError(
            "the page takes no option "
                + word
                + "; it takes "
                + String.join(", ", OPTIONS.stream().sorted().toList()));
      }
    }
    List<String> whole = new ArrayList<>(words);
    // what is started is started in the project's folder
    for (int i = 1; i < whole.size(); i++) {
      if (whole.get(i - 1).equals("--ids")) {
        whole.set(i, Common.home().resolve(whole.get(i)).toString());
      }
    }
    return whole;
  }

  /** Asks what runs under a name to stop, as {@code stop} does. */
  private synchronized String stop(String what) {
    boolean asked = !StopCommand.ask(settings.path("runtime.dir"), List.of(what)).isEmpty();
    Started own = started.get(what);
    if (!asked && own != null && own.process().isAlive()) {
      // it holds no lock yet, or, as a check, never does
      own.process().destroy();
      asked = true;
    }
    if (!asked) {
      throw new UserError("no run of " + what + " here");
    }
    return what + " stops: what is in flight is stored and marked";
  }

  /** Stops what was started from the page, and waits for it. */
  @Override
  public void close() {
    synchronized (this) {
      closing = true;
    }
    if (schedules != null) {
      schedules.close();
    }
    started.values().forEach(of -> of.process().destroy());
    for (Started of : started.values()) {
      try {
        if (!of.process().waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
          of.process().destroyForcibly();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    kept.close();
  }
}
