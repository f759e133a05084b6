package polymarket.backfill.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import polymarket.backfill.Daemons;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Nearest;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.pipeline.PassState;

/**
 * Starts jobs and pipelines by the settings {@code serve.schedule.NAME}, one at a time, while
 * nothing else runs. When a person starts something, what a schedule started is stopped as Ctrl-C
 * stops it, and goes on half a minute after the person's run has ended.
 */
final class Schedules implements AutoCloseable {

  private static final String PREFIX = "serve.schedule.";

  /** Follows the head of a source: it runs while no other schedule is due. */
  private static final String FOLLOW = "follow";

  private static final long TICK_MILLIS = 500;

  /** How long nothing is started after a person's run was seen, which may start another one. */
  private static final long QUIET_MILLIS = Long.getLong("backfill.schedule-quiet-millis", 30_000);

  /** How long a process may take to end. */
  private static final long STOP_SECONDS = 120;

  private static final Logger LOG = LoggerFactory.getLogger(Schedules.class);

  /**
   * A schedule, as the page and {@code status --json} show it.
   *
   * @param every such as 6h, or follow
   * @param next when it is started next at the earliest; null while it runs
   * @param lastEnd when its last run ended; null before the first
   * @param lastResult how that ended, such as complete
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Shown(
      String name, String every, boolean running, String next, String lastEnd, String lastResult) {}

  private static final class Schedule {
    private final String name;
    private final String every;

    /** Null where it follows. */
    private final Duration period;

    private final boolean pipeline;
    private long next = System.currentTimeMillis();
    private Started started;

    /** Whether that was asked to stop: a second signal would end it at once. */
    private boolean stopping;

    private long lastEnd;
    private String lastResult;

    private Schedule(String name, String every, Duration period, boolean pipeline) {
      this.name = name;
      this.every = every;
      this.period = period;
      this.pipeline = pipeline;
    }

    private void stop() {
      if (!stopping) {
        stopping = true;
        started.process().destroy();
      }
    }

    private Shown shown() {
      return new Shown(
          name,
          every,
          started != null,
          started != null ? null : text(next),
          lastEnd == 0 ? null : text(lastEnd),
          lastResult);
    }

