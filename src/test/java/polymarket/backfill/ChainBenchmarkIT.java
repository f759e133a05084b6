package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The benchmarks of what comes from the chain, in processes of their own. */
@Timeout(600)
class ChainBenchmarkIT {

  private static JsonNode benchmark(Path runtime, String... arguments) throws Exception {
    List<String> all =
        Stream.concat(
                Stream.of("benchmark"),
                Stream.concat(
                    Stream.of(arguments), Stream.of("--json", "--set", "runtime.dir=" + runtime)))
            .toList();
    Program.Result result = Program.start(TestBed.PROJECT, List.of(), Map.of(), all).end();
    assertEquals(0, result.exitCode(), result.toString());
    return new ObjectMapper().readTree(result.out());
  }

  @Test
  void theChainsLogs_areCountedAgainstThePortals_andNothingIsLeftBehind(@TempDir Path runtime)
      throws Exception {
    JsonNode result =
        benchmark(runtime, "chain", "--ids", "60", "--datasets", "conditions,transfers");
    assertTrue(result.path("right").asBoolean(), result.toString());
    assertTrue(
        result.path("logs").asLong() > 1_000 && result.path("logs_per_second").asLong() > 0,
        result.toString());
    try (Stream<Path> left = Files.list(runtime.resolve("benchmark"))) {
      assertEquals(0, left.count());
    }
  }

  @Test
  void tokenIds_areMeasuredOnOneAndTwoThreads(@TempDir Path runtime) throws Exception {
    JsonNode result = benchmark(runtime, "token-ids", "--ids", "2000");
    assertEquals(2, result.path("runs").size());
    result
        .path("runs")
        .forEach(
            run -> {
              assertEquals(8000, run.path("token_ids").asInt(), "two outcomes, two collaterals");
              assertTrue(run.path("conditions_per_second").asLong() > 0);
            });
  }
}
