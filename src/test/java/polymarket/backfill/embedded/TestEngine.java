package polymarket.backfill.embedded;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Comparator;
import java.util.concurrent.atomic.AtomicInteger;

/** One engine for the tests that only talk to it, and a plain HTTP client. */
final class TestEngine {
  static final HttpClient HTTP =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private static final AtomicInteger names = new AtomicInteger();

  /** The one password of all engines that tests attach to by {@link #attach}. */
  static final String PASSWORD = "test-password";

  private static EmbeddedClickHouse shared;

  private TestEngine() {}

  static synchronized EmbeddedClickHouse shared() {
    if (shared == null) {
      Path data = folder("shared");
      shared = attach(data, 0);
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () -> {
                    shared.close();
                    awaitEnd(shared.pid());
                    delete(data);
                  }));
    }
    return shared;
  }

  static EmbeddedClickHouse attach(Path data, int port) {
    return EmbeddedClickHouse.attach(data, port, PASSWORD, null);
  }

  static String table() {
    return "t" + names.incrementAndGet();
  }

  static Path folder(String name) {
    try {
      Files.createDirectories(Path.of("target"));
      return Files.createTempDirectory(Path.of("target"), "engine-" + name + "-");
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static void delete(Path folder) {
    try (var files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).forEach(f -> f.toFile().delete());
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Waits for a process to end, 10 s at most; whether it did. */
  static boolean awaitEnd(long pid) {
    for (int i = 0; i < 200; i++) {
      if (ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty()) {
        return true;
      }
      EngineServer.pause(50);
    }
    return false;
  }

  static String encode(String s) {
    return URLEncoder.encode(s, StandardCharsets.UTF_8);
  }

  /** POSTs a query as the body. */
  static HttpResponse<String> post(URI engine, String parameters, String body, String... headers) {
    return send(
        engine,
        parameters,
        body.getBytes(StandardCharsets.UTF_8),
        HttpResponse.BodyHandlers.ofString(),
        headers);
  }

  static <T> HttpResponse<T> send(
      URI engine,
      String parameters,
      byte[] body,
      HttpResponse.BodyHandler<T> to,
      String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(engine + "/?" + parameters))
            .POST(HttpRequest.BodyPublishers.ofByteArray(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return send(request, to);
  }

  /** The header by which a request to an engine shows the password. */
  static String authorization(String password) {
    return "Basic "
        + Base64.getEncoder()
            .encodeToString(("default:" + password).getBytes(StandardCharsets.UTF_8));
  }

  /** Sends a request with the password of the tests' engines. */
  static <T> HttpResponse<T> send(HttpRequest.Builder request, HttpResponse.BodyHandler<T> to) {
    return sendAsIs(request.setHeader("Authorization", authorization(PASSWORD)), to);
  }

  static <T> HttpResponse<T> sendAsIs(HttpRequest.Builder request, HttpResponse.BodyHandler<T> to) {
    try {
      return HTTP.send(request.build(), to);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The answer to a query that has to succeed. */
  static String ask(URI engine, String sql) {
    HttpResponse<String> response = post(engine, "", sql);
    if (response.statusCode() != 200) {
      throw new IllegalStateException(sql + ": " + response.statusCode() + " " + response.body());
    }
    return response.body().stripTrailing();
  }

  static InputStream rows(int n) {
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < n; i++) {
      all.append("{\"a\":").append(i).append(",\"s\":\"").append("x".repeat(90)).append("\"}\n");
    }
    return new ByteArrayInputStream(all.toString().getBytes(StandardCharsets.UTF_8));
  }
}
