package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.List;

/**
 * HyperSync of Polygon over JSON: needs a token, answers with a part of the blocks that are asked
 * for, and says where to go on.
 */
final class HyperSync extends Source {
  static final String PREFIX = "/hypersync";

  /** The token that the sandbox takes. */
  static final String TOKEN = "sandbox-hypersync-token";

  /** An answer ends with the block in which it reaches this many logs. */
  private static final int MOST_LOGS = 20_000;

  private static final List<String> BLOCK = List.of("number", "timestamp", "hash", "parent_hash");
  private static final List<String> LOG =
      List.of(
          "log_index",
          "transaction_index",
          "transaction_hash",
          "block_hash",
          "block_number",
          "address",
          "data",
          "topic0",
          "topic1",
          "topic2",
          "topic3");

  private final Chain chain;

  HyperSync(Chain chain) {
    super("hypersync", PREFIX, List.of(new Limit("hypersync", 200, 60_000, request -> true)));
    this.chain = chain;
  }

  @Override
  Answer answer(Request request) {
    Chain.View view = chain.view(request, 0);
    if (request.method.equals("GET") && request.path.equals("/height")) {
      return Answer.json("{\"height\":" + view.head() + "}");
    }
    if (!request.path.equals("/query") || !request.method.equals("POST")) {
      return Answer.text(404, "not found");
    }
    if (!request.headers.getOrDefault("authorization", "").equals("Bearer " + TOKEN)) {
      return Answer.json(403, "{\"error\":\"Your token does not have access to this product\"}");
    }
    JsonNode query;
    try {
      query = Json.read(request.body);
    } catch (IOException e) {
      return Answer.text(400, "failed to parse query");
    }
    if (!query.path("from_block").canConvertToExactIntegral()) {
      return Answer.text(400, "missing field `from_block`");
    }
    Damage cap = Damage.of(request, "range-cap");
    long from = query.get("from_block").asLong();
    long to = Math.min(query.path("to_block").asLong(Long.MAX_VALUE), view.head() + 1);
    if (cap != null && to - from > cap.blocks()) {
      return Answer.text(413, "response size too large: ask for a smaller range");
    }
    long back = to > from ? view.back(from, to - 1) : 0;
    return query(request, query, view, from - back, Math.max(from, to) - back);
  }

  /** Ends an answer that has enough logs. */
  private static final class Enough extends RuntimeException {
    Enough() {
      super(null, null, false, false);
    }
  }

  /** to is exclusive. */
  private Answer query(Request request, JsonNode query, Chain.View view, long from, long to) {
    long started = System.nanoTime();
    JsonNode select = query.path("field_selection");
    StringBuilder blocks = new StringBuilder("[");
    StringBuilder logs = new StringBuilder("[");
    long[] at = {-1, 0, to};
    try {
      view.logs(
          from,
          to - 1,
          LogFilter.ofHyperSync(query.path("logs")),
          log -> {
            if (log.block() != at[0]) {
              if (at[1] >= MOST_LOGS) {
                at[2] = log.block();
                throw new Enough();
              }
              at[0] = log.block();
              block(blocks, select.path("block"), view, at[0]);
            }
            if (at[1] < request.rowCap) {
              log(logs, select.path("log"), view, log);
              at[1]++;
            }
          });
    } catch (Enough e) {
      // the next question begins with the block that did not fit
    }
    StringBuilder out =
        new StringBuilder(logs.length() + blocks.length() + 500)
            .append("{\"data\":[{\"blocks\":")
            .append(blocks.append(']'))
            .append(",\"transactions\":[],\"logs\":")
            .append(logs.append(']'))
            .append(",\"traces\":[]}],\"archive_height\":")
            .append(view.head())
            .append(",\"next_block\":")
            .append(at[2])
            .append(",\"total_execution_time\":")
            .append((System.nanoTime() - started) / 1_000_000)
            .append(",\"rollback_guard\":");
    guard(out, view, from, at[2] - 1);
    return Answer.json(out.append('}')).rows((int) at[1]);
  }

  private static void guard(StringBuilder out, Chain.View view, long first, long last) {
    new Json.Obj(out)
        .put("block_number", last)
        .put("timestamp", view.time(last))
        .put("hash", view.hash(last))
        .put("first_block_number", first)
        .put("first_parent_hash", view.hash(first - 1))
        .end();
  }

  private static boolean wants(JsonNode fields, String name) {
    for (JsonNode field : fields) {
      if (field.asText().equals(name)) {
        return true;
      }
    }
    return false;
  }

  private static void block(StringBuilder out, JsonNode fields, Chain.View view, long number) {
    Json.Obj obj = new Json.Obj(out.append(out.length() > 1 ? "," : ""));
    for (String name : BLOCK) {
      if (wants(fields, name)) {
        switch (name) {
          case "number" -> obj.put(name, number);
          case "timestamp" -> obj.put(name, Polygon.hex(view.time(number)));
          case "hash" -> obj.put(name, view.hash(number));
          default -> obj.put(name, view.hash(number - 1));
        }
      }
    }
    obj.end();
  }

  private static void log(StringBuilder out, JsonNode fields, Chain.View view, LogOut.Log log) {
    Json.Obj obj = new Json.Obj(out.append(out.length() > 1 ? "," : ""));
    for (String name : LOG) {
      if (!wants(fields, name)) {
        continue;
      }
      switch (name) {
        case "log_index" -> obj.put(name, log.index());
        case "transaction_index" -> obj.put(name, log.place());
        case "transaction_hash" -> obj.put(name, log.transaction());
        case "block_hash" -> obj.put(name, view.hash(log.block()));
        case "block_number" -> obj.put(name, log.block());
        case "address" -> obj.put(name, log.address());
        case "data" -> obj.put(name, log.data());
        default -> {
          int topic = name.charAt(5) - '0';
          obj.put(name, topic < log.topics().length ? log.topics()[topic] : null);
        }
      }
    }
    obj.end();
  }

  @Override
  Answer tooMany(Request request, long waitMillis) {
    return Answer.text(429, "Too Many Requests")
        .header("Retry-After", String.valueOf((waitMillis + 999) / 1000));
  }

  @Override
  Answer error(Request request, int status, String message) {
    return Answer.text(status, message);
  }

  @Override
  Answer errorInside200(Request request, String message) {
    return Answer.json("{\"error\":" + Json.quoted(message) + "}");
  }
}
