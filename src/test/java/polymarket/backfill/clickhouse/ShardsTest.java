package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.UserError;

/** What is sent to a cluster with two shards of two replicas. */
class ShardsTest {

  private static final String SPREAD =
      "CREATE TABLE IF NOT EXISTS default.t (a UInt8, b UInt8) ENGINE = ReplacingMergeTree(b) /*"
          + " sharded */ ORDER BY (a, b)";

  private Shards shards;
  private Cluster cluster;

  @BeforeEach
  void make() {
    shards = new Shards("c", 2, 2, "/clickhouse/tables/{uuid}/{shard}", "{replica}");
    cluster = new Cluster("c").over(shards);
  }

  private List<String> sent(String sql) {
    return cluster.statements(
        sql,
        table ->
            "ReplicatedMergeTree('/clickhouse/tables/{uuid}/whole', '{shard}-{replica}') ORDER BY"
                + " a");
  }

  @Test
  void aTableThatIsSpread_isAReplicatedTableOfEachShard_andADistributedOneAboveIt() {
    assertEquals(
        List.of(
            "CREATE TABLE IF NOT EXISTS default.t_shard ON CLUSTER `c` (a UInt8, b UInt8) ENGINE ="
                + " ReplicatedReplacingMergeTree(b) /* sharded */ ORDER BY (a, b)",
            "CREATE TABLE IF NOT EXISTS default.t ON CLUSTER `c` AS default.t_shard ENGINE ="
                + " Distributed('c', 'default', 't_shard', cityHash64(a))"),
        sent(SPREAD));
    assertEquals("default.t_shard", shards.stored("default.t"));
    assertEquals("default.u", shards.stored("default.u"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '~',
      value = {
        "MergeTree ORDER BY a;"
            + " ReplicatedMergeTree('/clickhouse/tables/{uuid}/whole', '{shard}-{replica}') ORDER"
            + " BY a",
        "ReplacingMergeTree (v) ORDER BY a;"
            + " ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/whole',"
            + " '{shard}-{replica}', v) ORDER BY a",
        "MergeTree() ORDER BY a;"
            + " ReplicatedMergeTree('/clickhouse/tables/{uuid}/whole', '{shard}-{replica}') ORDER"
            + " BY a",
        "Null; Null",
      })
  void anyOtherTable_isOneOfAllServers(String engine, String replicated) {
    assertEquals(
        List.of("CREATE TABLE u ON CLUSTER `c` (a UInt8) ENGINE = " + replicated),
        sent("CREATE TABLE u (a UInt8) ENGINE = " + engine));
  }

  @Test
  void aCopyOfSuchATable_isOneToo() {
    assertEquals(
        List.of(
            "CREATE TABLE u_next ON CLUSTER `c` AS u ENGINE ="
                + " ReplicatedMergeTree('/clickhouse/tables/{uuid}/whole', '{shard}-{replica}')"
                + " ORDER BY a"),
        sent("CREATE TABLE u_next AS u"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '~',
      value = {
        "DELETE FROM default.t WHERE a = 1; DELETE FROM default.t_shard ON CLUSTER `c` WHERE a = 1",
        "/* why */ DELETE FROM t WHERE a = 1; /* why */ DELETE FROM default.t_shard ON CLUSTER `c`"
            + " WHERE a = 1",
        "TRUNCATE TABLE IF EXISTS default.t; TRUNCATE TABLE IF EXISTS default.t_shard ON CLUSTER"
            + " `c`",
        "OPTIMIZE TABLE default.`t` FINAL; OPTIMIZE TABLE default.t_shard ON CLUSTER `c` FINAL",
        "ALTER TABLE default.t UPDATE b = 1 WHERE a IN (SELECT a FROM default.u); ALTER TABLE"
            + " default.t_shard ON CLUSTER `c` UPDATE b = 1 WHERE a IN (SELECT a FROM default.u)",
        "INSERT INTO default.t SELECT 1; INSERT INTO default.t SELECT 1",
        "DELETE FROM default.u WHERE a = 1; DELETE FROM default.u WHERE a = 1",
        "ALTER TABLE default.t RESET SETTING x; ALTER TABLE default.t_shard ON CLUSTER `c` RESET"
            + " SETTING x",
      })
  void whatADistributedTableCannotDo_isDoneToTheTablesOfTheShards(String sql, String sent) {
    sent(SPREAD);
    assertEquals(List.of(sent), sent(sql));
    if (!sql.startsWith("ALTER")) {
      assertEquals(sent, cluster.changed(sql), "of a route");
    }
  }

  @Test
  void columnsAreChangedInBoth_andBothAreDropped() {
    sent(SPREAD);
    assertEquals(
        List.of(
            "ALTER TABLE default.t_shard ON CLUSTER `c` ADD COLUMN IF NOT EXISTS c UInt8",
            "ALTER TABLE default.t ON CLUSTER `c` ADD COLUMN IF NOT EXISTS c UInt8"),
        sent("ALTER TABLE default.t ADD COLUMN IF NOT EXISTS c UInt8"));
    assertEquals(
        List.of(
            "DROP TABLE IF EXISTS default.t ON CLUSTER `c` SYNC",
            "DROP TABLE IF EXISTS default.t_shard ON CLUSTER `c` SYNC"),
        sent("DROP TABLE IF EXISTS default.t SYNC"));
    assertNull(shards.parts("DELETE FROM default.t WHERE a = 1"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE TABLE default.copy AS default.t",
        "CREATE TABLE default.t AS default.u",
        "RENAME TABLE default.t TO default.other",
        "EXCHANGE TABLES default.u AND default.t",
        "ALTER TABLE default.t ATTACH PARTITION ALL FROM default.u",
        "DELETE FROM default.t WHERE a IN (SELECT a FROM default.t)",
      })
  void whatTheShardsWouldNotDoTogether_isRefused(String sql) {
    sent(SPREAD);
    String message = assertThrows(UserError.class, () -> sent(sql)).getMessage();
    assertTrue(message.startsWith("clickhouse.cluster: "), message);
    assertTrue(message.contains("; name a cluster with one shard for this: "), message);
  }

  @Test
  void aBatchWaitsForTheReplicasOfAShard_andAStatementForAllServers() {
    sent(SPREAD);
    assertEquals("2", shards.settings().get("insert_quorum"));
    assertEquals("4", cluster.settings("INSERT INTO default.u SELECT 1").get("insert_quorum"));
    assertEquals(Map.of(), cluster.settings("INSERT INTO default.t SELECT 1"));
    assertEquals(Map.of(), cluster.settings("SELECT 1"));
  }
}
