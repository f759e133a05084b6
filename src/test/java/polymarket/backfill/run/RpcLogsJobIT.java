package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.TestBed;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.polymarket.ConditionLogs;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The job `rpc-logs` against the sandbox's Polygon node, in every way that nodes limit ranges, and
 * the real engine.
 */
class RpcLogsJobIT {

  /** A chain of few blocks over all years, so that a test reads a good part of it. */
  private static SandboxOptions options() {
    return new SandboxOptions().conditions(1500).wallets(200).limits(0).blockSeconds(2000);
  }

  private static long head(TestBed bed) {
    return 86_126_998L + Math.floorDiv(SandboxOptions.DEFAULT_NOW - 1777374000L, 2000L);
  }

  @ParameterizedTest
  @ValueSource(strings = {"free", "payg", "infura", "quicknode-free", "publicnode", "unlimited"})
  void whateverANodeTakesAtOnce_theTablesAreTheTruth(String style) {
    try (TestBed bed = SourceBed.start(options().rpc(style))) {
      long last = head(bed) - 28;
      long first = last - (style.contains("free") ? 2_000 : 20_000);
      List<String> ids = new ArrayList<>();
      Ranges.cut(first, last, 4_000, ids::add);
      JobRun.Result result = bed.run("rpc-logs", Share.WHOLE, ids);
      assertEquals(0, result.exitCode(), result.toString());
      assertTruth(bed, first, last);
    }
  }

  @Test
  void everyFault_andTheTablesAreTheTruth() {
    try (TestBed bed =
        SourceBed.start(
            options()
                .rpc("infura")
                .fault("kind=429,source=polygon,rate=0.03")
                .fault("kind=500,source=polygon,rate=0.03")
                .fault("kind=html,source=polygon,rate=0.02")
                .fault("kind=error-200,source=polygon,rate=0.02")
                .fault("kind=cut-json,source=polygon,rate=0.02")
                .fault("kind=batch-partial,source=polygon,rate=0.1")
                .fault("kind=truncate,source=polygon,rate=0.05,rows=100"))) {
      bed.set("source.attempts", 8).set("rpc-logs.span", 300);
      long last = head(bed) - 28;
      long first = last - 15_000;
      List<String> ids = new ArrayList<>();
      Ranges.cut(first, last, 300, ids::add);
      JobRun.Result result = bed.run("rpc-logs", Share.WHOLE, ids);
      assertEquals(0, result.exitCode(), result.toString());
      assertTruth(bed, first, last);
    }
  }

  @Test
  void progressCountsBlocks_soThatItDoesNotGoBackwardsWhenRangesAreCut() {
    try (TestBed bed = SourceBed.start(options().rpc("free").latencyMillis(30))) {
      long last = head(bed) - 28;
      List<String> ids = new ArrayList<>();
      Ranges.cut(last - 9_999, last, 4_000, ids::add);
      List<Long> done = new ArrayList<>();
      bed.onTick(
          run -> {
            JsonNode numbers = status(bed).path("numbers");
            assertEquals(10_000, numbers.path("total").asLong());
            assertEquals("blocks", numbers.path("unit").asText());
            done.add(numbers.path("done").asLong());
          });
      JobRun.Result result = bed.run("rpc-logs", Share.WHOLE, ids);
      assertEquals(0, result.exitCode(), result.toString());
      assertTrue(done.size() > 1, "a run of some seconds: " + done);
      assertEquals(done.stream().sorted().toList(), done);
      JobStatus.Numbers numbers = result.jobs().get(0).status().numbers();
      assertEquals("10000 of 10000", numbers.done() + " of " + numbers.total());
      assertTrue(result.jobs().get(0).status().ids().total() > ids.size(), "ranges were cut");
    }
  }

  @Test
  void aNodeFarBehindTheOthers_isTheOneThatCounts() throws Exception {
    try (TestBed bed = SourceBed.start(options().rpcLag(500))) {
      long first = head(bed) - 3_000;
      Process process = SourceBed.program(bed, "run", "rpc-logs", "--from", "" + first);
      assertEquals(0, process.waitFor(), () -> SourceBed.said(bed));
      assertTruth(bed, first, head(bed) - 520);
    }
  }

  @Test
  void killedAtAnyInstant_losesAndDoublesNothing_andALaterRunGoesOnBehindIt() throws Exception {
    try (TestBed bed = SourceBed.start(options().latencyMillis(20))) {
      bed.set("rpc-logs.span", 200);
      long head = head(bed);
      long first = head - 15_000;
      int exit =
          SourceBed.killed(
              bed, "polygon", "run", "rpc-logs", "--from", "" + first, "--to", "" + (head - 5_000));
      assertEquals(0, exit, SourceBed.said(bed));
      assertTruth(bed, first, head - 5_000);
      Process next = SourceBed.program(bed, "run", "rpc-logs", "--to", "latest");
      assertEquals(0, next.waitFor(), () -> SourceBed.said(bed));
      // every third answer comes from a node that is 8 blocks behind
      assertTruth(bed, first, head - 28);
      Process again =
          SourceBed.program(
              bed, "run", "rpc-logs", "--from", "" + first, "--to", "" + (head + 1_000));
      assertEquals(0, again.waitFor(), () -> SourceBed.said(bed));
      assertTruth(bed, first, head - 28);
      assertTrue(
          SourceBed.said(bed).contains("is beyond the last available one, which is " + (head - 28)),
          SourceBed.said(bed));
    }
  }

