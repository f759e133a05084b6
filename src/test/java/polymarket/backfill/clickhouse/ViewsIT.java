package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.job.Job;

/** The views over trades and positions, in the real engine. */
class ViewsIT {

  private static final String WALLET = "0x" + "ab".repeat(20);
  private static final String OTHER = "0x" + "cd".repeat(20);
  private static final String A = "a".repeat(64);
  private static final String B = "b".repeat(64);
  private static final String C = "c".repeat(64);
  private static final String OPEN = "d".repeat(64);
  private static final String UNIFIED = "default.vw_trades_unified";
  private static final String PNL = "cascadian_clean.vw_wallet_pnl_settled";

  @BeforeEach
  void empty() {
    TestBed.empty();
    Job.names(TestBed.PROJECT).forEach(job -> Views.create(TestBed.clickHouse(), job));
  }

  private static Views.Made refresh() {
    return Views.refresh(TestBed.clickHouse(), TestBed.defaults(), Job.names(TestBed.PROJECT));
  }

  private static void execute(String sql) {
    TestBed.clickHouse().execute(sql);
  }

  private static void position(
      String wallet, String condition, int outcome, String size, String price, String realized) {
    execute(
        "INSERT INTO default.api_positions_staging (wallet_address, condition_id, asset_id,"
            + " outcome, size, entry_price, realized_pnl, timestamp, source, status) VALUES ('"
            + wallet
            + "', '"
            + condition
            + "', toString(cityHash64('"
            + condition
            + "', "
            + outcome
            + ")), "
            + outcome
            + ", '"
            + size
            + "', '"
            + price
            + "', "
            + realized
            + ", now64(3), 'data-api-v2', 'OPEN')");
  }

  private static void resolution(
      String condition, String numerators, int denominator, String source) {
    execute(
        source.equals("market_resolutions_final")
            ? "INSERT INTO default.market_resolutions_final VALUES ('0X"
                + condition.toUpperCase()
                + "', "
                + numerators
                + ", "
                + denominator
                + ", 0, NULL)"
            : "INSERT INTO default.resolutions_external_ingest (* EXCEPT unread) VALUES ('"
                + condition
                + "', "
                + numerators
                + ", "
                + denominator
                + ", 0, NULL, '"
                + source
                + "', now64(3), 'x')");
  }

  /** The table as the guides have it, with ids in other forms. */
  private static void trades() {
    execute(
        "CREATE TABLE default.vw_trades_canonical (wallet_address_norm String, condition_id_norm"
            + " String, outcome_index Int8, shares Float64, entry_price Float64, timestamp"
            + " DateTime, transaction_hash String, trade_direction Enum8('BUY' = 1, 'SELL' = 2))"
            + " ENGINE = MergeTree ORDER BY tuple()");
    execute(
        "INSERT INTO default.vw_trades_canonical VALUES"
            + " ('"
            + "AB".repeat(20)
            + "', '0x"
            + A.toUpperCase()
            + "', 0, 10, 0.3, now(), 't1', 'BUY'),"
            + " ('"
            + WALLET
            + "', '"
            + A
            + "', 0, 4, 0.5, now(), 't2', 'SELL'),"
            + " ('0X"
            + "AB".repeat(20)
            + "', '0X"
            + C
            + "', 1, 2.1, 0.1, now(), 't3', 'BUY'),"
            + " ('"
            + WALLET
            + "', '"
            + OPEN
            + "', 0, 1, 0.5, now(), 't4', 'BUY'),"
            + " ('"
            + OTHER
            + "', '"
            + A
            + "', 1, 5, 0.4, now(), 't5', 'BUY')");
  }

  private static void everything() {
    trades();
    position(WALLET, B, 1, "7", "0.2", "1.5");
    position(WALLET, C, 1, "2.1", "0.1", "0");
    position(WALLET, OPEN, 0, "1", "0.5", "0");
    resolution(A, "[1, 0]", 1, "market_resolutions_final");
    resolution(B, "[1, 2]", 3, "goldsky-api");
    resolution(C, "[1, 1]", 2, "chain");
  }

