package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ReplicaFront.Kind;
import polymarket.backfill.enrich.Enrich;
import polymarket.backfill.enrich.Reconcile;
import polymarket.backfill.sandbox.SandboxOptions;

/** Requests that are answered by either of two replicas, which lag behind each other. */
class ReplicasIT {

  private static final long LAG = 300;

  private static TestBed bed(ReplicaFront front) {
    TestBed bed = TestBed.start(new SandboxOptions().conditions(600).limits(0));
    front.settings().forEach(bed::set);
    return bed.set("payouts.batch-size", 100).set("clickhouse.user", "default");
  }

  @Test
  void withoutACluster_eachServerHasAnIdOfItsOwn() throws IOException {
    try (ReplicaFront front = new ReplicaFront(Kind.APART);
        ClickHouse clickHouse = ClickHouse.open(front.settings(TestBed.defaults()))) {
      String message = assertThrows(UserError.class, clickHouse::id).getMessage();
      assertTrue(message.contains("leads to several servers"), message);
      // now the other one answers first, and gives itself another id
      front.skip();
      clickHouse.id();
      List<List<Map<String, Object>>> ids =
          front.rows("SELECT comment FROM system.tables WHERE name = 'backfill_server'");
      assertNotEquals(ids.get(0), ids.get(1));
    }
  }

  @Test
  void aReadOnAReplicaThatLags_missesWhatWasInserted() throws IOException {
    try (ReplicaFront front = new ReplicaFront(Kind.CLUSTER).lag(LAG);
        TestBed bed = bed(front)) {
      bed.set("clickhouse.stored-on", "one");
      String message =
          assertThrows(UserError.class, () -> ClickHouse.open(bed.settings())).getMessage();
      assertTrue(message.contains(" leads to several servers ("), message);
      // a load balancer that changes the server only later
      front.hide();
      // longer than a busy machine takes from an insert to the look at what it stored
      front.lag(20 * LAG);
      assertEquals(ExitCode.NOT_BALANCED, bed.run(bed.ids(600)).exit());
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"CLUSTER", "CLOUD"})
  void aRunStoresEachRowOnce_whicheverReplicaAnswers(Kind kind) throws IOException {
    try (ReplicaFront front = new ReplicaFront(kind).lag(LAG);
        TestBed bed = bed(front)) {
      List<String> ids = bed.ids(600);
      assertEquals(ExitCode.COMPLETE, bed.run(ids).exit(), bed.messages().toString());
      long found =
          ids.stream()
              .filter(id -> bed.sandbox().truth().goldskyPayout(id).state().equals("found"))
              .count();
      for (List<Map<String, Object>> replica :
          front.rows(
              "SELECT count() AS rows, uniqExact(condition_id) AS ids FROM"
                  + " default.resolutions_external_ingest")) {
        assertEquals("[{rows=" + found + ", ids=" + found + "}]", replica.toString());
      }
      // the ledger is of the cluster, and a second run finds it whichever replica answers
      assertEquals(ExitCode.COMPLETE, bed.run(ids).exit(), bed.messages().toString());
      assertEquals(List.of(), front.failures);
      assertEquals(kind == Kind.CLOUD, front.onCluster.isEmpty());
    }
  }

  @Test
  void reconcileAndEnrich_exchangeTablesOnBothReplicas() throws IOException {
    try (ReplicaFront front = new ReplicaFront(Kind.CLUSTER).lag(20);
        TestBed bed = bed(front);
        ClickHouse clickHouse = ClickHouse.open(bed.settings())) {
      Reconcile.createTables(clickHouse);
      clickHouse.execute(SqlFile.read("markets").section("setup"), Map.of());
      clickHouse.execute(
          "INSERT INTO default.clob_market_mapping (condition_id, question_id, market_slug,"
              + " token_ids, fetched_at) SELECT leftPad(toString(number + 1), 64, '0'), '',"
              + " concat('slug-', toString(number)), [], '2026-01-01 00:00:00' FROM numbers(20)");
      clickHouse.execute(
          "CREATE TABLE default.trades_raw (trade_id UInt64, market_id String, timestamp DateTime)"
              + " ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY trade_id");
      trades(clickHouse, 0);
      List<String> said = new CopyOnWriteArrayList<>();
      Messages messages = new SaidMessages(said::add);
      new Reconcile(clickHouse, bed.settings(), messages).run();
      new Reconcile(clickHouse, bed.settings(), messages).run();
      Enrich.Result result = new Enrich(clickHouse, bed.settings(), messages, status -> {}).run();
      assertEquals("complete", result.state(), said.toString());
      assertEquals(1000, result.rows());
      assertEquals(500, result.filled());
      assertEquals(
          "unchanged",
          new Enrich(clickHouse, bed.settings(), messages, status -> {}).run().state());
      // the second table takes the place of the first one
      trades(clickHouse, 1000);
      result = new Enrich(clickHouse, bed.settings(), messages, status -> {}).run();
      assertEquals(2000, result.rows(), said.toString());
      assertSame(front, "SELECT count() AS n FROM default.enriched_trades_final", "[{n=2000}]");
      assertSame(
          front, "SELECT count() AS n FROM default.enriched_trades_final_previous", "[{n=1000}]");
      Enrich.rollback(clickHouse, bed.settings(), null);
      assertSame(front, "SELECT count() AS n FROM default.enriched_trades_final", "[{n=1000}]");
      Views.create(clickHouse, "positions");
      SqlFile positions = SqlFile.read("positions");
      clickHouse.execute(positions.section("next"), Map.of());
      clickHouse.execute(positions.section("exchange"), Map.of());
      assertSame(
          front,
          "SELECT count() AS n FROM system.tables WHERE name LIKE 'wallet_%_next'",
          "[{n=0}]");
      assertEquals(List.of(), front.failures);
      assertTrue(front.onCluster.stream().anyMatch(sql -> sql.startsWith("EXCHANGE TABLES")));
    }
  }

  private static void trades(ClickHouse clickHouse, int from) {
    clickHouse.execute(
        "INSERT INTO default.trades_raw SELECT number, concat('slug-', toString(number % 40)),"
            + " toDateTime('2026-01-01 00:00:00', 'UTC') + number * 3600 FROM numbers("
            + from
            + ", 1000)");
  }

  private static void assertSame(ReplicaFront front, String sql, String rows) {
    front.rows(sql).forEach(replica -> assertEquals(rows, replica.toString(), sql));
  }
}
