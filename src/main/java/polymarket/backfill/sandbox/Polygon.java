package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * A Polygon JSON-RPC provider with the logs of the Conditional Tokens contract. Batches are
 * answered out of order; every third call is answered by a node that is behind; some logs are given
 * a second time as removed, with their own transaction before the valid one or with one that never
 * came to be after it.
 */
final class Polygon extends Source {
  static final String PREFIX = "/polygon";
  static final String CONTRACT = "0x4d97dcd97ec945f40cf65f87097ace5ea0476045";
  static final String PREPARATION =
      "0xab3760c3bd2bb38b5bcf54dc79802ed67338b4cf29f3054ded67ed24661e4177";
  static final String RESOLUTION =
      "0xb44d84d3289691f71497564b85d4233648d9dbae8cbdbb4329f301c3a0185894";
  static final String SINGLE = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62";
  static final String BATCH = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb";

  /**
   * free: 10 blocks; payg: any range with 10,000 logs, or 2,000 blocks with any number; infura:
   * 10,000 logs; the rest: blocks.
   */
  static final Set<String> STYLES =
      Set.of("free", "payg", "infura", "quicknode-free", "quicknode", "publicnode", "unlimited");

  private static final int MOST_LOGS = 10_000;
  private static final int MOST_CALLS = 1000;
  private static final long LONGEST_MARKET = 403L * 86_400;

  private final Universe universe;
  private volatile String style;

  Polygon(Universe universe) {
    super("polygon", PREFIX, List.of(new Limit("polygon calls", 300, 1000, request -> true)));
    this.universe = universe;
    style(universe.options.rpc());
  }

  void style(String name) {
    if (!STYLES.contains(name)) {
      throw new IllegalArgumentException(
          "rpc style '" + name + "' is none of " + new java.util.TreeSet<>(STYLES));
    }
    style = name;
  }

  /** The body as JSON, read once a request. */
  private static JsonNode json(Request request) {
    if (request.parsed == null) {
      try {
        request.parsed = Json.read(request.body);
      } catch (IOException e) {
        request.parsed = Json.MAPPER.missingNode();
      }
    }
    return request.parsed;
  }

  @Override
  int weight(Request request) {
    JsonNode body = json(request);
    return body.isArray() ? Math.max(1, body.size()) : 1;
  }

  /** An error of JSON-RPC, with the HTTP status it has when it stands alone. */
  private static final class RpcError extends Exception {
    final int status;
    final int code;
    final String data;

    RpcError(int status, int code, String message, String data) {
      super(message, null, false, false);
      this.status = status;
      this.code = code;
      this.data = data;
    }
  }

  @Override
  Answer answer(Request request) {
    JsonNode body = json(request);
    if (body.isObject()) {
      int[] rows = new int[1];
      try {
        StringBuilder out = begin(body);
        result(body, request, counter.get(), rows, out.append(",\"result\":"));
        return Answer.json(out.append('}')).rows(rows[0]);
      } catch (RpcError e) {
        return Answer.json(e.status, failed(body, e));
      }
    }
    if (!body.isArray() || body.isEmpty()) {
      return Answer.json(
          400,
          "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"parse"
              + " error\"}}");
    }
    if (body.size() > MOST_CALLS) {
      return Answer.json(
          400,
          "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"Batch size too"
              + " large: at most "
              + MOST_CALLS
              + " calls\"}}");
    }
    int[] rows = new int[1];
    StringBuilder out = new StringBuilder("[");
    int size = body.size();
    int turn = Mix.below(Mix.mix(universe.seed, counter.get()), size);
    for (int k = 0; k < size; k++) {
      JsonNode call = body.get((size - 1 - k + turn) % size);
      out.append(k > 0 ? "," : "");
      try {
        if ("batch-partial".equals(request.special) && k == 0) {
          throw new RpcError(200, -32603, "Internal error", null);
        }
        StringBuilder one = begin(call);
        result(call, request, counter.get() + k, rows, one.append(",\"result\":"));
        out.append(one).append('}');
      } catch (RpcError e) {
        out.append(failed(call, e));
      }
    }
    return Answer.json(out.append(']')).rows(rows[0]);
  }

