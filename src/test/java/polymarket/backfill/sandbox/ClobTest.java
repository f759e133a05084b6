package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ClobTest {
  private static Sandbox sandbox;
  private static Client client;
  private static List<JsonNode> pages;

  @BeforeAll
  static void start() throws Exception {
    sandbox =
        Sandbox.start(
            new SandboxOptions().limits(0).conditions(6000).wallets(100).fillsPerMarket(10));
    client = new Client(sandbox);
    pages = new ArrayList<>();
    String cursor = "MA==";
    while (!cursor.equals("LTE=")) {
      pages.add(client.json("/clob/markets?next_cursor=" + cursor));
      cursor = pages.get(pages.size() - 1).get("next_cursor").asText();
      assertTrue(pages.size() < 20);
    }
  }

  @AfterAll
  static void stop() {
    sandbox.close();
  }

  @Test
  void walk_meetsEveryMarket_amongBlanksRepeatsAndStalePages() throws Exception {
    List<JsonNode> rows = new ArrayList<>();
    int stale = 0;
    for (int p = 0; p < pages.size(); p++) {
      pages.get(p).get("data").forEach(rows::add);
      stale += p > 0 && pages.get(p).get("data").equals(pages.get(p - 1).get("data")) ? 1 : 0;
    }
    assertEquals(2, stale, "pages that bring nothing new");
    int blank = 0;
    TreeSet<String> met = new TreeSet<>();
    int repeated = 0;
    for (JsonNode row : rows.subList(0, 3000)) {
      if (row.get("condition_id").asText().isEmpty()) {
        blank++;
      } else {
        repeated += met.add(row.get("condition_id").asText()) ? 0 : 1;
      }
    }
    assertTrue(blank > 100 && repeated > 0, blank + " " + repeated);
    rows.forEach(row -> met.add(row.get("condition_id").asText()));
    met.remove("");
    Map<String, JsonNode> truth = truth();
    TreeSet<String> expected = new TreeSet<>();
    truth.forEach(
        (id, row) -> {
          if (row.get("on_clob").asBoolean()) {
            expected.add("0x" + id);
          }
        });
    assertEquals(expected, met);
    int right = 0;
    int wrong = 0;
    for (JsonNode row : rows) {
      JsonNode t = truth.get(row.get("condition_id").asText().replace("0x", ""));
      if (t != null && !row.at("/tokens/0/token_id").asText().isEmpty()) {
        boolean same =
            row.at("/tokens/0/token_id").equals(t.at("/token_ids/0"))
                && row.at("/tokens/1/token_id").equals(t.at("/token_ids/1"))
                && row.get("market_slug").equals(t.get("slug"));
        assertEquals(t.get("clob_conflict").asText().equals("none"), same, t.toString());
        right += same ? 1 : 0;
        wrong += same ? 0 : 1;
      }
    }
    assertTrue(right > 5000 && wrong > 20, right + " " + wrong);
  }

  private static Map<String, JsonNode> truth() throws Exception {
    Map<String, JsonNode> truth = new HashMap<>();
    for (String line : client.get("/_sandbox/truth/conditions").body().split("\n")) {
      JsonNode row = Json.read(line);
      truth.put(row.get("condition_id").asText(), row);
    }
    return truth;
  }

  @Test
  void cursorIsOpaque_andAMalformedOneRestarts() throws Exception {
    assertEquals(pages.get(0), client.json("/clob/markets"));
    assertEquals(pages.get(0), client.json("/clob/markets?next_cursor=nonsense!"));
    assertEquals(1000, client.json("/clob/markets?limit=5").get("data").size(), "limit is ignored");
    JsonNode end = client.json("/clob/markets?next_cursor=LTE=");
    assertEquals(0, end.get("data").size());
    assertEquals("LTE=", end.get("next_cursor").asText());
    JsonNode row = pages.get(0).get("data").get(0);
    assertEquals(row, client.json("/clob/markets/" + row.get("condition_id").asText()));
    assertEquals(404, client.get("/clob/markets/0x12").statusCode());
  }

  @Test
  void signature_isThatOfTheDocumentedVector() {
    assertEquals(
        "ZwAdJKvoYRlEKDkNMwd5BuwNNtg93kNaR_oU2HrfVvc=",
        ClobTrades.signature(
            ClobTrades.SECRET, "1000000", "test-sign", "/orders", "{\"hash\": \"0x123\"}"));
  }

  @Test
  void ownTrades_needASignature_andComeInPages() throws Exception {
    assertEquals(401, client.get("/clob/data/trades").statusCode());
    assertEquals(
        "{\"error\":\"Unauthorized/Invalid api key\"}", client.get("/clob/data/trades").body());
    String[] headers = {
      "POLY_ADDRESS",
      sandbox.clobAddress(),
      "POLY_API_KEY",
      ClobTrades.API_KEY,
      "POLY_PASSPHRASE",
      ClobTrades.PASSPHRASE,
      "POLY_TIMESTAMP",
      "1795000000",
      "POLY_SIGNATURE",
      ClobTrades.signature(ClobTrades.SECRET, "1795000000", "GET", "/data/trades", "")
    };
    List<String> met = new ArrayList<>();
    String cursor = "MA==";
    while (!cursor.equals("LTE=")) {
      JsonNode page =
          Json.read(client.get("/clob/data/trades?next_cursor=" + cursor, headers).body());
      page.get("data").forEach(row -> met.add(row.toString()));
      cursor = page.get("next_cursor").asText();
    }
    assertEquals(List.of(client.get("/_sandbox/truth/own-trades").body().split("\n")), met);
    assertTrue(met.size() > 500);
    headers[9] = headers[9].replace('A', 'B') + "x";
    assertEquals(401, client.get("/clob/data/trades", headers).statusCode());
  }
}
