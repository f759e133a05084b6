package polymarket.backfill.enrich;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.enrich.ReconcileIT.clob;
import static polymarket.backfill.enrich.ReconcileIT.gamma;
import static polymarket.backfill.enrich.ReconcileIT.goldsky;
import static polymarket.backfill.enrich.ReconcileIT.id;
import static polymarket.backfill.enrich.ReconcileIT.token;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Messages;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.Quoted;
import polymarket.backfill.clickhouse.SqlFile;

/** Trades of every kind, each with what has to become of it, in the real engine. */
class EnrichIT {

  static final String Q = "9".repeat(63);
  static final String TX = "ab".repeat(31);

  /** A token of the second protocol, which is computed from no condition id. */
  static final String V2_TOKEN = "123456789012345678901234567890";

  /** A condition id whose decimal form has 77 digits. */
  private static final String BIG = "f1".repeat(32);

  private final List<String> said = new CopyOnWriteArrayList<>();
  private Consumer<String> onStatus = line -> {};
  private Path runtime;

  /** A kind of trade and what it comes to: condition id, source, rule, reason. */
  record Plan(String market, String token, String condition, String transaction, String becomes) {}

  @BeforeEach
  void emptyTables() throws IOException {
    TestBed.empty();
    TestBed.clickHouse().execute("DROP DATABASE IF EXISTS backfill_enrich SYNC");
    runtime =
        Files.createTempDirectory(
            Files.createDirectories(TestBed.PROJECT.resolve("target/tests")), "enrich");
    sources();
    new Reconcile(TestBed.clickHouse(), settings(Map.of()), messages()).run();
  }

  /** The sources with their planned conflicts. */
  static void sources() {
    Reconcile.createTables(TestBed.clickHouse());
    TestBed.clickHouse().execute(SqlFile.read("markets").section("setup"), Map.of());
    // proved by its tokens, against Gamma
    clob(id(1), Q + "1", "slug-1", token(1, 0), token(1, 1));
    gamma("11", id(2), "", "slug-1", "v1");
    // all agree, only one, majority is not there, and a tie
    clob(id(3), Q + "3", "slug-3");
    gamma("13", id(3), "", "slug-3", "v1");
    gamma("14", id(4), "", "slug-4", "v1");
    clob(id(5), "", "slug-5");
    gamma("15", id(6), "", "slug-5", "v1");
    // nobody can tell
    clob(id(7), "", "twice");
    clob(id(8), "", "twice");
    goldsky(token(9, 0), id(9), 0);
    gamma("20", id(20), "", "slug-20", "v2", V2_TOKEN);
    // Gamma says another condition, and none, but lists the tokens of condition 21
    goldsky(token(21, 0), id(21), 0);
    goldsky(token(21, 1), id(21), 1);
    gamma("21", id(19), "", "slug-21", "v1", token(21, 0), token(21, 1));
    gamma("22", "", "", "slug-22", "v1", token(21, 0), token(21, 1));
    // transactions: of one condition, of two, of one and something unknown, of unknown ones
    transfer(TX + "01", token(1, 0));
    transfer(TX + "01", token(1, 1));
    transfer(TX + "02", token(1, 0));
    transfer(TX + "02", token(9, 0));
    transfer(TX + "03", token(1, 0));
    transfer(TX + "03", "777777777777777777777777");
    transfer(TX + "04", "777777777777777777777777");
  }

  private static void transfer(String transaction, String token) {
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.rpc_transfers (transaction_hash, token_id, block_number,"
                + " transfers, fetched_at) VALUES ('0x"
                + transaction
                + "', '"
                + token
                + "', 5, 1, '2026-01-04 00:00:00')");
  }

