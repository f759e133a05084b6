package polymarket.backfill.cli;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.OsSignal;
import polymarket.backfill.Redaction;
import polymarket.backfill.run.JobRun;

/** Ctrl-C and SIGTERM: once ends a run when what is in flight is stored, twice at once. */
final class Signals {

  /** The process that started this one as a step of its own work: this one ends when it does. */
  private static final Long PARENT = Long.getLong("backfill.parent");

  private static final String GOES_ON = "the same command continues where it stopped";
  private static volatile String afterwards = GOES_ON;
  private static volatile boolean asked;

  private Signals() {}

  /** Sets what the message of an interruption says, instead of that the same command continues. */
  static void afterwards(String text) {
    afterwards = text;
  }

  /** The reason of an end by Ctrl-C or SIGTERM. */
  static String interrupted() {
    return "interrupted; " + afterwards;
  }

  /** Whether this process got one of the two. */
  static boolean asked() {
    return asked;
  }

  static void handle(JobRun run, Messages messages) {
    handle(() -> run.stop(ExitCode.INTERRUPTED, interrupted()), messages);
  }

  /**
   * @param stop ends the work in good order, and returns at once
   */
  static void handle(Runnable stop, Messages messages) {
    if (Boolean.getBoolean("backfill.terminal")) {
      // jline, by which the width of the screen is found out, puts handlers of its own in the place
      // of those that are there
      new ConsoleProgressBarConsumer(Redaction.rawErr()).getMaxRenderedLength();
    }
    int[] times = {0};
    for (String name : PARENT == null ? new String[] {"INT", "TERM"} : new String[] {"TERM"}) {
      boolean ignored =
          OsSignal.handle(
              name,
              () -> {
                asked = true;
                if (++times[0] == 1) {
                  messages.info(
                      "stopping: work in flight is finished and marked; a second signal stops"
                          + " at once");
                  stop.run();
                } else {
                  messages.info(
                      "stopped at once; "
                          + (afterwards.equals(GOES_ON)
                              ? "the same command repeats what was not marked"
                              : afterwards));
                  Runtime.getRuntime().halt(ExitCode.INTERRUPTED.code());
                }
              });
      if (ignored) {
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
   * Where this process is a step of another one's work, it gets a SIGTERM when that one ends in
   * whatever way; and it leaves Ctrl-C, which goes to every process of the terminal, to that one.
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
