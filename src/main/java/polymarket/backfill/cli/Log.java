package polymarket.backfill.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import org.slf4j.LoggerFactory;

/** The log level of libraries: only errors, or with --debug every request. */
final class Log {

  private static boolean debug;

  private Log() {}

  /** Whether the messages of the libraries are shown. */
  static boolean isDebug() {
    return debug;
  }

  static void configure(boolean debug) {
    Log.debug = debug;
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.getLogger("ROOT").setLevel(debug ? Level.INFO : Level.OFF);
    context.getLogger("backfill").setLevel(debug ? Level.DEBUG : Level.OFF);
  }
}
