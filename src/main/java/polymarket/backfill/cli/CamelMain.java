package polymarket.backfill.cli;

import java.util.function.UnaryOperator;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.Self;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.run.Routes;

/**
 * The main class of {@code mvn camel:run} and {@code mvn camel:dev}: starts camel-main with the
 * routes of all jobs and ClickHouse, waits until Ctrl-C or SIGTERM, and reloads edited routes. The
 * Camel Maven plugin calls it in Maven's own JVM.
 */
public final class CamelMain {

  private CamelMain() {}

  /**
   * @param arguments camel-main's own options, such as -d with a duration in seconds
   */
  public static void main(String[] arguments) throws Exception {
    Self.starts(Backfill.class);
    Redaction.install(UnaryOperator.identity(), UnaryOperator.identity());
    Log.configure("1".equals(System.getenv("DEBUG")));
    // Maven does not change to the project folder given with -f
    System.setProperty(
        "backfill.home",
        System.getProperty(
            "backfill.home", System.getProperty("maven.multiModuleProjectDirectory", ".")));
    try {
      run(new Terminal(true), arguments);
    } catch (UserError e) {
      System.err.println("backfill: " + e.getMessage());
      System.exit(e.exitCode().code());
    }
  }

  private static void run(Messages messages, String[] arguments) throws Exception {
    Settings settings = new Common().settings();
    try (ClickHouse clickHouse = ClickHouse.open(settings);
        Routes routes = Routes.startAll(settings, clickHouse, messages, arguments)) {
      Signals.handle(routes::end, messages);
      messages.info(
          "Camel has started "
              + Messages.count(routes.size(), "route")
              + " and waits; edits in "
              + settings.home().resolve("routes")
              + " are reloaded; Ctrl-C ends it");
      routes.await();
    }
  }
}
