package polymarket.backfill.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Shared;
import polymarket.backfill.ledger.Batch;

/** What the answers of a JSON-RPC node mean. */
class ChainTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String A = Ranges.id(100, 199);
  private static final String B = Ranges.id(200, 299);
  private static final String C = Ranges.id(300, 399);

  private static Map<String, Object> error(Object id, int code, String message) {
    return new HashMap<>(
        Map.of("jsonrpc", "2.0", "id", id, "error", Map.of("code", code, "message", message)));
  }

  private static Map<String, Object> result(Object id, Object result) {
    return new HashMap<>(Map.of("jsonrpc", "2.0", "id", id, "result", result));
  }

  private static Batch batch() {
    return Batch.preview("rpc-logs", List.of(A, B, C), Batch.Kind.FIRST);
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
    Batch batch = batch();
    List<Object> answers =
        new ArrayList<>(
            List.of(
                result(A, List.of()),
                error(B, code, message),
                result(C, List.of()),
                result("head", "0x200")));
    Collections.reverse(answers);
    new Chain().answered(batch, answers);
    assertEquals(Set.of(B), Set.copyOf(batch.cuts()));
    batch = batch();
    new Chain().answered(batch, error(1, code, message));
    assertEquals(Set.of(A, B, C), Set.copyOf(batch.cuts()), "one error for all of them");
  }

  @Test
  void recordedErrors_areARangeToCut_orASourceToWaitFor() throws IOException {
    int tooLarge = 0;
    int busy = 0;
    for (JsonNode error : JSON.readTree(Shared.recorded("errors.json").toFile()).get("errors")) {
      if (error.path("source").asText().matches("alchemy|infura")) {
        String body = error.get("body").toString();
        assertTrue(Chain.isTooLarge(body) != Chain.isBusy(body), body);
        tooLarge += Chain.isTooLarge(body) ? 1 : 0;
        busy += Chain.isBusy(body) ? 1 : 0;
      }
    }
    assertEquals("3 2", tooLarge + " " + busy);
    assertFalse(Chain.isTooLarge("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"block range\"}"));
    assertFalse(Chain.isBusy("<html>too many requests</html>"), "an HTML page is no answer");
  }

  @Test
  void oneCallThatFailed_isNotAnswered_andNoOtherSuffers() throws SourceException {
    Batch batch = batch();
    Chain.Scan scan =
        new Chain()
            .answered(
                batch,
                List.of(
                    result("head", "0x200"),
                    error(B, -32603, "Internal error"),
                    result(C, List.of()),
                    result(A, List.of())));
    assertEquals(Set.of(), Set.copyOf(batch.cuts()));
    new Chain().gather(batch, scan);
    assertEquals(Set.of(A, C), batch.answered());
  }

  @Test
  void aNodeThatIsBehindTheRange_isWaitedFor_andNothingIsTaken() {
    List<Object> answers =
        List.of(
            result(A, List.of()),
            result(B, List.of()),
            result(C, List.of()),
            result("head", "0x18e"));
    SourceException behind =
        assertThrows(SourceException.class, () -> new Chain().answered(batch(), answers));
    assertTrue(behind.busy());
    assertTrue(
        behind.getMessage().contains("398") && behind.getMessage().contains("399"),
        behind.getMessage());
    assertThrows(
        SourceException.class,
        () -> new Chain().answered(batch(), answers.subList(0, 3)),
        "which does not say where it is");
  }

  @Test
  void aThrottle_inOneCallOfMany_isOneOfTheSource() {
    assertTrue(
        assertThrows(
                SourceException.class,
                () ->
                    new Chain()
                        .answered(
                            batch(),
                            List.of(
                                result(A, List.of()),
                                result("head", "0x200"),
                                error(
                                    B,
                                    429,
                                    "Your app has exceeded its compute units per second"
                                        + " capacity."))))
            .busy());
  }

  @Test
  void aSingleBlockThatIsTooLarge_isNoRangeToCut() {
    Batch one = Batch.preview("rpc-logs", List.of(Ranges.id(5, 5)), Batch.Kind.FIRST);
    assertThrows(
        RefusalException.class,
        () ->
            new Chain().answered(one, error(1, -32005, "query returned more than 10000 results")));
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
    Collections.shuffle(answers, new java.util.Random(1));
    assertEquals(Map.of("last", 980L, "widest", 10L), new Chain().reached(answers, 20));
  }
}
