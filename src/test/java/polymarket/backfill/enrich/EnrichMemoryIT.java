package polymarket.backfill.enrich;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.enrich.ReconcileIT.gamma;
import static polymarket.backfill.enrich.ReconcileIT.id;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Messages;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.SqlFile;

/** Enrich and reconcile with far more ids than their cap of memory holds at once. */
class EnrichMemoryIT {

  /** Of each 100 trades this many are found by their market, their token, their transaction. */
  private static final int TRADES = 400_000;

  private static final int CONDITIONS = 60_000;

  private final List<String> said = new CopyOnWriteArrayList<>();
  private final List<String> lines = new CopyOnWriteArrayList<>();
  private Consumer<String> onStatus = line -> {};
  private Path runtime;

  @BeforeEach
  void emptyTables() throws IOException {
    TestBed.empty();
    execute("DROP DATABASE IF EXISTS backfill_enrich SYNC");
    runtime =
        Files.createTempDirectory(
            Files.createDirectories(TestBed.PROJECT.resolve("target/tests")), "enrich");
    Reconcile.createTables(TestBed.clickHouse());
    TestBed.clickHouse().execute(SqlFile.read("markets").section("setup"), Map.of());
  }

  private static void execute(String sql) {
    TestBed.clickHouse().execute(sql);
  }

  private Settings settings(Map<String, String> more) {
    Map<String, String> overrides =
        new HashMap<>(Map.of("runtime.dir", runtime.toString(), "enrich.slice-rows", "100000"));
    overrides.putAll(more);
    return Settings.load(TestBed.PROJECT, Map.of(), overrides);
  }

  private Messages messages() {
    return new SaidMessages(said::add);
  }

  private Enrich.Result run(Map<String, String> more) {
    return new Enrich(
            TestBed.clickHouse(),
            settings(more),
            messages(),
            line -> {
              lines.add(line);
              onStatus.accept(line);
            })
        .run();
  }

  /**
   * Every trade has a market, a token and a transaction of its own. Of each four trades the first
   * is found by its market, the second by its token, the third by its transaction, the fourth not
   * at all.
   */
  private static void tradesWithIdsOfTheirOwn() {
    execute(
        "CREATE TABLE default.trades_raw (trade_id UInt64, market String, token_id String,"
            + " condition_id String, transaction_hash String) ENGINE = MergeTree ORDER BY trade_id"
            + " SETTINGS index_granularity = 1024 AS SELECT number AS n, concat('market-',"
            + " toString(n)), concat('7777777777777777777777', toString(n)), if(n % 40 = 3, '"
            + id(5)
            + "', ''), concat('0x', lower(hex(sipHash128(n))), lower(hex(sipHash128(n, 1)))) FROM"
            + " numbers("
            + TRADES
            + ")");
    execute(
        "INSERT INTO default.condition_id_merged (key_kind, key, condition_id, rule, sources_agree,"
            + " decided_at) SELECT if(n % 4 = 0, 'slug', 'token-id'), if(n % 4 = 0,"
            + " concat('market-', toString(n)), concat(if(n % 4 = 1, '7777777777777777777777',"
            + " '8888888888888888888888'), toString(n))), lower(hex(sipHash128(n, 2))) ||"
            + " lower(hex(sipHash128(n, 3))), 'proved', ['clob'], now64(3) FROM (SELECT number AS n"
            + " FROM numbers("
            + TRADES
            + ") WHERE n % 4 < 3)");
    execute(
        "INSERT INTO default.rpc_transfers (transaction_hash, token_id, block_number, transfers,"
            + " fetched_at) SELECT concat('0x', lower(hex(sipHash128(n))), lower(hex(sipHash128(n,"
            + " 1)))), concat('8888888888888888888888', toString(n)), n, 1, '2026-01-04 00:00:00'"
            + " FROM (SELECT number AS n FROM numbers("
            + TRADES
            + ") WHERE n % 4 = 2)");
  }

  private static void assertEveryTradeIsRight() {
    assertEquals(
        TRADES, TestBed.number("SELECT uniqExact(trade_id) FROM default.enriched_trades_final"));
    assertEquals(TRADES, TestBed.number("SELECT count() FROM default.enriched_trades_final"));
    assertEquals(
        0,
        TestBed.number(
            "SELECT countIf(condition_id != multiIf(trade_id % 40 = 3, '"
                + id(5)
                + "', trade_id % 4 = 3, '', lower(hex(sipHash128(trade_id, 2))) ||"
                + " lower(hex(sipHash128(trade_id, 3)))) OR condition_id_rule != multiIf(trade_id %"
                + " 40 = 3, 'original', trade_id % 4 = 3, '', trade_id % 4 = 2, 'transaction',"
                + " 'proved')) FROM default.enriched_trades_final"));
  }

  @Test
  void everyStep_staysUnderACapThatHoldsAPartOfTheIds() {
    tradesWithIdsOfTheirOwn();
    Enrich.Result result = run(Map.of("enrich.max-memory", "64M", "enrich.concurrency", "1"));
    assertEquals("complete", result.state());
    assertEveryTradeIsRight();
    assertTrue(
        result
            .steps()
            .keySet()
            .containsAll(
                List.of(
                    "measure",
                    "resolve markets",
                    "resolve tokens",
                    "look for transactions",
                    "resolve transactions",
                    "write and compare")),
        result.steps().toString());
  }

  @Test
  void dictionariesThatDoNotFit_giveWayToHashJoins() {
    tradesWithIdsOfTheirOwn();
    assertEquals(
        "complete", run(Map.of("enrich.max-memory", "96M", "enrich.join", "dictionary")).state());
    assertEveryTradeIsRight();
    assertTrue(said.stream().anyMatch(line -> line.contains("using hash joins")), said.toString());
  }

