package polymarket.backfill.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.pipeline.Pipeline.IfShort;
import polymarket.backfill.pipeline.Pipeline.Step;
import polymarket.backfill.pipeline.PipelineLedger.Entry;
import polymarket.backfill.pipeline.PipelineLedger.Pass;
import polymarket.backfill.run.Conductor;

/**
 * One run of a pipeline: starts each step as a separate process of the program when the steps
 * before it have ended, watches the time, repeats failed steps, and records everything in the
 * pipeline's ledger, so that the next run continues where this one ends.
 */
public final class PipelineRun implements AutoCloseable {

  private static final long TICK_MILLIS = 1000;

  /**
   * What the user asked for.
   *
   * @param budget of the whole pass; null for the one of the pass, or of the file
   * @param again whether a new pass is begun although there is one
   * @param only the one step to run, or null
   * @param from the step to begin with, or null
   */
  public record Options(Duration budget, boolean again, String only, String from) {

    boolean isPart() {
      return only != null || from != null;
    }

    /**
     * The names of the selected steps.
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

  /** Is shown the progress of a run. */
  public interface Watcher {

    /** Called about once a second, and at the end. */
    void tick(PipelineStatus status);

    /** Called once, when no more ticks follow. */
    void ended();
  }

  /**
   * How a run ended.
   *
   * @param reason in one line; null where every step is done and nothing failed
   */
  public record Result(ExitCode exit, String reason, PipelineStatus status) {}

  private final Settings settings;
  private final Pipeline pipeline;
  private final Map<String, Entry> lastDone;
  private final Options options;
  private final List<String> arguments;
  private final int width;
  private final Messages messages;
  private final PipelineFiles files;
  private final ShareLock lock;
  private final PipelineLedger ledger;
  private final Set<String> selected;
  private final Map<String, StepProcess> running = new LinkedHashMap<>();
  private final Map<String, Long> waitingUntil = new HashMap<>();
  private final PassStart start;
  private Pass pass;
  private PassSteps steps;
  private TimeBudget budget;
  private boolean saidUsedUp;
  private volatile String stopReason;

