package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Shared;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.Payout;
import polymarket.backfill.sandbox.SandboxOptions;

/** The job `resolutions` against the sandbox's Data API and the real engine. */
class ResolutionsJobIT {

  private static final DateTimeFormatter SECONDS =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss").withZone(ZoneOffset.UTC);

  @Test
  void everyFault_andTheTableIsTheTruth() {
    try (TestBed bed =
        SourceBed.start(
            new SandboxOptions()
                .conditions(3000)
                .limits(0)
                .fault("kind=429,source=data-api,rate=0.03")
                .fault("kind=500,source=data-api,rate=0.02")
                .fault("kind=html,source=data-api,rate=0.02")
                .fault("kind=error-200,source=data-api,rate=0.02")
                .fault("kind=cut-json,source=data-api,rate=0.02")
                .fault("kind=cut-connection,source=data-api,rate=0.02")
                // only early: an id that is left out twice is absent
                .fault("kind=truncate,source=data-api,rate=0.1,count=5,rows=5")
                .fault("kind=empty,source=data-api,rate=0.1,count=3"))) {
      List<String> ids = bed.ids(3000);
      JobRun.Result result = bed.run("resolutions", Share.WHOLE, ids);
      assertEquals(0, result.exitCode(), result.toString());
      assertTruth(bed, ids);
    }
  }

  @Test
  void killedAtAnyInstant_losesAndDoublesNothing() throws Exception {
    try (TestBed bed =
        SourceBed.start(new SandboxOptions().conditions(3000).limits(0).latencyMillis(30))) {
      List<String> ids = bed.ids(3000);
      Files.write(bed.home().resolve("ids.txt"), ids);
      int exit =
          SourceBed.killed(
              bed,
              "data-api",
              "run",
              "resolutions",
              "--ids",
              bed.home().resolve("ids.txt").toString());
      assertEquals(0, exit, SourceBed.said(bed));
      assertTruth(bed, ids);
    }
  }

  @Test
  void aBatchOfManyRequests_isStoredWithOneInsert_andLeftOutIdsAreAskedForTogether() {
    try (TestBed bed = SourceBed.start(new SandboxOptions().conditions(3000).limits(0))) {
      List<String> ids = bed.ids(1000);
      bed.set("resolutions.batch-size", 500).set("resolutions.concurrency", 1);
      JobRun.Result result = bed.run("resolutions", Share.WHOLE, ids);
      assertEquals(0, result.exitCode(), result.toString());
      List<String> batches =
          TestBed.sql(
                  "SELECT batch, count(DISTINCT fetched_at) AS inserts FROM"
                      + " default.resolutions_external_ingest GROUP BY batch ORDER BY batch")
              .stream()
              .map(row -> row.get("batch") + " " + row.get("inserts"))
              .toList();
      assertTrue(batches.size() <= 3, "two batches, and one of left out ids: " + batches);
      batches.forEach(batch -> assertTrue(batch.endsWith(" 1"), "inserted twice: " + batch));
      long leftOut =
          ids.stream()
              .filter(id -> bed.sandbox().truth().payout("data-api", id).state().equals("absent"))
              .count();
      JobStatus.Run run = result.jobs().get(0).status().run();
      assertEquals(1000 / 20 + (leftOut + 19) / 20, run.requests());
      assertEquals(run.requests(), run.leastRequests());
    }
  }

