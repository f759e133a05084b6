package polymarket.backfill.polymarket;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.apache.camel.Body;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.Settings;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.source.RawRows;
import polymarket.backfill.source.RpcCalls;
import polymarket.backfill.source.SourceException;
import polymarket.backfill.source.Sources;

/**
 * The bean {@code logs} of routes whose ids are ranges of blocks and datasets: says which blocks
 * are asked for next, makes a source's request of it, and goes over the answer once. The logs stay
 * the bytes that came: they are counted, and the end of the answer is checked, before they are
 * inserted.
 */
public final class LogPages {

  /** Bytes of an answer that are aimed at: a few of them are held at once. */
  private static final long GOAL_BYTES = 16 << 20;

  /** Blocks of the first page of a source, whose density is not known then. */
  private static final long FIRST_WIDTH = 64;

  /** How long a server in trouble is left alone while others answer. */
  private static final long PROBE_MILLIS = 10_000;

  private static final long TROUBLED = 1L << 20;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Settings settings;
  private final Map<String, Job> jobs;
  private final Sources sources;
  private final ChainContracts contracts = ChainContracts.read();
  private final Map<String, PageWidth> widths = new ConcurrentHashMap<>();
  private final Map<String, RpcCalls.Limit> limits = new ConcurrentHashMap<>();

  /** Which server each batch asks, or asked last. */
  private final Map<String, Server> busy = new ConcurrentHashMap<>();

  /** The servers of each job. */
  private final Map<String, List<Server>> servers = new ConcurrentHashMap<>();

  /** When a server in trouble was last asked to see whether it answers again, by its pace. */
  private final Map<String, Long> probed = new ConcurrentHashMap<>();

  /**
   * Whom a page is asked of.
   *
   * @param source its route
   * @param pace the name of its own pace: that of the source, and of further servers with a number
   * @param url of its own; null where the route knows it
   */
  private record Server(String source, String pace, String url) {}

  public LogPages(Settings settings, Map<String, Job> jobs, Sources sources) {
    this.settings = settings;
    this.jobs = jobs;
    this.sources = sources;
  }

  private PageWidth width(String server) {
    return widths.computeIfAbsent(server, key -> new PageWidth(FIRST_WIDTH, GOAL_BYTES));
  }

  /** How many calls a server takes in a request, as its answers have shown. */
  private RpcCalls.Limit limit(String server) {
    return limits.computeIfAbsent(server, key -> new RpcCalls.Limit());
  }

  /**
   * Filters as a source takes them.
   *
   * @param topics how it calls the topics
   * @param first how it takes the first topic, any of which a log may have
   */
  private static List<Map<String, Object>> filters(
      List<ChainContracts.Filter> filters, String topics, Function<List<String>, Object> first) {
    return filters.stream()
        .map(
            filter -> {
              Map<String, Object> one = new LinkedHashMap<>();
              if (!filter.addresses().isEmpty()) {
                one.put("address", filter.addresses());
              }
              one.put(topics, first.apply(filter.topics()));
              return one;
            })
        .toList();
  }

  /**
   * The servers that a job asks: those of its sources that are in use; of one whose setting has
   * several URLs, each.
   */
  private List<Server> servers(String job) {
    return servers.computeIfAbsent(
        job,
        name -> {
          List<Server> all = new ArrayList<>();
          for (Map.Entry<String, String> source : jobs.get(name).sources(settings).entrySet()) {
            String[] urls = source.getValue().strip().split("[\\s,]+");
            for (int i = 0; i < urls.length; i++) {
              all.add(
                  new Server(
                      source.getKey(),
                      source.getKey() + (i == 0 ? "" : "-" + (i + 1)),
                      urls[i].startsWith("http") ? urls[i] : null));
            }
          }
          return List.copyOf(all);
        });
  }

  /**
   * The server for a batch: of those that answer, the one that the fewest batches ask; after a
   * failure another one than before, where there is one. One in trouble is asked now and then.
   */
  private synchronized Server choose(BatchWork batch) {
    List<Server> all = servers(batch.getJob());
    Server before = busy.remove(batch.getKey());
    Server best = null;
    long fewest = Long.MAX_VALUE;
    for (Server server : all) {
      long asking = busy.values().stream().filter(server::equals).count();
      if (all.size() > 1) {
        asking = 2 * asking + (server.equals(before) && batch.failures().count() > 0 ? 1 : 0);
        if (sources.get(server.pace()).trouble() != null) {
          long now = System.currentTimeMillis();
          if (now - probed.getOrDefault(server.pace(), 0L) < PROBE_MILLIS) {
            asking += TROUBLED;
          } else {
            probed.put(server.pace(), now);
            asking = 0;
          }
        }
      }
      if (asking < fewest) {
        fewest = asking;
        best = server;
      }
    }
    busy.put(batch.getKey(), best);
    return best;
  }

