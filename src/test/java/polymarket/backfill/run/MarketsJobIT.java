package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The markets job against the sandbox's Gamma, with the real routes, the real ledger and the real
 * ClickHouse.
 */
class MarketsJobIT {

  private static final String CLOSED_UP = "closed=true&order=id&ascending=true";
  private static final String OPEN_UP = "closed=false&order=id&ascending=true";

  /** Two lists that have every market. */
  private static final List<String> WHOLE_LISTS = List.of(OPEN_UP, CLOSED_UP);

  private final HttpClient http = HttpClient.newHttpClient();
  private TestBed bed = bed(1500);

  private static TestBed bed(int markets) {
    TestBed bed = TestBed.start(new SandboxOptions().conditions(markets).limits(0));
    return bed.set("gamma.url", bed.sandbox().urls().get("gamma")).set("markets.concurrency", 4);
  }

  @AfterEach
  void close() {
    bed.close();
  }

  private JobRun.Result run(Collection<String> lists) {
    return bed.run("markets", Share.WHOLE, lists);
  }

  private JobRun.Result runPass() {
    return bed.runWithoutIds("markets");
  }

  private Collection<JsonNode> truth() throws Exception {
    Map<String, JsonNode> rows = new LinkedHashMap<>();
    for (String line : get(bed.sandbox().url() + "/_sandbox/truth/markets").lines().toList()) {
      JsonNode row = MarketRows.JSON.readTree(line);
      rows.put(row.get("id").asText(), row);
    }
    return rows.values();
  }

  private String get(String url) throws IOException, InterruptedException {
    return http.send(
            HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofString())
        .body();
  }

  /** All of a listing, walked page by page without the program. */
  private Set<String> listing(String filters) throws Exception {
    Set<String> ids = new HashSet<>();
    String cursor = null;
    do {
      JsonNode page =
          MarketRows.JSON.readTree(
              get(
                  bed.sandbox().urls().get("gamma")
                      + "/markets/keyset?limit=100&"
                      + filters
                      + (cursor == null ? "" : "&after_cursor=" + cursor)));
      page.get("markets").forEach(row -> ids.add(row.get("id").asText()));
      cursor = page.hasNonNull("next_cursor") ? page.get("next_cursor").asText() : null;
    } while (cursor != null);
    return ids;
  }

  private static Set<String> stored() {
    Set<String> ids = new HashSet<>();
    TestBed.sql(
            "SELECT market_id FROM default.api_markets_staging UNION ALL SELECT market_id FROM"
                + " default.markets_rejected")
        .forEach(row -> ids.add((String) row.get("market_id")));
    return ids;
  }

  private Ledger ledger() {
    return Ledger.open(bed.home().resolve("runtime/markets.ledger"));
  }

  private long requests() {
    return bed.stats().at("/sources/gamma/requests").asLong();
  }

  private void assertComplete(JobRun.Result result) throws Exception {
    assertEquals(0, result.exitCode(), result + " " + bed.messages());
    Collection<JsonNode> truth = truth();
    MarketRows.assertStored(truth, TestBed::sql);
    long rejected = truth.stream().filter(row -> !MarketRows.qualifies(row)).count();
    assertEquals(
        rejected,
        TestBed.number(
            "SELECT count() FROM default.markets_rejected WHERE reason = 'no condition id'"));
    assertEquals(rejected, TestBed.number("SELECT count() FROM default.markets_rejected"));
    assertEquals(
        TestBed.number("SELECT count() FROM default.api_markets_staging"),
        TestBed.number("SELECT uniqExact(market_id) FROM default.api_markets_staging"));
    try (Ledger ledger = ledger()) {
      assertNull(ledger.pass(), "a stage of the pass was left out");
      assertEquals(0, ledger.counts(Share.WHOLE).get(State.PENDING));
      assertTrue(ledger.sums().balanced(), ledger.sums().toString());
      assertEquals(truth.size() - rejected, ledger.sums().inserted());
      assertEquals(rejected, ledger.sums().rejected());
    }
  }

  @Test
  void everyMarket_openAndClosed_isStoredOnce_andExactly() throws Exception {
    assertComplete(runPass());
    assertTrue(TestBed.number("SELECT countIf(closed) FROM default.api_markets_staging") > 1000);
    assertTrue(TestBed.number("SELECT countIf(NOT closed) FROM default.api_markets_staging") > 10);
    assertTrue(
        TestBed.number("SELECT countIf(token_ids_unverified) FROM default.api_markets_staging")
            > 0);
    assertTrue(
        TestBed.number("SELECT countIf(version = 'v2') FROM default.api_markets_staging") > 0);
  }

