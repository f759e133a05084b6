package polymarket.backfill;

/**
 * Signals of the operating system. The JDK has no public class for them, so this is the one place
 * that uses {@code sun.misc.Signal} (module jdk.unsupported, in every JDK since 9).
 */
public final class OsSignal {

  private OsSignal() {}

  /**
   * Runs an action each time this process gets a signal, in place of what was done before.
   *
   * @param name without SIG: INT, TERM, HUP
   * @return whether the process ignored the signal until now
   */
  public static boolean handle(String name, Runnable action) {
    return sun.misc.Signal.handle(new sun.misc.Signal(name), signal -> action.run())
        == sun.misc.SignalHandler.SIG_IGN;
  }

  /** Ignores a signal from now on. */
  public static void ignore(String name) {
    sun.misc.Signal.handle(new sun.misc.Signal(name), sun.misc.SignalHandler.SIG_IGN);
  }

  /** Sends a signal to this process. */
  public static void raise(String name) {
    sun.misc.Signal.raise(new sun.misc.Signal(name));
  }
}
