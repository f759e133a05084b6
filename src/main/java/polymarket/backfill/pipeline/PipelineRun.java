package polymarket.backfill.pipeline;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import polymarket.backfill.Messages;
import polymarket.backfill.Self;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.pipeline.Pipeline.IfShort;
import polymarket.backfill.pipeline.Pipeline.Step;
import polymarket.backfill.pipeline.PipelineLedger.Entry;
import polymarket.backfill.pipeline.PipelineLedger.Pass;
import polymarket.backfill.run.JobStatus;
import polymarket.backfill.run.Progress;

/**
 * One run of a pipeline: starts each step as a separate process of the program when the steps
 * before it have ended, watches the time, repeats failed steps, and records everything in the
 * pipeline's ledger, so that the next run continues where this one ends.
 */
public final class PipelineRun implements AutoCloseable {

  private static final long POLL_MILLIS = 200;
  private static final long TICK_MILLIS = 1000;

  /**
   * How long a step that was asked to end may take, before it is killed: what it has not stored is
   * done again.
   */
  private static final long STOP_MILLIS = 60_000;

  /** How long the steps of a run that was killed may take to see it and end. */
  private static final long ORPHANS_MILLIS = 30_000;

  /**
   * What a person asked for.
   *
   * @param budget the time in all, or null for the earlier one or the file's
   * @param again whether a new pass is begun though there is one
   * @param only the one step to run, or null
   * @param from the step to begin with, or null
   */
  public record Options(Duration budget, boolean again, String only, String from) {

    boolean isPart() {
      return only != null || from != null;
    }

    /**
     * The steps that are meant, by their names.
     *
     * @throws UserError where there is no such step
     */
    public Set<String> selected(Pipeline pipeline) {
      if (!isPart()) {
        return pipeline.steps().keySet();
      }
      Set<String> selected =
          new LinkedHashSet<>(Set.of(pipeline.step(only != null ? only : from).name()));
      selected.addAll(only != null ? Set.of() : pipeline.behind(from));
      return selected;
    }
  }

  /** Sees a run go on, about once a second; the maps are as in {@link PipelineStatus}. */
  public interface Watcher {

    void tick(Map<String, Object> status);

    void ended();
  }

  /**
   * How a run ended.
   *
   * @param status as in {@link PipelineStatus}
   */
  public record Result(int exitCode, String reason, Map<String, Object> status) {}

  /** A step at work. */
  private static final class Running {
    private final Process process;
    private final long startedAt = System.currentTimeMillis();
    private long logRead;
    private String error;
    private String cut;
    private long askedAt;

    private Running(Process process, long logRead) {
      this.process = process;
      this.logRead = logRead;
    }
  }

  private final Settings settings;
  private final Pipeline pipeline;
  private final Map<String, Entry> lastDone;
  private final Options options;
  private final List<String> arguments;
  private final int width;
  private final Messages messages;
  private final ShareLock lock;
  private final PipelineLedger ledger;
  private final Path folder;
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final Map<String, Running> running = new LinkedHashMap<>();
  private final Map<String, Long> waitingUntil = new HashMap<>();
  private final Set<String> selected = new LinkedHashSet<>();
  private Pass pass;
  private Duration budget;
  private long spentBefore;
  private long startNanos;
  private boolean overTold;
  private boolean nothingToDo;
  private volatile boolean stopping;
  private volatile String stopReason;

