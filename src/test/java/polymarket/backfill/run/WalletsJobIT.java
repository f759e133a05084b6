package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Program;
import polymarket.backfill.Shared;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** Positions of wallets, by the real routes from the sandbox into the real engine. */
class WalletsJobIT {

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();

  /** Columns of figures by the field of version 2 that they come from. */
  private static final Map<String, String> FIGURES =
      Map.ofEntries(
          Map.entry("size", "current_size"),
          Map.entry("entry_price", "avg_price"),
          Map.entry("total_size", "total_size"),
          Map.entry("current_price", "current_price"),
          Map.entry("current_value", "current_value"),
          Map.entry("entry_cost", "entry_cost_usdc"),
          Map.entry("entry_fees", "entry_fees_usdc"),
          Map.entry("total_cost", "total_cost_usdc"),
          Map.entry("realized_pnl", "realized_pnl"),
          Map.entry("unrealized_pnl", "unrealized_pnl"),
          Map.entry("total_pnl", "total_pnl"),
          Map.entry("percent_pnl", "percent_pnl"),
          Map.entry("percent_realized_pnl", "percent_realized_pnl"));

  /** The same of version 1. */
  private static final Map<String, String> FIGURES_V1 =
      Map.of(
          "size",
          "size",
          "entry_price",
          "avgPrice",
          "total_size",
          "totalBought",
          "current_price",
          "curPrice",
          "current_value",
          "currentValue",
          "entry_cost",
          "initialValue",
          "realized_pnl",
          "realizedPnl",
          "unrealized_pnl",
          "cashPnl",
          "percent_pnl",
          "percentPnl",
          "percent_realized_pnl",
          "percentRealizedPnl");

  private TestBed bed;
  private HttpServer server;

  private void bed(int markets, int wallets) {
    bed =
        TestBed.start(
                new SandboxOptions()
                    .conditions(markets)
                    .wallets(wallets)
                    .fillsPerMarket(8)
                    .limits(0))
            .job("wallets")
            .set("wallets.batch-size", 25);
    bed.set("data-api.url", bed.sandbox().urls().get("data-api"));
  }

  @AfterEach
  void close() {
    if (bed != null) {
      bed.close();
    }
    if (server != null) {
      server.stop(0);
    }
  }

  private List<String> wallets() {
    return bed.sandbox().truth().lines("wallets", "").stream()
        .map(line -> json(line).get("wallet").asText())
        .toList();
  }

