package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The public APIs' local stand-in: all sources on one port of 127.0.0.1, each under a path of its
 * own.
 */
public final class Sandbox implements AutoCloseable {
  private final SandboxOptions options;
  private final Universe universe;
  private final List<Source> sources = new ArrayList<>();
  private final Set<Limit> limits = new LinkedHashSet<>();
  private final Faults faults;
  private final Truth truth;
  private final Chain chain;
  private final Polygon polygon;
  private final LoopbackServer server;
  private final Lateness lateness = new Lateness();

  private Sandbox(SandboxOptions options) throws IOException {
    this.options = options;
    universe = new Universe(options);
    faults = new Faults(options.seed());
    options.faults().forEach(faults::add);
    Limit goldsky = new Limit("goldsky", 50, 10_000, request -> true);
    DataApi dataApi = new DataApi(universe);
    Clob clob = new Clob(universe);
    chain = new Chain(universe);
    polygon = new Polygon(chain);
    truth = new Truth(universe, dataApi.positions(), clob.trades(), polygon, new ChainTruth(chain));
    sources.add(new PositionsSubgraph(universe, List.of(goldsky)));
    sources.add(new OrderbookSubgraph(universe, List.of(goldsky)));
    sources.add(new Gamma(universe));
    sources.add(dataApi);
    sources.add(clob);
    sources.add(polygon);
    sources.add(new SqdPortal(chain));
    sources.add(new HyperSync(chain));
    for (Source source : sources) {
      limits.addAll(source.limits);
    }
    limits.forEach(limit -> limit.scale(options.limits()));
    server = new LoopbackServer(options.port(), this::handle);
  }

  /** Starts a sandbox; throws IOException when the port is taken. */
  public static Sandbox start(SandboxOptions options) throws IOException {
    return new Sandbox(options);
  }

  /** The port on 127.0.0.1. */
  public int port() {
    return server.port();
  }

  /** http://127.0.0.1 with the port, without a slash at the end. */
  public String url() {
    return "http://127.0.0.1:" + port();
  }

  /** The URLs of all sources by their names. */
  public Map<String, String> urls() {
    Map<String, String> urls = new LinkedHashMap<>();
    sources.forEach(source -> urls.put(source.name, url() + source.prefix));
    return urls;
  }

  /** The URLs as the program's settings. */
  public Map<String, String> settings() {
    Map<String, String> settings = new LinkedHashMap<>();
    urls()
        .forEach(
            (name, url) -> {
              settings.put(
                  switch (name) {
                    case "polygon" -> "polygon.rpc.url";
                    case "sqd", "hypersync" -> name + ".url";
                    default -> name.replace("goldsky-", "goldsky.") + ".url";
                  },
                  url + (name.equals("sqd") ? SqdPortal.DATASET : ""));
            });
    return settings;
  }

  /** The account whose trades the CLOB gives, as the program's settings. */
  public Map<String, String> clobAccount() {
    return Map.of(
        "clob.address",
        clobAddress(),
        "clob.api-key",
        ClobTrades.API_KEY,
        "clob.api-secret",
        ClobTrades.SECRET,
        "clob.api-passphrase",
        ClobTrades.PASSPHRASE);
  }

  /**
   * Whose trades the CLOB's own-trades endpoint gives, to requests signed with the sandbox's
   * credentials.
   */
  public String clobAddress() {
    return universe.wallets.address(ClobTrades.ACCOUNT);
  }

  /** The block in which the first market was made. */
  public long firstBlock() {
    return universe.blockOf(universe.created(0));
  }

  /**
   * Changes how the Polygon node limits eth_getLogs; throws IllegalArgumentException for an unknown
   * style.
   */
  public void rpc(String style) {
    polygon.style(style);
  }

  /**
   * Shows the chain up to a block from now on, so that a test can let it grow; throws
   * IllegalArgumentException for a block beyond the chain's end.
   */
  public void head(long block) {
    chain.head(block);
  }

  /** The newest block that the chain's sources show. */
  public long head() {
    return chain.head();
  }

  /** The token that HyperSync takes. */
  public String hyperSyncToken() {
    return HyperSync.TOKEN;
  }

  /** The right answers. */
  public Truth truth() {
    return truth;
  }

  /**
   * Adds a fault, as JSON or as kind=…,source=…; throws IllegalArgumentException with one line for
   * a wrong one.
   */
  public void fault(String text) {
    if (text.startsWith("{") || text.startsWith("[")) {
      try {
        faults.add(Json.read(text));
      } catch (IOException e) {
        throw new IllegalArgumentException("fault: not JSON: " + text);
      }
    } else {
      faults.add(text);
    }
  }

  /** Takes all faults away. */
  public void clearFaults() {
    faults.clear();
  }

