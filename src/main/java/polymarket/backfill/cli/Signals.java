package polymarket.backfill.cli;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.OsSignal;
import polymarket.backfill.Redaction;
import polymarket.backfill.run.JobRun;

/**
 * Handles Ctrl-C and SIGTERM: the first ends a run after the work in flight is stored, the second
 * at once.
 */
final class Signals {

  /** The process that started this one as a step; this process ends when that one does. */
  private static final Long PARENT = Long.getLong("backfill.parent");

  private static final String GOES_ON = "the same command continues where it stopped";
  private static volatile String afterwards = GOES_ON;
  private static final AtomicBoolean ASKED = new AtomicBoolean();

  /** Signals that are nearer are one: timeout(1) sends its own to the process and to its group. */
  private static final long SAME_NANOS = 200_000_000;

  private static final long LOOK_MILLIS = 100;

  /** How long a second signal lets a run write its status. */
  private static final long LAST_MILLIS = 500;

  /** The ignored signals that the user was told of. */
  private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();

  private static volatile long askedAt;

  private Signals() {}

  /**
   * Sets the end of the message for an interruption; by default, that the same command continues.
   */
  static void afterwards(String text) {
    afterwards = text;
  }

  /** The message for an end by Ctrl-C or SIGTERM. */
  static String interrupted() {
    return "interrupted; " + afterwards;
  }

  /** Whether this process is a step of another one, which handles Ctrl-C. */
  static boolean isStep() {
    return PARENT != null;
  }

  /** Whether this process has received one of the two. */
  static boolean asked() {
    return ASKED.get();
  }

  /**
   * Waits; returns early, and true, where one of the two was received or the thread interrupted.
   */
  static boolean askedWithin(long millis) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    try {
      while (!asked() && System.nanoTime() < end) {
        TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
      }
      return asked();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return true;
    }
  }

  static void handle(JobRun run, Messages messages) {
    handle(() -> run.stop(ExitCode.INTERRUPTED, interrupted()), run::endsNow, messages);
  }

  /**
   * @param stop starts a clean stop, and returns at once. If a signal has come already, while one
   *     run followed another, it is called now
   */
  static void handle(Runnable stop, Messages messages) {
    handle(stop, () -> {}, messages);
  }

  /**
   * @param atOnce is called before the process ends because of a second signal, and has half a
   *     second
   */
  private static void handle(Runnable stop, Runnable atOnce, Messages messages) {
    pass(
        () -> {
          if (ASKED.compareAndSet(false, true)) {
            askedAt = System.nanoTime();
            messages.info(
                "stopping: work in flight is finished and marked; a second signal stops at once");
            stop.run();
          } else if (System.nanoTime() - askedAt > SAME_NANOS) {
            messages.info(
                "stopped at once; "
                    + (afterwards.equals(GOES_ON)
                        ? "the same command repeats what was not marked"
                        : afterwards));
            try {
              CompletableFuture.runAsync(atOnce).get(LAST_MILLIS, TimeUnit.MILLISECONDS);
            } catch (InterruptedException | ExecutionException | TimeoutException e) {
              // it ends all the same
            }
            Runtime.getRuntime().halt(ExitCode.INTERRUPTED.code());
          }
        },
        messages);
    if (asked()) {
      stop.run();
    }
  }

  /**
   * Does the same for each signal, such as passing it on to the process that does the work.
   *
   * @param each returns at once
   */
  static void pass(Runnable each, Messages messages) {
    if (Boolean.getBoolean("backfill.terminal")) {
      // jline, which is used to find the width of the screen, replaces existing handlers with its
      // own
      new ConsoleProgressBarConsumer(Redaction.rawErr()).getMaxRenderedLength();
    }
    for (String name : PARENT == null ? new String[] {"INT", "TERM"} : new String[] {"TERM"}) {
      boolean ignored = OsSignal.handle(name, each);
      if (ignored && TOLD.add(name)) {
        messages.info(
            "SIG"
                + name
                + " is ignored here, as in every process that a script starts with &; kill "
                + ProcessHandle.current().pid()
                + " stops it cleanly");
      }
    }
  }

  /**
   * If this process is a step of a pipeline, it gets a SIGTERM when the pipeline's process ends for
   * any reason; and it ignores Ctrl-C, which is sent to every process of the terminal and handled
   * by the pipeline.
   */
  static void followParent() {
    if (PARENT == null) {
      return;
    }
    OsSignal.ignore("INT");
    ProcessHandle.of(PARENT)
        .ifPresentOrElse(
            parent -> parent.onExit().thenRun(() -> OsSignal.raise("TERM")),
            () -> OsSignal.raise("TERM"));
  }
}
