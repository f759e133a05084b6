package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Shared;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The job `clob-markets` against the sandbox's CLOB, which has drafts, repeated rows and stale
 * pages, and the real engine.
 */
class ClobMarketsJobIT {

  private static final String ROWS =
      "SELECT condition_id, question_id, market_slug, question, token_ids, outcomes, winners,"
          + " active, closed, is_50_50_outcome, neg_risk FROM default.clob_market_mapping";

  @Test
  void everyFault_andTheTableIsTheTruth_andASecondPassReplacesIt() {
    try (TestBed bed =
        SourceBed.start(
            new SandboxOptions()
                .conditions(8000)
                .limits(0)
                .fault("kind=429,source=clob,rate=0.05")
                .fault("kind=500,source=clob,rate=0.05")
                .fault("kind=html,source=clob,rate=0.05")
                .fault("kind=error-200,source=clob,rate=0.05")
                .fault("kind=cut-json,source=clob,rate=0.05")
                .fault("kind=truncate,source=clob,rate=0.05,rows=137")
                .fault("kind=empty,source=clob,rate=0.05")
                .fault("kind=stuck-cursor,source=clob,rate=0.05")
                .fault("kind=expired-cursor,source=clob,rate=0.05"))) {
      bed.set("source.attempts", 8);
      JobRun.Result result = bed.run("clob-markets", Share.WHOLE, List.of("markets"));
      assertEquals(0, result.exitCode(), result.toString());
      long rows = assertTruth(bed);
      assertEquals(
          rows,
          TestBed.number("SELECT count() FROM default.clob_market_mapping"),
          "each row is there once");
      assertTrue(
          TestBed.number(
                  "SELECT uniqExact(key) FROM default.clob_markets_rejected WHERE reason = 'no"
                      + " condition id'")
              > 100);
      Ledger.Sums sums = SourceBed.balanced(bed, "clob-markets");
      assertTrue(sums.duplicate() > 1000 && sums.duplicate() < sums.fetched(), sums.toString());
      assertEquals(rows, sums.inserted());
      assertEquals(rows, SourceBed.entries(bed, "clob-markets").get("markets").rows());

      try (Ledger ledger = Ledger.open(bed.home().resolve("runtime/clob-markets.ledger"))) {
        ledger.redo(List.of(State.FOUND), null);
      }
      assertEquals(0, bed.run("clob-markets", Share.WHOLE, List.of()).exitCode());
      assertEquals(1, TestBed.number("SELECT uniqExact(batch) FROM default.clob_market_mapping"));
      assertEquals(
          rows,
          TestBed.number("SELECT count() FROM default.clob_market_mapping"),
          "a pass replaces rows by its end");
      assertEquals(rows, assertTruth(bed));
    }
  }

  @Test
  void killedAtAnyInstant_continuesAtItsPage_andStoresEachRowOnce() throws Exception {
    try (TestBed bed =
        SourceBed.start(new SandboxOptions().conditions(20_000).limits(0).latencyMillis(60))) {
      int exit = SourceBed.killed(bed, "clob", "run", "clob-markets");
      assertEquals(0, exit, SourceBed.said(bed));
      assertEquals(
          assertTruth(bed), TestBed.number("SELECT count() FROM default.clob_market_mapping"));
      Ledger.Sums sums = SourceBed.balanced(bed, "clob-markets");
      assertEquals(
          TestBed.number("SELECT count() FROM default.clob_market_mapping"), sums.inserted());
    }
  }

  /** Every market of the CLOB as the sandbox's own list has it by id, and no other. */
  static long assertTruth(TestBed bed) {
    Map<String, JsonNode> truth = SourceBed.truth(bed, "conditions", "condition_id");
    Map<String, Map<String, Object>> rows = new HashMap<>();
    TestBed.sql(ROWS + " FINAL")
        .forEach(
            row ->
                assertTrue(
                    rows.put((String) row.get("condition_id"), row) == null, "twice: " + row));
    long expected = 0;
    int right = 0;
    for (JsonNode market : truth.values()) {
      if (!market.get("on_clob").asBoolean()) {
        continue;
      }
      expected++;
      Map<String, Object> row = rows.get(market.get("condition_id").asText());
      assertTrue(row != null, "not stored: " + market);
      assertEquals(market.get("question_id").asText().substring(2), row.get("question_id"));
      assertEquals(market.get("closed").asBoolean(), row.get("closed"));
      assertEquals(market.get("neg_risk").asBoolean(), row.get("neg_risk"));
      if (market.get("clob_conflict").asText().equals("none")
          && !((List<?>) row.get("token_ids")).isEmpty()) {
        List<String> tokens = new ArrayList<>();
        market.get("token_ids").forEach(token -> tokens.add(token.asText()));
        assertEquals(tokens, row.get("token_ids"));
        assertEquals(market.get("slug").asText(), row.get("market_slug"));
        right++;
      }
    }
    assertEquals(expected, rows.size());
    assertTrue(right > expected * 0.95, right + " of " + expected);
    return expected;
  }

  @Test
  void recordedPages_arriveFieldByField() throws IOException {
    for (String name :
        List.of(
            "clob/sampling-markets-page1.json",
            "clob/markets-page-100.json",
            "clob/markets-last-page-rows.json")) {
      JsonNode page = SourceBed.JSON.readTree(Shared.recorded(name).toFile());
      JsonNode data = page.has("data") ? page.get("data") : page;
      TestBed.empty();
      Views.create(TestBed.clickHouse(), "clob-markets");
      StringBuilder lines = new StringBuilder();
      Map<String, JsonNode> expected = new TreeMap<>();
      for (JsonNode row : data) {
        lines
            .append(
                ((ObjectNode) row.deepCopy())
                    .put("batch", "b")
                    .put("fetched_at", "2026-11-20T00:00:00Z"))
            .append('\n');
        if (!row.get("condition_id").asText().isEmpty()) {
          expected.put(row.get("condition_id").asText().substring(2), row);
        }
      }
      TestBed.clickHouse()
          .insert(
              "default.clob_markets_landing",
              lines.toString().getBytes(StandardCharsets.UTF_8),
              "t");
      Map<String, Map<String, Object>> rows = new TreeMap<>();
      TestBed.sql(ROWS).forEach(row -> rows.put((String) row.get("condition_id"), row));
      assertEquals(expected.keySet(), rows.keySet(), name);
      expected.forEach(
          (id, row) -> {
            Map<String, Object> stored = rows.get(id);
            List<String> tokens = new ArrayList<>();
            List<String> outcomes = new ArrayList<>();
            List<Boolean> winners = new ArrayList<>();
            row.get("tokens")
                .forEach(
                    token -> {
                      tokens.add(token.get("token_id").asText());
                      outcomes.add(token.get("outcome").asText());
                      winners.add(token.get("winner").asBoolean());
                    });
            assertEquals(tokens.contains("") ? List.of() : tokens, stored.get("token_ids"), id);
            assertEquals(outcomes, stored.get("outcomes"), id);
            assertEquals(winners, stored.get("winners"), id);
            assertEquals(
                row.get("question_id").asText().replace("0x", ""), stored.get("question_id"), id);
            assertEquals(row.get("market_slug").asText(), stored.get("market_slug"), id);
            assertEquals(row.get("question").asText(), stored.get("question"), id);
            for (String flag : List.of("active", "closed", "is_50_50_outcome", "neg_risk")) {
              assertEquals(row.get(flag).asBoolean(), stored.get(flag), id + " " + flag);
            }
          });
    }
  }
}