  /**
   * One of every kind; columns that a table does not have are left out of what it comes to by the
   * test.
   */
  static List<Plan> plans() {
    String zero = "0x" + "0".repeat(64);
    return List.of(
        new Plan("slug-1", "", "", "", id(1) + " clob proved -"),
        new Plan("11", "", "", "", id(2) + " gamma only-source -"),
        new Plan("0011", "", "0x0", "", id(2) + " gamma only-source -"),
        new Plan(" Slug-3 ", "", zero, "", id(3) + " clob all-agree -"),
        new Plan("slug-4", "", "", "", id(4) + " gamma only-source -"),
        new Plan("slug-5", "", "", "", id(5) + " clob priority -"),
        new Plan("0x" + Q + "1", "", "", "", id(1) + " clob proved -"),
        new Plan(("0x" + Q + "3").toUpperCase(), "", "", "", id(3) + " clob only-source -"),
        new Plan(token(1, 1), "", "", "", id(1) + " clob proved -"),
        new Plan(
            "0x" + new BigInteger(token(9, 0)).toString(16),
            "",
            "",
            "",
            id(9) + " goldsky proved -"),
        new Plan("0x" + id(3), "", "", "", id(3) + " clob all-agree -"),
        // by a token that is proved, whatever the market says; by any other only where the market
        // does not help
        new Plan("", token(9, 0), "", "", id(9) + " goldsky proved -"),
        new Plan("nobody-knows", token(1, 0), "", TX + "02", id(1) + " clob proved -"),
        new Plan("slug-4", token(1, 0), "", "", id(1) + " clob proved -"),
        new Plan("slug-1", token(9, 0), "", "", id(9) + " goldsky proved -"),
        new Plan("slug-4", V2_TOKEN, "", "", id(4) + " gamma only-source -"),
        new Plan(zero, V2_TOKEN, "", "", id(20) + " gamma only-source -"),
        // a market whose Gamma condition is missing or disproved, and whose tokens say whose it is
        new Plan("21", "", "", "", id(21) + " gamma proved -"),
        new Plan("slug-21", token(21, 1), "", "", id(21) + " goldsky proved -"),
        new Plan("22", "", "null", "", id(21) + " gamma proved -"),
        // by transaction where neither does
        new Plan("nobody-knows", "", "", "0x" + TX + "01", id(1) + " rpc transaction -"),
        new Plan("", "", "", ("0x" + TX + "01").toUpperCase(), id(1) + " rpc transaction -"),
        new Plan("twice", "888", "", TX + "01", id(1) + " rpc transaction -"),
        // not at all
        new Plan("nobody-knows", "", "", "", " - - unknown market"),
        new Plan("99", "", "", "0x" + TX + "04", " - - unknown market"),
        new Plan("", "", "", "", " - - no market id"),
        new Plan("null", "", "", "", " - - no market id"),
        new Plan(" None ", "undefined", "0X", "", " - - no market id"),
        new Plan("n/a", "null", "N/A", "null", " - - no market id"),
        new Plan("0x00", "none", "0x000", "0x", " - - zero market id"),
        new Plan(zero, "", "", "", " - - zero market id"),
        new Plan("0", "0", zero, "", " - - zero market id"),
        new Plan("", "666666666666666666666666", "", "", " - - unknown token"),
        new Plan("twice", "", "", "", " - - ambiguous market"),
        new Plan("nobody-knows", "", "", "0x" + TX + "02", " - - ambiguous transaction"),
        new Plan("", "", "", "0x" + TX + "03", " - - ambiguous transaction"),
        // what is no id is none, whatever stands there
        new Plan("slug-1", "", " None ", "", id(1) + " clob proved -"),
        new Plan("slug-1", "", "undefined", "", id(1) + " clob proved -"),
        new Plan("slug-1", "", "0X" + "0".repeat(40), "", id(1) + " clob proved -"),
        new Plan("slug-1", "", "to be filled", "", id(1) + " clob proved -"),
        new Plan("slug-1", "", "0x" + id(2).substring(0, 20), "", id(1) + " clob proved -"),
        // a condition id that is there stays, in the stored form
        new Plan("slug-1", "", id(1), "", id(1) + " original original -"),
        new Plan("slug-1", "", " 0x" + id(1).toUpperCase(), "", id(1) + " original original -"),
        new Plan("", "", new BigInteger(BIG, 16).toString(), "", BIG + " original original -"),
        new Plan("nobody-knows", "", "0x" + id(99), TX + "01", id(99) + " original original -"),
        // and is disputed where the market says another one, or the row's own token
        new Plan("slug-1", "", id(2), "", id(2) + " original original-disputed -"),
        new Plan(zero, token(1, 0), id(2), "", id(2) + " original original-disputed -"),
        new Plan("", token(9, 0), "0x" + id(2), "", id(2) + " original original-disputed -"),
        new Plan("nobody-knows", V2_TOKEN, id(2), "", id(2) + " original original-disputed -"),
        new Plan("11", token(1, 0), id(2), "", id(2) + " original original-disputed -"),
        // but not where its token proves it, or says nothing
        new Plan("11", token(1, 0), id(1), "", id(1) + " original original -"),
        new Plan(zero, token(1, 1), id(1).toUpperCase(), "", id(1) + " original original -"),
        new Plan(zero, "666666666666666666666666", id(2), "", id(2) + " original original -"));
  }

