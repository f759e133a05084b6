package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import polymarket.backfill.TestBed;

/** Times of rows that cannot be: the row is stored, its time is NULL, and what came is kept. */
class ImpossibleTimesIT {

  private static final String CONDITION = "ab".repeat(32);

  /** A row of each landing table that qualifies, but for its times. */
  private static final Map<String, String> ROWS =
      Map.of(
          "fills",
          "id: '0x"
              + "a1".repeat(32)
              + "_0x"
              + "b2".repeat(32)
              + "', conditionId: '"
              + CONDITION
              + "', outcomeIndex: '0', makerAssetId: '0', takerAssetId: '7', makerAmountFilled:"
              + " '5', takerAmountFilled: '10', fee: '0', maker: '0x"
              + "c".repeat(40)
              + "', taker: '0x"
              + "d".repeat(40)
              + "'",
          "trades",
          "id: 'x', list: 'true', conditionId: '"
              + CONDITION
              + "', proxy_wallet: '0x"
              + "c".repeat(40)
              + "', side: 'BUY', token_id: '7', size: '10', price: '0.5', transaction_hash: '0x"
              + "a1".repeat(32)
              + "'",
          "clob-trades",
          "id: 'x', market: '0x"
              + CONDITION
              + "', asset_id: '7', side: 'BUY', price: '0.5', size: '10', fee_rate_bps: '0'",
          "resolutions",
          "condition_id: '0x" + CONDITION + "', payouts: '[1000000,0]'",
          "markets",
          "id: '1', conditionId: '0x" + CONDITION + "'",
          "wallets",
          "proxy_wallet: '0x"
              + "c".repeat(40)
              + "', token_id: '7', condition_id: '0x"
              + CONDITION
              + "', current_size: '1'");

  @BeforeAll
  static void make() {
    TestBed.empty();
    ROWS.keySet().forEach(job -> Views.create(TestBed.clickHouse(), job));
  }

  private static void land(String job, String more) {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String field : (ROWS.get(job) + ", " + more).split(", (?=\\w+: )")) {
      String[] parts = field.split(": ", 2);
      fields.put(parts[0], parts[1]);
    }
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default."
                + job.replace('-', '_')
                + "_landing ("
                + String.join(", ", fields.keySet())
                + ", batch, fetched_at) SELECT "
                + String.join(", ", fields.values())
                + ", 'test', now64(3)");
  }

  private static String measure(String job, String name) {
    SqlFile.Section measure =
        SqlFile.read(job).sections("measure").stream()
            .filter(section -> section.title().startsWith(name + " "))
            .findFirst()
            .orElseThrow();
    return String.valueOf(TestBed.clickHouse().value(measure.sql(Map.of())));
  }

  @ParameterizedTest
  @CsvSource({
    "fills, timestamp, default.clob_fills, timestamp",
    "trades, timestamp, default.clob_fills, timestamp",
    "clob-trades, match_time, default.clob_own_trades, matched_at",
    "clob-trades, last_update, default.clob_own_trades, updated_at",
    "resolutions, resolved_at, default.resolutions_external_ingest, resolved_at",
    "markets, createdAt, default.api_markets_staging, created_at",
    "markets, closedTime, default.api_markets_staging, closed_at",
    "markets, startDate, default.api_markets_staging, start_date",
    "markets, endDate, default.api_markets_staging, end_date",
    "wallets, first_entry_at, default.api_positions_staging, first_entry_at",
    "wallets, last_event_at, default.api_positions_staging, last_event_at",
    "wallets, end_date, default.api_positions_staging, end_date"
  })
  void anImpossibleTime_isNull_keptAsItCame_andCounted(
      String job, String field, String table, String column) {
    List<String> said = List.of("0", "100000000", "9999999999", "1970-01-01T00:00:00Z", "soon");
    for (String text : said) {
      TestBed.clickHouse().execute("TRUNCATE TABLE " + table);
      land(job, field + ": '" + text + "'");
      assertEquals(
          "[{timeless=1, unread={" + field + "=" + text + "}}]",
          TestBed.sql("SELECT isNull(" + column + ") AS timeless, unread FROM " + table).toString(),
          job);
      if (!job.equals("trades")) {
        assertEquals("1", measure(job, "unread"), job);
      }
    }
    TestBed.clickHouse().execute("TRUNCATE TABLE " + table);
    land(job, field + ": '1769201796'");
    assertEquals(
        "[{day=2026-01-23, unread={}}]",
        TestBed.sql("SELECT toString(toDate(" + column + ")) AS day, unread FROM " + table)
            .toString(),
        job);
  }

  @Test
  void aFillsTime_isThatOfItsTransaction_ifAnotherRowOrTheChainHasIt() {
    for (String table : List.of("clob_fills", "rpc_transfers", "fills_checked")) {
      TestBed.clickHouse().execute("TRUNCATE TABLE default." + table);
    }
    fill("a1", "b1", "0");
    fill("a1", "b2", "1769201796");
    fill("a2", "b3", "4000000000");
    fill("a3", "b4", "");
    fill("a4", "b5", "1769201800");
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.rpc_transfers (transaction_hash, token_id, block_number,"
                + " block_time) VALUES ('0x"
                + "a2".repeat(32)
                + "', '7', 5, '2026-01-24 00:00:00')");
    assertEquals("3", measure("fills", "timeless"));
    new Steps("test", true, 1_000_000_000, 1).finish(TestBed.clickHouse(), SqlFile.read("fills"));
    assertEquals(
        "[{time=2026-01-23 20:56:36}, {time=2026-01-23 20:56:36}, {time=2026-01-24 00:00:00},"
            + " {time=null}, {time=2026-01-23 20:56:40}]",
        TestBed.sql("SELECT toString(timestamp) AS time FROM default.clob_fills ORDER BY fill_id")
            .toString());
    assertEquals("1", measure("fills", "timeless"));
    assertEquals("2", measure("fills", "unread"));
  }

  private static void fill(String transaction, String order, String time) {
    land(
        "fills",
        "timestamp: '"
            + time
            + "', id: '0x"
            + transaction.repeat(32)
            + "_0x"
            + order.repeat(32)
            + "'");
  }
}
