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

class GammaTest {
  private static Sandbox sandbox;
  private static Client client;
  private static List<JsonNode> truth;

  @BeforeAll
  static void start() throws Exception {
    sandbox = Sandbox.start(new SandboxOptions().limits(0).conditions(4000).wallets(100));
    client = new Client(sandbox);
    truth = new ArrayList<>();
    for (String line : client.get("/_sandbox/truth/markets").body().split("\n")) {
      truth.add(Json.read(line));
    }
  }

  @AfterAll
  static void stop() {
    sandbox.close();
  }

  private static List<JsonNode> walk(String filters) throws Exception {
    List<JsonNode> rows = new ArrayList<>();
    String cursor = "";
    while (true) {
      JsonNode page =
          client.json(
              "/gamma/markets/keyset?limit=500&"
                  + filters
                  + (cursor.isEmpty() ? "" : "&after_cursor=" + cursor));
      assertTrue(page.get("markets").size() <= 100, "limit is clamped");
      page.get("markets").forEach(rows::add);
      if (!page.has("next_cursor")) {
        return rows;
      }
      cursor = page.get("next_cursor").asText();
    }
  }

  @Test
  void bothWalks_giveEveryRow_someTwice() throws Exception {
    List<JsonNode> rows = walk("closed=true");
    int closed = rows.size();
    rows.addAll(walk("closed=false"));
    assertTrue(closed > 3500 && rows.size() > closed);
    TreeSet<String> met = new TreeSet<>();
    rows.forEach(row -> met.add(row.toString()));
    TreeSet<String> expected = new TreeSet<>();
    truth.forEach(row -> expected.add(row.toString()));
    assertEquals(expected, met);
    assertTrue(rows.size() > truth.size(), "pages repeat rows");
  }

  @Test
  void splitByEndDate_losesOnlyTheRowsWithoutOne() throws Exception {
    List<JsonNode> rows = walk("closed=true&end_date_max=2024-06-01T00:00:00Z");
    rows.addAll(walk("closed=true&end_date_min=2024-06-01T00:00:01Z"));
    TreeSet<String> met = new TreeSet<>();
    rows.forEach(row -> met.add(row.get("id").asText()));
    TreeSet<String> expected = new TreeSet<>();
    truth.stream()
        .filter(row -> row.get("closed").asBoolean() && row.has("endDate"))
        .forEach(row -> expected.add(row.get("id").asText()));
    assertEquals(expected, met);
    assertTrue(
        truth.stream().anyMatch(row -> row.get("closed").asBoolean() && !row.has("endDate")));
  }

  @Test
  void aWrongCursorName_givesPageOneForever() throws Exception {
    JsonNode first = client.json("/gamma/markets/keyset?closed=true");
    assertEquals(20, first.get("markets").size());
    String cursor = first.get("next_cursor").asText();
    assertEquals(
        first.get("markets"),
        client.json("/gamma/markets/keyset?closed=true&next_cursor=" + cursor).get("markets"));
    assertEquals(
        422,
        client.get("/gamma/markets/keyset?after_cursor=" + cursor).statusCode(),
        "filters must be sent again");
    assertEquals(
        422, client.get("/gamma/markets/keyset?closed=true&after_cursor=abc").statusCode());
    assertTrue(cursor.length() > 150);
  }

  @Test
  void offsetPaging_endsAtTwoThousand_andWarns() throws Exception {
    HttpResponse<String> beyond = client.get("/gamma/markets?closed=true&limit=100&offset=2001");
    assertEquals(422, beyond.statusCode());
    assertEquals(
        "{\"type\":\"validation error\",\"error\":\"offset too large, use /markets/keyset for"
            + " deeper pagination\"}",
        beyond.body());
    HttpResponse<String> last = client.get("/gamma/markets?closed=true&limit=500&offset=2000");
    assertEquals(100, Json.read(last.body()).size());
    assertEquals("true", last.headers().firstValue("deprecation").orElseThrow());
    assertEquals("public, max-age=300", last.headers().firstValue("cache-control").orElseThrow());
    assertTrue(client.json("/gamma/markets").get(0).get("closed").isBoolean());
    client
        .json("/gamma/markets?limit=100")
        .forEach(row -> assertTrue(!row.get("closed").asBoolean(), "closed is false by default"));
  }

