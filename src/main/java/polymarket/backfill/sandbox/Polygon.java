package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Set;

/**
 * A Polygon JSON-RPC provider. Batches are answered out of order; every third call is answered by a
 * node that is behind; some logs are given a second time as removed, with their own transaction
 * before the valid one or with one that was dropped after it.
 */
final class Polygon extends Source {
  static final String PREFIX = "/polygon";
  static final String CONTRACT = Contracts.CTF;
  static final String PREPARATION = ChainEvents.PREPARATION.topic0;
  static final String RESOLUTION = ChainEvents.RESOLUTION.topic0;
  static final String SINGLE = ChainEvents.SINGLE.topic0;
  static final String BATCH = ChainEvents.BATCH.topic0;

  /**
   * free: 10 blocks; payg: any range with 10,000 logs, or 2,000 blocks with any number; infura:
   * 10,000 logs; the rest: blocks.
   */
  static final Set<String> STYLES =
      Set.of("free", "payg", "infura", "quicknode-free", "quicknode", "publicnode", "unlimited");

  private static final int MOST_LOGS = 10_000;
  private static final int MOST_CALLS = 1000;
  private static final String EMPTY_BLOOM = "0x" + "0".repeat(512);

  private final Universe universe;
  private final Chain chain;
  private volatile String style;