  private static JsonNode status(TestBed bed) {
    try {
      return SourceBed.json(Files.readString(bed.home().resolve("runtime/rpc-logs.status.json")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Every row of these blocks as decoding the sandbox's own logs gives it, none missing, none
   * twice, and all blocks accounted for.
   */
  private static void assertTruth(TestBed bed, long first, long last) {
    Map<String, String> conditions = new TreeMap<>();
    Map<String, String> resolutions = new TreeMap<>();
    Map<String, Integer> transfers = new TreeMap<>();
    Map<String, Integer> moved = new HashMap<>();
    Map<String, TreeSet<Long>> movedIn = new HashMap<>();
    for (String line : bed.sandbox().truth().lines("logs?from=" + first + "&to=" + last, "")) {
      for (ConditionLogs.Row row : ConditionLogs.decode(SourceBed.json(line))) {
        String place =
            " "
                + row.place().blockNumber()
                + " "
                + row.place().blockTimestamp()
                + " "
                + row.place().transactionHash()
                + " "
                + row.place().logIndex();
        if (row instanceof ConditionLogs.Preparation made) {
          conditions.put(
              made.conditionId(),
              made.oracle() + " " + made.questionId() + " " + made.outcomeSlotCount() + place);
        } else if (row instanceof ConditionLogs.Resolution made) {
          resolutions.put(made.conditionId(), made.payoutNumerators() + place);
        } else if (row instanceof ConditionLogs.Transfer made) {
          transfers.merge(
              made.place().transactionHash()
                  + " "
                  + made.tokenId()
                  + " "
                  + made.place().blockNumber(),
              1,
              Integer::sum);
          moved.merge(made.tokenId(), 1, Integer::sum);
          movedIn
              .computeIfAbsent(made.tokenId(), token -> new TreeSet<>())
              .add(made.place().blockNumber());
        }
      }
    }
    Map<String, String> stored = new TreeMap<>();
    TestBed.sql(
            "SELECT condition_id, concat(oracle, ' ', question_id, ' ',"
                + " toString(outcome_slot_count), ' ', toString(block_number), ' ',"
                + " toString(toUnixTimestamp(block_time)), ' ', transaction_hash, ' ',"
                + " toString(log_index)) AS said FROM default.rpc_conditions")
        .forEach(
            row ->
                assertTrue(
                    stored.put((String) row.get("condition_id"), (String) row.get("said")) == null,
                    "twice: " + row));
    assertEquals(conditions, stored);
    stored.clear();
    TestBed.sql(
            "SELECT condition_id, concat('[', arrayStringConcat(arrayMap(n -> toString(n),"
                + " payout_numerators), ', '), '] ', toString(block_number), ' ',"
                + " toString(toUnixTimestamp(resolved_at)), ' ', transaction_hash, ' ',"
                + " toString(log_index)) AS said FROM default.rpc_resolutions")
        .forEach(
            row ->
                assertTrue(
                    stored.put((String) row.get("condition_id"), (String) row.get("said")) == null,
                    "twice: " + row));
    assertEquals(resolutions, stored);
    Map<String, Integer> storedTransfers = new TreeMap<>();
    TestBed.sql(
            "SELECT transaction_hash, token_id, block_number, transfers FROM default.rpc_transfers")
        .forEach(
            row ->
                assertTrue(
                    storedTransfers.put(
                            row.get("transaction_hash")
                                + " "
                                + row.get("token_id")
                                + " "
                                + row.get("block_number"),
                            ((Number) row.get("transfers")).intValue())
                        == null,
                    "twice: " + row));
    assertEquals(transfers, storedTransfers);
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
          conditions.containsKey(market.get("condition_id").asText())
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

    long at = first;
    TreeMap<String, Ledger.Entry> entries = new TreeMap<>(SourceBed.entries(bed, "rpc-logs"));
    for (Ledger.Entry entry : entries.values()) {
      assertEquals(at, Ranges.first(entry.id()), "each block is in one range");
      at = Ranges.last(entry.id()) + 1;
      assertTrue(entry.state() == State.FOUND || entry.state() == State.ABSENT, entry.toString());
    }
    assertEquals(last + 1, at);
    Ledger.Sums sums = SourceBed.balanced(bed, "rpc-logs");
    assertEquals(
        conditions.size() + resolutions.size() + transfers.size(),
        sums.inserted(),
        sums.toString());
  }
}
