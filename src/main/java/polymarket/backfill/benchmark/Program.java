package polymarket.backfill.benchmark;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The program that is measured, as the command that starts a benchmark passes it in: the benchmark
 * imports nothing of it.
 */
public interface Program {

  /** The folder with routes and application.properties. */
  Path home();

  /** Where benchmarks may write: the setting runtime.dir. */
  Path runtime();

  /** A setting's value. */
  String setting(String key);

  /**
   * The settings by which it has an engine and a folder of its own, and nothing of the person's.
   */
  Map<String, String> apart(Path data, Path runtime);

  /**
   * The command line that starts it in a process of its own.
   *
   * @param javaOptions further options of Java's; one that sets backfill.home takes the place of
   *     this process's
   * @param arguments the command of ./backfill, and what follows it
   */
  List<String> command(List<String> javaOptions, List<String> arguments);

  /**
   * Attaches to the embedded ClickHouse of a data folder, or starts it; it runs until the last one
   * has let go.
   *
   * @param settings in the place of the program's own, clickhouse.data among them
   * @param sql the SQL file whose sections it runs by name; null for none
   * @throws BenchmarkException where it does not come up
   */
  Engine engine(Map<String, String> settings, String sql);

  /** The ledger of a job in the database of cluster.url; null where that is not set. */
  SharedLedger sharedLedger(String job);

  /** The body of the request by which it asks a portal for these blocks' logs. */
  String logsRequest(long first, long last, List<String> datasets);

  /** A line for the person who started the benchmark. */
  void info(String line);

  /** A line about something that the person may want to act on. */
  void warn(String line);

  /** How far it is, in a line that the next one replaces. */
  void status(String line);
}