  @Test
  void filtersAndErrors_areGammas() throws Exception {
    JsonNode some =
        truth.stream()
            .filter(
                r ->
                    r.has("clobTokenIds")
                        && r.get("closed").asBoolean()
                        && r.get("conditionId").asText().length() > 2)
            .findFirst()
            .get();
    String id = some.get("conditionId").asText();
    assertEquals(0, client.json("/gamma/markets?condition_ids=" + id).size(), "closed hides it");
    assertEquals(some, client.json("/gamma/markets?closed=true&condition_ids=" + id).get(0));
    assertEquals(
        some, client.json("/gamma/markets?closed=true&slug=" + some.get("slug").asText()).get(0));
    assertEquals(
        some,
        client
            .json(
                "/gamma/markets?closed=true&clob_token_ids="
                    + Json.read(some.get("clobTokenIds").asText()).get(0).asText())
            .get(0));
    assertEquals(
        20,
        client.json("/gamma/markets?closed=true&condition_id=" + id).size(),
        "an unknown parameter is ignored");
    assertEquals(some, client.json("/gamma/markets/" + some.get("id").asText()));
    assertEquals(
        "{\"type\":\"validation error\",\"error\":\"id is invalid\"}",
        client.get("/gamma/markets/" + id).body());
    assertEquals(422, client.get("/gamma/markets?order=volume_num").statusCode());
    StringBuilder query = new StringBuilder("/gamma/markets?closed=true");
    for (int i = 0; i < 60; i++) {
      query.append("&condition_ids=").append(id);
    }
    HttpResponse<String> blocked = client.get(query.toString());
    assertEquals(403, blocked.statusCode());
    assertTrue(blocked.body().startsWith("<!DOCTYPE html>"));
    double last = Double.MAX_VALUE;
    for (JsonNode row :
        client.json("/gamma/markets?closed=true&limit=100&order=volumeNum&ascending=false")) {
      assertTrue(row.get("volumeNum").asDouble() <= last);
      last = row.get("volumeNum").asDouble();
    }
  }

  @Test
  void rowsHaveTheOddities_thatRealOnesHave() {
    assertTrue(
        truth.stream().anyMatch(r -> !r.has("conditionId"))
            && truth.stream().anyMatch(r -> r.path("conditionId").asText("x").isEmpty()));
    assertTrue(truth.stream().anyMatch(r -> r.get("question").asText().contains("\n")));
    assertTrue(truth.stream().anyMatch(r -> r.get("question").asText().contains("\"")));
    assertTrue(truth.stream().anyMatch(r -> r.get("question").asText().contains("🚀")));
    assertTrue(truth.stream().anyMatch(r -> r.path("closedTime").asText().endsWith("+00")));
    assertTrue(
        truth.stream()
            .anyMatch(
                r -> r.get("version").asText().equals("v2") && r.get("positionIds").isArray()));
    assertTrue(truth.stream().anyMatch(r -> r.get("outcomePrices").asText().contains("0.99999")));
    JsonNode many =
        truth.stream()
            .filter(
                r -> r.get("outcomes").asText().split("\",\"").length > 3 && r.has("clobTokenIds"))
            .findFirst()
            .get();
    ConditionId id = ConditionId.parse(many.get("conditionId").asText());
    try {
      JsonNode tokens = Json.read(many.get("clobTokenIds").asText());
      assertEquals(
          new java.math.BigInteger(1, ConditionalTokens.token(id, 2, false)).toString(),
          tokens.get(1).asText());
      assertTrue(
          !new java.math.BigInteger(1, ConditionalTokens.token(id, 4, false))
              .toString()
              .equals(tokens.get(2).asText()),
          "wrong from the third outcome on");
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
