package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/** What is expected of a run after others, without a source. */
class EstimateTest {

  private static final Job PAYOUTS = Job.read(TestBed.PROJECT, "payouts");

  @TempDir private Path runtime;

  private Ledger ledger(int ids) {
    Ledger ledger =
        Ledger.open(
            Ledger.file(runtime, "payouts"),
            new Ledger.Owner("payouts", "key", "host", "server"),
            false);
    ledger.load(
        loading -> {
          for (int i = 0; i < ids; i++) {
            loading.add(String.format("%064x", i));
          }
        });
    return ledger;
  }

  /** Every second id has a row. */
  private static void run(Ledger ledger, Mode mode, int size, int batches) {
    for (Batch batch : ledger.claim("", mode, Share.WHOLE, size, batches)) {
      BatchWork work = new BatchWork(batch);
      work.countRequest();
      for (String id : batch.ids()) {
        boolean has = Long.parseLong(id, 16) % 2 == 0;
        work.outcomes().put(id, has ? Outcome.found(1) : Outcome.of(State.UNRESOLVED));
        work.rows().add(has ? 1 : 0, has ? 1 : 0, 0, 0);
      }
      ledger.complete(work, List.of(), Share.WHOLE);
    }
  }

  private static void redo(Ledger ledger) {
    ledger.redo(List.of(State.FOUND, State.UNRESOLVED), null);
  }

  private Estimate estimate(Ledger ledger, int size) {
    Settings settings =
        Settings.load(
            TestBed.PROJECT,
            Map.of(),
            Map.of("runtime.dir", runtime.toString(), "payouts.batch-size", String.valueOf(size)));
    return Estimate.of(settings, PAYOUTS, ledger, Share.WHOLE, Long.MAX_VALUE, 5, null);
  }

  private void lastRun(int size, long ids, long batches, long requests, long retries)
      throws IOException {
    Files.writeString(
        runtime.resolve("payouts.status.json"),
        String.format(
            "{\"rows\":{\"fetched\":%d},\"plan\":{\"batch_size\":%d},\"run\":{\"ids\":%d,"
                + "\"batches\":%d,\"requests\":%d,\"retries\":%d}}",
            ids, size, ids, batches, requests, retries));
  }

  @Test
  void requests_areAsManyForEachFullBatchAsInTheLastRun_whateverTheirSizeWas() throws IOException {
    try (Ledger ledger = ledger(6_000)) {
      // 600 full batches, 42 that asked once more, 6 that failed
      lastRun(10, 6_000, 642, 648, 6);
      assertEquals(7, estimate(ledger, 1_000).requests());
      assertEquals(648, estimate(ledger, 10).requests());
      assertEquals(6_000, estimate(ledger, 10).rows(), "the ledger, as of a window, knows none");
      lastRun(1_000, 6_000, 7, 7, 0);
      assertEquals(350, estimate(ledger, 20).requests());
      // of an earlier version: as many for each id
      lastRun(0, 6_000, 7, 7, 0);
      assertEquals(7, estimate(ledger, 1_000).requests());
      // 6 of them for further pages: as many for each id
      lastRun(1_000, 6_000, 6, 12, 0);
      assertEquals(606, estimate(ledger, 10).requests());
    }
  }

  @Test
  void whatTheLedgerTook_isKnown_alsoWhereEverythingIsPendingAgain() {
    try (Ledger ledger = ledger(2_000)) {
      assertNull(estimate(ledger, 100).rows());
      run(ledger, Mode.NEW, 10, 1);
      assertEquals(995, estimate(ledger, 100).rows(), "half of the 1,990 that are pending");
      run(ledger, Mode.NEW, 10, 199);
      redo(ledger);
      assertEquals(1_000, estimate(ledger, 100).rows());
      assertEquals(20, estimate(ledger, 100).requests());
      assertEquals("as in its runs so far", estimate(ledger, 100).from());
      run(ledger, Mode.REDO, 10, 200);
      redo(ledger);
      run(ledger, Mode.REDO, 10, 199);
      Estimate last = estimate(ledger, 10);
      assertEquals(5, last.rows(), "10 are pending, and their rows are counted once");
      assertEquals(1, last.requests());
    }
  }
}
