package polymarket.backfill.enrich;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.polymarket.TokenIds;

/** The rules one by one, each with a planned conflict, in the real engine. */
class ReconcileIT {

  private static final String Q = "9".repeat(63);
  private final List<String> warnings = new ArrayList<>();

  @BeforeEach
  void emptyTables() {
    TestBed.empty();
    Reconcile.createTables(TestBed.clickHouse());
    TestBed.clickHouse().execute(SqlFile.read("markets").section("setup"), Map.of());
  }

  static String id(int n) {
    return String.format("%062x%02x", 7, n);
  }

  static String token(int condition, int outcome) {
    return TokenIds.tokenIds(id(condition), outcome + 1 < 2 ? 2 : outcome + 1)
        .get(outcome)
        .usdcTokenId();
  }

  private static String wrapped(int condition, int outcome) {
    return TokenIds.tokenIds(id(condition), 2).get(outcome).wrappedTokenId();
  }

  private static String list(String... texts) {
    return List.of(texts).stream()
        .map(text -> "'" + text + "'")
        .collect(Collectors.joining(",", "[", "]"));
  }

  static void clob(String condition, String question, String slug, String... tokens) {
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.clob_market_mapping (condition_id, question_id, market_slug,"
                + " token_ids, fetched_at) VALUES ('"
                + condition
                + "', '"
                + question
                + "', '"
                + slug
                + "', "
                + list(tokens)
                + ", '2026-01-01 00:00:00')");
  }

  static void gamma(
      String market,
      String condition,
      String question,
      String slug,
      String version,
      String... tokens) {
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.api_markets_staging (market_id, condition_id, question_id,"
                + " market_slug, version, token_ids, timestamp) VALUES ('"
                + market
                + "', '"
                + condition
                + "', '"
                + question
                + "', '"
                + slug
                + "', '"
                + version
                + "', "
                + list(tokens)
                + ", '2026-01-02 00:00:00')");
  }

  static void goldsky(String token, String condition, int index) {
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.goldsky_market_mapping (token_id, condition_id, outcome_index,"
                + " fetched_at) VALUES ('"
                + token
                + "', '"
                + condition
                + "', "
                + index
                + ", '2026-01-03 00:00:00')");
  }

  static void rpc(String token, String condition, int index) {
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.rpc_transfer_mapping (token_id, condition_id, outcome_index,"
                + " fetched_at) VALUES ('"
                + token
                + "', '"
                + condition
                + "', "
                + index
                + ", '2026-01-04 00:00:00')");
  }

  static void chain(String condition, String question, int outcomes) {
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.rpc_conditions (condition_id, question_id, outcome_slot_count,"
                + " fetched_at) VALUES ('"
                + condition
                + "', '"
                + question
                + "', "
                + outcomes
                + ", '2026-01-04 00:00:00')");
  }

  private Reconcile.Result run() {
    warnings.clear();
    return new Reconcile(
            TestBed.clickHouse(),
            Settings.load(TestBed.PROJECT, Map.of(), Map.of()),
            new Messages() {
              @Override
              public void info(String line) {}

              @Override
              public void warn(String line) {
                warnings.add(line);
              }
            })
        .run();
  }

  /** The condition, the rule and the sources of a key. */
  private static String merged(String kind, String key) {
    List<Map<String, Object>> rows =
        TestBed.sql(
            "SELECT concat(condition_id, ' ', rule, ' ', toString(sources_agree), ' ',"
                + " toString(sources_disagree)) AS text FROM default.condition_id_merged WHERE"
                + " key_kind = '"
                + kind
                + "' AND key = '"
                + key
                + "'");
    assertTrue(rows.size() < 2, rows.toString());
    return rows.isEmpty() ? "none" : (String) rows.get(0).get("text");
  }

  @Test
  void aProvedCandidate_winsOverAMajority() {
    clob(id(1), Q + "1", "slug-1", token(1, 0), token(1, 1));
    gamma("11", id(2), Q + "1", "slug-1", "v1");
    chain(id(2), Q + "1", 2);
    run();
    assertEquals(id(1) + " proved ['clob'] ['rpc','gamma']", merged("question-id", Q + "1"));
    assertEquals(id(1) + " proved ['clob'] ['gamma']", merged("slug", "slug-1"));
    assertEquals(id(2) + " only-source ['gamma'] []", merged("market-id", "11"));
  }

