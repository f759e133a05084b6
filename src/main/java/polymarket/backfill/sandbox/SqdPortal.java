package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The SQD Portal's dataset polygon-mainnet: blocks with the logs that are asked for, one JSON
 * object a line. An answer holds the matching blocks and the last block that it covers, and may end
 * before the last that is asked for.
 */
final class SqdPortal extends Source {
  static final String PREFIX = "/sqd";
  static final String DATASET = "/datasets/polygon-mainnet";

  /** An answer ends with the block in which it has grown so large. */
  private static final int MOST_BYTES = 8 << 20;

  /** Every third answer covers a part of its blocks, as an archive's chunks end somewhere. */
  private static final int SHORTER = 3;

  /** How far the finalized head is behind the head. */
  private static final int FINALITY = 64;

  private final Chain chain;

  SqdPortal(Chain chain) {
    super("sqd", PREFIX, List.of(new Limit("sqd", 20, 10_000, request -> true)));
    this.chain = chain;
  }

  @Override
  Answer answer(Request request) {
    if (!request.path.startsWith(DATASET + "/")) {
      return Answer.text(404, "Unknown dataset: " + request.path.replaceAll("^/datasets/|/.*", ""));
    }
    String end = request.path.substring(DATASET.length() + 1);
    Chain.View view = chain.view(request, 0);
    return switch (request.method + " " + end) {
      case "GET head" -> head(view, view.head());
      case "GET finalized-head" -> head(view, view.head() - FINALITY);
      case "POST stream" -> stream(request, view, view.head());
      case "POST finalized-stream" -> stream(request, view, view.head() - FINALITY);
      default -> Answer.text(404, "Not found");
    };
  }

  private static Answer head(Chain.View view, long number) {
    return Answer.json(
        new Json.Obj(new StringBuilder())
            .put("number", number)
            .put("hash", view.hash(number))
            .end());
  }

  private static Answer bad(String why) {
    return Answer.text(400, "Bad request: " + why);
  }

  private Answer stream(Request request, Chain.View view, long head) {
    JsonNode query;
    try {
      query = Json.read(request.body);
    } catch (IOException e) {
      return bad("Couldn't parse request: " + e.getMessage().lines().findFirst().orElse(""));
    }
    if (!query.path("type").asText().equals("evm")) {
      return bad("Couldn't parse request: unknown query type");
    }
    if (!query.path("fromBlock").canConvertToExactIntegral()) {
      return bad("Couldn't parse request: missing field `fromBlock`");
    }
    long from = query.get("fromBlock").asLong();
    long to = query.path("toBlock").asLong(Long.MAX_VALUE);
    if (from > to) {
      return bad("Couldn't parse request: fromBlock is greater than toBlock");
    }
    String upper = upperCase(query.path("logs"));
    if (upper != null) {
      return bad("Couldn't parse request: invalid hex value " + upper);
    }
    if (from > head) {
      return finality(Answer.text(204, ""), view);
    }
    String parent = query.path("parentBlockHash").asText("");
    if (!parent.isEmpty() && !parent.equals(view.hash(from - 1))) {
      return conflict(view, from);
    }
    long last = Math.min(to, head);
    long back = view.back(from, last);
    return finality(blocks(request, query, view, from - back, last - back), view);
  }

  /** A filter's hex that is not lower case, or null. */
  private static String upperCase(JsonNode logs) {
    for (JsonNode clause : logs) {
      for (JsonNode list : clause) {
        for (JsonNode one : list) {
          if (one.isTextual() && !one.asText().equals(one.asText().toLowerCase())) {
            return one.asText();
          }
        }
      }
    }
    return null;
  }

  private static Answer finality(Answer answer, Chain.View view) {
    long number = view.head() - FINALITY;
    return answer
        .header("X-Sqd-Finalized-Head-Number", String.valueOf(number))
        .header("X-Sqd-Finalized-Head-Hash", view.hash(number));
  }

  /** The chain has another block before the first that is asked for. */
  private static Answer conflict(Chain.View view, long from) {
    StringBuilder out = new StringBuilder("{\"previousBlocks\":[");
    for (long block = Math.max(0, from - 10); block < from; block++) {
      out.append(out.length() > 20 ? "," : "");
      new Json.Obj(out).put("number", block).put("hash", view.hash(block)).end();
    }
    return Answer.json(409, out.append("]}"));
  }

  /** Ends an answer that is long enough. */
  private static final class Enough extends RuntimeException {
    Enough() {
      super(null, null, false, false);
    }
  }

