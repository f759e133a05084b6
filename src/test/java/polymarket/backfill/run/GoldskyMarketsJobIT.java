package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.sandbox.SandboxOptions;

/** The job `goldsky-markets` against the sandbox's positions subgraph and the real engine. */
class GoldskyMarketsJobIT {

  @Test
  void everyFault_andTheTableIsTheTruth() {
    try (TestBed bed =
        SourceBed.start(
            new SandboxOptions()
                .conditions(4000)
                .limits(0)
                .fault("kind=429,source=goldsky,rate=0.05")
                .fault("kind=500,source=goldsky,rate=0.05")
                .fault("kind=html,source=goldsky,rate=0.05")
                .fault("kind=error-200,source=goldsky,rate=0.05")
                .fault("kind=cut-json,source=goldsky,rate=0.05")
                .fault("kind=truncate,source=goldsky,rate=0.1,rows=137")
                .fault("kind=truncate,source=goldsky,rate=0.05,rows=100")
                .fault("kind=empty,source=goldsky,rate=0.05"))) {
      bed.set("source.attempts", 8);
      JobRun.Result result = bed.run("goldsky-markets", Share.WHOLE, List.of("tokens"));
      assertEquals(0, result.exitCode(), result.toString());
      assertTruth(bed);
    }
  }

  @Test
  void killedAtAnyInstant_continuesAtItsToken_andStoresEachRowOnce() throws Exception {
    try (TestBed bed =
        SourceBed.start(new SandboxOptions().conditions(8000).limits(0).latencyMillis(60))) {
      int exit = SourceBed.killed(bed, "goldsky-positions", "run", "goldsky-markets");
      assertEquals(0, exit, SourceBed.said(bed));
      assertTruth(bed);
    }
  }

  /**
   * Every token id that the subgraph has, with the condition and outcome that it says, each once.
   */
  private static void assertTruth(TestBed bed) {
    Map<String, String> rows = new HashMap<>();
    TestBed.sql("SELECT token_id, condition_id, outcome_index FROM default.goldsky_market_mapping")
        .forEach(
            row ->
                assertTrue(
                    rows.put(
                            (String) row.get("token_id"),
                            row.get("condition_id") + " " + row.get("outcome_index"))
                        == null,
                    "twice: " + row));
    int expected = 0;
    int planned = 0;
    for (JsonNode market : SourceBed.truth(bed, "conditions", "condition_id").values()) {
      for (int outcome = 0;
          market.get("on_goldsky").asBoolean() && outcome < market.get("outcomes").asInt();
          outcome++) {
        expected++;
        String stored = rows.get(market.get("token_ids").get(outcome).asText());
        assertTrue(stored != null, "not stored: " + market);
        if (market.get("goldsky_conflict").asText().equals("none")) {
          assertEquals(market.get("condition_id").asText() + " " + outcome, stored);
        } else {
          planned++;
        }
      }
    }
    assertEquals(expected, rows.size());
    assertTrue(planned > 0 && planned < expected / 20, planned + " planned conflicts");
    Ledger.Sums sums = SourceBed.balanced(bed, "goldsky-markets");
    assertEquals(expected, sums.inserted());
    assertEquals(expected, SourceBed.entries(bed, "goldsky-markets").get("tokens").rows());
  }

  @Test
  void rowsThatDoNotQualify_areKeptWithTheReason() {
    TestBed.empty();
    Views.create(TestBed.clickHouse(), "goldsky-markets");
    String good =
        "{\"id\":\"5\",\"outcomeIndex\":\"1\",\"condition\":{\"id\":\"0x"
            + "AB".repeat(32)
            + "\"},\"batch\":\"b\",\"fetched_at\":\"2026-11-20T00:00:00Z\"}";
    String rows =
        String.join(
            "\n",
            good,
            good.replace("\"5\"", "\"0x5\""),
            good.replace("\"5\"", "\"6\"")
                .replaceAll("\"condition\":\\{.*?\\}", "\"condition\":null"),
            good.replace("\"5\"", "\"7\"").replace("\"1\"", "null"));
    TestBed.clickHouse()
        .insert("default.goldsky_markets_landing", rows.getBytes(StandardCharsets.UTF_8), "t");
    assertEquals(
        "[{token_id=5, condition_id="
            + "ab".repeat(32)
            + ", outcome_index=1}, {token_id=7, condition_id="
            + "ab".repeat(32)
            + ", outcome_index=-1}]",
        TestBed.sql(
                "SELECT token_id, condition_id, outcome_index FROM default.goldsky_market_mapping"
                    + " ORDER BY token_id")
            .toString());
    assertEquals(
        "[{token_id=0x5, reason=the token id is not a number}, {token_id=6, reason=no condition}]",
        TestBed.sql(
                "SELECT token_id, reason FROM default.goldsky_markets_rejected ORDER BY token_id")
            .toString());
  }
}
