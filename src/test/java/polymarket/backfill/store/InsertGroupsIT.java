package polymarket.backfill.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.Proxy;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Share;

/** Which inserts are joined when an answer is lost. */
@Timeout(300)
class InsertGroupsIT {

  @TempDir private Path folder;
  private final TestBed bed = TestBed.start();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void close() {
    threads.shutdownNow();
    TestBed.clickHouse().execute("DROP VIEW IF EXISTS default.payouts_slow");
    TestBed.clickHouse().execute("SYSTEM START MERGES default.resolutions_external_ingest");
    bed.close();
  }

  private Future<?> insert(InsertGroups groups, BatchWork batch) {
    String row =
        "{\"id\":\"0x%s\",\"payouts\":[\"1\",\"0\"],\"batch\":\"%s\",\"fetched_at\":\"2026-05-01T00:00:00.000Z\"}\n"
            .formatted(batch.getIds().get(0), batch.getKey());
    return threads.submit(
        () -> {
          groups.insert(
              "default.payouts_landing",
              batch,
              row.getBytes(StandardCharsets.UTF_8),
              batch.getKey() + ":token");
          return null;
        });
  }

  private static long inserting() {
    return TestBed.number(
        "SELECT count() FROM system.processes WHERE query ILIKE 'INSERT INTO%payouts_landing%'");
  }

  /** Inserts a batch while another one's insert runs and a third one waits for it. */
  private void insertBesideOthers(
      InsertGroups groups, BatchWork batch, BatchWork running, BatchWork waiting) throws Exception {
    Future<?> first = insert(groups, running);
    Thread.sleep(500);
    List<Future<?>> all = List.of(first, insert(groups, waiting), insert(groups, batch));
    for (Future<?> one : all) {
      one.get();
    }
  }

  @Test
  void aBatchWhoseOwnInsertWasNotAnswered_isNotJoinedToOthers() throws Exception {
    Views.create(TestBed.clickHouse(), List.of("payouts"));
    TestBed.clickHouse().execute("SYSTEM STOP MERGES default.resolutions_external_ingest");
    TestBed.clickHouse()
        .execute(
            "CREATE MATERIALIZED VIEW default.payouts_slow ENGINE = Null AS SELECT sleep(3) AS s"
                + " FROM default.payouts_landing");
    try (Ledger ledger =
            Ledger.open(
                folder.resolve("payouts.ledger"),
                new Ledger.Owner("payouts", "abc", "host", "server-1"),
                false);
        Proxy proxy = new Proxy(TestBed.clickHouse().url().getPort());
        ClickHouse clickHouse =
            ClickHouse.open(
                bed.settings()
                    .with("clickhouse.url", "http://127.0.0.1:" + proxy.port())
                    .with("clickhouse.password", TestBed.password()))) {
      ledger.load(loading -> bed.ids("found", 5).forEach(loading::add));
      List<BatchWork> batches =
          ledger.claim("", Mode.NEW, Share.WHOLE, 1, 5).stream().map(BatchWork::new).toList();
      InsertGroups groups =
          new InsertGroups(
              clickHouse, Map.of("payouts", Job.read(TestBed.PROJECT, "payouts")), job -> ledger);
      Future<?> lost = insert(groups, batches.get(0));
      TestBed.await("the insert", Duration.ofSeconds(30), () -> inserting() > 0);
      proxy.cut();
      assertThrows(ExecutionException.class, lost::get);
      Thread.sleep(500);
      proxy.restore();
      insertBesideOthers(groups, batches.get(0), batches.get(1), batches.get(2));
      // once more, as when a step after the insert has failed
      insertBesideOthers(groups, batches.get(0), batches.get(3), batches.get(4));
    }
    TestBed.await("the lost insert", Duration.ofSeconds(30), () -> inserting() == 0);
    assertEquals(5, TestBed.number("SELECT count() FROM default.resolutions_external_ingest"));
  }
}
