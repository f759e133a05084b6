package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.polymarket.DecodedLogs;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * A source of the chain's logs that damages what it serves, without a word. Of logs that are given
 * twice and of blocks that are replaced, ChainJobIT shows that the tables are the truth; of single
 * logs that are left out, ChainAuditIT.
 */
class DamageIT {

  private static final ObjectMapper JSON = new ObjectMapper();

  private static final long FIRST = 86_126_000L;
  private static final long LAST = FIRST + 99;

  private static final String[] RUN = {"run", "chain", "--from", "" + FIRST, "--to", "" + LAST};

  private static final String[] COMPARE = {"audit", "--second-source", "rpc", "--sample", "100%"};

  @Test
  void logsOfOtherBlocksAreRefused_andBlocksThatAreLeftOutAreNamed_andFetchedByTheCommand()
      throws Exception {
    try (TestBed bed =
        SourceBed.start(
            new SandboxOptions().conditions(1500).wallets(200).limits(0).blockSeconds(1000))) {
      bed.set("chain.span", 100).set("source.patience", "2s");
      bed.sandbox().settings().forEach(bed::set);
      bed.set("chain.sources", "sqd");
      bed.sandbox().fault("kind=stale,source=sqd,match=stream");
      assertEquals(5, exit(bed, RUN), () -> SourceBed.said(bed));
      assertTrue(SourceBed.said(bed).contains("sqd answered with block"), SourceBed.said(bed));
      assertEquals(
          0,
          TestBed.number(
              "SELECT count() FROM default.chain_transfers WHERE block_number < " + FIRST),
          "logs of other blocks are not stored");
      bed.sandbox().clearFaults();
      DecodedLogs truth = truth(bed, FIRST, LAST);
      bed.sandbox().fault("kind=drop-block,source=sqd,share=0.1");
      bed.sandbox().fault("kind=short,source=sqd");
      assertEquals(0, exit(bed, RUN), () -> SourceBed.said(bed));
      long stored = logs();
      assertTrue(stored < truth.logs(), stored + " of " + truth.logs());
      assertEquals(3, exit(bed, COMPARE), () -> SourceBed.said(bed));
      assertEquals(
          truth.logs() - stored,
          TestBed.number("SELECT toInt64(broken) FROM default.audit_results WHERE law = 'second'"));
      bed.sandbox().clearFaults();
      assertEquals(0, exit(bed, printed(bed)), () -> SourceBed.said(bed));
      truth.assertStored();
      assertEquals(0, exit(bed, COMPARE), () -> SourceBed.said(bed));
    }
  }

  @Test
  void aRangeThatCameEmptyBecauseTheSourceWasStale_isNamedByTheSecondSource_andTheCommandFetchesIt()
      throws Exception {
    try (TestBed bed =
        SourceBed.start(
            new SandboxOptions().conditions(300).wallets(100).limits(0).blockSeconds(1000))) {
      bed.set("chain.span", 200).set("source.patience", "2s");
      bed.sandbox().settings().forEach(bed::set);
      bed.set("chain.sources", "sqd");
      long first = firstBlockBehindAGap(bed);
      String[] run = {"run", "chain", "--from", "" + first, "--to", "" + (first + 199)};
      // pages come empty; one with logs of other blocks is refused, until it is so narrow that it
      // is empty too
      bed.sandbox().fault("kind=stale,source=sqd,match=stream");
      int ended = exit(bed, run);
      assertTrue(ended == 0 || ended == 5, () -> SourceBed.said(bed));
      bed.sandbox().clearFaults();
      assertEquals(0, exit(bed, run), () -> SourceBed.said(bed));
      DecodedLogs truth = truth(bed, first, first + 199);
      long stored = logs();
      assertTrue(stored < truth.logs(), stored + " of " + truth.logs());
      assertEquals(3, exit(bed, COMPARE), () -> SourceBed.said(bed));
      assertEquals(
          truth.logs() - stored,
          TestBed.number("SELECT toInt64(broken) FROM default.audit_results WHERE law = 'second'"));
      assertEquals(0, exit(bed, printed(bed)), () -> SourceBed.said(bed));
      truth.assertStored();
      assertEquals(0, exit(bed, COMPARE), () -> SourceBed.said(bed));
    }
  }