  private static StringBuilder begin(JsonNode call) {
    return new StringBuilder(256)
        .append("{\"jsonrpc\":\"2.0\",\"id\":")
        .append(call.has("id") ? call.get("id").toString() : "null");
  }

  private static StringBuilder failed(JsonNode call, RpcError e) {
    StringBuilder out = begin(call).append(",\"error\":{\"code\":").append(e.code);
    if (e.data != null) {
      out.append(",\"data\":").append(e.data);
    }
    return Json.string(out.append(",\"message\":"), e.getMessage()).append("}}");
  }

  private long head(long nth) {
    return universe.headBlock() - (nth % 3 == 1 ? universe.options.rpcLag() : 0);
  }

  private void result(JsonNode call, Request request, long nth, int[] rows, StringBuilder out)
      throws RpcError {
    JsonNode params = call.path("params");
    switch (call.path("method").asText()) {
      case "eth_chainId" -> out.append("\"0x89\"");
      case "net_version" -> out.append("\"137\"");
      case "web3_clientVersion" -> out.append("\"bor/sandbox\"");
      case "eth_blockNumber" -> out.append('"').append(hex(head(nth))).append('"');
      case "eth_getBlockByNumber" -> block(out, number(params.path(0), nth), head(nth));
      case "eth_getLogs" -> rows[0] += logs(params.path(0), request, nth, out);
      default ->
          throw new RpcError(
              200,
              -32601,
              "the method " + call.path("method").asText() + " does not exist/is not available",
              null);
    }
  }

  private long number(JsonNode node, long nth) throws RpcError {
    String text = node.asText("latest");
    try {
      return switch (text) {
        case "latest", "pending", "" -> head(nth);
        case "finalized", "safe" -> head(nth) - 64;
        case "earliest" -> 0;
        default -> Long.parseLong(text.substring(2), 16);
      };
    } catch (RuntimeException e) {
      throw new RpcError(200, -32602, "invalid argument 0: hex string without 0x prefix", null);
    }
  }

  private void block(StringBuilder out, long number, long head) {
    if (number > head || number < 0) {
      out.append("null");
      return;
    }
    new Json.Obj(out)
        .put("number", hex(number))
        .put("hash", "0x" + universe.blockHash(number))
        .put("parentHash", "0x" + universe.blockHash(number - 1))
        .put("timestamp", hex(universe.timeOf(number)))
        .put("gasLimit", "0x2625a00")
        .put("gasUsed", "0x1312d00")
        .put("miner", "0x0000000000000000000000000000000000000000")
        .raw("transactions", "[]")
        .end();
  }

  static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  // ---- logs

  /** One log; order is its place among the market's logs. */
  record Log(long block, int market, int order, String transaction, String[] topics, String data) {}

  private int logs(JsonNode filter, Request request, long nth, StringBuilder out) throws RpcError {
    long from = number(filter.path("fromBlock"), nth);
    long to = number(filter.path("toBlock"), nth);
    if (from > to) {
      throw new RpcError(200, -32000, "invalid block range params", null);
    }
    checkRange(from, to);
    long until = Math.min(to, head(nth));
    if (!ours(filter.path("address"))) {
      out.append("[]");
      return 0;
    }
    boolean transfers =
        wants(filter.path("topics").path(0), SINGLE) || wants(filter.path("topics").path(0), BATCH);
    boolean small = to - from < 2000 && style.equals("payg") || style.equals("unlimited");
    if (!small && style.matches("payg|infura") && transfers && count(from, until) > MOST_LOGS) {
      throw tooLarge(from, to, until);
    }
    List<Log> all = logs(from, until);
    boolean times = nth % 2 == 0;
    out.append('[');
    int rows = 0;
    int index = -1;
    int place = 0;
    Log before = null;
    for (Log log : all) {
      boolean sameBlock = before != null && log.block == before.block;
      index = sameBlock ? index + 1 : 0;
      place = !sameBlock ? 0 : log.transaction.equals(before.transaction) ? place : place + 1;
      before = log;
      if (!wanted(filter.path("topics"), log.topics) || rows >= request.rowCap) {
        continue;
      }
      long reorg = Mix.mix(universe.seed, log.block, log.market, log.order);
      boolean twice = Mix.below(reorg, 500) == 0;
      boolean sameTransaction = Mix.below(Mix.mix(reorg), 2) == 0;
      if (twice && sameTransaction) {
        write(out.append(rows++ > 0 ? "," : ""), log, index, place, log.transaction, true, times);
      }
      write(out.append(rows++ > 0 ? "," : ""), log, index, place, log.transaction, false, times);
      if (twice && !sameTransaction) {
        write(
            out.append(rows++ > 0 ? "," : ""),
            log,
            index,
            place,
            "0x" + Mix.hex(reorg, 32),
            true,
            times);
      }
    }
    out.append(']');
    return rows;
  }

