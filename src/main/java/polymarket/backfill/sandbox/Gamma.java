package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/** Gamma: pages of market rows by offset (until 2000) and by keyset, and single markets. */
final class Gamma extends Source {
  static final String PREFIX = "/gamma";

  /** Longer request lines are stopped by the CDN in front. */
  private static final int LONGEST_QUERY = 4096;

  private final Universe universe;

  /** Row numbers in the orders that were asked for. */
  private final Map<String, int[]> orders = new ConcurrentHashMap<>();

  Gamma(Universe universe) {
    super(
        "gamma",
        PREFIX,
        List.of(
            new Limit("gamma", 4000, 10_000, request -> true),
            new Limit(
                "gamma /markets", 300, 10_000, request -> request.path.startsWith("/markets")),
            new Limit("gamma /events", 500, 10_000, request -> request.path.startsWith("/events")),
            new Limit(
                "gamma listing",
                900,
                10_000,
                request ->
                    request.path.startsWith("/markets") || request.path.startsWith("/events"))));
    this.universe = universe;
  }

  Universe universe() {
    return universe;
  }

  @Override
  Answer answer(Request request) throws Exception {
    if (!request.method.equals("GET")) {
      return Answer.text(405, "405 method not allowed\n");
    }
    if (request.query.length() > LONGEST_QUERY) {
      return Answer.html(403, Faults.CLOUDFLARE);
    }
    try {
      return route(request);
    } catch (IllegalArgumentException e) {
      return validation(String.valueOf(e.getMessage()));
    }
  }

  private Answer route(Request request) throws IOException {
    String path = request.path;
    if (path.equals("/markets")) {
      return offsetPage(request);
    }
    if (path.equals("/markets/keyset")) {
      return keysetPage(request);
    }
    if (path.startsWith("/markets/slug/")) {
      return single(GammaFilter.find(universe, "slug", path.substring("/markets/slug/".length())));
    }
    if (path.startsWith("/markets/")) {
      String id = path.substring("/markets/".length());
      return id.matches("\\d{1,9}")
          ? single(GammaFilter.find(universe, "id", id))
          : validation("id is invalid");
    }
    return error(request, 404, "");
  }

  // ---- pages

  private Answer offsetPage(Request request) {
    String order = request.param("order");
    if (order != null && !GammaListing.ORDERS.containsKey(order)) {
      return Answer.text(422, "order fields are not valid");
    }
    long offset = number(request, "offset", 0);
    if (offset > 2000) {
      return validation("offset too large, use /markets/keyset for deeper pagination");
    }
    int limit = limit(request);
    GammaFilter filter = new GammaFilter(universe, request);
    StringBuilder out = new StringBuilder("[");
    int rows = 0;
    GammaListing listing = new GammaListing(this, request, filter, 0);
    while (rows < limit && listing.next()) {
      if (offset-- > 0) {
        continue;
      }
      out.append(rows++ > 0 ? "," : "");
      GammaJson.write(out, listing.row);
    }
    Answer answer = cached(Answer.json(out.append(']')).rows(rows));
    return answer
        .header("deprecation", "true")
        .header("sunset", "Fri, 01 May 2026 00:00:00 GMT")
        .header("warning", "299 - \"use /markets/keyset\"");
  }

  private Answer keysetPage(Request request) throws IOException {
    if (request.params().containsKey("offset")) {
      return validation("offset is not supported, use after_cursor");
    }
    String order = request.param("order");
    if (order != null && !GammaListing.ORDERS.containsKey(order)) {
      return Answer.text(422, "order fields are not valid");
    }
    GammaFilter filter = new GammaFilter(universe, request);
    String bound =
        Mix.hex(Mix.mix(filter + " " + order + " " + request.flag("ascending", true)), 32);
    int from = 0;
    String cursor = request.param("after_cursor");
    if (cursor != null && !cursor.isEmpty()) {
      try {
        JsonNode node = Json.read(Base64.getUrlDecoder().decode(cursor));
        if (!node.path("f").asText().equals(bound) || "expired-cursor".equals(request.special)) {
          return validation("after_cursor is invalid");
        }
        from = node.path("p").asInt();
      } catch (IllegalArgumentException | IOException e) {
        return validation("after_cursor is invalid");
      }
    }
    asked.add(Mix.mix(request.path + request.query));
    int limit = Math.min(limit(request), request.rowCap);
    StringBuilder out = new StringBuilder(500_000).append("{\"markets\":[");
    int rows = 0;
    GammaListing listing = new GammaListing(this, request, filter, from);
    while (rows < limit && listing.next()) {
      out.append(rows++ > 0 ? "," : "");
      GammaJson.write(out, listing.row);
    }
    int next = listing.place;
    out.append(']');
    if (listing.next()) {
      String json =
          "{\"v\":1,\"t\":\"markets\",\"p\":"
              + next
              + ",\"f\":\""
              + bound
              + "\",\"s\":\""
              + Mix.hex(Mix.mix(universe.seed, next), 20)
              + "\"}";
      String following =
          Base64.getUrlEncoder()
              .withoutPadding()
              .encodeToString(json.getBytes(StandardCharsets.UTF_8));
      boolean stuck = "stuck-cursor".equals(request.special) && cursor != null;
      Json.string(out.append(",\"next_cursor\":"), stuck ? cursor : following);
    }
    return cached(Answer.json(out.append('}')).rows(rows));
  }

  private Answer cached(Answer answer) {
    return answer
        .header("cache-control", "public, max-age=300")
        .header("cf-cache-status", "HIT")
        .header("age", String.valueOf(counter.get() % 300));
  }

  private static int limit(Request request) {
    return (int) Math.max(0, Math.min(100, number(request, "limit", 20)));
  }

  /** The numbers of all rows in an order. */
  int[] ordered(String order) {
    return orders.computeIfAbsent(
        order,
        name ->
            IntStream.range(0, GammaRow.count(universe))
                .mapToObj(number -> new GammaRow(universe, number))
                .sorted(GammaListing.ORDERS.get(name))
                .mapToInt(row -> row.number)
                .toArray());
  }

  private static long number(Request request, String name, long otherwise) {
    String value = request.param(name);
    return value == null || !value.matches("\\d{1,9}") ? otherwise : Long.parseLong(value);
  }

  private Answer single(Integer row) {
    if (row == null) {
      return Answer.json(404, "{\"type\":\"not found error\",\"error\":\"id not found\"}");
    }
    StringBuilder out = new StringBuilder();
    GammaJson.write(out, new GammaRow(universe, row));
    return cached(Answer.json(out).rows(1));
  }

  private Answer validation(String message) {
    return Answer.json(
        422, "{\"type\":\"validation error\",\"error\":" + Json.quoted(message) + "}");
  }

  @Override
  Answer tooMany(Request request, long waitMillis) {
    return Answer.html(
        429,
        "<html><head><title>Error 1015</title></head><body>You are being rate"
            + " limited</body></html>");
  }

  @Override
  Answer error(Request request, int status, String message) {
    return status == 404
        ? Answer.text(404, "404 page not found\n")
        : Answer.json(
            status, "{\"type\":\"internal error\",\"error\":" + Json.quoted(message) + "}");
  }

  @Override
  Answer errorInside200(Request request, String message) {
    return Answer.json(200, "{\"type\":\"internal error\",\"error\":" + Json.quoted(message) + "}");
  }
}
