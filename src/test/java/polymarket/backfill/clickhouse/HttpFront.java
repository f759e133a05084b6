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
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A port that is asked as a ClickHouse, and sends what it is asked to engines behind it. */
final class HttpFront implements AutoCloseable {

  /** Headers of requests, and the parameters that say the same. */
  private static final Map<String, String> ASKED =
      Map.of("X-ClickHouse-Database", "database", "X-ClickHouse-Format", "default_format");

  private static final List<String> ANSWERED =
      List.of(
          "Content-Type",
          "X-ClickHouse-Exception-Code",
          "X-ClickHouse-Format",
          "X-ClickHouse-Summary",
          "X-ClickHouse-Timezone",
          "X-ClickHouse-Query-Id");

  /**
   * @param headers null for none
   */
  record Reply(int status, HttpHeaders headers, byte[] body) {}

  /** What is answered. */
  @FunctionalInterface
  interface Answers {

    /**
     * @param parameters of the URL; the statement is in query, or is the body
     */
    Reply to(Map<String, String> parameters, byte[] body);
  }

  private final Answers answers;
  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpClient client = HttpClient.newHttpClient();

  /** What went wrong here or in the engines. */
  final List<String> failures = new CopyOnWriteArrayList<>();

  HttpFront(Answers answers) throws IOException {
    this.answers = answers;
    server =
        HttpServer.create(
            new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), 0);
    server.setExecutor(threads);
    server.createContext("/", this::answer);
    server.start();
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      Reply reply = answers.to(parameters(exchange), exchange.getRequestBody().readAllBytes());
      if (reply.headers() != null) {
        for (String header : ANSWERED) {
          reply
              .headers()
              .firstValue(header)
              .ifPresent(value -> exchange.getResponseHeaders().set(header, value));
        }
      }
      exchange.sendResponseHeaders(
          reply.status(), reply.body().length == 0 ? -1 : reply.body().length);
      exchange.getResponseBody().write(reply.body());
    } catch (RuntimeException e) {
      failures.add(e.toString());
    }
  }

  private static Map<String, String> parameters(HttpExchange exchange) {
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
    ASKED.forEach(
        (header, parameter) -> {
          String value = exchange.getRequestHeaders().getFirst(header);
          if (value != null) {
            parameters.put(parameter, value);
          }
        });
    return parameters;
  }

  /**
   * Sends a request to an engine.
   *
   * @param url of the engine
   * @param headers names and values by turns
   */
  Reply send(String url, Map<String, String> parameters, byte[] body, String... headers) {
    StringBuilder to = new StringBuilder(url.replaceAll("/$", "")).append("/?");
    parameters.forEach(
        (name, value) ->
            to.append(name)
                .append('=')
                .append(URLEncoder.encode(value, StandardCharsets.UTF_8))
                .append('&'));
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(to.toString()))
            .POST(HttpRequest.BodyPublishers.ofByteArray(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    try {
      HttpResponse<byte[]> answer =
          client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
      return new Reply(answer.statusCode(), answer.headers(), answer.body());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
