package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Field names and JSON types of the sandbox are among those of recorded answers. */
class ShapesTest {
  private static Sandbox sandbox;
  private static Client client;
  private static Universe universe;

  @BeforeAll
  static void start() throws Exception {
    SandboxOptions options = new SandboxOptions().limits(0).conditions(1500).wallets(100);
    sandbox = Sandbox.start(options);
    client = new Client(sandbox);
    universe = new Universe(options);
  }

  @AfterAll
  static void stop() {
    sandbox.close();
  }

  private static Map<String, TreeSet<String>> shape(Iterable<JsonNode> rows) {
    Map<String, TreeSet<String>> shape = new TreeMap<>();
    for (JsonNode row : rows) {
      row.properties()
          .forEach(
              field ->
                  shape
                      .computeIfAbsent(field.getKey(), k -> new TreeSet<>())
                      .add(field.getValue().getNodeType().name()));
    }
    return shape;
  }

  /**
   * Every field of ours is a recorded one with a recorded type; where all is set, every recorded
   * one is ours.
   */
  private static void compare(
      Iterable<JsonNode> recorded, Iterable<JsonNode> ours, boolean all, String... extra) {
    Map<String, TreeSet<String>> theirs = shape(recorded);
    Map<String, TreeSet<String>> own = shape(ours);
    for (String name : extra) {
      own.remove(name);
    }
    assertTrue(!own.isEmpty());
    own.forEach(
        (name, types) -> {
          assertTrue(theirs.containsKey(name), "not a recorded field: " + name);
          assertTrue(
              theirs.get(name).containsAll(types),
              name + " is " + types + ", recorded " + theirs.get(name));
        });
    if (all) {
      assertEquals(theirs.keySet(), own.keySet());
    }
  }

  private static JsonNode recorded(String name) throws Exception {
    JsonNode node = Json.read(Recorded.text(name));
    return node.has("data") ? node.get("data") : node;
  }

  @Test
  void gammaRows() throws Exception {
    var rows = Json.MAPPER.createArrayNode();
    for (String line : client.get("/_sandbox/truth/markets").body().split("\n")) {
      rows.add(Json.read(line));
    }
    var recorded = Json.MAPPER.createArrayNode();
    recorded(("gamma/markets-600-closed-and-open-2026-02.json")).forEach(recorded::add);
    recorded(("gamma/markets-100-active.json")).forEach(recorded::add);
    compare(recorded, rows, false, "version", "positionIds");
  }

  @Test
  void positionsOfBothVersions() throws Exception {
    String user = universe.wallets.address(0);
    compare(
        recorded("data-api/v2-positions-open.json"),
        client.json("/data-api/v2/positions?user=" + user).get("data"),
        true);
    compare(
        recorded("data-api/v2-positions-closed.json"),
        client.json("/data-api/v2/positions?status=CLOSED&user=" + user).get("data"),
        true);
    compare(
        recorded("data-api/v1-positions-2.json"),
        client.json("/data-api/positions?user=" + user),
        true);
  }

  @Test
  void tradesAndActivityOfBothVersions() throws Exception {
    String user = universe.wallets.address(0);
    compare(
        recorded("data-api/v2-trades.json"),
        client.json("/data-api/v2/trades?user=" + user).get("data"),
        true);
    compare(
        recorded("data-api/v2-activity.json"),
        client.json("/data-api/v2/activity?user=" + user).get("data"),
        true);
    compare(
        recorded("data-api/v1-trades-100.json"),
        client.json("/data-api/trades?user=" + user),
        true);
    compare(
        recorded("data-api/v1-activity-50.json"),
        client.json("/data-api/activity?user=" + user),
        true);
  }

  @Test
  void resolutionsResolvedAndPending() throws Exception {
    var resolved = Json.MAPPER.createArrayNode();
    var pending = Json.MAPPER.createArrayNode();
    for (int i = 0; i < 200; i++) {
      for (JsonNode row :
          client
              .json("/data-api/v2/resolutions?condition=" + universe.conditionId(i))
              .get("data")) {
        (row.get("status").asText().equals("resolved") ? resolved : pending).add(row);
      }
    }
    compare(recorded("data-api/v2-resolutions.json"), resolved, true);
    compare(recorded("data-api/v2-resolutions-pending.json"), pending, true);
  }

  @Test
  void orderFilledEvents() throws Exception {
    JsonNode rows =
        client
            .graphql(OrderbookSubgraph.PREFIX, "{orderFilledEvents{id transactionHash timestamp}}")
            .at("/data/orderFilledEvents");
    compare(
        recorded("goldsky/goldsky_orderFilledEvents_partial.json").get("orderFilledEvents"),
        rows,
        true);
    assertEquals(133, rows.get(0).get("id").asText().length());
  }

  @Test
  void clobRowsAndTheirTokens() throws Exception {
    JsonNode page = client.json("/clob/markets");
    JsonNode recorded = Json.read(Recorded.text("clob/markets-page-100.json"));
    var names = new TreeSet<String>();
    recorded.fieldNames().forEachRemaining(names::add);
    var own = new TreeSet<String>();
    page.fieldNames().forEachRemaining(own::add);
    assertEquals(names, own);
    var rows = Json.MAPPER.createArrayNode();
    recorded.get("data").forEach(rows::add);
    Json.read(Recorded.text("clob/sampling-markets-page1.json")).get("data").forEach(rows::add);
    compare(rows, page.get("data"), true);
    var theirs = Json.MAPPER.createArrayNode();
    rows.forEach(row -> row.get("tokens").forEach(theirs::add));
    var ours = Json.MAPPER.createArrayNode();
    page.get("data").forEach(row -> row.get("tokens").forEach(ours::add));
    compare(theirs, ours, true);
  }

  @Test
  void polygonLogs() throws Exception {
    long head = universe.headBlock();
    JsonNode logs =
        Json.read(
                client
                    .post(
                        "/polygon",
                        "{\"id\":1,\"method\":\"eth_getLogs\",\"params\":[{\"fromBlock\":\""
                            + Polygon.hex(head - 40_000_000)
                            + "\",\"toBlock\":\""
                            + Polygon.hex(head - 39_998_001)
                            + "\"}]}")
                    .body())
            .get("result");
    assertTrue(logs.size() > 0);
    compare(
        Json.read(Recorded.text("polygon/ctf-logs-7.json")),
        logs,
        false,
        "blockHash",
        "transactionIndex");
    for (JsonNode recorded : Json.read(Recorded.text("polygon/ctf-logs-7.json"))) {
      for (JsonNode own : logs) {
        if (own.at("/topics/0").equals(recorded.at("/topics/0"))) {
          assertEquals(recorded.get("topics").size(), own.get("topics").size());
          assertEquals(
              recorded.get("data").asText().length(),
              own.get("data").asText().length(),
              own.at("/topics/0").asText());
        }
      }
    }
  }

  @Test
  void errorBodies() throws Exception {
    assertEquals(
        recorded("goldsky/goldsky_parse_error.json").at("/errors/0/message").asText(),
        client
            .graphql(PositionsSubgraph.PREFIX, "{conditions(where: {id_in: ['a']}) {id}}")
            .at("/errors/0/message")
            .asText());
    for (JsonNode error : Json.read(Recorded.text("errors.json")).get("errors")) {
      if (error.path("source").asText().equals("data-v2") && error.path("status").asInt() == 400) {
        JsonNode own =
            Json.read(
                client
                    .get("/data-api/v2/positions?offset=1&user=" + universe.wallets.address(0))
                    .body());
        assertEquals(shape(java.util.List.of(error.get("body"))), shape(java.util.List.of(own)));
      }
    }
  }
}
