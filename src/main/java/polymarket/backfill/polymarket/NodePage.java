package polymarket.backfill.polymarket;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import polymarket.backfill.source.BlockTime;
import polymarket.backfill.source.RpcCalls;
import polymarket.backfill.source.SourceException;

/**
 * The calls of a page to a JSON-RPC node, and its logs as the bytes that came. A range that is too
 * wide for the node is asked for in a narrower one; an empty answer is asked for once more, because
 * several nodes may stand behind one URL; times that the logs do not have are asked for. The last
 * block is asked for before the logs and after them: a node that does not have it may lack its logs
 * too, and is asked again; where it has the same hash, no block of the page was replaced in
 * between.
 */
public final class NodePage extends RpcCalls {

  private static final String HEAD = "head";
  private static final String LOGS = "logs ";
  private static final String BLOCK = "block ";
  private static final String FIRST = "first";
  private static final String END = "end ";
  private static final String AFTER = "after ";
  private static final String ALONE = "alone ";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The position of a list in the bytes of an answer. */
  private record Slice(byte[] bytes, int from) {}

  private final LogPage asked;
  private final List<ChainContracts.Filter> filters;
  private final PageWidth width;
  private long last;
  private boolean again;

  /** The calls for logs that were refused once, and are made again. */
  private final Set<String> refused = new HashSet<>();

  /** What the node said when it refused one of them again; null where it did not. */
  private String refusal;

  /** The logs of each filter's answer. */
  private final Map<String, FoundLogs> found = new TreeMap<>();

  /** What the logs and blocks say of the chain. */
  private BlockHashes hashes;

  private final Map<String, Map<String, Object>> calls = new HashMap<>();
  private final Map<Long, String> times = new TreeMap<>();
  private final TreeSet<Long> timeless = new TreeSet<>();

  /** The time that was read last, and its seconds: logs of one block follow each other. */
  private String lastTime = "";

  private Long lastSeconds;

  NodePage(
      RpcCalls.Limit limit, LogPage asked, List<ChainContracts.Filter> filters, PageWidth width) {
    super(limit, RpcCalls.call(HEAD, "eth_blockNumber"), 8);
    this.asked = asked;
    this.filters = filters;
    this.width = width;
    this.last = asked.last();
    ask();
  }

  private void ask() {
    found.clear();
    timeless.clear();
    refused.clear();
    refusal = null;
    hashes = new BlockHashes(asked);
    add(block(END + last, last));
    for (int i = 0; i < filters.size(); i++) {
      String id = LOGS + i + " " + last + (again ? " again" : "");
      calls.put(id, logs(id, filters.get(i), asked.first()));
      add(calls.get(id));
    }
    add(block(FIRST, asked.first()));
    add(block(AFTER + last, last));
  }

  private Map<String, Object> logs(String id, ChainContracts.Filter of, long first) {
    Map<String, Object> filter = new LinkedHashMap<>();
    filter.put("fromBlock", hex(first));
    filter.put("toBlock", hex(last));
    if (!of.addresses().isEmpty()) {
      filter.put("address", of.addresses());
    }
    filter.put("topics", List.of(of.topics()));
    return RpcCalls.call(id, "eth_getLogs", filter);
  }

  private static Map<String, Object> block(String id, long number) {
    return RpcCalls.call(id, "eth_getBlockByNumber", hex(number), false);
  }

  private static String hex(long number) {
    return "0x" + Long.toHexString(number);
  }

  /** The page as far as the node answers it at once. */
  LogPage page() {
    return new LogPage(
        asked.source(), asked.server(), asked.datasets(), asked.first(), last, asked.end());
  }

