package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One HTTP request as a source sees it. */
final class Request {
  final String method;

  /** The path below the source's prefix, starting with a slash, still encoded. */
  String path;

  final String fullPath;
  final String query;

  /** Header names in lower case. */
  final Map<String, String> headers;

  final byte[] body;

  /** How many rows the answer may have at most: a fault lowers it. */
  int rowCap = Integer.MAX_VALUE;

  /** "stuck-cursor", "expired-cursor" or "batch-partial" when such a fault was drawn, else null. */
  String special;

  /** What is wrong, without a word, in the answer. */
  final List<Damage> damage = new ArrayList<>();

  /** The body as JSON where a source has read it already. */
  JsonNode parsed;

  private Map<String, List<String>> params;

  Request(String method, String target, Map<String, String> headers, byte[] body) {
    this.method = method;
    int question = target.indexOf('?');
    this.fullPath = question < 0 ? target : target.substring(0, question);
    this.path = fullPath;
    this.query = question < 0 ? "" : target.substring(question + 1);
    this.headers = headers;
    this.body = body;
  }

  /** All query parameters, decoded, in the order of the URL. */
  Map<String, List<String>> params() {
    if (params == null) {
      params = new LinkedHashMap<>();
      for (String pair : query.split("&")) {
        if (pair.isEmpty()) {
          continue;
        }
        int equals = pair.indexOf('=');
        String name = decode(equals < 0 ? pair : pair.substring(0, equals));
        params
            .computeIfAbsent(name, n -> new ArrayList<>())
            .add(equals < 0 ? "" : decode(pair.substring(equals + 1)));
      }
    }
    return params;
  }

  /** The first value of a query parameter, or null. */
  String param(String name) {
    List<String> values = params().get(name);
    return values == null ? null : values.get(0);
  }

  /** All values of a query parameter, repeated (a=1&a=2, a[]=1) or with commas. */
  List<String> list(String name) {
    List<String> all = new ArrayList<>();
    for (String key : new String[] {name, name + "[]"}) {
      for (String value : params().getOrDefault(key, List.of())) {
        for (String part : value.split(",")) {
          if (!part.isBlank()) {
            all.add(part.strip());
          }
        }
      }
    }
    return all;
  }

  boolean flag(String name, boolean otherwise) {
    String value = param(name);
    return value == null || value.isEmpty()
        ? otherwise
        : value.equalsIgnoreCase("true") || value.equals("1");
  }

  String text() {
    return new String(body, StandardCharsets.UTF_8);
  }

  private static String decode(String s) {
    if (s.indexOf('%') < 0 && s.indexOf('+') < 0) {
      return s;
    }
    try {
      return URLDecoder.decode(s, StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return s;
    }
  }
}
