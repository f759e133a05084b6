package polymarket.backfill.polymarket;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.camel.Body;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.source.NotYetException;
import polymarket.backfill.source.RefusalException;
import polymarket.backfill.source.RpcCalls;
import polymarket.backfill.source.SourceException;

/**
 * The bean {@code node} of routes that call a JSON-RPC node: gives the body of the next request
 * with calls, takes the answers, tells what a refusal means, and finds out how far a node reaches.
 */
public final class RpcNode {

  /**
   * Errors of nodes for a range that is too wide or has too large an answer (recorded ones, and
   * similar ones).
   */
  private static final Pattern TOO_LARGE =
      Pattern.compile(
          "(?i)blocks? range|response size|response is too (big|large)|more than [\\d,]+"
              + " (results|logs|blocks)|limited to an? [\\d,.]+k? (blocks? )?range|exceeds? (the"
              + " )?(max(imum)? )?(results|limit of)|range (is )?too (large|wide)|too (large|many"
              + " (results|logs|blocks))|query timeout|timed out|-32614\\b");

  /** Errors of nodes that do not have a block yet. */
  private static final Pattern NOT_YET =
      Pattern.compile(
          "(?i)(beyond|ahead of|past|after|above|(greater|higher|newer|later) than|exceeds) (the )?"
              + "((current|latest|newest|last|known|accepted|chain|node)('s)? )*"
              + "(head|tip|block( number| height)?)\\b|(block|header|blocks?[^.]*) (is |was "
              + "|could |cannot )?not (yet |be )*(found|available|known|mined|produced)"
              + "|cannot be found|unknown block|unfinali[sz]ed|future block");

  /** Row counts at which a node may have truncated its answer silently. */
  static final List<Integer> CAPS = List.of(100, 1000, 10_000, 20_000);

  private static final List<Long> WIDTHS = List.of(10_000L, 2_000L, 1_000L, 100L, 10L, 5L, 1L);

  /** Statuses that concern the account or the server, whatever the answer is. */
  private static final Set<Integer> OF_THE_ACCOUNT = Set.of(401, 403, 429, 503);

  /** Statuses that concern the request: another request may be answered. */
  private static final Set<Integer> OF_THE_REQUEST = Set.of(400, 413, 414, 422);

  /** Calls in a request at most: they reach the node all at once. */
  private static final int CALLS_TOGETHER = 8;

  /** Bytes of an answer that may be an error and nothing else. */
  private static final int LONGEST_ERROR = 4096;

  private static final String HEAD = "head";

  private static final String WIDTH = "width";

  /**
   * So often a node is asked for its newest block before a run, because several may stand behind
   * one URL.
   */
  private static final int HEADS = 7;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final RpcCalls.Limit limit = new RpcCalls.Limit();

  private static Map<String, Object> logs(
      Object id, long first, long last, String address, Object topics) {
    Map<String, Object> filter = new LinkedHashMap<>();
    filter.put("fromBlock", hex(first));
    filter.put("toBlock", hex(last));
    filter.put("address", address);
    filter.put("topics", List.of(topics));
    return RpcCalls.call(id, "eth_getLogs", filter);
  }

  private static String hex(long number) {
    return "0x" + Long.toHexString(number);
  }

  /** Calls that are made outside a run, some of them together. */
  public RpcCalls group(List<Map<String, Object>> group) {
    RpcCalls calls = new RpcCalls(limit, null, CALLS_TOGETHER);
    group.forEach(calls::add);
    return calls;
  }

  /** The body of the next request with calls: one alone as an object, several as a list. */
  public String request(
      Exchange exchange, @ExchangeProperty(ExchangeProperties.SCAN) RpcCalls calls)
      throws JsonProcessingException {
    List<Map<String, Object>> next = calls.next();
    exchange.setProperty(ExchangeProperties.CALLS, next.size());
    return JSON.writeValueAsString(next.size() == 1 ? next.get(0) : next);
  }

  /**
   * Takes what a request was answered with; there may be more to ask for then.
   *
   * @throws SourceException where it is no answer to the calls, or the node throttles
   */
  public void take(@ExchangeProperty(ExchangeProperties.SCAN) RpcCalls calls, @Body Object body)
      throws SourceException {
    calls.take(body);
  }