  /**
   * Takes the answer to a request; there may be more to ask for then.
   *
   * @throws SourceException where it is no answer to the calls, or the node refuses a single block
   */
  void take(byte[] body) throws SourceException {
    Map<String, Map<String, Object>> now = super.take(envelopes(body));
    for (Map.Entry<String, Map<String, Object>> answer : now.entrySet()) {
      String id = answer.getKey();
      if (id.startsWith(LOGS) && id.contains(" " + last)) {
        if (answer.getValue().get("result") instanceof Slice logs) {
          takeLogs(id, logs);
        } else if (refuse(id)) {
          return;
        }
      } else if (id.startsWith(BLOCK)) {
        Object time =
            answer.getValue().get("result") instanceof Map<?, ?> block
                ? block.get("timestamp")
                : null;
        if (number(time) == null) {
          throw new SourceException(
              asked.source() + " does not give the time of " + id + ": " + failure(id));
        }
        times.put(Long.parseLong(id.substring(BLOCK.length())), hex(number(time)));
      }
    }
    if (refusal != null && answer(ALONE + last) != null) {
      if (!(result(ALONE + last) instanceof Slice)) {
        throw RpcNode.refused(asked.source(), refusal, number(result(HEAD)), last);
      }
      narrow();
    }
    if (isMore()) {
      return;
    }
    Long head = number(result(HEAD));
    if (head == null) {
      throw new SourceException(asked.source() + " did not say which block is its newest");
    }
    if (head < last) {
      throw RpcNode.behind(asked.source(), head, last);
    }
    link(END + last, last);
    link(FIRST, asked.first());
    link(AFTER + last, last);
    if (!again && logs() == 0) {
      again = true;
      ask();
    }
  }

  /**
   * Takes that a call for logs was refused. What nodes say of a range that is too wide has many
   * words: one that says something else is asked again, together with the last block alone. Where
   * that is answered and the range is not, its width is what the node refuses.
   *
   * @return whether narrower ranges are asked for in place of all calls
   * @throws SourceException where the node refuses a single block
   */
  private boolean refuse(String id) throws SourceException {
    boolean wide = last > asked.first();
    if (RpcNode.saysTooLarge(failure(id))) {
      if (!wide) {
        // it may have had no time for it now
        throw new SourceException(asked.source() + " answered with an error: " + failure(id));
      }
      narrow();
      return true;
    }
    if (!wide) {
      throw RpcNode.refused(asked.source(), failure(id), number(result(HEAD)), last);
    }
    if (refused.add(id)) {
      if (refused.size() == 1) {
        addFirst(logs(ALONE + last, filters.get(0), last));
      }
      addFirst(calls.get(id));
    } else {
      refusal = failure(id);
    }
    return false;
  }

  /**
   * Takes a block's hash and its parent's.
   *
   * @throws SourceException where the node does not give the block, or gives another one
   */
  private void link(String id, long number) throws SourceException {
    if (!(result(id) instanceof Map<?, ?> fields)) {
      throw new SourceException(
          asked.source()
              + "'s node does not have block "
              + number
              + ", so that it may lack its logs: "
              + failure(id),
          0,
          true,
          0,
          false);
    }
    Long given = number(fields.get("number"));
    if (given != null && given != number) {
      throw asked.other("with block " + given + " as block " + number + ",");
    }
    hashes.add(number, text(fields.get("hash")));
    hashes.add(number - 1, text(fields.get("parentHash")));
  }

  private static String text(Object value) {
    return value == null ? "" : String.valueOf(value);
  }

  private void narrow() throws SourceException {
    width.refused(last - asked.first() + 1);
    last = asked.first() + Math.max(1, (last - asked.first() + 1) / 2) - 1;
    dropPending();
    ask();
  }

  private int logs() {
    return found.values().stream().mapToInt(FoundLogs::distinct).sum();
  }

  private void takeLogs(String id, Slice slice) throws SourceException {
    try {
      scan(id, slice);
    } catch (JsonBytes.Broken e) {
      throw new SourceException(asked.source() + " answered with broken logs: " + e.getMessage());
    }
  }