  @Test
  void aRequestThatFails_costsNoOtherOneOfItsBatch_andAtTheEndOneId() {
    try (TestBed bed = SourceBed.start(new SandboxOptions().conditions(3000).limits(0))) {
      List<String> ids = bed.ids(600);
      String poison = ids.get(300);
      bed.sandbox().fault("kind=poison,source=data-api,status=400,ids=0x" + poison);
      bed.set("resolutions.batch-size", 300);
      JobRun.Result result = bed.run("resolutions", Share.WHOLE, ids);
      assertEquals(2, result.exitCode(), result.toString());
      Map<String, Ledger.Entry> entries = SourceBed.entries(bed, "resolutions");
      for (String id : ids) {
        assertEquals(
            id.equals(poison)
                ? State.FAILED
                : State.of(bed.sandbox().truth().payout("data-api", id).state()),
            entries.get(id).state(),
            id);
      }
      SourceBed.balanced(bed, "resolutions");
      JobStatus.Run run = result.jobs().get(0).status().run();
      assertTrue(
          run.requests() <= run.leastRequests() + 20,
          "only the ids of the request that failed are asked for again: " + result);
    }
  }

  /** Every row exact, none missing, none twice, every id in its state. */
  private static void assertTruth(TestBed bed, List<String> ids) {
    Map<String, JsonNode> conditions = SourceBed.truth(bed, "conditions", "condition_id");
    Map<String, Map<String, Object>> rows = new HashMap<>();
    TestBed.sql(
            "SELECT condition_id, arrayMap(n -> toString(n), payout_numerators) AS numerators,"
                + " toString(payout_denominator) AS denominator, winning_index,"
                + " toString(resolved_at) AS at, source FROM default.resolutions_external_ingest")
        .forEach(
            row ->
                assertTrue(
                    rows.put((String) row.get("condition_id"), row) == null, "twice: " + row));
    Map<String, Ledger.Entry> entries = SourceBed.entries(bed, "resolutions");
    int found = 0;
    for (String id : ids) {
      Payout truth = bed.sandbox().truth().payout("data-api", id);
      assertEquals(State.of(truth.state()), entries.get(id).state(), id);
      if (!truth.state().equals("found")) {
        continue;
      }
      found++;
      Map<String, Object> row = rows.get(id);
      assertEquals(
          truth.numerators().stream().map(BigInteger::toString).toList(),
          row.get("numerators"),
          id);
      assertEquals(truth.denominator().toString(), row.get("denominator"), id);
      assertEquals(truth.winningIndex(), ((Number) row.get("winning_index")).intValue(), id);
      assertEquals(
          SECONDS.format(Instant.ofEpochSecond(conditions.get(id).get("resolved_at").asLong()))
              + ".000",
          row.get("at"),
          id);
      assertEquals("data-api", row.get("source"));
    }
    assertTrue(found > 1000, found + " found");
    assertEquals(found, rows.size());
    SourceBed.balanced(bed, "resolutions");
  }

  @Test
  void withoutAList_itTakesTheIdsThatAnotherJobDidNotFind() throws Exception {
    try (TestBed bed = SourceBed.start(new SandboxOptions().conditions(3000).limits(0))) {
      List<String> ids = bed.ids(400);
      bed.run(ids);
      long left =
          SourceBed.entries(bed, "payouts").values().stream()
              .filter(entry -> entry.state() != State.FOUND)
              .count();
      Process process = SourceBed.program(bed, "run", "resolutions");
      assertEquals(0, process.waitFor(), () -> SourceBed.said(bed));
      assertEquals(left, SourceBed.entries(bed, "resolutions").size());
      assertTrue(
          SourceBed.said(bed).contains("ids were left without an answer by payouts"),
          SourceBed.said(bed));
    }
  }