  /**
   * Opens the ledger, and decides what is to be done.
   *
   * @param arguments for every step's command, such as --set
   * @param clickHouse the id of the ClickHouse that the steps fill
   * @param conductor keeps it to this machine; null where ledgers are not shared
   * @param width of the steps' progress lines, in characters
   * @throws UserError where another run of it is running, or its ledger belongs to another
   *     ClickHouse
   */
  public PipelineRun(
      Settings settings,
      Pipeline pipeline,
      Options options,
      List<String> arguments,
      String clickHouse,
      Conductor conductor,
      int width,
      Messages messages) {
    this.settings = settings;
    this.options = options;
    this.arguments = arguments;
    this.width = width;
    this.messages = messages;
    this.files = PipelineFiles.of(settings, pipeline.name());
    this.lock =
        ShareLock.take(
            files.lock(),
            Share.WHOLE,
            "pipeline " + pipeline.name(),
            "pipeline " + pipeline.name());
    try {
      Files.createDirectories(files.folder());
      this.ledger = PipelineLedger.open(files.ledger(), conductor, clickHouse);
    } catch (IOException e) {
      lock.close();
      throw UserError.unwritable(files.folder(), e);
    } catch (RuntimeException e) {
      lock.close();
      throw e;
    }
    try {
      this.lastDone = ledger.lastDone();
      this.pipeline = pipeline.taking(times(lastDone));
      this.selected = options.selected(this.pipeline);
      this.start = PassStart.of(ledger.last(), options, this.pipeline.budget());
      prepare();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** How long steps took the last time that they ended by themselves. */
  static Map<String, Duration> times(Map<String, Entry> lastDone) {
    Map<String, Duration> times = new LinkedHashMap<>();
    lastDone.forEach((step, entry) -> times.put(step, Duration.ofMillis(entry.workedMillis())));
    return times;
  }

  /** Begins or continues the pass, and makes pending what is to be run. */
  private void prepare() {
    Pass last = ledger.last();
    if (last != null) {
      StepProcess.awaitEarlier(ledger.steps(last.number()).values(), messages);
    }
    if (start.isNothingToDo()) {
      return;
    }
    sayTimes();
    if (start.isNew()) {
      pass = ledger.begin(start.budgetMillis());
    } else {
      pass = start.pass();
      ledger.resume(pass.number(), start.budgetMillis());
    }
    steps = new PassSteps(pipeline, ledger, pass.number());
    steps.endKilledTries(
        entry ->
            StepJobs.requests(
                settings, pipeline.step(entry.step()), entry.pidStartedAt(), messages));
    if (options.isPart()) {
      steps.reset(selected);
    } else {
      steps.resume();
      if (!start.isNew()) {
        messages.info(
            pipeline.name()
                + ": continuing pass "
                + pass.number()
                + ": "
                + steps.settled()
                + " of "
                + steps.all().size()
                + " steps done, "
                + Messages.time(start.spentMillis())
                + " of "
                + Messages.time(start.budgetMillis())
                + " used");
      }
    }
  }

  /** Says which durations of earlier passes the budget is divided by. */
  private void sayTimes() {
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

  /**
   * Asks the run to stop. The running steps are asked to stop too, and the run ends after them.
   * Returns at once.
   *
   * @param reason why, and what the user can do then
   */
  public void stop(String reason) {
    stopReason = reason;
  }

  /** Whether the last pass is finished and the user asked for nothing more. */
  public boolean isNothingToDo() {
    return start.isNothingToDo();
  }

  /** The status of the pass now. */
  public PipelineStatus status() {
    return PipelineStatus.of(pipeline, ledger, files).orElseThrow();
  }

  /** Runs until every selected step is settled, or a stop was asked for. */
  public Result run(Watcher watcher) {
    budget = new TimeBudget(pipeline, start);
    long nextTick = 0;
    try {
      while (true) {
        if (readSteps()) {
          nextTick = 0;
        }
        if (stopReason != null) {
          running.values().forEach(StepProcess::askToEnd);
        } else {
          watchTime();
          startSteps();
        }
        if (running.isEmpty() && (stopReason != null || steps.open(selected).isEmpty())) {
          break;
        }
        if (System.nanoTime() / 1_000_000 >= nextTick) {
          nextTick = System.nanoTime() / 1_000_000 + TICK_MILLIS;
          ledger.spent(pass.number(), budget.spent());
          running.keySet().forEach(name -> ledger.seen(pass.number(), name));
          watcher.tick(status());
        }
        StepProcess.pause();
      }
      ledger.spent(pass.number(), budget.spent());
      PassEnd end = PassEnd.of(pipeline, steps.all(), stopReason);
      ledger.end(pass.number(), end.state(), end.exit().code());
      PipelineStatus status = status();
      watcher.tick(status);
      return new Result(end.exit(), end.reason(), status);
    } finally {
      // none is left but after an internal error
      running.values().forEach(StepProcess::destroy);
      watcher.ended();
    }
  }

  /**
   * Reads what the running steps say, and records those that have ended.
   *
   * @return whether one has
   */
  private boolean readSteps() {
    boolean ended = false;
    for (StepProcess process : List.copyOf(running.values())) {
      String name = process.step().name();
      boolean alive = process.isAlive();
      process.readLog(line -> messages.info(name + ": " + line));
      if (!alive) {
        running.remove(name);
        ended(process);
        ended = true;
      }
    }
    return ended;
  }

  /** Stops steps that have no more time. */
  private void watchTime() {
    Set<String> open = steps.open(selected);
    for (StepProcess process : running.values()) {
      Step step = process.step();
      long worked = steps.get(step.name()).workedMillis() + process.workedMillis();
      if (process.cutReason() == null) {
        if (step.most() != null && worked >= step.most().toMillis()) {
          cut(process, "its limit is " + Messages.time(step.most().toMillis()));
        } else if (step.ifShort() != IfShort.RUN && budget.room(step, open) <= 0) {
          cut(process, budget.why(step, open));
        }
      }
      if (process.cutReason() != null) {
        process.askToEnd();
      }
    }
    if (!saidUsedUp && budget.isUsedUp()) {
      saidUsedUp = true;
      decide("", budget.usedUp() + "; required steps continue");
    }
  }

  private void cut(StepProcess process, String why) {
    process.cut(why);
    decide(
        process.step().name(),
        "stopped; its data so far is used: " + why + " (" + pipeline.where(process.step()) + ")");
  }

  private void decide(String step, String text) {
    ledger.decide(pass.number(), step, text);
    messages.info((step.isEmpty() ? pipeline.name() : step) + ": " + text);
  }

  /** Starts every step whose turn it is, or records why it is not started. */
  private void startSteps() {
    for (Step step : pipeline.steps().values()) {
      Entry entry = steps.get(step.name());
      if (!isReady(step, entry)) {
        continue;
      }
      Entry bad =
          step.after().stream()
              .filter(selected::contains)
              .map(steps::get)
              .filter(this::isBlocking)
              .findFirst()
              .orElse(null);
      Set<String> open = steps.open(selected);
      if (bad != null) {
        steps.put(
            entry.with(
                StepState.BLOCKED,
                "not started, because "
                    + bad.step()
                    + (bad.state() == StepState.FAILED ? " failed" : " was not started")));
      } else if (!step.isStartedWith(budget.room(step, open))) {
        String why =
            budget.why(step, open) + "; it takes about " + Messages.time(step.takes().toMillis());
        steps.put(entry.with(entry.tries() > 0 ? StepState.CUT : StepState.SKIPPED, why));
        decide(step.name(), "skipped: " + why + " (" + pipeline.where(step) + ")");
      } else {
        start(step, entry);
      }
    }
  }

  /** Whether a step can be started as far as the steps before it and its pause are concerned. */
  private boolean isReady(Step step, Entry entry) {
    return selected.contains(step.name())
        && (entry.state() == StepState.PENDING || entry.state() == StepState.WAITING)
        && waitingUntil.getOrDefault(step.name(), 0L) <= System.currentTimeMillis()
        && step.after().stream()
            .filter(selected::contains)
            .allMatch(before -> steps.get(before).state().isSettled());
  }

  /** Whether the steps after one are not started. */
  private boolean isBlocking(Entry entry) {
    return entry.state() == StepState.BLOCKED
        || entry.state() == StepState.FAILED && !pipeline.step(entry.step()).goesOn();
  }

  private void start(Step step, Entry entry) {
    StepProcess process = StepProcess.start(settings.home(), files, step, arguments, width);
    running.put(step.name(), process);
    steps.put(entry.started(process.pid(), process.pidStartedAt()));
    messages.info(
        step.name()
            + ": "
            + (entry.tries() == 0 ? "starts" : "continues")
            + " with `"
            + step.command()
            + "`");
  }

  /** Records the end of a step's process: done, cut, interrupted, to be repeated, or failed. */
  private void ended(StepProcess process) {
    Step step = process.step();
    int code = process.exitCode();
    ExitCode exit = ExitCode.of(code);
    boolean done = exit == ExitCode.COMPLETE || exit == ExitCode.CHECK_FAILED;
    String reason =
        process.error() != null || exit == ExitCode.COMPLETE
            ? process.error()
            : "it ended with exit code " + code + "; its output is in " + files.log(step.name());
    boolean failed = !done && process.cutReason() == null && stopReason == null;
    Entry now =
        steps
            .get(step.name())
            .ended(
                code,
                failed,
                process.workedMillis(),
                StepJobs.requests(settings, step, process.startedAt(), messages));
    if (done) {
      steps.put(now.with(StepState.DONE, reason));
      messages.info(
          step.name()
              + ": "
              + (exit == ExitCode.COMPLETE ? "done" : "done, but a check failed: " + reason)
              + ", after "
              + Messages.time(now.workedMillis()));
    } else if (process.cutReason() != null) {
      steps.put(now.with(StepState.CUT, process.cutReason()));
    } else if (stopReason != null) {
      steps.put(now.with(StepState.PENDING, "interrupted"));
    } else {
      failed(step, now, exit, reason);
    }
  }

  private void failed(Step step, Entry now, ExitCode exit, String reason) {
    String code = "failed (exit code " + now.exitCode() + ")";
    if (now.failures() <= step.retries()) {
      steps.put(now.with(StepState.WAITING, reason));
      waitingUntil.put(step.name(), System.currentTimeMillis() + step.pause().toMillis());
      decide(
          step.name(),
          code
              + "; retry "
              + now.failures()
              + " of "
              + step.retries()
              + " in "
              + Messages.time(step.pause().toMillis())
              + ": "
              + reason);
    } else if (exit == ExitCode.FAILED_IDS) {
      steps.put(now.with(StepState.DONE, reason));
      decide(step.name(), "done, but some ids failed: " + reason);
    } else {
      steps.put(now.with(StepState.FAILED, reason));
      decide(
          step.name(),
          code
              + (step.goesOn()
                  ? "; the steps after it run with the data that is available: "
                  : "; the steps after it are not started: ")
              + reason);
    }
  }

  @Override
  public void close() {
    ledger.close();
    lock.close();
  }
}