  private static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new IllegalArgumentException(text, e);
    }
  }

  /**
   * The sandbox's positions of wallets by wallet and token; of one status, or all for an empty one.
   */
  private Map<String, JsonNode> truth(Collection<String> wallets, String status) {
    Map<String, JsonNode> truth = new TreeMap<>();
    for (String line : bed.sandbox().truth().lines("positions", String.join("\n", wallets))) {
      JsonNode row = json(line);
      if (status.isEmpty() || row.get("status").asText().equals(status)) {
        truth.put(row.get("proxy_wallet").asText() + "/" + row.get("token_id").asText(), row);
      }
    }
    return truth;
  }

  /** What is stored, by wallet and token. */
  private Map<String, Map<String, Object>> stored() {
    StringBuilder figures = new StringBuilder();
    FIGURES
        .keySet()
        .forEach(
            column -> figures.append(", toString(").append(column).append(") AS ").append(column));
    Map<String, Map<String, Object>> stored = new HashMap<>();
    bed.rows(
            "SELECT * EXCEPT ("
                + String.join(", ", FIGURES.keySet())
                + ")"
                + figures
                + " FROM default.api_positions_staging")
        .forEach(
            row ->
                assertNull(
                    stored.put(row.get("wallet_address") + "/" + row.get("asset_id"), row),
                    "twice: " + row));
    return stored;
  }

  private static void assertRow(JsonNode truth, Map<String, Object> row) {
    assertNotNull(row, "not stored: " + truth);
    FIGURES.forEach((column, field) -> assertExact(truth.get(field), row.get(column), field));
    assertEquals(truth.get("condition_id").asText().substring(2), row.get("condition_id"));
    assertEquals("data-api-v2", row.get("source"));
    Map.of(
            "market",
            "slug",
            "status",
            "status",
            "title",
            "title",
            "event_id",
            "event_id",
            "event_slug",
            "event_slug",
            "outcome_name",
            "outcome",
            "opposite_outcome",
            "opposite_outcome",
            "opposite_asset_id",
            "opposite_token_id")
        .forEach(
            (column, field) -> assertEquals(truth.get(field).asText(), row.get(column), field));
    List.of("redeemable", "mergeable", "negative_risk", "archived")
        .forEach(field -> assertEquals(truth.get(field).asBoolean(), row.get(field), field));
    assertEquals(truth.get("outcome_index").asInt(), row.get("outcome"));
    assertEquals(
        truth.get("end_date").asText().isEmpty() ? null : truth.get("end_date").asText(),
        row.get("end_date"));
    for (String field : List.of("first_entry_at", "last_event_at")) {
      assertEquals(
          java.time.Instant.ofEpochSecond(truth.get(field).asLong()).toString(),
          String.valueOf(row.get(field)).replace(' ', 'T') + "Z",
          field);
    }
  }

  private static void assertExact(JsonNode expected, Object actual, String field) {
    if (expected == null || expected.isNull()) {
      assertNull(actual, field);
    } else {
      assertEquals(
          0,
          expected.decimalValue().compareTo(new BigDecimal(String.valueOf(actual))),
          field + ": " + expected + " became " + actual);
    }
  }

  /**
   * Holds table and ledger against the sandbox's truth: every row and figure, every wallet's state,
   * all sums.
   */
  private void assertTruth(Collection<String> wallets, Collection<String> failed, String status) {
    List<String> sound = wallets.stream().filter(wallet -> !failed.contains(wallet)).toList();
    Map<String, JsonNode> truth = truth(sound, status);
    Map<String, Map<String, Object>> stored = stored();
    stored.keySet().removeIf(key -> failed.contains(key.substring(0, 42)));
    truth.forEach((key, row) -> assertRow(row, stored.get(key)));
    assertEquals(truth.size(), stored.size(), "rows that nobody has");
    Map<String, Long> rows = new HashMap<>();
    truth.keySet().forEach(key -> rows.merge(key.substring(0, 42), 1L, Long::sum));
    Map<String, Ledger.Entry> entries = bed.entries();
    for (String wallet : wallets) {
      Ledger.Entry entry = entries.get(wallet);
      State expected =
          failed.contains(wallet)
              ? State.FAILED
              : rows.containsKey(wallet) ? State.FOUND : State.ABSENT;
      assertEquals(expected, entry.state(), entry.toString());
      assertEquals(
          failed.contains(wallet) ? entry.rows() : rows.getOrDefault(wallet, 0L),
          entry.rows(),
          entry.toString());
    }
    try (Ledger ledger = bed.ledger()) {
      assertTrue(ledger.sums().balanced(), ledger.sums().toString());
      assertEquals(
          bed.value("SELECT count() FROM default.api_positions_staging"),
          ledger.sums().inserted(),
          ledger.sums().toString());
      assertEquals(
          wallets.size(),
          ledger.counts(Share.WHOLE).values().stream().mapToLong(Long::longValue).sum());
    }
  }

  private static List<String> strangers(int n) {
    List<String> ids = new ArrayList<>();
    for (int i = 1; i <= n; i++) {
      ids.add(String.format("0x%040x", i * 0x9E3779B97F4A7C15L));
    }
    return ids;
  }

  // ---- an answer is complete or it is not used

  @Test
  void withEveryQuirkAndFault_theTableEqualsTheTruth() {
    bed(3000, 120);
    for (String fault :
        List.of(
            "kind=429,retryAfter=1,rate=0.01",
            "kind=503,rate=0.02",
            "kind=500,rate=0.03",
            "kind=502,rate=0.02",
            "kind=html,rate=0.02",
            "kind=html,status=404,rate=0.02",
            "kind=html,status=200,rate=0.01",
            "kind=cut-json,rate=0.02",
            "kind=cut-connection,rate=0.02",
            "kind=reset,rate=0.02",
            "kind=error-200,rate=0.02",
            "kind=slow,millis=300,rate=0.05",
            "kind=truncate,rows=100,rate=0.3",
            "kind=stuck-cursor,rate=0.1",
            "kind=expired-cursor,rate=0.1",
            "kind=stall,count=1,skip=20",
            "kind=stall-body,count=1,skip=40",
            "kind=empty,count=1,skip=5")) {
      bed.sandbox().fault(fault + ",source=data-api");
    }
    List<String> wallets = new ArrayList<>(wallets());
    wallets.addAll(strangers(20));
    JobRun.Result result = bed.run("wallets", Share.WHOLE, wallets);
    assertEquals(0, result.exitCode(), result + "\n" + bed.messages());
    assertTruth(wallets, List.of(), "OPEN");
    assertTrue(bed.count(State.ABSENT) >= 20);
    assertTrue(
        bed.value(
                "SELECT max(n) FROM (SELECT count() AS n FROM default.api_positions_staging GROUP"
                    + " BY wallet_address)")
            > 2000,
        "one wallet is stored page by page");
    assertTrue(
        bed.value("SELECT countIf(size < 0.1) FROM default.api_positions_staging") > 0, "dust");
    assertTrue(
        bed.value("SELECT countIf(archived) FROM default.api_positions_staging") > 0,
        "archived ones");
  }

  @Test
  void closedPositions_areAListOfTheirOwn() {
    bed(800, 60);
    List<String> wallets = wallets();
    JobRun.Result result = bed.set("wallets.closed", true).run("wallets", Share.WHOLE, wallets);
    assertEquals(0, result.exitCode(), result.toString());
    assertTruth(wallets, List.of(), "");
    assertTrue(
        bed.value("SELECT countIf(status = 'CLOSED') FROM default.api_positions_staging") > 0);
  }

  @Test
  void withoutAList_theWalletsThatTradedAreAsked() {
    bed(300, 30);
    List<String> wallets = wallets();
    TestBed.clickHouse()
        .execute(
            "CREATE TABLE default.vw_trades_canonical (wallet_address_norm String,"
                + " condition_id_norm String, outcome_index Int8, shares Float64, price Float64,"
                + " transaction_hash String) ENGINE = MergeTree ORDER BY tuple()");
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.vw_trades_canonical SELECT arrayJoin(['"
                + String.join("', '", wallets)
                + "']) AS wallet, '', 0, 1, 1, '' FROM numbers(3) UNION ALL SELECT upper('"
                + wallets.get(0).substring(2)
                + "'), '', 0, 1, 1, ''");
    Program.Result result = Program.run(bed, "run", "wallets");
    assertEquals(0, result.exitCode(), result.toString());
    assertTrue(result.err().contains("30 ids are missing in ClickHouse"), result.err());
    assertTruth(wallets, List.of(), "OPEN");
  }

  @Test
  void walletsWithoutPositions_areAbsent_afterTheyWereAskedTwice() {
    bed(300, 20);
    List<String> wallets = strangers(40);
    assertEquals(0, bed.run("wallets", Share.WHOLE, wallets).exitCode());
    assertTruth(wallets, List.of(), "OPEN");
    assertEquals(80, bed.stats().at("/sources/data-api/requests").asLong());
    assertTrue(bed.stats().at("/sources/data-api/statuses/404").asLong() > 0);
  }

  @Test
  void noOther404_meansThatThereAreNoPositions() {
    bed(300, 20);
    bed.sandbox().fault("kind=html,status=404,source=data-api");
    JobRun.Result result =
        bed.set("source.attempts", 2)
            .set("source.patience", "2s")
            .run("wallets", Share.WHOLE, strangers(3));
    assertEquals(5, result.exitCode(), result.toString());
    assertEquals(3, bed.count(State.PENDING), bed.entries().toString());
  }

  @Test
  void pagesCutAtAHundred_areFollowedToTheLast_inBothVersions() {
    for (String version : List.of("v2", "v1")) {
      bed(900, 20);
      bed.sandbox().fault("kind=truncate,rows=100,source=data-api");
      List<String> wallets = wallets();
      JobRun.Result result =
          bed.set("data-api.version", version).run("wallets", Share.WHOLE, wallets);
      assertEquals(0, result.exitCode(), result.toString());
      assertEquals(truth(wallets, "OPEN").keySet(), new java.util.TreeSet<>(stored().keySet()));
      bed.close();
    }
  }

  @Test
  void anExpiredCursor_restartsTheWallet_withoutDoublingARow() {
    bed(3000, 20);
    // the large wallet's third page, which comes when its first pages are stored
    bed.sandbox().fault("kind=expired-cursor,source=data-api,match=cursor,skip=1,count=2");
    List<String> large = wallets().subList(0, 1);
    JobRun.Result result = bed.run("wallets", Share.WHOLE, large);
    assertEquals(0, result.exitCode(), result + "\n" + bed.messages());
    assertTruth(large, List.of(), "OPEN");
    assertTrue(
        bed.messages().stream().anyMatch(line -> line.contains("starting it over")),
        bed.messages().toString());
  }

  @Test
  void aRepeatedCursor_doesNotLoop() {
    bed(3000, 20);
    bed.sandbox().fault("kind=stuck-cursor,source=data-api,match=cursor");
    List<String> large = wallets().subList(0, 1);
    assertEquals(2, bed.set("source.attempts", 2).run("wallets", Share.WHOLE, large).exitCode());
    String reason = bed.entries().get(large.get(0)).reason();
    assertTrue(reason.contains("that it had already sent"), reason);
    assertTrue(bed.stats().at("/sources/data-api/requests").asLong() < 12);
  }

  @Test
  void anEmptyPageWhereMoreWasPromised_isAskedForOnceMore() {
    bed(3000, 20);
    bed.sandbox().fault("kind=empty,source=data-api,match=cursor,count=1");
    List<String> large = wallets().subList(0, 1);
    assertEquals(0, bed.run("wallets", Share.WHOLE, large).exitCode());
    assertTruth(large, List.of(), "OPEN");
  }

  // ---- version 1

  @Test
  void versionOne_storesEveryPosition_andSaysWhichWalletItCuts() {
    bed(12_500, 12);
    List<String> wallets = wallets();
    String whale = wallets.get(0);
    bed.sandbox().fault("kind=error-200,rate=0.05,source=data-api");
    JobRun.Result result = bed.set("data-api.version", "v1").run("wallets", Share.WHOLE, wallets);
    assertEquals(2, result.exitCode(), result.toString());
    Ledger.Entry cut = bed.entries().get(whale);
    assertEquals(State.FAILED, cut.state());
    assertTrue(
        cut.reason().startsWith("truncated: ") && cut.reason().contains("data-api.version=v2"),
        cut.reason());
    Map<String, JsonNode> truth = truth(wallets.subList(1, wallets.size()), "OPEN");
    Map<String, Map<String, Object>> stored = stored();
    stored.keySet().removeIf(key -> key.startsWith(whale));
    assertEquals(truth.keySet(), new java.util.TreeSet<>(stored.keySet()));
    stored.forEach(
        (key, row) -> {
          assertEquals("data-api-v1", row.get("source"));
          assertTrue(
              truth
                      .get(key)
                      .get("current_size")
                      .decimalValue()
                      .subtract(new BigDecimal((String) row.get("size")))
                      .abs()
                      .doubleValue()
                  < 1e-4,
              key);
        });
    // the same wallet by the version that reaches all of it
    bed.sandbox().clearFaults();
    assertEquals(
        0, bed.set("data-api.version", "v2").run("wallets", Share.WHOLE, wallets).exitCode());
    assertEquals(
        truth(List.of(whale), "OPEN").size(),
        bed.value(
            "SELECT count() FROM default.api_positions_staging WHERE wallet_address = '"
                + whale
                + "'"));
    assertEquals(
        bed.value("SELECT count() FROM default.api_positions_staging"),
        bed.value("SELECT uniqExact(wallet_address, asset_id) FROM default.api_positions_staging"));
  }

  // ---- one bad wallet costs one wallet

  @ParameterizedTest
  @CsvSource({"40,1", "1,1", "40,5", "3,3"})
  void aWalletThatAlwaysFails_costsOneWallet(int all, int bad) {
    bed(400, 60);
    List<String> wallets = wallets().subList(5, 5 + all);
    List<String> poisoned = wallets.subList(all - bad, all);
    if (all == bad) {
      // something else was answered before: the source is not at fault
      bed.run("wallets", Share.WHOLE, wallets().subList(50, 51));
    }
    bed.sandbox().fault("kind=poison,source=data-api,ids=" + String.join("+", poisoned));
    JobRun.Result result = bed.set("source.attempts", 3).run("wallets", Share.WHOLE, wallets);
    assertEquals(2, result.exitCode(), result + "\n" + bed.messages());
    List<String> asked = new ArrayList<>(wallets);
    if (all == bad) {
      asked.add(wallets().get(50));
    }
    assertTruth(asked, poisoned, "OPEN");
    poisoned.forEach(wallet -> assertEquals(500, bed.entries().get(wallet).status()));
    bed.sandbox().clearFaults();
    assertEquals(0, bed.run("wallets", Share.WHOLE, wallets).exitCode());
    assertTruth(asked, List.of(), "OPEN");
  }

  @Test
  void aRefusalThatIsNotRetryable_isNotRepeated() {
    bed(300, 30);
    List<String> wallets = wallets().subList(5, 15);
    bed.sandbox().fault("kind=poison,status=400,source=data-api,ids=" + wallets.get(3));
    assertEquals(2, bed.run("wallets", Share.WHOLE, wallets).exitCode());
    assertTruth(wallets, wallets.subList(3, 4), "OPEN");
    assertTrue(
        bed.stats().at("/sources/data-api/statuses/400").asLong() <= 3,
        "once among others, alone, and when others were answered");
  }

  @Test
  void aRowOfAnotherWallet_isNoAnswer() throws Exception {
    bed(300, 10);
    String answer =
        "{\"data\":[{\"proxy_wallet\":\"0x"
            + "b".repeat(40)
            + "\",\"token_id\":\"1\"}],\"pagination\":{\"has_more\":false,\"next_cursor\":null}}";
    serve(Map.of("/v2/positions", answer));
    assertEquals(
        2, bed.set("source.attempts", 1).run("wallets", Share.WHOLE, strangers(1)).exitCode());
    assertTrue(bed.entries().get(strangers(1).get(0)).reason().contains("0x" + "b".repeat(40)));
  }

  // ---- what is stored is there once

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void killedAfterInsertBeforeMark_losesAndDoublesNothing(boolean wholly) throws Exception {
    bed(3000, 60);
    List<String> wallets = wallets();
    assertEquals(0, bed.run("wallets", Share.WHOLE, wallets).exitCode());
    try (Connection ledger = DriverManager.getConnection("jdbc:sqlite:" + bed.ledgerFile());
        Statement statement = ledger.createStatement()) {
      // as if no batch had been noted; those that were asked again or alone were not made yet
      statement.execute(
          "UPDATE batches SET done_at = NULL, fetched = 0, inserted = 0, duplicate = 0, rejected ="
              + " 0, cursor = NULL WHERE batch IN (SELECT batch FROM ids WHERE state = 'found')");
      statement.execute("UPDATE ids SET state = 'pending', rows = 0 WHERE state = 'found'");
    }
    if (!wholly) {
      TestBed.clickHouse()
          .execute(
              "ALTER TABLE default.api_positions_staging DELETE WHERE cityHash64(asset_id) % 2 = 0"
                  + " SETTINGS mutations_sync = 1");
    }
    JobRun.Result result = bed.set("wallets.batch-size", 7).run("wallets", Share.WHOLE, wallets);
    assertEquals(0, result.exitCode(), result.toString());
    assertTruth(wallets, List.of(), "OPEN");
  }

  @Test
  void stoppedInTheMiddleOfABatch_storesWhatCame_andLeavesTheRestAsItWas() {
    bed(600, 200);
    bed.sandbox().fault("kind=slow,millis=200,source=data-api");
    List<String> wallets = wallets();
    bed.onTick(
        run -> {
          if (bed.stats().at("/sources/data-api/requests").asLong() > 8) {
            run.stop(ExitCode.INTERRUPTED, "test");
          }
        });
    assertEquals(
        130,
        bed.set("wallets.batch-size", 200)
            .set("source.calls", 4)
            .run("wallets", Share.WHOLE, wallets)
            .exitCode());
    long marked = bed.count(State.FOUND) + bed.count(State.ABSENT);
    assertTrue(marked > 0 && marked < 200, "marked " + marked);
    bed.sandbox().clearFaults();
    bed.onTick(run -> {});
    assertEquals(0, bed.set("source.calls", 40).run("wallets", Share.WHOLE, wallets).exitCode());
    assertTruth(wallets, List.of(), "OPEN");
    try (Ledger ledger = bed.ledger()) {
      assertTrue(ledger.sums().batches() < 12, "the rest went on together: " + ledger.sums());
    }
  }

  @Test
  void redo_replacesRows_andThoseThatTheSourceNoLongerHasGo() {
    bed(3000, 40);
    List<String> wallets = new ArrayList<>(wallets());
    wallets.addAll(strangers(3));
    assertEquals(0, bed.run("wallets", Share.WHOLE, wallets).exitCode());
    long rows = bed.value("SELECT count() FROM default.api_positions_staging");
    // positions that were closed since, of the largest wallet, of all others, and of one that has
    // nothing any more
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.api_positions_staging SELECT * REPLACE ('7' AS asset_id) FROM"
                + " default.api_positions_staging LIMIT 1 BY wallet_address");
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.api_positions_staging SELECT * REPLACE ('"
                + strangers(1).get(0)
                + "' AS wallet_address) FROM default.api_positions_staging LIMIT 1");
    bed.beforeRun(run -> run.ledger("wallets").redo(List.of(State.FOUND, State.ABSENT), null));
    assertEquals(0, bed.run("wallets", Share.WHOLE, wallets).exitCode());
    assertEquals(rows, bed.value("SELECT count() FROM default.api_positions_staging"));
    assertEquals(truth(wallets, "OPEN").keySet(), new java.util.TreeSet<>(stored().keySet()));
  }

  /**
   * Ten times: the real program, killed at a random instant with wallets in flight; then once to
   * its end.
   */
  @Test
  void killedTenTimesAtRandom_losesAndDoublesNothing() throws Exception {
    bed(1500, 400);
    bed.ownEngine();
    bed.sandbox().fault("kind=slow,millis=60,source=data-api");
    List<String> wallets = wallets();
    Path list = Files.write(bed.home().resolve("wallets.txt"), wallets);
    Random random = new Random(20261121);
    int inFlight = 0;
    for (int round = 0; round < 10; round++) {
      Program run = Program.start(bed, "run", "wallets", "--ids", list.toString());
      long before = bed.stats().at("/sources/data-api/requests").asLong();
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
      while (run.isAlive()
          && bed.stats().at("/sources/data-api/requests").asLong() == before
          && System.nanoTime() < end) {
        Thread.sleep(20);
      }
      if (!run.process().waitFor(random.nextInt(900), TimeUnit.MILLISECONDS)) {
        inFlight++;
        run.process().destroyForcibly().waitFor();
      }
    }
    assertTrue(inFlight >= 5, "killed at work in " + inFlight + " of 10 rounds");
    bed.sandbox().clearFaults();
    Program.Result last = Program.run(bed, "run", "wallets", "--ids", list.toString());
    assertEquals(0, last.exitCode(), last.toString());
    assertTruth(wallets, List.of(), "OPEN");
  }

  // ---- recorded payloads

  /** Answers a path with a text, whatever is asked there. */
  private void serve(Map<String, String> answers) throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          byte[] body =
              answers.entrySet().stream()
                  .filter(
                      answer ->
                          (exchange.getRequestURI().getPath()
                                  + "?"
                                  + exchange.getRequestURI().getQuery())
                              .contains(answer.getKey()))
                  .map(Map.Entry::getValue)
                  .findFirst()
                  .orElse("{\"data\":null,\"pagination\":{\"has_more\":false}}")
                  .getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    bed.set("data-api.url", "http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** A recorded page as the last one of its list. */
  private static JsonNode lastPage(String file) throws IOException {
    JsonNode page = JSON.readTree(Shared.recorded("data-api/" + file).toFile());
    ((com.fasterxml.jackson.databind.node.ObjectNode) page.get("pagination"))
        .put("has_more", false)
        .putNull("next_cursor");
    return page;
  }

  @Test
  void recordedPagesOfVersionTwo_arriveFieldByField() throws Exception {
    bed(300, 10);
    JsonNode open = lastPage("v2-positions-open.json");
    JsonNode closed = lastPage("v2-positions-closed.json");
    serve(
        Map.of(
            "status=OPEN",
            JSON.writeValueAsString(open),
            "status=CLOSED",
            JSON.writeValueAsString(closed)));
    String wallet = open.at("/data/0/proxy_wallet").asText();
    assertEquals(
        0, bed.set("wallets.closed", true).run("wallets", Share.WHOLE, List.of(wallet)).exitCode());
    Map<String, Map<String, Object>> stored = stored();
    assertEquals(open.get("data").size() + closed.get("data").size(), stored.size());
    for (JsonNode page : List.of(open, closed)) {
      page.get("data")
          .forEach(row -> assertRow(row, stored.get(wallet + "/" + row.get("token_id").asText())));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"v1-positions-2.json", "v1-positions-2b.json"})
  void recordedPagesOfVersionOne_arriveFieldByField(String file) throws Exception {
    bed(300, 10);
    JsonNode rows = JSON.readTree(Shared.recorded("data-api/" + file).toFile());
    serve(Map.of("/positions", JSON.writeValueAsString(rows)));
    String wallet = rows.at("/0/proxyWallet").asText();
    assertEquals(
        0,
        bed.set("data-api.version", "v1").run("wallets", Share.WHOLE, List.of(wallet)).exitCode());
    Map<String, Map<String, Object>> stored = stored();
    assertEquals(rows.size(), stored.size());
    for (JsonNode row : rows) {
      Map<String, Object> became = stored.get(wallet + "/" + row.get("asset").asText());
      FIGURES_V1.forEach((column, field) -> assertExact(row.get(field), became.get(column), field));
      for (String column :
          List.of(
              "entry_fees",
              "total_cost",
              "total_pnl",
              "archived",
              "first_entry_at",
              "last_event_at")) {
        assertNull(became.get(column), column + " is not sent by version 1");
      }
      assertEquals(row.get("conditionId").asText().substring(2), became.get("condition_id"));
      Map.of(
              "market",
              "slug",
              "title",
              "title",
              "event_id",
              "eventId",
              "event_slug",
              "eventSlug",
              "outcome_name",
              "outcome",
              "opposite_outcome",
              "oppositeOutcome",
              "opposite_asset_id",
              "oppositeAsset",
              "end_date",
              "endDate")
          .forEach(
              (column, field) -> assertEquals(row.get(field).asText(), became.get(column), field));
      assertEquals(row.get("outcomeIndex").asInt(), became.get("outcome"));
      assertEquals(row.get("negativeRisk").asBoolean(), became.get("negative_risk"));
      assertEquals(row.get("redeemable").asBoolean(), became.get("redeemable"));
      assertEquals("data-api-v1", became.get("source"));
    }
  }

  @Test
  void figuresArriveExactly_andRowsThatDoNotQualifyAreRejectedWithTheReason() throws Exception {
    bed(300, 10);
    String wallet = "0x" + "a".repeat(40);
    String row =
        "{\"proxy_wallet\":\"0xAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"token_id\":\"%s\",\"condition_id\":\"%s\",\"current_size\":%s,\"avg_price\":%s,\"realized_pnl\":%s,\"title\":\"A"
            + " \\\"quoted\\\" 'one'\\n"
            + "🎉\"}";
    String condition = "0x" + "C".repeat(64);
    List<String> rows =
        List.of(
            row.formatted(
                "1",
                condition,
                "123456789012345678901234567.123456",
                "0.1",
                "-4.547473508864641E-13"),
            row.formatted("2", condition, "1E-7", "null", "2.7755575615628914E-17"),
            row.formatted("", condition, "1", "0.5", "0"),
            row.formatted("4", "", "1", "0.5", "0"),
            row.formatted("5", condition, "\"many\"", "0.5", "0"),
            row.formatted("6", condition, "null", "0.5", "0"));
    serve(
        Map.of(
            "/v2/positions",
            "{\"data\":["
                + String.join(",", rows)
                + "],\"pagination\":{\"has_more\":false,\"next_cursor\":null}}"));
    JobRun.Result result = bed.run("wallets", Share.WHOLE, List.of(wallet));
    assertEquals(0, result.exitCode(), result.toString());
    Map<String, Map<String, Object>> stored = stored();
    assertEquals(2, stored.size());
    assertEquals("123456789012345678901234567.123456", stored.get(wallet + "/1").get("size"));
    assertEquals("-0.0000000000004547473508864641", stored.get(wallet + "/1").get("realized_pnl"));
    assertEquals("0.0000001", stored.get(wallet + "/2").get("size"));
    assertEquals(
        "0.000000000000000027755575615628914", stored.get(wallet + "/2").get("realized_pnl"));
    assertNull(stored.get(wallet + "/2").get("entry_price"), "missing is not 0");
    assertEquals("A \"quoted\" 'one'\n🎉", stored.get(wallet + "/2").get("title"));
    assertEquals(999, stored.get(wallet + "/2").get("outcome"));
    Map<Object, Object> reasons = new TreeMap<>();
    bed.rows("SELECT asset_id, reason, row FROM default.wallets_rejected")
        .forEach(
            rejected -> {
              reasons.put(rejected.get("asset_id"), rejected.get("reason"));
              assertEquals(
                  "0xAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                  json((String) rejected.get("row")).get("proxy_wallet").asText());
            });
    assertEquals(
        Map.of(
            "",
            "no token id",
            "4",
            "no condition id",
            "5",
            "current_size is not a number",
            "6",
            "no size"),
        reasons);
    try (Ledger ledger = bed.ledger()) {
      assertEquals(4, ledger.sums().rejected());
      assertTrue(ledger.sums().balanced());
    }
  }
}