  /**
   * Whom to ask for the newest block, or for a single one: the first of the servers.
   *
   * @param number of the block; null for the newest
   */
  public LogPage head(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.NUMBER) Long number) {
    Server first = servers(batch.getJob()).get(0);
    busy.put(batch.getKey(), first);
    long block = number == null ? 0 : number;
    return new LogPage(first.source(), first.pace(), List.of(), block, block, block);
  }

  /** The name of the pace of the server that is asked. */
  public String server(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return busy.get(batch.getKey()).pace();
  }

  /** The URL of the server that is asked. It may hold a key. */
  public String url(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return busy.get(batch.getKey()).url();
  }

  /**
   * The blocks that a batch asks for now, and whom: from its cursor on, as many as the server's
   * answers have shown to be good, and half as many with each failure.
   */
  public LogPage page(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    Server server = choose(batch);
    List<String> ids = batch.getIds();
    long first =
        batch.getCursor() == null ? Ranges.first(ids.get(0)) : Long.parseLong(batch.getCursor());
    int place = 0;
    while (Ranges.last(ids.get(place)) < first) {
      place++;
    }
    String id = ids.get(place);
    long width =
        Math.max(1, width(server.pace()).blocks() >> Math.min(32, batch.failures().count()));
    return new LogPage(
        server.source(),
        server.pace(),
        Ranges.datasets(id),
        first,
        Math.min(Ranges.last(id), first + width - 1),
        Ranges.last(id));
  }

  // ---- a portal: NDJSON, a block a line

  /** The body of a request to a portal. */
  public String portal(@ExchangeProperty(ExchangeProperties.PAGE) LogPage page)
      throws JsonProcessingException {
    return portal(page.first(), page.last(), contracts.exact(page.datasets()));
  }

  /** The body of the request that a page of a portal is asked for with. */
  public static String portalRequest(long first, long last, List<String> datasets)
      throws JsonProcessingException {
    return portal(first, last, ChainContracts.read().exact(datasets));
  }

  private static String portal(long first, long last, List<ChainContracts.Filter> filters)
      throws JsonProcessingException {
    Map<String, Object> query = new LinkedHashMap<>();
    query.put("type", "evm");
    query.put("fromBlock", first);
    query.put("toBlock", last);
    query.put(
        "fields",
        Map.of(
            "block",
            Map.of("number", true, "hash", true, "parentHash", true, "timestamp", true),
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
    query.put("logs", filters(filters, "topic0", of -> of));
    return JSON.writeValueAsString(query);
  }

  /**
   * Takes the answer of a portal: the blocks with logs and the last block that it covers. It may
   * end before the last one that was asked for; the next page goes on behind it.
   *
   * @throws SourceException where it is cut, or holds what was not asked for
   */
  public RawRows fromPortal(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.PAGE) LogPage page,
      @Body byte[] body)
      throws SourceException {
    PortalAnswer answer = PortalAnswer.read(page, body);
    return page(
        batch, page, answer.last(), answer.hashes(), answer.lines(), answer.logs().distinct());
  }

  // ---- what is the same for all

  /**
   * Notes how far an answer came, and makes it the page that is stored.
   *
   * @param hashes of blocks: the last one's, and that of the block before the first where the
   *     source says it, so that a page of another chain beside it is found
   */
  private RawRows page(
      BatchWork batch, LogPage page, long last, BlockHashes hashes, byte[] rows, long logs)
      throws SourceException {
    width(page.server()).answered(last - page.first() + 1, rows.length);
    List<String> ids = batch.getIds();
    if (last >= Ranges.last(ids.get(ids.size() - 1))) {
      batch.pages().end();
      busy.remove(batch.getKey());
    } else {
      long behind = last + 1;
      String next =
          ids.stream()
              .filter(id -> Ranges.last(id) >= behind)
              .map(id -> String.valueOf(Math.max(behind, Ranges.first(id))))
              .findFirst()
              .orElseThrow();
      if (batch.pages().add(null, next, next, 0) != null) {
        throw new SourceException(page.source() + " came no further than block " + last);
      }
    }
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("datasets", page.datasets());
    values.put("came_from", page.source());
    values.put("page_first", page.first());
    values.put("page_last", last);
    values.put("page_hash", hashes.of(last));
    values.put("page_parent", hashes.of(page.first() - 1));
    return new RawRows(
        "default." + batch.getTable() + "_from_" + page.source(), rows, logs, values);
  }

  // ---- a JSON-RPC node

  /** The calls of a page to a node. */
  public NodePage node(@ExchangeProperty(ExchangeProperties.PAGE) LogPage page) {
    return new NodePage(
        limit(page.server()), page, contracts.wide(page.datasets()), width(page.server()));
  }

  /** Takes a node's answer; there may be more to ask for then. */
  public void taken(@ExchangeProperty(ExchangeProperties.SCAN) NodePage calls, @Body byte[] body)
      throws SourceException {
    calls.take(body);
  }

  /** The page that a node's answers make up. */
  public RawRows fromNode(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.SCAN) NodePage calls)
      throws SourceException {
    LogPage page = calls.page();
    return page(batch, page, page.last(), calls.hashes(), calls.lines(), calls.count());
  }

  // ---- HyperSync: blocks and logs in one object

  /** The body of a request to HyperSync. */
  public String hyperSync(@ExchangeProperty(ExchangeProperties.PAGE) LogPage page)
      throws JsonProcessingException {
    Map<String, Object> query = new LinkedHashMap<>();
    query.put("from_block", page.first());
    query.put("to_block", page.last() + 1);
    query.put("logs", filters(contracts.exact(page.datasets()), "topics", List::of));
    query.put(
        "field_selection",
        Map.of(
            "block",
            List.of("number", "timestamp", "hash", "parent_hash"),
            "log",
            List.of(
                "block_number",
                "log_index",
                "transaction_hash",
                "address",
                "data",
                "topic0",
                "topic1",
                "topic2",
                "topic3")));
    return JSON.writeValueAsString(query);
  }

  /**
   * Takes HyperSync's answer. It covers the blocks up to {@code next_block}, where the next page
   * begins.
   *
   * @throws SourceException where it is cut, or holds what was not asked for
   */
  public RawRows fromHyperSync(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.PAGE) LogPage page,
      @Body byte[] body)
      throws SourceException {
    HyperSyncAnswer answer = HyperSyncAnswer.read(page, body);
    if (answer.next() < page.first()) {
      throw page.other("up to block " + (answer.next() - 1));
    }
    if (answer.next() == page.first()) {
      throw new SourceException(
          page.source() + " has no block " + page.first() + " yet", 0, true, 0, false);
    }
    if (answer.next() > page.last() + 1) {
      throw page.other("up to block " + (answer.next() - 1));
    }
    return page(
        batch, page, answer.next() - 1, answer.hashes(), answer.lines(), answer.logs().distinct());
  }

  /** HyperSync's newest block as a job's reach. */
  public Map<String, Object> hyperSyncHead(@Body byte[] body, long behind, long widest)
      throws SourceException {
    return reach(body, "height", behind, widest);
  }

  private static Map<String, Object> reach(byte[] body, String field, long behind, long widest)
      throws SourceException {
    try {
      if (JSON.readValue(body, Map.class).get(field) instanceof Number head) {
        return Map.of("last", head.longValue() - behind, "widest", widest);
      }
    } catch (java.io.IOException e) {
      // said below
    }
    throw new SourceException("a source of logs did not say which block is its newest");
  }

  /** A portal's newest block as a job's reach. */
  public Map<String, Object> portalHead(@Body byte[] body, long behind, long widest)
      throws SourceException {
    return reach(body, "number", behind, widest);
  }

  /**
   * A node's newest block as a job's reach, whatever a call takes: a range is asked for in pages.
   */
  public Map<String, Object> nodeHead(@Body Map<String, Object> reached, long widest) {
    return Map.of("last", reached.get("last"), "widest", widest);
  }

  // ---- the hash of a block

  /** A portal's hash of the one block that it was asked for. */
  public String portalMark(
      @ExchangeProperty(ExchangeProperties.PAGE) LogPage page, @Body byte[] body)
      throws SourceException {
    return PortalAnswer.read(page, body).hashes().of(page.first());
  }

  /** HyperSync's hash of the one block that it was asked for. */
  public String hyperSyncMark(
      @ExchangeProperty(ExchangeProperties.PAGE) LogPage page, @Body byte[] body)
      throws SourceException {
    return HyperSyncAnswer.read(page, body).hashes().of(page.first());
  }

  /** The call for a block. */
  public RpcCalls nodeBlock(@ExchangeProperty(ExchangeProperties.PAGE) LogPage page) {
    RpcCalls calls = new RpcCalls(limit(page.server()), null, 1);
    calls.add(
        RpcCalls.call(
            page.first(), "eth_getBlockByNumber", "0x" + Long.toHexString(page.first()), false));
    return calls;
  }

  /** A node's hash of that block; empty where it does not have it. */
  public String nodeMark(
      @ExchangeProperty(ExchangeProperties.PAGE) LogPage page,
      @ExchangeProperty(ExchangeProperties.SCAN) RpcCalls calls)
      throws SourceException {
    if (calls.answer(page.first()).get("error") != null) {
      throw new SourceException(
          page.source() + " answered with an error: " + calls.failure(page.first()));
    }
    return calls.result(page.first()) instanceof Map<?, ?> block
        ? String.valueOf(block.get("hash"))
        : "";
  }

  /** A reach with what says which chain it is of: the hash of a fixed block. */
  public Map<String, Object> identified(
      @ExchangeProperty(ExchangeProperties.REACH) Map<String, Object> reach,
      @ExchangeProperty(ExchangeProperties.NUMBER) Long number,
      @Body String hash) {
    Map<String, Object> identified = new LinkedHashMap<>(reach);
    identified.put("identity", "block " + number + " is " + hash);
    return identified;
  }
}
