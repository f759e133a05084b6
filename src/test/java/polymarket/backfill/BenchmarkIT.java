package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark command, in a process of its own. */
class BenchmarkIT {

  @Test
  @Timeout(600)
  void aShortRunWithLimitsOff_reportsItsFigures_andLeavesNothingBehind(@TempDir Path runtime)
      throws Exception {
    Path json = runtime.resolve("out.json");
    Process benchmark =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dbackfill.home=" + Path.of("").toAbsolutePath(),
                "-cp",
                System.getProperty("java.class.path"),
                "polymarket.backfill.cli.Backfill",
                "benchmark",
                "payouts",
                "--ids",
                "3000",
                "--parts",
                "off",
                "--peer",
                "asyncio",
                "--json",
                "--set",
                "runtime.dir=" + runtime)
            .redirectOutput(json.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertTrue(benchmark.waitFor(110, TimeUnit.SECONDS));
    assertEquals(0, benchmark.exitValue());

    JsonNode result = new ObjectMapper().readTree(json.toFile());
    assertTrue(result.path("right").asBoolean(), result.toString());
    assertEquals("3,000 instead of 170,448 condition ids", result.path("shorter").asText());
    JsonNode part = result.path("parts").path(0);
    assertEquals(
        part.path("rows").path("found_in_truth").asLong(),
        part.path("rows").path("found").asLong());
    assertTrue(part.path("rows").path("found").asLong() > 2000, part.toString());
    assertEquals(0, part.path("retries").asLong());
    assertEquals(
        4,
        part.path("requests").asLong(),
        "3 batches, and one of the ids that their answers left out: " + part);
    assertTrue(part.path("ids_per_second").asLong() > 0);
    for (String step : new String[] {"request", "insert", "read_back", "ledger", "rest"}) {
      assertTrue(part.path("seconds_in").path(step).asDouble() > 0, step + ": " + part);
    }
    assertEquals(3, part.path("processes").size(), part.toString());
    for (JsonNode process : part.path("processes")) {
      assertTrue(process.path("cpu_seconds").asDouble() > 0, process.toString());
      assertTrue(
          process.path("peak_resident_bytes").isNull()
              || process.path("peak_resident_bytes").asLong() > 20_000_000,
          process.toString());
    }
    assertEquals(4, part.path("least_requests").asLong(), part.toString());
    try (Stream<Path> left = Files.list(runtime.resolve("benchmark"))) {
      assertEquals(0, left.count());
    }
    JsonNode peer = result.path("peer").path(0);
    assumeTrue(!peer.isMissingNode(), "no python3, so that no script ran beside the program");
    assertEquals(4, peer.path("requests").asLong(), peer.toString());
    assertEquals(
        peer.path("found_in_truth").asLong(), peer.path("found").asLong(), peer.toString());
  }
}
