package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** The audit as a command, over what the job chain fetched of a source that leaves a log out. */
class ChainAuditIT {

  private static final long FIRST = 86_126_000L;
  private static final long LAST = 86_127_500L;

  @Test
  void aLogThatTheSourceLeftOut_isNamed_andThePrintedCommandFetchesIt() throws Exception {
    try (TestBed bed =
        SourceBed.start(
            new SandboxOptions().conditions(1500).wallets(200).limits(0).blockSeconds(1000))) {
      bed.set("chain.span", 500).set("chain.sources", "sqd");
      bed.sandbox().settings().forEach(bed::set);
      List<String> fills =
          bed.sandbox().truth().lines("chain?kind=fills&from=" + FIRST + "&to=" + LAST, "");
      JsonNode fill = SourceBed.json(fills.get(fills.size() / 2));
      long block = fill.get("block").asLong();
      bed.sandbox()
          .fault("kind=drop-log,source=sqd,ids=" + block + ":" + fill.get("log_index").asLong());
      assertEquals(0, exit(bed, "run", "chain", "--from", "" + FIRST, "--to", "" + LAST));
      assertEquals(3, exit(bed, "audit"));
      Matcher command =
          Pattern.compile("backfill (run chain --redo all --from (\\d+) --to (\\d+))")
              .matcher(SourceBed.said(bed));
      assertTrue(command.find(), SourceBed.said(bed));
      assertEquals(block + " " + block, command.group(2) + " " + command.group(3));
      assertEquals(
          List.of("matches", "transactions"),
          TestBed.sql("SELECT toString(law) AS law FROM default.audit_results WHERE broken > 0")
              .stream()
              .map(row -> row.get("law"))
              .sorted()
              .toList());
      bed.sandbox().clearFaults();
      assertEquals(0, exit(bed, command.group(1).split(" ")));
      assertTrue(
          TestBed.number(
                  "SELECT count() FROM (SELECT batch FROM default.chain_ranges GROUP BY batch"
                      + " HAVING max(fetched_at) > (SELECT max(time) FROM default.audit_results))")
              == 1,
          "the named range alone was asked for again");
      assertEquals(0, exit(bed, "audit"));
    }
  }

  private static int exit(TestBed bed, String... arguments) throws Exception {
    return SourceBed.program(bed, arguments).waitFor();
  }
}