  private Settings settings(Map<String, String> more) {
    Map<String, String> overrides =
        new HashMap<>(Map.of("runtime.dir", runtime.toString(), "enrich.slice-rows", "1000"));
    overrides.putAll(more);
    return Settings.load(TestBed.PROJECT, Map.of(), overrides);
  }

  private Messages messages() {
    return new SaidMessages(said::add);
  }

  private Enrich.Result run(Map<String, String> more) {
    return new Enrich(
            TestBed.clickHouse(), settings(more), messages(), line -> onStatus.accept(line))
        .run();
  }

  private Enrich.Result run() {
    return run(Map.of());
  }

  /** Makes trades, and gives what has to become of each by its id. */
  static Map<Long, String> trades(
      String columns,
      String keys,
      int rows,
      long seed,
      boolean tokens,
      boolean transactions,
      boolean conditions) {
    TestBed.clickHouse().execute("CREATE TABLE default.trades_raw (" + columns + ") " + keys);
    return insert(0, rows, seed, tokens, transactions, conditions);
  }

  static Map<Long, String> insert(
      long first, int rows, long seed, boolean tokens, boolean transactions, boolean conditions) {
    List<Plan> plans =
        plans().stream()
            .filter(
                plan ->
                    (tokens || plan.token().isEmpty())
                        && (transactions || plan.transaction().isEmpty())
                        && (conditions || plan.condition().isEmpty()))
            .toList();
    Random random = new Random(seed);
    Map<Long, String> truth = new LinkedHashMap<>();
    StringBuilder json = new StringBuilder();
    for (long trade = first; trade < first + rows; trade++) {
      Plan plan = plans.get(random.nextInt(plans.size()));
      truth.put(trade, plan.becomes());
      json.append("{\"trade_id\":")
          .append(trade)
          .append(",\"market\":\"")
          .append(plan.market())
          .append("\",\"asset\":\"")
          .append(plan.token())
          .append("\",\"condition_id\":\"")
          .append(plan.condition())
          .append("\",\"tx_hash\":\"")
          .append(plan.transaction())
          .append("\",\"timestamp\":")
          .append(1_735_700_000L + random.nextInt(14_000_000))
          .append(",\"price\":")
          .append(random.nextDouble())
          .append(",\"tags\":[\"a\",\"")
          .append(random.nextInt(9))
          .append("\"],\"note\":\"it's \\\\ ")
          .append(trade)
          .append("\"}\n");
    }
    TestBed.clickHouse()
        .insert(
            "default.trades_raw",
            json.toString().getBytes(StandardCharsets.UTF_8),
            "trades-" + first + "-" + seed);
    return truth;
  }

