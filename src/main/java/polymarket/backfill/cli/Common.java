package polymarket.backfill.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Option;
import polymarket.backfill.Home;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/** Options of every command. */
final class Common {

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Override a setting of application.properties; may be repeated.")
  private Map<String, String> overrides = new LinkedHashMap<>();

  @Option(
      names = "--debug",
      description = "Log every request and what the libraries say (or DEBUG=1).")
  private boolean debug;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help and exit.")
  private boolean help;

  Settings settings() {
    return Settings.load(home(), System.getenv(), overrides);
  }

  /** What --set gave. */
  Map<String, String> overrides() {
    return Map.copyOf(overrides);
  }

  void set(String key, Object value) {
    if (value != null) {
      overrides.put(key, String.valueOf(value));
    }
  }

  /** The project's folder: where the launcher stands. */
  static Path home() {
    Path home = Home.folder();
    if (!Files.isDirectory(home.resolve("routes"))) {
      throw new UserError(
          "no folder routes in "
              + home
              + "; start the program with the launcher ./backfill of its project");
    }
    return home;
  }
}