  private Answer blocks(Request request, JsonNode query, Chain.View view, long from, long to) {
    long nth = counter.get();
    long last = nth % SHORTER == 0 && to > from ? from + (to - from) * 2 / 3 : to;
    Lines lines = new Lines(query.path("fields"), view, request.rowCap);
    LogFilter filter = LogFilter.ofPortal(query.path("logs"));
    try {
      view.logs(from, last, filter, lines::log);
    } catch (Enough e) {
      last = lines.block;
    }
    lines.end();
    if (query.path("includeAllBlocks").asBoolean(false)) {
      lines.fill(from, last);
    } else if (lines.block != last) {
      lines.header(last);
    }
    Answer answer = Answer.ndjson(lines.out).rows(lines.logs);
    answer.chunked = true;
    return answer;
  }

  /** The lines of an answer. */
  private static final class Lines {
    private final JsonNode blockFields;
    private final JsonNode logFields;
    private final Chain.View view;
    private final int most;
    private final StringBuilder out = new StringBuilder(1 << 16);
    private final List<Long> headers = new ArrayList<>();
    private long block = -1;
    private int logs;
    private boolean open;

    Lines(JsonNode fields, Chain.View view, int most) {
      blockFields = fields.path("block");
      logFields = fields.path("log");
      this.view = view;
      this.most = most;
    }

    void log(LogOut.Log log) {
      if (log.block() != block) {
        end();
        if (out.length() > MOST_BYTES) {
          throw new Enough();
        }
        block = log.block();
        openBlock(block);
        out.append(",\"logs\":[");
        open = true;
      }
      if (logs < most) {
        out.append(out.charAt(out.length() - 1) == '[' ? "" : ",");
        write(log);
        logs++;
      }
    }

    private void openBlock(long number) {
      headers.add(number);
      Json.Obj header = new Json.Obj(out.append("{\"header\":")).put("number", number);
      if (blockFields.path("hash").asBoolean(true)) {
        header.put("hash", view.hash(number));
      }
      if (blockFields.path("parentHash").asBoolean(false)) {
        header.put("parentHash", view.hash(number - 1));
      }
      if (blockFields.path("timestamp").asBoolean(false)) {
        header.put("timestamp", view.time(number));
      }
      header.end();
    }

    void header(long number) {
      openBlock(number);
      out.append("}\n");
    }

    void end() {
      if (open) {
        out.append("]}\n");
        open = false;
      }
    }

    /** Every block gets a line: those without logs come where they belong. */
    void fill(long from, long to) {
      String[] lines = out.isEmpty() ? new String[0] : out.toString().split("\n");
      List<Long> with = new ArrayList<>(headers);
      out.setLength(0);
      int next = 0;
      for (long number = from; number <= to; number++) {
        if (next < with.size() && with.get(next) == number) {
          out.append(lines[next++]).append('\n');
        } else {
          header(number);
        }
      }
    }

    private void write(LogOut.Log log) {
      Json.Obj obj = new Json.Obj(out);
      if (logFields.path("logIndex").asBoolean(false)) {
        obj.put("logIndex", log.index());
      }
      if (logFields.path("transactionIndex").asBoolean(false)) {
        obj.put("transactionIndex", log.place());
      }
      if (logFields.path("transactionHash").asBoolean(false)) {
        obj.put("transactionHash", log.transaction());
      }
      if (logFields.path("address").asBoolean(false)) {
        obj.put("address", log.address());
      }
      if (logFields.path("data").asBoolean(false)) {
        obj.raw("data", "\"" + log.data() + "\"");
      }
      if (logFields.path("topics").asBoolean(false)) {
        obj.raw("topics", "[\"" + String.join("\",\"", log.topics()) + "\"]");
      }
      obj.end();
    }
  }

  @Override
  Answer tooMany(Request request, long waitMillis) {
    return Answer.text(429, "Too many requests")
        .header("Retry-After", String.valueOf((waitMillis + 999) / 1000));
  }

  @Override
  Answer error(Request request, int status, String message) {
    return switch (status) {
      case 503 -> Answer.text(503, "All query attempts failed, last error: " + message);
      case 400 -> bad(message);
      default -> Answer.text(status, message);
    };
  }

  /** The portal knows no errors inside an answer of status 200: its stream ends. */
  @Override
  Answer errorInside200(Request request, String message) {
    return Answer.ndjson("").rows(0);
  }
}
