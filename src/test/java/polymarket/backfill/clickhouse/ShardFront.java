package polymarket.backfill.clickhouse;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.TestBed;
import polymarket.backfill.embedded.ShardEngine;

/**
 * One server of a cluster with two shards, which {@link ShardEngine} plays. What that engine cannot
 * do is taken out of the statements: {@code ON CLUSTER}, and replication. Both shards have the same
 * tables there, so those of shards have no deduplication: a token would be known from the other
 * shard. An insert that is repeated with its token ends here.
 */
final class ShardFront implements AutoCloseable {

  private static final Pattern REPLICATED =
      Pattern.compile("\\bReplicated(\\w*MergeTree)(?:(\\()'[^']*', '[^']*'(?:, )?)?");

  private static final Pattern WINDOW =
      Pattern.compile("\\breplicated_deduplication_window = (\\d+)");

  private final ShardEngine engine;
  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpClient client = HttpClient.newHttpClient();

  /** The tokens of inserts, each with its statement. */
  private final Set<String> tokens = ConcurrentHashMap.newKeySet();

  /** What came. */
  final List<String> statements = new CopyOnWriteArrayList<>();

  /** What the engine refused. */
  final List<String> failures = new CopyOnWriteArrayList<>();

  /**
   * @param keys the tables NAME_shard with the column by whose hash they are spread
   */
  ShardFront(Map<String, String> keys) throws IOException {
    Path data =
        Files.createTempDirectory(
            Files.createDirectories(TestBed.PROJECT.resolve("target/tests")), "shards");
    engine = new ShardEngine(data, keys);
    server =
        HttpServer.create(
            new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), 0);
    server.setExecutor(threads);
    server.createContext("/", this::answer);
    server.start();
  }

  /** The settings of a program that uses it. */
  Map<String, String> settings() {
    return Map.of(
        "clickhouse.url",
        "http://127.0.0.1:" + server.getAddress().getPort(),
        "clickhouse.user",
        "default",
        "clickhouse.cluster",
        "two",
        "clickhouse.stored-on",
        "one");
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      Map<String, String> parameters = new LinkedHashMap<>();
      String query = exchange.getRequestURI().getRawQuery();
      for (String part : (query == null ? "" : query).split("&")) {
        String[] pair = part.split("=", 2);
        if (pair.length == 2) {
          parameters.put(
              URLDecoder.decode(pair[0], StandardCharsets.UTF_8),
              URLDecoder.decode(pair[1], StandardCharsets.UTF_8));
        }
      }
      byte[] body = exchange.getRequestBody().readAllBytes();
      String own = parameters.get("query");
      String sql = own == null ? new String(body, StandardCharsets.UTF_8) : own;
      statements.add(sql);
      String token = parameters.get("insert_deduplication_token");
      if (token != null && !tokens.add(token + " " + own)) {
        exchange.sendResponseHeaders(200, -1);
        return;
      }
      if (own == null) {
        body = plain(sql).getBytes(StandardCharsets.UTF_8);
      } else {
        parameters.put("query", plain(own));
      }
      StringBuilder url = new StringBuilder(engine.url()).append("/?");
      parameters.forEach(
          (name, value) ->
              url.append(name)
                  .append('=')
                  .append(URLEncoder.encode(value, StandardCharsets.UTF_8))
                  .append('&'));
      HttpRequest.Builder request =
          HttpRequest.newBuilder(URI.create(url.toString()))
              .POST(HttpRequest.BodyPublishers.ofByteArray(body));
      for (String header : List.of("X-ClickHouse-Database", "X-ClickHouse-Format")) {
        String value = exchange.getRequestHeaders().getFirst(header);
        if (value != null) {
          request.header(header, value);
        }
      }
      HttpResponse<byte[]> answer =
          client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
      if (answer.statusCode() != 200) {
        failures.add(sql + ": " + new String(answer.body(), StandardCharsets.UTF_8));
      }
      for (String header :
          List.of(
              "Content-Type",
              "X-ClickHouse-Exception-Code",
              "X-ClickHouse-Format",
              "X-ClickHouse-Summary",
              "X-ClickHouse-Timezone",
              "X-ClickHouse-Query-Id")) {
        answer
            .headers()
            .firstValue(header)
            .ifPresent(value -> exchange.getResponseHeaders().set(header, value));
      }
      exchange.sendResponseHeaders(
          answer.statusCode(), answer.body().length == 0 ? -1 : answer.body().length);
      exchange.getResponseBody().write(answer.body());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      failures.add(e.toString());
    }
  }

  /** The statement as one server without a Keeper takes it. */
  static String plain(String sql) {
    boolean shard =
        Pattern.compile("^(\\s|--[^\\n]*\\n)*CREATE TABLE[^(]*_shard\\b").matcher(sql).find();
    String plain =
        REPLICATED
            .matcher(
                sql.replace(" ON CLUSTER `two`", "")
                    .replace("hostName() AS", "concat('server-', toString(shardNum())) AS"))
            .replaceAll(found -> found.group(1) + (found.group(2) == null ? "" : "("));
    return WINDOW
        .matcher(plain)
        .replaceAll(
            found ->
                Matcher.quoteReplacement(
                    "non_replicated_deduplication_window = " + (shard ? "0" : found.group(1))))
        .replaceAll(
            "SELECT engine_full FROM (system\\.tables WHERE database = 'default' AND name ="
                + " 'backfill_server')",
            "SELECT concat(engine, '(\\\\'/{uuid}/whole\\\\')') AS engine_full FROM $1");
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
    engine.close();
  }
}
