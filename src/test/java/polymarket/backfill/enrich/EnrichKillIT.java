package polymarket.backfill.enrich;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.enrich.ReconcileIT.id;

import java.time.Duration;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.Program;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/**
 * The real program enriching, killed -9 at random instants, with the engine and without. See
 * KillIT.
 */
class EnrichKillIT {

  private static final int ROUNDS = Integer.getInteger("kill.rounds", 5);
  private static final long SEED = Long.getLong("kill.seed", System.nanoTime());
  private static final int ROWS = 1_200_000;

  @Test
  @Timeout(3600)
  void killedAtAnyInstant_losesAndDoublesNoTrade_andKeepsFinishedWork() throws Exception {
    System.out.println("enrich kill test: " + ROUNDS + " rounds, -Dkill.seed=" + SEED);
    Random random = new Random(SEED);
    try (TestBed bed = TestBed.start().ownEngine().job("enrich")) {
      bed.set("enrich.slice-rows", 20_000);
      bed.holdEngine();
      try (ClickHouse clickHouse = ClickHouse.open(bed.settings())) {
        prepare(clickHouse, ROWS);
      }
      // there is a table from before, which stands until the new one takes its place
      Settings first = bed.settings().with("runtime.dir", bed.home().resolve("first").toString());
      try (ClickHouse clickHouse = ClickHouse.open(first)) {
        clickHouse.execute(
            "CREATE TABLE default.enriched_trades_final (a UInt8) ENGINE = MergeTree ORDER BY a AS"
                + " SELECT 7");
      }
      int underWay = 0;
      long done = 0;
      int finished = 0;
      for (int round = 0; round < ROUNDS; round++) {
        bed.set("enrich.concurrency", 1 + random.nextInt(2));
        try (Program program = Program.start(bed, "enrich")) {
          // at any instant from the start on, or when some more slices are done
          long more = random.nextInt(4) == 0 ? 0 : done + 1 + random.nextInt(4);
          TestBed.await(
              "slices", Duration.ofSeconds(120), () -> !program.isAlive() || found(bed) >= more);
          program
              .process()
              .waitFor(
                  more == 0 ? random.nextInt(4000) : random.nextInt(200), TimeUnit.MILLISECONDS);
          if (!program.isAlive()) {
            assertEquals(0, program.process().exitValue(), program.err());
            finished++;
          }
        }
        if (random.nextInt(3) == 0) {
          bed.killEngine();
        }
        if (Ledger.exists(bed.ledgerFile())) {
          try (Ledger ledger = bed.ledger()) {
            long found = ledger.counts(Share.WHOLE).get(State.FOUND);
            assertTrue(
                found >= done,
                "slices that were done are not any more: " + found + " after " + done);
            System.out.println(
                "enrich kill test: killed with "
                    + found
                    + " of "
                    + ledger.size(Share.WHOLE)
                    + " slices done");
            done = found;
            underWay += found > 0 && found < ledger.size(Share.WHOLE) ? 1 : 0;
          }
        }
        if (finished > 0) {
          break;
        }
        assertEquals(
            1,
            bed.value(
                    "SELECT count() FROM system.columns WHERE database = 'default' AND table ="
                        + " 'enriched_trades_final' AND name = 'a'")
                + bed.value(
                    "SELECT count() FROM system.columns WHERE database = 'default' AND table ="
                        + " 'enriched_trades_final' AND name = 'unfillable_reason'"),
            "neither the old nor the new table");
      }
      Program.Result last = Program.run(bed, "enrich");
      assertEquals(0, last.exitCode(), last.toString());
      assertTruth(bed, ROWS);
      assertEquals(
          7,
          bed.value("SELECT a FROM default.enriched_trades_final_previous"),
          "the previous table is kept");
      System.out.println(
          "enrich kill test: "
              + underWay
              + " rounds were killed with slices done and slices to do");
      assertTrue(underWay > 2, "too few kills came in between: " + underWay);
    }
  }

  /**
   * Every trade of {@link #prepare} is there once, with its condition, and nothing is left over.
   */
  static void assertTruth(TestBed bed, int rows) {
    assertEquals(rows, bed.value("SELECT count() FROM default.enriched_trades_final"));
    assertEquals(rows, bed.value("SELECT uniqExact(trade_id) FROM default.enriched_trades_final"));
    assertEquals(
        0,
        bed.value(
            "SELECT countIf(condition_id != multiIf(trade_id % 3 = 0, '"
                + id(1)
                + "', trade_id % 3 = 1, '"
                + id(4)
                + "', '') OR note != concat('n', toString(trade_id * 7)))"
                + " FROM default.enriched_trades_final"));
    assertEquals(
        0,
        bed.value(
            "SELECT count() FROM system.tables WHERE database = 'backfill_enrich' OR name LIKE"
                + " '%\\_next'"));
  }

  private static long found(TestBed bed) {
    if (!Ledger.exists(bed.ledgerFile())) {
      return 0;
    }
    try (Ledger ledger = bed.ledger()) {
      return ledger.counts(Share.WHOLE).get(State.FOUND);
    }
  }

  static void prepare(ClickHouse clickHouse, int rows) {
    Reconcile.createTables(clickHouse);
    clickHouse.execute(SqlFile.read("markets").section("setup"), Map.of());
    clickHouse.execute(
        "INSERT INTO default.condition_id_merged (key_kind, key, condition_id, rule, sources_agree,"
            + " decided_at) VALUES ('slug', 'slug-1', '"
            + id(1)
            + "', 'proved', ['clob'], now64(3)), ('market-id', '4', '"
            + id(4)
            + "', 'all-agree', ['gamma'], now64(3))");
    clickHouse.execute(
        "CREATE TABLE default.trades_raw (trade_id UInt64, market String, condition_id String,"
            + " timestamp DateTime, note String) ENGINE = MergeTree PARTITION BY"
            + " toYYYYMM(timestamp) ORDER BY trade_id AS SELECT number, ['slug-1', '4',"
            + " 'nobody-knows'][number % 3 + 1], '', toDateTime('2025-01-01 00:00:00') + number *"
            + " 12, concat('n', toString(number * 7)) FROM numbers("
            + rows
            + ")");
  }
}
