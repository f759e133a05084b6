package polymarket.backfill.benchmark;

import java.util.List;
import java.util.Map;

/** The ClickHouse of a benchmark, and what the program does in it at a benchmark's request. */
public interface Engine extends AutoCloseable {

  /** A placeholder's value that is SQL itself. */
  record Sql(String text) {}

  /** The one value of a query. */
  Object value(String sql);

  /** The rows of a query. */
  List<Map<String, Object>> rows(String sql);

  /** Runs a statement that gives no rows. */
  void execute(String sql);

  /**
   * Inserts rows as the program does.
   *
   * @param json rows in JSON, one a line
   * @param token says which rows these are
   */
  void insert(String table, byte[] json, String token);

  /** The table that has the rows of a table on this server: of a shard, its part. */
  String stored(String table);

  /** Makes the tables of a job, where they are not there. */
  void createTables(String job);

  /** The one value of a section of the SQL file that it was opened with. */
  Object value(String section, Map<String, ?> values);

  /** Runs the statements of a section of the SQL file that it was opened with. */
  void run(String section, Map<String, ?> values);

  /** Makes the tables of the mapping, where they are not there. */
  void createMappingTables();

  /**
   * Runs `enrich` to its end.
   *
   * @param settings in the place of those that the engine was opened with
   * @return rows, original, filled, unfillable, slices and halved; and in seconds_in how many each
   *     step took
   */
  Map<String, Object> enrich(Map<String, String> settings);

  /**
   * Runs `audit` to its end, without a node and without a second source.
   *
   * @return broken, how many laws are; and laws, each with law, state, checked and seconds
   */
  Map<String, Object> audit();

  /** Lets go of it. */
  @Override
  void close();
}
