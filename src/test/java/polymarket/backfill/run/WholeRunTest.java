package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.job.Job;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * One whole run of each job as a person starts it. What the rows have to be is tested by the jobs'
 * own tests, which take longer: *JobIT.
 */
class WholeRunTest {

  private static TestBed bed;
  private static final Set<String> RUN = new TreeSet<>();

  @BeforeAll
  static void startSandbox() {
    bed = TestBed.start(new SandboxOptions().conditions(200).wallets(40).limits(0));
    bed.sandbox().settings().forEach(bed::set);
    bed.sandbox().clobAccount().forEach(bed::set);
  }

  @AfterAll
  static void stopSandbox() {
    bed.close();
  }

  @Test
  void everyJob_fillsItsTable_andItsSumsBalance_thoughItsFirstConnectionIsDropped() {
    // in the order in which they find each other's ids
    run("markets", "api_markets_staging");
    run("clob-markets", "clob_market_mapping");
    run("goldsky-markets", "goldsky_market_mapping");
    run("payouts", "resolutions_external_ingest");
    run("resolutions", "resolutions_external_ingest");
    run("fills", "clob_fills");
    RUN.add("trades"); // runs with fills
    TestBed.sql(
        "CREATE OR REPLACE VIEW default.vw_trades_canonical AS SELECT DISTINCT wallet,"
            + " condition_id AS market_cid, 0 AS outcome, 1. AS shares, 0.5 AS price FROM"
            + " (SELECT maker AS wallet, condition_id FROM default.clob_fills)");
    run("wallets", "api_positions_staging");
    long first = bed.sandbox().firstBlock();
    run("chain", "chain_lifecycle", "--from", first + "", "--to", first + 2000 + "");
    run("clob-trades", "clob_own_trades");
    assertEquals(new TreeSet<>(Job.names(bed.home())), RUN);
  }

  private static void run(String job, String table, String... options) {
    List<String> words = new ArrayList<>(List.of("run", job));
    words.addAll(List.of(options));
    // half of them with the connection reset, the others closed without an answer
    String kind = RUN.size() % 2 == 0 ? "reset" : "cut-connection";
    bed.sandbox()
        .urls()
        .keySet()
        .forEach(source -> bed.sandbox().fault("kind=" + kind + ",count=1,source=" + source));
    Program.Result result = Program.run(bed, words.toArray(String[]::new));
    bed.sandbox().clearFaults();
    assertEquals(0, result.exitCode(), job + ": " + result);
    assertTrue(result.err().contains("trying again"), job + ": " + result);
    assertTrue(SourceBed.balanced(bed, job).fetched() > 0, job + " fetched no row");
    Map<String, Object> rows = TestBed.sql("SELECT count() AS rows FROM default." + table).get(0);
    assertTrue(((Number) rows.get("rows")).longValue() > 0, table + " is empty");
    RUN.add(job);
  }
}
