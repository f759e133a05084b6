package polymarket.backfill.audit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import polymarket.backfill.clickhouse.HashRange;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.State;

class SharedStageTest {

  private static final Place PLACE =
      new Place(5, 9, "0xab", "0xcd", "123", "a \"quoted\" text by 7 \u2028 'here'");

  private static final SqlFile SQL = SqlFile.read("audit");

  @Test
  void aSlice_isTheSameBehindItsId() {
    for (LawSlice slice :
        List.of(
            LawSlice.of(HashRange.of(3000, 1000).get(2)),
            LawSlice.of(new Blocks(4_023_686, 4_023_686)),
            LawSlice.ALL)) {
      String id = SharedStage.id("supply", slice);
      assertEquals(slice, SharedStage.slice(id));
      assertTrue(SharedStage.isOf(id, "supply"));
      assertFalse(SharedStage.isOf(id, "balances"));
    }
  }

  @Test
  void whatIsFound_isTheSameBehindTheLedger() {
    Found found = new Found(7, 1, 5, 9, List.of(PLACE));
    assertEquals(
        found, SharedStage.found(new Outcome(State.FOUND, 7, 0, SharedStage.text(found)).reason()));
  }

  @Test
  void aStage_hasTheLawWithItsPlaceholders_andInTheEndTheResult() {
    SharedStage first = new SharedStage(SharedStage.sqlOf(SQL), "--node", null, Map.of(), null);
    assertNull(SharedStage.parse(""));
    assertEquals(first, SharedStage.parse(first.text() + " by 12"));
    SqlFile.Section law = SQL.sections("law").get(0);
    SharedStage at =
        SharedStage.parse(
            first
                    .at(
                        law,
                        Map.of(
                            "firsts",
                            List.of(1L, 5_000_000_000L),
                            "copy",
                            new SqlFile.Raw("other"),
                            "audit",
                            "x"))
                    .text()
                + " by 3");
    assertEquals("balances", at.law());
    assertEquals("1,5000000000 'x'", SqlFile.fill("{firsts} {audit}", at.values()));
    assertFalse(at.values().containsKey("copy"));
    Audit.Result result =
        new Audit.Result(
            List.of(
                new LawResult(
                    "balances",
                    "says",
                    LawResult.BROKEN,
                    7,
                    1,
                    new Blocks(5, 9),
                    List.of(PLACE),
                    "",
                    12)),
            false,
            List.of("backfill run chain"),
            15);
    assertEquals(result, SharedStage.parse(at.ended(result).text() + " by 3").result());
  }

  @Test
  void otherLaws_areSeen() {
    assertEquals(16, SharedStage.sqlOf(SQL).length());
    assertNotEquals(SharedStage.sqlOf(SQL), SharedStage.sqlOf(SqlFile.read("chain")));
  }
}