  private void checkRange(long from, long to) throws RpcError {
    long range = to - from + 1;
    switch (style) {
      case "free" -> {
        if (range > 10) {
          throw new RpcError(
              400,
              -32600,
              "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block"
                  + " range. Based on your parameters, this block range should work: ["
                  + hex(from)
                  + ", "
                  + hex(from + 9)
                  + "]. Upgrade to PAYG for expanded block range.",
              null);
        }
      }
      case "quicknode-free" -> {
        if (range > 5) {
          throw new RpcError(413, -32614, "eth_getLogs is limited to a 5 range", null);
        }
      }
      case "quicknode" -> {
        if (range > 10_000) {
          throw new RpcError(413, -32614, "eth_getLogs is limited to a 10,000 range", null);
        }
      }
      case "publicnode" -> {
        if (range > 10_000) {
          throw new RpcError(200, -32701, "exceed maximum block range: 10000", null);
        }
      }
      default -> {}
    }
  }

  private RpcError tooLarge(long from, long to, long until) {
    long fits = until;
    while (fits > from && count(from, fits) > MOST_LOGS) {
      fits = from + (fits - from) / 2;
    }
    if (style.equals("infura")) {
      return new RpcError(
          200,
          -32005,
          "query returned more than 10000 results. Try with this block range [0x"
              + Long.toHexString(from).toUpperCase()
              + ", 0x"
              + Long.toHexString(fits).toUpperCase()
              + "].",
          "{\"from\":\"" + hex(from) + "\",\"limit\":10000,\"to\":\"" + hex(fits) + "\"}");
    }
    return new RpcError(
        200,
        -32602,
        "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"
            + " and no limit on the response size, or you can request any block range with a cap of"
            + " 10K logs in the response. Based on your parameters and the response size limit,"
            + " this block range should work: ["
            + hex(from)
            + ", "
            + hex(fits)
            + "]",
        null);
  }

  private static boolean ours(JsonNode address) {
    if (address.isMissingNode() || address.isNull()) {
      return true;
    }
    if (address.isArray()) {
      for (JsonNode one : address) {
        if (one.asText().equalsIgnoreCase(CONTRACT)) {
          return true;
        }
      }
      return false;
    }
    return address.asText().equalsIgnoreCase(CONTRACT);
  }

  private static boolean wanted(JsonNode topics, String[] own) {
    for (int k = 0; k < topics.size(); k++) {
      if (k >= own.length || !wants(topics.get(k), own[k])) {
        return false;
      }
    }
    return true;
  }

  private static boolean wants(JsonNode topic, String own) {
    if (topic.isMissingNode() || topic.isNull()) {
      return true;
    }
    if (topic.isArray()) {
      for (JsonNode one : topic) {
        if (one.asText().equalsIgnoreCase(own)) {
          return true;
        }
      }
      return topic.isEmpty();
    }
    return topic.asText().equalsIgnoreCase(own);
  }

