package polymarket.backfill.clickhouse;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/**
 * The settings by which a read sees all that was written before, although the next request may be
 * answered by another replica. The program decides by what it reads: which rows of a resumed batch
 * are stored, whether all rows of a batch arrived, who holds a job's lock.
 *
 * <p>On a cluster the writes wait ({@code insert_quorum} of all replicas), and reads cost nothing
 * more. Where the cluster has several shards, an insert may wait only for as many replicas as one
 * shard has, so all requests go to one server, which has what it stored. {@code
 * select_sequential_consistency} is not used there, because it needs inserts that come one after
 * the other ({@code insert_quorum_parallel = 0}), and several batches are in flight. ClickHouse
 * Cloud keeps its parts in one place, so there the reads ask for the newest state.
 *
 * @param always sent with every request
 * @param statements sent with statements besides
 */
record Replicas(Map<String, String> always, Map<String, String> statements) {

  /** How often a URL is asked which server answers. */
  private static final int PROBES = 5;

  /** A mutation is done when the statement ends. */
  private static final Map<String, String> WAIT = Map.of("mutations_sync", "1");

  /** One server. */
  static final Replicas NONE = new Replicas(Map.of(), WAIT);

  /**
   * @param inCluster the number of replicas of the cluster that the settings name; 0 if they name
   *     none
   * @param shards of it; null where it has one
   * @throws UserError if one replica is to be used, and the URL leads to several; or if there are
   *     several shards, and {@code clickhouse.stored-on} is not {@code one}
   */
  static Replicas of(ClickHouse clickHouse, Settings settings, long inCluster, Shards shards) {
    String storedOn = settings.text("clickhouse.stored-on");
    if (!storedOn.equals("all") && !storedOn.equals("one")) {
      throw new UserError(
          "setting clickhouse.stored-on is '" + storedOn + "'; it takes all or one");
    }
    Map<String, String> statements = new TreeMap<>(WAIT);
    // replicated tables drop a block that equals an earlier one, even if it was deleted meanwhile;
    // only inserts with a token may be repeated
    statements.put("insert_deduplicate", "0");
    if (inCluster == 0) {
      if (!isCloud(clickHouse)) {
        return NONE;
      }
      statements.put("mutations_sync", "2");
      return new Replicas(Map.of("select_sequential_consistency", "1"), statements);
    }
    if (shards != null && !storedOn.equals("one")) {
      shards.refuseAnyServer();
    }
    if (storedOn.equals("one")) {
      requireOne(clickHouse);
    }
    if (shards != null) {
      statements.put("mutations_sync", "2");
      return new Replicas(shards.settings(), statements);
    }
    if (storedOn.equals("one")) {
      return new Replicas(Map.of(), statements);
    }
    statements.put("mutations_sync", "2");
    return new Replicas(
        Map.of(
            "insert_quorum",
            String.valueOf(inCluster),
            "insert_quorum_parallel",
            "1",
            "insert_quorum_timeout",
            "60000",
            "alter_sync",
            "2"),
        statements);
  }

  private static boolean isCloud(ClickHouse clickHouse) {
    return clickHouse.number(
            "SELECT (SELECT count() FROM system.table_engines WHERE name = 'SharedMergeTree')"
                + " + (SELECT count() FROM system.settings WHERE name = 'cloud_mode' AND value ="
                + " '1')")
        > 0;
  }

  /** Each probe has a connection of its own: a load balancer chooses by connection. */
  private static void requireOne(ClickHouse clickHouse) {
    TreeSet<String> servers = new TreeSet<>();
    for (int i = 0; i < PROBES; i++) {
      try (InputStream in =
          clickHouse.raw("SELECT concat(hostName(), ' ', toString(serverUUID()))", "TSVRaw")) {
        servers.add(new String(in.readAllBytes(), StandardCharsets.UTF_8).strip());
      } catch (IOException e) {
        throw new ClickHouseException(clickHouse.where() + " does not answer: " + e, 0, e);
      }
    }
    if (servers.size() > 1) {
      throw new UserError(
          "clickhouse.stored-on is 'one', but "
              + clickHouse.where()
              + " leads to several servers ("
              + String.join(", ", servers)
              + "): set clickhouse.url to one of them, or clickhouse.stored-on to 'all'");
    }
  }
}
