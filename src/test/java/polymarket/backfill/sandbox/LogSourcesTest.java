package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The node, the portal and HyperSync over one chain. */
class LogSourcesTest {
  private static final SandboxOptions OPTIONS =
      new SandboxOptions()
          .limits(0)
          .conditions(800)
          .wallets(80)
          .fillsPerMarket(12)
          .blockSeconds(2000)
          .rpc("unlimited");

  private static Sandbox sandbox;
  private static Client client;
  private static LogSources sources;
  private static long from;
  private static long to;

  @BeforeAll
  static void start() throws Exception {
    sandbox = Sandbox.start(OPTIONS);
    client = new Client(sandbox);
    sources = new LogSources(client);
    Universe universe = new Universe(OPTIONS);
    // both sides of the change of exchanges
    from = Universe.FREEZE_BLOCK - 900;
    to = from + 1500;
    assertTrue(to < universe.headBlock());
  }

  @AfterAll
  static void stop() {
    sandbox.close();
  }

  @AfterEach
  void reset() {
    sandbox.clearFaults();
    sandbox.head(new Universe(OPTIONS).headBlock());
  }

  private static List<JsonNode> truth(String name) throws Exception {
    List<JsonNode> rows = new ArrayList<>();
    for (String line : sandbox.truth().lines(name, "")) {
      rows.add(Json.read(line));
    }
    return rows;
  }

  @Test
  void allThree_giveTheSameLogs_theTruths_inTheChainsOrder() throws Exception {
    List<String> truth = new ArrayList<>();
    for (JsonNode log : truth("logs?address=all&from=" + from + "&to=" + to)) {
      truth.add(LogSources.line(log));
    }
    assertTrue(truth.size() > 1500, "" + truth.size());
    assertEquals(truth, sources.node(from, to, ""));
    assertEquals(truth, sources.portal(from, to));
    assertEquals(truth, sources.hyperSync(from, to, new ArrayList<>()));
  }

  @Test
  void theSameSeed_givesTheSameChain_andAnotherSeedAnother() {
    List<List<String>> chains = new ArrayList<>();
    for (long seed : new long[] {1, 1, 2}) {
      List<String> lines = new ArrayList<>();
      Universe universe = new Universe(new SandboxOptions().seed(seed).conditions(200).wallets(40));
      new Economy(universe)
          .write(
              universe.blockOf(universe.created(100)),
              universe.blockOf(universe.created(102)),
              new LogOut((address, topic) -> true, false, log -> lines.add(log.data())));
      chains.add(lines);
    }
    assertTrue(chains.get(0).size() > 100, "" + chains.get(0).size());
    assertEquals(chains.get(0), chains.get(1));
    assertNotEquals(chains.get(0), chains.get(2));
  }

  @Test
  void logsOfOtherContractsWithTheSameTopics_standAmongTheOthers_andMeanNothing() throws Exception {
    List<String> foreign =
        sources.node(from, to, "").stream()
            .filter(
                line -> line.contains(Contracts.TWIN) || line.contains(Contracts.FOREIGN_TOKENS))
            .toList();
    assertFalse(foreign.isEmpty());
    TreeMap<String, String> rows = new TreeMap<>();
    for (JsonNode row : truth("chain?from=" + from + "&to=" + to)) {
      rows.put(row.get("block").asLong() + " " + row.get("log_index").asLong() + " ", "" + row);
    }
    for (String line : foreign) {
      String[] parts = line.split(" ");
      assertFalse(rows.containsKey(parts[0] + " " + parts[1] + " "), line);
    }
  }

  @Test
  void aFilterOfAddressesAndTopics_isUnderstoodByAll() throws Exception {
    String exchange = Contracts.EXCHANGE_V1;
    String topic = ChainEvents.FILLED_V1.topic0;
    List<String> wanted = new ArrayList<>();
    for (String line : sources.node(from, to, "")) {
      if (line.contains(" " + exchange + " [\"" + topic)) {
        wanted.add(line);
      }
    }
    assertTrue(wanted.size() > 50, "" + wanted.size());
    String filter = "\"address\":[\"" + exchange + "\"]";
    assertEquals(
        wanted, sources.node(from, to, "," + filter + ",\"topics\":[[\"" + topic + "\"]]"));
    String body =
        LogSources.query(from, to, "")
            .replace("{}", "{" + filter + ",\"topic0\":[\"" + topic + "\"]}");
    int met = 0;
    for (String line : sources.portal("stream", body).body().split("\n")) {
      met += Json.read(line).path("logs").size();
    }
    assertTrue(met > wanted.size() / 2 && met <= wanted.size(), met + " of " + wanted.size());
    assertEquals(
        400, sources.portal("stream", body.replace("0x4bfb", "0x4BFB")).statusCode(), "case");
  }

