package polymarket.backfill.polymarket;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.camel.Body;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.source.NotYetException;
import polymarket.backfill.source.RefusalException;
import polymarket.backfill.source.RpcCalls;
import polymarket.backfill.source.SourceException;

/**
 * The bean {@code node} of routes whose source is a JSON-RPC node and whose ids are ranges of
 * blocks: makes the calls of a batch, matches the answers to them by id, and gives the logs as
 * rows.
 *
 * <p>A row has the fields {@code range} (the id), {@code kind} and those of its kind: {@code
 * condition} and {@code resolution} as in {@link ConditionLogs}, a condition with its token ids
 * computed forward; {@code transfer}, one row for all moves of a token id in a transaction; {@code
 * bad}, a log that is not what its signature promises, as it came and with the reason.
 */
public final class Chain {

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

  /**
   * Calls in a request at most, unless a batch has more ranges: they reach the node all at once.
   */
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

  private static final String LAST = "last of ";

  private static final String BLOCK = "block ";

  private final RpcCalls.Limit limit = new RpcCalls.Limit();

  /** The calls of a batch, and its logs by range. */
  public static final class Scan extends RpcCalls {

    private final Map<String, List<Map<String, Object>>> rows = new LinkedHashMap<>();
    private final Set<String> cut = new LinkedHashSet<>();
    private final Map<String, Map<String, Object>> calls = new HashMap<>();

    /** Blocks of conditions and resolutions that came without a time. */
    private final TreeSet<Long> timeless = new TreeSet<>();

    private Scan(Limit limit, int ranges) {
      super(limit, RpcCalls.call(HEAD, "eth_blockNumber"), Math.max(ranges + 1, CALLS_TOGETHER));
    }

    private void range(String id, String address, List<String> topics) {
      Map<String, Object> call = logs(id, Ranges.first(id), Ranges.last(id), address, topics);
      calls.put(id, call);
      calls.put(LAST + id, logs(LAST + id, Ranges.last(id), Ranges.last(id), address, topics));
      add(call);
    }

    /**
     * Takes what a range was answered with. One that was refused is asked for once more, together
     * with its last block alone: where that is answered and the range is not, its width is what the
     * node refuses, whatever it says of it.
     */
    private void range(String id, Map<String, Object> answer) throws SourceException {
      boolean wide = Ranges.width(id) > 1;
      if (answer.get("error") == null && answer.get("result") instanceof List<?> logs) {
        if (CAPS.contains(logs.size()) && wide) {
          cut.add(id);
        } else {
          Set<Long> known = Set.copyOf(timeless);
          rows.put(id, LogRows.of(id, logs, timeless));
          timeless.stream()
              .filter(block -> !known.contains(block))
              .forEach(
                  block -> add(call(BLOCK + block, "eth_getBlockByNumber", hex(block), false)));
        }
      } else if (wide && saysTooLarge(failure(id))) {
        cut.add(id);
      } else if (wide && calls.containsKey(LAST + id)) {
        addFirst(calls.get(id));
        addFirst(calls.remove(LAST + id));
      } else if (wide && result(LAST + id) instanceof List<?>) {
        cut.add(id);
      }
    }

    /** Whether a single block of a range was refused, and nothing that was asked for answered. */
    private boolean isRefused(Set<String> ids) {
      return rows.isEmpty()
          && cut.isEmpty()
          && ids.stream().anyMatch(id -> id.startsWith(LAST) && !(result(id) instanceof List<?>));
    }
  }

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

  /**
   * The calls for the logs of a batch's ranges, and for the node's newest block.
   *
   * @param address of the contract
   * @param topics any of which the first topic may be, separated by commas
   */
  public Scan calls(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, String address, String topics) {
    batch.forgetAnswer();
    Scan scan = new Scan(limit, batch.getSize());
    batch.getIds().forEach(id -> scan.range(id, address, topics(topics)));
    return scan;
  }

  private static List<String> topics(String topics) {
    return Arrays.stream(topics.split(",")).map(String::strip).toList();
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
   * @throws SourceException where it is no answer to the calls, the node throttles, or it refuses
   *     whatever it is asked
   */
  public void take(@ExchangeProperty(ExchangeProperties.SCAN) RpcCalls calls, @Body Object body)
      throws SourceException {
    Map<String, Map<String, Object>> answers = calls.take(body);
    if (calls instanceof Scan scan) {
      // the last blocks first: they say what it means that a range is refused
      for (Map.Entry<String, Map<String, Object>> answer : answers.entrySet()) {
        if (scan.calls.containsKey(answer.getKey()) && !answer.getKey().startsWith(LAST)) {
          scan.range(answer.getKey(), answer.getValue());
        }
      }
      if (answers.size() == 1 && scan.isRefused(answers.keySet())) {
        throw refused(scan, answers.keySet().iterator().next().substring(LAST.length()));
      }
    }
  }

  /**
   * Takes the answers to a batch's calls as its logs. Ranges that are too wide for the node are
   * cut; ranges that failed otherwise are left unanswered.
   *
   * @throws SourceException where none could be answered, or the node does not have the last block
   *     yet
   */
  public void answered(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.SCAN) Scan scan)
      throws SourceException {
    scan.cut.forEach(batch::cut);
    if (scan.rows.isEmpty() && scan.cut.isEmpty()) {
      throw refused(scan, batch.getIds().get(batch.getSize() - 1));
    }
    long last = scan.rows.keySet().stream().mapToLong(Ranges::last).max().orElse(-1);
    Long head = RpcCalls.number(scan.result(HEAD));
    if (last >= 0 && head == null) {
      throw new SourceException("polygon did not return its newest block");
    }
    if (last >= 0 && head < last) {
      throw behind("polygon", head, last);
    }
    timed(scan);
  }

  static SourceException behind(String source, long head, long last) {
    return new SourceException(
        source + "'s node is at block " + head + ", but block " + last + " was requested",
        0,
        true,
        0,
        false);
  }

  /** What it means that nothing was answered: not even the last block of this range alone. */
  private static SourceException refused(Scan scan, String range) {
    return refused(
        "polygon", scan.failure(range), RpcCalls.number(scan.result(HEAD)), Ranges.last(range));
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
   * Gives rows the times of their blocks, where their logs had none that can be; where the block
   * has none either, what it says, which the table keeps as unread.
   *
   * @throws SourceException where a block says nothing
   */
  private static void timed(Scan scan) throws SourceException {
    Map<Long, Object> times = new HashMap<>();
    for (Long number : scan.timeless) {
      Object said =
          scan.result(BLOCK + number) instanceof Map<?, ?> block ? block.get("timestamp") : null;
      if (said == null) {
        throw new SourceException(
            "polygon did not return the time of block "
                + number
                + ": "
                + scan.failure(BLOCK + number));
      }
      times.put(number, LogRows.timeOrText(said));
    }
    for (List<Map<String, Object>> rows : scan.rows.values()) {
      for (Map<String, Object> row : rows) {
        if (!(row.get("block_time") instanceof Long)
            && times.containsKey(row.get("block_number"))) {
          row.put("block_time", times.get(row.get("block_number")));
        }
      }
    }
  }

  /** Hands the rows of each range to the batch. */
  public void gather(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.SCAN) Scan scan) {
    scan.rows.forEach((range, rows) -> batch.kept().gather(List.of(range), rows));
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
