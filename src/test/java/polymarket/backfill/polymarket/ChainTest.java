package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.camel.Exchange;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.DefaultExchange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Shared;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.source.NotYetException;
import polymarket.backfill.source.RefusalException;
import polymarket.backfill.source.RpcCalls;
import polymarket.backfill.source.SourceException;

/** What the answers of a JSON-RPC node mean. */
class ChainTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String A = Ranges.id(100, 199);
  private static final String B = Ranges.id(200, 299);
  private static final String C = Ranges.id(300, 399);

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

  /** Asks as the route does, until no call is left. */
  private static Chain.Scan ask(BatchWork batch, Node node) throws SourceException {
    Chain chain = new Chain();
    Chain.Scan scan = chain.calls(batch, "0x1", "0x2");
    loop(chain, scan, node);
    chain.answered(batch, scan);
    return scan;
  }

  private static void loop(Chain chain, RpcCalls calls, Node node) throws SourceException {
    for (int i = 0; calls.isMore(); i++) {
      assertTrue(i < 100, "it asks for ever");
      chain.take(calls, node.answer(calls.next()));
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

  /** A node that answers each call on its own. */
  private static Node each(java.util.function.Function<Map<String, Object>, Object> one) {
    return calls ->
        calls.stream()
            .map(
                call ->
                    call.get("method").equals("eth_blockNumber")
                        ? result(call.get("id"), "0x200")
                        : one.apply(call))
            .toList();
  }

  private static BatchWork batch() {
    return BatchWork.preview("rpc-logs", List.of(A, B, C), Batch.Kind.FIRST);
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
  void whateverANodeSaysOfATooWideRange_itIsCut_andTheOthersCount(String said)
      throws SourceException {
    int code = Integer.parseInt(said.split(" ", 2)[0]);
    String message = said.split(" ", 2)[1];
    BatchWork batch = batch();
    ask(batch, node(List.of(error(B, code, message), result("head", "0x200"))));
    assertEquals(Set.of(B), Set.copyOf(batch.cuts()));
    batch = batch();
    ask(batch, calls -> error(1, code, message));
    assertEquals(Set.of(A, B, C), Set.copyOf(batch.cuts()), "one error for all of them");
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
      new Chain().status(exchange);
      return exchange.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE, Integer.class);
    }
  }

  // ---- whatever its words are

  @ParameterizedTest
  @ValueSource(strings = {"Request timeout on the free tier", "nope", "beyond current head block"})
  void aRefusalThatNarrowerRangesDoNotGet_isOneOfWidth(String said) throws SourceException {
    BatchWork batch = batch();
    ask(
        batch,
        each(
            call ->
                width(call) > 10
                    ? error(call.get("id"), -32000, said)
                    : result(call.get("id"), List.of())));
    assertEquals(Set.of(A, B, C), Set.copyOf(batch.cuts()));
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
  void aRefusalThatNarrowerRangesGetToo_isWaitedFor_andNothingIsCut(String said, boolean busy) {
    BatchWork batch = batch();
    SourceException failure =
        assertThrows(
            SourceException.class,
            () -> ask(batch, each(call -> error(call.get("id"), -32012, said))));
    assertEquals(busy, failure.busy(), failure.getMessage());
    assertEquals(!busy, failure instanceof NotYetException);
    assertEquals(Set.of(), Set.copyOf(batch.cuts()));
  }

  @Test
  void aRangeThatWasRefusedOnce_andIsAnswered_isNotCut() throws SourceException {
    Set<Object> refused = new java.util.HashSet<>();
    BatchWork batch = batch();
    Chain.Scan scan =
        ask(
            batch,
            each(
                call ->
                    refused.add(call.get("id")) && width(call) > 1
                        ? error(call.get("id"), -32603, "Internal error")
                        : result(call.get("id"), List.of())));
    new Chain().gather(batch, scan);
    assertEquals(Set.of(A, B, C), batch.kept().answered());
    assertEquals(Set.of(), Set.copyOf(batch.cuts()));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void aNodeThatTakesFewCallsInARequest_isAskedForFew_andItsLimitIsLearnt(int most)
      throws SourceException {
    Chain chain = new Chain();
    List<Integer> sizes = new ArrayList<>();
    Node node =
        calls -> {
          sizes.add(calls.size());
          return calls.size() > most
              ? error(null, 31, "no more than " + most + " calls in a batch on this tier")
              : node(List.of(result("head", "0x200"))).answer(calls);
        };
    for (int round = 0; round < 3; round++) {
      BatchWork batch = batch();
      Chain.Scan scan = chain.calls(batch, "0x1", "0x2");
      sizes.clear();
      loop(chain, scan, node);
      chain.answered(batch, scan);
      chain.gather(batch, scan);
      assertEquals(Set.of(A, B, C), batch.kept().answered());
    }
    assertTrue(sizes.stream().allMatch(size -> size <= most), sizes.toString());
  }

  @Test
  void aRequestThatFailedOnce_doesNotMakeAllOthersSmaller() throws SourceException {
    Chain chain = new Chain();
    int[] requests = new int[1];
    for (int round = 0; round < 10; round++) {
      BatchWork batch = batch();
      Chain.Scan scan = chain.calls(batch, "0x1", "0x2");
      boolean fails = round % 3 == 0;
      requests[0] = 0;
      loop(
          chain,
          scan,
          calls ->
              requests[0]++ == 0 && fails
                  ? error(null, -32603, "Internal error")
                  : node(List.of(result("head", "0x200"))).answer(calls));
      chain.answered(batch, scan);
      assertEquals(fails ? 4 : 1, requests[0], "round " + round);
    }
  }

  @Test
  void aNullForLogs_isNoAnswer() {
    BatchWork batch = batch();
    SourceException failure =
        assertThrows(
            SourceException.class, () -> ask(batch, each(call -> result(call.get("id"), null))));
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
  void oneCallThatFailed_isNotAnswered_andNoOtherSuffers() throws SourceException {
    BatchWork batch = batch();
    Chain.Scan scan =
        ask(
            batch,
            node(
                List.of(
                    result("head", "0x200"),
                    error(B, -32603, "Internal error"),
                    error("last of " + B, -32603, "Internal error"))));
    assertEquals(Set.of(), Set.copyOf(batch.cuts()));
    new Chain().gather(batch, scan);
    assertEquals(Set.of(A, C), batch.kept().answered());
  }

  @Test
  void aNodeThatIsBehindTheRange_isWaitedFor_andNothingIsTaken() {
    SourceException behind =
        assertThrows(
            SourceException.class, () -> ask(batch(), node(List.of(result("head", "0x18e")))));
    assertTrue(behind.busy());
    assertTrue(
        behind.getMessage().contains("398") && behind.getMessage().contains("399"),
        behind.getMessage());
    assertThrows(
        SourceException.class,
        () -> ask(batch(), node(List.of(error("head", -32603, "Internal error")))),
        "which does not say where it is");
    assertTrue(
        assertThrows(
                SourceException.class,
                () ->
                    ask(
                        BatchWork.preview("rpc-logs", List.of(C), Batch.Kind.FIRST),
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
                        batch(),
                        node(
                            List.of(
                                result("head", "0x200"),
                                error(
                                    B,
                                    429,
                                    "Your app has exceeded its compute units per second"
                                        + " capacity.")))))
            .busy());
  }

  @Test
  void aSingleBlockThatIsTooLarge_isNoRangeToCut() {
    BatchWork one = BatchWork.preview("rpc-logs", List.of(Ranges.id(5, 5)), Batch.Kind.FIRST);
    assertThrows(
        RefusalException.class,
        () -> ask(one, calls -> error(1, -32005, "query returned more than 10000 results")));
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
    Chain chain = new Chain();
    RpcCalls calls = chain.reach("0x1");
    loop(chain, calls, node(answers));
    assertEquals(Map.of("last", 980L, "widest", 10L), chain.reached(calls, 20));
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

  /** The rows of a node whose log and block say these times; a count of calls for blocks. */
  private static List<Map<String, Object>> rows(Object inLog, Object inBlock, int[] asked)
      throws SourceException {
    BatchWork batch = batch();
    Chain.Scan scan =
        ask(
            batch,
            each(
                call -> {
                  if (call.get("method").equals("eth_getBlockByNumber")) {
                    asked[0]++;
                    Map<String, Object> block = new HashMap<>();
                    block.put("timestamp", inBlock);
                    return result(call.get("id"), block);
                  }
                  return result(
                      call.get("id"),
                      call.get("id").equals(A) ? List.of(resolution(inLog)) : List.of());
                }));
    new Chain().gather(batch, scan);
    return batch.kept().gathered();
  }

  @Test
  void timesOfBlocks_areHexDigits_orDecimalOnes_orNumbers() throws SourceException {
    for (Object time : new Object[] {"0x6553f100", "0X6553F100", "1700000000", 1_700_000_000}) {
      int[] asked = {0};
      assertEquals(1_700_000_000L, rows(time, "0x1", asked).get(0).get("block_time"));
      assertEquals(0, asked[0], "asked for the block although its time is there: " + time);
      assertEquals(1_700_000_000L, rows(null, time, asked).get(0).get("block_time"));
    }
  }

  @Test
  void aTimeThatCannotBe_isOneThatIsAbsent_andTheBlockIsAskedFor() throws SourceException {
    long future = java.time.Instant.now().getEpochSecond() + 200_000;
    for (Object none :
        new Object[] {
          null, "", "0x0", 0, "0", -5, "soon", 1_500_000_000, future, "" + future, 1.7e12, List.of()
        }) {
      int[] asked = {0};
      List<Map<String, Object>> rows = rows(none, "0x6553f10a", asked);
      assertEquals("resolution", rows.get(0).get("kind"), "" + none);
      assertEquals(1_700_000_010L, rows.get(0).get("block_time"), "" + none);
      assertEquals(1, asked[0], "" + none);
    }
  }

  @Test
  void aBlockWithAnImpossibleTime_keepsIt_andOneWithoutATimeIsAskedAgain() throws SourceException {
    long future = java.time.Instant.now().getEpochSecond() + 200_000;
    for (Object said : new Object[] {0, "0x0", "0x3b9aca00", future, "soon"}) {
      assertEquals(
          String.valueOf(said), rows(0, said, new int[1]).get(0).get("block_time"), "" + said);
    }
    SourceException refused = assertThrows(SourceException.class, () -> rows(0, null, new int[1]));
    assertTrue(refused.getMessage().contains("the time of block 150"), refused.getMessage());
  }

  @Test
  void aLogOfABlockThatWasNotAskedFor_isNoAnswer() {
    Map<String, Object> log = resolution("0x6553f100");
    log.put("blockNumber", "0xffffff");
    SourceException refused =
        assertThrows(
            SourceException.class,
            () -> ask(batch(), node(List.of(result("head", "0x200"), result(A, List.of(log))))));
    assertTrue(refused.getMessage().contains("block 16777215"), refused.getMessage());
  }

  @Test
  void anElementThatIsNoLog_costsTheElement() throws SourceException {
    BatchWork batch = batch();
    List<Object> logs = new ArrayList<>(List.of(17, "text", Map.of(), List.of()));
    logs.add(null);
    logs.add(resolution("0x6553f100"));
    Chain.Scan scan = ask(batch, node(List.of(result("head", "0x200"), result(A, logs))));
    new Chain().gather(batch, scan);
    List<Object> kinds = batch.kept().gathered().stream().map(row -> row.get("kind")).toList();
    assertEquals(List.of("bad", "bad", "bad", "bad", "bad", "resolution"), kinds);
  }
}