  private void write(
      StringBuilder out,
      Log log,
      int index,
      int place,
      String transaction,
      boolean removed,
      boolean times) {
    Json.Obj obj = new Json.Obj(out).put("address", CONTRACT);
    StringBuilder topics = new StringBuilder(290).append('[');
    for (int k = 0; k < log.topics.length; k++) {
      topics.append(k > 0 ? ",\"" : "\"").append(log.topics[k]).append('"');
    }
    obj.raw("topics", topics.append(']'))
        .raw("data", "\"" + log.data + "\"")
        .put("blockNumber", hex(log.block))
        .put("blockHash", "0x" + universe.blockHash(removed ? -log.block : log.block))
        .put("transactionHash", transaction)
        .put("transactionIndex", hex(place));
    if (times) {
      obj.put("blockTimestamp", hex(universe.timeOf(log.block)));
    }
    obj.put("logIndex", hex(index)).put("removed", removed).end();
  }

  /** Roughly how many logs of transfers a range has. */
  private long count(long from, long to) {
    long start = universe.timeOf(from);
    long end = universe.timeOf(to);
    double logs = 0;
    int last = universe.firstSince(end + universe.blockSeconds());
    for (int i = universe.firstSince(start - LONGEST_MARKET); i < last; i++) {
      long closes = Math.min(universe.closes(i), universe.now);
      if (universe.trades(i) > 0 && closes >= start && !universe.isVersion2(i)) {
        double share =
            (Math.min(end, closes) - Math.max(start, universe.created(i)) + 1.0)
                / (closes - universe.created(i) + 1.0);
        logs += Math.min(1, share) * universe.trades(i) * 2.75;
      }
    }
    return (long) logs;
  }

  /**
   * All logs of a range in the chain's order, whatever is asked for: their places in the blocks
   * depend on all of them.
   */
  List<Log> logs(long from, long to) {
    List<Log> all = new ArrayList<>();
    long start = universe.timeOf(from);
    long end = universe.timeOf(to);
    int last = universe.firstSince(end + universe.blockSeconds());
    for (int i = universe.firstSince(start - LONGEST_MARKET); i < last; i++) {
      if (universe.closes(i) + 3 * 86_400 < start && universe.created(i) < start - 86_400
          || universe.isVersion2(i)) {
        continue;
      }
      long created = universe.blockOf(universe.created(i));
      if (created >= from && created <= to) {
        all.add(preparation(universe.market(i), created));
      }
      long resolved = universe.resolved(i);
      if (resolved >= start && resolved <= end && resolved != 0) {
        all.add(resolution(universe.market(i)));
      }
      if (universe.closes(i) >= start - universe.blockSeconds() && universe.trades(i) > 0) {
        Market m = universe.market(i);
        int next = m.tradesUntil(end);
        for (int j = m.tradesUntil(start - 1); j < next; j++) {
          transfers(m, j, all);
        }
      }
    }
    all.sort(
        Comparator.comparingLong(Log::block)
            .thenComparingInt(Log::market)
            .thenComparingInt(Log::order));
    return all;
  }

  /**
   * The logs of a range as a node gives them, without those that were removed again; for the truth.
   */
  void write(long from, long to, Truth.Lines out) throws IOException {
    for (long block = from; block <= to; block += 20_000) {
      int index = 0;
      Log before = null;
      for (Log log : logs(block, Math.min(to, block + 19_999))) {
        index = before != null && before.block == log.block ? index + 1 : 0;
        before = log;
        StringBuilder text = new StringBuilder();
        write(text, log, index, 0, log.transaction, false, true);
        out.line(text.toString());
      }
    }
  }

  private static String pad(String hex) {
    String digits = hex.startsWith("0x") ? hex.substring(2).toLowerCase() : hex;
    return "0x" + "0".repeat(64 - digits.length()) + digits;
  }

  private static StringBuilder word(StringBuilder out, long value) {
    Mix.hex(out.append("000000000000000000000000000000000000000000000000"), value);
    return out;
  }

  private Log preparation(Market m, long block) {
    return new Log(
        block,
        m.number,
        0,
        "0x" + Mix.hex(m.hash(90), 32),
        new String[] {
          PREPARATION,
          m.condition.toString(),
          pad(universe.oracle(m.number)),
          "0x" + Mix.hex(universe.questionId(m.number))
        },
        word(new StringBuilder("0x"), m.outcomes).toString());
  }