  /** Scales all limits from now on; 0 counts without enforcing. */
  public void limits(double factor) {
    limits.forEach(limit -> limit.scale(factor));
  }

  /** The statistics as JSON, the same as GET /_sandbox/stats. */
  public String stats() {
    StringBuilder out = new StringBuilder("{\"sources\":{");
    for (Source source : sources) {
      if (source != sources.get(0)) {
        out.append(',');
      }
      source.json(out, url());
    }
    out.append("},\"limits\":{");
    String separator = "";
    for (Limit limit : limits) {
      out.append(separator);
      limit.json(out);
      separator = ",";
    }
    out.append("},\"connections\":").append(server.connections());
    return lateness.json(out.append(",\"late\":")).append('}').toString();
  }

  /** Measures from now on how late this process is, which the statistics then have. */
  void measureLateness() {
    lateness.start();
  }

  /**
   * The highest count in any window of a limit so far; throws IllegalArgumentException for an
   * unknown limit.
   */
  public long highest(String limit) {
    return limit(limit).highest();
  }

  /**
   * How many arrivals were over a limit so far; throws IllegalArgumentException for an unknown
   * limit.
   */
  public long violations(String limit) {
    return limit(limit).violations();
  }

  private Limit limit(String name) {
    return limits.stream()
        .filter(limit -> limit.name.equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no limit named " + name));
  }

  /** Sets all statistics to zero. */
  public void reset() {
    sources.forEach(Source::reset);
    limits.forEach(Limit::reset);
  }

  @Override
  public void close() {
    server.close();
  }

  private Answer handle(Request request) {
    try {
      if (request.path.startsWith("/_sandbox/")) {
        return admin(request);
      }
      for (Source source : sources) {
        if (request.path.startsWith(source.prefix)
            && (request.path.length() == source.prefix.length()
                || request.path.charAt(source.prefix.length()) == '/')) {
          return ask(source, request);
        }
      }
      if (request.path.startsWith("/goldsky/")) {
        return sources.get(0).notFound(request);
      }
      return Answer.json(404, "{\"error\":\"no source at this path\"}");
    } catch (IllegalArgumentException e) {
      return Answer.json(400, "{\"error\":" + Json.quoted(String.valueOf(e.getMessage())) + "}");
    } catch (Exception e) {
      e.printStackTrace();
      return Answer.json(500, "{\"error\":" + Json.quoted("sandbox: " + e) + "}");
    }
  }

  private Answer ask(Source source, Request request) throws Exception {
    request.path = request.path.substring(source.prefix.length());
    int weight = source.weight(request);
    long nth = source.counter.incrementAndGet();
    source.calls.add(weight);
    source.lastNanos = System.nanoTime();
    if (nth == 1) {
      source.firstNanos = source.lastNanos;
    }
    long wait = 0;
    for (Limit limit : source.limits) {
      if (limit.covers(request)) {
        wait = Math.max(wait, limit.arrive(weight));
      }
    }
    Answer answer = wait > 0 ? source.tooMany(request, wait) : faults.around(source, request, nth);
    answer.delayMillis += options.latencyMillis();
    String status =
        switch (answer.wire) {
          case RESET, STALL -> "none";
          default -> String.valueOf(answer.status);
        };
    source.statuses.add(status);
    source.rows.add(answer.rows);
    source.bytes.add(answer.body.length);
    return answer;
  }

  private Answer admin(Request request) throws IOException {
    String path = request.path.substring("/_sandbox/".length());
    String action = request.method + " " + path;
    switch (action) {
      case "GET stats" -> {
        return Answer.json(stats());
      }
      case "POST reset" -> {
        reset();
        return Answer.json("{\"ok\":true}");
      }
      case "GET options" -> {
        return Answer.json(options.json());
      }
      case "GET faults" -> {
        return Answer.json(faults.json());
      }
      case "POST faults" -> {
        JsonNode json = Json.read(request.body);
        faults.add(json);
        return Answer.json(faults.json());
      }
      case "DELETE faults" -> {
        faults.clear();
        return Answer.json("[]");
      }
      case "POST rpc" -> {
        rpc(Json.read(request.body).path("style").asText());
        return Answer.json("{\"ok\":true}");
      }
      case "POST head" -> {
        head(Json.read(request.body).path("block").asLong());
        return Answer.json("{\"block\":" + head() + "}");
      }
      case "POST limits" -> {
        limits(Json.read(request.body).path("scale").asDouble(1));
        return Answer.json(stats());
      }
      default -> {
        if (path.startsWith("truth/")) {
          return truth.answer(path.substring("truth/".length()), request);
        }
        return Answer.json(404, "{\"error\":" + Json.quoted("no " + action) + "}");
      }
    }
  }
}