  @Test
  void unified_hasTheGuidesColumns_andRowsOfBothSources_forAnyFormOfId() {
    everything();
    assertEquals(Map.of(), refresh().notes());
    assertEquals(
        List.of("wallet", "market_cid", "outcome", "shares", "price", "source"),
        TestBed.sql(
                "SELECT name FROM system.columns WHERE database = 'default' AND table ="
                    + " 'vw_trades_unified' ORDER BY position")
            .stream()
            .map(row -> row.get("name"))
            .toList());
    assertEquals(
        "[{source=blockchain, rows=4, conditions=3, shares=9.1, wallets=1}, {source=clob_api,"
            + " rows=3, conditions=3, shares=10.1, wallets=1}]",
        TestBed.sql(
                "SELECT source, count() AS rows, uniqExact(market_cid) AS conditions,"
                    + " toString(sum(u.shares)) AS shares, uniqExact(wallet) AS wallets FROM "
                    + UNIFIED
                    + " AS u WHERE wallet = '"
                    + WALLET
                    + "' GROUP BY source ORDER BY source")
            .toString());
    assertEquals(
        0,
        TestBed.number(
            "SELECT countIf(NOT match(wallet, '^0x[0-9a-f]{40}$') OR NOT match(market_cid,"
                + " '^[0-9a-f]{64}$')) FROM "
                + UNIFIED));
  }

  @Test
  void settledPnl_isExact_andCountsEachConditionBySourceOnce() {
    everything();
    refresh();
    List<Map<String, Object>> rows =
        TestBed.sql(
            "SELECT substring(condition_id, 1, 1) AS condition, source, toString(cost_usd) AS cost,"
                + " toString(payout_usd) AS payout, toString(realized_usd) AS realized,"
                + " toString(settled_pnl_usd) AS pnl, resolution_source FROM "
                + PNL
                + " WHERE wallet_address = '"
                + WALLET
                + "' ORDER BY condition");
    assertEquals(
        List.of(
            Map.of(
                "condition",
                "a",
                "source",
                "blockchain",
                "cost",
                "1",
                "payout",
                "6",
                "realized",
                "0",
                "pnl",
                "5",
                "resolution_source",
                "market_resolutions_final"),
            Map.of(
                "condition",
                "b",
                "source",
                "clob_api",
                "cost",
                "1.4",
                "payout",
                "4.666666666666666666",
                "realized",
                "1.5",
                "pnl",
                "4.766666666666666666",
                "resolution_source",
                "goldsky-api"),
            Map.of(
                "condition",
                "c",
                "source",
                "blockchain",
                "cost",
                "0.21",
                "payout",
                "1.05",
                "realized",
                "0",
                "pnl",
                "0.84",
                "resolution_source",
                "chain")),
        rows);
    assertEquals(
        "-2",
        TestBed.clickHouse()
            .value(
                "SELECT toString(settled_pnl_usd) FROM "
                    + PNL
                    + " WHERE wallet_address = '"
                    + OTHER
                    + "'"));
  }

