package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.ExitCode;
import polymarket.backfill.FailAt;
import polymarket.backfill.Proxy;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** What must always hold, with the real routes and the real engine, against the sandbox. */
@Timeout(600)
class PayoutsJobIT {

  private TestBed bed = TestBed.start();

  @AfterEach
  void close() {
    bed.close();
  }

  private void restart(SandboxOptions options) {
    bed.close();
    bed = TestBed.start(options);
  }

  private void fault(String text) {
    bed.sandbox().fault(text);
  }

  /** Ids that are found, absent and unresolved in the sandbox, and none that is malformed. */
  private List<String> sound(int n) {
    List<String> ids = new ArrayList<>(bed.ids(3000));
    ids.removeAll(bed.ids("rejected", 3000));
    return ids.subList(0, n);
  }

  // ---- every id ends in one state

  @Test
  void everyIdEndsInOneState_andEveryRowIsExact() {
    List<String> ids = bed.ids(3000);
    Set<String> malformed = Set.copyOf(bed.ids("rejected", 3000));
    JobRun.Result result = bed.set("payouts.batch-size", 250).run(ids);
    bed.assertTruth(ids);
    assertEquals(malformed.isEmpty() ? 0 : 2, result.exitCode(), result.toString());
    assertEquals(malformed, bed.in(State.FAILED));
    assertEquals(
        malformed.size(),
        TestBed.number("SELECT uniqExact(condition_id) FROM default.payouts_rejected"));
    assertTrue(
        bed.count(State.ABSENT) > 0
            && bed.count(State.UNRESOLVED) > 0
            && bed.count(State.FOUND) > 0);
  }

  @Test
  void connectionsAreKeptForFurtherRequests_alsoAfterShortAnswers() {
    bed.set("payouts.batch-size", 5).set("payouts.concurrency", 2);
    JobRun.Result result = bed.run(bed.ids("found", 200));
    assertEquals(0, result.exitCode(), result.toString());
    assertTrue(bed.requests() >= 40, bed.stats().toString());
    // beside those of the run: that of these statistics
    assertTrue(bed.stats().at("/connections").asLong() <= 6, bed.stats().toString());
  }

  @Test
  void malformedRows_failTheirIdsWithTheReason() {
    restart(new SandboxOptions().conditions(20_000).limits(0));
    List<String> ids = new ArrayList<>(bed.ids("rejected", 4));
    assertEquals(4, ids.size());
    ids.addAll(bed.ids("found", 10));
    JobRun.Result result = bed.run(ids);
    assertEquals(2, result.exitCode());
    bed.assertTruth(ids);
    bed.ids("rejected", 4)
        .forEach(
            id ->
                assertTrue(
                    bed.entries().get(id).reason().startsWith("rejected: "),
                    bed.entries().get(id).toString()));
    for (int again = 0; again < 2; again++) {
      assertEquals(2, bed.run(List.of()).exitCode());
      bed.assertTruth(ids);
      try (Ledger ledger = bed.ledger()) {
        assertEquals(
            4,
            ledger.sums().rejected(),
            "rejected rows count once, however often they are asked for: " + ledger.sums());
        assertEquals(14, ledger.sums().fetched(), ledger.sums().toString());
      }
    }
  }

  @Test
  void theSameListAgain_asksNothing_andEndsComplete() {
    List<String> ids = sound(500);
    assertEquals(0, bed.run(ids).exitCode());
    long requests = bed.requests();
    assertEquals(0, bed.run(ids).exitCode());
    assertEquals(requests, bed.requests());
    bed.assertTruth(ids);
  }

  @Test
  void unknownIds_getTheStateThatTheSourceGives() {
    List<String> ids = new ArrayList<>();
    for (int i = 1; i <= 300; i++) {
      ids.add(String.format("%064x", i * 0x9E3779B97F4A7C15L));
    }
    bed.run(ids);
    bed.assertTruth(ids);
  }

  // ---- an answer is complete or it is not used

  @Test
  void anAnswerCutAtAHundredRows_isDetected_andCompleted() {
    fault("kind=truncate,rows=100");
    List<String> ids = sound(1500);
    assertEquals(0, bed.run(ids).exitCode());
    bed.assertTruth(ids);
  }