  /** Every trade is there once, with what had to become of it; and nothing else of it changed. */
  static void assertTruth(Map<Long, String> truth, String condition) {
    Map<Long, String> there = new LinkedHashMap<>();
    TestBed.clickHouse().stream(
        "SELECT toUInt64(trade_id) AS id, concat(ifNull(toString("
            + condition
            + "), ''), ' ', if(condition_id_source = '', '-', condition_id_source), ' ',"
            + " if(condition_id_rule = '', '-', condition_id_rule), ' ', if(unfillable_reason = '',"
            + " '-', unfillable_reason)) AS became FROM default.enriched_trades_final",
        Map.of(),
        row -> {
          String before =
              there.put(((Number) row.get("id")).longValue(), (String) row.get("became"));
          assertEquals(null, before, "twice: " + row);
        });
    truth.forEach((trade, becomes) -> assertEquals(becomes, there.get(trade), "trade " + trade));
    assertEquals(truth.size(), there.size());
    String columns =
        TestBed.sql(
                "SELECT name FROM system.columns WHERE database = 'default' AND table ="
                    + " 'trades_raw' AND default_kind NOT IN ('ALIAS', 'EPHEMERAL')")
            .stream()
            .map(row -> Quoted.name((String) row.get("name")))
            .collect(Collectors.joining(", "));
    String kept = columns.replace("`condition_id`", "`condition_id_original`");
    assertEquals(
        0,
        TestBed.number(
            "SELECT count() FROM (SELECT "
                + columns
                + " FROM default.trades_raw EXCEPT ALL SELECT "
                + kept
                + " FROM default.enriched_trades_final)"));
  }

  static final String PLAIN =
      "trade_id UInt64, market String, asset String, condition_id String, tx_hash String, timestamp"
          + " DateTime, price Float64";

  @Test
  void everyTrade_isEnrichedCorrectly_inAPartitionedTable() {
    Map<Long, String> truth =
        trades(
            PLAIN,
            "ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (market, timestamp)",
            7000,
            1,
            true,
            true,
            true);
    Enrich.Result result = run();
    assertTruth(truth, "condition_id");
    assertEquals("complete", result.state());
    assertEquals(truth.size(), result.rows());
    assertEquals(
        truth.values().stream().filter(text -> text.contains(" original")).count(),
        result.original());
    assertEquals(
        truth.values().stream()
            .filter(text -> text.endsWith(" -") && !text.contains(" original"))
            .count(),
        result.filled());
    assertEquals(
        truth.values().stream().filter(text -> text.startsWith(" ")).count(), result.unfillable());
    assertTrue(result.slices() >= 6, result.toString());
    assertEquals(
        "toYYYYMM(timestamp) / market, timestamp",
        TestBed.clickHouse()
            .value(
                "SELECT concat(partition_key, ' / ', sorting_key) FROM system.tables WHERE name ="
                    + " 'enriched_trades_final'"));
    assertEquals(
        0, TestBed.number("SELECT count() FROM system.databases WHERE name = 'backfill_enrich'"));
    assertEquals(
        truth.size(),
        TestBed.number(
            "SELECT count() FROM default.vw_enriched_trades WHERE trade_id != '' AND"
                + " toYear(traded_at) = 2025"));
  }

  @Test
  void everyTrade_isEnrichedCorrectly_inKeyRanges_withEachJoin() {
    Map<Long, String> truth =
        trades(
            PLAIN,
            "ENGINE = MergeTree ORDER BY (market, trade_id) SETTINGS index_granularity = 128",
            9000,
            2,
            true,
            true,
            true);
    for (String join : List.of("dictionary", "direct", "hash")) {
      TestBed.clickHouse().execute("DROP TABLE IF EXISTS default.enriched_trades_final SYNC");
      Enrich.Result result = run(Map.of("enrich.join", join));
      assertEquals("complete", result.state(), join);
      assertTrue(result.slices() >= 5, join + " " + result);
      assertTruth(truth, "condition_id");
    }
  }