  private Log resolution(Market m) {
    StringBuilder data = word(word(word(new StringBuilder("0x"), m.outcomes), 0x40), m.outcomes);
    for (long numerator : universe.chainPayout(m.number, m.condition)) {
      word(data, numerator);
    }
    return new Log(
        universe.blockOf(m.resolved),
        m.number,
        Integer.MAX_VALUE,
        "0x" + Mix.hex(m.hash(91), 32),
        new String[] {
          RESOLUTION,
          m.condition.toString(),
          pad(universe.oracle(m.number)),
          "0x" + Mix.hex(universe.questionId(m.number))
        },
        data.toString());
  }

  /**
   * A mint is a batch from nobody to the exchange and a transfer to each buyer; a merge the way
   * back; a sale one transfer.
   */
  private void transfers(Market m, int j, List<Log> all) {
    long time = m.time(j);
    long block = universe.blockOf(time);
    String transaction = "0x" + m.transaction(j);
    String exchange = pad(m.exchange(time));
    String nobody = pad("");
    List<Market.Leg> legs = m.legs(j);
    Market.Leg taker = legs.get(legs.size() - 1);
    int order = 1 + j * 8;
    if (m.outcomes > 2 || j % 4 == 2) {
      Market.Leg maker = legs.get(0);
      String seller = pad(m.address(taker.buy() ? maker.wallet() : taker.wallet()));
      String buyer = pad(m.address(taker.buy() ? taker.wallet() : maker.wallet()));
      all.add(
          single(
              m,
              block,
              order,
              transaction,
              exchange,
              seller,
              buyer,
              taker.outcome(),
              taker.size()));
      return;
    }
    if (taker.buy()) {
      all.add(batch(m, block, order++, transaction, exchange, nobody, exchange, taker.size()));
    }
    for (Market.Leg leg : legs) {
      String wallet = pad(m.address(leg.wallet()));
      all.add(
          single(
              m,
              block,
              order++,
              transaction,
              exchange,
              leg.buy() ? exchange : wallet,
              leg.buy() ? wallet : exchange,
              leg.outcome(),
              leg.size()));
    }
    if (!taker.buy()) {
      all.add(batch(m, block, order, transaction, exchange, exchange, nobody, taker.size()));
    }
  }

  private Log single(
      Market m,
      long block,
      int order,
      String transaction,
      String operator,
      String from,
      String to,
      int outcome,
      long value) {
    StringBuilder data =
        new StringBuilder(130).append("0x").append(universe.tokens.hex(m, outcome));
    return new Log(
        block,
        m.number,
        order,
        transaction,
        new String[] {SINGLE, operator, from, to},
        word(data, value).toString());
  }

  private Log batch(
      Market m,
      long block,
      int order,
      String transaction,
      String operator,
      String from,
      String to,
      long value) {
    StringBuilder data = word(word(word(new StringBuilder(520).append("0x"), 0x40), 0xa0), 2);
    data.append(universe.tokens.hex(m, 0)).append(universe.tokens.hex(m, 1));
    word(word(word(data, 2), value), value);
    return new Log(
        block,
        m.number,
        order,
        transaction,
        new String[] {BATCH, operator, from, to},
        data.toString());
  }

  @Override
  Answer tooMany(Request request, long waitMillis) {
    return Answer.json(
        429,
        failed(
            json(request),
            new RpcError(
                429,
                429,
                "Your app has exceeded its compute units per second capacity. If you have retries"
                    + " enabled, you can safely ignore this message. If not, check out"
                    + " https://docs.alchemy.com/reference/throughput",
                null)));
  }

  @Override
  Answer error(Request request, int status, String message) {
    return Answer.json(status, failed(json(request), new RpcError(status, -32000, message, null)));
  }

  @Override
  Answer errorInside200(Request request, String message) {
    JsonNode body = json(request);
    RpcError e = new RpcError(200, -32000, message, null);
    if (!body.isArray()) {
      return Answer.json(failed(body, e));
    }
    StringBuilder out = new StringBuilder("[");
    for (JsonNode call : body) {
      out.append(out.length() > 1 ? "," : "").append(failed(call, e));
    }
    return Answer.json(out.append(']'));
  }
}