  @Test
  void thePortalsAnswers_haveItsStatusesAndShapes() throws Exception {
    JsonNode head = client.json("/sqd/datasets/polygon-mainnet/finalized-head");
    long finalized = head.get("number").asLong();
    assertTrue(finalized < sandbox.head() && head.get("hash").asText().length() == 66);
    HttpResponse<String> none =
        sources.portal("finalized-stream", LogSources.query(finalized + 1, finalized + 9, ""));
    assertEquals(204, none.statusCode());
    assertEquals("", none.body());
    HttpResponse<String> some =
        sources.portal("finalized-stream", LogSources.query(finalized - 40, finalized + 9, ""));
    String[] lines = some.body().split("\n");
    long last = Json.read(lines[lines.length - 1]).at("/header/number").asLong();
    assertTrue(last <= finalized && last >= finalized - 40 + 25, "covers its blocks: " + last);
    String first =
        client.json("/sqd/datasets/polygon-mainnet/head").get("number").asLong() - 5 + "";
    HttpResponse<String> conflict =
        sources.portal(
            "stream",
            LogSources.query(Long.parseLong(first), sandbox.head(), "")
                .replace("\"type\"", "\"parentBlockHash\":\"0x12\",\"type\""));
    assertEquals(409, conflict.statusCode());
    JsonNode previous = Json.read(conflict.body()).get("previousBlocks");
    String parent = previous.get(previous.size() - 1).get("hash").asText();
    assertEquals(
        200,
        sources
            .portal(
                "stream",
                LogSources.query(Long.parseLong(first), sandbox.head(), "")
                    .replace("\"type\"", "\"parentBlockHash\":\"" + parent + "\",\"type\""))
            .statusCode());
    assertTrue(sources.portal("stream", "{\"type\":\"evm\"}").body().startsWith("Bad request: "));
    assertEquals(404, client.post("/sqd/datasets/none/stream", "{}").statusCode());
    sandbox.fault("kind=503,source=sqd,count=1");
    assertTrue(
        sources
            .portal("stream", LogSources.query(from, to, ""))
            .body()
            .startsWith("All query attempts failed, last error: "));
    String all =
        sources.portal("stream", LogSources.query(from, from, ",\"includeAllBlocks\":true")).body();
    assertEquals(from, Json.read(all.split("\n")[0]).at("/header/number").asLong());
  }

  @Test
  void aPortalsStreamThatBreaks_isNoWholeAnswer() throws Exception {
    sandbox.fault("kind=cut-connection,source=sqd,count=1");
    assertThrows(IOException.class, () -> sources.portal("stream", LogSources.query(from, to, "")));
    sandbox.fault("kind=cut-json,source=sqd,count=1");
    String[] cut = sources.portal("stream", LogSources.query(from, to, "")).body().split("\n");
    assertThrows(JsonProcessingException.class, () -> Json.read(cut[cut.length - 1]));
  }

  @Test
  void twentyInTenSeconds_isThePortalsLimit() throws Exception {
    try (Sandbox limited = Sandbox.start(new SandboxOptions().conditions(50).wallets(10))) {
      Client other = new Client(limited);
      for (int k = 0; k < 20; k++) {
        assertEquals(200, other.get("/sqd/datasets/polygon-mainnet/head").statusCode());
      }
      HttpResponse<String> refused = other.get("/sqd/datasets/polygon-mainnet/head");
      assertEquals(429, refused.statusCode());
      assertTrue(refused.headers().firstValue("Retry-After").isPresent());
    }
  }

  @Test
  void hyperSync_needsItsToken_andGuardsEveryAnswer() throws Exception {
    HttpResponse<String> refused = client.post("/hypersync/query", "{\"from_block\":1}");
    assertEquals(403, refused.statusCode());
    assertTrue(refused.body().contains("Your token does not have access to this product"));
    assertEquals(sandbox.head(), client.json("/hypersync/height").get("height").asLong());
    List<JsonNode> answers = new ArrayList<>();
    long middle = (from + to) / 2;
    sources.hyperSync(from, middle, answers);
    sources.hyperSync(middle + 1, to, answers);
    for (int k = 1; k < answers.size(); k++) {
      assertEquals(
          answers.get(k - 1).at("/rollback_guard/hash"),
          answers.get(k).at("/rollback_guard/first_parent_hash"));
      assertEquals(
          answers.get(k - 1).get("next_block"),
          answers.get(k).at("/rollback_guard/first_block_number"));
    }
    JsonNode block = answers.get(0).at("/data/0/blocks/0");
    assertTrue(block.get("number").isNumber() && block.get("timestamp").asText().startsWith("0x"));
    sandbox.fault("kind=range-cap,source=hypersync,blocks=100");
    assertEquals(
        413,
        client
            .post(
                "/hypersync/query",
                "{\"from_block\":" + from + ",\"to_block\":" + to + "}",
                "Bearer " + HyperSync.TOKEN)
            .statusCode());
  }

