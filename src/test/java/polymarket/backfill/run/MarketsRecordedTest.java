package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Shared;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Share;

/**
 * Gamma's recorded rows, sent over HTTP as they are through the real route, landing table and
 * views.
 */
class MarketsRecordedTest {

  private final ObjectMapper json = new ObjectMapper();
  private final List<String> pages = new ArrayList<>();
  private HttpServer server;
  private TestBed bed;

  @BeforeEach
  void open() throws IOException {
    bed = TestBed.start();
    server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.createContext(
        "/",
        exchange -> {
          String query = String.valueOf(exchange.getRequestURI().getQuery());
          int page =
              query.contains("after_cursor=")
                  ? Integer.parseInt(query.replaceAll(".*after_cursor=a\\+/(\\d+)=.*", "$1"))
                  : 0;
          // the text of the recording, so that no number is read and written on its way
          byte[] body =
              ("{\"markets\":["
                      + pages.get(page)
                      + "]"
                      + (page + 1 < pages.size()
                          ? ",\"next_cursor\":\"a+/" + (page + 1) + "==\""
                          : "")
                      + "}")
                  .getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    bed.set("gamma.url", "http://127.0.0.1:" + server.getAddress().getPort());
  }

  @AfterEach
  void close() {
    server.stop(0);
    bed.close();
  }

  private void page(String text) {
    pages.add(text.strip().replaceFirst("^\\[", "").replaceFirst("]$", ""));
  }

  private void run() {
    JobRun.Result result = bed.run("markets", Share.WHOLE, List.of("closed=true"));
    assertEquals(0, result.exitCode(), result + " " + bed.messages());
  }

  @Test
  void everyRecordedRow_arrivesExactly_onceEach() throws IOException {
    Map<String, JsonNode> rows = new LinkedHashMap<>();
    int sent = 0;
    for (String name :
        List.of(
            "markets-600-closed-and-open-2026-02.json",
            "markets-100-active.json",
            "market-closed-nonbinary-legacy.json",
            "market-closed-zero-prices-legacy.json")) {
      String text = Files.readString(Shared.recorded("gamma/" + name));
      page(text);
      for (JsonNode row :
          text.strip().startsWith("[") ? json.readTree(text) : List.of(json.readTree(text))) {
        rows.putIfAbsent(row.get("id").asText(), row);
        sent++;
      }
    }
    run();
    assertEquals(702, sent);
    assertTrue(rows.size() < sent, "no row is repeated");
    MarketRows.assertStored(rows.values(), TestBed::sql);
    assertEquals(0, TestBed.number("SELECT count() FROM default.markets_rejected"));
  }

  @Test
  void legacyRows_areResolvedWhereGammaSaysSo_whateverTheirPrices() throws IOException {
    page(Files.readString(Shared.recorded("gamma/markets-600-closed-and-open-2026-02.json")));
    page(Files.readString(Shared.recorded("gamma/market-closed-nonbinary-legacy.json")));
    page(Files.readString(Shared.recorded("gamma/market-closed-zero-prices-legacy.json")));
    run();
    Map<String, Object> resolved = new LinkedHashMap<>();
    TestBed.sql("SELECT market_id, resolved FROM default.api_markets_staging")
        .forEach(row -> resolved.put((String) row.get("market_id"), row.get("resolved")));
    assertEquals(
        true, resolved.get("242644"), "prices 0.0000007… and 0.9999992…, and Gamma says resolved");
    assertEquals(false, resolved.get("248101"), "prices 0.9999997…, and Gamma says nothing");
    assertEquals(false, resolved.get("253898"), "prices 0 and 1, and Gamma says proposed");
    assertEquals(false, resolved.get("43"), "scalar, prices 0.58 and 0.41");
    assertEquals(false, resolved.get("12"), "all prices 0");
    assertEquals(
        0,
        TestBed.number("SELECT countIf(winning_outcome != '') FROM default.api_markets_staging"));
  }

  @Test
  void rowsThatDoNotQualify_areKeptAsTheyCame_withTheReason() throws IOException {
    Map<String, String> reasons = new LinkedHashMap<>();
    List<String> rows = new ArrayList<>();
    String good = "\"conditionId\":\"0x" + "ab".repeat(32) + "\"";
    Map.of("none", "\"x\":1", "null", "\"conditionId\":null", "empty", "\"conditionId\":\"\"")
        .forEach(
            (id, fields) -> {
              rows.add("{\"id\":\"" + id + "\"," + fields + "}");
              reasons.put(id, "no condition id");
            });
    Map<String, String[]> bad = new LinkedHashMap<>();
    bad.put(
        "short",
        new String[] {"\"conditionId\":\"0xabc\"", "the condition id is not 64 hex digits"});
    bad.put(
        "cut",
        new String[] {
          good + ",\"clobTokenIds\":\"[\\\"12\\\", \\\"34\"", "the token ids are not a list"
        });
    bad.put(
        "token",
        new String[] {good + ",\"clobTokenIds\":\"[1e77]\"", "a token id is not a number"});
    Map<String, String> side = new LinkedHashMap<>();
    side.put("outcomes", "[\\\"Yes");
    side.put("outcomePrices", "[\\\"0." + "1".repeat(51) + "\\\"]");
    side.put("volume", "many");
    side.put("liquidity", "-1");
    side.put("endDate", "soon");
    side.put("createdAt", "2262-01-01T00:00:00Z");
    side.put("closedTime", "0");
    side.put("closed", "maybe");
    side.forEach(
        (field, text) ->
            rows.add(
                String.format("{\"id\":\"side-%s\",%s,\"%s\":\"%s\"}", field, good, field, text)));
    bad.forEach(
        (id, fields) -> {
          rows.add(
              "{\"id\":\""
                  + id
                  + "\","
                  + fields[0]
                  + ",\"question\":\"\\\"quoted\\\" \\ud83d\\ude00\\n"
                  + id
                  + "\"}");
          reasons.put(id, fields[1]);
        });
    rows.add(
        "{\"id\":\"good\","
            + good
            + ",\"volumeNum\":31565878.83617,\"liquidityNum\":0.0000000001,"
            + "\"clobTokenIds\":\"["
            + "7".repeat(78)
            + "]\",\"positionIds\":[\""
            + "8".repeat(78)
            + "\"],\"version\":\"v2\",\"outcomePrices\":\"[0.1000000000000000000001]\"}");
    page(String.join(",", rows));
    run();
    Map<String, String> stored = new LinkedHashMap<>();
    for (Map<String, Object> row :
        TestBed.sql("SELECT market_id, reason, row FROM default.markets_rejected")) {
      stored.put((String) row.get("market_id"), (String) row.get("reason"));
      ObjectNode came = (ObjectNode) json.readTree((String) row.get("row"));
      if (bad.containsKey(row.get("market_id"))) {
        assertEquals(
            "\"quoted\" \ud83d\ude00\n" + row.get("market_id"), came.get("question").asText());
      }
    }
    assertEquals(
        reasons,
        new LinkedHashMap<>(stored) {
          {
            keySet().retainAll(reasons.keySet());
          }
        });
    Map<String, Object> row =
        TestBed.sql(
                "SELECT market_id, toString(volume) AS volume, toString(liquidity) AS liquidity,"
                    + " token_ids, clob_token_ids, arrayMap(p -> toString(p), outcome_prices) AS"
                    + " prices FROM default.api_markets_staging WHERE market_id = 'good'")
            .get(0);
    assertEquals(
        Map.of(
            "market_id",
            "good",
            "volume",
            "31565878.83617",
            "liquidity",
            "0.0000000001",
            "token_ids",
            List.of("8".repeat(78)),
            "clob_token_ids",
            List.of("7".repeat(78)),
            "prices",
            List.of("0.1000000000000000000001")),
        row);
    Map<String, String> unread = new LinkedHashMap<>();
    for (Map<String, Object> one :
        TestBed.sql(
            "SELECT market_id, mapKeys(unread)[1] AS field, mapValues(unread)[1] AS text"
                + " FROM default.api_markets_staging WHERE length(unread) = 1 AND NOT closed"
                + " AND volume IS NULL AND liquidity IS NULL AND end_date IS NULL"
                + " AND created_at IS NULL AND closed_at IS NULL AND empty(outcome_prices)"
                + " AND empty(outcomes)")) {
      assertEquals("side-" + one.get("field"), one.get("market_id"));
      unread.put((String) one.get("field"), (String) one.get("text"));
    }
    side.replaceAll((field, text) -> text.replace("\\", ""));
    assertEquals(side, unread);
  }
}
