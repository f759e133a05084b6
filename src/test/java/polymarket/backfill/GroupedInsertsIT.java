package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.sandbox.SandboxOptions;

/** Batches that wait for an insert are inserted together, once, whatever happens to it. */
@Timeout(600)
class GroupedInsertsIT {

  private final TestBed bed =
      TestBed.start(new SandboxOptions().conditions(3000).limits(0).latencyMillis(5));
  private final List<String> ids = bed.ids(1200);

  @BeforeEach
  void prepare() {
    bed.set("payouts.batch-size", 50).set("payouts.concurrency", 8);
  }

  /** Makes inserts take several seconds, so that others wait. */
  private static void slow(boolean slow) {
    for (String view : List.of("payouts_slow", "payouts_slower")) {
      TestBed.clickHouse().execute("DROP VIEW IF EXISTS default." + view);
      if (slow) {
        TestBed.clickHouse()
            .execute(
                "CREATE MATERIALIZED VIEW default."
                    + view
                    + " ENGINE = Null AS SELECT sleep(2.5) AS s FROM default.payouts_landing");
      }
    }
  }

  @AfterEach
  void close() {
    slow(false);
    TestBed.clickHouse().execute("SYSTEM START MERGES default.resolutions_external_ingest");
    bed.close();
  }

  /** Some ids fail, because their rows are rejected. */
  private void assertEnded(JobRun.Result result) {
    assertEquals(2, result.exitCode(), result + " " + bed.messages());
  }

  private long grouped() {
    try (Ledger ledger = bed.ledger()) {
      return ledger.begunInserts().stream().mapToLong(insert -> insert.batches().size()).sum();
    }
  }

  private static long parts() {
    return TestBed.number(
        "SELECT count() FROM system.parts WHERE database = 'default' AND table ="
            + " 'resolutions_external_ingest' AND level = 0");
  }

  @Test
  void batchesThatWaitForAnInsert_areInsertedTogether() {
    Program.run(bed, "views");
    slow(true);
    JobRun.Result result = bed.set("payouts.batch-size", 150).run(ids);
    assertEnded(result);
    assertTrue(parts() <= 3, parts() + " parts of 8 batches");
    bed.assertTruth(ids);
    assertEquals(0, grouped());
  }

  @Test
  void killedWhileTheEngineInserts_theNextRunRepeatsTheInsert() throws Exception {
    Program.run(bed, "views");
    slow(true);
    TestBed.clickHouse().execute("SYSTEM STOP MERGES default.resolutions_external_ingest");
    Path list = bed.home().resolve("ids.txt");
    Files.write(list, ids);
    try (Program first = Program.start(bed, "run", "payouts", "--ids", list.toString())) {
      TestBed.await(
          "an insert of several batches",
          TestBed.SOON,
          () -> Files.exists(bed.ledgerFile()) && grouped() > 1);
      Thread.sleep(300);
      first.signal("KILL");
    }
    assertTrue(grouped() > 1, "the insert was acknowledged before the kill");
    bed.set("payouts.batch-size", 333).set("payouts.concurrency", 3);
    // at once: ClickHouse is still inserting
    JobRun.Result second = bed.run(ids);
    assertEnded(second);
    bed.assertTruth(ids);
    assertEquals(0, grouped());
  }

  /**
   * @param together whether the insert is one of several batches, or one of a batch for which
   *     others wait
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anInsertWhoseAnswerIsLost_isRepeatedAsItWas(boolean together) throws Exception {
    Program.run(bed, "views");
    slow(true);
    // a merge would hide rows that are stored twice
    TestBed.clickHouse().execute("SYSTEM STOP MERGES default.resolutions_external_ingest");
    try (Proxy proxy = new Proxy(TestBed.clickHouse().url().getPort())) {
      bed.set("clickhouse.url", "http://127.0.0.1:" + proxy.port())
          .set("clickhouse.password", TestBed.password());
      int[] cut = {0};
      bed.onTick(
          run -> {
            boolean begun = !run.ledger("payouts").begunInserts().isEmpty();
            if (cut[0] == 1) {
              cut[0]++;
              proxy.restore();
            } else if (cut[0] == 0 && begun == together && (begun || inserting() > 0)) {
              cut[0]++;
              proxy.cut();
            }
          });
      assertEnded(bed.run(ids));
      assertEquals(2, cut[0], "no such insert");
    }
    bed.set("clickhouse.url", "");
    bed.assertTruth(ids);
    assertEquals(0, grouped());
  }

  private static long inserting() {
    return TestBed.number(
        "SELECT count() FROM system.processes WHERE query ILIKE 'INSERT INTO%payouts_landing%'");
  }

  @Test
  void anInsertThatClickHouseRefuses_isMadeAnewBatchByBatch() {
    Program.run(bed, "views");
    // the views stand before and after this one: some may have written their rows when it fails
    String poisoned = bed.ids("found", 500).get(300);
    TestBed.clickHouse()
        .execute(
            "CREATE MATERIALIZED VIEW default.payouts_slow ENGINE = Null AS SELECT sleep(1) AS s,"
                + " toInt64(if(countIf(condition_id = '"
                + poisoned
                + "') > 0 AND count() > 60, 'with others', '0')) AS n FROM"
                + " default.payouts_landing");
    JobRun.Result result = bed.run(ids);
    assertEnded(result);
    bed.assertTruth(ids);
    assertEquals(0, grouped());
  }
}