  @Test
  void theChainGrows_asTheHeadIsMoved() throws Exception {
    sandbox.head(to - 100);
    assertEquals(to - 100, client.json("/hypersync/height").get("height").asLong());
    assertEquals(204, sources.portal("stream", LogSources.query(to - 99, to, "")).statusCode());
    List<String> before = sources.node(to - 200, to, "");
    assertEquals(200, client.post("/_sandbox/head", "{\"block\":" + (to - 50) + "}").statusCode());
    List<String> after = sources.node(to - 200, to, "");
    assertTrue(after.size() > before.size());
    assertEquals(before, after.subList(0, before.size()));
    assertEquals(400, client.post("/_sandbox/head", "{\"block\":999999999}").statusCode());
  }

  @Test
  void receiptsAndBalances_areTheChains() throws Exception {
    String log = sources.node(from, to, "").get(0);
    String hash = log.split(" ")[2];
    JsonNode receipt = rpc("eth_getTransactionReceipt", "[\"" + hash + "\"]");
    assertEquals(log, LogSources.line(receipt.get("logs").get(0)));
    assertTrue(rpc("eth_getTransactionReceipt", "[\"0x" + "12".repeat(32) + "\"]").isNull());
    TreeMap<String, Long> owners = new TreeMap<>();
    List<JsonNode> balances = truth("balances?block=" + to);
    for (int k = 0; k < balances.size(); k += balances.size() / 5) {
      JsonNode balance = balances.get(k);
      String token =
          String.format("%064x", new java.math.BigInteger(balance.get("token_id").asText()));
      String owner = "0".repeat(24) + balance.get("owner").asText().substring(2);
      JsonNode answer = balanceOf(Contracts.CTF, "0x00fdd58e" + owner + token);
      assertEquals(
          balance.get("amount").asLong(), Long.parseLong(answer.asText().substring(2), 16));
      owners.put(owner, 1L);
    }
    for (JsonNode held : truth("custodians?block=" + to)) {
      if (held.get("owner").asText().equals(Contracts.CTF)) {
        JsonNode answer =
            balanceOf(
                held.get("token").asText(),
                "0x70a08231" + "0".repeat(24) + Contracts.CTF.substring(2));
        assertEquals(held.get("amount").asLong(), Long.parseLong(answer.asText().substring(2), 16));
      }
    }
  }

  private static JsonNode balanceOf(String to_, String data) throws Exception {
    return rpc(
        "eth_call",
        "[{\"to\":\"" + to_ + "\",\"data\":\"" + data + "\"},\"" + Polygon.hex(to) + "\"]");
  }

  private static JsonNode rpc(String method, String params) throws Exception {
    return Json.read(
            client
                .post(
                    "/polygon",
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\""
                        + method
                        + "\",\"params\":"
                        + params
                        + "}")
                .body())
        .get("result");
  }

  @Test
  void theTruthsRows_standAtTheirLogs() throws Exception {
    TreeMap<String, String> logs = new TreeMap<>();
    for (String line : sources.node(from, to, "")) {
      String[] parts = line.split(" ");
      logs.put(parts[0] + " " + parts[1], line);
    }
    TreeMap<String, Integer> kinds = new TreeMap<>();
    for (JsonNode row : truth("chain?from=" + from + "&to=" + to)) {
      String log = logs.get(row.get("block").asLong() + " " + row.get("log_index").asLong());
      assertTrue(log != null && log.contains(row.get("tx").asText()), "" + row);
      kinds.merge(row.get("kind").asText(), 1, Integer::sum);
      if (row.get("kind").asText().equals("fills")) {
        assertTrue(log.contains(row.get("order_hash").asText()));
        assertTrue(log.contains(row.get("owner").asText().substring(2)));
      }
    }
    assertTrue(
        kinds.keySet().containsAll(List.of("collateral", "fills", "lifecycle", "transfers")));
    assertEquals(kinds.get("fills"), truth("chain?kind=fills&from=" + from + "&to=" + to).size());
    assertEquals(9, truth("eras").size());
    assertNotEquals(0, truth("chain?kind=amm").size());
  }
}
