package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;

/** default.vw_fills: every fill once, from the best source. */
class FillsViewIT {

  private static final String CONDITION = "c".repeat(64);

  @BeforeEach
  void tables() {
    TestBed.empty();
    Views.Made made =
        Views.refresh(
            TestBed.clickHouse(), TestBed.defaults(), List.of("fills", "trades", "chain-tables"));
    assertTrue(made.made().contains("default.vw_fills"), made.notes().toString());
    execute(
        "INSERT INTO default.computed_token_ids (condition_id, outcomes, usdc_token_ids) VALUES ('"
            + CONDITION
            + "', 2, ['77', '78'])");
  }

  private static void execute(String sql) {
    TestBed.clickHouse().execute(sql);
  }

  private static String transaction(char digit) {
    return "0x" + String.valueOf(digit).repeat(64);
  }

  private static void chain(char transaction, int log, boolean taker, int token, long collateral) {
    execute(
        "INSERT INTO default.chain_fills (version, block_number, block_time, transaction_hash,"
            + " log_index, owner, role, taker_order, side, token_id, shares, collateral, fee,"
            + " fetched_at) VALUES ('V1', 50000000, toDateTime('2025-03-04 05:06:07', 'UTC'),"
            + " unhex(substring('"
            + transaction(transaction)
            + "', 3)), "
            + log
            + ", 'w', "
            + (taker ? "'taker', 1" : "'maker', 0")
            + ", 'BUY', "
            + token
            + ", "
            + 2 * collateral
            + ", "
            + collateral
            + ", 0, now64(3))");
  }

  private static void stored(String source, char transaction, String id, boolean taker, int cost) {
    execute(
        "INSERT INTO default.clob_fills (fill_id, condition_id, asset_id, outcome_index, maker,"
            + " side, price, size, cost, taker_order, timestamp, transaction_hash, source,"
            + " fetched_at) VALUES ('"
            + id
            + "', '"
            + CONDITION
            + "', '77', 0, '0xaa', 'BUY', 0.5, "
            + 2 * cost
            + ", "
            + cost
            + ", "
            + taker
            + ", toDateTime('2025-03-04 05:06:07', 'UTC'), '"
            + transaction(transaction)
            + "', '"
            + source
            + "', now64(3))");
  }

  @Test
  void aFill_isShownOnce_fromTheChain_elseFromGoldsky_elseFromTheDataApi() {
    chain('a', 1, false, 78, 3_000_000);
    chain('a', 2, true, 77, 3_000_000);
    chain('e', 3, true, 99, 7_000_000);
    stored("goldsky", 'a', "a1", false, 3);
    stored("goldsky", 'a', "a2", true, 3);
    stored("goldsky", 'b', "b1", false, 10);
    stored("goldsky", 'b', "b2", true, 10);
    stored("goldsky", 'c', "c1", true, 100);
    stored("data-api", 'c', "c2", true, 100);
    stored("data-api", 'd', "d1", true, 1000);
    assertEquals(
        "[{fills=3, source=chain, volume=10}, {fills=1, source=data-api, volume=1000}, {fills=3,"
            + " source=goldsky, volume=110}]",
        TestBed.sql(
                "SELECT count() AS fills, source, toString(sumIf(cost, taker_order)) AS volume FROM"
                    + " default.vw_fills GROUP BY source ORDER BY source")
            .stream()
            .map(java.util.TreeMap::new)
            .toList()
            .toString());
    // a fill's condition and outcome are its token's
    assertEquals(
        "[{condition_id=" + CONDITION + ", outcome_index=1, price=0.5}]",
        TestBed.sql(
                "SELECT condition_id, outcome_index, toString(price) AS price FROM default.vw_fills"
                    + " WHERE fill_id = '50000000-1'")
            .stream()
            .map(java.util.TreeMap::new)
            .toList()
            .toString());
    // what each source has that the others lack
    String lacking = "";
    for (SqlFile.Section check : SqlFile.read("fills").sections("check")) {
      if (check.title().startsWith("fills of each month")) {
        for (Map<String, Object> row : TestBed.sql(check.sql(Map.of()))) {
          lacking +=
              row.get("has") + ": " + row.get("reason") + ", " + row.get("fills") + " fills\n";
        }
      }
    }
    assertEquals(
        "chain: unknown market, 1 fills\n"
            + "data-api: blocks not fetched, or logs missing, 1 fills\n"
            + "data-api, goldsky: blocks not fetched, or logs missing, 2 fills\n"
            + "goldsky: blocks not fetched, or logs missing, 2 fills\n",
        lacking);
  }

  @Test
  void aCombosFill_hasItsConditionAndOutcome_andTheUniverseKnowsTheCombo() {
    String combo = "03" + "ab".repeat(16) + "0001" + "00".repeat(8) + "0089" + "0001" + "00";
    execute(
        "INSERT INTO default.chain_lifecycle (dataset, kind, event, version, block_number,"
            + " block_time, log_index, condition_id, numbers) VALUES ('conditions', 'combo',"
            + " 'CombinatorialConditionPrepared', 'V3', 89000000, toDateTime('2026-06-12"
            + " 00:00:00', 'UTC'), 1, unhex('"
            + combo
            + "'), [1, 2])");
    execute(
        "INSERT INTO default.chain_fills (version, block_number, log_index, role, taker_order,"
            + " side, token_id, shares, collateral) SELECT 'V3', 89000001, 2, 'taker', 1, 'BUY',"
            + " reinterpretAsUInt256(reverse(unhex('"
            + combo.substring(0, 62)
            + "01'))), 4000000, 1000000");
    assertEquals(
        combo + " 1",
        TestBed.clickHouse()
            .value(
                "SELECT concat(condition_id, ' ', toString(outcome_index)) FROM default.vw_fills"
                    + " WHERE version = 'V3'"));
    assertEquals(
        "['chain'] 2 0 2026-06-12 1",
        TestBed.clickHouse()
            .value(
                "SELECT concat(toString(sources), ' ', toString(outcomes), ' ',"
                    + " toString(ifNull(closed, 9) = 1), ' ', toString(toDate(opened_at)), ' ',"
                    + " toString(toUInt256(splitByChar(',', listed)[2]) = (SELECT max(token_id)"
                    + " FROM default.chain_fills WHERE version = 'V3'))) FROM"
                    + " default.vw_conditions WHERE condition_id = '"
                    + combo
                    + "'"));
  }
}