  @Test
  void aScanOfLogsThatWasCut_countsWithTheRowsThatItStored() {
    chain(id(1), Q + "1", 2);
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.computed_token_ids (condition_id, outcomes, usdc_token_ids) VALUES"
                + " ('"
                + id(1)
                + "', 2, "
                + list(token(1, 0), token(1, 1))
                + ")");
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.rpc_transfers (transaction_hash, token_id, block_number,"
                + " transfers, fetched_at) VALUES ('0xa', '"
                + token(1, 1)
                + "', 7, 2, '2026-01-04 00:00:00'), ('0xb', '"
                + token(1, 1)
                + "', 9, 1, '2026-01-04 00:00:01')");
    assertTrue(run().changed());
    assertEquals(id(1) + " proved ['rpc'] []", merged("token-id", token(1, 1)));
    assertEquals(
        List.of("3 2 7 9 1"),
        TestBed.sql(
                "SELECT concat(toString(transfer_count), ' ', toString(transactions), ' ',"
                    + " toString(first_block), ' ', toString(last_block), ' ',"
                    + " toString(outcome_index)) AS text FROM default.rpc_transfer_mapping FINAL")
            .stream()
            .map(row -> row.get("text"))
            .toList());
    assertFalse(run().changed(), "it is mapped once");
  }

  @Test
  void aDisprovedCandidate_isExcluded_evenIfItIsTheOnlyOne() {
    clob(id(1), Q + "1", "slug-1", token(2, 0), token(2, 1));
    gamma("11", id(3), Q + "1", "slug-1", "v1");
    run();
    assertEquals(id(3) + " only-source ['gamma'] ['clob']", merged("slug", "slug-1"));
    assertEquals("none", merged("token-id", token(2, 0)));
    assertEquals(
        "disproved",
        TestBed.sql(
                "SELECT rule FROM default.condition_id_conflicts WHERE key = '" + token(2, 0) + "'")
            .get(0)
            .get("rule"));
  }

  @Test
  void aMarketWhoseConditionIsDisprovedOrMissing_isDecidedByItsTokens() {
    chain(id(2), Q + "2", 2);
    gamma("11", id(1), Q + "1", "wrong", "v1", token(2, 0), token(2, 1));
    gamma("12", "", "", "missing", "v1", wrapped(2, 0), wrapped(2, 1));
    clob("0".repeat(64), "", "zeros", token(2, 0), token(2, 1));
    // tokens of two conditions, one that no condition gives, and one of a condition nobody knows
    gamma("13", id(1), "", "mixed", "v1", token(2, 0), token(3, 0));
    goldsky(token(3, 0), id(3), 0);
    gamma("14", id(1), "", "unknown-token", "v1", token(2, 0), "777777777777777777777777");
    gamma("15", id(1), "", "unknown-condition", "v1", token(4, 0), token(4, 1));
    run();
    for (String slug : List.of("wrong", "missing")) {
      assertEquals(id(2) + " proved ['gamma']", merged("slug", slug).substring(0, 81), slug);
    }
    assertEquals(id(2) + " proved ['clob'] []", merged("slug", "zeros"));
    assertEquals(id(2) + " proved ['gamma'] ['gamma']", merged("market-id", "11"));
    assertEquals(id(2) + " proved ['gamma'] []", merged("market-id", "12"));
    assertEquals(id(2) + " proved ['gamma'] ['gamma']", merged("question-id", Q + "1"));
    for (String market : List.of("13", "14", "15")) {
      assertEquals("none", merged("market-id", market), market);
    }
    assertEquals(id(2) + " proved ['gamma'] []", merged("token-id", wrapped(2, 0)));
  }

  @Test
  void aPlaceholderForAnId_isNotAKey() {
    clob(id(1), "null", "None");
    gamma("undefined", id(1), "0x", "N/A", "v1");
    run();
    assertEquals(
        1,
        TestBed.number(
            "SELECT count() FROM default.condition_id_merged WHERE key = '" + id(1) + "'"));
    assertEquals(1, TestBed.number("SELECT count() FROM default.condition_id_merged"));
  }

  @Test
  void aTokenId_isProvedWithEitherCollateral_andOthersAreExcluded() {
    goldsky(token(1, 1), id(1), 1);
    rpc(token(1, 1), id(2), 0);
    clob(id(3), "", "", wrapped(3, 0), wrapped(3, 1));
    goldsky(wrapped(3, 0), id(3), 0);
    run();
    assertEquals(id(1) + " proved ['goldsky'] ['rpc']", merged("token-id", token(1, 1)));
    assertEquals(id(3) + " proved ['clob','goldsky'] []", merged("token-id", wrapped(3, 0)));
    assertEquals(
        1,
        TestBed.number(
            "SELECT outcome_index FROM default.condition_id_merged WHERE key = '"
                + token(1, 1)
                + "'"));
  }

  @Test
  void allAgree_majority_priority_andOnlySource_decideInThisOrder() {
    clob(id(1), Q + "1", "slug-a");
    gamma("1", id(1), "", "slug-a", "v1");
    // majority: two say 2, CLOB says 3
    clob(id(3), Q + "2", "slug-b");
    chain(id(2), Q + "2", 2);
    gamma("2", id(2), Q + "2", "slug-b", "v1");
    // a tie of CLOB and RPC, and of RPC and Gamma
    clob(id(5), Q + "3", "slug-c");
    chain(id(4), Q + "3", 2);
    chain(id(6), Q + "4", 2);
    gamma("4", id(7), Q + "4", "slug-d", "v1");
    run();
    assertEquals(id(1) + " all-agree ['clob','gamma'] []", merged("slug", "slug-a"));
    assertEquals(id(1) + " only-source ['clob'] []", merged("question-id", Q + "1"));
    assertEquals(id(2) + " majority ['rpc','gamma'] ['clob']", merged("question-id", Q + "2"));
    assertEquals(id(3) + " priority ['clob'] ['gamma']", merged("slug", "slug-b"));
    assertEquals(id(5) + " priority ['clob'] ['rpc']", merged("question-id", Q + "3"));
    assertEquals(id(6) + " priority ['rpc'] ['gamma']", merged("question-id", Q + "4"));
    assertEquals(4, TestBed.number("SELECT count() FROM default.condition_id_conflicts"));
  }

  @Test
  void aSourceThatContradictsItself_leavesTheKeyUndecided_unlessAnotherHelps() {
    clob(id(1), "", "twice");
    clob(id(2), "", "twice");
    clob(id(3), "", "helped");
    clob(id(4), "", "helped");
    gamma("9", id(4), "", "helped", "v1");
    Reconcile.Result result = run();
    assertEquals("none", merged("slug", "twice"));
    assertEquals(id(4) + " majority ['clob','gamma'] ['clob']", merged("slug", "helped"));
    assertEquals(1, result.undecided());
    assertEquals(
        "undecided",
        TestBed.sql("SELECT rule FROM default.condition_id_conflicts WHERE key = 'twice'")
            .get(0)
            .get("rule"));
  }

  @Test
  void idsInEveryForm_areOneKey() {
    clob("0x" + id(0xab).toUpperCase(), "0X" + Q + "a", " Slug-M ");
    gamma(
        "007",
        id(0xab),
        "0x" + Q + "A",
        "slug-m",
        "v1",
        "0x"
            + new java.math.BigInteger(token(0xab, 0)).toString(16).replaceAll("^(?=.{63}$)", "0"));
    run();
    assertEquals(id(0xab) + " proved ['clob','gamma'] []", merged("slug", "slug-m"));
    assertEquals(id(0xab) + " proved ['clob','gamma'] []", merged("question-id", Q + "a"));
    assertEquals(id(0xab) + " proved ['gamma'] []", merged("market-id", "7"));
    assertEquals(id(0xab) + " proved ['gamma'] []", merged("token-id", token(0xab, 0)));
    assertEquals(0, TestBed.number("SELECT count() FROM default.condition_id_conflicts"));
  }

  @Test
  void gammasTokensOfThreeAndMoreOutcomes_areProved_andNoOutcomeIsInvented() {
    String both =
        TokenIds.positionId(
            TokenIds.USDC_E, TokenIds.collectionId(id(1), java.math.BigInteger.valueOf(3)));
    gamma("1", id(1), "", "three", "v1", token(1, 0), token(1, 1), both);
    run();
    assertEquals(id(1) + " proved ['gamma'] []", merged("slug", "three"));
    assertEquals(
        -1,
        TestBed.number(
            "SELECT outcome_index FROM default.condition_id_merged WHERE key = '" + both + "'"));
  }

  @Test
  void marketsOfTheSecondProtocol_areNotDisproved() {
    gamma("1", id(1), "", "v2-market", "v2", "123456789012345678901234567890");
    clob(id(1), "", "v2-market", "123456789012345678901234567890");
    run();
    assertEquals(id(1) + " all-agree ['clob','gamma'] []", merged("slug", "v2-market"));
    assertEquals(
        id(1) + " all-agree ['clob','gamma'] []",
        merged("token-id", "123456789012345678901234567890"));
  }

  @Test
  void emptyAndZeroIds_areNoCandidates() {
    clob("", Q + "1", "draft");
    clob("0".repeat(64), Q + "2", "zero");
    clob(id(1), "0".repeat(64), "");
    run();
    assertEquals(1, TestBed.number("SELECT count() FROM default.condition_id_candidates"));
    assertEquals(id(1) + " only-source ['clob'] []", merged("condition-id", id(1)));
  }

  @Test
  void aSecondRunWithTheSameInputs_changesNothing_andAThirdKeepsUnchangedRows()
      throws InterruptedException {
    clob(id(1), Q + "1", "slug-1");
    gamma("1", id(2), "", "slug-1", "v1");
    assertTrue(run().changed());
    String all = "SELECT groupArray(toString(tuple(*))) FROM (SELECT * FROM default.";
    List<Object> before =
        List.of(
            TestBed.clickHouse().value(all + "condition_id_merged)"),
            TestBed.clickHouse().value(all + "condition_id_conflicts)"),
            TestBed.clickHouse()
                .value(
                    "SELECT toString(uuid) FROM system.tables WHERE name = 'condition_id_merged'"));
    Thread.sleep(20);
    assertFalse(run().changed());
    assertEquals(
        before,
        List.of(
            TestBed.clickHouse().value(all + "condition_id_merged)"),
            TestBed.clickHouse().value(all + "condition_id_conflicts)"),
            TestBed.clickHouse()
                .value(
                    "SELECT toString(uuid) FROM system.tables WHERE name ="
                        + " 'condition_id_merged'")));
    clob(id(3), "", "slug-3");
    assertTrue(run().changed());
    assertEquals(
        2, TestBed.number("SELECT uniqExact(decided_at) FROM default.condition_id_merged"));
  }

  @Test
  void copiesOfASource_areReported() {
    for (int i = 1; i < 4; i++) {
      goldsky(token(i, 0), id(i), 0);
      rpc(token(i, 0), id(i), 0);
      clob(id(i), "", "s" + i, token(i, 0), token(i, 1));
    }
    assertEquals(
        List.of("goldsky and rpc are not independent: their 3 rows are the same"),
        run().notIndependent());
    rpc(token(9, 0), id(9), 0);
    assertEquals(List.of(), run().notIndependent());
  }

  @Test
  void gammasTableMayBeMissing_orHaveOtherColumns() {
    TestBed.clickHouse().execute("DROP TABLE default.api_markets_staging");
    clob(id(1), "", "slug-1");
    run();
    assertEquals(id(1) + " only-source ['clob'] []", merged("slug", "slug-1"));
    TestBed.clickHouse()
        .execute(
            "CREATE TABLE default.api_markets_staging (id UInt64, conditionId Nullable(String),"
                + " slug LowCardinality(String), clobTokenIds String) ENGINE = MergeTree ORDER BY"
                + " id AS SELECT 5, '0x"
                + id(1)
                + "', 'slug-1', '[\""
                + token(1, 0)
                + "\",\""
                + token(1, 1)
                + "\"]'");
    run();
    assertEquals(id(1) + " proved ['clob','gamma'] []", merged("slug", "slug-1"));
    assertEquals(id(1) + " proved ['gamma'] []", merged("market-id", "5"));
  }
}
