package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a damaged source leaves out or makes up, in answers that look whole. */
class DamageTest {
  private static final SandboxOptions OPTIONS =
      new SandboxOptions()
          .limits(0)
          .conditions(800)
          .wallets(80)
          .fillsPerMarket(12)
          .blockSeconds(2000)
          .rpcLag(0)
          .rpc("unlimited");

  private static Sandbox sandbox;
  private static Client client;
  private static LogSources sources;
  private static long from;
  private static long to;
  private static List<String> whole;

  @BeforeAll
  static void start() throws Exception {
    sandbox = Sandbox.start(OPTIONS);
    client = new Client(sandbox);
    sources = new LogSources(client);
    to = sandbox.head() - 500;
    from = to - 999;
    whole = sources.node(from, to, "");
    assertTrue(whole.size() > 1000, "" + whole.size());
  }

  @AfterAll
  static void stop() {
    sandbox.close();
  }

  @AfterEach
  void mend() throws Exception {
    sandbox.clearFaults();
    assertEquals(whole, sources.node(from, to, ""), "nothing is left of it");
  }

  /** What each of the three sources gives of the range. */
  private static List<List<String>> three() throws Exception {
    return List.of(
        sources.node(from, to, ""),
        sources.portal(from, to),
        sources.hyperSync(from, to, new ArrayList<>()));
  }

  private static String place(String line) {
    String[] parts = line.split(" ");
    return parts[0] + ":" + parts[1];
  }

  @Test
  void oneNamedLog_isLeftOutOfEveryAnswer() throws Exception {
    String log = whole.get(whole.size() / 2);
    sandbox.fault("kind=drop-log,ids=" + place(log));
    List<String> expected = new ArrayList<>(whole);
    expected.remove(log);
    for (List<String> lines : three()) {
      assertEquals(expected, lines);
    }
  }

  @Test
  void aShareOfLogs_isLeftOut_alwaysTheSameOnes() throws Exception {
    sandbox.fault("kind=drop-log,share=0.01");
    List<String> node = sources.node(from, to, "");
    double left = (double) (whole.size() - node.size()) / whole.size();
    assertTrue(left > 0.002 && left < 0.03, "" + left);
    for (List<String> lines : three()) {
      assertEquals(node, lines);
    }
  }

  @Test
  void aBlock_isLeftOut() throws Exception {
    String block = whole.get(whole.size() / 2).split(" ")[0];
    sandbox.fault("kind=drop-block,source=sqd,ids=" + block);
    List<String> expected = whole.stream().filter(line -> !line.startsWith(block + " ")).toList();
    assertTrue(expected.size() < whole.size());
    assertEquals(expected, sources.portal(from, to));
    assertEquals(whole, sources.node(from, to, ""), "only the portal");
  }

  @Test
  void aLog_isGivenTwice() throws Exception {
    String log = whole.get(7);
    sandbox.fault("kind=twice,ids=" + place(log));
    for (List<String> lines : three()) {
      assertEquals(whole.size() + 1, lines.size());
      assertEquals(lines.get(7), lines.get(8));
      assertEquals(new HashSet<>(whole), new HashSet<>(lines));
    }
  }

  @Test
  void aStaleAnswer_isOfTheBlocksBefore() throws Exception {
    List<String> before = sources.node(from - 1000, from - 1, "");
    sandbox.fault("kind=stale,source=polygon");
    assertEquals(before, sources.node(from, to, ""));
  }

  @Test
  void aShortAnswer_endsInTheMiddle_andClaimsTheWhole() throws Exception {
    long middle = from + (to - from) / 2;
    List<String> half =
        whole.stream().filter(line -> Long.parseLong(line.split(" ")[0]) <= middle).toList();
    sandbox.fault("kind=short");
    assertEquals(half, sources.node(from, to, ""));
    JsonNode answer = sources.hyperSync(from, to + 1);
    assertEquals(to + 1, answer.get("next_block").asLong());
    assertEquals(half.size(), answer.at("/data/0/logs").size());
    assertEquals(0, sources.node(middle, middle, "").size());
  }

  private static JsonNode block(long number) throws Exception {
    return Json.read(
            client
                .post(
                    "/polygon",
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getBlockByNumber\",\"params\":[\""
                        + Polygon.hex(number)
                        + "\",false]}")
                .body())
        .get("result");
  }

