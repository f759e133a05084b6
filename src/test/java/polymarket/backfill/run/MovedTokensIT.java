package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** The tables that the mapping reads, which the job chain fills under its other name, too. */
class MovedTokensIT {

  private static final List<String> DATASETS = List.of("conditions", "transfers");

  /** A chain of few blocks over all years, so that a test reads a good part of it. */
  private static SandboxOptions options() {
    return new SandboxOptions().conditions(1500).wallets(200).limits(0).blockSeconds(2000);
  }

  private static long head() {
    return 86_126_998L + Math.floorDiv(SandboxOptions.DEFAULT_NOW - 1777374000L, 2000L);
  }

  private static void run(TestBed bed, String job, long first, long last, String... more) {
    List<String> words =
        new java.util.ArrayList<>(
            List.of("run", job, "--from", "" + first, "--to", "" + last, "--datasets"));
    words.add(String.join(",", DATASETS));
    words.addAll(List.of(more));
    assertEquals(0, SourceBed.run(bed, words.toArray(String[]::new)), () -> SourceBed.said(bed));
  }

  @Test
  void underItsOtherName_theJobFillsTheSameTables_andMapsOnlyWhatIsNew() throws Exception {
    try (TestBed bed = SourceBed.start(options())) {
      long last = head() - 28;
      long first = last - 12_000;
      // conditions first: their tokens move later; then the newest blocks, and those between
      run(bed, "rpc-logs", first, first + 5_000);
      assertMapped(bed, first, first + 5_000);
      run(bed, "chain", first + 9_000, last);
      run(bed, "rpc-logs", first, last);
      assertMapped(bed, first, last);
      ChainJobIT.assertStored(bed, first, last, DATASETS);
      assertEquals(
          1,
          TestBed.number(
              "SELECT count() FROM default.rpc_transfer_mapping FINAL WHERE batch = 'chain'"),
          "one row says until when all is mapped");
      assertTrue(SourceBed.balanced(bed, "chain").inserted() > 0);
    }
  }

  @Test
  void aNodeFarBehindTheOthers_isTheOneThatCounts() throws Exception {
    try (TestBed bed = SourceBed.start(options().rpcLag(500))) {
      long first = head() - 3_000;
      assertEquals(
          0,
          SourceBed.run(
              bed, "run", "rpc-logs", "--from", "" + first, "--datasets", "conditions,transfers"),
          () -> SourceBed.said(bed));
      ChainJobIT.assertStored(bed, first, head() - 520, DATASETS);
    }
  }

  /**
   * The tables of the mapping hold what the chain's tables do, and each moved token of a known
   * condition has that condition.
   */
  private static void assertMapped(TestBed bed, long first, long last) throws IOException {
    ChainJobIT.assertStored(bed, first, last, DATASETS);
    assertEquals(
        List.of(),
        TestBed.sql(
            "SELECT condition_id, question_id, oracle, outcome_slot_count, block_number,"
                + " log_index, count() AS times FROM (SELECT condition_id, question_id, oracle,"
                + " outcome_slot_count, block_number, log_index FROM default.rpc_conditions UNION"
                + " ALL SELECT lower(hex(condition_id)), lower(hex(question_id)), concat('0x',"
                + " lower(hex(oracle))), toUInt16(number), block_number, log_index FROM"
                + " default.chain_lifecycle WHERE kind = 'preparation') GROUP BY ALL HAVING times"
                + " != 2"));
    TreeSet<String> conditions = new TreeSet<>();
    TestBed.sql("SELECT condition_id FROM default.rpc_conditions")
        .forEach(row -> conditions.add((String) row.get("condition_id")));
    Map<String, Integer> transfers = new TreeMap<>();
    Map<String, Integer> moved = new HashMap<>();
    Map<String, TreeSet<Long>> movedIn = new HashMap<>();
    for (Map<String, Object> row :
        TestBed.sql(
            "SELECT concat('0x', lower(hex(transaction_hash))) AS hash, toString(token_id) AS"
                + " token, block_number FROM default.chain_transfers WHERE contract ="
                + " unhex('4d97dcd97ec945f40cf65f87097ace5ea0476045')")) {
      long block = ((Number) row.get("block_number")).longValue();
      String token = (String) row.get("token");
      transfers.merge(row.get("hash") + " " + token + " " + block, 1, Integer::sum);
      moved.merge(token, 1, Integer::sum);
      movedIn.computeIfAbsent(token, key -> new TreeSet<>()).add(block);
    }
    Map<String, Integer> stored = new TreeMap<>();
    TestBed.sql(
            "SELECT transaction_hash, token_id, block_number, transfers FROM default.rpc_transfers")
        .forEach(
            row ->
                assertEquals(
                    null,
                    stored.put(
                        row.get("transaction_hash")
                            + " "
                            + row.get("token_id")
                            + " "
                            + row.get("block_number"),
                        ((Number) row.get("transfers")).intValue()),
                    "twice: " + row));
    assertEquals(transfers, stored);
    assertTrue(
        conditions.size() > 3 && transfers.size() > 50,
        conditions.size() + " conditions, " + transfers.size() + " transfers");
    Map<String, Integer> transactions = new HashMap<>();
    transfers.keySet().forEach(key -> transactions.merge(key.split(" ")[1], 1, Integer::sum));
    int mapped = 0;
    Map<String, Map<String, Object>> mapping = new HashMap<>();
    TestBed.sql("SELECT * FROM default.rpc_transfer_mapping FINAL")
        .forEach(row -> mapping.put((String) row.get("token_id"), row));
    for (JsonNode market : SourceBed.truth(bed, "conditions", "condition_id").values()) {
      for (int outcome = 0;
          conditions.contains(market.get("condition_id").asText())
              && outcome < market.get("outcomes").asInt();
          outcome++) {
        String token = market.get("token_ids").get(outcome).asText();
        if (moved.containsKey(token)) {
          Map<String, Object> row = mapping.get(token);
          assertTrue(row != null, "not mapped: " + token + " " + market);
          TreeSet<Long> blocks = movedIn.get(token);
          assertEquals(
              market.get("condition_id").asText()
                  + " "
                  + outcome
                  + " "
                  + moved.get(token)
                  + " "
                  + transactions.get(token)
                  + " "
                  + blocks.first()
                  + " "
                  + blocks.last(),
              row.get("condition_id")
                  + " "
                  + row.get("outcome_index")
                  + " "
                  + row.get("transfer_count")
                  + " "
                  + row.get("transactions")
                  + " "
                  + row.get("first_block")
                  + " "
                  + row.get("last_block"));
          mapped++;
        }
      }
    }
    assertEquals(mapped, mapping.size());
  }
}
