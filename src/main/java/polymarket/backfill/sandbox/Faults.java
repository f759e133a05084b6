package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;

/**
 * Faults on request. Which request a fault hits is decided by the seed, the fault's place in the
 * list and the number of the request at its source, so that the same requests meet the same faults.
 */
final class Faults {
  private static final Set<String> PLAIN =
      Set.of(
          "204",
          "429",
          "500",
          "502",
          "503",
          "html",
          "cut-json",
          "cut-connection",
          "reset",
          "stall",
          "stall-body",
          "drip",
          "drip-head",
          "huge",
          "gzip-bomb",
          "slow",
          "error-200",
          "outage",
          "poison",
          "truncate",
          "empty",
          "stuck-cursor",
          "expired-cursor",
          "batch-partial");

  /** What can go wrong, in the words that a fault's "kind" takes: these and the kinds of damage. */
  static final Set<String> KINDS =
      Stream.concat(PLAIN.stream(), Damage.KINDS.stream()).collect(Collectors.toUnmodifiableSet());

  /**
   * These leave room for other faults of the same request; any other kind is the request's only
   * one.
   */
  private static final Set<String> SIDE_BY_SIDE =
      Set.of("slow", "truncate", "empty", "stuck-cursor", "expired-cursor", "batch-partial");

  private static final DateTimeFormatter HTTP_DATE =
      DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.US);

  private final long seed;
  private final CopyOnWriteArrayList<Fault> faults = new CopyOnWriteArrayList<>();
  private final AtomicLong number = new AtomicLong();

  Faults(long seed) {
    this.seed = seed;
  }

  /** One fault, as it was asked for. */
  private static final class Fault {
    String source = "*";
    String kind;
    String match = "";
    double rate = 1;
    long count = Long.MAX_VALUE;
    long skip;
    String retryAfter;
    int status;
    long millis = 1000;
    int rows = 100;
    long untilNanos;
    List<String> ids = List.of();
    double share = 0.0001;
    long blocks = 100;
    long hours = 24;
    String message;
    long number;
    String json;
    final AtomicLong given = new AtomicLong();
    final AtomicLong seen = new AtomicLong();

    boolean draw(long seed, Source at, Request request, long nth) {
      if (!source.equals("*") && !at.name.startsWith(source)) {
        return false;
      }
      if (!match.isEmpty() && !request.fullPath.contains(match) && !request.query.contains(match)) {
        return false;
      }
      if (untilNanos != 0 && System.nanoTime() > untilNanos) {
        return false;
      }
      if (!ids.isEmpty() && !Damage.KINDS.contains(kind) && !namesOne(request)) {
        return false;
      }
      if (seen.getAndIncrement() < skip || Mix.fraction(Mix.mix(seed, number, nth)) >= rate) {
        return false;
      }
      return given.getAndIncrement() < count;
    }

    private boolean namesOne(Request request) {
      String text = request.body.length == 0 ? request.query : request.text();
      for (String id : ids) {
        if (text.contains(id)) {
          return true;
        }
      }
      return false;
    }
  }

  /**
   * Adds one fault or a list of them; throws IllegalArgumentException with one line that says what
   * is wrong.
   */
  void add(JsonNode json) {
    if (json.isArray()) {
      json.forEach(this::add);
      return;
    }
    faults.add(parse(json));
  }

  /**
   * Adds a fault written as kind=429,source=goldsky,rate=0.05 (lists of ids with + between them).
   */
  void add(String text) {
    var node = Json.MAPPER.createObjectNode();
    for (String pair : text.split(",")) {
      int equals = pair.indexOf('=');
      if (equals < 0) {
        throw new IllegalArgumentException("fault: '" + pair + "' is not key=value");
      }
      String value = pair.substring(equals + 1);
      if (pair.startsWith("ids=")) {
        var ids = node.putArray("ids");
        for (String id : value.split("\\+")) {
          ids.add(id);
        }
      } else {
        node.put(pair.substring(0, equals).strip(), value.strip());
      }
    }
    add(node);
  }

  private Fault parse(JsonNode json) {
    Fault fault = new Fault();
    for (Map.Entry<String, JsonNode> field : json.properties()) {
      JsonNode value = field.getValue();
      switch (field.getKey()) {
        case "source" -> fault.source = value.asText();
        case "kind" -> fault.kind = value.asText();
        case "match" -> fault.match = value.asText();
        case "rate" -> fault.rate = value.asDouble();
        case "count" -> fault.count = value.asLong();
        case "skip" -> fault.skip = value.asLong();
        case "retryAfter" -> fault.retryAfter = value.isNull() ? null : value.asText();
        case "status" -> fault.status = value.asInt();
        case "millis" -> fault.millis = value.asLong();
        case "rows" -> fault.rows = value.asInt();
        case "share" -> fault.share = value.asDouble();
        case "blocks" -> fault.blocks = value.asLong();
        case "hours" -> fault.hours = value.asLong();
        case "seconds" -> fault.untilNanos = System.nanoTime() + (long) (value.asDouble() * 1e9);
        case "message" -> fault.message = value.asText();
        case "ids" -> {
          fault.ids = new ArrayList<>();
          for (JsonNode id : value) {
            String lower = id.asText().toLowerCase(Locale.ROOT);
            fault.ids.add(lower.startsWith("0x") ? lower.substring(2) : lower);
          }
        }
        default ->
            throw new IllegalArgumentException("fault: unknown field '" + field.getKey() + "'");
      }
    }
    if (fault.kind == null || !KINDS.contains(fault.kind)) {
      throw new IllegalArgumentException(
          "fault: kind '" + fault.kind + "' is none of " + new java.util.TreeSet<>(KINDS));
    }
    if (fault.kind.equals("poison") && fault.ids.isEmpty()) {
      throw new IllegalArgumentException("fault: poison needs ids");
    }
    if (fault.kind.equals("outage") && fault.untilNanos == 0) {
      throw new IllegalArgumentException("fault: outage needs seconds");
    }
    fault.number = number.incrementAndGet();
    fault.json = json.toString();
    return fault;
  }

  void clear() {
    faults.clear();
  }

  /** The faults that are on, with how often each was given. */
  String json() {
    StringBuilder out = new StringBuilder("[");
    for (Fault fault : faults) {
      out.append(out.length() > 1 ? "," : "")
          .append("{\"fault\":")
          .append(fault.json)
          .append(",\"given\":")
          .append(Math.min(fault.given.get(), fault.count))
          .append('}');
    }
    return out.append(']').toString();
  }

  /** The answer to a request, spoilt by the faults that hit it. */
  Answer around(Source source, Request request, long nth) throws Exception {
    if (faults.isEmpty()) {
      return source.answer(request);
    }
    Map<String, Fault> drawn = new LinkedHashMap<>();
    for (Fault fault : faults) {
      if (!drawn.containsKey(fault.kind) && fault.draw(seed, source, request, nth)) {
        drawn.put(fault.kind, fault);
        source.faults.add(fault.kind);
        if (!SIDE_BY_SIDE.contains(fault.kind) && !Damage.KINDS.contains(fault.kind)) {
          break;
        }
      }
    }
    long delay = drawn.containsKey("slow") ? drawn.remove("slow").millis : 0;
    Answer answer = spoil(source, request, drawn);
    answer.delayMillis += delay;
    return answer;
  }

  private Answer spoil(Source source, Request request, Map<String, Fault> drawn) throws Exception {
    Answer.Wire wire = Answer.Wire.WHOLE;
    for (Fault fault : drawn.values()) {
      switch (fault.kind) {
        case "outage" -> {
          return fault.status == 0
              ? nothing(Answer.Wire.RESET)
              : error(source, request, fault, fault.status);
        }
        case "reset" -> {
          return nothing(Answer.Wire.RESET);
        }
        case "stall" -> {
          return nothing(Answer.Wire.STALL);
        }
        case "204" -> {
          return Answer.text(204, "");
        }
        case "huge", "gzip-bomb" -> {
          return huge(fault.rows, fault.kind.equals("gzip-bomb"));
        }
        case "drip", "drip-head" -> {
          Answer answer =
              Answer.json("{}")
                  .wire(fault.kind.equals("drip") ? Answer.Wire.DRIP : Answer.Wire.DRIP_HEAD);
          answer.dripMillis = fault.millis;
          return answer;
        }
        case "429", "500", "502", "503" -> {
          return error(source, request, fault, Integer.parseInt(fault.kind));
        }
        case "poison" -> {
          return fault.status == 200
              ? source.errorInside200(request, message(fault, "Store error: database error"))
              : error(source, request, fault, fault.status == 0 ? 500 : fault.status);
        }
        case "error-200" -> {
          return source.errorInside200(request, message(fault, "Store error: query timed out"));
        }
        case "html" -> {
          return Answer.html(fault.status == 0 ? 502 : fault.status, CLOUDFLARE);
        }
        case "truncate" -> request.rowCap = fault.rows;
        case "empty" -> request.rowCap = 0;
        case "stuck-cursor", "expired-cursor", "batch-partial" -> request.special = fault.kind;
        case "cut-json" -> wire = Answer.Wire.CUT_BODY;
        case "cut-connection" -> wire = Answer.Wire.CUT_CONNECTION;
        case "stall-body" -> wire = Answer.Wire.STALL_BODY;
        default ->
            request.damage.add(
                new Damage(
                    fault.kind,
                    fault.share,
                    fault.ids,
                    fault.blocks,
                    fault.hours * 3600,
                    Mix.mix(seed, fault.number)));
      }
    }
    return source.answer(request).wire(wire);
  }

  /** JSON of this many megabytes after decompression; endless if that is 0. */
  private static Answer huge(int megabytes, boolean packed) {
    Answer answer = Answer.json("");
    byte[] part = " ".repeat(1 << 16).getBytes(StandardCharsets.US_ASCII);
    answer.stream =
        out -> {
          GZIPOutputStream zip = packed ? new GZIPOutputStream(out) : null;
          OutputStream to = packed ? zip : out;
          to.write('{');
          for (long i = 0; megabytes == 0 || i < megabytes * 16L; i++) {
            to.write(part);
          }
          to.write('}');
          if (packed) {
            zip.finish();
          }
        };
    return packed ? answer.header("Content-Encoding", "gzip") : answer;
  }

  private static String message(Fault fault, String otherwise) {
    return fault.message == null ? otherwise : fault.message;
  }

  private static Answer nothing(Answer.Wire wire) {
    return Answer.text(503, "").wire(wire);
  }

  private static Answer error(Source source, Request request, Fault fault, int status) {
    Answer answer =
        status == 429
            ? source.tooMany(request, 1000)
            : source.error(request, status, message(fault, "injected"));
    answer.headers.keySet().removeIf(name -> name.equalsIgnoreCase("retry-after"));
    if (fault.retryAfter != null
        && !fault.retryAfter.isEmpty()
        && !fault.retryAfter.equals("none")) {
      answer.header(
          "Retry-After",
          fault.retryAfter.startsWith("date") ? httpDate(fault.retryAfter) : fault.retryAfter);
    }
    return answer;
  }

  /** "date" is two seconds from now, "date:7" seven. */
  private static String httpDate(String text) {
    int colon = text.indexOf(':');
    long seconds = colon < 0 ? 2 : Long.parseLong(text.substring(colon + 1));
    return HTTP_DATE.format(ZonedDateTime.now(ZoneOffset.UTC).plusSeconds(seconds));
  }

  static final String CLOUDFLARE =
      """
      <!DOCTYPE html>
      <html lang="en-US"><head><title>Just a moment... | Cloudflare</title></head>
      <body><h1>Sorry, you have been blocked</h1><p>Error 1020, Ray ID: 8c1f2a3b4c5d6e7f</p></body></html>
      """;
}
