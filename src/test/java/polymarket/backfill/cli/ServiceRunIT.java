package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
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
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * A run that is typed while {@code serve} runs: the service carries it out, all else is as ever.
 */
class ServiceRunIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private TestBed bed;
  private Program serve;
  private List<String> ids;
  private String list;

  @BeforeEach
  void start() throws IOException {
    bed = TestBed.start(new SandboxOptions().conditions(2000)).set("serve.port", 0);
    bed.set("payouts.batch-size", 10).set("payouts.concurrency", 1);
    ids = bed.ids(300);
    list = Files.write(bed.home().resolve("ids.txt"), ids).toString();
    serve = Program.start(bed, "serve");
    TestBed.await("the service", PATIENCE, () -> Files.exists(served()) || !serve.isAlive());
    assertTrue(serve.isAlive(), () -> serve.end().toString());
  }

  @AfterEach
  void close() {
    serve.close();
    bed.close();
  }

  private Path served() {
    return bed.home().resolve("runtime/serve.json");
  }

  private JsonNode status() {
    try {
      JsonNode served = JSON.readTree(served().toFile());
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(served.get("url").asText() + "status.json"))
              .header("Authorization", "Bearer " + served.get("token").asText())
              .build();
      return JSON.readTree(
          HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** The process that carries a run of payouts out, when it does. */
  private ProcessHandle carriedOut() {
    TestBed.await(
        "the run on the page",
        PATIENCE,
        () -> status().at("/jobs/0/runs/0/state").asText().equals("running"));
    ProcessHandle process =
        ProcessHandle.of(status().at("/jobs/0/runs/0/pid").asLong()).orElseThrow();
    assertEquals(serve.process().pid(), process.parent().orElseThrow().pid());
    return process;
  }

  private void slow() {
    bed.sandbox().fault("kind=slow,millis=700,source=goldsky");
  }

  @Test
  void theServiceCarriesItOut_andLinesCtrlCAndExitCodesAreAsEver() {
    slow();
    try (Program run = Program.start(bed, "run", "payouts", "--ids", list, "--page")) {
      carriedOut();
      assertTrue(status().at("/started/0/running").asBoolean());
      assertEquals("payouts", status().at("/started/0/what").asText());
      run.signal("INT");
      Program.Result end = run.end();
      assertEquals(130, end.exitCode(), end.toString());
      assertTrue(end.err().contains("The page of this run is at http://127.0.0.1:"), end.err());
      assertTrue(end.err().contains("payouts: 300 ids in " + list), end.err());
      assertTrue(end.err().contains("stopping: work in flight is finished"), end.err());
      assertTrue(
          end.err()
              .endsWith("backfill: interrupted; the same command continues where it stopped\n"),
          end.err());
      assertTrue(end.out().startsWith("payouts: interrupted after "), end.out());
    }
    assertTrue(bed.job("payouts").count(State.PENDING) > 0, "it was stopped before it was done");
    bed.sandbox().clearFaults();
    String poison = ids.get(7);
    bed.sandbox().fault("kind=poison,status=400,ids=0x" + poison);
    Program.Result failed = Program.run(bed, "run", "payouts", "--redo", "all", "--json");
    assertEquals(2, failed.exitCode(), failed.toString());
    assertEquals(1, failed.out().lines().count(), failed.out());
    assertTrue(failed.out().contains("\"failed\":1"), failed.out());
    bed.sandbox().clearFaults();
    // on a terminal, the line that is redrawn comes from the service
    Program.Result shown =
        Program.startOnTerminal(
                bed,
                List.of("-Dbackfill.terminal.output=true", "-Dbackfill.columns=200"),
                "run",
                "payouts",
                "--redo",
                "all")
            .end();
    assertEquals(0, shown.exitCode(), shown.toString());
    assertTrue(shown.out().contains("payouts: \u001b[32mcomplete\u001b[0m after "), shown.out());
    assertTrue(
        shown.out().lines().anyMatch(line -> line.strip().endsWith(" + 0 pending")),
        "it is laid out for this terminal, not for the service's: " + shown.out());
    bed.assertTruth(ids);
    Program.Result bad = Program.run(bed, "run", "payouts", "--limit", "0");
    assertEquals(1, bad.exitCode(), bad.toString());
    assertEquals(1, bad.err().lines().count(), bad.err());
  }

  @Test
  void whatTheServiceWouldDoOtherwise_runsBesideIt() throws IOException {
    Program.Result other =
        Program.start(
                bed,
                List.of(),
                Map.of("POLYGON_RPC_URL", "http://127.0.0.1:1/private-key"),
                "run",
                "payouts",
                "--ids",
                list)
            .end();
    assertEquals(0, other.exitCode(), other.toString());
    assertTrue(
        other
            .err()
            .contains(
                "this run has a process of its own: the service has other settings:"
                    + " polygon.rpc.url\n"),
        other.err());
    assertFalse(other.err().contains("private-key"), other.err());
    assertEquals(0, status().get("started").size());
    Program.Result pipeline = Program.run(bed, "pipeline", "overnight", "--dry-run");
    assertEquals(0, pipeline.exitCode(), pipeline.toString());
    slow();
    try (Program first = Program.start(bed, "run", "payouts", "--redo", "all")) {
      ProcessHandle process = carriedOut();
      Program.Result second = Program.run(bed, "run", "payouts", "--redo", "all");
      assertEquals(1, second.exitCode(), second.toString());
      assertEquals(1, second.err().lines().count(), second.err());
      assertTrue(
          second.err().contains("is in use by another run")
              && second.err().contains("kill " + process.pid()),
          second.err());
      Program.Result stop = Program.run(bed, "stop", "payouts");
      assertEquals(0, stop.exitCode(), stop.toString());
      assertEquals(130, first.end().exitCode());
    }
    assertTrue(serve.isAlive());
  }

  @Test
  void whenTheServiceEnds_itsRunEndsAsByCtrlC_andTheNextRunsWithoutIt() throws IOException {
    slow();
    try (Program run = Program.start(bed, "run", "payouts", "--ids", list)) {
      ProcessHandle process = carriedOut();
      serve.kill();
      Program.Result end = run.end();
      assertEquals(130, end.exitCode(), end.toString());
      assertTrue(
          end.err()
              .contains(
                  "`backfill serve` (pid "
                      + serve.process().pid()
                      + ") ended, and this run with it\n"),
          end.err());
      assertFalse(process.isAlive(), "the run has ended");
    }
    assertTrue(Files.exists(served()), "its file stays, as after kill -9");
    bed.sandbox().clearFaults();
    Program.Result alone = Program.run(bed, "run", "payouts");
    assertEquals(0, alone.exitCode(), alone.toString());
    bed.assertTruth(ids);
    assertFalse(Files.exists(served()), "the file of a process that is gone is deleted");
    // it is stopped cleanly, and those who follow are sent the end
    serve = Program.start(bed, "serve");
    TestBed.await("the service", PATIENCE, () -> Files.exists(served()) || !serve.isAlive());
    slow();
    try (Program run = Program.start(bed, "run", "payouts", "--redo", "all")) {
      carriedOut();
      serve.signal("TERM");
      Program.Result end = run.end();
      assertEquals(130, end.exitCode(), end.toString());
      assertTrue(end.out().startsWith("payouts: interrupted after "), end.toString());
      assertFalse(end.err().contains("ended, and this run with it"), end.err());
      assertEquals(0, serve.end().exitCode());
    }
  }
}