  Polygon(Chain chain) {
    super("polygon", PREFIX, List.of(new Limit("polygon calls", 300, 1000, request -> true)));
    this.chain = chain;
    universe = chain.universe;
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

  /** Every third call comes to a node that is behind. */
  private Chain.View view(Request request, long nth) {
    return chain.view(request, nth % 3 == 1 ? universe.options.rpcLag() : 0);
  }

  private void result(JsonNode call, Request request, long nth, int[] rows, StringBuilder out)
      throws RpcError {
    JsonNode params = call.path("params");
    Chain.View view = view(request, nth);
    switch (call.path("method").asText()) {
      case "eth_chainId" -> out.append("\"0x89\"");
      case "net_version" -> out.append("\"137\"");
      case "web3_clientVersion" -> out.append("\"bor/sandbox\"");
      case "eth_blockNumber" -> out.append('"').append(hex(view.head())).append('"');
      case "eth_getBlockByNumber" -> block(out, number(params.path(0), view), view);
      case "eth_getLogs" -> rows[0] += logs(params.path(0), request, view, nth, out);
      case "eth_getTransactionReceipt" -> receipt(params.path(0).asText(), view, out);
      case "eth_call" -> out.append(balances(params, view));
      default ->
          throw new RpcError(
              200,
              -32601,
              "the method " + call.path("method").asText() + " does not exist/is not available",
              null);
    }
  }

  private static long number(JsonNode node, Chain.View view) throws RpcError {
    String text = node.asText("latest");
    try {
      return switch (text) {
        case "latest", "pending", "" -> view.head();
        case "finalized", "safe" -> view.head() - 64;
        case "earliest" -> 0;
        default -> Long.parseLong(text.substring(2), 16);
      };
    } catch (RuntimeException e) {
      throw new RpcError(200, -32602, "invalid argument 0: hex string without 0x prefix", null);
    }
  }

  private static void block(StringBuilder out, long number, Chain.View view) {
    if (number > view.head() || number < 0) {
      out.append("null");
      return;
    }
    new Json.Obj(out)
        .put("number", hex(number))
        .put("hash", view.hash(number))
        .put("parentHash", view.hash(number - 1))
        .put("timestamp", hex(view.time(number)))
        .put("gasLimit", "0x2625a00")
        .put("gasUsed", "0x1312d00")
        .put("miner", Contracts.NOBODY)
        .raw("transactions", "[]")
        .end();
  }

  /** The receipt of a transaction of which a source has served a log lately; null for others. */
  private void receipt(String hash, Chain.View view, StringBuilder out) {
    long block = hash.length() == 66 ? chain.blockOf(hash) : -1;
    StringBuilder logs = new StringBuilder("[");
    int[] place = {-1};
    if (block >= 0) {
      view.logs(
          block,
          block,
          LogFilter.of(null),
          log -> {
            if (log.transaction().equals(hash)) {
              place[0] = log.place();
              write(logs.append(logs.length() > 1 ? "," : ""), log, view, hash, false, false);
            }
          });
    }
    if (place[0] < 0) {
      out.append("null");
      return;
    }
    new Json.Obj(out)
        .put("transactionHash", hash)
        .put("transactionIndex", hex(place[0]))
        .put("blockHash", view.hash(block))
        .put("blockNumber", hex(block))
        .put("status", "0x1")
        .put("logsBloom", EMPTY_BLOOM)
        .raw("logs", logs.append(']'))
        .end();
  }

  private String balances(JsonNode params, Chain.View view) throws RpcError {
    long block = number(params.path(1), view);
    Damage pruned = Damage.of(view.request(), "pruned");
    if (pruned != null && block < view.head() - pruned.blocks()) {
      throw new RpcError(200, -32000, "missing trie node: state is not available", null);
    }
    String answer = new EthCall(chain).answer(params.path(0), block);
    if (answer == null) {
      throw new RpcError(200, 3, "execution reverted", null);
    }
    return '"' + answer + '"';
  }

  static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  // ---- logs

  /** Ends the making of an answer that has become too large. */
  private static final class TooMany extends RuntimeException {
    final long block;

    TooMany(long block) {
      super(null, null, false, false);
      this.block = block;
    }
  }

  private int logs(JsonNode filter, Request request, Chain.View view, long nth, StringBuilder out)
      throws RpcError {
    if (filter.has("blockHash")) {
      throw new RpcError(200, -32602, "blockHash is not known to the sandbox: ask by range", null);
    }
    long from = number(filter.path("fromBlock"), view);
    long to = number(filter.path("toBlock"), view);
    if (from > to) {
      throw new RpcError(200, -32000, "invalid block range params", null);
    }
    checkRange(from, to);
    checkDamage(request, view, from, to);
    boolean small = to - from < 2000 && style.equals("payg");
    int most = !small && style.matches("payg|infura") ? MOST_LOGS : Integer.MAX_VALUE;
    boolean times = nth % 2 == 0;
    int[] rows = new int[2];
    long back = view.back(from, to);
    out.append('[');
    try {
      view.logs(
          from - back,
          to - back,
          LogFilter.ofNode(filter),
          log -> {
            if (rows[1]++ >= most) {
              throw new TooMany(log.block());
            }
            if (rows[0] < request.rowCap) {
              give(out, log, view, times, rows);
            }
          });
    } catch (TooMany e) {
      throw tooLarge(from, to, Math.max(from, e.block - 1));
    }
    out.append(']');
    return rows[0];
  }

  /** Gives a log, and some a second time as removed. */
  private void give(StringBuilder out, LogOut.Log log, Chain.View view, boolean times, int[] rows) {
    long reorg = Mix.mix(universe.seed, log.block(), log.index());
    boolean twice = Mix.below(reorg, 500) == 0;
    boolean sameTransaction = Mix.below(Mix.mix(reorg), 2) == 0;
    String own = log.transaction();
    if (twice && sameTransaction) {
      write(out.append(rows[0]++ > 0 ? "," : ""), log, view, own, true, times);
    }
    write(out.append(rows[0]++ > 0 ? "," : ""), log, view, own, false, times);
    if (twice && !sameTransaction) {
      String other = "0x" + Mix.hex(reorg, 32);
      write(out.append(rows[0]++ > 0 ? "," : ""), log, view, other, true, times);
    }
  }

  private static void checkDamage(Request request, Chain.View view, long from, long to)
      throws RpcError {
    Damage pruned = Damage.of(request, "pruned");
    if (pruned != null && from < view.head() - pruned.blocks()) {
      throw new RpcError(200, -32701, "History has been pruned for this block", null);
    }
    Damage cap = Damage.of(request, "range-cap");
    if (cap != null && to - from + 1 > cap.blocks()) {
      throw new RpcError(200, -32701, "exceed maximum block range: " + cap.blocks(), null);
    }
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

  /** fits: the last block with which the logs are few enough. */
  private RpcError tooLarge(long from, long to, long fits) {
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

  private void write(
      StringBuilder out,
      LogOut.Log log,
      Chain.View view,
      String transaction,
      boolean removed,
      boolean times) {
    Json.Obj obj = new Json.Obj(out).put("address", log.address());
    StringBuilder topics = new StringBuilder(290).append('[');
    for (int k = 0; k < log.topics().length; k++) {
      topics.append(k > 0 ? ",\"" : "\"").append(log.topics()[k]).append('"');
    }
    obj.raw("topics", topics.append(']'))
        .raw("data", "\"" + log.data() + "\"")
        .put("blockNumber", hex(log.block()))
        .put(
            "blockHash", removed ? "0x" + universe.blockHash(-log.block()) : view.hash(log.block()))
        .put("transactionHash", transaction)
        .put("transactionIndex", hex(log.place()));
    if (times) {
      obj.put("blockTimestamp", hex(view.time(log.block())));
    }
    obj.put("logIndex", hex(log.index())).put("removed", removed).end();
  }

  /** The logs of a range as a node gives them, without those that were removed; for the truth. */
  void write(long from, long to, String address, Truth.Lines out) throws IOException {
    Chain.View view = chain.view(new Request("GET", "/", java.util.Map.of(), new byte[0]), 0);
    try {
      view.logs(
          from,
          to,
          LogFilter.of(address),
          log -> {
            StringBuilder text = new StringBuilder();
            write(text, log, view, log.transaction(), false, true);
            try {
              out.line(text.toString());
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
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
