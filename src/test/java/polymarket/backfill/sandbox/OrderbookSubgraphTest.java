package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class OrderbookSubgraphTest {
  private static final String PATH = OrderbookSubgraph.PREFIX;
  private static final String ALL =
      "{id transactionHash timestamp orderHash maker taker makerAssetId takerAssetId "
          + "makerAmountFilled takerAmountFilled fee}";
  private static Sandbox sandbox;
  private static Client client;
  private static List<JsonNode> conditions;

  @BeforeAll
  static void start() throws Exception {
    sandbox = Sandbox.start(new SandboxOptions().limits(0).conditions(2000).wallets(200));
    client = new Client(sandbox);
    conditions = lines("/_sandbox/truth/conditions", "");
  }

  @AfterAll
  static void stop() {
    sandbox.close();
  }

  static List<JsonNode> lines(String path, String body) throws Exception {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : client.post(path, body).body().split("\n")) {
      if (!line.isEmpty()) {
        lines.add(Json.read(line));
      }
    }
    return lines;
  }

  private static List<JsonNode> side(String filter, String tokens) throws Exception {
    List<JsonNode> rows = new ArrayList<>();
    String last = "";
    while (true) {
      JsonNode page =
          client
              .graphql(
                  PATH,
                  "{orderFilledEvents(first: 1000, orderBy: id, where:{"
                      + filter
                      + "_in: "
                      + tokens
                      + ", id_gt: \""
                      + last
                      + "\"})"
                      + ALL
                      + "}")
              .at("/data/orderFilledEvents");
      page.forEach(rows::add);
      if (page.size() < 1000) {
        return rows;
      }
      last = rows.get(rows.size() - 1).get("id").asText();
    }
  }

  @Test
  void bothSidesTogether_giveEveryFillOnce_untilTheFreeze() throws Exception {
    List<JsonNode> some = conditions.subList(1150, 1250);
    String tokens =
        some.stream()
            .flatMap(
                c -> {
                  List<String> ids = new ArrayList<>();
                  c.get("token_ids").forEach(t -> ids.add(t.asText()));
                  return ids.stream();
                })
            .collect(Collectors.joining("\",\"", "[\"", "\"]"));
    String ids =
        some.stream().map(c -> c.get("condition_id").asText()).collect(Collectors.joining("\n"));
    List<JsonNode> rows = side("makerAssetId", tokens);
    int sells = rows.size();
    rows.addAll(side("takerAssetId", tokens));
    assertTrue(sells > 500 && rows.size() > 2 * sells, sells + " of " + rows.size());
    TreeSet<String> met = new TreeSet<>();
    for (JsonNode row : rows) {
      assertTrue(met.add(line(row)), "met twice: " + row);
    }
    TreeSet<String> expected = new TreeSet<>();
    for (JsonNode fill : lines("/_sandbox/truth/fills", ids)) {
      if (fill.get("on_goldsky").asBoolean()) {
        boolean buy = fill.get("side").asText().equals("BUY");
        String token = fill.get("token_id").asText();
        expected.add(
            fill.get("id").asText()
                + " "
                + fill.get("timestamp").asText()
                + " "
                + fill.get("maker").asText()
                + " "
                + fill.get("taker").asText()
                + " "
                + (buy ? "0 " + token : token + " 0")
                + " "
                + (buy
                    ? fill.get("cost").asText() + " " + fill.get("size").asText()
                    : fill.get("size").asText() + " " + fill.get("cost").asText())
                + " "
                + fill.get("fee").asText());
      }
    }
    assertEquals(expected, met);
    assertTrue(
        rows.stream()
            .anyMatch(
                r -> r.get("taker").asText().equals("0x4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e")));
  }

  private static String line(JsonNode row) {
    return row.get("id").asText()
        + " "
        + row.get("timestamp").textValue()
        + " "
        + row.get("maker").asText()
        + " "
        + row.get("taker").asText()
        + " "
        + row.get("makerAssetId").textValue()
        + " "
        + row.get("takerAssetId").textValue()
        + " "
        + row.get("makerAmountFilled").textValue()
        + " "
        + row.get("takerAmountFilled").textValue()
        + " "
        + row.get("fee").textValue();
  }

  @Test
  void pageDefaultsAndBounds_areGraphNodes() throws Exception {
    String token = conditions.get(1200).get("token_ids").get(0).asText();
    String where = "where:{takerAssetId: \"" + token + "\"}";
    assertEquals(
        100,
        client
            .graphql(PATH, "{orderFilledEvents(" + where + "){id}}")
            .at("/data/orderFilledEvents")
            .size());
    JsonNode skipped =
        client
            .graphql(
                PATH,
                "{a: orderFilledEvents(first: 3, "
                    + where
                    + "){id} b: orderFilledEvents(first: 1, skip: 2, "
                    + where
                    + "){id}}")
            .get("data");
    assertEquals(skipped.at("/a/2/id"), skipped.at("/b/0/id"));
    assertTrue(
        client
            .graphql(PATH, "{orderFilledEvents(skip: 5001){id}}")
            .at("/errors/0/message")
            .asText()
            .contains("between 0 and 5000"));
    JsonNode late =
        client
            .graphql(
                PATH,
                "{orderFilledEvents(first: 2, orderBy: timestamp, orderDirection: desc,"
                    + " where:{takerAssetId: \""
                    + token
                    + "\", timestamp_lt: \"1700000000\"}){timestamp}}")
            .at("/data/orderFilledEvents");
    late.forEach(row -> assertTrue(row.get("timestamp").asLong() < 1_700_000_000L));
  }

  @Test
  void fiftyInTenSeconds_holdForBothSubgraphsTogether() throws Exception {
    try (Sandbox limited = Sandbox.start(new SandboxOptions().conditions(20).wallets(10))) {
      Client both = new Client(limited);
      int refused = 0;
      for (int i = 0; i < 52; i++) {
        refused +=
            both.post(
                            i % 2 == 0 ? PATH : PositionsSubgraph.PREFIX,
                            "{\"query\":\"{_meta{block{number}}}\"}")
                        .statusCode()
                    == 429
                ? 1
                : 0;
      }
      assertEquals(2, refused);
    }
  }
}
