package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class DataApiTest {
  private static Sandbox sandbox;
  private static Client client;
  private static Universe universe;

  @BeforeAll
  static void start() throws Exception {
    SandboxOptions options =
        new SandboxOptions().limits(0).conditions(12_500).wallets(300).fillsPerMarket(12);
    sandbox = Sandbox.start(options);
    client = new Client(sandbox);
    universe = new Universe(options);
  }

  @AfterAll
  static void stop() {
    sandbox.close();
  }

  private static List<JsonNode> walk(String path) throws Exception {
    List<JsonNode> rows = new ArrayList<>();
    String cursor = "";
    TreeSet<String> cursors = new TreeSet<>();
    while (true) {
      JsonNode page =
          client.json("/data-api" + path + (cursor.isEmpty() ? "" : "&cursor=" + cursor));
      page.get("data").forEach(rows::add);
      JsonNode next = page.at("/pagination/next_cursor");
      assertEquals(!next.isNull(), page.at("/pagination/has_more").asBoolean());
      if (next.isNull()) {
        return rows;
      }
      cursor = next.asText();
      assertTrue(cursors.add(cursor), "a cursor came back");
    }
  }

  private static List<JsonNode> truth(String name, String body) throws Exception {
    List<JsonNode> rows = new ArrayList<>();
    for (String line : client.post("/_sandbox/truth/" + name, body).body().split("\n")) {
      if (!line.isEmpty()) {
        rows.add(Json.read(line));
      }
    }
    return rows;
  }

  private static TreeSet<String> strings(List<JsonNode> rows) {
    TreeSet<String> all = new TreeSet<>();
    rows.forEach(row -> assertTrue(all.add(row.toString()), "twice: " + row));
    return all;
  }

  @Test
  void walkWithoutDustFloor_andArchived_givesEveryOpenPosition() throws Exception {
    for (int w : new int[] {1, 2, 10, 20, 30}) {
      String user = universe.wallets.address(w);
      List<JsonNode> open =
          walk("/v2/positions?limit=1000&filter_amount=0&include_archived=true&user=" + user);
      List<JsonNode> closed = walk("/v2/positions?limit=1000&status=CLOSED&user=" + user);
      List<JsonNode> truth = truth("positions", user);
      assertEquals(
          strings(truth.stream().filter(p -> p.get("status").asText().equals("OPEN")).toList()),
          strings(open));
      assertEquals(
          strings(truth.stream().filter(p -> p.get("status").asText().equals("CLOSED")).toList()),
          strings(closed));
    }
    String large = universe.wallets.address(1);
    int all =
        walk("/v2/positions?limit=1000&filterAmount=0&includeArchived=true&user=" + large).size();
    int dustless = walk("/v2/positions?limit=1000&include_archived=true&user=" + large).size();
    int fresh = walk("/v2/positions?limit=1000&filter_amount=0&user=" + large).size();
    assertTrue(all > 2000 && dustless < all && fresh < all, all + " " + dustless + " " + fresh);
  }

  @Test
  void wrongUse_isAnErrorInTheEnvelopeOfErrors() throws Exception {
    String user = universe.wallets.address(1);
    for (String query :
        List.of("?limit=1001&user=" + user, "?offset=0&user=" + user, "", "?user=0x12")) {
      HttpResponse<String> answer = client.get("/data-api/v2/positions" + query);
      assertEquals(400, answer.statusCode(), query);
      JsonNode body = Json.read(answer.body());
      assertEquals("invalid_request", body.get("code").asText());
      assertTrue(
          !body.get("retryable").asBoolean() && body.has("trace_id") && body.has("parameter"));
      assertTrue(answer.headers().firstValue("x-trace-id").isPresent());
    }
    String cursor =
        client
            .json("/data-api/v2/positions?limit=2&user=" + user)
            .at("/pagination/next_cursor")
            .asText();
    assertEquals(
        400,
        client.get("/data-api/v2/positions?limit=2&cursor=" + cursor).statusCode(),
        "a bare cursor");
    assertEquals(
        400,
        client
            .get(
                "/data-api/v2/positions?limit=2&user="
                    + universe.wallets.address(2)
                    + "&cursor="
                    + cursor)
            .statusCode());
    assertEquals(
        400,
        client
            .get("/data-api/v2/positions?limit=2&user=" + user + "&cursor=x" + cursor.substring(1))
            .statusCode());
    assertEquals(
        200,
        client
            .get("/data-api/v2/positions?limit=2&user=" + user + "&cursor=" + cursor)
            .statusCode());
  }

  @Test
  void unknownWallet_isEmptyNullOrNotFound() throws Exception {
    TreeSet<String> seen = new TreeSet<>();
    for (int i = 0; i < 40; i++) {
      HttpResponse<String> answer = client.get("/data-api/v2/positions?user=0x" + Mix.hex(i, 20));
      seen.add(
          answer.statusCode() == 404
              ? "404 " + Json.read(answer.body()).get("code").asText()
              : Json.read(answer.body()).get("data").toString());
    }
    assertEquals("[404 not_found, [], null]", seen.toString());
  }

  @Test
  void versionOne_hidesSmallPositions_andEndsAtTenThousand() throws Exception {
    String whale = universe.wallets.address(0);
    int all =
        (int)
            truth("positions", whale).stream()
                .filter(p -> p.get("status").asText().equals("OPEN"))
                .count();
    assertTrue(all > 10_500, "open positions " + all);
    assertEquals(
        500,
        client
            .json("/data-api/positions?sizeThreshold=0&limit=500&offset=10000&user=" + whale)
            .size());
    HttpResponse<String> beyond =
        client.get("/data-api/positions?sizeThreshold=0&limit=500&offset=10001&user=" + whale);
    assertEquals(400, beyond.statusCode());
    String user = universe.wallets.address(2);
    int shown = 0;
    int total = 0;
    for (int offset = 0; offset <= 10_000; offset += 500) {
      int size =
          client.json("/data-api/positions?limit=500&offset=" + offset + "&user=" + user).size();
      shown += size;
      total +=
          client
              .json(
                  "/data-api/positions?sizeThreshold=0&limit=500&offset="
                      + offset
                      + "&user="
                      + user)
              .size();
      if (size == 0) {
        break;
      }
    }
    assertTrue(shown < total, shown + " of " + total);
    assertEquals(100, client.json("/data-api/positions?user=" + user).size());
    assertEquals(400, client.get("/data-api/positions").statusCode());
    sandbox.fault("kind=error-200,source=data-api,count=1");
    assertEquals(
        "{\"error\":\"Too Many Requests\"}", client.get("/data-api/positions?user=" + user).body());
    sandbox.clearFaults();
  }

  @Test
  void tradesOfCondition_areAllThere_withStartOne_takersAndMakers() throws Exception {
    Market market = universe.market(7500);
    assertTrue(market.trades > 1000);
    List<JsonNode> rows =
        walk("/v2/trades?limit=700&start=1&taker_only=false&condition=" + market.condition);
    List<JsonNode> truth = truth("fills", market.condition.hex());
    List<String> expected = new ArrayList<>();
    for (JsonNode fill : truth) {
      expected.add(
          fill.get("transaction_hash").asText()
              + fill.get("maker").asText()
              + fill.get("side").asText()
              + fill.get("token_id").asText()
              + Position.millionths(fill.get("size").asLong())
              + fill.get("timestamp").asText());
    }
    List<String> met = new ArrayList<>();
    long last = Long.MAX_VALUE;
    for (JsonNode row : rows) {
      met.add(
          row.get("transaction_hash").asText()
              + row.get("proxy_wallet").asText()
              + row.get("side").asText()
              + row.get("token_id").asText()
              + row.get("size")
              + row.get("timestamp").asText());
      assertTrue(row.get("timestamp").asLong() <= last, "newest first");
      last = row.get("timestamp").asLong();
    }
    java.util.Collections.sort(expected);
    java.util.Collections.sort(met);
    assertEquals(expected, met);
    long takers =
        truth.stream()
            .filter(fill -> fill.get("taker_order").asBoolean() && !fill.get("alone").asBoolean())
            .count();
    assertEquals(
        takers, walk("/v2/trades?limit=1000&start=1&condition=" + market.condition).size());
    Market old = universe.market(100);
    assertTrue(
        old.trades > 0 && walk("/v2/trades?condition=" + old.condition).isEmpty(),
        "start left out is three years");
    assertEquals(old.trades, walk("/v2/trades?start=1&condition=" + old.condition).size());
  }

  @Test
  void tradesAndActivityOfWallet_areItsOwn() throws Exception {
    String user = universe.wallets.address(10);
    List<JsonNode> trades = walk("/v2/trades?limit=50&start=1&taker_only=false&user=" + user);
    assertTrue(trades.size() > 5);
    trades.forEach(row -> assertEquals(user, row.get("proxy_wallet").asText()));
    assertEquals(trades.size(), walk("/v2/activity?limit=1000&start=1&user=" + user).size());
    assertEquals(
        Math.min(100, trades.size()),
        client.json("/data-api/trades?takerOnly=false&user=" + user).size());
    assertEquals(400, client.get("/data-api/trades?offset=10001&market=0x12").statusCode());
  }

  @Test
  void resolutions_areInPartsPerMillion_orPending() throws Exception {
    int resolved = 0;
    int pending = 0;
    for (int from = 0; from < 400; from += 20) {
      StringBuilder query = new StringBuilder();
      for (int i = from; i < from + 20; i++) {
        query.append(i > from ? "," : "").append(universe.conditionId(i));
      }
      for (JsonNode row : client.json("/data-api/v2/resolutions?condition=" + query).get("data")) {
        if (row.get("status").asText().equals("resolved")) {
          long sum = 0;
          for (JsonNode part : row.get("payouts")) {
            sum += part.asLong();
          }
          assertEquals(1_000_000, sum, 3);
          resolved++;
        } else {
          assertEquals("69", row.get("price").textValue());
          assertTrue(row.get("last_update_timestamp").isTextual() && !row.has("payouts"));
          pending++;
        }
      }
    }
    assertTrue(resolved > 350 && pending > 5, resolved + " " + pending);
  }
}
