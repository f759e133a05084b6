package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.apache.camel.Exchange;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.DefaultExchange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Shared;
import polymarket.backfill.source.NotYetException;
import polymarket.backfill.source.RpcCalls;
import polymarket.backfill.source.SourceException;

/** What the answers of a JSON-RPC node mean. */
class RpcNodeTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  private static Map<String, Object> error(Object id, int code, String message) {
    Map<String, Object> answer = result(id, null);
    answer.remove("result");
    answer.put("error", Map.of("code", code, "message", message));
    return answer;
  }

  private static Map<String, Object> result(Object id, Object result) {
    Map<String, Object> answer = new HashMap<>();
    answer.put("jsonrpc", "2.0");
    answer.put("id", id);
    answer.put("result", result);
    return answer;
  }

  /** A node: what it answers to the calls of one request. */
  private interface Node {
    Object answer(List<Map<String, Object>> calls);
  }

  /** A page of blocks 100 to 399, with two filters. */
  private static NodePage page() {
    return page(100, 399);
  }

  private static NodePage page(long first, long last) {
    return new NodePage(
        new RpcCalls.Limit(),
        new LogPage("polygon", "", List.of("transfers"), first, last, last),
        List.of(
            new ChainContracts.Filter(List.of("0x1"), List.of("0x2")),
            new ChainContracts.Filter(List.of(), List.of("0x3"))),
        new PageWidth(300, 1 << 20));
  }

  /** Asks as the route does, until no call is left. */
  private static NodePage ask(NodePage page, Node node) throws SourceException {
    for (int i = 0; page.isMore(); i++) {
      assertTrue(i < 100, "it asks for ever");
      page.take(bytes(node.answer(page.next())));
    }
    return page;
  }

  private static byte[] bytes(Object answer) {
    try {
      return JSON.writeValueAsBytes(answer);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  private static void loop(RpcNode node, RpcCalls calls, Node answers) throws SourceException {
    for (int i = 0; calls.isMore(); i++) {
      assertTrue(i < 100, "it asks for ever");
      node.take(calls, answers.answer(calls.next()));
    }
  }

  /** The given answers to the calls of these ids; an empty list of logs to all others. */
  private static Node node(List<Object> answers) {
    return calls -> {
      List<Object> mine = new ArrayList<>();
      for (Map<String, Object> call : calls) {
        mine.add(
            answers.stream()
                .filter(answer -> call.get("id").equals(((Map<?, ?>) answer).get("id")))
                .findFirst()
                .orElseGet(() -> result(call.get("id"), List.of())));
      }
      Collections.reverse(mine);
      return mine;
    };
  }

  private static long width(Map<String, Object> call) {
    Map<?, ?> filter = (Map<?, ?>) ((Object[]) call.get("params"))[0];
    return RpcCalls.number(filter.get("toBlock")) - RpcCalls.number(filter.get("fromBlock")) + 1;
  }

  /** A node that answers each call for logs on its own, and has block 512 as its newest. */
  private static Node each(Function<Map<String, Object>, Object> logs) {
    return calls ->
        calls.stream()
            .map(
                call ->
                    switch ((String) call.get("method")) {
                      case "eth_blockNumber" -> result(call.get("id"), "0x200");
                      case "eth_getBlockByNumber" ->
                          result(call.get("id"), Map.of("timestamp", "0x6553f10a"));
                      default -> logs.apply(call);
                    })
            .toList();
  }

  private static boolean isWide(Map<String, Object> call) {
    return width(call) > 10;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-32614 eth_getLogs is limited to a 5 range",
        "-32614 eth_getLogs is limited to a 10,000 range",
        "-32614 whatever it says",
        "-32701 exceed maximum block range: 10000",
        "-32000 eth_getLogs and eth_newFilter are limited to a 10,000 blocks range",
        "-32005 query returned more than 10000 results",
        "-32005 query exceeds max results 20000, retry with the range 1-2",
        "-32000 block range is too wide",
        "-32000 logs matched by query exceeds limit of 10000",
        "-32002 query timeout exceeded",
        "-32000 too many blocks requested",
        "-32602 Response size is larger than 150MB limit.",
        "-32000 response is too big"
      })
  void whateverANodeSaysOfATooWideRange_narrowerOnesAreAskedFor(String said)
      throws SourceException {
    int code = Integer.parseInt(said.split(" ", 2)[0]);
    String message = said.split(" ", 2)[1];
    NodePage page =
        ask(
            page(),
            each(
                call ->
                    isWide(call)
                        ? error(call.get("id"), code, message)
                        : result(call.get("id"), List.of())));
    assertEquals(108, page.page().last());
  }

  @Test
  void recordedErrors_areAnAnswerToTheCalls_orASourceToWaitFor() throws Exception {
    String seen = "";
    for (JsonNode error : JSON.readTree(Shared.recorded("errors.json").toFile()).get("errors")) {
      if (error.path("source").asText().matches("alchemy|infura")) {
        seen += status(500, error.get("body").toString()) + " ";
      }
    }
    assertEquals(3, seen.split("200", -1).length - 1, seen);
    assertEquals(2, seen.split("429", -1).length - 1, seen);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "500 | {\"id\":null,\"error\":{\"code\":31,\"message\":\"3 calls in a batch\"}} | 200",
        "400 | [{\"id\":\"a\",\"error\":{\"code\":-32600,\"message\":\"no\"}}] | 200",
        "413 | <html>Payload Too Large</html> | 200",
        "413 | | 200",
        "400 | Bad Request | 200",
        "500 | Internal Server Error | 500",
        "502 | <html>too many requests \"error\"</html> | 502",
        "401 | {\"error\":{\"code\":-32000,\"message\":\"Must be authenticated!\"}} | 401",
        "403 | {\"error\":{\"code\":429,\"message\":\"too many requests\"}} | 429",
        "200 | {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"block range\"} | 200"
      })
  void anHttpStatus_saysWhoseFaultItIs(int status, String body, int counts) throws Exception {
    assertEquals(counts, status(status, body));
  }

  private static int status(int status, String body) throws Exception {
    try (DefaultCamelContext context = new DefaultCamelContext()) {
      Exchange exchange = new DefaultExchange(context);
      exchange.getMessage().setBody(body);
      exchange.getMessage().setHeader(Exchange.HTTP_RESPONSE_CODE, status);
      new RpcNode().status(exchange);
      return exchange.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE, Integer.class);
    }
  }

  // ---- whatever its words are

  @ParameterizedTest
  @ValueSource(strings = {"Request timeout on the free tier", "nope", "beyond current head block"})
  void aRefusalThatNarrowerRangesDoNotGet_isOneOfWidth(String said) throws SourceException {
    NodePage page =
        ask(
            page(),
            each(
                call ->
                    isWide(call)
                        ? error(call.get("id"), -32000, said)
                        : result(call.get("id"), List.of())));
    assertEquals(108, page.page().last());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "block range extends beyond current head block | true",
        "One of the blocks specified in filter (fromBlock, toBlock or blockHash) cannot be found |"
            + " true",
        "header not found | true",
        "Unknown block | true",
        "toBlock is greater than the latest block | true",
        "the sequencer is taking a nap | false"
      })
  void aRefusalThatNarrowerRangesGetToo_isWaitedFor_andNothingIsNarrowed(
      String said, boolean busy) {
    NodePage page = page();
    SourceException failure =
        assertThrows(
            SourceException.class,
            () -> ask(page, each(call -> error(call.get("id"), -32012, said))));
    assertEquals(busy, failure.busy(), failure.getMessage());
    assertEquals(!busy, failure instanceof NotYetException);
    assertEquals(399, page.page().last());
  }

  @Test
  void aRangeThatWasRefusedOnce_andIsAnswered_isNotNarrowed() throws SourceException {
    Set<Object> refused = new HashSet<>();
    NodePage page =
        ask(
            page(),
            each(
                call ->
                    isWide(call) && refused.add(call.get("id"))
                        ? error(call.get("id"), -32603, "Internal error")
                        : result(call.get("id"), List.of())));
    assertEquals(399, page.page().last());
    // two filters, each asked once more because no log came
    assertEquals(4, refused.size(), refused.toString());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void aNodeThatTakesFewCallsInARequest_isAskedForFew_andItsLimitIsLearnt(int most)
      throws SourceException {
    RpcNode node = new RpcNode();
    List<Integer> sizes = new ArrayList<>();
    Node answers =
        calls -> {
          sizes.add(calls.size());
          return calls.size() > most
              ? error(null, 31, "no more than " + most + " calls in a batch on this tier")
              : node(List.of()).answer(calls);
        };
    for (int round = 0; round < 3; round++) {
      RpcCalls calls = four(node);
      sizes.clear();
      loop(node, calls, answers);
      for (int i = 0; i < 4; i++) {
        assertEquals(List.of(), calls.result(i));
      }
    }
    assertTrue(sizes.stream().allMatch(size -> size <= most), sizes.toString());
  }

  private static RpcCalls four(RpcNode node) {
    return node.group(
        List.of(0, 1, 2, 3).stream().map(id -> RpcCalls.call(id, "eth_getLogs")).toList());
  }

  @Test
  void aRequestThatFailedOnce_doesNotMakeAllOthersSmaller() throws SourceException {
    RpcNode node = new RpcNode();
    int[] requests = new int[1];
    for (int round = 0; round < 10; round++) {
      boolean fails = round % 3 == 0;
      requests[0] = 0;
      loop(
          node,
          four(node),
          calls ->
              requests[0]++ == 0 && fails
                  ? error(null, -32603, "Internal error")
                  : node(List.of()).answer(calls));
      assertEquals(fails ? 3 : 1, requests[0], "round " + round);
    }
  }

  @Test
  void aNullForLogs_isNoAnswer() {
    SourceException failure =
        assertThrows(
            SourceException.class, () -> ask(page(), each(call -> result(call.get("id"), null))));
    assertTrue(failure.getMessage().contains("the result is null"), failure.getMessage());
  }

  @Test
  void quantities_areHexDigits_orDecimalOnes_orNumbers() {
    assertEquals(1_700_000_000L, RpcCalls.number("0x6553f100"));
    assertEquals(1_700_000_000L, RpcCalls.number("1700000000"));
    assertEquals(1_700_000_000L, RpcCalls.number(1_700_000_000));
    for (Object none : new Object[] {null, "", "0x", "soon", List.of()}) {
      assertEquals(null, RpcCalls.number(none));
    }
  }

  @Test
  void aNodeThatIsBehindTheRange_isWaitedFor_andNothingIsTaken() {
    SourceException behind =
        assertThrows(
            SourceException.class, () -> ask(page(), node(List.of(result("head", "0x18e")))));
    assertTrue(behind.busy());
    assertTrue(
        behind.getMessage().contains("398") && behind.getMessage().contains("399"),
        behind.getMessage());
    assertThrows(
        SourceException.class,
        () -> ask(page(), node(List.of(error("head", -32603, "Internal error")))),
        "which does not say where it is");
    assertTrue(
        assertThrows(
                SourceException.class,
                () ->
                    ask(
                        page(),
                        calls ->
                            calls.stream()
                                .map(
                                    call ->
                                        call.get("id").equals("head")
                                            ? result("head", "0x18e")
                                            : error(call.get("id"), -32000, "not like this"))
                                .toList()))
            .busy(),
        "whatever it says of a block that it does not have");
  }

  @Test
  void aThrottle_inOneCallOfMany_isOneOfTheSource() {
    assertTrue(
        assertThrows(
                SourceException.class,
                () ->
                    ask(
                        page(),
                        node(
                            List.of(
                                result("head", "0x200"),
                                error(
                                    "logs 1 399",
                                    429,
                                    "Your app has exceeded its compute units per second"
                                        + " capacity.")))))
            .busy());
  }

  @Test
  void aSingleBlockThatIsTooLarge_isNotNarrowed() {
    assertThrows(
        SourceException.class,
        () ->
            ask(
                page(5, 5),
                each(
                    call ->
                        error(call.get("id"), -32005, "query returned more than 10000 results"))));
  }

  @Test
  void theLastBlockToAskFor_isBehindTheOldestNodesNewest() throws SourceException {
    List<Object> answers = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      answers.add(result("head" + i, i == 5 ? "0x3e8" : "0x7d0"));
    }
    for (long width : List.of(10_000L, 2_000L, 1_000L, 100L)) {
      answers.add(error("width" + width, -32600, "up to a 10 block range"));
    }
    for (long width : List.of(10L, 5L, 1L)) {
      answers.add(result("width" + width, List.of()));
    }
    RpcNode node = new RpcNode();
    RpcCalls calls = node.reach("0x1");
    loop(node, calls, node(answers));
    assertEquals(Map.of("last", 980L, "widest", 10L), node.reached(calls, 20));
  }

  /** A resolution in block 150, as nodes give it; without a time where it is null. */
  private static Map<String, Object> resolution(Object time) {
    String word = "0".repeat(63);
    Map<String, Object> log = new HashMap<>();
    log.put("address", "0x4d97dcd97ec945f40cf65f87097ace5ea0476045");
    log.put(
        "topics",
        List.of(
            "0xb44d84d3289691f71497564b85d4233648d9dbae8cbdbb4329f301c3a0185894",
            "0xa6d544024ed0b1de9e0cd6c0327a7c18a872e5875f40ceafb61937bccd43f248",
            "0x" + "0".repeat(24) + "65070be91477460d8a7aeeb94ef92fe056c2f2a7",
            "0x432ea6aab86e58e5413a12dc5b66a40cd5dfc82d85aec8ea006016008c565ded"));
    log.put(
        "data", "0x" + word + "2" + "0".repeat(62) + "40" + word + "2" + word + "1" + word + "0");
    log.put("blockNumber", "0x96");
    log.put("transactionHash", "0x" + "ab".repeat(32));
    log.put("logIndex", "0x5");
    if (time != null) {
      log.put("blockTimestamp", time);
    }
    return log;
  }

  /** The lines of a node whose log and block say these times; counts the calls for its block. */
  private static String lines(Object inLog, Object inBlock, int[] asked) throws SourceException {
    Node node =
        each(
            call ->
                result(
                    call.get("id"),
                    call.get("id").equals("logs 0 399") ? List.of(resolution(inLog)) : List.of()));
    NodePage page =
        ask(
            page(),
            calls -> {
              List<Object> answers = new ArrayList<>((List<?>) node.answer(calls));
              for (int i = 0; i < calls.size(); i++) {
                if (calls.get(i).get("id").equals("block 150")) {
                  asked[0]++;
                  Map<String, Object> block = new HashMap<>();
                  block.put("timestamp", inBlock);
                  answers.set(i, result("block 150", block));
                }
              }
              return answers;
            });
    return new String(page.lines(), StandardCharsets.UTF_8);
  }

  @Test
  void timesOfBlocks_areHexDigits_orDecimalOnes_orNumbers() throws SourceException {
    for (Object time : new Object[] {"0X6553F100", "1700000000", 1_700_000_000}) {
      int[] asked = {0};
      String lines = lines(time, "0x1", asked);
      assertTrue(lines.contains("\"backfill_time\":\"0x6553f100\""), lines);
      assertEquals(0, asked[0], "asked for the block although its time is there: " + time);
      lines = lines(null, time, asked);
      assertTrue(lines.contains("\"backfill_time\":\"0x6553f100\""), lines);
    }
    int[] asked = {0};
    assertFalse(lines("0x6553f100", "0x1", asked).contains("backfill_time"), "as it came");
    assertEquals(0, asked[0]);
  }

  @Test
  void aTimeThatCannotBe_isOneThatIsAbsent_andTheBlockIsAskedFor() throws SourceException {
    long future = java.time.Instant.now().getEpochSecond() + 200_000;
    for (Object none :
        new Object[] {
          null, "", "0x0", 0, "0", -5, "soon", 1_500_000_000, future, "" + future, List.of()
        }) {
      int[] asked = {0};
      String lines = lines(none, "0x6553f10a", asked);
      assertTrue(lines.contains("\"backfill_time\":\"0x6553f10a\""), none + ": " + lines);
      assertEquals(1, asked[0], "" + none);
    }
    SourceException refused = assertThrows(SourceException.class, () -> lines(0, null, new int[1]));
    assertTrue(refused.getMessage().contains("the time of block 150"), refused.getMessage());
  }

  @Test
  void aLogOfABlockThatWasNotAskedFor_isNoAnswer() {
    Map<String, Object> log = resolution("0x6553f100");
    log.put("blockNumber", "0xffffff");
    SourceException refused =
        assertThrows(
            SourceException.class,
            () ->
                ask(
                    page(),
                    node(List.of(result("head", "0x200"), result("logs 0 399", List.of(log))))));
    assertTrue(refused.getMessage().contains("block 16777215"), refused.getMessage());
  }

  @Test
  void aNodeThatDoesNotFilter_givesEachLogOnce() throws SourceException {
    NodePage page =
        ask(page(), each(call -> result(call.get("id"), List.of(resolution("0x6553f100")))));
    assertEquals(1, page.count());
    assertEquals(1, new String(page.lines(), StandardCharsets.UTF_8).lines().count());
  }
}