  static SourceException behind(String source, long head, long last) {
    return new SourceException(
        source + "'s node is at block " + head + ", but block " + last + " was requested",
        0,
        true,
        0,
        false);
  }

  /**
   * What it means that a node answered nothing, not even a single block.
   *
   * @param head its newest block; null where it did not say
   * @param last the last block that was asked for
   */
  static SourceException refused(String source, String failure, Long head, long last) {
    if (head != null && head < last) {
      return behind(source, head, last);
    }
    String said = source + " answered with an error: " + failure;
    return NOT_YET.matcher(failure).find()
        ? new SourceException(said, 0, true, 0, false)
        : saysTooLarge(failure) ? new RefusalException(said) : new NotYetException(said);
  }

  static boolean saysTooLarge(String failure) {
    return TOO_LARGE.matcher(failure).find() && !NOT_YET.matcher(failure).find();
  }

  /**
   * Looks at an answer before its HTTP status counts. That the account may not ask now has many
   * statuses; 429 is the one to wait for. What a node says of the calls themselves is an answer to
   * them, whatever its status, and so is that the request is too large or not understood.
   */
  public void status(Exchange exchange) throws JsonProcessingException {
    int status = exchange.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE, 200, Integer.class);
    // an answer with logs is long; what is short may be an error
    boolean logs =
        exchange.getMessage().getBody() instanceof byte[] bytes && bytes.length > LONGEST_ERROR;
    String body = logs ? "" : exchange.getMessage().getBody(String.class);
    boolean error = isError(body);
    if (error && RpcCalls.saysBusy(body)) {
      exchange.getMessage().setHeader(Exchange.HTTP_RESPONSE_CODE, 429);
    } else if (status >= 400 && !OF_THE_ACCOUNT.contains(status)) {
      if (!error && OF_THE_REQUEST.contains(status)) {
        exchange
            .getMessage()
            .setBody(
                JSON.writeValueAsString(
                    Map.of("error", Map.of("code", status, "message", "HTTP " + status))));
      }
      if (error || OF_THE_REQUEST.contains(status)) {
        exchange.getMessage().setHeader(Exchange.HTTP_RESPONSE_CODE, 200);
      }
    }
  }

  /** Whether a text is an error of JSON-RPC, or a list with one. */
  private static boolean isError(String body) {
    if (body == null || !body.contains("\"error\"")) {
      return false;
    }
    try {
      JsonNode json = JSON.readTree(body);
      JsonNode first = json.isArray() ? json.path(0) : json;
      return first.isObject() && (first.has("error") || first.has("jsonrpc"));
    } catch (JsonProcessingException e) {
      return false;
    }
  }

  /**
   * Calls that show how far a node reaches: its newest block, many times because nodes differ, and
   * logs that nobody has.
   */
  public RpcCalls reach(String address) {
    RpcCalls calls = new RpcCalls(limit, null, HEADS + WIDTHS.size());
    for (int i = 0; i < HEADS; i++) {
      calls.add(RpcCalls.call(HEAD + i, "eth_blockNumber"));
    }
    for (long width : WIDTHS) {
      calls.add(
          logs(WIDTH + width, 10_000_000, 10_000_000 + width - 1, address, "0x" + "0".repeat(64)));
    }
    return calls;
  }

  /**
   * How far a node reaches.
   *
   * @param behind so many blocks behind the oldest of the newest blocks that it named is the last
   *     that may be asked for
   * @return {@code last}, that block, and {@code widest}, how many blocks a call takes at most: the
   *     widest range that it answers, whatever it says of wider ones
   * @throws SourceException where it does not say
   */
  public Map<String, Object> reached(
      @ExchangeProperty(ExchangeProperties.SCAN) RpcCalls calls, int behind)
      throws SourceException {
    long head = Long.MAX_VALUE;
    for (int i = 0; i < HEADS; i++) {
      Long number = RpcCalls.number(calls.result(HEAD + i));
      if (number == null) {
        throw new SourceException(
            "polygon did not return its newest block: " + calls.failure(HEAD + i));
      }
      head = Math.min(head, number);
    }
    for (long width : WIDTHS) {
      if (calls.result(WIDTH + width) instanceof List<?>) {
        return Map.of("last", head - behind, "widest", width);
      }
    }
    throw new SourceException("polygon returned no logs: " + calls.failure(WIDTH + WIDTHS.get(0)));
  }
}
