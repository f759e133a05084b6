package polymarket.backfill.polymarket;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.camel.Body;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.source.RawRows;
import polymarket.backfill.source.SourceException;

/**
 * The bean {@code logs} of routes whose ids are ranges of blocks and datasets: says which blocks
 * are asked for next, makes a source's request of it, and goes over the answer once. The logs stay
 * the bytes that came: they are counted, and the end of the answer is checked, before they are
 * inserted.
 */
public final class LogPages {

  /** Bytes of an answer that are aimed at: a few of them are held at once. */
  private static final long GOAL_BYTES = 8 << 20;

  /** Blocks of the first page of a source, whose density is not known then. */
  private static final long FIRST_WIDTH = 64;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final ChainContracts contracts = ChainContracts.read();
  private final Map<String, PageWidth> widths = new ConcurrentHashMap<>();

  private PageWidth width(String source) {
    return widths.computeIfAbsent(source, key -> new PageWidth(FIRST_WIDTH, GOAL_BYTES));
  }

  /**
   * The blocks that a batch asks a source for now: from its cursor on, as many as the source's
   * answers have shown to be good, and half as many with each failure.
   */
  public LogPage page(@ExchangeProperty(Batch.PROPERTY) Batch batch, String source) {
    String id = batch.getIds().get(0);
    long first = batch.getCursor() == null ? Ranges.first(id) : Long.parseLong(batch.getCursor());
    long width = Math.max(1, width(source).blocks() >> Math.min(32, batch.failures()));
    long last = Math.min(Ranges.last(id), first + width - 1);
    return new LogPage(source, id, Ranges.datasets(id), first, last, Ranges.last(id));
  }

  // ---- a portal: NDJSON, a block a line

  /** The body of a request to a portal. */
  public String portal(@ExchangeProperty(ExchangeProperties.PAGE) LogPage page)
      throws JsonProcessingException {
    return portal(
        page.first(),
        page.last(),
        contracts.exact(page.datasets()).stream()
            .map(
                filter -> {
                  Map<String, Object> one = new LinkedHashMap<>();
                  if (!filter.addresses().isEmpty()) {
                    one.put("address", filter.addresses());
                  }
                  one.put("topic0", filter.topics());
                  return one;
                })
            .toList());
  }

  private static String portal(long first, long last, List<Map<String, Object>> logs)
      throws JsonProcessingException {
    Map<String, Object> query = new LinkedHashMap<>();
    query.put("type", "evm");
    query.put("fromBlock", first);
    query.put("toBlock", last);
    query.put(
        "fields",
        Map.of(
            "block",
            Map.of("number", true, "hash", true, "timestamp", true),
            "log",
            Map.of(
                "address",
                true,
                "topics",
                true,
                "data",
                true,
                "transactionHash",
                true,
                "logIndex",
                true)));
    query.put("logs", logs);
    return JSON.writeValueAsString(query);
  }

  /**
   * Takes the answer of a portal: the blocks with logs and the last block that it covers. It may
   * end before the last one that was asked for; the next page goes on behind it.
   *
   * @throws SourceException where it is cut, or holds what was not asked for
   */
  public RawRows fromPortal(
      @ExchangeProperty(Batch.PROPERTY) Batch batch,
      @ExchangeProperty(ExchangeProperties.PAGE) LogPage page,
      @Body byte[] body)
      throws SourceException {
    FoundLogs logs = new FoundLogs(body);
    long last = page.first() - 1;
    String hash = "";
    try {
      JsonBytes json = new JsonBytes(body);
      while (!json.atEnd()) {
        long block = -1;
        json.expect('{');
        for (boolean first = true; json.next(first, '}'); first = false) {
          json.key();
          if (json.is("header")) {
            json.expect('{');
            for (boolean head = true; json.next(head, '}'); head = false) {
              json.key();
              if (json.is("number")) {
                block = json.number();
              } else if (json.is("hash")) {
                json.text();
                hash = json.said();
              } else {
                json.skip();
              }
            }
            if (block <= last || block > page.last()) {
              throw new SourceException(
                  page.source() + " answered with block " + block + " behind block " + last);
            }
            last = block;
          } else if (json.is("logs")) {
            portalLogs(json, page, block, logs);
          } else {
            json.skip();
          }
        }
        if (block < 0) {
          throw new SourceException(page.source() + " answered with a line without a block");
        }
      }
    } catch (JsonBytes.Broken e) {
      throw new SourceException(page.source() + " answered with broken JSON: " + e.getMessage());
    }
    if (last < page.first()) {
      throw new SourceException(
          page.source() + " answered with no block, and so does not say how far it came");
    }
    byte[] rows = logs.repeats() ? logs.once() : body;
    return page(batch, page, last, hash, rows, logs.distinct());
  }

  private static void portalLogs(JsonBytes json, LogPage page, long block, FoundLogs logs)
      throws SourceException {
    if (block < 0) {
      throw new SourceException(page.source() + " answered with logs before their block");
    }
    json.expect('[');
    for (boolean first = true; json.next(first, ']'); first = false) {
      long index = -1;
      json.expect('{');
      int begin = json.at() - 1;
      for (boolean field = true; json.next(field, '}'); field = false) {
        json.key();
        if (json.is("logIndex")) {
          index = json.number();
        } else {
          json.skip();
        }
      }
      if (index < 0) {
        throw new SourceException(page.source() + " answered with a log without its index");
      }
      logs.add(page, block, index, begin, json.at());
    }
  }

  // ---- what is the same for all

  /** Notes how far an answer came, and makes it the page that is stored. */
  private RawRows page(Batch batch, LogPage page, long last, String hash, byte[] rows, long logs)
      throws SourceException {
    width(page.source()).answered(last - page.first() + 1, rows.length);
    if (last >= page.end()) {
      batch.lastPage();
    } else {
      String next = String.valueOf(last + 1);
      if (batch.page(null, next, next, 0) != null) {
        throw new SourceException(page.source() + " came no further than block " + last);
      }
    }
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("datasets", page.datasets());
    values.put("came_from", page.source());
    values.put("page_first", page.first());
    values.put("page_last", last);
    values.put("page_hash", hash);
    return new RawRows(
        "default.chain_from_" + page.source().replaceAll("\\W.*", ""), rows, logs, values);
  }

  /** A portal's newest block as a job's reach. */
  public Map<String, Object> portalHead(@Body byte[] body, long behind, long widest)
      throws SourceException {
    try {
      Object number = JSON.readValue(body, Map.class).get("number");
      if (number instanceof Number head) {
        return Map.of("last", head.longValue() - behind, "widest", widest);
      }
    } catch (java.io.IOException e) {
      // said below
    }
    throw new SourceException("a portal did not say which block is its newest");
  }

  static List<String> datasets(String suffix) {
    return Arrays.asList(suffix.split("\\+"));
  }

  /** A refusal of a page, such as for its answer's size: the next ones are narrower. */
  public void refused(@ExchangeProperty(ExchangeProperties.PAGE) LogPage page, Exchange exchange) {
    width(page.source()).refused(page.blocks());
  }
}
