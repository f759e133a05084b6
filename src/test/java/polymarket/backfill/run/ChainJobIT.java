package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.polymarket.DecodedLogs;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The job `chain` against the sandbox's sources of logs and the real engine: whatever happens on
 * the way, the tables hold each log of the datasets once.
 */
class ChainJobIT {

  static final List<String> ALL = List.of("conditions", "transfers", "fills", "amm", "lifecycle");

  /** Blocks around the end of V1, which have logs of every kind but V3. */
  static final long FREEZE = 86_126_998L;

  static TestBed start(String... faults) {
    SandboxOptions options =
        new SandboxOptions().conditions(1500).wallets(200).limits(0).blockSeconds(1000);
    for (String fault : faults) {
      options.fault(fault);
    }
    TestBed bed = SourceBed.start(options).set("chain.span", 500);
    bed.sandbox().settings().forEach(bed::set);
    return bed.set("hypersync.token", bed.sandbox().hyperSyncToken());
  }

  private static List<String> ranges(long first, long last, Collection<String> datasets) {
    List<String> ids = new ArrayList<>();
    Ranges.cut(first, last, 500, id -> ids.add(id + "/" + String.join("+", datasets)));
    return ids;
  }

  @Test
  void everyFaultOfThePortal_andTheTablesAreTheTruth() throws IOException {
    try (TestBed bed =
        start(
            "kind=429,source=sqd,rate=0.05",
            "kind=500,source=sqd,rate=0.05",
            "kind=503,source=sqd,rate=0.05",
            "kind=204,source=sqd,rate=0.05",
            "kind=html,source=sqd,rate=0.05",
            "kind=error-200,source=sqd,rate=0.05",
            "kind=cut-json,source=sqd,rate=0.05",
            "kind=cut-connection,source=sqd,rate=0.05",
            "kind=twice,source=sqd,rate=0.2,share=0.01")) {
      bed.set("source.attempts", 12).set("chain.sources", "sqd");
      long first = FREEZE - 1_500;
      long last = FREEZE + 1_500;
      JobRun.Result result = bed.run("chain", Share.WHOLE, ranges(first, last, ALL));
      assertEquals(0, result.exitCode(), () -> result + "\n" + bed.messages());
      assertTruth(bed, first, last, ALL);
      JsonNode status =
          SourceBed.json(Files.readString(bed.home().resolve("runtime/chain.status.json")));
      JsonNode sent = bed.stats().at("/sources/sqd/statuses");
      for (String of : List.of("204", "429", "503")) {
        assertEquals(sent.path(of).asLong(), status.at("/sources/0/answers").path(of).asLong(), of);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"free", "infura", "publicnode"})
  void whateverANodeTakesAtOnce_theTablesAreTheTruth(String style) throws IOException {
    try (TestBed bed =
        start(
            "kind=429,source=polygon,rate=0.03",
            "kind=html,source=polygon,rate=0.03",
            "kind=error-200,source=polygon,rate=0.03",
            "kind=cut-json,source=polygon,rate=0.03",
            "kind=batch-partial,source=polygon,rate=0.05",
            "kind=truncate,source=polygon,rate=0.05,rows=100",
            "kind=twice,source=polygon,rate=0.2,share=0.01")) {
      bed.sandbox().rpc(style);
      bed.set("source.attempts", 12).set("chain.sources", "polygon");
      // a node that takes ten blocks a call is asked for fewer
      int around = style.equals("free") ? 200 : 300;
      long first = FREEZE - around;
      long last = FREEZE + around;
      JobRun.Result result = bed.run("chain", Share.WHOLE, ranges(first, last, ALL));
      assertEquals(0, result.exitCode(), () -> result + "\n" + bed.messages());
      assertTruth(bed, first, last, ALL);
      assertEquals(
          List.of(Map.of("source", "rpc")),
          TestBed.sql("SELECT DISTINCT source FROM default.chain_ranges"));
    }
  }

  @Test
  void everyFaultOfHyperSync_andTheTablesAreTheTruth() throws IOException {
    try (TestBed bed =
        start(
            "kind=429,source=hypersync,rate=0.05",
            "kind=500,source=hypersync,rate=0.05",
            "kind=error-200,source=hypersync,rate=0.05",
            "kind=cut-json,source=hypersync,rate=0.05",
            "kind=range-cap,source=hypersync,blocks=100",
            "kind=twice,source=hypersync,rate=0.2,share=0.01")) {
      bed.set("source.attempts", 12).set("chain.sources", "hypersync");
      long first = FREEZE - 1_000;
      long last = FREEZE + 1_000;
      JobRun.Result result = bed.run("chain", Share.WHOLE, ranges(first, last, ALL));
      assertEquals(0, result.exitCode(), () -> result + "\n" + bed.messages());
      assertTruth(bed, first, last, ALL);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sqd", "polygon", "hypersync", "sqd,polygon,hypersync"})
  void killedAtAnyInstantWithFaults_fromEachSourceAndAllAtOnce_losesAndDoublesNothing(
      String sources) throws Exception {
    List<String> names = List.of(sources.split(","));
    boolean all = names.size() > 1;
    try (TestBed bed = start("kind=truncate,source=polygon,rate=0.02,rows=100")) {
      String node = bed.sandbox().urls().get("polygon");
      bed.set("chain.sources", sources)
          .set("polygon.rpc.urls", all ? node + "," + node : node)
          .set("chain.span", all ? 300 : 100);
      long first = FREEZE - (all ? 1_500 : 500);
      long last = FREEZE + (all ? 1_500 : 500);
      String[] run = {"run", "chain", "--from", "" + first, "--to", "" + last};
      int exit = SourceBed.killed(bed, names, all ? 5 : 2, run);
      assertEquals(0, exit, SourceBed.said(bed));
      assertTruth(bed, first, last, ALL);
      for (String name : names) {
        assertTrue(
            bed.stats().at("/sources/" + name + "/requests").asLong() > 0, name + " was not asked");
      }
    }
  }

  @Test
  void whatIsDoneForOneDataset_isFetchedForTheOthers_andRedoneWithoutARest() throws Exception {
    try (TestBed bed = start()) {
      bed.set("chain.sources", "sqd");
      String first = "" + (FREEZE - 600);
      String last = "" + (FREEZE + 600);
      for (List<String> arguments :
          List.of(
              List.of("run", "chain", "--from", first, "--to", last, "--datasets", "fills"),
              List.of("run", "chain", "--from", first, "--to", last),
              List.of("run", "chain", "--redo", "found"))) {
        if (arguments.contains("--redo")) {
          TestBed.clickHouse()
              .execute(
                  "INSERT INTO default.chain_fills SELECT * REPLACE (log_index + 100000 AS"
                      + " log_index) FROM default.chain_fills LIMIT 3");
        }
        assertEquals(
            0, SourceBed.run(bed, arguments.toArray(String[]::new)), () -> SourceBed.said(bed));
        // of 601 blocks of the older exchange and 600 of the newer one: 83,361 fills and 239,000
        // other logs on average, 10,000 a request
        String about = arguments.contains("--datasets") ? "about 9 requests" : "about 24 requests";
        assertTrue(SourceBed.said(bed).contains(about), () -> SourceBed.said(bed));
        List<String> datasets = arguments.contains("--datasets") ? List.of("fills") : ALL;
        assertTruth(bed, FREEZE - 600, FREEZE + 600, datasets);
      }
    }
  }

  /**
   * An attempt stored the batch's pages, another one removed them and ended before it had stored
   * them again: the same bytes have the same deduplication token.
   */
  @Test
  void rowsThatAKilledAttemptRemoved_areStoredByTheNextOne() throws Exception {
    try (TestBed bed = start()) {
      bed.set("chain.sources", "sqd");
      run(bed, FREEZE - 400, FREEZE + 400);
      for (String table :
          List.of(
              "chain_fills",
              "chain_amm_trades",
              "chain_transfers",
              "chain_lifecycle",
              "chain_ranges",
              "rpc_conditions",
              "rpc_resolutions",
              "rpc_transfers")) {
        TestBed.sql("DELETE FROM default." + table + " WHERE true");
      }
      inFlightAgain(bed.home().resolve("runtime/chain.ledger"));
      run(bed, FREEZE - 400, FREEZE + 400);
      assertTruth(bed, FREEZE - 400, FREEZE + 400, ALL);
    }
  }

  /** Sets the batches of a ledger back to where they were before their first page was marked. */
  private static void inFlightAgain(Path ledger) throws SQLException {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + ledger);
        Statement statement = connection.createStatement()) {
      statement.execute("UPDATE ids SET state = 'pending', rows = 0, marked_at = NULL");
      statement.execute(
          "UPDATE batches SET done_at = NULL, cursor = NULL, fetched = 0, inserted = 0");
    }
  }

  @Test
  void aWidePage_thatManyBatchesReplaceAtOnce_staysNotedInEachBlockOnce() throws Exception {
    try (TestBed bed = start()) {
      bed.set("chain.sources", "sqd").set("chain.span", 4000).set("chain.concurrency", 1);
      run(bed, FREEZE - 1000, FREEZE + 1000);
      long wide = TestBed.number("SELECT count() FROM default.chain_ranges");
      bed.set("chain.span", 100).set("chain.concurrency", 6);
      assertEquals(
          0, SourceBed.run(bed, "run", "chain", "--redo", "found"), () -> SourceBed.said(bed));
      long narrow = TestBed.number("SELECT count() FROM default.chain_ranges");
      assertTrue(narrow > 2 * wide, wide + " pages were replaced by " + narrow);
      assertTruth(bed, FREEZE - 1000, FREEZE + 1000, ALL);

      assertEquals(0, measured(bed, "unnoted"));
      assertEquals(0, measured(bed, "overlapping"));
      String some =
          " FROM default.chain_ranges WHERE dataset = 'fills' AND first > "
              + FREEZE
              + " AND first <= "
              + (FREEZE + 300);
      long blocks = TestBed.number("SELECT sum(last - first + 1)" + some);
      long begin = TestBed.number("SELECT min(first)" + some);
      TestBed.sql("DELETE" + some);
      assertEquals(blocks, measured(bed, "unnoted"));
      TestBed.sql(
          "INSERT INTO default.chain_ranges (dataset, first, last) VALUES ('transfers', "
              + (FREEZE - 10)
              + ", "
              + (FREEZE + 9)
              + ")");
      assertEquals(20, measured(bed, "overlapping"));
      assertEquals(blocks, measured(bed, "unnoted"));
      JsonNode gaps = verified(bed).at("/checks/gaps between the pages of a dataset (at most 20)");
      assertEquals(begin, gaps.at("/0/first_block").asLong(), gaps.toString());
    }
  }

  private static JsonNode verified(TestBed bed) {
    return SourceBed.json(Program.runHere(bed, "verify", "chain", "--json").out());
  }

  private static long measured(TestBed bed, String name) {
    for (JsonNode measure : verified(bed).get("measures")) {
      if (measure.get("measure").asText().equals(name)) {
        return measure.get("value").asLong();
      }
    }
    throw new AssertionError("no measure");
  }

  @Test
  void aPartOfAStoredPage_thatANewLedgerFetches_leavesTheRestOfThePageNoted() throws Exception {
    try (TestBed bed = start()) {
      bed.set("chain.sources", "sqd");
      String logs =
          "SELECT dataset, sum(logs) FROM default.chain_ranges GROUP BY dataset ORDER BY 1";
      run(bed, FREEZE - 600, FREEZE + 600);
      List<Map<String, Object>> before = TestBed.sql(logs);
      assertEquals(0, SourceBed.run(bed, "reset", "chain", "--yes"), () -> SourceBed.said(bed));
      run(bed, FREEZE - 300, FREEZE - 290);
      assertStored(bed, FREEZE - 600, FREEZE + 600, ALL);
      assertEquals(before, TestBed.sql(logs));
      // over the end of a page, and over the cuts of before
      run(bed, FREEZE - 310, FREEZE + 10);
      assertStored(bed, FREEZE - 600, FREEZE + 600, ALL);
      assertEquals(before, TestBed.sql(logs));
    }
  }

  @Test
  void afterPagesOfANode_thatThePortalDoesNotReachYet_aRunFromThePortalGoesOn() throws Exception {
    try (TestBed bed = start()) {
      bed.set("chain.sources", "polygon").set("source.patience", "20s");
      bed.sandbox().head(FREEZE);
      assertEquals(
          0,
          SourceBed.run(bed, "run", "chain", "--from", "" + (FREEZE - 200), "--to", "latest"),
          () -> SourceBed.said(bed));
      bed.set("chain.sources", "sqd");
      run(bed, FREEZE - 400, FREEZE - 390);
    }
  }

  private static void run(TestBed bed, long first, long last) throws Exception {
    assertEquals(
        0,
        SourceBed.run(bed, "run", "chain", "--from", "" + first, "--to", "" + last),
        () -> SourceBed.said(bed));
  }

  @Test
  void aListOfRanges_thatOverlapAndNameNoDatasets_isFetchedOnceForAllOfThem() throws Exception {
    try (TestBed bed = start()) {
      bed.set("chain.sources", "sqd");
      Path list = bed.home().resolve("ranges.txt");
      Files.writeString(
          list,
          (FREEZE - 400)
              + "-"
              + (FREEZE - 1)
              + "/fills\n"
              + (FREEZE - 400)
              + "-"
              + FREEZE
              + "\n"
              + (FREEZE - 200)
              + "-"
              + (FREEZE + 200)
              + "\n");
      assertEquals(
          0,
          SourceBed.run(bed, "run", "chain", "--ids", list.toString()),
          () -> SourceBed.said(bed));
      assertTruth(bed, FREEZE - 400, FREEZE + 200, ALL);

      Files.writeString(list, "1-2/fils\n");
      assertEquals(
          1,
          SourceBed.run(bed, "run", "chain", "--ids", list.toString()),
          () -> SourceBed.said(bed));
      assertTrue(
          SourceBed.said(bed).contains("chain has no dataset 'fils'. Did you mean 'fills'?"),
          () -> SourceBed.said(bed));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sqd", "polygon", "hypersync"})
  void aReorganisationBetweenTwoPages_isFound_andTheOlderPagesAreFetchedAgain(String source)
      throws Exception {
    try (TestBed bed = start()) {
      bed.set("chain.sources", source)
          .set("rpc-logs.behind", 5)
          .set("chain.concurrency", 1)
          .set("source.attempts", 12)
          .set("chain.span", 200);
      bed.sandbox().head(FREEZE);
      long first = FREEZE - 1_400;
      long last = first + 699;
      // all of these blocks are others, until after the first pages, which are more than a batch
      bed.sandbox().fault("kind=reorg,source=" + source + ",blocks=5000,count=6");
      assertEquals(
          0,
          SourceBed.run(bed, "run", "chain", "--from", "" + first, "--to", "" + last),
          () -> SourceBed.said(bed));
      assertTrue(
          SourceBed.said(bed).contains("has replaced blocks from " + first + " on"),
          () -> SourceBed.said(bed));
      assertTruth(bed, first, last, ALL);
      assertEquals(
          0,
          TestBed.number(
              "SELECT count() FROM default.chain_ranges AS page INNER JOIN"
                  + " default.chain_ranges AS before ON before.last + 1 = page.first WHERE"
                  + " before.last_hash != page.parent_hash AND page.parent_hash != ''"),
          "each page follows on the one before");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sqd", "polygon"})
  void following_takesNewBlocks_andReplacesThoseThatAReorganisationReplaced(String source)
      throws Exception {
    try (TestBed bed = start()) {
      bed.set("chain.sources", source).set("rpc-logs.behind", 5);
      bed.sandbox().head(FREEZE);
      long first = FREEZE - 300;
      Process run =
          SourceBed.program(
              bed,
              List.of("-Dbackfill.follow-millis=1000"),
              "run",
              "chain",
              "--from",
              "" + first,
              "--follow");
      String newest = "SELECT max(last) FROM default.chain_ranges";
      long far = FREEZE + 200;
      TestBed.await(
          "the first blocks",
          Duration.ofMinutes(3),
          () ->
              TestBed.number("EXISTS default.chain_ranges") == 1
                  && TestBed.number(newest) > first + 200);
      bed.sandbox().fault("kind=reorg,source=" + source + ",blocks=120");
      awaitReplaced(bed, 1);
      bed.sandbox().clearFaults();
      bed.sandbox().head(far);
      awaitReplaced(bed, 2);
      TestBed.await(
          "new blocks", Duration.ofMinutes(3), () -> TestBed.number(newest) > FREEZE + 100);
      run.destroy();
      run.waitFor();
      assertTruth(bed, first, TestBed.number(newest), ALL);
      // several rounds, of which the last one may have found nothing new
      assertTrue(SourceBed.said(bed).contains("chain: interrupted"), () -> SourceBed.said(bed));
      assertFalse(SourceBed.said(bed).contains("this run: 0 ids"), () -> SourceBed.said(bed));
    }
  }

  /** Waits until blocks were replaced so often, and the round in which they were has ended. */
  private static void awaitReplaced(TestBed bed, int times) {
    TestBed.await(
        "blocks that were replaced " + times + " times",
        Duration.ofMinutes(5),
        () -> SourceBed.said(bed).split("has replaced blocks", -1).length > times);
    Instant seen = Instant.now();
    TestBed.await(
        "the end of their round",
        Duration.ofMinutes(5),
        () -> {
          JobStatus run = status(bed);
          return run.state() == RunState.COMPLETE && seen.isBefore(Instant.parse(run.updatedAt()));
        });
  }

  private static JobStatus status(TestBed bed) {
    try {
      return JobStatus.read(bed.home().resolve("runtime/chain.status.json"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aRunThatFollows_keepsItsSource_isSeenByStatus_andStopsAtOnce() throws Exception {
    try (TestBed bed = start()) {
      bed.set("chain.sources", "sqd").set("rpc-logs.behind", 5);
      bed.sandbox().head(FREEZE);
      Process run =
          SourceBed.program(
              bed,
              List.of("-Dbackfill.follow-millis=120000"),
              "run",
              "chain",
              "--from",
              "" + (FREEZE - 100),
              "--follow",
              "--json");
      Path file = bed.home().resolve("runtime/chain.status.json");
      TestBed.await(
          "the first round",
          Duration.ofMinutes(3),
          () -> Files.exists(file) && status(bed).state() == RunState.COMPLETE);

      assertEquals(0, SourceBed.program(bed, "status", "chain").waitFor());
      assertTrue(
          SourceBed.said(bed).contains("chain: following (pid " + run.pid() + ")"),
          () -> SourceBed.said(bed));
      assertEquals(1, SourceBed.program(bed, "run", "chain", "--to", "latest").waitFor());
      assertTrue(
          SourceBed.said(bed).contains("sqd is in use by another run"), () -> SourceBed.said(bed));
      assertTrue(run.isAlive(), () -> SourceBed.said(bed));

      assertEquals(0, SourceBed.program(bed, "stop", "chain").waitFor());
      assertEquals(130, run.waitFor(), () -> SourceBed.said(bed));
      assertTrue(SourceBed.said(bed).contains("\"job\":\"chain\""), () -> SourceBed.said(bed));
      assertTrue(SourceBed.said(bed).contains("\"exit_code\":130"), () -> SourceBed.said(bed));
      assertTrue(
          SourceBed.said(bed).contains("\"state\":\"interrupted\""), () -> SourceBed.said(bed));
      assertFalse(SourceBed.said(bed).contains("0 blocks"), () -> SourceBed.said(bed));
    }
  }

  private static void assertTruth(TestBed bed, long first, long last, Collection<String> datasets)
      throws IOException {
    assertStored(bed, first, last, datasets);
    TreeMap<String, Ledger.Entry> entries = new TreeMap<>(SourceBed.entries(bed, "chain"));
    for (Ledger.Entry entry : entries.values()) {
      assertTrue(entry.state() == State.FOUND || entry.state() == State.ABSENT, entry.toString());
    }
    SourceBed.balanced(bed, "chain");
  }

  /** The tables hold each log of the sandbox's once, and each block is in one page. */
  static void assertStored(TestBed bed, long first, long last, Collection<String> datasets)
      throws IOException {
    DecodedLogs truth =
        new DecodedLogs(
            bed.sandbox().truth().lines("logs?from=" + first + "&to=" + last + "&address=all", ""),
            datasets);
    assertTrue(truth.logs() > 300, truth.logs() + " logs");
    truth.assertStored();
    assertEquals(0, TestBed.number("SELECT count() FROM default.chain_rejected"), "rejected");
    for (String dataset : datasets) {
      assertEquals(
          last - first + 1,
          TestBed.number(
              "SELECT sum(last - first + 1) FROM default.chain_ranges WHERE dataset = '"
                  + dataset
                  + "'"),
          "every block of " + dataset + " is in one range");
    }
  }
}
