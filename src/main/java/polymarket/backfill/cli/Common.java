package polymarket.backfill.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Option;
import polymarket.backfill.Home;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/** Options of every command. */
final class Common {

  /** More than the libraries of SQLite (1.5 MB) and JNA (0.2 MB) need. */
  private static final long LIBRARIES_BYTES = 4 << 20;

  /** Whether this process has said what it found in the environment. */
  private static final AtomicBoolean WARNED = new AtomicBoolean();

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Override a setting of application.properties; may be repeated.")
  private Map<String, String> overrides = new LinkedHashMap<>();

  @Option(
      names = "--debug",
      description = "Log every request and the messages of the libraries (or DEBUG=1).")
  private boolean debug;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help and exit.")
  private boolean help;

  Settings settings() {
    checkTemporaryFolder();
    Settings settings = Settings.load(home(), System.getenv(), overrides);
    // of the processes that one command starts, the first one says it
    if (System.getProperty("backfill.parent") == null && WARNED.compareAndSet(false, true)) {
      settings
          .misspelt(System.getenv())
          .forEach(line -> System.err.println("backfill: warning: " + line));
    }
    return settings;
  }

  /**
   * Checks Java's temporary folder: SQLite and JNA unpack their libraries there, and would fail
   * with a stack trace if they cannot.
   */
  private static void checkTemporaryFolder() {
    Path folder = Path.of(System.getProperty("java.io.tmpdir"));
    String wrong =
        !Files.isDirectory(folder)
            ? "is not a directory"
            : !Files.isWritable(folder)
                ? "cannot be written"
                : folder.toFile().getUsableSpace() < LIBRARIES_BYTES ? "is full" : null;
    if (wrong != null) {
      throw new UserError(
          "the temporary folder " + folder + " " + wrong + "; set TMPDIR to another one");
    }
  }

  /** The values of --set. */
  Map<String, String> overrides() {
    return Map.copyOf(overrides);
  }

  void set(String key, Object value) {
    if (value != null) {
      overrides.put(key, String.valueOf(value));
    }
  }

  /** The project's folder, which has the launcher. */
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
