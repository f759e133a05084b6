package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Messages;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.benchmark.EnrichBenchmark;

/** The benchmark of enrich in small, with an engine of its own. */
class EnrichBenchmarkIT {

  private static final long TRADES = 30_000;

  private final List<String> said = new CopyOnWriteArrayList<>();
  private final List<String> lines = new CopyOnWriteArrayList<>();
  private Path runtime;

  @BeforeEach
  void makeFolder() throws IOException {
    runtime =
        Files.createTempDirectory(
            Files.createDirectories(TestBed.PROJECT.resolve("target/tests")), "benchmark");
  }

  private Map<String, Object> run(boolean narrow, boolean keep, String memory) {
    said.clear();
    lines.clear();
    Map<String, String> overrides = new HashMap<>();
    overrides.put("runtime.dir", runtime.toString());
    overrides.put("enrich.max-memory", memory);
    Messages messages = new SaidMessages(said::add);
    return new EnrichBenchmark(
            new BenchmarkProgram(
                Settings.load(TestBed.PROJECT, Map.of(), overrides), messages, lines::add),
            TRADES,
            List.of("hash"),
            narrow,
            keep)
        .run();
  }

  private List<Path> folders() throws IOException {
    try (var files = Files.list(runtime.resolve("benchmark"))) {
      return files.toList();
    }
  }

  @Test
  void keptData_isReused_andDeletedAfterASuccessfulRun() throws IOException {
    UserError error = assertThrows(UserError.class, () -> run(false, true, "1M"));
    assertTrue(error.getMessage().contains("enrich.max-memory"), error.getMessage());
    assertEquals(1, folders().size());
    assertTrue(said.get(said.size() - 1).contains("the data stay in"), said.toString());
    assertTrue(lines.contains("generate"), lines.toString());
    Map<String, Object> result = run(false, true, "1G");
    assertEquals(true, result.get("right"), result.toString());
    assertFalse(lines.contains("generate") || lines.contains("copy"), lines.toString());
    assertEquals(List.of(), folders());
  }

  @Test
  void withoutKeep_aRunThatFailsLeavesNothing() throws IOException {
    assertThrows(UserError.class, () -> run(false, false, "1M"));
    assertEquals(List.of(), folders());
  }

  @Test
  void narrowTrades_areEnrichedCorrectly() {
    Map<String, Object> result = run(true, false, "1G");
    assertEquals(true, result.get("right"), result.toString());
  }
}