    private static String text(long millis) {
      return Instant.ofEpochMilli(millis).truncatedTo(ChronoUnit.SECONDS).toString();
    }
  }

  private final Settings settings;
  private final Path runtime;
  private final List<String> sets;
  private final List<Schedule> schedules = new ArrayList<>();
  private final EventLog events;
  private final ScheduledExecutorService clock = Daemons.clock("schedules");
  private long quietUntil;
  private List<Shown> shown = List.of();

  /**
   * Reads the settings, and begins.
   *
   * @param sets {@code --set KEY=VALUE} for what is started
   * @throws UserError if a setting names no job or pipeline, or has a wrong value
   */
  Schedules(Settings settings, List<String> jobs, List<String> pipelines, List<String> sets) {
    this.settings = settings;
    this.runtime = settings.path("runtime.dir");
    this.sets = sets;
    this.events = new EventLog(runtime, "schedule");
    settings.all().keySet().stream()
        .filter(key -> key.startsWith(PREFIX) && !settings.text(key).isEmpty())
        .forEach(key -> schedules.add(schedule(key, jobs, pipelines)));
    show();
    if (!schedules.isEmpty()) {
      clock.scheduleWithFixedDelay(this::tick, TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
    }
  }

  private Schedule schedule(String key, List<String> jobs, List<String> pipelines) {
    String name = Job.ownName(Common.home(), key.substring(PREFIX.length()));
    String every = settings.text(key);
    List<String> all = new ArrayList<>(jobs);
    all.addAll(pipelines);
    if (!all.contains(name)) {
      throw new UserError(
          "setting "
              + key
              + ": no job or pipeline '"
              + name
              + "'."
              + Nearest.hint(name, all)
              + " They are: "
              + String.join(", ", all));
    }
    if (every.equals(FOLLOW)) {
      if (!jobs.contains(name) || Job.read(Common.home(), name).idKind() != IdKind.RANGE) {
        throw new UserError(
            "setting "
                + key
                + " is 'follow', which is for jobs whose ids are ranges; give a time such as 6h");
      }
      return new Schedule(name, every, null, false);
    }
    Duration period = Settings.duration(every, "setting " + key);
    if (period.toSeconds() < 1) {
      throw new UserError("setting " + key + " is '" + every + "'; it takes at least 1s");
    }
    return new Schedule(name, every, period, !jobs.contains(name));
  }

  private void tick() {
    try {
      step();
      show();
    } catch (RuntimeException e) {
      // such as a ledger that is being replaced; the next tick looks again
      LOG.warn("schedules: {}", e.getMessage());
    }
  }

  private synchronized void step() {
    long now = System.currentTimeMillis();
    schedules.stream().filter(of -> of.started != null).forEach(of -> settle(of, now));
    boolean others =
        ShareLock.all(runtime).stream()
            .anyMatch(
                holder ->
                    !holder.isScheduled() && !holder.process().equals(ProcessHandle.current()));
    quietUntil = others ? now + QUIET_MILLIS : quietUntil;
    Schedule running = schedules.stream().filter(of -> of.started != null).findFirst().orElse(null);
    Schedule due =
        schedules.stream()
            .filter(of -> of.started == null && of.next <= now)
            .min(
                Comparator.comparing((Schedule of) -> of.period == null)
                    .thenComparing(of -> of.next))
            .orElse(null);
    if (running != null) {
      if (others || running.period == null && due != null && due.period != null) {
        running.stop();
      }
    } else if (due != null && now >= quietUntil) {
      start(due);
    }
  }

  /** Takes the end of a run. */
  private void settle(Schedule of, long now) {
    if (of.started.process().isAlive()) {
      return;
    }
    ExitCode exit = ExitCode.of(of.started.process().exitValue());
    boolean stopped = exit == ExitCode.INTERRUPTED;
    of.lastEnd = now;
    of.lastResult =
        switch (exit) {
          case COMPLETE -> "complete";
          case FAILED_IDS -> "finished with failed ids";
          case INTERRUPTED -> "stopped, and continues";
          default -> "exit code " + exit.code() + ": " + of.started.lastLine();
        };
    // who stopped it has not taken its locks yet
    quietUntil = stopped ? Math.max(quietUntil, now + QUIET_MILLIS) : quietUntil;
    of.next = stopped || of.period == null ? now : of.started.at() + of.period.toMillis();
    // what fails at once is not tried at once again
    if (!stopped && of.next <= now) {
      of.next =
          now + Math.min(QUIET_MILLIS, of.period == null ? QUIET_MILLIS : of.period.toMillis());
    }
    events.add(of.name + " ended: " + of.lastResult);
    of.started = null;
    of.stopping = false;
  }

  private void start(Schedule due) {
    List<String> words = new ArrayList<>(List.of(due.pipeline ? "pipeline" : "run", due.name));
    if (due.pipeline) {
      StatusCommand.passes(settings, List.of(due.name)).stream()
          .filter(pass -> pass.state() == PassState.FINISHED)
          .forEach(pass -> words.add("--again"));
    } else if (Job.read(Common.home(), due.name).idKind() == IdKind.RANGE) {
      words.addAll(List.of("--to", "latest"));
    }
    if (due.period == null) {
      words.add("--follow");
    }
    words.addAll(sets);
    due.started =
        Started.start(
            words,
            runtime.resolve("serve/" + due.name + ".schedule.log"),
            List.of("-Dbackfill.scheduled=true"));
    events.add(due.name + " started");
  }

  private static Path file(Path runtime) {
    return runtime.resolve("serve/schedules.json");
  }

  private synchronized void show() {
    List<Shown> now = schedules.stream().map(Schedule::shown).toList();
    if (now.equals(shown) && Files.exists(file(runtime))) {
      return;
    }
    shown = now;
    try {
      Files.createDirectories(file(runtime).getParent());
      Redaction.write(file(runtime), Report.json(now));
    } catch (IOException e) {
      throw UserError.unwritable(file(runtime), e);
    }
  }

  /** The schedules of the page that runs, or ran last, in a runtime folder. */
  static List<Shown> read(Settings settings) {
    Path file = file(settings.path("runtime.dir"));
    if (!Files.exists(file)) {
      return List.of();
    }
    try {
      return Redaction.json().readValue(file.toFile(), new TypeReference<List<Shown>>() {});
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + UserError.reason(e));
    }
  }

  /** Stops what it started, and waits for it. */
  @Override
  public void close() {
    clock.shutdownNow();
    synchronized (this) {
      for (Schedule of : schedules) {
        if (of.started != null) {
          of.stop();
          try {
            if (!of.started.process().waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
              of.started.process().destroyForcibly();
            }
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        }
      }
      try {
        Files.deleteIfExists(file(runtime));
      } catch (IOException e) {
        LOG.warn("cannot delete {}: {}", file(runtime), UserError.reason(e));
      }
    }
  }
}
