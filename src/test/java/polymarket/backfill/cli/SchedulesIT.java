package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** What serve starts by its schedules, and how that makes way for what a person starts. */
class SchedulesIT {

  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private TestBed bed;

  @BeforeEach
  void start() {
    bed = TestBed.start(new SandboxOptions().conditions(200).limits(0)).set("serve.port", 0);
    bed.sandbox().settings().forEach(bed::set);
  }

  @AfterEach
  void close() {
    bed.close();
  }

  private String refused(String schedule) {
    Program.Result result = Program.run(bed, "serve", "--set", "serve.schedule." + schedule);
    assertEquals(1, result.exitCode(), result.toString());
    assertEquals(1, result.err().lines().count(), result.err());
    return result.err();
  }

  @Test
  void aWrongSchedule_isOneLine() {
    assertTrue(
        refused("markts=6h").contains("no job or pipeline 'markts'. Did you mean 'markets'?"));
    assertTrue(refused("markets=soon").contains("setting serve.schedule.markets is 'soon'"));
    assertTrue(refused("markets=follow").contains("for jobs whose ids are ranges"));
  }

  /** The schedule of markets; null before the page runs. */
  private JsonNode markets() {
    Path file = bed.home().resolve("runtime/serve/schedules.json");
    try {
      return Files.exists(file) ? new ObjectMapper().readTree(file.toFile()).get(0) : null;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private boolean isLastResult(String result) {
    return markets() != null && markets().path("last_result").asText().equals(result);
  }

  @Test
  void aScheduledRun_makesWayForAPerson_andContinues() throws IOException {
    bed.sandbox().fault("kind=slow,millis=6000,source=gamma");
    try (Program serve =
        Program.start(
            bed,
            List.of("-Dbackfill.schedule-quiet-millis=1000"),
            Map.of(),
            "serve",
            "--set",
            "serve.schedule.markets=1s")) {
      Path ledger = bed.home().resolve("runtime/markets.status.json");
      TestBed.await("the scheduled run", PATIENCE, () -> Files.exists(ledger));
      assertTrue(markets().get("running").asBoolean(), markets().toString());
      Program person = Program.start(bed, "run", "markets");
      TestBed.await(
          "the way for the person's run", PATIENCE, () -> isLastResult("stopped, and continues"));
      bed.sandbox().clearFaults();
      Program.Result end = person.end();
      assertEquals(0, end.exitCode(), end.toString());
      assertTrue(end.err().contains("continues") || end.out().contains("complete"), end.toString());
      TestBed.await("the next scheduled run", PATIENCE, () -> isLastResult("complete"));
      String status = Program.run(bed, "status", "--json").out();
      assertEquals(
          "markets", new ObjectMapper().readTree(status).at("/schedules/0/name").asText(), status);
      serve.signal("INT");
      Program.Result ended = serve.end();
      assertEquals(0, ended.exitCode(), ended.toString());
      String events = Files.readString(bed.home().resolve("runtime/events.jsonl"));
      assertTrue(events.contains("markets ended: stopped, and continues"), events);
    }
  }
}
