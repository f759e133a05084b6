package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * Pipelines of the real program, whose steps are processes of their own. -Dkill.rounds=N and
 * -Dkill.seed=N as in KillIT.
 */
@Timeout(900)
class PipelineIT {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int ROUNDS = Integer.getInteger("kill.rounds", 2);
  private static final long SEED = Long.getLong("kill.seed", System.nanoTime());

  private TestBed bed;

  @AfterEach
  void close() {
    if (bed != null) {
      bed.close();
    }
  }

  /** A bed with trades to enrich, and all sources. */
  private TestBed bed(SandboxOptions options) {
    bed =
        TestBed.start(
                options.conditions(600).wallets(100).fillsPerMarket(6).blockSeconds(300).limits(0))
            .ownEngine();
    bed.sandbox().settings().forEach(bed::set);
    // few blocks of the sandbox have logs
    bed.set("rpc-logs.from", bed.sandbox().firstBlock()).set("chain.span", 100_000);
    try (ClickHouse clickHouse = ClickHouse.open(bed.settings())) {
      assertTrue(DemoCommand.trades(clickHouse, bed.sandbox()) > 1000);
      bed.holdEngine();
    }
    return bed;
  }

  private void pipeline(String name, String text) {
    try {
      Files.writeString(bed.home().resolve("routes/pipelines/" + name + ".yaml"), text);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static JsonNode json(Program.Result result) {
    try {
      return JSON.readTree(result.out());
    } catch (IOException e) {
      throw new AssertionError(result.toString(), e);
    }
  }

  private JsonNode status(String name) {
    return json(Program.runHere(bed, "status", name, "--json"));
  }

  private static JsonNode step(JsonNode status, String name) {
    for (JsonNode step : status.path("steps")) {
      if (step.path("step").asText().equals(name)) {
        return step;
      }
    }
    throw new AssertionError("no step " + name + " in " + status);
  }

  /**
   * Every trade is there; what has a condition id has the right one, and what has none a reason.
   */
  private void assertTruth() {
    Map<String, Object> judged =
        bed.rows(SqlFile.read("demo").section("judge").statements().get(0)).get(0);
    long trades = ((Number) judged.get("trades")).longValue();
    long with = ((Number) judged.get("with_condition_id")).longValue();
    assertEquals(
        trades,
        ((Number) bed.rows("SELECT count() AS n FROM default.trades_raw").get(0).get("n"))
            .longValue(),
        judged.toString());
    assertEquals(
        trades,
        ((Number)
                bed.rows("SELECT count() AS n FROM default.enriched_trades_final").get(0).get("n"))
            .longValue(),
        judged.toString());
    assertEquals(
        trades, with + ((Number) judged.get("none_with_a_reason")).longValue(), judged.toString());
    assertTrue(with > 0.9 * trades, judged.toString());
    // planned: the CLOB lists two markets in a thousand under another one's slug, and stands
    // against Gamma there
    long bySlug =
        ((Number)
                bed.rows(
                        "SELECT count() AS n FROM default.trades_raw WHERE market_id IN (SELECT"
                            + " slug FROM sandbox_truth.conditions) AND market_id IN (SELECT key"
                            + " FROM default.condition_id_conflicts WHERE key_kind = 'slug')")
                    .get(0)
                    .get("n"))
            .longValue();
    assertTrue(
        ((Number) judged.get("wrong")).longValue() <= bySlug,
        judged + ", by slugs in conflict at most " + bySlug);
  }

  @Test
  void overnight_withFaults_matchesTheTruth_andASecondRunHasNothingToDo() throws IOException {
    bed(new SandboxOptions());
    bed.sandbox().fault("kind=503,rate=0.03");
    bed.sandbox().fault("kind=reset,rate=0.02");
    Program.Result night = Program.run(bed, "pipeline", "overnight");
    assertEquals(0, night.exitCode(), night.toString());
    assertTruth();
    assertTrue(night.out().contains("overnight: finished after"), night.out());
    assertTrue(
        night
            .err()
            .contains(
                "rpc: starts with `run chain --from "
                    + bed.sandbox().firstBlock()
                    + " --to latest --datasets conditions,transfers`"),
        night.err());
    assertFalse(night.out().contains("{{"), night.out());
    assertTrue(
        night.err().contains("clob: done") && night.err().contains("enrich: starts with `enrich`"),
        night.err());
    Path report = bed.home().resolve("runtime/pipelines/overnight/report.txt");
    assertTrue(
        night.out().contains(report.toString()) && night.out().startsWith(Files.readString(report)),
        night.out());
    String end = night.out().substring(Files.readString(report).length());
    assertTrue(end.contains("Is the data ready? NO: "), end);
    assertTrue(end.contains("\n  ./backfill run ") && end.lines().count() <= 8, end);
    String page = Files.readString(report.resolveSibling("report.html"));
    assertTrue(
        page.contains("<td>goldsky</td>")
            && page.contains("Decisions by kind of key")
            && page.contains("<h2>Coverage by month</h2>\n<div class=\"chart\"><svg"),
        page);
    assertEquals(
        1, page.split("</html>", -1).length - 1, "one page, with the page of verify in it");
    assertFalse(page.contains("From missing to filled\n"), "not as text beside its chart");
    assertTrue(
        night.out().contains("From missing to filled") && night.out().contains("report.html"),
        night.out());
    for (String table :
        List.of(
            "clob_market_mapping",
            "rpc_transfer_mapping",
            "goldsky_market_mapping",
            "condition_id_merged")) {
      assertTrue(
          ((Number) bed.rows("SELECT count() AS n FROM default." + table).get(0).get("n"))
                  .longValue()
              > 0,
          table);
    }
    JsonNode status = status("overnight");
    assertEquals("finished", status.path("state").asText());
    status
        .path("steps")
        .forEach(step -> assertEquals("done", step.path("state").asText(), step.toString()));
    assertTrue(step(status, "clob").path("requests").asLong() > 0, status.toString());

    JsonNode before = bed.stats();
    Program.Result second = Program.run(bed, "pipeline", "overnight");
    assertEquals(0, second.exitCode(), second.toString());
    assertTrue(
        second.out().contains("is finished") && second.out().contains("--again"), second.out());
    assertEquals(before.path("sources"), bed.stats().path("sources"), "nothing was asked for");

    Program.Result part =
        Program.run(bed, "pipeline", "overnight", "--from", "reconcile", "--json");
    assertEquals(0, part.exitCode(), part.toString());
    assertEquals(before.path("sources"), bed.stats().path("sources"), "no source was asked");
    assertEquals(1, json(part).path("pass").asInt());
    assertTrue(
        part.err()
            .contains("overnight: expected durations of steps, from the last pass: reconcile "),
        part.err());
    assertTrue(
        json(part).path("spent_seconds").asLong() >= status.path("spent_seconds").asLong(),
        "the pass took that too: " + part.out());
    Program.Result plan = Program.runHere(bed, "pipeline", "overnight", "--again", "--dry-run");
    assertTrue(plan.out().contains("as in its last pass"), plan.out());
    for (String name : List.of("clob", "rpc", "goldsky", "reconcile", "enrich")) {
      assertTrue(
          plan.out().contains(name + " takes as long as in its last pass here, which ended "),
          plan.out());
    }
    assertEquals(1, status("overnight").path("pass").asInt(), "a plan begins nothing");
  }

  @Test
  void stoppedByCtrlC_orKilledAtAnyInstant_itContinues_andDoneStepsStayDone()
      throws InterruptedException {
    System.out.println("pipeline kill test: " + ROUNDS + " rounds, -Dkill.seed=" + SEED);
    Random random = new Random(SEED);
    bed(new SandboxOptions().latencyMillis(60));
    try (Program run = Program.start(bed, "pipeline", "overnight")) {
      run.awaitSaid("ids in this pass");
      run.signal("INT");
      Program.Result end = run.end();
      assertEquals(130, end.exitCode(), end.toString());
      assertTrue(end.err().contains("the same command continues where it stopped"), end.err());
    }
    JsonNode stopped = status("overnight");
    assertEquals("interrupted", stopped.path("state").asText());
    stopped
        .path("steps")
        .forEach(
            step ->
                assertTrue(
                    List.of("pending", "done").contains(step.path("state").asText()),
                    step.toString()));
    List<String> done = new ArrayList<>();
    int killed = 0;
    for (int round = 0; round < ROUNDS; round++) {
      try (Program run = Program.start(bed, "pipeline", "overnight")) {
        TestBed.await(
            "a step",
            Duration.ofSeconds(90),
            () ->
                run.err().contains("starts with")
                    || run.err().contains("continues with")
                    || !run.isAlive());
        Thread.sleep(500 + random.nextInt(7000));
        killed += run.isAlive() ? 1 : 0;
        run.kill();
      }
      JsonNode status = status("overnight");
      for (String step : done) {
        assertEquals(
            "done 1",
            step(status, step).path("state").asText()
                + " "
                + step(status, step).path("tries").asText(),
            status.toString());
      }
      status
          .path("steps")
          .forEach(
              step -> {
                if (step.path("state").asText().equals("done")
                    && !done.contains(step.path("step").asText())
                    && step.path("tries").asInt() == 1) {
                  done.add(step.path("step").asText());
                }
              });
    }
    assertTrue(killed > 0, "no run was at work when it was to be killed");
    Program.Result last = Program.run(bed, "pipeline", "overnight");
    assertEquals(0, last.exitCode(), last.toString());
    assertTrue(last.err().contains("continuing pass 1"), last.err());
    assertEquals(1, status("overnight").path("pass").asInt());
    assertTruth();
  }

  @Test
  void aKilledRun_leavesNoStepRunning() throws IOException {
    bed(new SandboxOptions().latencyMillis(3000));
    pipeline("slow", "steps:\n  clob: {command: run clob-markets}\n");
    try (Program run = Program.start(bed, "pipeline", "slow")) {
      run.awaitSaid("1 id in this pass");
      long step = status("slow").path("steps").size() == 1 ? pid(run) : 0;
      assertTrue(ProcessHandle.of(step).map(ProcessHandle::isAlive).orElse(false));
      run.kill();
      TestBed.await(
          "the step's process sees it and ends",
          Duration.ofSeconds(30),
          () -> !ProcessHandle.of(step).map(ProcessHandle::isAlive).orElse(false));
    }
    JsonNode killed = status("slow");
    assertEquals("died", killed.path("state").asText());
    double seconds = step(killed, "clob").path("seconds").asDouble();
    assertTrue(seconds > 0, killed.toString());
    try (Program again = Program.start(bed, "pipeline", "slow")) {
      again.awaitSaid("clob: continues with");
      again.signal("INT");
      assertEquals(130, again.end().exitCode());
    }
    assertTrue(
        step(status("slow"), "clob").path("seconds").asDouble() > seconds,
        "the killed try counts too: " + status("slow"));
  }

  private static long pid(Program run) {
    return run.process()
        .descendants()
        .filter(child -> child.info().commandLine().orElse("").contains("backfill.parent"))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no process of a step"))
        .pid();
  }

  @Test
  void whenTimeIsShort_goldskyIsSkipped_andTradesAreEnrichedWithoutIt() {
    bed(new SandboxOptions());
    Program.Result night = Program.run(bed, "pipeline", "overnight", "--budget", "80m");
    assertEquals(0, night.exitCode(), night.toString());
    JsonNode status = status("overnight");
    assertEquals("skipped", step(status, "goldsky").path("state").asText(), status.toString());
    assertEquals("done", step(status, "enrich").path("state").asText(), status.toString());
    assertTrue(night.out().contains("skipped goldsky"), night.out());
    assertTrue(
        night.err().contains("done with the data available in time: skipped goldsky"), night.err());
    assertTrue(
        night.out().contains("goldsky: skipped: ")
            && night.out().contains("reserved for reconcile, enrich"),
        night.out());
    assertEquals(0, bed.requests(), "Goldsky was not asked");
    assertTruth();
    Program.Result later = Program.run(bed, "pipeline", "overnight", "--from", "goldsky");
    assertEquals(0, later.exitCode(), later.toString());
    assertEquals("done", step(status("overnight"), "goldsky").path("state").asText());
  }

  @Test
  void withHardlyAnyTime_onlyTheClobIsAsked_andTradesAreEnrichedFromIt() {
    bed(new SandboxOptions());
    Program.Result night = Program.run(bed, "pipeline", "overnight", "--budget", "30m");
    JsonNode status = status("overnight");
    assertEquals(
        "done skipped skipped skipped",
        step(status, "clob").path("state").asText()
            + " "
            + step(status, "gamma").path("state").asText()
            + " "
            + step(status, "rpc").path("state").asText()
            + " "
            + step(status, "goldsky").path("state").asText(),
        night.toString());
    assertEquals("done", step(status, "enrich").path("state").asText(), night.toString());
    Map<String, Object> row =
        bed.rows(
                "SELECT countIf(condition_id_source = 'clob') AS clob, countIf(condition_id_source"
                    + " NOT IN ('', 'original', 'clob')) AS other FROM"
                    + " default.enriched_trades_final")
            .get(0);
    assertTrue(
        ((Number) row.get("clob")).longValue() > 0 && ((Number) row.get("other")).longValue() == 0,
        row.toString());
  }

  @Test
  void aStepThatTakesTooLong_isStopped_andLaterStepsUseItsData() {
    bed(new SandboxOptions().latencyMillis(1500)).set("chain.span", 5000);
    pipeline(
        "short",
        """
        budget: 1h
        steps:
          rpc: {command: "run rpc-logs --from {{rpc-logs.from}} --to latest --concurrency 1", takes: 1m, most: 30s, if-short: cut}
          reconcile: {command: reconcile, after: rpc, report: true}
        """);
    Program.Result run = Program.run(bed, "pipeline", "short");
    assertEquals(0, run.exitCode(), run.toString());
    JsonNode status = status("short");
    assertEquals("cut", step(status, "rpc").path("state").asText(), status.toString());
    assertEquals("done", step(status, "reconcile").path("state").asText());
    Map<String, Object> row =
        bed.rows(
                "SELECT uniqExact(token_id) AS moved, countIf(DISTINCT token_id, token_id IN"
                    + " (SELECT arrayJoin(arrayConcat(usdc_token_ids, wrapped_token_ids)) FROM"
                    + " default.computed_token_ids WHERE condition_id IN (SELECT condition_id FROM"
                    + " default.rpc_conditions))) AS known, (SELECT uniqExact(token_id) FROM"
                    + " default.rpc_transfer_mapping) AS mapped, (SELECT count() FROM"
                    + " default.condition_id_merged WHERE key_kind = 'token-id' AND"
                    + " has(sources_agree, 'rpc')) AS merged FROM default.rpc_transfers")
            .get(0);
    assertTrue(
        ((Number) row.get("moved")).longValue() > 0 && ((Number) row.get("known")).longValue() > 0,
        row.toString());
    assertEquals(
        row.get("known") + " " + row.get("known"),
        row.get("mapped") + " " + row.get("merged"),
        row.toString());
    assertTrue(
        run.out()
            .contains(
                "rpc: stopped; its data so far is used: its limit is 30 s" + " (short.yaml:3)"),
        run.out());
  }

  @Test
  void aFailedStep_isRepeated_andIfItKeepsFailing_theOthersContinue() {
    bed(new SandboxOptions());
    bed.set("source.patience", "2s");
    bed.sandbox().fault("kind=503,source=clob");
    pipeline(
        "tries",
        """
        retries: 1
        pause: 1s
        steps:
          clob: {command: run clob-markets, if-failed: go-on}
          gamma: {command: run markets}
          reconcile: {command: reconcile, after: [clob, gamma]}
        """);
    Program.Result failed = Program.run(bed, "pipeline", "tries");
    assertEquals(5, failed.exitCode(), failed.toString());
    JsonNode status = status("tries");
    assertEquals(
        "failed 2",
        step(status, "clob").path("state").asText()
            + " "
            + step(status, "clob").path("tries").asText(),
        status.toString());
    assertEquals("done", step(status, "reconcile").path("state").asText());
    assertTrue(
        failed.out().contains("clob: failed (exit code 5); retry 1 of 1 in 1 s: "), failed.out());
    assertTrue(failed.err().contains("the same command repeats the failed steps"), failed.err());
    long merged =
        ((Number) bed.rows("SELECT count() AS n FROM default.condition_id_merged").get(0).get("n"))
            .longValue();

    bed.sandbox().clearFaults();
    Program.Result again = Program.run(bed, "pipeline", "tries");
    assertEquals(0, again.exitCode(), again.toString());
    status = status("tries");
    assertEquals(
        "done 1",
        step(status, "gamma").path("state").asText()
            + " "
            + step(status, "gamma").path("tries").asText(),
        "it was done");
    assertEquals("done", step(status, "clob").path("state").asText(), status.toString());
    assertTrue(
        ((Number) bed.rows("SELECT count() AS n FROM default.condition_id_merged").get(0).get("n"))
                .longValue()
            >= merged);
    assertTrue(
        ((Number)
                    bed.rows(
                            "SELECT countIf(has(sources_agree, 'clob')) AS n FROM"
                                + " default.condition_id_merged")
                        .get(0)
                        .get("n"))
                .longValue()
            > 0,
        "what comes after it was done again");
  }

  @Test
  void aFailedRequiredStep_blocksTheStepsAfterIt() {
    bed(new SandboxOptions());
    pipeline(
        "stops",
        """
        retries: 0
        steps:
          first: {command: sql 'SELECT nonsense'}
          second: {command: views, after: first}
        """);
    Program.Result run = Program.run(bed, "pipeline", "stops");
    assertEquals(1, run.exitCode(), run.toString());
    assertEquals("blocked", step(status("stops"), "second").path("state").asText());
    assertTrue(run.out().contains("not started, because first failed"), run.out());
  }

  @Test
  void aMissingTableThatNoStepCreates_isReportedAtTheStart() {
    bed(new SandboxOptions());
    Program.Result run =
        Program.runHere(bed, "pipeline", "overnight", "--set", "enrich.trades=default.no_such");
    assertEquals(1, run.exitCode(), run.toString());
    assertTrue(
        run.err().contains("there is no table default.no_such, which step enrich needs"),
        run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    Program.Result plan =
        Program.runHere(
            bed, "pipeline", "overnight", "--dry-run", "--set", "enrich.trades=default.no_such");
    assertEquals(0, plan.exitCode(), plan.toString());
    assertTrue(
        plan.out()
            .contains(
                "it would not start: there is no table default.no_such, which step enrich needs"),
        plan.out());
    assertFalse(
        Program.runHere(bed, "pipeline", "overnight", "--dry-run")
            .out()
            .contains("it would not start"));
  }

  @Test
  void aSkippedStepOfTheReport_failsTheCheck() {
    bed(new SandboxOptions());
    pipeline(
        "judge",
        """
        steps:
          gamma: {command: run markets, takes: 1m, if-short: skip}
          verify: {command: views, takes: 1m, if-short: skip, after: gamma, report: true}
        """);
    Program.Result run = Program.run(bed, "pipeline", "judge", "--budget", "1s");
    assertEquals(3, run.exitCode(), run.toString());
    assertTrue(run.err().contains("verify was skipped"), run.err());
  }

  @Test
  void aSecondRunAtTheSameTime_saysWhoIsRunning() {
    bed(new SandboxOptions().latencyMillis(1500));
    try (Program first = Program.start(bed, "pipeline", "overnight")) {
      first.awaitSaid("starts with");
      Program.Result second = Program.run(bed, "pipeline", "overnight");
      assertEquals(1, second.exitCode(), second.toString());
      assertTrue(
          second.err().contains("in use by another run")
              && second.err().contains("pid " + first.process().pid()),
          second.err());
      assertTrue(
          second.err().contains("Wait for it or stop it with kill " + first.process().pid())
              && !second.err().contains("--worker"),
          second.err());
    }
  }
}
