package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** Answers whose lists hold more than rows, by a server that says what the test wants. */
@Timeout(180)
class ListElementsIT {

  private static final String OPEN = "closed=false&order=id&ascending=true";
  private static final String CLOSED = "closed=true&order=id&ascending=true";
  private static final String OURS =
      "\"batch\":\"b\",\"fetched_at\":\"never\",\"asked\":\"me\",\"reason\":\"r\",\"element\":7,"
          + "\"unread\":{},\"key\":\"k\",\"condition_id\":\"c\",";

  private final AtomicInteger requests = new AtomicInteger();
  private volatile Function<String, String> answer;
  private HttpServer server;
  private TestBed bed;

  @BeforeEach
  void start() throws Exception {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 16);
    server.createContext(
        "/",
        call -> {
          requests.incrementAndGet();
          byte[] body =
              answer
                  .apply(String.valueOf(call.getRequestURI()))
                  .getBytes(StandardCharsets.ISO_8859_1);
          call.getResponseHeaders().set("Content-Type", "application/json");
          call.sendResponseHeaders(200, body.length);
          call.getResponseBody().write(body);
          call.close();
        });
    server.start();
    String url = "http://127.0.0.1:" + server.getAddress().getPort();
    bed = SourceBed.start(new SandboxOptions().conditions(10).limits(0));
    bed.set("gamma.url", url).set("clob.url", url).set("data-api.url", url);
    bed.set("goldsky.positions.url", url);
  }

  @AfterEach
  void stop() {
    server.stop(0);
    bed.close();
  }

  private static String market(int n, String more) {
    return String.format(
        "{%s\"id\":\"%d\",\"conditionId\":\"0x%064x\",\"question\":\"q\",\"closed\":true}",
        more, n, n);
  }

  private Ledger.Sums run(String job, String... ids) {
    JobRun.Result result = bed.run(job, Share.WHOLE, List.of(ids));
    assertEquals(0, result.exitCode(), result + " " + bed.messages());
    return SourceBed.balanced(bed, job);
  }

  @Test
  void aBadElement_costsTheElement_andNullIsAnEmptyList() {
    String deep = "[".repeat(50) + "]".repeat(50);
    String odd = "{\"id\":\"3\",\"id\":\"4\",\"\\u0000\":1,\"conditionId\":\"0x" + "ab".repeat(32);
    answer =
        query ->
            query.contains("closed=false")
                ? "{\"markets\":null}"
                : "{\"markets\":[null,{},17,\"text\",[1],null,"
                    + market(1, OURS)
                    + ","
                    + market(2, "\"x\":" + deep + ",")
                    + ","
                    + odd
                    + "\",\"question\":\"\\ud800 \u00ff\"}]}";
    Ledger.Sums sums = run("markets", OPEN, CLOSED);
    assertEquals(
        "[{market_id=1, chain="
            + CLOSED
            + "}, {market_id=2, chain="
            + CLOSED
            + "}, {market_id=4,"
            + " chain="
            + CLOSED
            + "}]",
        TestBed.sql("SELECT market_id, chain FROM default.api_markets_staging ORDER BY market_id")
            .toString());
    assertEquals(
        "[\"text\", 17, [1], null, {}]",
        TestBed.sql(
                "SELECT arraySort(groupArray(row)) AS rows FROM default.markets_rejected"
                    + " WHERE reason LIKE 'an element%'")
            .get(0)
            .get("rows")
            .toString());
    assertEquals(9, sums.fetched());
    assertEquals(3, sums.inserted());
    assertEquals(5, sums.rejected());
    assertEquals(1, sums.duplicate());
  }

  @Test
  void oneIdInTwoSpellings_isOneRowAndOneDuplicate() {
    String row = "{" + OURS.replace("\"condition_id\":\"c\",", "") + "\"condition_id\":\"%s\"}";
    answer =
        query ->
            query.contains("MTAwMA")
                ? "{\"data\":null,\"next_cursor\":\"LTE=\"}"
                : "{\"data\":["
                    + String.format(row, "0x" + "AB".repeat(32))
                    + ","
                    + String.format(row, "0x" + "ab".repeat(32))
                    + ","
                    + String.format(row, "ab".repeat(32))
                    + ",null,{\"question_id\":\"0xAA\"}],\"next_cursor\":\"MTAwMA==\"}";
    Ledger.Sums sums = run("clob-markets", "markets");
    assertEquals(1, TestBed.number("SELECT count() FROM default.clob_market_mapping"));
    assertEquals(15, sums.fetched(), "a short page of 5 is asked for three times");
    assertEquals(1, sums.inserted());
    assertEquals(2, sums.rejected());
    assertEquals(12, sums.duplicate());
    assertEquals(
        "0xaa",
        TestBed.sql("SELECT key FROM default.clob_markets_rejected WHERE key LIKE '0x%'")
            .get(0)
            .get("key"));
  }

  @Test
  void textAfterAnAnswer_isAnError_andTheRequestIsRepeated() {
    for (String behind : List.of("garbage", "{\"markets\":[]}", "]", "<html>")) {
      TestBed.empty();
      requests.set(0);
      answer =
          query -> "{\"markets\":[" + market(1, "") + "]}" + (requests.get() == 1 ? behind : " \n");
      run("markets", CLOSED + behind.hashCode());
      assertTrue(requests.get() > 1, behind);
      assertEquals(1, TestBed.number("SELECT count() FROM default.api_markets_staging"));
      bed.close();
      try {
        server.stop(0);
        start();
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }
  }

  @Test
  void anAnswerWithoutItsList_isAnError() {
    answer = query -> requests.get() == 1 ? "{\"other\":[]}" : "{\"markets\":[]}";
    run("markets", CLOSED);
    assertTrue(requests.get() > 1);
  }

  @Test
  void invalidPositions_areRejected() {
    String wallet = "0x" + "c".repeat(40);
    answer =
        query ->
            "{\"data\":[null,\"x\",{\"proxy_wallet\":\""
                + wallet
                + "\",\"token_id\":\"5\","
                + "\"condition_id\":\"0x"
                + "ab".repeat(32)
                + "\",\"current_size\":\"2\","
                + "\"avg_price\":\"1.5\",\"end_date\":\"2026-12-01T00:00:00Z\","
                + "\"first_entry_at\":0,\"last_event_at\":1769201796,\"outcome_index\":700,"
                + "\"realized_pnl\":\"-1.2e-05\"}],\"pagination\":{\"next_cursor\":null}}";
    Ledger.Sums sums = run("wallets", wallet);
    assertEquals(2, sums.rejected());
    assertEquals(
        "[{size=2, pnl=-0.000012, price=true, ends=2026-12-01, first=true, last=2026-01-23"
            + " 20:56:36, outcome=999, unread=[avg_price, first_entry_at, outcome_index]}]",
        TestBed.sql(
                "SELECT toString(size) AS size, toString(realized_pnl) AS pnl, entry_price IS NULL"
                    + " AS price, toString(end_date) AS ends, first_entry_at IS NULL AS first,"
                    + " toString(last_event_at) AS last, outcome, arraySort(mapKeys(unread)) AS"
                    + " unread FROM default.api_positions_staging")
            .toString()
            .replace("price=1", "price=true")
            .replace("first=1", "first=true"));
    assertTrue(
        bed.messages().stream()
            .anyMatch(line -> line.contains("avg_price of 1 row could not be read")),
        bed.messages().toString());
  }

  @Test
  void badElementsAmongConditions_costTheElements_notTheAnswer() {
    badElements(
        "payouts", "id", "[\"1\",\"0\"]", rows -> "{\"data\":{\"conditions\":[" + rows + "]}}");
  }

  @Test
  void badElementsAmongResolutions_costTheElements_notTheAnswer() {
    badElements("resolutions", "condition_id", "[1000000,0]", rows -> "{\"data\":[" + rows + "]}");
  }

  /** Three ids are asked for: one has payouts, one is known without, one is not there. */
  private void badElements(
      String job, String id, String payouts, Function<String, String> envelope) {
    String element = "{\"" + id + "\":\"%s\",\"payouts\":%s}";
    String bad = "null,{},17,[1],{\"" + id + "\":5}," + String.format(element, "0xzz", payouts);
    answer =
        query ->
            envelope.apply(
                requests.get() > 1
                    ? "null,null"
                    : bad
                        + ","
                        + String.format(element, "0x" + "aa".repeat(32), payouts)
                        + ","
                        + String.format(element, "0x" + "bb".repeat(32), "null"));
    Ledger.Sums sums = run(job, "aa".repeat(32), "bb".repeat(32), "cc".repeat(32));
    assertEquals(2, requests.get(), "the answer counts; only what it left out is asked for again");
    bed.job(job);
    assertEquals(Set.of("aa".repeat(32)), bed.in(State.FOUND));
    assertEquals(Set.of("bb".repeat(32)), bed.in(State.UNRESOLVED));
    assertEquals(Set.of("cc".repeat(32)), bed.in(State.ABSENT));
    assertEquals(9, sums.fetched());
    assertEquals(1, sums.inserted());
    assertEquals(7, sums.rejected());
    assertEquals(1, sums.duplicate());
    assertEquals(1, TestBed.number("SELECT count() FROM default.resolutions_external_ingest"));
    assertEquals(
        "[17, [1], null, {\""
            + id
            + "\":\"0xzz\",\"payouts\":"
            + payouts
            + "}, {\""
            + id
            + "\":5}, {}]",
        TestBed.sql(
                "SELECT arraySort(groupArray(row)) AS rows FROM default."
                    + job
                    + "_rejected FINAL WHERE reason LIKE 'an element%'")
            .get(0)
            .get("rows")
            .toString());
  }
}
