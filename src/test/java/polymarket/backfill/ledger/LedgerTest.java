package polymarket.backfill.ledger;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The ledger in a SQLite file. */
class LedgerTest extends LedgerContract {

  @TempDir private Path folder;

  @Override
  LedgerPlace place() {
    return LedgerPlace.of(folder.resolve("payouts.ledger"));
  }

  @Test
  void aBatchOfLeftOutIds_ofAnEarlierVersion_isResumedAsItWas() throws Exception {
    try (Ledger ledger = open()) {
      load(ledger, ids(6));
      leaveOut(ledger, ledger.claim("", Mode.NEW, Share.WHOLE, 6, 1).get(0), 2, 3);
    }
    // such a version wrote the batch that asks once more at once
    try (Connection sqlite =
            DriverManager.getConnection("jdbc:sqlite:" + folder.resolve("payouts.ledger"));
        Statement statement = sqlite.createStatement()) {
      statement.execute("UPDATE batches SET kind = 'reask' WHERE kind = 'unechoed'");
    }
    try (Ledger ledger = open()) {
      Batch resumed = ledger.open(Share.WHOLE).get(0);
      assertEquals(Batch.Kind.REASK, resumed.kind());
      assertEquals(ids(6).subList(2, 4), resumed.ids());
      mark(ledger, resumed, State.ABSENT);
      assertEquals(0, ledger.left(Share.WHOLE));
    }
  }

  @Test
  void anInsertOfSeveralBatches_isKeptUntilItHasEnded() throws Exception {
    GroupedInsert insert =
        new GroupedInsert(
            "token", "default.landing", Map.of(1L, 20L, 2L, 30L), new byte[] {1, 0, 2});
    open().close();
    // a ledger of an earlier version
    try (Connection sqlite =
            DriverManager.getConnection("jdbc:sqlite:" + folder.resolve("payouts.ledger"));
        Statement statement = sqlite.createStatement()) {
      statement.execute("DROP TABLE IF EXISTS inserts");
    }
    try (Ledger ledger = open()) {
      ledger.begin(insert);
    }
    try (Ledger ledger = open()) {
      GroupedInsert kept = ledger.begunInserts().get(0);
      assertEquals(insert.token(), kept.token());
      assertEquals(insert.table(), kept.table());
      assertEquals(insert.batches(), kept.batches());
      assertArrayEquals(insert.rows(), kept.rows());
      ledger.end(kept);
      assertEquals(List.of(), ledger.begunInserts());
    }
  }

  @Test
  void setAside_movesItToACopyThatOpens_andTheNextOneIsNew() {
    Path file = folder.resolve("payouts.ledger");
    String id;
    try (Ledger ledger = open()) {
      load(ledger, ids(5));
      id = ledger.id();
    }
    Path copy = Path.of(Ledger.setAside(file));
    assertFalse(Files.exists(file));
    try (Ledger old = Ledger.open(copy)) {
      assertEquals(5, old.size(Share.WHOLE));
      assertEquals(id, old.id());
    }
    try (Ledger ledger = open()) {
      assertEquals(0, ledger.size(Share.WHOLE));
      assertNotEquals(id, ledger.id());
    }
  }
}
