package polymarket.backfill.ledger;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;

class LedgerPlaceTest {

  @Test
  void messagesNameTheRuntimeFolder_orTheSharedDatabase() {
    Settings own =
        Settings.load(
            TestBed.PROJECT, Map.of(), Map.of("cluster.url", "", "runtime.dir", "/elsewhere"));
    assertEquals("/elsewhere", LedgerPlace.ofAll(own));
    assertEquals(
        "db.example:5433/backfill",
        LedgerPlace.ofAll(
            own.with("cluster.url", "jdbc:postgresql://db.example:5433/backfill?ssl=true")));
  }
}