  @Test
  void aStormOfFaults_losesAndDoublesNothing() throws Exception {
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
            "truncate,rows=37,rate=0.1",
            "empty,rate=0.03",
            "stuck-cursor,rate=0.05",
            "expired-cursor,rate=0.03")) {
      bed.sandbox().fault("source=gamma,kind=" + fault);
    }
    bed.set("source.attempts", 12);
    assertComplete(runPass());
  }

  @Test
  void theListsTogether_areTheListsUnsplit_thoughNoSpanOfDatesHasAllMarkets() throws Exception {
    assertComplete(runPass());
    Set<String> unsplit = listing("closed=true");
    unsplit.addAll(listing("closed=false"));
    assertEquals(unsplit, stored());
    assertTrue(
        TestBed.number(
                "SELECT uniqExactIf(toUInt64(market_id) < 500000, start_date IS NULL) FROM"
                    + " default.api_markets_staging")
            == 2,
        "every market has a date: this test shows nothing");
    assertTrue(
        TestBed.number(
                "SELECT count() FROM default.api_markets_staging WHERE chain LIKE '%&id=%' AND"
                    + " start_date IS NULL")
            > 10,
        "no market was asked for by its number");
  }

  /** What {@code @present} says of a page of the numbers, of which another list stored 12 to 19. */
  private static String present(String list, List<Integer> numbers) {
    String sql =
        SqlFile.read("markets")
            .section("present")
            .sql(
                Map.of(
                    "keys",
                    numbers.stream().map(String::valueOf).toList(),
                    "first",
                    list,
                    "batch",
                    "markets-x-0000002",
                    "redo",
                    false,
                    "pass_first",
                    "markets-x-0000000",
                    "pass_last",
                    "markets-x-9999999"));
    List<Map<String, Object>> rows = TestBed.sql(sql);
    return "met "
        + rows.stream().filter(row -> ((Number) row.get("met")).intValue() == 1).count()
        + ", ends "
        + rows.stream().anyMatch(row -> ((Number) row.get("ends")).intValue() == 1);
  }

  @Test
  void aListEndsWhereAnotherOneReadsOn_butTheListsByNumberAtTheirOwnEndAlone() {
    bed.beforeRun(
        run ->
            TestBed.clickHouse()
                .execute(
                    "INSERT INTO default.api_markets_staging (market_id, chain, batch) SELECT"
                        + " toString(number), 'another', 'markets-x-0000001' FROM numbers(12, 8)"));
    run(List.of(CLOSED_UP));
    List<Integer> stored = List.of(12, 13, 14, 15, 16, 17, 18, 19);
    assertEquals("met 8, ends false", present(CLOSED_UP, stored));
    assertEquals("met 0, ends false", present("another", stored));
    assertEquals("met 0, ends false", present(CLOSED_UP + "#until=499999", stored));
    assertEquals("met 0, ends true", present(CLOSED_UP + "#until=18", stored));
    assertEquals(
        "met 0, ends false",
        present(CLOSED_UP + "#until=15", List.of(19, 12, 18, 13, 17, 14, 16, 15, 20, 11)),
        "the page is not in the order that was asked for");
    String newest = "closed=true&order=id&ascending=false#until=";
    assertEquals("met 0, ends false", present(newest + 11, List.of(19, 18, 17, 16)));
    assertEquals("met 0, ends true", present(newest + 17, List.of(19, 18, 17, 16)));
  }

  @Test
  void manyListsAtOnce_takeFewRequestsMoreThanTheyHavePages() throws Exception {
    bed.close();
    bed = bed(6000);
    bed.set("markets.concurrency", 16);
    assertComplete(runPass());
    long pages = (truth().size() + 99) / 100;
    long lists;
    try (Ledger ledger = ledger()) {
      lists = ledger.size(Share.WHOLE);
    }
    assertTrue(
        requests() <= pages + lists,
        requests() + " requests for " + pages + " pages in " + lists + " lists");
  }

  /** A server that does not know the order sends both kinds of lists the same way. */
  @Test
  void anOrderThatIsIgnored_losesNothing() throws Exception {
    try (Proxy proxy = new Proxy(query -> query.replaceAll("&?(order|ascending)=[^&]*", ""))) {
      bed.set("gamma.url", proxy.url());
      assertComplete(runPass());
    }
  }

  /** A server that does not know the dates sends the whole list for each of them. */
  @Test
  void datesThatAreIgnored_loseNothing_andEndTheListsThatAnotherOneReads() throws Exception {
    try (Proxy proxy = new Proxy(query -> query.replaceAll("&start_date_m[a-z]+=[^&]*", ""))) {
      bed.set("gamma.url", proxy.url());
      bed.set("markets.concurrency", 1);
      assertComplete(runPass());
    }
    long pages = (truth().size() + 99) / 100;
    // three of each list, until a page is looked for in the table
    assertTrue(requests() < pages + 300, requests() + " requests for " + pages + " pages");
  }

  @Test
  void numbersThatAreIgnored_areAnErrorAndNotAWalkThroughAllMarkets() throws Exception {
    AtomicBoolean ignores = new AtomicBoolean(true);
    try (Proxy proxy =
        new Proxy(query -> ignores.get() ? query.replaceAll("&id=[^&]*", "") : query)) {
      bed.set("gamma.url", proxy.url());
      JobRun.Result result = runPass();
      assertEquals(2, result.exitCode(), result.toString());
      try (Ledger ledger = ledger()) {
        List<Ledger.Entry> failed = new ArrayList<>();
        ledger.entries(State.FAILED, 10, failed::add);
        assertTrue(failed.get(0).reason().contains("it does not filter by id"), failed.toString());
      }
      assertTrue(requests() < 250, requests() + " requests");
      ignores.set(false);
      assertComplete(runPass());
    }
  }

  @Test
  void aNumberFarFromAllOthers_doesNotLetItAskForAllBetween() throws Exception {
    bed.beforeRun(
        run ->
            TestBed.clickHouse()
                .execute(
                    "INSERT INTO default.api_markets_staging (market_id, timestamp) VALUES"
                        + " ('999999999999', now64(3))"));
    JobRun.Result result = runPass();
    assertEquals(0, result.exitCode(), result.toString());
    assertTrue(requests() < 300, requests() + " requests");
  }

  @Test
  void aRefusedCursor_restartsItsChain_andDoublesNothing() throws Exception {
    // the first refusals are of pages that are asked for ahead, which their batch asks for again
    bed.sandbox().fault("source=gamma,kind=expired-cursor,skip=9,count=6");
    JobRun.Result result = run(WHOLE_LISTS);
    assertTrue(
        bed.messages().stream()
            .anyMatch(line -> line.contains("no longer takes the cursor of closed=")),
        bed.messages().toString());
    assertComplete(result);
  }

  @Test
  void aCursorThatAlwaysComesBack_isAnErrorAndNotALoop() {
    bed.sandbox().fault("source=gamma,kind=stuck-cursor");
    JobRun.Result result = run(List.of(CLOSED_UP));
    assertEquals(2, result.exitCode(), result.toString());
    try (Ledger ledger = ledger()) {
      List<Ledger.Entry> failed = new ArrayList<>();
      ledger.entries(State.FAILED, 10, failed::add);
      assertTrue(failed.get(0).reason().contains("that it had already sent"), failed.toString());
      assertTrue(ledger.sums().balanced());
    }
    assertTrue(requests() < 20, requests() + " requests");
    assertEquals(
        TestBed.number("SELECT uniqExact(market_id) FROM default.api_markets_staging"),
        TestBed.number("SELECT count() FROM default.api_markets_staging"));
    bed.sandbox().clearFaults();
    assertEquals(0, run(List.of(CLOSED_UP)).exitCode());
  }

  @Test
  void aParameterThatIsIgnored_soThatPageOneComesAgain_isAnErrorAndNotALoop() throws Exception {
    try (Proxy proxy = new Proxy(query -> query.replaceAll("&after_cursor=[^&]*", ""))) {
      bed.set("gamma.url", proxy.url());
      assertEquals(2, run(List.of(CLOSED_UP)).exitCode());
      assertEquals(
          100,
          TestBed.number("SELECT count() FROM default.api_markets_staging")
              + TestBed.number("SELECT count() FROM default.markets_rejected"));
    }
  }

  @Test
  void theListByOffset_givesAllThatItReaches() throws Exception {
    bed.set("gamma.paging", "offset");
    assertComplete(runPass());
  }

  @Test
  void theListByOffset_endsAt2000_andSaysSo() throws Exception {
    bed.close();
    bed = bed(3000).set("gamma.paging", "offset");
    JobRun.Result result = run(List.of(CLOSED_UP));
    assertEquals(2, result.exitCode(), result.toString());
    try (Ledger ledger = ledger()) {
      List<Ledger.Entry> failed = new ArrayList<>();
      ledger.entries(State.FAILED, 10, failed::add);
      assertTrue(
          failed.get(0).reason().contains("ends at 2000")
              && failed.get(0).reason().contains("keyset"),
          failed.toString());
      assertTrue(
          bed.messages().stream()
              .anyMatch(line -> line.contains("ends at 2000") && !line.contains("trying again")),
          bed.messages().toString());
      assertTrue(ledger.sums().balanced());
    }
    assertTrue(
        requests() >= 21 && requests() <= 26,
        "21 pages, and those that were kept when it ended once more: " + requests());
    assertEquals(2086, stored().size(), "21 pages, in which every 150th row repeats one");
    // the same ledger goes on by keyset
    bed.set("gamma.paging", "keyset");
    assertEquals(0, run(WHOLE_LISTS).exitCode());
    MarketRows.assertStored(truth(), TestBed::sql);
  }

  @Test
  void anUnknownPagingMode_isRefused() {
    Program.Result result = Program.runHere(bed.set("gamma.paging", "cursor"), "run", "markets");
    assertEquals(1, result.exitCode(), result.toString());
    assertTrue(
        result.err().contains("gamma.paging is 'cursor'; it takes keyset or offset"), result.err());
  }

  @Test
  void aRunAfterAFinishedOne_isANewPass_thatReplacesRows() throws Exception {
    bed.ownEngine().holdEngine();
    Program.Result first = Program.runHere(bed, "run", "markets");
    assertEquals(0, first.exitCode(), first.toString());
    assertFalse(first.err().contains("new one"), first.err());
    long markets = truth().stream().filter(MarketRows::qualifies).count();
    long batches =
        bed.value("SELECT max(toUInt32(right(batch, 7))) FROM default.api_markets_staging");
    Program.Result second = Program.runHere(bed, "run", "markets", "--json");
    assertEquals(0, second.exitCode(), second.toString());
    assertTrue(
        second
            .err()
            .contains("the last pass is finished, so this is a new one, which replaces its rows"),
        second.err());
    assertEquals(markets, MarketRows.JSON.readTree(second.out()).at("/rows/inserted").asLong());
    assertEquals(markets, bed.value("SELECT count() FROM default.api_markets_staging FINAL"));
    assertEquals(
        markets,
        bed.value(
            "SELECT countIf(toUInt32(right(batch, 7)) > "
                + batches
                + ") FROM default.api_markets_staging FINAL"),
        "rows of the first pass are left");
    long batchesOfTwo =
        bed.value("SELECT max(toUInt32(right(batch, 7))) FROM default.api_markets_staging");
    Program.Result third = Program.runHere(bed, "run", "markets", "--redo", "all");
    assertEquals(0, third.exitCode(), third.toString());
    assertEquals(
        markets,
        bed.value(
            "SELECT countIf(toUInt32(right(batch, 7)) > "
                + batchesOfTwo
                + ") FROM default.api_markets_staging FINAL"),
        "rows of the second pass are left");
    Program.Result since = Program.runHere(bed, "run", "markets", "--since", "2026-09-01");
    assertEquals(0, since.exitCode(), since.toString());
    long narrowed =
        MarketRows.JSON
            .readTree(get(bed.sandbox().url() + "/_sandbox/stats"))
            .at("/sources/gamma/requests")
            .asLong();
    assertTrue(
        bed.value("SELECT count() FROM default.api_markets_staging FINAL") == markets,
        "" + narrowed);
    Program.Result verify =
        Program.runHere(bed, "verify", "markets", "--min-rows", "1000", "--min-conditions", "1000");
    assertEquals(0, verify.exitCode(), verify.toString());
    Program.Result few = Program.runHere(bed, "verify", "markets");
    assertEquals(3, few.exitCode(), few.toString());
    assertTrue(few.err().contains("rows is 1,500, less than 150,000"), few.err());
  }

  @Test
  void workers_areRefused() {
    Program.Result result = Program.runHere(bed, "run", "markets", "--worker", "1", "--of", "2");
    assertEquals(1, result.exitCode());
    assertTrue(result.err().contains("markets cannot be shared by workers"), result.err());
  }

  /** Passes requests on to the sandbox's Gamma with another query. */
  private final class Proxy implements AutoCloseable {
    private final HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);

    Proxy(UnaryOperator<String> query) throws IOException {
      server.createContext(
          "/",
          exchange -> {
            try {
              byte[] body =
                  get(bed.sandbox().urls().get("gamma")
                          + exchange.getRequestURI().getPath()
                          + "?"
                          + query.apply(exchange.getRequestURI().getRawQuery()))
                      .getBytes(java.nio.charset.StandardCharsets.UTF_8);
              exchange.sendResponseHeaders(200, body.length);
              exchange.getResponseBody().write(body);
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            } finally {
              exchange.close();
            }
          });
      server.setExecutor(java.util.concurrent.Executors.newCachedThreadPool());
      server.start();
    }

    String url() {
      return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    @Override
    public void close() {
      server.stop(0);
    }
  }
}
