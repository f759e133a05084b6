package polymarket.backfill.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import polymarket.backfill.TestBed;

/** The installed Prometheus, which reads a page as docs/SERVE.md says; every second. */
final class Prometheus implements AutoCloseable {

  private static final Path PROGRAM = Path.of("/usr/bin/prometheus");
  private static final String BEGIN = "    scrape_configs:";

  private final HttpClient http = HttpClient.newHttpClient();
  private final Process process;
  private final int port;
  private final Path log;

  private Prometheus(Process process, int port, Path log) {
    this.process = process;
    this.port = port;
    this.log = log;
  }

  /** Starts it; the test is skipped where it is not installed. */
  static Prometheus startOrSkip(Path folder, URI page, String token) throws IOException {
    Assumptions.assumeTrue(Files.isExecutable(PROGRAM), "no " + PROGRAM + " here");
    String docs = Files.readString(TestBed.PROJECT.resolve("docs/SERVE.md"));
    String config = docs.substring(docs.indexOf(BEGIN));
    config = config.substring(0, config.indexOf("\n\n")).stripIndent();
    for (String[] of :
        new String[][] {
          {"THE_TOKEN", token},
          {"127.0.0.1:8126", page.getAuthority()},
          {"grafana/alerts.yaml", TestBed.PROJECT.resolve("grafana/alerts.yaml").toString()}
        }) {
      if (!config.contains(of[0])) {
        throw new AssertionError("docs/SERVE.md has no " + of[0] + " in: " + config);
      }
      config = config.replace(of[0], of[1]);
    }
    Path file = folder.resolve("prometheus.yml");
    Files.writeString(
        file, "global: {scrape_interval: 1s, evaluation_interval: 1s}\n" + config + "\n");
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    Path log = folder.resolve("prometheus.log");
    Process process =
        new ProcessBuilder(
                PROGRAM.toString(),
                "--config.file=" + file,
                "--storage.tsdb.path=" + folder.resolve("prometheus"),
                "--web.listen-address=127.0.0.1:" + port)
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    Prometheus prometheus = new Prometheus(process, port, log);
    TestBed.await("Prometheus", Duration.ofMinutes(2), prometheus::isReady);
    return prometheus;
  }

  private boolean isReady() {
    try {
      if (!process.isAlive()) {
        throw new AssertionError(Files.readString(log));
      }
      return http.send(request("/-/ready"), HttpResponse.BodyHandlers.discarding()).statusCode()
          == 200;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private HttpRequest request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build();
  }

  /** The data of an answer of its API, which must be a success. */
  JsonNode get(String path) {
    try {
      JsonNode answer =
          new ObjectMapper()
              .readTree(
                  http.send(
                          request("/api/v1/" + path),
                          HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8))
                      .body());
      if (!answer.path("status").asText().equals("success")) {
        throw new AssertionError(path + ": " + answer);
      }
      return answer.get("data");
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** The series that an expression has now. */
  JsonNode query(String expression) {
    return get("query?query=" + URLEncoder.encode(expression, StandardCharsets.UTF_8))
        .get("result");
  }

  /** What promtool says of a text of metrics. */
  static List<String> lint(Path folder, String metrics) throws IOException {
    Path text = Files.writeString(folder.resolve("metrics.txt"), metrics);
    Process promtool =
        new ProcessBuilder("/usr/bin/promtool", "check", "metrics")
            .redirectErrorStream(true)
            .redirectInput(text.toFile())
            .start();
    return new String(promtool.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
        .lines()
        .toList();
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(30, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