  /**
   * Opens the ledger, and finds out what is to be done.
   *
   * @param arguments that every step's command gets behind its own, such as --set
   * @param clickHouse the id of the ClickHouse that the steps fill
   * @param width of the lines with which the steps say how far they are
   * @throws UserError where another run of it is at work, or its ledger belongs to another
   *     ClickHouse
   */
  public PipelineRun(
      Settings settings,
      Pipeline pipeline,
      Options options,
      List<String> arguments,
      String clickHouse,
      int width,
      Messages messages) {
    this.settings = settings;
    this.options = options;
    this.arguments = arguments;
    this.width = width;
    this.messages = messages;
    Path runtime = settings.path("runtime.dir");
    this.folder = PipelineStatus.folder(runtime, pipeline.name());
    this.lock =
        ShareLock.take(
            runtime.resolve("pipelines").resolve(pipeline.name() + ".lock"),
            Share.WHOLE,
            "pipeline " + pipeline.name(),
            "pipeline " + pipeline.name());
    try {
      Files.createDirectories(folder);
      this.ledger = PipelineLedger.open(PipelineLedger.file(runtime, pipeline.name()), clickHouse);
    } catch (IOException e) {
      lock.close();
      throw UserError.unwritable(folder, e);
    } catch (RuntimeException e) {
      lock.close();
      throw e;
    }
    try {
      this.lastDone = ledger.lastDone();
      this.pipeline = pipeline.taking(times(lastDone));
      prepare();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Finds the pass to go on with, and which of its steps are to be run. */
  private void prepare() {
    pass = ledger.last();
    boolean part = options.isPart();
    selected.addAll(options.selected(pipeline));
    if (pass != null) {
      awaitOrphans();
    }
    boolean fresh = pass == null || options.again();
    nothingToDo = !fresh && !part && pass.state().equals("finished");
    boolean once = part && pass != null && pass.state().equals("finished");
    budget =
        options.budget() != null
            ? options.budget()
            : fresh || once ? pipeline.budget() : Duration.ofMillis(pass.budgetMillis());
    // what a person asks for once more has the whole time again, on top of what the pass took
    budget = once ? budget.plusMillis(pass.spentMillis()) : budget;
    if (nothingToDo) {
      pipeline
          .steps()
          .keySet()
          .forEach(
              name ->
                  entries.put(
                      name, ledger.steps(pass.number()).getOrDefault(name, Entry.fresh(name))));
      return;
    }
    tellTimes();
    if (fresh) {
      pass = ledger.begin(budget.toMillis());
    } else {
      spentBefore = pass.spentMillis();
      ledger.goOn(pass.number(), budget.toMillis());
    }
    Map<String, Entry> had = ledger.steps(pass.number());
    pipeline
        .steps()
        .keySet()
        .forEach(name -> entries.put(name, had.getOrDefault(name, Entry.fresh(name))));
    List.copyOf(entries.values()).stream()
        .filter(entry -> entry.state() == StepState.RUNNING)
        .forEach(this::endKilledTry);
    Set<String> anew = new LinkedHashSet<>();
    if (part) {
      anew.addAll(selected);
    } else {
      for (Entry entry : List.copyOf(entries.values())) {
        if (entry.state() == StepState.FAILED) {
          anew.add(entry.step());
          anew.addAll(pipeline.behind(entry.step()));
        } else if (!entry.state().isSettled() || entry.state() == StepState.BLOCKED) {
          put(entry.with(StepState.PENDING, entry.reason()));
        }
      }
    }
    anew.forEach(name -> put(Entry.fresh(name)));
    if (!fresh && !part) {
      long settled = entries.values().stream().filter(entry -> entry.state().isSettled()).count();
      messages.info(
          pipeline.name()
              + ": continuing pass "
              + pass.number()
              + ", of which "
              + settled
              + " of "
              + entries.size()
              + " steps are done and "
              + Messages.time(spentBefore)
              + " of "
              + Messages.time(budget.toMillis())
              + " used");
    }
  }

  /** How long steps took the last time that they ended by themselves. */
  static Map<String, Duration> times(Map<String, Entry> lastDone) {
    Map<String, Duration> times = new LinkedHashMap<>();
    lastDone.forEach((step, entry) -> times.put(step, Duration.ofMillis(entry.workedMillis())));
    return times;
  }

  /** Says with which times of earlier passes the budget is divided. */
  private void tellTimes() {
    String times =
        selected.stream()
            .filter(lastDone::containsKey)
            .map(step -> step + " " + Messages.time(pipeline.step(step).takes().toMillis()))
            .collect(Collectors.joining(", "));
    if (!times.isEmpty()) {
      messages.info(
          pipeline.name() + ": expected durations of steps, from the last pass: " + times);
    }
  }

  /** A step that was at work when its run was killed worked until that was seen last. */
  private void endKilledTry(Entry entry) {
    put(
        new Entry(
            entry.step(),
            StepState.PENDING,
            entry.tries(),
            entry.failures(),
            entry.exitCode(),
            entry.startedAt(),
            entry.endedAt(),
            entry.workedMillis() + entry.triedMillis(),
            entry.requests() + requests(pipeline.step(entry.step()), entry.pidStartedAt()),
            entry.reason(),
            0,
            0));
  }

  /**
   * The steps of a run that was killed see it and end; until they have, they hold what they work
   * with.
   */
  private void awaitOrphans() {
    long end = System.currentTimeMillis() + ORPHANS_MILLIS;
    for (Entry entry : ledger.steps(pass.number()).values()) {
      boolean told = false;
      while (isAlive(entry)) {
        if (!told) {
          messages.info(
              entry.step()
                  + ": waiting for its process of an earlier run (pid "
                  + entry.pid()
                  + ") to end");
          told = true;
        }
        if (System.currentTimeMillis() > end) {
          throw new UserError(
              "step "
                  + entry.step()
                  + " of an earlier run is still running as pid "
                  + entry.pid()
                  + ": wait for it, or stop it with kill "
                  + entry.pid()
                  + ", then run the same command again");
        }
        pause();
      }
    }
  }

  private static boolean isAlive(Entry entry) {
    return entry.pid() > 0
        && ProcessHandle.of(entry.pid())
            .filter(ProcessHandle::isAlive)
            .flatMap(process -> process.info().startInstant())
            .filter(at -> at.toEpochMilli() == entry.pidStartedAt())
            .isPresent();
  }

  private void put(Entry entry) {
    entries.put(entry.step(), entry);
    ledger.put(pass.number(), entry);
  }

  /**
   * Asks the run to end: the steps at work end in good order. Returns at once.
   *
   * @param reason why, and what a person can do then
   */
  public void stop(String reason) {
    stopReason = reason;
    stopping = true;
  }

  /** Whether the last pass is finished and nobody asked for more. */
  public boolean isNothingToDo() {
    return nothingToDo;
  }

  /** How far it is; see {@link PipelineStatus}. */
  public Map<String, Object> status() {
    return PipelineStatus.of(pipeline, ledger, folder);
  }

  /** Runs until every step is settled or a stop was asked for. */
  public Result run(Watcher watcher) {
    startNanos = System.nanoTime();
    long nextTick = 0;
    try {
      while (true) {
        for (Map.Entry<String, Running> at : List.copyOf(running.entrySet())) {
          readLog(at.getKey(), at.getValue());
          if (!at.getValue().process.isAlive()) {
            readLog(at.getKey(), at.getValue());
            running.remove(at.getKey());
            ended(pipeline.step(at.getKey()), at.getValue());
            nextTick = 0;
          }
        }
        if (stopping) {
          running.values().forEach(PipelineRun::ask);
          if (running.isEmpty()) {
            break;
          }
        } else {
          watchTime();
          begin();
          if (running.isEmpty()
              && selected.stream().allMatch(name -> entries.get(name).state().isSettled())) {
            break;
          }
        }
        if (System.nanoTime() / 1_000_000 >= nextTick) {
          nextTick = System.nanoTime() / 1_000_000 + TICK_MILLIS;
          ledger.spent(pass.number(), spent());
          running.keySet().forEach(name -> ledger.seen(pass.number(), name));
          watcher.tick(status());
        }
        pause();
      }
      ledger.spent(pass.number(), spent());
      Result result = result();
      watcher.tick(result.status());
      return result;
    } finally {
      // after a mistake of the program itself; otherwise none is left
      running.values().forEach(left -> left.process.destroy());
      watcher.ended();
    }
  }

  private long spent() {
    return spentBefore + (System.nanoTime() - startNanos) / 1_000_000;
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private Set<String> left() {
    Set<String> left = new LinkedHashSet<>(selected);
    left.removeIf(name -> entries.get(name).state().isSettled());
    return left;
  }

  /** The time that is left for a step when what comes after it has its own. */
  private long room(Step step) {
    return budget.toMillis() - spent() - pipeline.kept(step.name(), left()).toMillis();
  }

  private String why(Step step) {
    List<String> behind =
        pipeline.behind(step.name()).stream()
            .filter(name -> left().contains(name) && pipeline.step(name).ifShort() == IfShort.RUN)
            .toList();
    long left = budget.toMillis() - spent();
    return (left <= 0
            ? "the budget of " + Messages.time(budget.toMillis()) + " is used up"
            : Messages.time(left / 1000 * 1000) + " of the budget are left")
        + (behind.isEmpty()
            ? ""
            : ", "
                + Messages.time(pipeline.kept(step.name(), left()).toMillis())
                + " of them reserved for "
                + String.join(", ", behind));
  }

  /** Stops steps that have no time any more. */
  private void watchTime() {
    for (Map.Entry<String, Running> at : running.entrySet()) {
      Step step = pipeline.step(at.getKey());
      long worked =
          entries.get(step.name()).workedMillis()
              + System.currentTimeMillis()
              - at.getValue().startedAt;
      if (at.getValue().cut == null && step.most() != null && worked >= step.most().toMillis()) {
        cut(step, at.getValue(), "its limit is " + Messages.time(step.most().toMillis()));
      } else if (at.getValue().cut == null && step.ifShort() != IfShort.RUN && room(step) <= 0) {
        cut(step, at.getValue(), why(step));
      }
      if (at.getValue().cut != null) {
        ask(at.getValue());
      }
    }
    if (!overTold && spent() > budget.toMillis()) {
      overTold = true;
      decide(
          "",
          "the budget of "
              + Messages.time(budget.toMillis())
              + " is used up; required steps continue");
    }
  }

  private void cut(Step step, Running at, String why) {
    at.cut = why;
    decide(
        step.name(),
        "stopped; its data so far is used: "
            + why
            + " ("
            + pipeline.file().getFileName()
            + ":"
            + step.line()
            + ")");
  }

  /**
   * Asks a step's process to end; one that does not is killed, which costs what it has not stored.
   */
  private static void ask(Running at) {
    if (at.askedAt == 0) {
      at.askedAt = System.currentTimeMillis();
      at.process.destroy();
    } else if (System.currentTimeMillis() - at.askedAt > STOP_MILLIS) {
      at.process.destroyForcibly();
    }
  }

  private void decide(String step, String text) {
    ledger.decide(pass.number(), step, text);
    messages.info((step.isEmpty() ? pipeline.name() : step) + ": " + text);
  }

  /** Begins all steps whose turn it is. */
  private void begin() {
    for (Step step : pipeline.steps().values()) {
      Entry entry = entries.get(step.name());
      if (!selected.contains(step.name())
          || entry.state() != StepState.PENDING && entry.state() != StepState.WAITING
          || waitingUntil.getOrDefault(step.name(), 0L) > System.currentTimeMillis()) {
        continue;
      }
      List<Entry> before =
          step.after().stream().filter(selected::contains).map(entries::get).toList();
      if (!before.stream().allMatch(other -> other.state().isSettled())) {
        continue;
      }
      Entry bad =
          before.stream()
              .filter(
                  other ->
                      other.state() == StepState.BLOCKED
                          || other.state() == StepState.FAILED
                              && !pipeline.step(other.step()).goesOn())
              .findFirst()
              .orElse(null);
      if (bad != null) {
        put(
            entry.with(
                StepState.BLOCKED,
                "not started, because "
                    + bad.step()
                    + (bad.state() == StepState.FAILED ? " failed" : " was not")));
      } else if (step.ifShort() == IfShort.SKIP && room(step) < step.takes().toMillis()
          || step.ifShort() == IfShort.CUT && room(step) <= 0) {
        String why = why(step) + "; it takes about " + Messages.time(step.takes().toMillis());
        put(entry.with(entry.tries() > 0 ? StepState.CUT : StepState.SKIPPED, why));
        decide(
            step.name(),
            "skipped: " + why + " (" + pipeline.file().getFileName() + ":" + step.line() + ")");
      } else {
        start(step, entry);
      }
    }
  }

  private void start(Step step, Entry entry) {
    Path log = folder.resolve(step.name() + ".log");
    Path now = PipelineStatus.now(folder, step.name());
    List<String> words = new ArrayList<>(step.words());
    words.addAll(arguments);
    List<String> line =
        Self.command(
            List.of("-Dbackfill.terminal", "-Dbackfill.parent", "-Dbackfill.progress"),
            List.of(
                "-Dbackfill.terminal=false",
                "-Dbackfill.parent=" + ProcessHandle.current().pid(),
                "-Dbackfill.progress=" + now,
                "-Dbackfill.progress.width=" + width),
            words);
    try {
      Files.deleteIfExists(now);
      long logged = Files.exists(log) ? Files.size(log) : 0;
      Process process =
          new ProcessBuilder(line)
              .directory(settings.home().toFile())
              .redirectInput(new File("/dev/null"))
              .redirectOutput(PipelineStatus.out(folder, step.name()).toFile())
              .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
              .start();
      running.put(step.name(), new Running(process, logged));
      put(
          new Entry(
              step.name(),
              StepState.RUNNING,
              entry.tries() + 1,
              entry.failures(),
              -1,
              entry.startedAt() > 0 ? entry.startedAt() : System.currentTimeMillis(),
              0,
              entry.workedMillis(),
              entry.requests(),
              null,
              process.pid(),
              process.toHandle().info().startInstant().map(Instant::toEpochMilli).orElse(0L)));
    } catch (IOException e) {
      throw new UserError("step " + step.name() + " cannot be started: " + e.getMessage());
    }
    messages.info(
        step.name()
            + ": "
            + (entry.tries() == 0 ? "begins" : "goes on")
            + " with `"
            + step.command()
            + "`");
  }

  /** Shows what a step says, and keeps its error. */
  private void readLog(String step, Running at) {
    Path log = folder.resolve(step + ".log");
    try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "r")) {
      byte[] bytes = new byte[(int) Math.min(1 << 20, file.length() - at.logRead)];
      file.seek(at.logRead);
      file.readFully(bytes);
      int whole = bytes.length;
      while (whole > 0 && bytes[whole - 1] != '\n') {
        whole--;
      }
      at.logRead += whole;
      new String(bytes, 0, whole, StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.isBlank())
          .forEach(
              line -> {
                if (line.startsWith("backfill: ")) {
                  at.error = line.substring("backfill: ".length());
                } else {
                  messages.info(step + ": " + line.replaceFirst("^\\d\\d:\\d\\d:\\d\\d ", ""));
                }
              });
    } catch (IOException e) {
      throw new UserError("cannot read " + log + ": " + e.getMessage());
    }
  }

  private void ended(Step step, Running at) {
    int code = at.process.exitValue();
    Entry entry = entries.get(step.name());
    long worked = System.currentTimeMillis() - at.startedAt;
    String reason =
        at.error != null
            ? at.error
            : code == 0
                ? null
                : "it ended with exit code "
                    + code
                    + "; its output is in "
                    + folder.resolve(step.name() + ".log");
    boolean failed = code != 0 && code != 3 && at.cut == null && !stopping;
    Entry now =
        new Entry(
            step.name(),
            StepState.PENDING,
            entry.tries(),
            entry.failures() + (failed ? 1 : 0),
            code,
            entry.startedAt(),
            System.currentTimeMillis(),
            entry.workedMillis() + worked,
            entry.requests() + requests(step, at.startedAt),
            reason,
            0,
            0);
    if (code == 0 || code == 3) {
      put(now.with(StepState.DONE, reason));
      messages.info(
          step.name()
              + ": "
              + (code == 0 ? "done" : "done, and a check failed: " + reason)
              + ", after "
              + Messages.time(now.workedMillis()));
    } else if (at.cut != null) {
      put(now.with(StepState.CUT, at.cut));
    } else if (stopping) {
      put(now.with(StepState.PENDING, "interrupted"));
    } else if (now.failures() <= step.retries()) {
      put(now.with(StepState.WAITING, reason));
      waitingUntil.put(step.name(), System.currentTimeMillis() + step.pause().toMillis());
      decide(
          step.name(),
          "failed (exit code "
              + code
              + "), and is repeated in "
              + Messages.time(step.pause().toMillis())
              + ", time "
              + now.failures()
              + " of "
              + step.retries()
              + ": "
              + reason);
    } else if (code == 2) {
      put(now.with(StepState.DONE, reason));
      decide(step.name(), "done, but some ids failed: " + reason);
    } else {
      put(now.with(StepState.FAILED, reason));
      decide(
          step.name(),
          "failed (exit code "
              + code
              + ")"
              + (step.goesOn()
                  ? "; the steps after it run with the data that is available: "
                  : "; the steps after it are not started: ")
              + reason);
    }
  }

  /** The requests of a step's last try, as its jobs say it: those of one source once. */
  private long requests(Step step, long since) {
    Map<String, Long> bySource = new HashMap<>();
    for (Job job : PipelineStatus.jobs(settings.home(), step)) {
      Path file = Progress.statusFile(settings.path("runtime.dir"), job.getName(), Share.WHOLE);
      if (Files.exists(file)) {
        try {
          JobStatus run = JobStatus.read(file);
          if (Instant.parse(run.startedAt()).toEpochMilli() >= since) {
            bySource.merge(job.getSource(), run.run().requests(), Math::max);
          }
        } catch (IOException e) {
          messages.warn("cannot read " + file + ": " + e.getMessage());
        }
      }
    }
    return bySource.values().stream().mapToLong(Long::longValue).sum();
  }

  private Result result() {
    Set<Integer> codes = new LinkedHashSet<>();
    List<String> reasons = new ArrayList<>();
    boolean again = false;
    for (Entry entry : entries.values()) {
      if (entry.state() == StepState.FAILED) {
        boolean lets = pipeline.step(entry.step()).goesOn();
        codes.add(entry.exitCode() == 4 || entry.exitCode() == 5 ? entry.exitCode() : lets ? 2 : 1);
        reasons.add(entry.step() + " failed");
        again = true;
      } else if (entry.state() == StepState.DONE && entry.exitCode() > 0) {
        codes.add(entry.exitCode());
        reasons.add(entry.step() + (entry.exitCode() == 3 ? ": check failed" : " has failed ids"));
      }
    }
    // what a step found is the result of the whole; without it, its quality is unknown
    for (Entry entry : entries.values()) {
      if (pipeline.step(entry.step()).report()
          && (entry.state() == StepState.CUT || entry.state() == StepState.SKIPPED)) {
        codes.add(3);
        reasons.add(entry.step() + " was " + entry.state().text());
      }
    }
    List<String> lacking =
        entries.values().stream()
            .filter(entry -> entry.state() == StepState.CUT || entry.state() == StepState.SKIPPED)
            .map(entry -> entry.state().text() + " " + entry.step())
            .toList();
    boolean open = entries.values().stream().anyMatch(entry -> !entry.state().isSettled());
    int code =
        stopping
            ? 130
            : List.of(4, 1, 5, 3, 2).stream().filter(codes::contains).findFirst().orElse(0);
    ledger.end(
        pass.number(),
        again ? "failed" : open ? stopping ? "interrupted" : "open" : "finished",
        code);
    String reason =
        stopping
            ? stopReason
            : reasons.isEmpty()
                ? lacking.isEmpty()
                    ? null
                    : "done with the data available in time: " + String.join(", ", lacking)
                : String.join(", ", reasons)
                    + (again
                        ? "; the same command repeats the failed steps and the steps after them"
                        : "");
    return new Result(code, reason, status());
  }

  @Override
  public void close() {
    ledger.close();
    lock.close();
  }
}