  /** A block with logs, before which as many blocks as a first page has are without. */
  private static long firstBlockBehindAGap(TestBed bed) {
    long before = bed.sandbox().firstBlock();
    String range = "logs?from=" + before + "&to=" + (before + 50_000) + "&address=all";
    for (String line : bed.sandbox().truth().lines(range, "")) {
      long block = Long.decode(SourceBed.json(line).get("blockNumber").asText());
      if (block - before > 64) {
        return block;
      }
      before = block;
    }
    throw new AssertionError("no gap of 64 blocks without logs");
  }

  /** The first command that the audit printed. */
  private static String[] printed(TestBed bed) {
    Matcher command =
        Pattern.compile("backfill (run chain --redo all --from \\d+ --to \\d+)")
            .matcher(SourceBed.said(bed));
    assertTrue(command.find(), SourceBed.said(bed));
    return command.group(1).split(" ");
  }

  @Test
  void aTradeThatTheDataApiLeavesOut_andAPayoutOfASubgraphThatIsBehind_areListed()
      throws Exception {
    try (TestBed bed =
        SourceBed.start(
            new SandboxOptions().conditions(300).wallets(100).limits(0).blockSeconds(1000))) {
      bed.sandbox().settings().forEach(bed::set);
      bed.set("chain.sources", "sqd").set("fills.source", "data-api");
      bed.sandbox().fault("kind=drop-trade,source=data-api,share=0.1");
      bed.sandbox().fault("kind=behind,source=goldsky-positions,seconds=2592000");
      assertEquals(0, exit(bed, "run", "markets"), () -> SourceBed.said(bed));
      assertEquals(0, exit(bed, "run", "payouts"), () -> SourceBed.said(bed));
      assertTrue(withoutPayout(bed) > 0);
      assertEquals(
          0,
          exit(
              bed,
              "run",
              "chain",
              "--datasets",
              "conditions,fills",
              "--from",
              "" + bed.sandbox().firstBlock(),
              "--to",
              "latest"),
          () -> SourceBed.said(bed));
      assertEquals(0, exit(bed, "run", "fills"), () -> SourceBed.said(bed));
      assertTrue(notInTheAnswers(bed) > 0);
      bed.sandbox().clearFaults();
      assertEquals(0, exit(bed, "run", "fills", "--redo", "all"), () -> SourceBed.said(bed));
      assertEquals(0, notInTheAnswers(bed));
      assertEquals(0, withoutPayout(bed), "the chain has the payouts that the subgraph lacked");
    }
  }

  /** The transactions of which the chain has fills, and the answers had none. */
  private static long notInTheAnswers(TestBed bed) throws IOException {
    long transactions = 0;
    for (JsonNode row :
        JSON.readTree(Program.run(bed, "verify", "fills", "--json").out())
            .path("checks")
            .path("fills of each month that one source has and the others lack")) {
      if (row.path("reason").asText().equals("not in the answers")) {
        transactions += row.path("transactions").asLong();
      }
    }
    return transactions;
  }

  private static long withoutPayout(TestBed bed) throws IOException {
    return JSON.readTree(Program.run(bed, "verify", "payouts", "--json").out())
        .path("checks")
        .path("resolved markets without a payout vector (at most 20)")
        .size();
  }

  private static DecodedLogs truth(TestBed bed, long first, long last) throws Exception {
    return new DecodedLogs(
        bed.sandbox().truth().lines("logs?from=" + first + "&to=" + last + "&address=all", ""),
        List.of("conditions", "transfers", "fills", "amm", "lifecycle"));
  }

  private static long logs() {
    return TestBed.number("SELECT toInt64(sum(logs)) FROM default.chain_ranges FINAL");
  }

  private static int exit(TestBed bed, String... arguments) throws Exception {
    return SourceBed.program(bed, arguments).waitFor();
  }
}