  @Test
  void columnsOfEveryKind_stayAsTheyAre() {
    Map<Long, String> truth =
        trades(
            "trade_id UInt64, market LowCardinality(Nullable(String)), asset Nullable(String),"
                + " condition_id Nullable(FixedString(80)), tx_hash LowCardinality(String),"
                + " timestamp DateTime64(3, 'America/New_York') CODEC(DoubleDelta, ZSTD(1)), price"
                + " Nullable(Float64) COMMENT 'it''s a price', tags Array(LowCardinality(String)),"
                + " note String DEFAULT concat('x', toString(trade_id)), `odd name`` %` Map(String,"
                + " UInt8) DEFAULT map('a', 1), n Nested(a UInt8, b String), u UUID DEFAULT"
                + " generateUUIDv4(), d Decimal(38, 18) DEFAULT 0.1, e Enum8('buy' = 1, 'sell' = 2)"
                + " DEFAULT 'sell', day Date MATERIALIZED toDate(timestamp), twice Float64 ALIAS"
                + " price * 2, seed String EPHEMERAL, made String DEFAULT upper(seed), t Tuple(a"
                + " UInt8, b Nullable(String)), j JSON",
            "ENGINE = ReplacingMergeTree PARTITION BY (day, e) ORDER BY (market, trade_id) SETTINGS"
                + " allow_nullable_key = 1",
            1500,
            3,
            true,
            true,
            true);
    run();
    assertTruth(truth, "condition_id");
    assertEquals("String", type("market").replace("Nullable(String)", "String"));
    assertEquals("String", type("tx_hash"));
    assertEquals("Nullable(String)", type("condition_id"));
    assertEquals("Nullable(Float64)", type("price"));
    assertEquals(
        1,
        TestBed.number("SELECT uniqExact(twice = price * 2) FROM default.enriched_trades_final"));
    assertEquals(
        "it's a price",
        TestBed.clickHouse()
            .value(
                "SELECT comment FROM system.columns WHERE table = 'enriched_trades_final' AND name"
                    + " = 'price'"));
    assertTrue(
        String.valueOf(
                TestBed.clickHouse()
                    .value(
                        "SELECT compression_codec FROM system.columns WHERE table ="
                            + " 'enriched_trades_final' AND name = 'timestamp'"))
            .contains("DoubleDelta"));
  }

  private static String type(String column) {
    return String.valueOf(
        TestBed.clickHouse()
            .value(
                "SELECT type FROM system.columns WHERE database = 'default' AND table ="
                    + " 'enriched_trades_final' AND name = '"
                    + column
                    + "'"));
  }

  @Test
  void aTableWithoutConditionToken_orTransaction_isFilledByItsMarkets() {
    Map<Long, String> truth =
        trades(
            "trade_id UInt64, market String, timestamp UInt64",
            "ENGINE = MergeTree ORDER BY tuple()",
            3000,
            4,
            false,
            false,
            false);
    run();
    assertTruth(truth, "condition_id");
    assertEquals(
        3000,
        TestBed.number(
            "SELECT count() FROM default.vw_enriched_trades WHERE toYear(traded_at) = 2025"));
  }

  @Test
  void columnsAreFoundInAnySpelling_andReported_andTheConditionIsInOneForm() {
    TestBed.clickHouse()
        .execute(
            "CREATE TABLE default.trades_raw (ID UInt64, MarketID String, ConditionID String,"
                + " TxHash String, ts UInt64, `Token-Id` String) ENGINE = MergeTree ORDER BY ID AS"
                + " SELECT * FROM VALUES((1, '0x"
                + "0".repeat(64)
                + "', '0x"
                + id(2).toUpperCase()
                + "', '', 1735700000, '"
                + token(1, 0)
                + "'), (2, 'slug-1', 'null', '', 1735700000, ''), (3, '', '', '0x"
                + TX
                + "01', 1735700000000, ''))");
    run();
    assertTrue(
        said.contains(
            "enrich reads default.trades_raw: market from column MarketID, token from column"
                + " Token-Id, condition from column ConditionID, transaction from column TxHash,"
                + " time from column ts, trade from column ID"),
        said.toString());
    assertEquals(
        List.of(
            id(2) + " original-disputed 0x" + id(2).toUpperCase(),
            id(1) + " proved null",
            id(1) + " transaction "),
        TestBed.sql(
                "SELECT concat(condition_id, ' ', condition_id_rule, ' ', ConditionID) AS text FROM"
                    + " default.enriched_trades_final WHERE condition_id_original = ConditionID"
                    + " ORDER BY ID")
            .stream()
            .map(row -> row.get("text"))
            .toList());
    assertEquals(
        3,
        TestBed.number(
            "SELECT count() FROM default.vw_enriched_trades WHERE toYear(traded_at) = 2025 AND"
                + " match(condition_id, '^[0-9a-f]{64}$') AND trade_id != ''"));
  }

