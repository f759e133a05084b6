package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.benchmark.Scenario;
import polymarket.backfill.benchmark.ServeBenchmark;

/** The benchmark of open streams in small: they hold no threads, and none of them ends. */
class ServeBenchmarkIT {

  @TempDir Path runtime;

  @Test
  void manyStreams_areServedByAsManyThreadsAsNone() throws Exception {
    Scenario payouts =
        Scenario.all().stream()
            .filter(one -> one.job().equals("payouts"))
            .findFirst()
            .orElseThrow();
    Map<String, Object> result =
        new ServeBenchmark(
                new BenchmarkProgram(
                    Settings.load(
                        TestBed.PROJECT, Map.of(), Map.of("runtime.dir", runtime.toString())),
                    SaidMessages.SILENT,
                    line -> {}),
                payouts,
                "goldsky",
                2_000,
                100,
                1)
            .run();
    assertEquals(true, result.get("right"), result.toString());
    int more =
        (int) ((Map<?, ?>) result.get("with")).get("threads_of_the_service")
            - (int) ((Map<?, ?>) result.get("without")).get("threads_of_the_service");
    assertTrue(more < 10, more + " threads more for 100 streams: " + result);
    assertTrue(ServeBenchmark.text(result).contains("% of the ids/s"));
    try (var left = Files.list(runtime.resolve("benchmark"))) {
      assertEquals(0, left.count());
    }
  }
}
