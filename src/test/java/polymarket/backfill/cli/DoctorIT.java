package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** What {@code doctor} says of a whole program, and of one whose sources do not answer. */
class DoctorIT {

  private TestBed bed;

  @BeforeEach
  void start() {
    bed = TestBed.start(new SandboxOptions().conditions(300).wallets(20).limits(0));
    bed.sandbox().settings().forEach(bed::set);
    bed.set("hypersync.token", bed.sandbox().hyperSyncToken());
  }

  @AfterEach
  void close() {
    bed.close();
  }

  private static List<String> lines(Program.Result result, String verdict) {
    return result.out().lines().filter(line -> line.matches(".*  " + verdict + "  .*")).toList();
  }

  @Test
  void everySourceThatAnswers_isOk_andAPlanKnowsItsLatency() throws IOException {
    Program.Result result = Program.run(bed, "doctor");
    assertEquals(0, result.exitCode(), result.toString());
    assertTrue(result.out().contains("All checks passed."), result.out());
    assertEquals(List.of(), lines(result, "failed"));
    assertEquals(1, lines(result, "skipped").size(), result.out());
    assertTrue(lines(result, "skipped").get(0).contains("CLOB_API_KEY"), result.out());
    for (String source :
        List.of("gamma", "clob", "goldsky", "data-api-positions", "polygon", "sqd", "hypersync")) {
      assertTrue(
          lines(result, "ok").stream().anyMatch(line -> line.contains("source " + source + " ")),
          source + ": " + result.out());
    }
    planAndRun();
  }

  @Test
  void wrongSettings_areNamed_thatARunWouldRefuseLater() {
    bed.set("gamma.paging", "x").set("serve.port", "-1").set("fills.source", "foo");
    bed.set("wallets.concurrency", "many").set("rpc-logs.behind", -5);
    Program.Result result = Program.run(bed, "doctor");
    assertEquals(3, result.exitCode(), result.toString());
    List<String> failed = lines(result, "failed");
    for (String setting :
        List.of(
            "gamma.paging",
            "serve.port",
            "fills.source",
            "wallets.concurrency",
            "rpc-logs.behind")) {
      assertTrue(
          failed.stream().anyMatch(line -> line.contains("settings: setting " + setting)),
          setting + ": " + result.out());
    }
  }

  @Test
  void aPlanOfJobsOneOfWhichFindsTheIdsOfAnother_saysSo_whereNothingWasFetchedYet() {
    Program.Result plan = Program.run(bed, "plan", "markets", "fills");
    assertEquals(0, plan.exitCode(), plan.toString());
    assertTrue(plan.out().contains("fills starts later; its ids are not known before"), plan.out());
    Program.Result alone = Program.run(bed, "plan", "fills");
    assertEquals(1, alone.exitCode(), alone.toString());
    assertTrue(alone.err().contains("`backfill run markets` fills it"), alone.err());
  }

  @Test
  void aDatabaseThatDoesNotAnswer_isOneFailedCheck_andNoSourceIsAskedWithoutItsPace() {
    bed.set("cluster.url", "jdbc:postgresql://127.0.0.1:9/none");
    Program.Result result = Program.run(bed, "doctor");
    assertEquals(3, result.exitCode(), result.toString());
    List<String> failed = lines(result, "failed");
    assertEquals(1, failed.size(), result.out());
    assertTrue(failed.get(0).contains("cluster.url: the shared ledger at"), failed.get(0));
    assertEquals(1, lines(result, "skipped").size(), result.out());
    assertTrue(lines(result, "skipped").get(0).contains("sources: not asked"), result.out());
  }

  /** What a run takes is planned before it, without a trace, and compared with it after. */
  private void planAndRun() throws IOException {
    Path ids = Files.write(bed.home().resolve("ids.txt"), bed.ids(250));
    bed.set("payouts.batch-size", 100);
    JsonNode first = planned("--ids", ids.toString());
    assertEquals(250, first.get("ids").asLong(), first.toString());
    assertEquals(3, first.get("requests").asLong(), first.toString());
    assertTrue(first.get("latency_millis").asLong() >= 0, first.toString());
    assertFalse(first.has("rows"), "nothing was fetched before: " + first);
    assertFalse(
        Files.exists(bed.home().resolve("runtime/payouts.ledger")), "a plan leaves nothing");

    JsonNode run = json("run", "payouts", "--ids", ids.toString());
    assertEquals(3, run.at("/plan/requests").asLong(), run.toString());
    String status = Program.run(bed, "status", "payouts").out();
    assertTrue(status.contains("planned 3 requests"), status);

    assertEquals(0, planned().get("requests").asLong(), "all is done");
    JsonNode again = planned("--redo", "all", "--limit", "125");
    assertEquals(125, again.get("ids").asLong(), again.toString());
    assertEquals("as in its last run", again.get("from").asText());
    assertEquals(
        Math.round(run.at("/rows/fetched").asLong() / 2.0), again.get("rows").asLong(), "half");
    assertTrue(again.get("bytes").asLong() > 0, again.toString());
  }

  private JsonNode planned(String... options) throws IOException {
    List<String> words = new ArrayList<>(List.of("plan", "payouts"));
    words.addAll(List.of(options));
    return json(words.toArray(String[]::new)).at("/jobs/0");
  }

  private JsonNode json(String... words) throws IOException {
    List<String> all = new ArrayList<>(List.of(words));
    all.add("--json");
    Program.Result result = Program.run(bed, all.toArray(String[]::new));
    assertEquals(0, result.exitCode(), result.toString());
    return new ObjectMapper().readTree(result.out());
  }

  @Test
  void aSourceThatDoesNotAnswer_andAWrongKey_areNamed_andTheExitCodeIs3() {
    bed.sandbox().clobAccount().forEach(bed::set);
    bed.set("clob.api-key", "wrong")
        .set("gamma.url", "http://127.0.0.1:9")
        .set("hypersync.token", "wrong-too");
    Program.Result result = Program.run(bed, "doctor");
    assertEquals(3, result.exitCode(), result.toString());
    List<String> failed = lines(result, "failed");
    assertTrue(failed.stream().anyMatch(line -> line.contains("source gamma ")), result.out());
    assertTrue(
        failed.stream().anyMatch(line -> line.contains("source clob-account")), result.out());
    assertTrue(failed.stream().anyMatch(line -> line.contains("source hypersync")), result.out());
    assertTrue(!result.out().contains("wrong"), "a key is never shown");
  }
}