  @Test
  void aFailedStep_isNamed_andTheNextRunKeepsFinishedSteps() {
    tradesWithIdsOfTheirOwn();
    onStatus =
        line -> {
          if (line.startsWith("enrich: looked for transactions in 4 ")) {
            execute("RENAME TABLE default.rpc_transfers TO default.rpc_transfers_away");
          }
        };
    UserError error = assertThrows(UserError.class, () -> run(Map.of()));
    assertTrue(error.getMessage().contains("the step 'resolve transactions'"), error.getMessage());
    assertTrue(error.getMessage().contains("Finished parts are kept"), error.getMessage());
    assertTrue(lines.stream().anyMatch(line -> line.contains("measured")), lines.toString());
    execute("RENAME TABLE default.rpc_transfers_away TO default.rpc_transfers");
    onStatus = line -> {};
    lines.clear();
    assertEquals("complete", run(Map.of()).state());
    assertFalse(
        lines.stream().anyMatch(line -> line.contains("measured") || line.contains("looked")),
        lines.toString());
    assertEveryTradeIsRight();
  }

  @Test
  void aStepWhoseSmallestPieceDoesNotFit_saysWhatToSet() {
    tradesWithIdsOfTheirOwn();
    UserError error =
        assertThrows(
            UserError.class,
            () -> run(Map.of("enrich.max-memory", "1M", "enrich.slice-rows", "400000")));
    assertTrue(error.getMessage().contains("the step 'measure'"), error.getMessage());
    assertTrue(error.getMessage().contains("raise enrich.max-memory"), error.getMessage());
    assertTrue(error.getMessage().contains("lower enrich.concurrency"), error.getMessage());
  }

  @Test
  void aRunOfAnotherTable_reportsNoInterruption_ifTheLastOneFinished() {
    gamma("14", id(4), "", "slug-4", "v1");
    new Reconcile(TestBed.clickHouse(), settings(Map.of()), messages()).run();
    for (String table : List.of("trades_raw", "trades_other")) {
      execute(
          "CREATE TABLE default."
              + table
              + " (trade_id UInt64, market String) ENGINE = MergeTree ORDER BY trade_id AS SELECT"
              + " number, '14' FROM numbers(100)");
    }
    assertEquals("complete", run(Map.of()).state());
    said.clear();
    assertEquals(
        "complete",
        run(Map.of(
                "enrich.trades", "default.trades_other", "enrich.target", "default.enriched_other"))
            .state());
    assertFalse(said.stream().anyMatch(line -> line.contains("interrupted")), said.toString());
    assertEquals(
        100,
        TestBed.number(
            "SELECT countIf(condition_id = '" + id(4) + "') FROM default.enriched_other"));
  }

  @Test
  void objectStorage_hasRoom() {
    assertEquals(
        Long.MAX_VALUE,
        TestBed.clickHouse().number("SELECT toUInt64(18446744073709551615) AS unreserved_space"));
    assertEquals(
        Long.MAX_VALUE,
        TestBed.clickHouse().number("SELECT sum(toFloat64(toUInt64(18446744073709551615)))"));
  }

  @Test
  void reconcile_staysUnderACapThatHoldsAPartOfTheConditions() {
    String condition = "lower(hex(sipHash128(n))) || lower(hex(sipHash128(n, 1)))";
    String tokens =
        "arrayMap(i -> concat('7777777777777777777777777777777777777777', toString(n * 10 + i)),"
            + " range(%d))";
    String numbers = " FROM (SELECT number AS n FROM numbers(" + CONDITIONS + "))";
    execute(
        "INSERT INTO default.clob_market_mapping (condition_id, question_id, market_slug,"
            + " token_ids, fetched_at) SELECT "
            + condition
            + ", lower(hex(sipHash128(n, 4))) || lower(hex(sipHash128(n, 5))), concat('slug-',"
            + " toString(n)), "
            + tokens.formatted(2)
            + ", '2026-01-04 00:00:00'"
            + numbers);
    execute(
        "INSERT INTO default.computed_token_ids (condition_id, outcomes, usdc_token_ids,"
            + " wrapped_token_ids, other_token_ids) SELECT "
            + condition
            + ", 2, "
            + tokens.formatted(2)
            + ", [], arrayMap(i -> repeat(toString(i), 77), range(10))"
            + numbers);
    // the scan of logs was cut short: what was moved has to be mapped, too
    execute(
        "INSERT INTO default.rpc_conditions (condition_id, outcome_slot_count, fetched_at) SELECT "
            + condition
            + ", 2, '2026-01-04 00:00:00'"
            + numbers);
    execute(
        "INSERT INTO default.rpc_transfers (transaction_hash, token_id, block_number, transfers,"
            + " fetched_at) SELECT concat('0x', toString(n)), arrayJoin("
            + tokens.formatted(2)
            + "), n, 1, '2026-01-05 00:00:00'"
            + numbers);
    Reconcile.Result result =
        new Reconcile(
                TestBed.clickHouse(), settings(Map.of("enrich.max-memory", "64M")), messages())
            .run();
    assertTrue(result.changed());
    assertEquals(
        2L * CONDITIONS, TestBed.number("SELECT count() FROM default.rpc_transfer_mapping FINAL"));
    for (String kind : List.of("condition-id", "question-id", "slug")) {
      assertEquals(
          CONDITIONS,
          TestBed.number(
              "SELECT count() FROM default.condition_id_merged WHERE key_kind = '" + kind + "'"));
    }
    assertEquals(
        2L * CONDITIONS,
        TestBed.number(
            "SELECT count() FROM default.condition_id_merged WHERE key_kind = 'token-id' AND rule ="
                + " 'proved' AND sources_agree = ['clob', 'rpc']"));
  }
}