  @Test
  void aReorganisation_changesHashesAndContents_behindTheCommonBlock() throws Exception {
    long common = sandbox.head() - 900;
    String[] hashes = {block(common).get("hash").asText(), block(common + 1).get("hash").asText()};
    sandbox.fault("kind=reorg,blocks=900");
    assertEquals(hashes[0], block(common).get("hash").asText());
    assertEquals(hashes[0], block(common + 1).get("parentHash").asText());
    assertNotEquals(hashes[1], block(common + 1).get("hash").asText());
    assertEquals(block(common + 1).get("hash"), block(common + 2).get("parentHash"));
    List<String> forked = sources.node(from, to, "");
    assertEquals(forked, sources.portal(from, to));
    List<String> kept =
        whole.stream().filter(line -> Long.parseLong(line.split(" ")[0]) <= common).toList();
    assertEquals(kept, forked.subList(0, kept.size()));
    assertTrue(forked.size() > kept.size());
    HashSet<String> same = new HashSet<>(forked);
    whole.subList(kept.size(), whole.size()).forEach(line -> assertFalse(same.contains(line)));
    HashSet<String> transactions = new HashSet<>();
    whole.forEach(line -> transactions.add(line.split(" ")[2]));
    forked.forEach(line -> assertTrue(transactions.contains(line.split(" ")[2]), line));
  }

  @Test
  void aNode_isBehind_isPruned_orTakesFewBlocks() throws Exception {
    sandbox.fault("kind=lag,source=polygon,blocks=600");
    assertTrue(block(sandbox.head() - 599).isNull());
    assertFalse(block(sandbox.head() - 600).isNull());
    sandbox.clearFaults();
    sandbox.fault("kind=pruned,source=polygon,blocks=1000");
    String body =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getLogs\",\"params\":[{\"fromBlock\":\""
            + Polygon.hex(from)
            + "\",\"toBlock\":\""
            + Polygon.hex(to)
            + "\"}]}";
    assertTrue(client.post("/polygon", body).body().contains("History has been pruned"));
    sandbox.clearFaults();
    sandbox.fault("kind=range-cap,source=polygon,blocks=50");
    assertTrue(client.post("/polygon", body).body().contains("exceed maximum block range: 50"));
    assertTrue(sources.node(from, from + 49, "").size() >= 0);
  }

  @Test
  void theDataApi_leavesATradeOut() throws Exception {
    Universe universe = new Universe(OPTIONS);
    int number = 700;
    while (universe.trades(number) < 4) {
      number++;
    }
    Market m = universe.market(number);
    String path =
        "/data-api/v2/trades?start=1&limit=1000&taker_only=false&condition=" + m.condition;
    int all = client.json(path).get("data").size();
    String hash = m.transaction(1);
    sandbox.fault("kind=drop-trade,source=data-api,ids=0x" + hash);
    JsonNode rows = client.json(path).get("data");
    assertEquals(all - m.legs(1).size(), rows.size());
    rows.forEach(row -> assertNotEquals("0x" + hash, row.get("transaction_hash").asText()));
  }

  @Test
  void aSubgraph_isBehindByDays() throws Exception {
    String query =
        "{_meta{block{number}} orderFilledEvents(first: 1, orderBy: timestamp, orderDirection:"
            + " desc){timestamp}}";
    JsonNode now = client.graphql(OrderbookSubgraph.PREFIX, query).get("data");
    sandbox.fault("kind=behind,source=goldsky,hours=240");
    JsonNode behind = client.graphql(OrderbookSubgraph.PREFIX, query).get("data");
    long cut = Universe.FREEZE - 240 * 3600;
    assertTrue(now.at("/orderFilledEvents/0/timestamp").asLong() > cut, "" + now);
    assertTrue(behind.at("/orderFilledEvents/0/timestamp").asLong() <= cut, "" + behind);
    assertEquals(
        240 * 3600 / 2000,
        now.at("/_meta/block/number").asLong() - behind.at("/_meta/block/number").asLong());
    assertTrue(resolved(true) > 0, "payouts of those days are not there yet");
    sandbox.clearFaults();
    assertEquals(0, resolved(false) - resolvedInTheEnd());
  }

  /** How many of the conditions that resolved in the subgraph's last ten days have no payouts. */
  private static long resolved(boolean missing) throws Exception {
    Universe universe = new Universe(OPTIONS);
    long count = 0;
    for (int i = 0; i < universe.size; i++) {
      if (universe.onGoldsky(i)
          && universe.resolved(i) > Universe.FREEZE - 240 * 3600
          && universe.resolved(i) <= Universe.FREEZE) {
        JsonNode payouts =
            client
                .graphql(
                    PositionsSubgraph.PREFIX,
                    "{condition(id: \"" + universe.conditionId(i) + "\"){payouts}}")
                .at("/data/condition/payouts");
        boolean none = payouts.isNull() || payouts.isEmpty();
        count += none == missing ? 1 : 0;
      }
    }
    return count;
  }

  private static long resolvedInTheEnd() {
    Universe universe = new Universe(OPTIONS);
    long count = 0;
    for (int i = 0; i < universe.size; i++) {
      count +=
          universe.onGoldsky(i)
                  && universe.resolved(i) > Universe.FREEZE - 240 * 3600
                  && universe.resolved(i) <= Universe.FREEZE
              ? 1
              : 0;
    }
    return count;
  }
}
