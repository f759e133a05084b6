package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Program;
import polymarket.backfill.Shared;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Postgres;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The jobs fills and trades, which fill one table, against the sandbox and recorded answers, with
 * the real engine.
 */
class FillsJobIT {

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);
  private static final long STOPPED = Instant.parse("2026-04-28T00:00:00Z").getEpochSecond();

  private TestBed bed;
  private HttpServer server;

  @AfterEach
  void close() {
    if (server != null) {
      server.stop(0);
    }
    if (bed != null) {
      bed.close();
    }
  }

  private void bed(SandboxOptions options) {
    bed = TestBed.start(options.limits(0));
    bed.set("goldsky.orderbook.url", bed.sandbox().urls().get("goldsky-orderbook"));
    bed.set("data-api.url", bed.sandbox().urls().get("data-api"));
    bed.set("gamma.url", bed.sandbox().urls().get("gamma"));
  }

  /** Some hundred markets, in the table of markets too. */
  private void bed(int markets) {
    bed(new SandboxOptions().conditions(markets).largestMarketFills(3000));
    fillMarkets();
  }

  private List<JsonNode> conditions() {
    return bed.sandbox().truth().lines("conditions", "").stream().map(FillsJobIT::read).toList();
  }

  private void fillMarkets() {
    fillMarkets(TestBed.clickHouse(), condition -> false);
  }

  /**
   * @param old which markets opened so long ago that Goldsky is asked for them too, where they did
   *     not end before it stopped
   */
  private void fillMarkets(ClickHouse clickHouse, Predicate<JsonNode> old) {
    Views.create(clickHouse, "fills");
    StringBuilder rows = new StringBuilder();
    for (JsonNode condition : conditions()) {
      ObjectNode row = JSON.createObjectNode();
      row.put(
          "condition_id",
          "0x" + condition.get("condition_id").asText().toUpperCase(java.util.Locale.ROOT));
      row.put("market_id", condition.get("gamma_id").asText());
      row.put("question", "?")
          .put("closed", condition.get("closed").asBoolean())
          .put("version", condition.get("version").asText());
      row.put("volume", condition.get("trades").asInt());
      row.put(
          "created_at",
          old.test(condition)
              ? "2021-01-01T00:00:00Z"
              : Instant.ofEpochSecond(condition.get("created").asLong()).toString());
      row.put("end_date", Instant.ofEpochSecond(condition.get("closes").asLong()).toString());
      ArrayNode outcomes = row.putArray("outcomes");
      for (int i = 0; i < condition.get("outcomes").asInt(); i++) {
        outcomes.add("outcome " + i);
      }
      row.set("token_ids", condition.get("token_ids"));
      rows.append(row).append('\n');
    }
    clickHouse.insert(
        "default.api_markets_staging", rows.toString().getBytes(StandardCharsets.UTF_8), null);
  }

  /** Half of the markets that did not end before Goldsky stopped: both sources are asked. */
  private static boolean ofBoth(JsonNode condition) {
    return !ended(condition)
        && Character.digit(condition.get("condition_id").asText().charAt(63), 16) % 2 == 0;
  }

  private static JsonNode read(String json) {
    try {
      return JSON.readTree(json);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private List<String> ids(Predicate<JsonNode> which) {
    return conditions().stream()
        .filter(which)
        .map(condition -> condition.get("condition_id").asText())
        .toList();
  }

  /** Closed before Goldsky stopped, so that it has all of their fills. */
  private static boolean ended(JsonNode condition) {
    return condition.get("closed").asBoolean() && condition.get("closes").asLong() < STOPPED;
  }

  private void runBoth() {
    assertComplete(bed.run("fills", Share.WHOLE, ids(FillsJobIT::ended)));
    assertComplete(bed.run("trades", Share.WHOLE, ids(condition -> !ended(condition))));
  }

  private void assertComplete(JobRun.Result result) {
    assertEquals(0, result.exitCode(), result + " " + bed.messages());
  }

  private static BigDecimal millionths(JsonNode fill, String field) {
    return new BigDecimal(fill.get(field).asText()).movePointLeft(6);
  }

  private static String key(Object... values) {
    return java.util.Arrays.stream(values)
        .map(
            value ->
                value instanceof BigDecimal number
                    ? number.stripTrailingZeros().toPlainString()
                    : String.valueOf(value))
        .collect(Collectors.joining(" "));
  }

  private static final String STORED =
      "SELECT fill_id, condition_id, asset_id, outcome_index, maker, taker, side, toString(price)"
          + " AS price, toString(size) AS size, toString(cost) AS cost, toString(fee) AS fee,"
          + " taker_order, toUnixTimestamp(timestamp) AS time, transaction_hash, order_hash, source"
          + " FROM default.clob_fills";

  private void assertTruth(Collection<String> conditions) {
    assertTruth(conditions, fill -> true, TestBed::sql);
  }

  /** Holds the table against the sandbox's truth: every fill exact, none missing, none twice. */
  private void assertTruth(
      Collection<String> conditions,
      Predicate<JsonNode> which,
      Function<String, List<Map<String, Object>>> sql) {
    Map<String, List<Map<String, Object>>> stored = new HashMap<>();
    for (Map<String, Object> row : sql.apply(STORED)) {
      stored
          .computeIfAbsent(
              key(
                  row.get("transaction_hash"),
                  row.get("maker"),
                  row.get("asset_id"),
                  row.get("side"),
                  new BigDecimal((String) row.get("size")),
                  row.get("taker_order")),
              none -> new ArrayList<>())
          .add(row);
    }
    int fills = 0;
    for (String line : bed.sandbox().truth().lines("fills", String.join("\n", conditions))) {
      JsonNode fill = read(line);
      if (!which.test(fill)) {
        continue;
      }
      fills++;
      String key =
          key(
              fill.get("transaction_hash").asText(),
              fill.get("maker").asText(),
              fill.get("token_id").asText(),
              fill.get("side").asText(),
              millionths(fill, "size"),
              fill.get("taker_order").asBoolean());
      List<Map<String, Object>> same = stored.get(key);
      assertTrue(same != null && !same.isEmpty(), "not in the table: " + line);
      Map<String, Object> row = same.remove(same.size() - 1);
      assertEquals(fill.get("condition_id").asText(), row.get("condition_id"));
      assertEquals(fill.get("outcome_index").asInt(), row.get("outcome_index"), line);
      assertEquals(fill.get("timestamp").asLong(), ((Number) row.get("time")).longValue());
      assertEquals(
          0,
          millionths(fill, "cost").compareTo(new BigDecimal((String) row.get("cost"))),
          line + " " + row);
      BigDecimal price =
          new BigDecimal(fill.get("cost").asText())
              .divide(new BigDecimal(fill.get("size").asText()), 18, RoundingMode.DOWN);
      if (row.get("source").equals("goldsky")) {
        assertEquals(fill.get("id").asText(), row.get("fill_id"));
        assertEquals(fill.get("order_hash").asText(), row.get("order_hash"));
        assertEquals(fill.get("taker").asText(), row.get("taker"));
        assertEquals(
            0, millionths(fill, "fee").compareTo(new BigDecimal((String) row.get("fee"))), line);
        assertEquals(
            0, price.compareTo(new BigDecimal((String) row.get("price"))), line + " " + row);
      } else {
        // as the API sends it: the double nearest to the quotient
        assertEquals(
            price.doubleValue(), Double.parseDouble((String) row.get("price")), 1e-15, line);
      }
    }
    assertTrue(fills > 0, "no fill among these conditions");
    assertEquals(
        List.of(),
        stored.values().stream().flatMap(List::stream).limit(3).toList(),
        "rows that are no fills, or are there twice");
    assertEquals(
        (long) fills,
        ((Number) sql.apply("SELECT count() AS n FROM default.clob_fills").get(0).get("n"))
            .longValue());
    assertEquals(
        (long) fills,
        ((Number)
                sql.apply("SELECT uniqExact(condition_id, fill_id) AS n FROM default.clob_fills")
                    .get(0)
                    .get("n"))
            .longValue());
  }

  /** Every market is found or absent, as the truth has it, the sums add up, and no id is more. */
  private void assertLedger(String job, Collection<String> conditions, Predicate<JsonNode> which) {
    assertInLedger(job, conditions, which);
    assertEquals(conditions.size(), readSize(job));
  }

  private void assertInLedger(
      String job, Collection<String> conditions, Predicate<JsonNode> which) {
    Map<String, Long> rows = new HashMap<>();
    for (String line : bed.sandbox().truth().lines("fills", String.join("\n", conditions))) {
      JsonNode fill = read(line);
      if (which.test(fill)) {
        rows.merge(fill.get("condition_id").asText(), 1L, Long::sum);
      }
    }
    try (Ledger ledger = Ledger.open(bed.home().resolve("runtime/" + job + ".ledger"))) {
      for (String id : conditions) {
        Ledger.Entry entry = ledger.entry(id);
        assertEquals(
            rows.containsKey(id) ? State.FOUND : State.ABSENT, entry.state(), id + " " + entry);
        assertEquals(rows.getOrDefault(id, 0L), entry.rows(), id);
      }
      assertTrue(ledger.sums().balanced(), ledger.sums().toString());
    }
  }

  @Test
  void marketsWhoseOutcomesBecomeKnownLater_areAskedAgain() throws Exception {
    bed(new SandboxOptions().conditions(600).largestMarketFills(300));
    List<String> many = ids(condition -> ended(condition) && condition.get("outcomes").asInt() > 2);
    List<String> ended = ids(FillsJobIT::ended);
    Path list = Files.write(bed.home().resolve("ids.txt"), ended);
    assertEquals(
        0,
        SourceBed.run(
            bed, "run", "fills", "--set", "fills.source=goldsky", "--ids", list.toString()),
        () -> SourceBed.said(bed));
    assertTrue(
        SourceBed.said(bed)
            .contains("fills: " + ended.size() + " of them are not known to any source yet"),
        SourceBed.said(bed));
    assertEquals(
        0, TestBed.number("SELECT count() FROM default.clob_fills WHERE outcome_index > 1"));
    fillMarkets();
    assertEquals(
        0,
        SourceBed.run(
            bed, "run", "fills", "--set", "fills.source=goldsky", "--ids", list.toString()),
        () -> SourceBed.said(bed));
    assertTrue(
        SourceBed.said(bed).contains("fills: " + many.size() + " ids will be fetched again"),
        SourceBed.said(bed));
    assertTruth(ended);
    assertEquals(
        0,
        SourceBed.run(
            bed, "run", "fills", "--set", "fills.source=goldsky", "--ids", list.toString()),
        () -> SourceBed.said(bed));
    assertTrue(SourceBed.said(bed).contains(" of them done, 0 to do"), SourceBed.said(bed));
  }

  private long requests(String source) {
    return bed.stats().at("/sources/" + source + "/requests").asLong();
  }

  private long rows(String source) {
    return bed.stats().at("/sources/" + source + "/rows").asLong();
  }

  @Test
  void everyFill_isStoredOnce_andExactly_fromTheSourceThatHasAllOfIt() {
    bed(900);
    List<String> ended = ids(FillsJobIT::ended);
    List<String> living = ids(condition -> !ended(condition));
    runBoth();
    List<String> all = ids(condition -> true);
    assertTruth(all);
    assertLedger("fills", ended, fill -> true);
    assertLedger("trades", living, fill -> true);
    assertTrue(
        TestBed.number(
                "SELECT uniqExact(condition_id) FROM default.clob_fills WHERE outcome_index > 1")
            > 0,
        "no market with three outcomes");
    assertTrue(
        TestBed.number(
                "SELECT countIf(version = 'v2') FROM default.api_markets_staging WHERE"
                    + " lower(substring(condition_id, 3)) IN (SELECT condition_id FROM"
                    + " default.clob_fills)")
            > 0,
        "no market of the new protocol");
    // a trade counts once: the takers' orders are the volume
    long trades =
        conditions().stream().mapToLong(condition -> condition.get("trades").asLong()).sum();
    assertEquals(trades, TestBed.number("SELECT countIf(taker_order) FROM default.clob_fills"));
    assertEquals(
        trades, TestBed.number("SELECT uniqExact(transaction_hash) FROM default.clob_fills"));
  }

  @Test
  void requests_staySmall() {
    bed(900);
    runBoth();
    long pages = rows("goldsky-orderbook") / 1000 + 1;
    long hundreds = 2 * (long) Math.ceil(ids(FillsJobIT::ended).size() * 4 / 100.0);
    assertTrue(
        requests("goldsky-orderbook") <= 1.5 * (pages + hundreds),
        requests("goldsky-orderbook")
            + " requests for "
            + pages
            + " pages and "
            + hundreds
            + " times a hundred tokens");
    long living = ids(condition -> !ended(condition)).size();
    assertTrue(
        requests("data-api") <= 2 * Math.ceil(living / 20.0) + rows("data-api") / 1000 + 2,
        requests("data-api") + " requests");
  }

  @Test
  void jobsOfOneRun_startAfterTheJobsThatTheirIdsComeFrom_inAnyOrder() {
    bed(new SandboxOptions().conditions(30).limits(0));
    Program.Result run = Program.runHere(bed, "run", "fills", "markets");
    assertTrue(Set.of(0, 2).contains(run.exitCode()), run.toString());
    assertTrue(
        run.err().indexOf(" markets: ") >= 0
            && run.err().indexOf(" markets: ") < run.err().indexOf(" fills: "),
        run.err());
    assertTrue(
        run.out().startsWith("markets: ")
            && run.out().contains("\nfills: ")
            && run.out().contains("\ntrades: "),
        run.out());
    assertTrue(bed.value("SELECT count() FROM default.clob_fills") > 0, run.toString());
  }

  @Test
  void fillsAndPayouts_keepGoldskysLimitTogether() throws Exception {
    bed(new SandboxOptions().conditions(350));
    fillMarkets();
    bed.sandbox().limits(1);
    // at the documented pace, which the bed's own copy of the routes has made faster
    for (String source : List.of("goldsky", "data-api-trades")) {
      Files.copy(
          TestBed.PROJECT.resolve("routes/sources/" + source + ".camel.yaml"),
          bed.home().resolve("routes/sources/" + source + ".camel.yaml"),
          java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    }
    Program.Result run =
        Program.runHere(bed, "run", "payouts", "fills", "--batch-size", "12", "--json");
    assertTrue(Set.of(0, 2).contains(run.exitCode()), run.toString());
    assertTrue(
        requests("goldsky-orderbook") > 25 && requests("goldsky-positions") > 25,
        bed.stats().toString());
    // each job has its own requests, though they share a pace
    Map<String, JsonNode> runs = new HashMap<>();
    JSON.readTree(run.out())
        .findParents("run")
        .forEach(job -> runs.put(job.path("job").asText(), job.path("run")));
    assertEquals(
        requests("goldsky-positions"), runs.get("payouts").path("requests").asLong(), run.out());
    assertEquals(
        requests("goldsky-orderbook"), runs.get("fills").path("requests").asLong(), run.out());
    assertTrue(runs.get("payouts").path("shared_limit").asBoolean(), run.out());
    // 50 in 10 s, and a few for what a busy machine holds back on the way; each with a limit of its
    // own, they would be 100
    assertTrue(
        bed.stats().at("/limits/goldsky/highest").asInt() <= 55,
        bed.stats().at("/limits/goldsky").toString());
    assertTruth(ids(condition -> true));
  }

  @Test
  void aStormOfFaults_losesAndDoublesNothing() {
    bed(900);
    for (String source : List.of("goldsky-orderbook", "data-api")) {
      for (String fault :
          List.of(
              "429,rate=0.05,retryAfter=0.1",
              "500,rate=0.04",
              "502,rate=0.02",
              "html,rate=0.03",
              "cut-json,rate=0.03",
              "cut-connection,rate=0.02",
              "reset,rate=0.02",
              "error-200,rate=0.04",
              "truncate,rows=100,rate=0.2",
              "empty,rate=0.02",
              "stuck-cursor,rate=0.05",
              "expired-cursor,rate=0.03")) {
        bed.sandbox().fault("source=" + source + ",kind=" + fault);
      }
    }
    bed.set("source.attempts", 12);
    runBoth();
    List<String> all = ids(condition -> true);
    assertTruth(all);
    assertLedger("fills", ids(FillsJobIT::ended), fill -> true);
    assertLedger("trades", ids(condition -> !ended(condition)), fill -> true);
  }

  @Test
  void pagesThatAreCutAnywhere_areNotTheEnd() {
    bed(300);
    bed.sandbox().fault("source=goldsky-orderbook,kind=truncate,rows=37,rate=0.5");
    bed.sandbox().fault("source=data-api,kind=truncate,rows=37,rate=0.5");
    runBoth();
    assertTruth(ids(condition -> true));
  }

  @ParameterizedTest
  @ValueSource(strings = {"fills,trades", "trades,fills"})
  void fillsOfBothSources_areStoredOnce(String order) {
    bed(400);
    List<String> all = ids(condition -> true);
    for (String job : order.split(",")) {
      assertComplete(bed.run(job, Share.WHOLE, all));
    }
    assertTruth(all);
    assertTrue(
        TestBed.number("SELECT uniqExact(source) FROM default.clob_fills") == 2
            || order.startsWith("trades"));
    try (Ledger ledger =
        Ledger.open(bed.home().resolve("runtime/" + order.split(",")[1] + ".ledger"))) {
      assertTrue(
          ledger.sums().duplicate() > 100 && ledger.sums().balanced(), ledger.sums().toString());
    }
  }

  /**
   * Goldsky is asked for its markets while the Data API is asked for others, and for those of both
   * when the Data API has answered.
   */
  @Test
  void bothSources_areAskedSideBySide_andMarketsOfBothStoredOnce_alsoWhenFetchedAgain()
      throws Exception {
    bed(new SandboxOptions().conditions(900).largestMarketFills(3000));
    fillMarkets(TestBed.clickHouse(), FillsJobIT::ofBoth);
    List<String> all = ids(condition -> true);
    bed.sandbox().fault("kind=slow,millis=700,source=data-api");
    for (List<String> again : List.of(List.<String>of(), List.of("--redo=all"))) {
      long before = requests("goldsky-orderbook");
      List<String> command = new ArrayList<>(List.of("run", "fills", "--batch-size", "20"));
      command.addAll(again);
      try (Program run = Program.start(bed, command.toArray(String[]::new))) {
        Set<String> left = Set.of();
        while (run.isAlive() && requests("goldsky-orderbook") < before + 10) {
          Thread.sleep(50);
          left = pending("trades");
        }
        assertTrue(left.size() > 100, "the Data API was asked for all but " + left);
        Program.Result end = run.end();
        assertEquals(0, end.exitCode(), end.toString());
      }
      assertTruth(all);
    }
    assertLedger("trades", ids(condition -> !ended(condition)), fill -> true);
    assertInLedger("fills", ids(FillsJobIT::ended), fill -> true);
    assertEquals(ids(condition -> ended(condition) || ofBoth(condition)).size(), readSize("fills"));
  }

  @Test
  void tradesThatBeginWhileFillsOfAnotherProcessRun_areStoredOnce() throws Exception {
    bed(new SandboxOptions().conditions(400).largestMarketFills(1000));
    fillMarkets(TestBed.clickHouse(), condition -> false);
    List<String> all = ids(condition -> true);
    List<String> living = ids(condition -> !ended(condition));
    Path list = Files.write(bed.home().resolve("all.txt"), all);
    bed.sandbox().fault("kind=slow,millis=400,source=goldsky-orderbook");
    try (Program fills =
        Program.start(
            bed,
            "run",
            "fills",
            "--set",
            "fills.source=goldsky",
            "--ids",
            list.toString(),
            "--batch-size",
            "10",
            "--concurrency",
            "1")) {
      TestBed.await("some fills", TestBed.SOON, () -> requests("goldsky-orderbook") > 4);
      assertComplete(bed.run("trades", Share.WHOLE, living));
      assertTrue(fills.isAlive(), "the fills had ended before");
      Program.Result end = fills.end();
      assertEquals(0, end.exitCode(), end.toString());
    }
    assertTruth(all);
  }

  private Set<String> pending(String job) {
    Path file = bed.home().resolve("runtime/" + job + ".ledger");
    Set<String> ids = new HashSet<>();
    if (Ledger.exists(file)) {
      try (Ledger ledger = Ledger.open(file)) {
        ledger.entries(State.PENDING, Long.MAX_VALUE, entry -> ids.add(entry.id()));
      }
    }
    return ids;
  }

  @Test
  void runAgain_orWithANewLedger_addsNothing() {
    bed(300);
    runBoth();
    runBoth();
    for (String job : List.of("fills", "trades")) {
      Ledger.setAside(bed.home().resolve("runtime/" + job + ".ledger"));
    }
    runBoth();
    assertTruth(ids(condition -> true));
    assertLedger("fills", ids(FillsJobIT::ended), fill -> true);
    assertLedger("trades", ids(condition -> !ended(condition)), fill -> true);
  }

  /**
   * Stops the run when some pages of the one large market are stored, goes on, and looks that it
   * went on behind them.
   */
  @ParameterizedTest
  @ValueSource(strings = {"fills", "trades"})
  void aLargeMarket_isStoredPageByPage_andContinuesWhereItWas(String job) {
    bed(new SandboxOptions().conditions(40).largestMarketFills(60_000));
    fillMarkets();
    String large =
        conditions().stream()
            .max(java.util.Comparator.comparingInt(condition -> condition.get("trades").asInt()))
            .orElseThrow()
            .get("condition_id")
            .asText();
    String source = job.equals("fills") ? "goldsky-orderbook" : "data-api";
    Predicate<JsonNode> which = fill -> !job.equals("fills") || fill.get("on_goldsky").asBoolean();
    bed.sandbox().fault("kind=slow,millis=40,source=" + source);
    bed.onTick(
        run -> {
          if (TestBed.number("SELECT count() FROM default.clob_fills") > 5000) {
            run.stop(ExitCode.INTERRUPTED, "test");
          }
        });
    assertEquals(130, bed.run(job, Share.WHOLE, List.of(large)).exitCode());
    long before = TestBed.number("SELECT count() FROM default.clob_fills");
    long asked = requests(source);
    assertTrue(before > 5000 && before < 55_000, before + " rows");
    try (Ledger ledger = Ledger.open(bed.home().resolve("runtime/" + job + ".ledger"))) {
      assertEquals(State.PENDING, ledger.entry(large).state());
      assertTrue(ledger.open(Share.WHOLE).get(0).saved().cursor() != null, "no cursor was kept");
    }
    bed.onTick(run -> {});
    bed.sandbox().clearFaults();
    assertComplete(bed.run(job, Share.WHOLE, List.of()));
    assertTruth(List.of(large), which, TestBed::sql);
    assertLedger(job, List.of(large), which);
    long pages = rows(source) / 1000 + 8;
    assertTrue(
        requests(source) <= pages,
        asked + " requests, then " + (requests(source) - asked) + " where " + pages + " would do");
  }

  @Test
  void aWindow_storesItsRowsOnly_andDoesNotCompleteTheMarket() {
    bed(300);
    Program.Result window =
        Program.runHere(
            bed,
            "run",
            "fills",
            "--since",
            "2026-03-01T00:00:00Z",
            "--until",
            "2026-10-01T00:00:00Z");
    assertEquals(0, window.exitCode(), window.toString());
    long since = Instant.parse("2026-03-01T00:00:00Z").getEpochSecond();
    long until = Instant.parse("2026-10-01T00:00:00Z").getEpochSecond();
    List<String> all = ids(condition -> true);
    assertTruth(
        all,
        fill -> fill.get("timestamp").asLong() >= since && fill.get("timestamp").asLong() <= until,
        TestBed::sql);
    assertFalse(
        Files.exists(bed.home().resolve("runtime/fills.ledger")) && readSize("fills") > 0,
        "the window's ids are in the ledger of all times");
    assertEquals(
        List.of(0L, 0L), covered(), "a market of which a window was fetched is not covered");
    Program.Result whole = Program.runHere(bed, "run", "fills");
    assertEquals(0, whole.exitCode(), whole.toString());
    assertTruth(all);
    assertLedger("fills", ids(FillsJobIT::ended), fill -> true);
    assertLedger("trades", ids(condition -> !ended(condition)), fill -> true);
    long markets = TestBed.number("SELECT uniqExact(condition_id) FROM default.clob_fills");
    assertEquals(
        List.of(markets, markets),
        covered(),
        "one that was fetched whole is, also where the window had all of its fills");
  }

  @Test
  void aWindow_isFetchedByMembersTogether_andAnotherGoesOnWithIt_whenOneIsKilled() {
    bed(new SandboxOptions().conditions(600).largestMarketFills(3000).latencyMillis(60));
    fillMarkets();
    String[] command = {
      "run", "fills", "--since", "2026-03-01T00:00:00Z", "--until", "2026-10-01T00:00:00Z"
    };
    try (Postgres postgres = Postgres.start()) {
      bed.share(postgres.database());
      try (Program one = Program.startMember(bed, 1, command)) {
        LedgerPlace window = LedgerPlace.window(bed.settings(), "fills");
        TestBed.await("the window's ids", TestBed.SOON, () -> window.exists() && size(window) > 0);
        try (Program two = Program.startMember(bed, 2, "join", "fills")) {
          two.awaitSaid("joining fills, window");
          one.kill();
          assertEquals(0, two.end().exitCode(), two.err());
        }
      }
      try (Program three = Program.startMember(bed, 3, command)) {
        assertEquals(0, three.end().exitCode(), three.err());
      }
      long since = Instant.parse("2026-03-01T00:00:00Z").getEpochSecond();
      long until = Instant.parse("2026-10-01T00:00:00Z").getEpochSecond();
      assertTruth(
          ids(condition -> true),
          fill ->
              fill.get("timestamp").asLong() >= since && fill.get("timestamp").asLong() <= until,
          TestBed::sql);
      LedgerPlace all = LedgerPlace.of(bed.settings(), "fills");
      assertTrue(!all.exists() || size(all) == 0, "ids in the ledger of all times");
    }
  }

  /**
   * One member has the trades and is killed, another one works on the fills alone meanwhile, and a
   * third one goes on with both.
   */
  @Test
  void marketsOfBothSources_areStoredOnce_alsoByMembersThatWorkOnOneOfThem() throws Exception {
    bed(new SandboxOptions().conditions(900).largestMarketFills(3000).latencyMillis(60));
    fillMarkets(TestBed.clickHouse(), FillsJobIT::ofBoth);
    bed.set("fills.batch-size", 20);
    bed.sandbox().fault("kind=slow,millis=700,source=data-api");
    try (Postgres postgres = Postgres.start()) {
      bed.share(postgres.database());
      try (Program one = Program.startMember(bed, 1, "run", "fills")) {
        TestBed.await("a request", TestBed.SOON, () -> requests("data-api") > 0);
        try (Program two = Program.startMember(bed, 2, "join", "fills")) {
          two.awaitSaid("joining fills");
          TestBed.await("the trades", TestBed.SOON, () -> requests("data-api") > 10);
          one.kill();
          try (Program three = Program.startMember(bed, 3, "run", "fills")) {
            assertEquals(0, three.end().exitCode(), three.err());
          }
          assertEquals(0, two.end().exitCode(), two.err());
        }
      }
      assertEquals(0, left("fills") + left("trades"));
      assertTruth(ids(condition -> true));
    }
  }

  private long left(String job) {
    try (Ledger ledger = Ledger.open(LedgerPlace.of(bed.settings(), job))) {
      return ledger.left(Share.WHOLE);
    }
  }

  private static long size(LedgerPlace place) {
    try (Ledger ledger = Ledger.open(place)) {
      return ledger.size(Share.WHOLE);
    }
  }

  /** How many markets monitor and diagnose say have fills. */
  private List<Long> covered() {
    Program.Result monitor = Program.runHere(bed, "monitor", "--json");
    long[] covered = {-1};
    SourceBed.json(monitor.out())
        .path("coverage")
        .forEach(
            line -> {
              covered[0] =
                  line.path("what").asText().equals("markets with fills")
                      ? line.path("covered").asLong(-1)
                      : covered[0];
            });
    Program.Result diagnose = Program.runHere(bed, "diagnose", "fills", "--sample", "0", "--json");
    return List.of(covered[0], SourceBed.json(diagnose.out()).path("covered").asLong(-1));
  }

  private long readSize(String job) {
    try (Ledger ledger = Ledger.open(bed.home().resolve("runtime/" + job + ".ledger"))) {
      return ledger.size(Share.WHOLE);
    }
  }

  @Test
  void
      withoutAList_whatIsMissingIsAskedFor_whateverFormTheIdsHave_andALeftOutMarketGoesToTheSourceThatHasItAll()
          throws Exception {
    bed(300);
    Program.Result first = Program.runHere(bed, "run", "fills", "--json");
    assertEquals(0, first.exitCode(), first.toString());
    assertTruth(ids(condition -> true));
    long asked = requests("goldsky-orderbook") + requests("data-api");
    Program.Result second = Program.runHere(bed, "run", "fills", "--json");
    assertEquals(0, second.exitCode(), second.toString());
    assertEquals(
        asked,
        requests("goldsky-orderbook") + requests("data-api"),
        "what was done was asked for again");
    Path list =
        Files.writeString(
            bed.home().resolve("list.json"),
            "[\"0x" + "AB".repeat(32) + "\", \"" + ids(FillsJobIT::ended).get(0) + "\"]");
    Program.Result third = Program.runHere(bed, "run", "fills", "--ids", list.toString());
    assertEquals(0, third.exitCode(), third.toString());
    assertTrue(
        third
            .err()
            .contains(
                "trades: 1 id in "
                    + list
                    + ", apart from 1 that another source has, 1 of them new"),
        third.err());
    Program.Result wrong = Program.runHere(bed, "run", "fills", "--set", "fills.source=chain");
    assertEquals(1, wrong.exitCode());
    assertTrue(
        wrong.err().contains("setting fills.source is 'chain'; it takes auto, goldsky or data-api"),
        wrong.err());
  }

  @Test
  void bothSourcesOfFills_areOneJob_inStatus_ledger_fetchAndReset() throws Exception {
    bed(200);
    assertEquals(0, Program.runHere(bed, "run", "fills").exitCode());
    JsonNode status = JSON.readTree(Program.runHere(bed, "status", "fills", "--json").out());
    assertEquals("fills", status.path("job").asText());
    assertEquals("trades", status.at("/parts/0/job").asText(), status.toString());
    Program.Result listed = Program.runHere(bed, "ledger", "fills", "--state", "found", "--json");
    long found = status.at("/ids/found").asLong() + status.at("/parts/0/ids/found").asLong();
    assertEquals(found, listed.out().lines().count());
    Map<String, Long> of = new HashMap<>();
    for (String line : listed.out().lines().toList()) {
      of.merge(JSON.readTree(line).path("job").asText(), 1L, Long::sum);
    }
    assertEquals(
        Map.of(
            "fills",
            status.at("/ids/found").asLong(),
            "trades",
            status.at("/parts/0/ids/found").asLong()),
        of);
    List<String> table =
        Program.runHere(bed, "ledger", "fills", "--state", "found").out().lines().toList();
    assertTrue(table.get(0).endsWith("\treason\tjob"), table.get(0));
    assertTrue(table.get(1).endsWith("\tfills"), table.get(1));
    assertEquals(
        3,
        Program.runHere(bed, "ledger", "fills", "--state", "found", "--limit", "3", "--json")
            .out()
            .lines()
            .count());
    Program.Result fetched =
        Program.runHere(
            bed,
            "fetch",
            "fills",
            ids(FillsJobIT::ended).get(0),
            ids(condition -> !ended(condition)).get(0),
            "--json");
    assertEquals(0, fetched.exitCode(), fetched.toString());
    assertEquals(1, fetched.out().lines().count(), "one JSON object: " + fetched.out());
    assertEquals(
        Set.of("fills", "trades"),
        JSON.convertValue(JSON.readTree(fetched.out()).path("jobs"), Map.class).keySet());
    Program.Result reset = Program.runHere(bed, "reset", "fills", "--yes");
    assertEquals(0, reset.exitCode(), reset.toString());
    assertFalse(
        Files.exists(bed.home().resolve("runtime/fills.ledger"))
            || Files.exists(bed.home().resolve("runtime/trades.ledger")),
        reset.out());
  }

  @Test
  void oneSourceAlone_takesEveryMarket() {
    bed(300);
    Program.Result run = Program.runHere(bed, "run", "fills", "--set", "fills.source=goldsky");
    assertEquals(0, run.exitCode(), run.toString());
    List<String> all = ids(condition -> true);
    assertTruth(all, fill -> fill.get("on_goldsky").asBoolean(), TestBed::sql);
    assertEquals(0, requests("data-api"));
  }

  @Test
  void diagnose_estimatesARun_andItsListIsAccepted() throws Exception {
    bed(400);
    List<String> all = ids(condition -> true);
    Path half = Files.write(bed.home().resolve("half.txt"), all.subList(0, 200));
    assertEquals(0, Program.runHere(bed, "run", "fills", "--ids", half.toString()).exitCode());
    Program.Result diagnosis =
        Program.runHere(bed, "diagnose", "fills", "--sample", "60", "--seed", "7", "--json");
    assertEquals(0, diagnosis.exitCode(), diagnosis.toString());
    JsonNode report = JSON.readTree(diagnosis.out());
    assertEquals(400, report.get("total").asInt());
    assertEquals(
        TestBed.number("SELECT uniqExact(condition_id) FROM default.clob_fills"),
        report.get("covered").asLong());
    assertEquals(200, report.get("to_ask").asInt());
    long have =
        bed.sandbox().truth().lines("fills", String.join("\n", all.subList(200, 400))).stream()
            .map(line -> read(line).get("condition_id").asText())
            .distinct()
            .count();
    double low = report.at("/recovery_interval_95/0").asDouble();
    double high = report.at("/recovery_interval_95/1").asDouble();
    assertTrue(
        low <= have / 200.0 && have / 200.0 <= high,
        have + " of 200 have fills, the interval is " + low + " to " + high);
    assertEquals(1, report.get("recommended_pace").asDouble());
    assertEquals(20, report.at("/tables/twenty of the missing markets").size());
    Program.Result again =
        Program.runHere(bed, "diagnose", "fills", "--sample", "60", "--seed", "7", "--json");
    assertEquals(report.get("recovery"), JSON.readTree(again.out()).get("recovery"));
    long before = requests("goldsky-orderbook") + requests("data-api");
    assertEquals(
        0, Program.runHere(bed, "run", "fills", "--ids", report.get("list").asText()).exitCode());
    long took = requests("goldsky-orderbook") + requests("data-api") - before;
    assertTrue(
        Math.abs(took - report.get("requests").asLong()) <= 0.5 * took + 3,
        "reckoned " + report.get("requests") + " requests, took " + took);
    assertTruth(all);
    Program.Result done = Program.runHere(bed, "diagnose", "fills");
    assertEquals(0, done.exitCode(), done.toString());
    assertTrue(done.out().contains("100.0% without those that are known to have none"), done.out());
  }

  @Test
  void verify_checksCoverageAndGaps() throws Exception {
    bed(300);
    runBoth();
    Program.Result verified = Program.runHere(bed, "verify", "fills", "--json");
    assertEquals(3, verified.exitCode(), "the sandbox's present is not today: " + verified);
    JsonNode report = JSON.readTree(verified.out());
    Map<String, JsonNode> measures = new HashMap<>();
    report
        .get("measures")
        .forEach(measure -> measures.put(measure.get("measure").asText(), measure));
    for (String good :
        List.of(
            "coverage",
            "large-missing",
            "not-living",
            "twice",
            "malformed",
            "unlabelled",
            "failed",
            "pending",
            "running")) {
      assertEquals("yes", measures.get(good).get("ok").asText(), measures.get(good).toString());
    }
    assertEquals(0, measures.get("duplicates").get("value").asInt());
    TestBed.clickHouse()
        .execute(
            "ALTER TABLE default.clob_fills DELETE WHERE cityHash64(condition_id) % 3 = 0 SETTINGS"
                + " mutations_sync = 1");
    report = JSON.readTree(Program.runHere(bed, "verify", "fills", "--json").out());
    assertTrue(
        report.get("failed").toString().contains("coverage")
            && report.get("failed").toString().contains("large-missing"),
        report.get("failed").toString());
    TestBed.sql("TRUNCATE TABLE default.api_markets_staging");
    report = JSON.readTree(Program.runHere(bed, "verify", "fills", "--json").out());
    for (JsonNode measure : report.get("measures")) {
      if (List.of("coverage", "large-missing").contains(measure.get("measure").asText())) {
        assertTrue(measure.get("value").isNull(), "no market is known: " + measure);
        assertEquals("NO", measure.get("ok").asText(), measure.toString());
      }
    }
    Program.Result text = Program.runHere(bed, "verify", "fills");
    assertEquals(3, text.exitCode(), text.toString());
    assertTrue(
        text.out().contains("  coverage is not known: nothing is stored that it measures"),
        text.out());
  }

  /**
   * Ten times: the real program, killed at a random instant with markets of both sources in flight;
   * then once to its end.
   */
  @Test
  void killedTenTimesAtRandom_losesAndDoublesNothing() throws Exception {
    bed(new SandboxOptions().conditions(2400).largestMarketFills(12_000));
    bed.ownEngine();
    bed.set("clickhouse.port", "0");
    try (ClickHouse clickHouse = ClickHouse.open(bed.settings())) {
      fillMarkets(clickHouse, FillsJobIT::ofBoth);
    }
    bed.sandbox().fault("kind=slow,millis=150,source=goldsky-orderbook");
    bed.sandbox().fault("kind=slow,millis=400,source=data-api");
    Random random = new Random(20261121);
    int inFlight = 0;
    for (int round = 0; round < 10; round++) {
      long before = requests("goldsky-orderbook") + requests("data-api");
      // an unfinished batch of fills may have markets that --redo made pending in trades
      Program run =
          round < 6
              ? Program.start(bed, "run", "fills")
              : Program.start(bed, "run", "fills", "--redo=all");
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
      while (run.isAlive()
          && requests("goldsky-orderbook") + requests("data-api") == before
          && System.nanoTime() < end) {
        Thread.sleep(20);
      }
      if (!run.process().waitFor(random.nextInt(1500), TimeUnit.MILLISECONDS)) {
        inFlight++;
        run.kill();
      }
    }
    assertTrue(inFlight >= 5, "killed at work in " + inFlight + " of 10 rounds");
    bed.sandbox().clearFaults();
    Program.Result last = Program.runHere(bed, "run", "fills");
    assertEquals(0, last.exitCode(), last.toString());
    bed.holdEngine();
    assertTruth(ids(condition -> true), fill -> true, bed::rows);
    assertInLedger("fills", ids(FillsJobIT::ended), fill -> true);
    assertEquals(Set.of(), pending("fills"));
    assertLedger("trades", ids(condition -> !ended(condition)), fill -> true);
  }

  // ---- answers that are written by hand or recorded

  private void serve(Function<String, String> answers) {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    server.createContext(
        "/",
        exchange -> {
          String asked =
              exchange.getRequestURI().getRawQuery()
                  + new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
          byte[] body = answers.apply(asked).getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    bed.set("data-api.url", "http://127.0.0.1:" + server.getAddress().getPort());
    bed.set("goldsky.orderbook.url", "http://127.0.0.1:" + server.getAddress().getPort());
  }

  private static String page(List<JsonNode> rows, String next) {
    ObjectNode page = JSON.createObjectNode();
    page.putArray("data").addAll(rows);
    page.putObject("pagination")
        .put("limit", 1000)
        .put("offset", 0)
        .put("has_more", next != null)
        .put("next_cursor", next);
    return page.toString();
  }

  /**
   * Two orders of one wallet, filled in one transaction at one price and size, on two pages: two
   * rows, again and again.
   */
  @Test
  void equalFills_areAllKept_alsoOnTwoPages_andTheTakersOrderIsKnown() throws Exception {
    bed(40);
    String id = ids(condition -> !ended(condition)).get(0);
    ObjectNode maker =
        JSON.createObjectNode()
            .put("proxy_wallet", "0x" + "a1".repeat(20))
            .put("side", "SELL")
            .put("token_id", "123")
            .put("condition_id", "0x" + id)
            .put("size", new BigDecimal("5.0"))
            .put("price", new BigDecimal("0.52"))
            .put("timestamp", 1789381477)
            .put("outcome_index", 1)
            .put("transaction_hash", "0x" + "c3".repeat(32));
    ObjectNode taker =
        maker
            .deepCopy()
            .put("proxy_wallet", "0x" + "b2".repeat(20))
            .put("side", "BUY")
            .put("size", new BigDecimal("15.000000"));
    serve(
        asked ->
            asked.contains("taker_only=true")
                ? page(List.of(taker), null)
                : asked.contains("cursor=")
                    ? page(List.of(maker, maker), null)
                    : page(List.of(taker, maker), "next/+="));
    assertComplete(bed.run("trades", Share.WHOLE, List.of(id)));
    assertEquals(
        List.of(
            Map.of("maker", "0x" + "a1".repeat(20), "n", 3, "takers", 0, "size", "15"),
            Map.of("maker", "0x" + "b2".repeat(20), "n", 1, "takers", 1, "size", "15")),
        TestBed.sql(
            "SELECT maker, count() AS n, countIf(taker_order) AS takers, toString(sum(size)) AS"
                + " size FROM default.clob_fills GROUP BY maker ORDER BY maker"));
    Ledger.setAside(bed.home().resolve("runtime/trades.ledger"));
    assertComplete(bed.run("trades", Share.WHOLE, List.of(id)));
    assertEquals(4, TestBed.number("SELECT count() FROM default.clob_fills"));
  }

  private static ObjectNode event(
      int transaction, int order, String maker, String taker, boolean buys, String token) {
    String hash = "0x" + String.format("%064x", transaction);
    String orderHash = "0x" + String.format("%064x", order);
    return JSON.createObjectNode()
        .put("id", hash + "_" + orderHash)
        .put("transactionHash", hash)
        .put("timestamp", "1700000000")
        .put("orderHash", orderHash)
        .put("maker", "0x" + maker.repeat(20))
        .put("taker", taker.length() == 2 ? "0x" + taker.repeat(20) : taker)
        .put("makerAssetId", buys ? "0" : token)
        .put("takerAssetId", buys ? token : "0")
        .put("makerAmountFilled", buys ? "1000000" : "2000000")
        .put("takerAmountFilled", buys ? "2000000" : "1000000")
        .put("fee", "0");
  }

  /** Answers a page of Goldsky's lists with those of the events that are behind its borders. */
  private static String events(String asked, List<ObjectNode> events) {
    JsonNode variables = read(asked.substring(asked.indexOf('{'))).get("variables");
    ObjectNode answer = JSON.createObjectNode();
    ObjectNode data = answer.putObject("data");
    for (String list : List.of("sold", "bought")) {
      ArrayNode rows = data.putArray(list);
      events.stream()
          .filter(
              event ->
                  !variables.get(list).isEmpty()
                      && event.get("makerAssetId").asText().equals("0") == list.equals("bought")
                      && event.get("id").asText().compareTo(variables.get(list + "After").asText())
                          > 0)
          .forEach(rows::add);
    }
    return answer.toString();
  }

  @Test
  void aFillThatStandsAlone_isInTheVolume_andEachMatchIsInItOnce() {
    bed(40);
    String id = ids(FillsJobIT::ended).get(0);
    String token = polymarket.backfill.polymarket.TokenIds.tokenIds(id, 2).get(1).wrappedTokenId();
    String exchange = "0xC5d563A36AE78145C45a50134d48A1215220f80a";
    List<ObjectNode> events =
        new ArrayList<>(
            List.of(
                // a match: what the maker sold and the taker bought
                event(1, 1, "a1", "b2", false, token),
                event(1, 2, "b2", exchange, true, token),
                // filled by an operator, alone and two in a transaction
                event(2, 3, "a1", "0f", true, token),
                event(3, 4, "a1", "0f", true, token),
                event(3, 5, "c3", "0f", false, token),
                // one of those beside a match
                event(4, 6, "a1", "b2", false, token),
                event(4, 7, "b2", exchange, true, token),
                event(4, 8, "c3", "0f", false, token)));
    serve(asked -> events(asked, events));
    assertComplete(bed.run("fills", Share.WHOLE, List.of(id)));
    String orders =
        "SELECT"
            + " toString(arraySort(groupArray(reinterpretAsUInt8(reverse(unhex(substring(order_hash,"
            + " 3))))))) FROM default.clob_fills WHERE ";
    assertEquals("[2,3,4,5,7,8]", TestBed.clickHouse().value(orders + "taker_order"));
    assertEquals("[3,4,5,8]", TestBed.clickHouse().value(orders + "alone"));
    assertEquals(0, TestBed.number(uncounted()));
    // what stood alone no longer does, once the order that it was matched with is there
    events.add(event(5, 9, "a1", "b2", true, token));
    Ledger.setAside(bed.home().resolve("runtime/fills.ledger"));
    assertComplete(bed.run("fills", Share.WHOLE, List.of(id)));
    assertEquals("[3,4,5,8,9]", TestBed.clickHouse().value(orders + "alone"));
    events.add(event(5, 10, "b2", exchange, false, token));
    Ledger.setAside(bed.home().resolve("runtime/fills.ledger"));
    assertComplete(bed.run("fills", Share.WHOLE, List.of(id)));
    assertEquals("[3,4,5,8]", TestBed.clickHouse().value(orders + "alone"));
    assertEquals("[2,3,4,5,7,8,10]", TestBed.clickHouse().value(orders + "taker_order"));
  }

  private static String uncounted() {
    return polymarket.backfill.clickhouse.SqlFile.read("fills").sections("measure").stream()
        .filter(measure -> measure.title().startsWith("uncounted"))
        .findFirst()
        .orElseThrow()
        .sql(Map.of());
  }

  @Test
  void anOrderThatNoTakersOrderRepeats_isInTheVolume_alsoFromTheDataApi() throws Exception {
    bed(40);
    String id = ids(condition -> !ended(condition)).get(0);
    ObjectNode maker =
        JSON.createObjectNode()
            .put("proxy_wallet", "0x" + "a1".repeat(20))
            .put("side", "SELL")
            .put("token_id", "123")
            .put("condition_id", "0x" + id)
            .put("size", 5)
            .put("price", new BigDecimal("0.52"))
            .put("timestamp", 1789381477)
            .put("outcome_index", 1)
            .put("transaction_hash", "0x" + "c3".repeat(32));
    ObjectNode taker =
        maker.deepCopy().put("proxy_wallet", "0x" + "b2".repeat(20)).put("side", "BUY");
    ObjectNode alone =
        maker.deepCopy().put("size", 7).put("transaction_hash", "0x" + "d4".repeat(32));
    serve(
        asked ->
            asked.contains("taker_only=true")
                ? page(List.of(taker), null)
                : page(List.of(taker, maker, alone), null));
    assertComplete(bed.run("trades", Share.WHOLE, List.of(id)));
    assertEquals(
        "12",
        TestBed.clickHouse()
            .value("SELECT toString(sumIf(size, taker_order)) FROM default.clob_fills"));
    assertEquals(1, TestBed.number("SELECT countIf(alone) FROM default.clob_fills"));
  }

  @Test
  void rowsThatDoNotQualify_areKeptAsTheyCame_withTheReason() {
    bed(40);
    String id = ids(condition -> !ended(condition)).get(0);
    ObjectNode good =
        JSON.createObjectNode()
            .put("proxy_wallet", "0x" + "a1".repeat(20))
            .put("side", "SELL")
            .put("token_id", "123")
            .put("condition_id", "0x" + id)
            .put("size", 5)
            .put("price", new BigDecimal("0.52"))
            .put("timestamp", 1789381477)
            .put("outcome_index", 999)
            .put("transaction_hash", "0x" + "c3".repeat(32));
    List<JsonNode> rows =
        new ArrayList<>(
            List.of(
                good,
                good.deepCopy().put("side", ""),
                good.deepCopy().put("size", new BigDecimal("0.0000001")),
                good.deepCopy().put("proxy_wallet", ""),
                good.deepCopy().put("size", 6).put("timestamp", 0)));
    serve(asked -> page(rows, null));
    assertComplete(bed.run("trades", Share.WHOLE, List.of(id)));
    assertEquals(
        2, TestBed.number("SELECT count() FROM default.clob_fills WHERE outcome_index = -1"));
    assertEquals(
        "[{time=1789381477, unread={timestamp=0}}]",
        TestBed.sql(
                "SELECT toUnixTimestamp(timestamp) AS time, unread FROM default.clob_fills WHERE"
                    + " size = 6")
            .toString(),
        "the time that cannot be is kept, and that of its transaction taken");
    assertTrue(
        bed.messages().toString().contains("timestamp of 1 row could not be read, such as '0'"),
        bed.messages().toString());
    assertEquals(3, TestBed.number("SELECT count() FROM default.trades_rejected"));
    assertEquals(
        3,
        TestBed.number(
            "SELECT uniqExact(reason) FROM default.trades_rejected WHERE row LIKE"
                + " '%\"price\":\"0.52\"%'"));
    try (Ledger ledger = Ledger.open(bed.home().resolve("runtime/trades.ledger"))) {
      assertEquals(State.FOUND, ledger.entry(id).state());
      assertEquals(3, ledger.sums().rejected());
      assertTrue(ledger.sums().balanced(), ledger.sums().toString());
    }
  }

  @Test
  void recordedTradesOfVersionTwo_arriveFieldByField() throws Exception {
    bed(40);
    JsonNode recorded =
        JSON.readTree(Shared.recorded("data-api/v2-trades.json").toFile()).get("data");
    List<JsonNode> rows = new ArrayList<>();
    recorded.forEach(rows::add);
    serve(
        asked ->
            page(
                rows.stream()
                    .filter(row -> asked.contains(row.get("condition_id").asText()))
                    .toList(),
                null));
    List<String> ids =
        rows.stream().map(row -> row.get("condition_id").asText().substring(2)).distinct().toList();
    assertComplete(bed.run("trades", Share.WHOLE, ids));
    assertEquals(rows.size(), TestBed.number("SELECT count() FROM default.clob_fills"));
    for (JsonNode row : rows) {
      Map<String, Object> stored =
          TestBed.sql(
                  STORED
                      + " WHERE transaction_hash = '"
                      + row.get("transaction_hash").asText()
                      + "'")
              .get(0);
      assertEquals(row.get("proxy_wallet").asText(), stored.get("maker"));
      assertEquals(row.get("side").asText(), stored.get("side"));
      assertEquals(row.get("token_id").asText(), stored.get("asset_id"));
      assertEquals(row.get("condition_id").asText().substring(2), stored.get("condition_id"));
      assertEquals(
          0, row.get("size").decimalValue().compareTo(new BigDecimal((String) stored.get("size"))));
      assertEquals(
          0,
          row.get("price").decimalValue().compareTo(new BigDecimal((String) stored.get("price"))));
      assertEquals(row.get("timestamp").asLong(), ((Number) stored.get("time")).longValue());
      // it says 999; the token id says which outcome of the condition it is
      assertEquals(
          row.get("outcome").asText().equals("Yes") ? 0 : 1,
          stored.get("outcome_index"),
          row.toString());
      assertEquals(null, stored.get("fee"));
    }
  }

  @Test
  void recordedIdsAndTimesOfGoldsky_arriveAsTheyAre() throws Exception {
    bed(40);
    JsonNode recorded =
        JSON.readTree(Shared.recorded("goldsky/goldsky_orderFilledEvents_partial.json").toFile())
            .at("/data/orderFilledEvents");
    String id = ids(FillsJobIT::ended).get(0);
    String token = polymarket.backfill.polymarket.TokenIds.tokenIds(id, 2).get(1).wrappedTokenId();
    List<JsonNode> rows = new ArrayList<>();
    recorded.forEach(rows::add);
    rows.sort(java.util.Comparator.comparing(row -> row.get("id").asText()));
    // the recording has three fields of the eleven; these are the others'
    rows.forEach(
        row ->
            ((ObjectNode) row)
                .put("orderHash", row.get("id").asText().substring(67))
                .put("maker", "0x" + "A1".repeat(20))
                .put("taker", "0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E")
                .put("makerAssetId", "0")
                .put("takerAssetId", token)
                .put("makerAmountFilled", "1000000")
                .put("takerAmountFilled", "3000000")
                .put("fee", "12"));
    serve(
        asked -> {
          JsonNode variables = read(asked.substring(asked.indexOf('{'))).get("variables");
          ObjectNode answer = JSON.createObjectNode();
          ObjectNode data = answer.putObject("data");
          data.putArray("sold");
          ArrayNode bought = data.putArray("bought");
          rows.stream()
              .filter(
                  row ->
                      !variables.get("bought").isEmpty()
                          && row.get("id").asText().compareTo(variables.get("boughtAfter").asText())
                              > 0)
              .forEach(bought::add);
          return answer.toString();
        });
    assertComplete(bed.run("fills", Share.WHOLE, List.of(id)));
    Map<String, Map<String, Object>> stored = new HashMap<>();
    TestBed.sql(STORED).forEach(row -> stored.put((String) row.get("fill_id"), row));
    assertEquals(
        rows.stream()
            .map(row -> row.get("id").asText())
            .collect(Collectors.toCollection(TreeSet::new)),
        new TreeSet<>(stored.keySet()));
    for (JsonNode row : rows) {
      Map<String, Object> fill = stored.get(row.get("id").asText());
      assertEquals(row.get("transactionHash").asText(), fill.get("transaction_hash"));
      assertEquals(row.get("timestamp").asLong(), ((Number) fill.get("time")).longValue());
      assertEquals("0.333333333333333333", fill.get("price"));
      assertEquals(1, fill.get("outcome_index"));
      assertEquals("0x" + "a1".repeat(20), fill.get("maker"));
      assertEquals(true, fill.get("taker_order"));
      assertEquals("0.000012", fill.get("fee"));
    }
  }

  @Test
  void answersOutOfOrder_orWithRowsOfOtherIds_areRefused() {
    bed(40);
    bed.set("source.attempts", 2);
    String id = ids(FillsJobIT::ended).get(0);
    serve(
        asked ->
            "{\"data\":{\"sold\":[{\"id\":\"0x02\",\"makerAssetId\":\"7\",\"takerAssetId\":\"0\"}],\"bought\":[]}}");
    JobRun.Result result = bed.run("fills", Share.WHOLE, List.of(id));
    assertEquals(2, result.exitCode(), result.toString());
    try (Ledger ledger = Ledger.open(bed.home().resolve("runtime/fills.ledger"))) {
      assertTrue(
          ledger.entry(id).reason().contains("none of the requested tokens"),
          ledger.entry(id).toString());
    }
    Set<String> tables = new HashSet<>();
    TestBed.sql("SELECT fill_id FROM default.clob_fills")
        .forEach(row -> tables.add((String) row.get("fill_id")));
    assertEquals(Set.of(), tables);
  }
}
