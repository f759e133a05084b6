package polymarket.backfill;

import java.util.ArrayList;
import java.util.List;

/** Whether a run is to stop before its work is done, and why. The first reason counts. */
public final class Stop {

  private ExitCode code;
  private String reason;
  private final List<Runnable> listeners = new ArrayList<>();

  /**
   * Asks the run to end. Returns at once, whatever locks the caller holds: the listeners are told
   * by a thread of their own, because they may need a lock whose holder waits for one of the
   * caller's.
   */
  public void ask(ExitCode exitCode, String why) {
    List<Runnable> toTell;
    synchronized (this) {
      if (code != null) {
        return;
      }
      code = exitCode;
      reason = why;
      toTell = List.copyOf(listeners);
    }
    Daemons.start("stop", () -> toTell.forEach(Runnable::run));
  }

  public synchronized boolean asked() {
    return code != null;
  }

  /** The exit code; null where nobody asked. */
  public synchronized ExitCode code() {
    return code;
  }

  public synchronized String reason() {
    return reason;
  }

  public synchronized void listen(Runnable listener) {
    listeners.add(listener);
  }
}