  @Test
  void aTableWithoutAnyIdToLookUpBy_isRefused_inOneLine() {
    TestBed.clickHouse()
        .execute(
            "CREATE TABLE default.trades_raw (who String, what String, condition_id String) ENGINE"
                + " = MergeTree ORDER BY who AS SELECT 'a', 'b', ''");
    String message = assertThrows(UserError.class, this::run).getMessage();
    assertTrue(
        message.contains("who, what, condition_id") && message.contains("enrich.market-columns"),
        message);
    assertFalse(message.contains("\n"), message);
  }

  @Test
  void aTableWithoutMergeTree_isOneSlice() {
    Map<Long, String> truth = trades(PLAIN, "ENGINE = Memory", 3000, 5, true, true, true);
    assertEquals(1, run().slices());
    assertTruth(truth, "condition_id");
  }

  @Test
  void columnsWithManyDifferentIds_areNoLongerLowCardinality() {
    TestBed.clickHouse()
        .execute(
            "CREATE TABLE default.trades_raw (trade_id UInt64, market String, wallet"
                + " LowCardinality(String), side LowCardinality(String)) ENGINE = MergeTree ORDER"
                + " BY trade_id AS SELECT number, 'slug-1', concat('0x', toString(number %"
                + " 120000)), if(number % 2, 'BUY', 'SELL') FROM numbers(240000)");
    run(Map.of("enrich.slice-rows", "100000"));
    assertEquals("String", type("wallet"));
    assertEquals("LowCardinality(String)", type("side"));
    assertEquals(
        240_000,
        TestBed.number(
            "SELECT count() FROM default.enriched_trades_final WHERE condition_id = '"
                + id(1)
                + "'"));
  }

  @Test
  void aSliceThatHitsTheCap_isHalved_andNothingIsLost() {
    TestBed.clickHouse()
        .execute(
            "CREATE TABLE default.trades_raw (trade_id UInt64, market String, note String) ENGINE ="
                + " MergeTree ORDER BY trade_id AS SELECT number, if(number % 3 = 0, 'slug-1',"
                + " concat('nobody-knows-', toString(number))), repeat(toString(number), 5) FROM"
                + " numbers(600000)");
    Enrich.Result result = null;
    // what a query takes differs from machine to machine: the cap comes down until a slice hits it
    for (int cap = 150; cap >= 70 && (result == null || result.halved() == 0); cap -= 10) {
      TestBed.clickHouse().execute("DROP TABLE IF EXISTS default.enriched_trades_final SYNC");
      result =
          run(
              Map.of(
                  "enrich.slice-rows",
                  "600000",
                  "enrich.max-memory",
                  cap + "M",
                  "enrich.concurrency",
                  "1"));
      assertEquals("complete", result.state());
    }
    assertTrue(result.halved() > 0, result.toString());
    assertTrue(result.slices() > 1, result.toString());
    assertEquals(
        200_000,
        TestBed.number(
            "SELECT countIf(condition_id = '" + id(1) + "') FROM default.enriched_trades_final"));
    assertEquals(
        600_000, TestBed.number("SELECT uniqExact(trade_id) FROM default.enriched_trades_final"));
  }

  @Test
  void aCapThatNoSliceFitsInto_isReported() {
    trades(PLAIN, "ENGINE = MergeTree ORDER BY trade_id", 3000, 6, true, true, true);
    UserError error = assertThrows(UserError.class, () -> run(Map.of("enrich.max-memory", "300K")));
    assertTrue(error.getMessage().contains("enrich.max-memory"), error.getMessage());
    assertEquals(
        0,
        TestBed.number("SELECT count() FROM system.tables WHERE name = 'enriched_trades_final'"));
  }