  @Test
  void recordedRows_arriveFieldByField() throws IOException {
    TestBed.empty();
    Views.create(TestBed.clickHouse(), "resolutions");
    JsonNode resolved =
        SourceBed.JSON
            .readTree(Shared.recorded("data-api/v2-resolutions.json").toFile())
            .get("data");
    StringBuilder lines = new StringBuilder();
    for (JsonNode row : resolved) {
      lines
          .append(
              ((com.fasterxml.jackson.databind.node.ObjectNode) row.deepCopy())
                  .put("batch", "b")
                  .put("fetched_at", "2026-11-20T00:00:00Z"))
          .append('\n');
    }
    TestBed.clickHouse()
        .insert(
            "default.resolutions_landing", lines.toString().getBytes(StandardCharsets.UTF_8), "t");
    assertEquals(
        List.of(
            Map.of(
                "condition_id",
                "789f0872f66cfffd21a33020e5c90e11f95f947e03be77ac2df7e86b0cb71527",
                "n",
                "[1,0]",
                "d",
                "1",
                "winning_index",
                0,
                "at",
                "2026-09-09 21:19:19.000",
                "source",
                "data-api")),
        TestBed.sql(
            "SELECT condition_id, toString(payout_numerators) AS n, toString(payout_denominator) AS"
                + " d, winning_index, toString(resolved_at) AS at, source FROM"
                + " default.resolutions_external_ingest"));
  }

  private static String becomes(String payouts) {
    TestBed.empty();
    Views.create(TestBed.clickHouse(), "resolutions");
    String row =
        "{\"condition_id\":\"0x"
            + "AB".repeat(32)
            + "\",\"payouts\":"
            + payouts
            + ",\"resolved_at\":\"2026-09-09T21:19:19.5Z\",\"batch\":\"b\",\"fetched_at\":\"2026-11-20T00:00:00Z\"}";
    TestBed.clickHouse()
        .insert("default.resolutions_landing", row.getBytes(StandardCharsets.UTF_8), "t");
    return (String)
        TestBed.sql(
                "SELECT concat(toString(payout_numerators), ' of ', toString(payout_denominator))"
                    + " AS text FROM default.resolutions_external_ingest UNION ALL SELECT reason"
                    + " FROM default.resolutions_rejected")
            .get(0)
            .get("text");
  }

  @Test
  void partsPerMillion_areReducedToLowestTerms_andInvalidOnesRejected() {
    assertEquals("[1,0] of 1", becomes("[1000000,0]"));
    assertEquals("[1,1] of 2", becomes("[500000,500000]"));
    assertEquals("[27,23] of 50", becomes("[540000,460000]"));
    assertEquals("[1,1,1] of 3", becomes("[333333,333333,333333]"));
    assertEquals("[666667,333333] of 1000000", becomes("[666667,333333]"));
    assertEquals("all payouts are zero", becomes("[0,0]"));
    assertEquals("the payouts do not add up to a million", becomes("[1000000,1000000]"));
    assertEquals("the payouts are not a list of parts per million", becomes("[-1,1000001]"));
    assertEquals("the payouts are not a list of parts per million", becomes("\"x\""));
  }

  @Test
  void sourcesThatDifferByTheirRoundingOnly_areNoConflict() {
    TestBed.empty();
    Views.refresh(TestBed.clickHouse(), TestBed.defaults(), List.of("payouts", "resolutions"));
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.resolutions_external_ingest (* EXCEPT unread) VALUES ('a', [2,1],"
                + " 3, 0, NULL, 'chain', now64(3), 'b'), ('a', [666667,333333], 1000000, 0, NULL,"
                + " 'data-api', now64(3), 'b'), ('b', [1,0], 1, 0, NULL, 'goldsky-api', now64(3),"
                + " 'b'), ('b', [0,1], 1, 1, NULL, 'data-api', now64(3), 'b'), ('c', [1,0], 1, 0,"
                + " NULL, 'goldsky-api', now64(3), 'b'), ('c', [1,0,0], 1, 0, NULL, 'data-api',"
                + " now64(3), 'b'), ('d', [1,1], 2, -1, NULL, 'goldsky-api', now64(3), 'b')");
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.market_resolutions_final VALUES ('0xD', [50,50], 100, -1, NULL)");
    assertEquals(
        "[b, c]",
        TestBed.sql(
                "SELECT condition_id FROM cascadian_clean.vw_resolution_conflicts ORDER BY"
                    + " condition_id")
            .stream()
            .map(row -> row.get("condition_id"))
            .toList()
            .toString());
  }
}
