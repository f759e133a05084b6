package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.function.LongSupplier;

/**
 * What all lists of the Data API's version 2 share: parameters, signed cursors, the envelope of a
 * page, and the shape of errors.
 */
final class DataApiV2 {

  private final Universe universe;
  private final LongSupplier requests;

  /**
   * @param requests how many requests have arrived; numbers the traces of errors
   */
  DataApiV2(Universe universe, LongSupplier requests) {
    this.universe = universe;
    this.requests = requests;
  }

  /** A parameter in snake_case or camelCase. */
  static String either(Request request, String snake, String otherwise) {
    String value = request.param(snake);
    if (value == null && snake.indexOf('_') > 0) {
      StringBuilder camel = new StringBuilder();
      for (String part : snake.split("_")) {
        camel.append(
            camel.isEmpty() ? part : Character.toUpperCase(part.charAt(0)) + part.substring(1));
      }
      value = request.param(camel.toString());
    }
    return value == null ? otherwise : value;
  }

  /** The error of a request for a page that is invalid; null where it is valid. */
  Answer checkPage(Request request) {
    if (request.params().containsKey("offset")) {
      return invalid("offset is not supported, use cursor", "offset");
    }
    String limit = request.param("limit");
    if (limit != null && (!limit.matches("\\d{1,6}") || Integer.parseInt(limit) > 1000)) {
      return invalid("limit must be between 0 and 1000", "limit");
    }
    return null;
  }

  /**
   * The parameters inside the request's cursor; null without one, a missing node for one that is
   * not ours.
   */
  JsonNode cursor(Request request, String type) throws IOException {
    String text = request.param("cursor");
    if (text == null || text.isEmpty()) {
      return null;
    }
    try {
      JsonNode node = Json.read(Base64.getDecoder().decode(text));
      boolean ours =
          node.path("sig").asText().equals(signature(node.path("data").toString()))
              && node.at("/data/type").asText().equals(type)
              && !"expired-cursor".equals(request.special);
      return ours ? node.at("/data/params") : Json.MAPPER.missingNode();
    } catch (IllegalArgumentException | IOException e) {
      return Json.MAPPER.missingNode();
    }
  }

  /** The cursor of the next page. */
  String sign(String type, ObjectNode params) {
    ObjectNode data = Json.MAPPER.createObjectNode().put("type", type);
    data.set("params", params);
    String json = "{\"data\":" + data + ",\"sig\":\"" + signature(data.toString()) + "\"}";
    return Base64.getEncoder()
        .withoutPadding()
        .encodeToString(json.getBytes(StandardCharsets.UTF_8));
  }

  private String signature(String data) {
    long h = universe.seed;
    for (int i = 0; i < data.length(); i++) {
      h = h * 31 + data.charAt(i);
    }
    return Mix.hex(Mix.mix(h), 16);
  }

  /** The cursor of the next page, or the request's own where a fault asks for that. */
  static String stuck(Request request, String next) {
    return "stuck-cursor".equals(request.special) && request.param("cursor") != null
        ? request.param("cursor")
        : next;
  }

  /**
   * The limit of a page: the request's, or the one that its cursor carries.
   *
   * @param cursor as {@link #cursor} gives it
   */
  static int limit(Request request, JsonNode cursor) {
    return cursor != null && request.param("limit") == null
        ? cursor.path("l").asInt()
        : (int) DataApi.number(request, "limit", 100);
  }

  /** A page of a list. */
  static Answer envelope(CharSequence data, int limit, String next, int rows) {
    StringBuilder out =
        new StringBuilder(data.length() + 500)
            .append("{\"data\":")
            .append(data)
            .append(",\"pagination\":{\"limit\":")
            .append(limit)
            .append(",\"offset\":0,\"has_more\":")
            .append(next != null)
            .append(",\"next_cursor\":");
    return Answer.json(Json.string(out, next).append("}}")).rows(rows);
  }

  Answer invalid(String message, String parameter) {
    return error(400, message, "invalid_request", false, parameter);
  }

  Answer error(int status, String message, String code, boolean retryable, String parameter) {
    String trace = Mix.hex(Mix.mix(universe.seed, requests.getAsLong()), 16);
    StringBuilder out = new StringBuilder();
    Json.Obj obj =
        new Json.Obj(out)
            .put("error", message)
            .put("code", code)
            .put("retryable", retryable)
            .put("trace_id", trace);
    if (parameter != null) {
      obj.put("parameter", parameter);
    }
    return Answer.json(status, obj.end()).header("x-trace-id", trace);
  }
}