  private void scan(String id, Slice slice) throws SourceException {
    FoundLogs logs = new FoundLogs(slice.bytes());
    JsonBytes json = new JsonBytes(slice.bytes(), slice.from());
    LogPage page = page();
    int elements = 0;
    json.expect('[');
    for (boolean first = true; json.next(first, ']'); first = false) {
      elements++;
      long block = -1;
      long index = -1;
      boolean removed = false;
      String time = "";
      String hash = "";
      json.expect('{');
      int begin = json.at() - 1;
      for (boolean field = true; json.next(field, '}'); field = false) {
        json.key();
        if (json.is("blockNumber")) {
          block = json.number();
        } else if (json.is("logIndex")) {
          index = json.number();
        } else if (json.is("blockHash") && json.peek() == '"') {
          json.text();
          hash = hashes.read(json);
        } else if (json.is("removed")) {
          removed = json.skip();
        } else if (json.is("blockTimestamp")) {
          time = json.raw();
        } else {
          json.skip();
        }
      }
      if (block < 0 || index < 0) {
        throw new SourceException(asked.source() + " answered with a log without its place");
      }
      if (!removed && !isFound(block, index)) {
        hashes.add(block, hash);
        logs.add(page, block, index, begin, json.at());
        if (!isTimed(block, time) && !times.containsKey(block) && timeless.add(block)) {
          add(block(BLOCK + block, block));
        }
      }
    }
    if (RpcNode.CAPS.contains(elements) && last > asked.first()) {
      narrow();
      return;
    }
    found.put(id.substring(0, id.indexOf(' ', LOGS.length())), logs);
  }

  /**
   * Whether a log says when its block was made; notes it where SQL would not read it as it is.
   *
   * @param raw the time as JSON, a text of hex digits or anything else
   */
  private boolean isTimed(long block, String raw) {
    if (!raw.equals(lastTime)) {
      lastTime = raw;
      lastSeconds = RpcCalls.number(raw.replace("\"", ""));
      if (lastSeconds != null && !BlockTime.isPossible(lastSeconds)) {
        lastSeconds = null;
      }
    }
    if (lastSeconds != null && !raw.startsWith("\"0x")) {
      times.put(block, hex(lastSeconds));
    }
    return lastSeconds != null;
  }

  /** Whether a node that does not filter has given a log to another filter already. */
  private boolean isFound(long block, long index) {
    for (FoundLogs logs : found.values()) {
      if (logs.has(block, index)) {
        return true;
      }
    }
    return false;
  }

  /** The logs, one a line, each with its block's time. */
  byte[] lines() {
    java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream();
    for (FoundLogs logs : found.values()) {
      out.writeBytes(
          logs.lines(
              block ->
                  times.containsKey(block)
                      ? bytes("\"backfill_time\":\"" + times.get(block) + "\",")
                      : new byte[0]));
    }
    return out.toByteArray();
  }

  BlockHashes hashes() {
    return hashes;
  }

  int count() {
    return logs();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
  }

  /** The answers without the lists in them, of which it is said where they stand. */
  private static List<Object> envelopes(byte[] body) throws SourceException {
    List<Object> all = new ArrayList<>();
    try {
      JsonBytes json = new JsonBytes(body, 0);
      if (json.peek() == '[') {
        json.expect('[');
        for (boolean first = true; json.next(first, ']'); first = false) {
          all.add(envelope(json, body));
        }
      } else {
        all.add(envelope(json, body));
      }
      if (!json.atEnd()) {
        throw new SourceException("answered with more than an answer");
      }
    } catch (JsonBytes.Broken | IOException e) {
      throw new SourceException("answered with broken JSON: " + e.getMessage());
    }
    return all;
  }

  private static Map<String, Object> envelope(JsonBytes json, byte[] body) throws IOException {
    Map<String, Object> envelope = new LinkedHashMap<>();
    json.expect('{');
    for (boolean first = true; json.next(first, '}'); first = false) {
      json.key();
      String key = json.said();
      boolean list = json.peek() == '[';
      int from = json.at();
      json.skip();
      envelope.put(
          key,
          list
              ? new Slice(body, from)
              : JSON.readValue(Arrays.copyOfRange(body, from, json.at()), Object.class));
    }
    return envelope;
  }
}
