package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
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

  /** A bed whose logs come from one source. */
  private static TestBed start(int conditions, String source) {
    TestBed bed =
        SourceBed.start(
            new SandboxOptions().conditions(conditions).wallets(200).limits(0).blockSeconds(1000));
    bed.sandbox().settings().forEach(bed::set);
    return bed.set("chain.span", 200)
        .set("source.patience", "2s")
        .set("hypersync.token", bed.sandbox().hyperSyncToken())
        .set("chain.sources", source);
  }

  /** Compares all stored logs with a source that is not damaged. */
  private static int compare(TestBed bed, String damaged) throws Exception {
    String other = damaged.equals("sqd") ? "rpc" : "sqd";
    return exit(bed, "audit", "--second-source", other, "--sample", "100%");
  }

  @ParameterizedTest
  @ValueSource(strings = {"sqd", "hypersync"})
  void anAnswerOfOtherBlocksIsRefused_alsoWhereItHasNoLogs(String source) throws Exception {
    try (TestBed bed = start(300, source)) {
      long first = firstBlockBehindAGap(bed);
      String[] run = {"run", "chain", "--from", "" + first, "--to", "" + (first + 199)};
      // the first answer says which chain it is, and refuses the run if it is of another block
      bed.sandbox()
          .fault(
              "kind=stale,skip=1,source="
                  + source
                  + ",match="
                  + (source.equals("sqd") ? "stream" : "query"));
      assertEquals(5, exit(bed, run), () -> SourceBed.said(bed));
      assertTrue(
          Pattern.compile(source + " answered with blocks? .* were requested")
              .matcher(SourceBed.said(bed))
              .find(),
          SourceBed.said(bed));
      assertEquals(
          0, TestBed.number("SELECT count() FROM default.chain_ranges"), "nothing counts as empty");
      for (String table : List.of("transfers", "fills", "lifecycle")) {
        assertEquals(0, TestBed.number("SELECT count() FROM default.chain_" + table), table);
      }
      bed.sandbox().clearFaults();
      assertEquals(0, exit(bed, run), () -> SourceBed.said(bed));
      new DecodedLogs(
              logs(bed, first, first + 199),
              List.of("conditions", "transfers", "fills", "amm", "lifecycle"))
          .assertStored();
    }
  }

  @Test
  void aRangeThatANodeGaveAsEmpty_isNamedByTheSecondSource_andTheCommandFetchesIt()
      throws Exception {
    try (TestBed bed = start(300, "polygon")) {
      long first = firstBlockBehindAGap(bed);
      String[] run = {"run", "chain", "--from", "" + first, "--to", "" + (first + 199)};
      // logs of other blocks are refused; that there are none says nothing of the blocks
      bed.sandbox().fault("kind=stale,source=polygon");
      int ended = exit(bed, run);
      assertTrue(ended == 0 || ended == 5, () -> SourceBed.said(bed));
      bed.sandbox().clearFaults();
      assertEquals(0, exit(bed, run), () -> SourceBed.said(bed));
      assertNamedAndMended(bed, "polygon", first, first + 199);
    }
  }

  @Test
  void blocksThatAreLeftOut_andRangesThatAreAnsweredShort_areNamed_andFetchedByTheCommand()
      throws Exception {
    try (TestBed bed = start(1500, "sqd")) {
      bed.sandbox().fault("kind=drop-block,source=sqd,share=0.1");
      bed.sandbox().fault("kind=short,source=sqd");
      assertEquals(0, exit(bed, RUN), () -> SourceBed.said(bed));
      bed.sandbox().clearFaults();
      assertNamedAndMended(bed, "sqd", FIRST, LAST);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sqd", "polygon", "hypersync"})
  void theFirstAndTheLastBlock_andALogBetween_areNamed_whateverTheSource(String source)
      throws Exception {
    try (TestBed bed = start(1500, source)) {
      List<JsonNode> logs =
          logs(bed, FIRST, LAST).stream()
              .map(SourceBed::json)
              .sorted(Comparator.comparing(DamageIT::block))
              .toList();
      long first = block(logs.get(0));
      long last = block(logs.get(logs.size() - 1));
      JsonNode between = logs.get(logs.size() / 2);
      assertTrue(first < block(between) && block(between) < last);
      bed.sandbox().fault("kind=drop-block,source=" + source + ",ids=" + first + "+" + last);
      bed.sandbox()
          .fault(
              "kind=drop-log,source="
                  + source
                  + ",ids="
                  + block(between)
                  + ":"
                  + Long.decode(between.get("logIndex").asText()));
      String[] run = {"run", "chain", "--from", "" + first, "--to", "" + last};
      assertEquals(0, exit(bed, run), () -> SourceBed.said(bed));
      bed.sandbox().clearFaults();
      assertNamedAndMended(bed, source, first, last);
      assertEquals(
          new TreeSet<>(Set.of(first, block(between), last)),
          TestBed.sql(
                  "SELECT DISTINCT toInt64(place.1) AS block FROM default.audit_results"
                      + " ARRAY JOIN places AS place WHERE law = 'second'")
              .stream()
              .map(row -> ((Number) row.get("block")).longValue())
              .collect(Collectors.toCollection(TreeSet::new)));
    }
  }

  private static long block(JsonNode log) {
    return Long.decode(log.get("blockNumber").asText());
  }

  /** The second source names each log that is missing, and after the printed commands none is. */
  private static void assertNamedAndMended(TestBed bed, String damaged, long first, long last)
      throws Exception {
    DecodedLogs truth =
        new DecodedLogs(
            logs(bed, first, last),
            List.of("conditions", "transfers", "fills", "amm", "lifecycle"));
    long stored = TestBed.number("SELECT toInt64(sum(logs)) FROM default.chain_ranges FINAL");
    assertTrue(stored < truth.logs(), stored + " of " + truth.logs());
    assertEquals(3, compare(bed, damaged), () -> SourceBed.said(bed));
    assertEquals(
        truth.logs() - stored,
        TestBed.number("SELECT toInt64(broken) FROM default.audit_results WHERE law = 'second'"));
    Matcher command =
        Pattern.compile("backfill (run chain --redo all --from \\d+ --to \\d+)")
            .matcher(SourceBed.said(bed));
    assertTrue(command.find(), SourceBed.said(bed));
    do {
      assertEquals(0, exit(bed, command.group(1).split(" ")), () -> SourceBed.said(bed));
    } while (command.find());
    truth.assertStored();
    assertEquals(0, compare(bed, damaged), () -> SourceBed.said(bed));
  }

  /** A block with logs, before which as many blocks as a first page has are without. */
  private static long firstBlockBehindAGap(TestBed bed) {
    long before = bed.sandbox().firstBlock();
    for (String line : logs(bed, before, before + 50_000)) {
      long block = block(SourceBed.json(line));
      if (block - before > 64) {
        return block;
      }
      before = block;
    }
    throw new AssertionError("no gap of 64 blocks without logs");
  }

  @Test
  void aTradeThatTheDataApiLeavesOut_andAPayoutOfASubgraphThatIsBehind_areListed()
      throws Exception {
    try (TestBed bed = start(300, "sqd")) {
      bed.set("fills.source", "data-api");
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
        JSON.readTree(Program.runHere(bed, "verify", "fills", "--json").out())
            .path("checks")
            .path("fills of each month that one source has and the others lack")) {
      if (row.path("reason").asText().equals("not in the answers")) {
        transactions += row.path("transactions").asLong();
      }
    }
    return transactions;
  }

  private static long withoutPayout(TestBed bed) throws IOException {
    return JSON.readTree(Program.runHere(bed, "verify", "payouts", "--json").out())
        .path("checks")
        .path("resolved markets without a payout vector (at most 20)")
        .size();
  }

  private static List<String> logs(TestBed bed, long first, long last) {
    return bed.sandbox().truth().lines("logs?from=" + first + "&to=" + last + "&address=all", "");
  }

  private static int exit(TestBed bed, String... arguments) throws Exception {
    return SourceBed.run(bed, arguments);
  }
}
