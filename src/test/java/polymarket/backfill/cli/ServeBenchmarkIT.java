package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;

/** The benchmark of open streams in small: they hold no threads, and none of them ends. */
class ServeBenchmarkIT {

  @TempDir Path runtime;

  @Test
  void manyStreams_areServedByAsManyThreadsAsNone() throws Exception {
    Program.Result end =
        Program.start(
                TestBed.PROJECT,
                List.of(),
                Map.of(),
                List.of(
                    "benchmark",
                    "serve",
                    "--ids",
                    "2000",
                    "--streams",
                    "100",
                    "--json",
                    "--set",
                    "runtime.dir=" + runtime))
            .end();
    assertEquals(0, end.exitCode(), end.toString());
    JsonNode result = new ObjectMapper().readTree(end.out());
    assertTrue(result.path("right").asBoolean(), end.out());
    int more =
        result.at("/with/threads_of_the_service").asInt()
            - result.at("/without/threads_of_the_service").asInt();
    assertTrue(more < 10, more + " threads more for 100 streams: " + end.out());
  }
}