  @Test
  void withoutFirst_theServersOwnDefaultOfAHundredRows_losesNothing() throws Exception {
    var file = bed.home().resolve("routes/jobs/payouts.camel.yaml");
    String text = Files.readString(file);
    assertTrue(text.contains("first: 1000, "));
    Files.writeString(file, text.replace("first: 1000, ", ""));
    List<String> ids = sound(1200);
    assertEquals(0, bed.run(ids).exitCode());
    bed.assertTruth(ids);
  }

  @Test
  void anEmptyAnswer_doesNotCountAsAbsence() {
    fault("kind=empty,count=1");
    List<String> ids = sound(400);
    assertEquals(0, bed.set("payouts.batch-size", 400).run(ids).exitCode());
    bed.assertTruth(ids);
  }

  @Test
  void idsThatWereNotEchoed_areAskedForOnceMore_together_andThenAbsent() {
    List<String> ids = new ArrayList<>(bed.ids("absent", 30));
    ids.addAll(bed.ids("found", 70));
    assertEquals(0, bed.run(ids).exitCode());
    assertEquals(2, bed.requests(), "one request for all, one for the thirty");
    assertEquals(Set.copyOf(bed.ids("absent", 30)), bed.in(State.ABSENT));
    bed.assertTruth(ids);
  }

  @Test
  void idsThatManyAnswersLeftOut_areAskedForTogether_withTheFewestRequests() {
    List<String> ids = new ArrayList<>(bed.ids("absent", 60));
    ids.addAll(bed.ids("found", 440));
    JobRun.Result result = bed.set("payouts.batch-size", 50).set("payouts.concurrency", 3).run(ids);
    assertEquals(0, result.exitCode(), result.toString());
    assertEquals(12, bed.requests(), "ten batches, and two for the sixty");
    JobStatus.Run run = result.jobs().get(0).status().run();
    assertEquals(12, run.leastRequests());
    bed.assertTruth(ids);
  }

  @Test
  void idsThatWereLeftOut_andNotAskedForAgainBeforeAStop_areNotAbsent_andAreAskedForThen() {
    restart(new SandboxOptions().conditions(3000).limits(0).latencyMillis(300));
    List<String> ids = new ArrayList<>(bed.ids("absent", 60));
    ids.addAll(bed.ids("found", 440));
    bed.onTick(run -> run.stop(ExitCode.INTERRUPTED, "test"));
    bed.set("payouts.batch-size", 100).set("payouts.concurrency", 1);
    assertEquals(130, bed.run(ids).exitCode());
    assertEquals(0, bed.count(State.ABSENT));
    bed.onTick(run -> {});
    assertEquals(0, bed.run(ids).exitCode());
    assertEquals(6, bed.requests(), "five batches, and one for what both runs found left out");
    bed.assertTruth(ids);
  }