  @Test
  void aSecondRun_changesNothing_andNewTradesOrMappingsAreEnrichedWithARollback() {
    Map<Long, String> truth =
        trades(
            PLAIN,
            "ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (market, timestamp)",
            3000,
            7,
            true,
            true,
            true);
    run();
    Object uuid =
        TestBed.clickHouse()
            .value("SELECT toString(uuid) FROM system.tables WHERE name = 'enriched_trades_final'");
    assertEquals("unchanged", run().state());
    assertEquals(
        uuid,
        TestBed.clickHouse()
            .value(
                "SELECT toString(uuid) FROM system.tables WHERE name = 'enriched_trades_final'"));
    assertThrows(
        UserError.class, () -> Enrich.rollback(TestBed.clickHouse(), settings(Map.of()), null));
    Map<Long, String> both = new LinkedHashMap<>(truth);
    both.putAll(insert(3000, 1000, 8, true, true, true));
    assertEquals("complete", run().state());
    assertTruth(both, "condition_id");
    assertEquals(
        uuid,
        TestBed.clickHouse()
            .value(
                "SELECT toString(uuid) FROM system.tables WHERE name ="
                    + " 'enriched_trades_final_previous'"));
    Enrich.rollback(TestBed.clickHouse(), settings(Map.of()), null);
    assertEquals(
        uuid,
        TestBed.clickHouse()
            .value(
                "SELECT toString(uuid) FROM system.tables WHERE name = 'enriched_trades_final'"));
    assertEquals(3000, TestBed.number("SELECT count() FROM default.vw_enriched_trades"));
    assertEquals("complete", run().state());
    assertTruth(both, "condition_id");
    // another mapping
    gamma("99", id(4), "", "", "v1");
    new Reconcile(TestBed.clickHouse(), settings(Map.of()), messages()).run();
    assertEquals("complete", run().state());
    assertEquals(
        0,
        TestBed.number(
            "SELECT count() FROM default.enriched_trades_final WHERE market = '99' AND condition_id"
                + " = ''"));
    // a value that changed, with as many rows
    TestBed.clickHouse()
        .execute(
            "ALTER TABLE default.trades_raw UPDATE price = 7 WHERE trade_id = 5 SETTINGS"
                + " mutations_sync = 1");
    assertEquals("complete", run().state());
    assertEquals(
        7,
        TestBed.number(
            "SELECT toUInt8(price) FROM default.enriched_trades_final WHERE trade_id = 5"));
    // another table
    TestBed.clickHouse()
        .execute(
            "CREATE TABLE default.other_trades ENGINE = MergeTree ORDER BY trade_id AS SELECT"
                + " * FROM default.trades_raw WHERE trade_id < 10");
    said.clear();
    assertEquals("complete", run(Map.of("enrich.trades", "default.other_trades")).state());
    assertEquals(10, TestBed.number("SELECT count() FROM default.enriched_trades_final"));
    assertTrue(said.stream().noneMatch(line -> line.contains("interrupt")), said.toString());
  }

  @Test
  void tradesInsertedDuringARun_areIncluded() {
    Map<Long, String> truth =
        trades(
            PLAIN,
            "ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (market, timestamp)",
            3000,
            9,
            true,
            true,
            true);
    boolean[] done = {false};
    onStatus =
        line -> {
          if (line.contains("rows/s") && !done[0]) {
            done[0] = true;
            truth.putAll(insert(3000, 500, 10, true, true, true));
            TestBed.clickHouse()
                .execute(
                    "INSERT INTO default.trades_raw VALUES (9000, 'slug-1', '', '', '', '2026-02-02"
                        + " 00:00:00', 1)");
            truth.put(9000L, id(1) + " clob proved -");
          }
        };
    assertEquals("complete", run().state());
    assertTruth(truth, "condition_id");
  }

  @Test
  void aSliceThatWasTamperedWith_isNotExchanged_andIsRewritten() {
    Map<Long, String> truth =
        trades(
            PLAIN,
            "ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (market, timestamp)",
            3000,
            11,
            true,
            true,
            true);
    boolean[] done = {false};
    onStatus =
        line -> {
          if (line.contains("rows/s") && !done[0]) {
            done[0] = true;
            TestBed.sql(
                    "SELECT DISTINCT table AS t FROM system.parts WHERE active AND database ="
                        + " 'backfill_enrich' AND table LIKE 'slice_%' AND rows > 0")
                .stream()
                .limit(1)
                .forEach(
                    row ->
                        TestBed.clickHouse()
                            .execute(
                                "ALTER TABLE backfill_enrich."
                                    + row.get("t")
                                    + " UPDATE price = price + 1 WHERE 1 SETTINGS mutations_sync ="
                                    + " 1"));
          }
        };
    UserError error = assertThrows(UserError.class, () -> run(Map.of("enrich.concurrency", "1")));
    assertTrue(
        error.getMessage().contains("differ from the files that were compared"),
        error.getMessage());
    assertEquals(
        0,
        TestBed.number("SELECT count() FROM system.tables WHERE name = 'enriched_trades_final'"));
    assertEquals("complete", run().state());
    assertTruth(truth, "condition_id");
  }

