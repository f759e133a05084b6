package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Stop;
import polymarket.backfill.TestBed;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.source.SourceException;
import polymarket.backfill.source.Walks;
import polymarket.backfill.store.Rows;

/** Lists whose pages lead on for ever end with an error. */
class EndlessPagesIT {

  private final Rows rows =
      new Rows(
          Map.of("trades", Job.read(TestBed.PROJECT, "trades")), new Stop(), job -> null, null);
  private final Walks walks = new Walks();
  private final BatchWork batch =
      BatchWork.preview("trades", List.of("ab".repeat(32)), Batch.Kind.FIRST);

  private static List<Map<String, Object>> trades(int n, long time) {
    List<Map<String, Object>> page = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      page.add(
          new HashMap<>(
              Map.of(
                  "transaction_hash",
                  "0x" + i,
                  "conditionId",
                  "0x" + "ab".repeat(32),
                  "timestamp",
                  time,
                  "size",
                  i,
                  "price",
                  1)));
    }
    return page;
  }

  /** One answer of the list with cursors, as the route takes it. */
  private void page(List<Map<String, Object>> answer, String cursor) throws Exception {
    Walks.ByCursor walk = walks.byCursor(batch, "true,false");
    List<Map<String, Object>> named =
        walks.named(walk, answer, "timestamp", "transaction_hash", "size,price");
    List<Map<String, Object>> kept =
        walks.rowsByCursor(batch, walk, named, cursor, "true,false", "timestamp");
    rows.page(batch, walk.getNext(), null, walk, kept);
  }

  @Test
  void endlessEmptyPages_areAnError() throws Exception {
    page(trades(3, 100), "c");
    SourceException failure =
        assertThrows(
            SourceException.class,
            () -> {
              for (int i = 0; i < 1000; i++) {
                page(List.of(), "c" + i);
              }
            });
    assertTrue(failure.getMessage().contains("empty pages in a row"), failure.getMessage());
    assertThrows(SourceException.class, () -> page(List.of(), "another"), "asking again is no use");
    page(trades(3, 90), "rows");
    page(List.of(), "one more empty page behind rows is none too many");
  }

  @Test
  void cursorsThatAlternate_areAnError_whateverTheRowsAreNamed() throws Exception {
    page(trades(3, 100), "a");
    page(trades(3, 100), "b");
    assertThrows(SourceException.class, () -> page(trades(3, 100), "a"));
    assertEquals(true, batch.isMore(), "what came before is kept");
  }
}