  @Test
  void anErrorInsideHttp200_isAnError() {
    fault("kind=error-200,rate=0.4");
    List<String> ids = sound(1000);
    assertEquals(0, bed.set("payouts.batch-size", 100).run(ids).exitCode());
    bed.assertTruth(ids);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kind=500",
        "kind=502",
        "kind=503",
        "kind=429",
        "kind=html",
        "kind=html,status=200",
        "kind=html,status=403",
        "kind=cut-json",
        "kind=cut-connection",
        "kind=reset",
        "kind=error-200"
      })
  void anyMalformedAnswer_costsNothingButTime(String fault) {
    fault(fault + ",count=6");
    List<String> ids = sound(600);
    JobRun.Result result =
        bed.set("payouts.batch-size", 100).set("payouts.concurrency", 3).run(ids);
    assertEquals(0, result.exitCode(), result.toString());
    bed.assertTruth(ids);
  }

  @ParameterizedTest
  @ValueSource(strings = {"stall", "stall-body"})
  void aStalledConnection_costsSeconds(String kind) {
    fault("kind=" + kind + ",count=2");
    List<String> ids = sound(300);
    long start = System.nanoTime();
    assertEquals(0, bed.set("payouts.batch-size", 100).run(ids).exitCode());
    assertTrue(System.nanoTime() - start < 45_000_000_000L);
    bed.assertTruth(ids);
  }

  @Test
  void aStormOfFaults_losesAndDoublesNothing() {
    for (String kind :
        List.of("429", "500", "html", "cut-json", "cut-connection", "reset", "error-200")) {
      fault("kind=" + kind + ",rate=0.07");
    }
    fault("kind=truncate,rows=100,rate=0.2");
    List<String> ids = sound(2500);
    JobRun.Result result = bed.set("payouts.batch-size", 150).run(ids);
    assertEquals(0, result.exitCode(), result.toString());
    bed.assertTruth(ids);
  }

  // ---- a limit is never exceeded, and pauses are obeyed

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kind=429,retryAfter=3,count=1",
        "kind=503,retryAfter=3,count=1",
        "kind=429,retryAfter=date:4,count=1",
        "kind=503,retryAfter=date:4,count=1"
      })
  void retryAfter_isObeyed_inSecondsAndAsADate(String fault) {
    fault(fault);
    List<String> ids = bed.ids("found", 20);
    assertEquals(0, bed.run(ids).exitCode());
    JsonNode limit = bed.stats().at("/limits/goldsky");
    assertEquals(2, limit.get("arrivals").asLong());
    double apart = limit.get("last").asDouble() - limit.get("first").asDouble();
    assertTrue(apart >= 2950, "asked again after " + apart + " ms");
    bed.assertTruth(ids);
  }

  @Test
  void noWindowHoldsMoreThanTheLimit_andTheLimitIsUsed() throws Exception {
    restart(new SandboxOptions().conditions(3000).limits(10));
    TestBed.copyFresh(bed.home());
    TestBed.quicken(bed.home(), 10);
    List<String> ids = sound(3000 - 20);
    assertEquals(
        0, bed.set("payouts.batch-size", 6).set("payouts.concurrency", 16).run(ids).exitCode());
    bed.assertTruth(ids);
    JsonNode limit = bed.stats().at("/limits/goldsky");
    assertEquals(0, limit.get("violations").asLong(), limit.toString());
    assertTrue(limit.get("arrivals").asLong() > 500);
  }

  @Test
  void workersShareThePace_andDivideTheIds() throws Exception {
    restart(new SandboxOptions().conditions(3000).limits(10));
    TestBed.copyFresh(bed.home());
    TestBed.quicken(bed.home(), 10);
    List<String> ids = sound(2500);
    bed.set("payouts.batch-size", 6);
    List<CompletableFuture<JobRun.Result>> workers = new ArrayList<>();
    for (int worker = 1; worker <= 3; worker++) {
      Share share = new Share(worker, 3);
      workers.add(CompletableFuture.supplyAsync(() -> bed.run("payouts", share, ids)));
    }
    for (CompletableFuture<JobRun.Result> worker : workers) {
      assertEquals(0, worker.get().exitCode(), worker.get().toString());
    }
    bed.assertTruth(ids);
    assertEquals(0, bed.stats().at("/limits/goldsky/violations").asLong(), bed.stats().toString());
  }

  // ---- waiting, giving up, going on

  @ParameterizedTest
  @ValueSource(strings = {"kind=outage,seconds=6,status=503", "kind=outage,seconds=6"})
  void anOutage_makesTheJobWait_andNothingFails(String fault) {
    fault(fault);
    List<String> ids = sound(800);
    JobRun.Result result = bed.set("payouts.batch-size", 100).run(ids);
    assertEquals(0, result.exitCode(), result.toString());
    assertEquals(0, bed.count(State.FAILED));
    bed.assertTruth(ids);
    assertTrue(
        bed.requests() < 400,
        "a source that is down is asked now and then, and no batch is halved for it: "
            + bed.requests());
    try (Ledger ledger = bed.ledger()) {
      assertTrue(ledger.sums().batches() <= 16, ledger.sums().toString());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"kind=503", "kind=500", "kind=reset", "kind=error-200", "kind=html"})
  void aSourceDeadBeyondThePatience_exitsWithFive_andTheSameCommandContinues(String fault) {
    List<String> ids = sound(300);
    fault(fault);
    JobRun.Result result = bed.set("payouts.batch-size", 100).set("source.patience", "4s").run(ids);
    assertEquals(5, result.exitCode(), result.toString());
    assertEquals(
        ids.size(),
        bed.count(State.PENDING),
        "nothing was answered, so nothing is known of any id");
    assertEquals(0, TestBed.number("SELECT count() FROM default.resolutions_external_ingest"));
    bed.sandbox().clearFaults();
    assertEquals(0, bed.set("payouts.batch-size", 70).run(ids).exitCode());
    bed.assertTruth(ids);
  }

  @Test
  void stopped_thenResumedWithOtherSettings_losesAndDoublesNothing() {
    restart(new SandboxOptions().conditions(3000).limits(0).latencyMillis(300));
    List<String> ids = sound(2900);
    bed.onTick(run -> run.stop(ExitCode.INTERRUPTED, "test"));
    int[][] settings = {{50, 3}, {300, 2}, {7, 8}};
    for (int[] size : settings) {
      JobRun.Result result =
          bed.set("payouts.batch-size", size[0]).set("payouts.concurrency", size[1]).run(ids);
      assertEquals(130, result.exitCode());
      assertEquals(
          bed.count(State.FOUND),
          TestBed.number("SELECT count() FROM default.resolutions_external_ingest"),
          "what is stored is marked");
    }
    bed.onTick(run -> {});
    assertEquals(0, bed.set("payouts.batch-size", 1000).run(ids).exitCode());
    bed.assertTruth(ids);
  }

  // ---- one bad id costs one id

  @ParameterizedTest
  @ValueSource(ints = {500, 200, 400})
  void aPoisonId_costsOneId_inABigList(int status) {
    List<String> ids = sound(1000);
    String poison = ids.get(617);
    fault("kind=poison,status=" + status + ",ids=0x" + poison);
    JobRun.Result result = bed.set("payouts.batch-size", 500).run(ids);
    assertEquals(2, result.exitCode(), result.toString());
    bed.assertTruth(ids, List.of(poison));
    Ledger.Entry entry = bed.entries().get(poison);
    assertEquals(status == 200 ? 0 : status, entry.status());
    bed.sandbox().clearFaults();
    assertEquals(0, bed.run(ids).exitCode(), "the same command asks for it once more");
    bed.assertTruth(ids);
  }

  /** Ten halvings: of each the half at fault is asked twice at most, and the other once. */
  @ParameterizedTest
  @ValueSource(ints = {500, 200, 400})
  void aPoisonId_amongAThousand_costsFewRequests_andOneWarning(int status) {
    restart(new SandboxOptions().conditions(3000).limits(0));
    List<String> ids = sound(2000);
    assertEquals(0, bed.set("payouts.batch-size", 1000).run(ids.subList(0, 1000)).exitCode());
    long before = bed.requests();
    String poison = ids.get(1617);
    fault("kind=poison,status=" + status + ",ids=0x" + poison);
    JobRun.Result result = bed.run(ids);
    assertEquals(2, result.exitCode(), result.toString());
    bed.assertTruth(ids, List.of(poison));
    long asked = bed.requests() - before;
    assertTrue(asked <= 2 + (status == 400 ? 26 : 40), asked + " requests");
    JobStatus.Run run = result.jobs().get(0).status().run();
    assertTrue(run.leastRequests() <= 3, run.toString());
    String reason = bed.entries().get(poison).reason();
    List<String> told =
        bed.messages().stream().filter(line -> line.contains(reason.substring(0, 20))).toList();
    assertEquals(1, told.size(), told.toString());
    assertTrue(
        told.get(0)
            .matches("warning: batch payouts-\\w+-\\d+: condition id " + poison + " failed: .*"),
        told.get(0));
  }

  @ParameterizedTest
  @ValueSource(ints = {500, 200, 400})
  void aPoisonId_thatIsTheOnlyOneLeft_fails(int status) {
    List<String> ids = sound(101);
    String poison = ids.get(100);
    assertEquals(0, bed.run(ids.subList(0, 100)).exitCode());
    fault("kind=poison,status=" + status + ",ids=0x" + poison);
    JobRun.Result result = bed.run(ids);
    assertEquals(2, result.exitCode(), result.toString());
    bed.assertTruth(ids, List.of(poison));
  }

  @ParameterizedTest
  @ValueSource(ints = {500, 200, 400})
  void aListOfNothingButAPoisonId_endsWithThatIdFailed(int status) {
    String poison = bed.ids("found", 1).get(0);
    fault("kind=poison,status=" + status + ",ids=0x" + poison);
    JobRun.Result result = bed.run(List.of(poison));
    assertEquals(2, result.exitCode(), result.toString());
    bed.assertTruth(List.of(poison), List.of(poison));
  }

  @Test
  void severalPoisonIds_costOnlyThemselves() {
    List<String> ids = sound(600);
    List<String> poison = List.of(ids.get(3), ids.get(4), ids.get(311), ids.get(599));
    fault("kind=poison,ids=0x" + String.join("+0x", poison));
    assertEquals(2, bed.set("payouts.batch-size", 200).run(ids).exitCode());
    bed.assertTruth(ids, poison);
  }

  @Test
  void idsAddedDuringARun_areFetchedToo() {
    restart(new SandboxOptions().conditions(3000).limits(0).latencyMillis(500));
    List<String> ids = sound(400);
    List<String> late = ids.subList(0, 40);
    boolean[] added = {false};
    bed.onTick(
        run -> {
          if (!added[0]) {
            added[0] = true;
            try (Ledger other = bed.ledger()) {
              other.load(loading -> late.forEach(loading::add));
            }
          }
        });
    JobRun.Result result =
        bed.set("payouts.batch-size", 60).set("payouts.concurrency", 1).run(ids.subList(40, 400));
    assertEquals(0, result.exitCode(), result.toString());
    bed.assertTruth(ids);
  }

  // ---- what is stored is there once

  /**
   * As a kill leaves it: the batch is in the ledger, and the table has its rows, all or some of
   * them.
   */
  @ParameterizedTest
  @ValueSource(ints = {0, 3, 40})
  void killedAfterInsertBeforeMark_doesNotDuplicate(int stored) {
    List<String> ids = bed.ids("found", 100);
    killedWith(stored, ids);
    assertEquals(0, bed.run(ids).exitCode());
    bed.assertTruth(ids);
    try (Ledger ledger = bed.ledger()) {
      assertEquals(100, ledger.sums().fetched(), ledger.sums().toString());
      assertEquals(
          100,
          ledger.sums().inserted(),
          "what the first try stored is its batch's: " + ledger.sums());
    }
  }

  /** The second answer leaves out ids whose rows the first one brought. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "kind=truncate,rows=10,count=1",
        "kind=empty,count=1",
        "kind=truncate,rows=25,count=2",
        "kind=empty,count=2"
      })
  void killedAfterInsertBeforeMark_andTheNextAnswerIsCut_doesNotDuplicate(String fault) {
    List<String> ids = bed.ids("found", 40);
    killedWith(40, ids);
    fault(fault);
    assertEquals(0, bed.run(ids).exitCode());
    bed.assertTruth(ids);
  }

  /** Leaves one batch of forty ids in the ledger, and some of its rows in the table. */
  private void killedWith(int stored, List<String> ids) {
    bed.beforeRun(
        run -> {
          Batch batch = run.ledger("payouts").claim("", Mode.NEW, Share.WHOLE, 40, 1).get(0);
          StringBuilder rows = new StringBuilder();
          for (String id : batch.ids().subList(0, stored)) {
            rows.append("{\"id\":\"0x")
                .append(id)
                .append("\",\"payouts\":[\"")
                .append(String.join("\",\"", bed.sandbox().truth().goldskyPayout(id).served()))
                .append("\"],\"batch\":\"")
                .append(batch.key())
                .append("\",\"fetched_at\":\"2026-05-01T00:00:00.000Z\"}\n");
          }
          if (stored > 0) {
            TestBed.clickHouse()
                .insert(
                    "default.payouts_landing",
                    rows.toString().getBytes(StandardCharsets.UTF_8),
                    "before the kill");
          }
        });
    bed.onTick(run -> run.stop(ExitCode.INTERRUPTED, "test"));
    bed.sandbox().fault("kind=503");
    assertEquals(130, bed.set("payouts.batch-size", 17).run(ids).exitCode());
    bed.sandbox().clearFaults();
    bed.beforeRun(run -> {}).onTick(run -> {});
  }

  @Test
  void aLedgerThatWasReset_storesNothingTwice() {
    List<String> ids = sound(900);
    assertEquals(0, bed.run(ids).exitCode());
    Ledger.setAside(bed.ledgerFile());
    assertEquals(0, bed.set("payouts.batch-size", 333).run(ids).exitCode());
    bed.assertTruth(ids);
    try (Ledger ledger = bed.ledger()) {
      assertEquals(0, ledger.sums().inserted(), ledger.sums().toString());
    }
  }

  @Test
  void redo_replacesRows_andCountHasOneOfEach_whenTheRunEnds() {
    List<String> ids = sound(300);
    assertEquals(0, bed.run(ids).exitCode());
    long found = bed.count(State.FOUND);
    bed.beforeRun(
        run ->
            assertEquals(
                300,
                run.ledger("payouts")
                    .redo(List.of(State.FOUND, State.ABSENT, State.UNRESOLVED), null)));
    assertEquals(0, bed.run(ids).exitCode());
    assertEquals(found, TestBed.number("SELECT count() FROM default.resolutions_external_ingest"));
    bed.assertTruth(ids);
    assertEquals(
        1, TestBed.number("SELECT uniqExact(batch) FROM default.resolutions_external_ingest"));
  }

  @Test
  void failedIdsOfAnEarlierRun_areAskedForOnceMore_andOnlyOnce() {
    List<String> ids = sound(50);
    fault("kind=poison,status=400,ids=0x" + ids.get(7));
    assertEquals(2, bed.run(ids).exitCode());
    assertEquals(2, bed.run(ids).exitCode());
    bed.assertTruth(ids, List.of(ids.get(7)));
    bed.sandbox().clearFaults();
    assertEquals(0, bed.run(List.of()).exitCode());
    bed.assertTruth(ids);
  }

  // ---- sums

  @Test
  void acknowledgedRowsThatAreInNoTable_exitWithFour_andNothingIsMarked() {
    bed.beforeRun(run -> TestBed.clickHouse().execute("DROP TABLE default.payouts_to_ingest"));
    List<String> ids = bed.ids("found", 200);
    JobRun.Result result = bed.set("payouts.batch-size", 50).run(ids);
    assertEquals(4, result.exitCode(), result.toString());
    assertNotEquals("complete", result.state());
    assertEquals(200, bed.count(State.PENDING));
    bed.beforeRun(run -> {});
    assertEquals(0, bed.run(ids).exitCode());
    bed.assertTruth(ids);
  }

  @Test
  void aMissingLandingTable_isAnError_andNothingIsMarked() {
    bed.beforeRun(run -> TestBed.clickHouse().execute("DROP TABLE default.payouts_landing"));
    List<String> ids = bed.ids("found", 50);
    JobRun.Result result = bed.run(ids);
    assertEquals(1, result.exitCode(), result.toString());
    assertEquals(1, result.reason().lines().count());
    assertEquals(50, bed.count(State.PENDING));
  }

  // ---- a ledger belongs to one job, one source and one ClickHouse

  @Test
  void anotherSource_isRefused() {
    List<String> ids = sound(5);
    bed.run(ids);
    bed.set("goldsky.positions.url", bed.sandbox().url() + "/other");
    String said = assertThrows(UserError.class, () -> bed.run(ids)).getMessage();
    assertTrue(
        said.contains("another port, path or key at 127.0.0.1")
            && said.contains("Set goldsky.positions.url back"),
        said);
  }

  @Test
  void aClickHouseWhoseDataWasDeleted_isRefused_insteadOfCallingAllDone() {
    List<String> ids = sound(5);
    bed.run(ids);
    TestBed.clickHouse().execute("DROP TABLE default.backfill_server");
    assertTrue(
        assertThrows(UserError.class, () -> bed.run(ids))
            .getMessage()
            .contains("another ClickHouse"));
  }

  @Test
  void aBatchLargerThanTheSourceTakes_isRefused() {
    UserError error =
        assertThrows(UserError.class, () -> bed.set("payouts.batch-size", 1001).run(sound(5)));
    assertTrue(error.getMessage().contains("at most 1000"), error.getMessage());
  }

  // ---- a failed batch never looks done

  @ParameterizedTest
  @ValueSource(
      strings = {
        "https:",
        "direct:goldsky",
        "direct:${exchangeProperty.batch.job}-ask",
        "clickhouse:",
        "jdbc:",
        "direct:store"
      })
  void anExceptionAtAnyStep_neverLetsABatchLookDone(String step) {
    bed.set("camel.beans.fail", "#class:polymarket.backfill.FailAt")
        .set("payouts.batch-size", 50)
        .set("source.attempts", 2);
    List<String> ids = sound(300);
    FailAt.behind(step, 9);
    int code = bed.run(ids).exitCode();
    assertTrue(code == 0 || code == 2, "exit " + code);
    FailAt.behind("none", 0);
    for (Ledger.Entry entry : bed.entries().values()) {
      assertNotEquals(State.PENDING, entry.state());
      assertEquals(entry.state() == State.FOUND ? 1 : 0, entry.rows());
    }
    assertTrue(
        TestBed.number("SELECT count() FROM default.resolutions_external_ingest")
            >= bed.count(State.FOUND));
    assertEquals(0, bed.run(ids).exitCode());
    bed.assertTruth(ids);
  }

  @ParameterizedTest
  @ValueSource(strings = {"direct:${exchangeProperty.batch.job}-ask", "direct:store"})
  void aStepThatAlwaysThrows_marksNothingAsDone(String step) {
    bed.set("camel.beans.fail", "#class:polymarket.backfill.FailAt")
        .set("payouts.batch-size", 5)
        .set("source.attempts", 2)
        .set("source.patience", "5s");
    List<String> ids = bed.ids("found", 10);
    FailAt.behind(step, Integer.MAX_VALUE);
    int code = bed.run(ids).exitCode();
    FailAt.behind("none", 0);
    assertTrue(code == 2 || code == 5, "exit " + code);
    assertEquals(0, bed.count(State.FOUND) + bed.count(State.ABSENT) + bed.count(State.UNRESOLVED));
    assertEquals(0, bed.run(ids).exitCode());
    bed.assertTruth(ids);
  }

  // ---- ClickHouse goes and comes back

  @Test
  void theEngineKilledDuringARun_comesBack_andNothingIsLostOrDoubled() {
    restart(new SandboxOptions().conditions(3000).limits(0).latencyMillis(200));
    bed.ownEngine();
    List<String> ids = sound(2000);
    int[] ticks = {0};
    bed.onTick(
        run -> {
          if (++ticks[0] == 2 || ticks[0] == 4) {
            assertTrue(bed.killEngine());
          }
        });
    JobRun.Result result = bed.set("payouts.batch-size", 40).set("payouts.concurrency", 2).run(ids);
    assertEquals(0, result.exitCode(), result + " " + bed.messages());
    assertTrue(ticks[0] >= 2, "the run was over before the engine was killed");
    bed.assertTruth(ids);
  }

  @Test
  void anUnreachableClickHouse_isWaitedFor() throws Exception {
    restart(new SandboxOptions().conditions(3000).limits(0).latencyMillis(200));
    List<String> ids = sound(1500);
    try (Proxy proxy = new Proxy(TestBed.clickHouse().url().getPort())) {
      bed.set("clickhouse.url", "http://127.0.0.1:" + proxy.port())
          .set("clickhouse.password", TestBed.password());
      int[] ticks = {0};
      bed.onTick(
          run -> {
            ticks[0]++;
            if (ticks[0] == 2) {
              proxy.cut();
            } else if (ticks[0] == 6) {
              proxy.restore();
            }
          });
      JobRun.Result result =
          bed.set("payouts.batch-size", 40).set("payouts.concurrency", 2).run(ids);
      assertEquals(0, result.exitCode(), result + " " + bed.messages());
      assertTrue(ticks[0] >= 6, "the run was over before the server was back");
    }
    bed.set("clickhouse.url", "");
    bed.assertTruth(ids);
  }
}