  @Test
  void tradesWhoseSumsDiffer_areNotExchanged() {
    TestBed.clickHouse()
        .execute(
            "CREATE TABLE default.base (trade_id UInt64, market String) ENGINE = MergeTree ORDER BY"
                + " trade_id AS SELECT number, 'slug-1' FROM numbers(2000)");
    // rows whose values are others each time they are read
    TestBed.clickHouse()
        .execute("CREATE VIEW default.trades_raw AS SELECT *, rand() AS price FROM default.base");
    UserError error = assertThrows(UserError.class, this::run);
    assertTrue(error.getMessage().contains("Nothing was exchanged"), error.getMessage());
    assertEquals(
        0,
        TestBed.number("SELECT count() FROM system.tables WHERE name = 'enriched_trades_final'"));
  }

  @Test
  void aMappingThatChangesDuringARun_isNotMixed() {
    trades(
        PLAIN,
        "ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (market, timestamp)",
        3000,
        12,
        true,
        true,
        true);
    boolean[] done = {false};
    onStatus =
        line -> {
          if (line.contains("rows/s") && !done[0]) {
            done[0] = true;
            clob(id(44), "", "new");
            new Reconcile(TestBed.clickHouse(), settings(Map.of()), messages()).run();
          }
        };
    assertTrue(
        assertThrows(UserError.class, this::run)
            .getMessage()
            .contains("the previous table was not replaced"));
    assertEquals("complete", run().state());
  }

  @Test
  void aStoppedRun_continuesWhereItWas_andDoesNoSliceTwice() {
    Map<Long, String> truth =
        trades(
            PLAIN,
            "ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (market, timestamp)",
            6000,
            13,
            true,
            true,
            true);
    Enrich[] enrich = {null};
    List<String> lines = new CopyOnWriteArrayList<>();
    enrich[0] =
        new Enrich(
            TestBed.clickHouse(),
            settings(Map.of("enrich.concurrency", "1")),
            messages(),
            line -> {
              if (line.contains("rows/s")) {
                enrich[0].stop();
              }
            });
    assertEquals("interrupted", enrich[0].run().state());
    Map<String, Object> written = tables();
    assertFalse(written.isEmpty());
    onStatus = lines::add;
    Enrich.Result result = run();
    assertEquals("complete", result.state());
    assertEquals(
        result.slices() - written.size(),
        lines.stream().filter(line -> line.contains("rows/s")).count());
    assertTruth(truth, "condition_id");
  }

  private static Map<String, Object> tables() {
    Map<String, Object> tables = new HashMap<>();
    TestBed.sql(
            "SELECT name, toString(uuid) AS u FROM system.tables WHERE database = 'backfill_enrich'"
                + " AND name LIKE 'slice_%'")
        .forEach(row -> tables.put((String) row.get("name"), row.get("u")));
    return tables;
  }

  @Test
  void withoutAMapping_orTrades_itSaysWhatToDo() {
    assertTrue(assertThrows(UserError.class, this::run).getMessage().contains("enrich.trades"));
    trades(PLAIN, "ENGINE = MergeTree ORDER BY trade_id", 10, 14, true, true, true);
    TestBed.clickHouse().execute("TRUNCATE TABLE default.condition_id_merged");
    assertTrue(
        assertThrows(UserError.class, this::run).getMessage().contains("backfill reconcile"));
    TestBed.clickHouse()
        .execute("ALTER TABLE default.trades_raw ADD COLUMN condition_id_rule String");
    assertTrue(assertThrows(UserError.class, this::run).getMessage().contains("condition_id_rule"));
  }
}
