package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A Python script that fetches the ids of the job payouts as a person would without this program:
 * asyncio and an even pace, without a checkpoint and without ClickHouse. What it takes stands
 * beside what the program takes.
 */
final class Peer {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String SCRIPT = "/benchmark/peer_asyncio.py";
  private static final String PYTHON = "python3";

  private final Processes processes;
  private final Path home;

  /**
   * @param home an empty folder
   */
  Peer(Processes processes, Path home) {
    this.processes = processes;
    this.home = home;
  }

  /** Whether there is a Python that can run it. */
  static boolean isThere() {
    try {
      return new ProcessBuilder(PYTHON, "-c", "import asyncio; asyncio.to_thread")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /**
   * Runs it to its end.
   *
   * @param url of the source
   * @param pace requests a second; 0 for no limit
   * @return what it prints: seconds, requests, ids found and absent, CPU seconds, peak memory
   * @throws BenchmarkException where it fails
   */
  JsonNode run(String url, Path ids, double pace) throws IOException, InterruptedException {
    Path script = home.resolve("peer_asyncio.py");
    try (InputStream in = Peer.class.getResourceAsStream(SCRIPT)) {
      Files.copy(in, script);
    }
    Path errors = home.resolve("peer.errors");
    Process process =
        new ProcessBuilder(
                PYTHON,
                script.toString(),
                url,
                ids.toString(),
                home.resolve("peer.jsonl").toString(),
                String.valueOf(pace))
            .redirectError(errors.toFile())
            .start();
    processes.add(process.toHandle());
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new BenchmarkException("the Python script failed: " + Processes.tail(errors));
    }
    return JSON.readTree(text);
  }

  /**
   * Its figures.
   *
   * @param limit the sandbox's counts of the limit
   * @param expected rows of the truth
   */
  static Map<String, Object> figures(String part, JsonNode said, JsonNode limit, long expected) {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("part", part);
    figures.put("seconds", Figures.rounded(said.path("seconds").asDouble()));
    figures.put("requests", limit.path("arrivals").asLong());
    figures.put("arrivals_over_the_limit", limit.path("violations").asLong());
    figures.put("cpu_seconds", Figures.rounded(said.path("cpu_seconds").asDouble()));
    figures.put("peak_resident_bytes", said.path("peak_resident_bytes").asLong());
    figures.put("found", said.path("found").asLong());
    figures.put("found_in_truth", expected);
    return figures;
  }

  /** One line for each of its parts. */
  static String text(List<Map<String, Object>> parts) {
    StringBuilder text = new StringBuilder();
    for (Map<String, Object> part : parts) {
      text.append(
          String.format(
              Locale.ROOT,
              "  asyncio, %s: %.1f s, %,d requests, %,d over the limit, %.1f CPU s, %s, %,d rows"
                  + " (truth: %,d)%n",
              part.get("part"),
              part.get("seconds"),
              part.get("requests"),
              part.get("arrivals_over_the_limit"),
              part.get("cpu_seconds"),
              Figures.bytes(part.get("peak_resident_bytes")),
              part.get("found"),
              part.get("found_in_truth")));
    }
    return text.toString();
  }
}
