package polymarket.backfill.sandbox;

import java.io.IOException;
import java.util.List;

/**
 * The Data API: version 1 (bare arrays, offsets) and version 2 (envelope, signed cursors). This
 * class has its paths, limits, resolutions and errors; {@link DataApiPositions} and {@link
 * DataApiTrades} have its lists.
 */
final class DataApi extends Source {
  static final String PREFIX = "/data-api";

  private final Universe universe;
  private final DataApiV2 v2;
  private final DataApiPositions positions;
  private final DataApiTrades trades;

  DataApi(Universe universe) {
    super(
        "data-api",
        PREFIX,
        List.of(
            limit("data-api v2", 800, "/v2/"),
            limit("data-api v2 positions", 200, "/v2/positions"),
            limit("data-api v2 trades", 300, "/v2/trades"),
            limit("data-api v2 activity", 200, "/v2/activity"),
            new Limit("data-api v1", 1000, 10_000, request -> !request.path.startsWith("/v2/")),
            limit("data-api v1 positions", 150, "/positions"),
            limit("data-api v1 trades", 200, "/trades")));
    this.universe = universe;
    v2 = new DataApiV2(universe, counter::get);
    positions = new DataApiPositions(universe, v2, asked);
    trades = new DataApiTrades(universe, v2, asked);
  }

  private static Limit limit(String name, int max, String path) {
    return new Limit(name, max, 10_000, request -> request.path.startsWith(path));
  }

  @Override
  Answer answer(Request request) throws Exception {
    if (!request.method.equals("GET")) {
      return error(request, 405, "method not allowed");
    }
    try {
      return route(request);
    } catch (IllegalArgumentException e) {
      return error(request, 400, String.valueOf(e.getMessage()));
    }
  }

  private Answer route(Request request) throws IOException {
    return switch (request.path) {
      case "/", "" -> Answer.json("{\"data\":\"OK\"}");
      case "/positions" -> positions.v1(request);
      case "/trades" -> trades.v1(request, false);
      case "/activity" -> trades.v1(request, true);
      case "/v2/positions" -> positions.v2(request);
      case "/v2/trades" -> trades.v2(request, false);
      case "/v2/activity" -> trades.v2(request, true);
      case "/v2/resolutions" -> resolutions(request);
      default -> error(request, 404, "not found");
    };
  }

  /** The lists of positions, which tell the truth too. */
  DataApiPositions positions() {
    return positions;
  }

  private Answer resolutions(Request request) {
    List<String> conditions = request.list("condition");
    if (conditions.isEmpty()) {
      return v2.invalid("condition is required", "condition");
    }
    if (conditions.size() > 20) {
      return v2.invalid("at most 20 conditions", "condition");
    }
    StringBuilder out = new StringBuilder("[");
    int rows = 0;
    for (String text : conditions) {
      ConditionId id = ConditionId.parse(text.toLowerCase());
      if (id == null) {
        return v2.invalid("condition is not 0x and 64 hex digits", "condition");
      }
      asked.addAll(List.of(id));
      Resolution resolution = universe.resolution(id);
      if (resolution == null || rows == request.rowCap) {
        continue;
      }
      out.append(rows++ > 0 ? "," : "");
      resolution.json(out);
    }
    return Answer.json("{\"data\":" + out.append("]}")).rows(rows);
  }

  /** A parameter that is a whole number. */
  static long number(Request request, String name, long otherwise) {
    String value = request.param(name);
    try {
      return value == null || value.isEmpty() ? otherwise : Long.parseLong(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("invalid " + name);
    }
  }

  /** An error in the shape of version 1. */
  static Answer errorV1(int status, String message) {
    return Answer.json(status, "{\"error\":" + Json.quoted(message) + "}");
  }

  @Override
  Answer tooMany(Request request, long waitMillis) {
    if (request.path.startsWith("/v2/")) {
      return v2.error(429, "rate limit exceeded", "rate_limited", true, null)
          .header("Retry-After", String.valueOf((waitMillis + 999) / 1000));
    }
    return errorV1(429, "Too Many Requests");
  }

  @Override
  Answer error(Request request, int status, String message) {
    if (!request.path.startsWith("/v2/")) {
      return errorV1(status, message);
    }
    String code =
        switch (status) {
          case 400 -> "invalid_request";
          case 404 -> "not_found";
          case 405 -> "method_not_allowed";
          case 503 -> "dependency_unavailable";
          default -> "internal";
        };
    Answer answer = v2.error(status, message, code, status >= 500, null);
    return status == 503 ? answer.header("Retry-After", "1") : answer;
  }

  @Override
  Answer errorInside200(Request request, String message) {
    return Answer.json(200, "{\"error\":" + Json.quoted("Too Many Requests") + "}");
  }
}