  @Test
  void jobsThatStartTogether_doNotInterfere() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      for (int i = 0; i < 5; i++) {
        TestBed.empty();
        for (Future<Object> start :
            pool.invokeAll(
                Collections.nCopies(
                    4,
                    () ->
                        Views.refresh(
                            TestBed.clickHouse(),
                            TestBed.defaults(),
                            List.of("markets", "fills"))))) {
          start.get();
        }
      }
    } finally {
      pool.shutdownNow();
    }
    assertEquals(0, TestBed.number("SELECT count() FROM default.fills_markets"));
  }

  @Test
  void verifyPayouts_showsCoverageBeforeAndAfter() {
    everything();
    refresh();
    assertEquals(
        "[{status=before: market_resolutions_final, wallets_with_settled_pnl=2, settled=2,"
            + " traded=5, percent=40, total_settled_pnl=3}, {status=after: vw_resolutions_truth,"
            + " wallets_with_settled_pnl=2, settled=4, traded=5, percent=80,"
            + " total_settled_pnl=8.6}]",
        check("payouts", "settled P&L before and after").toString());
  }

  private static List<Map<String, Object>> check(String file, String title) {
    return TestBed.sql(
        SqlFile.read(file).sections("check").stream()
            .filter(check -> check.title().equals(title))
            .findFirst()
            .orElseThrow()
            .sql(Map.of()));
  }

  @Test
  void coverageOfWallets_isNotAHundredPercentByDefault() {
    trades();
    position(WALLET, A, 0, "1", "0.5", "0");
    refresh();
    assertEquals(
        "[{traded=2, with_positions=1, percent=50}]",
        check("wallets", "traded wallets with and without positions").toString());
  }

  @Test
  void withoutTheBaseTable_theViewsShowPositionsAlone_andSayIt() {
    position(WALLET, B, 1, "7", "0.2", "1.5");
    resolution(B, "[0, 1]", 1, "goldsky-api");
    Views.Made views = refresh();
    assertEquals(List.of("cascadian_clean.vw_trades_input"), List.copyOf(views.notes().keySet()));
    assertTrue(
        views.notes().toString().contains("there is no table default.vw_trades_canonical"),
        views.notes().toString());
    assertTrue(views.made().containsAll(List.of(UNIFIED, PNL)), views.made().toString());
    assertEquals(1, TestBed.number("SELECT count() FROM " + UNIFIED));
    assertEquals(1, TestBed.number("SELECT count() FROM " + PNL));
  }

  @Test
  void aTableWithoutWallets_doesNotStopTheOtherViews_andIsRefused() {
    execute(
        "CREATE TABLE default.vw_trades_canonical (who String, what String) ENGINE = MergeTree"
            + " ORDER BY tuple()");
    position(WALLET, B, 1, "7", "0.2", "1.5");
    Views.Made views = refresh();
    assertEquals(List.of("cascadian_clean.vw_trades_input"), List.copyOf(views.notes().keySet()));
    String note = views.notes().toString();
    assertTrue(
        note.contains("its columns are who, what") && note.contains("views.wallet-columns"), note);
    assertEquals(1, views.refused().size());
    assertEquals(1, TestBed.number("SELECT count() FROM " + UNIFIED));
  }

  @Test
  void theGuidesTable_isReadAsItIs_withOutcomesByIndexOrByName() {
    for (String type : List.of("UInt8", "String", "LowCardinality(Nullable(String))")) {
      boolean names = type.contains("String");
      TestBed.empty();
      Job.names(TestBed.PROJECT).forEach(job -> Views.create(TestBed.clickHouse(), job));
      execute(
          "CREATE TABLE default.vw_trades_canonical (wallet String, market_cid String, outcome "
              + type
              + ", shares Float64, price Float64) ENGINE = MergeTree ORDER BY wallet");
      execute(
          "INSERT INTO default.api_markets_staging (market_id, condition_id, outcomes, timestamp)"
              + " VALUES ('1', '"
              + B
              + "', ['Up', 'Down'], now64(3))");
      execute(
          "INSERT INTO default.vw_trades_canonical VALUES ('"
              + "AB".repeat(20)
              + "', '0X"
              + A.toUpperCase()
              + "', "
              + (names ? "'No'" : "1")
              + ", 10, 0.3), (' 0xAB"
              + "ab".repeat(19)
              + "', '"
              + B
              + "', "
              + (names ? "'DOWN'" : "1")
              + ", 2.5, 0.5), ('"
              + OTHER
              + "', '"
              + A
              + "', "
              + (names ? "'0'" : "0")
              + ", 1, 0.5), ('None', 'null', "
              + (names ? "'?'" : "7")
              + ", 1, 1)");
      Views.Made views = refresh();
      assertEquals(Map.of(), views.notes());
      assertEquals(
          "default.vw_trades_canonical: wallet from column wallet, condition from column"
              + " market_cid, outcome from column outcome, shares from column shares, price from"
              + " column price; no column with time, transaction",
          views.reads().get("cascadian_clean.vw_trades_input"));
      assertEquals(
          List.of(
              " / / " + (names ? -1 : 7) + " / 1",
              WALLET + " / " + A + " / 1 / 10",
              WALLET + " / " + B + " / 1 / 2.5",
              OTHER + " / " + A + " / 0 / 1"),
          TestBed.sql(
                  "SELECT concat(wallet, ' / ', market_cid, if(market_cid = '', '', ' '), '/ ',"
                      + " toString(outcome), ' / ', toString(u.shares)) AS text FROM "
                      + UNIFIED
                      + " AS u ORDER BY text")
              .stream()
              .map(row -> row.get("text"))
              .toList(),
          type);
    }
  }

  @Test
  void anotherTable_isNamedInTheSettings_andItsColumnsAreFoundInAnySpelling() {
    execute("CREATE DATABASE IF NOT EXISTS own");
    execute(
        "CREATE OR REPLACE TABLE own.my_trades (`Proxy-Wallet` Nullable(String), ConditionID"
            + " FixedString(66), OutcomeIndex Int64, SIZE Nullable(String), AvgPrice Decimal(9, 4),"
            + " Side String, ts UInt64, TxHash String) ENGINE = Memory AS SELECT '"
            + WALLET
            + "', '0x"
            + A
            + "', 1, '3', 0.25, 'sell', 1735700000000, 't'");
    Views.Made views =
        Views.refresh(
            TestBed.clickHouse(),
            TestBed.defaults().with("views.trades", "own.my_trades"),
            Job.names(TestBed.PROJECT));
    assertEquals(Map.of(), views.notes());
    assertEquals(
        WALLET + " " + A + " 1 -3 0.25 2025 t",
        TestBed.clickHouse()
            .value(
                "SELECT concat(wallet, ' ', condition, ' ', toString(outcome_index), ' ',"
                    + " toString(t.shares), ' ', toString(price), ' ', toString(toYear(time)), ' ',"
                    + " transaction) FROM cascadian_clean.vw_trades_input AS t"));
    execute("DROP DATABASE own");
  }

  @Test
  void signedShares_andNumbersAsText_needNoDirection() {
    execute(
        "CREATE TABLE default.vw_trades_canonical (wallet_address_norm String, condition_id_norm"
            + " String, outcome_index UInt8, shares Decimal(18, 6), price String, transaction_hash"
            + " String) ENGINE = MergeTree ORDER BY tuple()");
    execute(
        "INSERT INTO default.vw_trades_canonical VALUES ('"
            + WALLET
            + "', '"
            + A
            + "', 0, -3.5, '1e-1', 't')");
    assertEquals(Map.of(), refresh().notes());
    assertEquals(
        "[{shares=-3.5, price=0.1}]",
        TestBed.sql("SELECT toString(shares) AS shares, toString(price) AS price FROM " + UNIFIED)
            .toString());
  }

  @Test
  void verifyWallet_showsAllOfOneWallet_inAnyForm() {
    everything();
    refresh();
    try (TestBed bed = TestBed.start().ownEngine()) {
      bed.holdEngine();
      Program.Result none = Program.runHere(bed, "verify", "wallet", "AB".repeat(20));
      assertEquals(0, none.exitCode(), none.toString());
      assertTrue(
          none.out().contains("Wallet: " + WALLET) && none.out().contains("has not run here yet"),
          none.out());
      Program.Result wrong = Program.runHere(bed, "verify", "wallet", "0x12");
      assertEquals(1, wrong.exitCode());
      assertTrue(wrong.err().contains("'0x12' is not one"), wrong.err());
      Program.Result job = Program.runHere(bed, "verify", "wallets", WALLET);
      assertEquals(1, job.exitCode());
      assertTrue(job.err().contains("verify wallet ADDRESS"), job.err());
      Program.Result ids = Program.runHere(bed, "run", "wallets");
      assertEquals(1, ids.exitCode());
      assertTrue(
          ids.err().contains("there is no table default.vw_trades_canonical")
              && ids.err().contains("--ids FILE"),
          ids.err());
      assertFalse(ids.err().contains("\tat "), "no stack trace");
    }
    everythingAgain();
    execute(
        "INSERT INTO default.wallet_positions (wallet, condition_id, token_id, amount) VALUES ('"
            + WALLET
            + "', '"
            + A
            + "', '1', 1)");
    for (SqlFile.Section check : SqlFile.read("wallet").sections("check")) {
      if (Views.missing(TestBed.clickHouse(), TestBed.defaults(), check) == null) {
        List<Map<String, Object>> rows = TestBed.sql(check.sql(Map.of("id", WALLET)));
        assertTrue(
            !rows.isEmpty()
                || check.title().startsWith("rejected")
                || check.title().startsWith("fills"),
            check.title());
      }
    }
  }

  /** The bed above emptied the shared engine. */
  private static void everythingAgain() {
    Job.names(TestBed.PROJECT).forEach(job -> Views.create(TestBed.clickHouse(), job));
    everything();
    refresh();
  }
}
