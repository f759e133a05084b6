package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigInteger;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class PolygonTest {
  /** A short chain: 79,000 blocks for the five years. */
  private static final SandboxOptions OPTIONS =
      new SandboxOptions()
          .limits(0)
          .conditions(1500)
          .wallets(100)
          .blockSeconds(2000)
          .rpc("unlimited");

  private static Sandbox sandbox;
  private static Client client;
  private static Universe universe;

  @BeforeAll
  static void start() throws Exception {
    sandbox = Sandbox.start(OPTIONS);
    client = new Client(sandbox);
    universe = new Universe(OPTIONS);
  }

  @AfterAll
  static void stop() {
    sandbox.close();
  }

  private static JsonNode call(String method, String params) throws Exception {
    return Json.read(
        client
            .post(
                "/polygon",
                "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\""
                    + method
                    + "\",\"params\":"
                    + params
                    + "}")
            .body());
  }

  private static JsonNode logs(long from, long to, String more) throws Exception {
    return call(
        "eth_getLogs",
        "[{\"address\":\""
            + Polygon.CONTRACT
            + "\",\"fromBlock\":\""
            + Polygon.hex(from)
            + "\",\"toBlock\":\""
            + Polygon.hex(to)
            + "\""
            + more
            + "}]");
  }

  @Test
  void preparationsAndResolutions_ofTheWholeChain_areTheUniverse() throws Exception {
    long head = universe.headBlock();
    Map<String, JsonNode> prepared = new HashMap<>();
    Map<String, JsonNode> resolved = new HashMap<>();
    for (JsonNode log :
        logs(
                head - 90_000,
                head,
                ",\"topics\":[[\"" + Polygon.PREPARATION + "\",\"" + Polygon.RESOLUTION + "\"]]")
            .get("result")) {
      if (!log.get("removed").asBoolean()) {
        (log.at("/topics/0").asText().equals(Polygon.PREPARATION) ? prepared : resolved)
            .put(log.at("/topics/1").asText(), log);
      }
    }
    int version1 = 0;
    int answers = 0;
    for (int i = 0; i < universe.size; i++) {
      if (universe.isVersion2(i)) {
        continue;
      }
      Market m = universe.market(i);
      boolean settled = m.created < universe.now - 20_000;
      JsonNode log = prepared.get(m.condition.toString());
      assertTrue(log != null || !settled);
      if (log != null) {
        version1++;
        assertEquals(
            m.condition.toString(),
            ConditionalTokens.conditionId(
                    "0x" + log.at("/topics/2").asText().substring(26),
                    java.util.HexFormat.of().parseHex(log.at("/topics/3").asText().substring(2)),
                    Integer.parseInt(log.get("data").asText().substring(2), 16))
                .toString());
      }
      long[] payout = universe.chainPayout(i, m.condition);
      JsonNode answer = resolved.get(m.condition.toString());
      if (payout != null && m.resolved < universe.now - 20_000) {
        answers++;
        String data = answer.get("data").asText().substring(2);
        for (int o = 0; o < payout.length; o++) {
          assertEquals(
              BigInteger.valueOf(payout[o]),
              new BigInteger(data.substring((3 + o) * 64, (4 + o) * 64), 16));
        }
      }
    }
    assertTrue(version1 > 1400 && answers > 1200, version1 + " " + answers);
  }

  @Test
  void anyCutOfTheRange_givesTheSameLogs_uniqueByBlockAndIndex() throws Exception {
    long from = universe.blockOf(universe.created(700));
    long to = from + 1200;
    TreeSet<String> whole = new TreeSet<>();
    logs(from, to, "").get("result").forEach(log -> add(whole, log));
    TreeSet<String> parts = new TreeSet<>();
    for (long at = from; at <= to; at += 100) {
      logs(at, Math.min(to, at + 99), "").get("result").forEach(log -> add(parts, log));
    }
    TreeSet<String> truth = new TreeSet<>();
    for (String line :
        client.get("/_sandbox/truth/logs?from=" + from + "&to=" + to).body().split("\n")) {
      add(truth, Json.read(line));
    }
    assertTrue(whole.size() > 500);
    assertEquals(whole, parts);
    assertEquals(truth, whole);
  }

  private static void add(TreeSet<String> all, JsonNode log) {
    if (!log.get("removed").asBoolean()) {
      assertTrue(
          all.add(
              log.get("blockNumber").asText()
                  + " "
                  + log.get("logIndex").asText()
                  + " "
                  + log.get("transactionHash").asText()
                  + log.get("topics")
                  + log.get("data").asText()));
    }
  }

  @Test
  void removedLogs_occur_andBlockTimesAreNotAlwaysThere() throws Exception {
    long from = universe.blockOf(universe.created(300));
    int removed = 0;
    int timed = 0;
    int untimed = 0;
    for (int k = 0; k < 4; k++) {
      for (JsonNode log : logs(from, from + 3000, "").get("result")) {
        removed += log.get("removed").asBoolean() ? 1 : 0;
        timed += log.has("blockTimestamp") ? 1 : 0;
        untimed += log.has("blockTimestamp") ? 0 : 1;
      }
    }
    assertTrue(removed > 0 && timed > 0 && untimed > 0, removed + " " + timed + " " + untimed);
  }

  @Test
  void transfersMoveWhatWasTraded_withTheTradesTransactions() throws Exception {
    Market m = universe.market(701);
    assertTrue(m.trades > 0);
    Map<String, Long> wanted = new HashMap<>();
    for (Market.Leg leg : m.legs(0)) {
      wanted.put(
          universe.tokens.hex(m, leg.outcome()) + m.address(leg.wallet()).substring(2),
          leg.size() - m.feeShares(0, leg));
    }
    long block = universe.blockOf(m.time(0));
    Map<String, Long> met = new HashMap<>();
    for (JsonNode log :
        logs(block, block, ",\"topics\":[\"" + Polygon.SINGLE + "\"]").get("result")) {
      if (log.get("transactionHash").asText().equals("0x" + m.transaction(0))
          && !log.get("removed").asBoolean()) {
        String token = log.get("data").asText().substring(2, 66);
        long amount = Long.parseLong(log.get("data").asText().substring(66), 16);
        met.merge(token + log.at("/topics/3").asText().substring(26), amount, Long::sum);
        met.merge(token + log.at("/topics/2").asText().substring(26), -amount, Long::sum);
      }
    }
    met.keySet().removeIf(key -> !wanted.containsKey(key));
    assertEquals(wanted, met);
  }

  @Test
  void batches_areAnsweredOutOfOrder_andOneCallCanFailAlone() throws Exception {
    StringBuilder body = new StringBuilder("[");
    for (int id = 0; id < 20; id++) {
      body.append(id > 0 ? "," : "")
          .append("{\"jsonrpc\":\"2.0\",\"id\":")
          .append(id)
          .append(",\"method\":\"")
          .append(id == 5 ? "eth_nothing" : "eth_blockNumber")
          .append("\",\"params\":[]}");
    }
    JsonNode answers = Json.read(client.post("/polygon", body.append(']').toString()).body());
    List<Integer> ids = new ArrayList<>();
    TreeSet<String> heads = new TreeSet<>();
    for (JsonNode answer : answers) {
      ids.add(answer.get("id").asInt());
      assertEquals(answer.get("id").asInt() == 5, answer.has("error"));
      heads.add(answer.path("result").asText());
    }
    assertTrue(ids.size() == 20 && new TreeSet<>(ids).size() == 20 && ids.get(0) != 0);
    assertTrue(
        heads.contains(Polygon.hex(universe.headBlock()))
            && heads.contains(Polygon.hex(universe.headBlock() - 8)),
        "a node is behind");
  }

  @Test
  void blocksHaveTheTimesOfTheTrades() throws Exception {
    Market m = universe.market(900);
    JsonNode block =
        call("eth_getBlockByNumber", "[\"" + Polygon.hex(universe.blockOf(m.time(0))) + "\",false]")
            .get("result");
    assertEquals(m.time(0), Long.parseLong(block.get("timestamp").asText().substring(2), 16));
    assertEquals("0x89", call("eth_chainId", "[]").get("result").asText());
    assertTrue(
        call("eth_getBlockByNumber", "[\"" + Polygon.hex(universe.headBlock() + 1) + "\",false]")
            .get("result")
            .isNull());
  }

  @Test
  void everyProvidersRefusal_hasItsOwnShape() throws Exception {
    try (Sandbox other =
        Sandbox.start(
            new SandboxOptions()
                .limits(0)
                .conditions(1500)
                .wallets(100)
                .blockSeconds(2000)
                .rpc("free"))) {
      Client c = new Client(other);
      String wide =
          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getLogs\",\"params\":[{\"fromBlock\":\""
              + Polygon.hex(universe.headBlock() - 60_000)
              + "\",\"toBlock\":\""
              + Polygon.hex(universe.headBlock() - 20)
              + "\"}]}";
      HttpResponse<String> free = c.post("/polygon", wide);
      assertEquals(400, free.statusCode());
      assertEquals(-32600, Json.read(free.body()).at("/error/code").asInt());
      assertTrue(free.body().contains("up to a 10 block range"));
      assertEquals(200, c.post("/polygon", "[" + wide + "]").statusCode());
      other.rpc("payg");
      JsonNode size = Json.read(c.post("/polygon", wide).body());
      assertEquals(-32602, size.at("/error/code").asInt());
      String[] range =
          size.at("/error/message").asText().replaceAll(".*\\[0x|\\]", "").split(", 0x");
      assertTrue(Long.parseLong(range[1], 16) > Long.parseLong(range[0], 16));
      other.rpc("infura");
      JsonNode infura = Json.read(c.post("/polygon", wide).body());
      assertEquals(-32005, infura.at("/error/code").asInt());
      assertEquals(10_000, infura.at("/error/data/limit").asInt());
      c.post("/_sandbox/rpc", "{\"style\":\"publicnode\"}");
      assertTrue(c.post("/polygon", wide).body().contains("exceed maximum block range: 10000"));
      other.rpc("quicknode");
      assertEquals(413, c.post("/polygon", wide).statusCode());
    }
  }

  @Test
  void limitCountsCalls_notRequests() throws Exception {
    try (Sandbox limited = Sandbox.start(new SandboxOptions().conditions(50).wallets(10))) {
      Client c = new Client(limited);
      String hundred =
          "["
              + "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\"},".repeat(99)
              + "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"eth_chainId\"}]";
      for (int k = 0; k < 3; k++) {
        assertEquals(200, c.post("/polygon", hundred).statusCode());
      }
      HttpResponse<String> refused =
          c.post("/polygon", "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"eth_chainId\"}");
      assertEquals(429, refused.statusCode());
      assertEquals(429, Json.read(refused.body()).at("/error/code").asInt());
      assertEquals(301, c.json("/_sandbox/stats").at("/sources/polygon/calls").asInt());
    }
  }
}
