package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.benchmark.AuditBenchmark;

/** The benchmark of the audit in small, with an engine of its own. */
class AuditBenchmarkIT {

  @TempDir Path runtime;

  @Test
  void generatedLogs_breakNoLaw_andAreDeleted() throws Exception {
    Map<String, Object> result =
        new AuditBenchmark(
                new BenchmarkProgram(
                    Settings.load(
                        TestBed.PROJECT, Map.of(), Map.of("runtime.dir", runtime.toString())),
                    SaidMessages.SILENT,
                    line -> {}),
                10_000,
                1)
            .run();
    assertEquals(true, result.get("right"), result.toString());
    Map<?, ?> audit = (Map<?, ?>) ((List<?>) result.get("parts")).get(2);
    for (Object each : (List<?>) audit.get("laws")) {
      Map<?, ?> law = (Map<?, ?>) each;
      if (!List.of("collateral", "pools").contains(law.get("law"))) {
        assertEquals("holds", law.get("state"), law.toString());
        assertTrue(((Number) law.get("checked")).longValue() > 0, law.toString());
      }
    }
    assertTrue(AuditBenchmark.text(result).contains("times the scan"));
    try (var left = Files.list(runtime.resolve("benchmark"))) {
      assertEquals(List.of(), left.toList());
    }
  }
}
