package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** The verdict, from an empty ClickHouse to data that can be used, and back. */
@Timeout(600)
class ReadyIT {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  private static Map<String, JsonNode> measures(TestBed bed, int exitCode, boolean ready)
      throws IOException {
    // the sandbox's last trade is days old
    Program.Result result = Program.runHere(bed, "ready", "--json", "--max-newest-fill", "1000");
    assertEquals(exitCode, result.exitCode(), result.toString());
    JsonNode object = JSON.readTree(result.out());
    assertEquals(ready, object.get("ready").asBoolean(), result.out());
    Map<String, JsonNode> measures = new LinkedHashMap<>();
    object
        .get("measures")
        .forEach(measure -> measures.put(measure.get("measure").asText(), measure));
    return measures;
  }

  private static List<String> missed(Map<String, JsonNode> measures) {
    return measures.values().stream()
        .filter(measure -> !measure.get("ok").asBoolean())
        .map(measure -> measure.get("measure").asText())
        .toList();
  }

  @Test
  void emptyTables_areNotReady_andWhatIsFetchedToItsEndIs() throws IOException {
    TestBed.empty();
    try (TestBed bed = TestBed.start(new SandboxOptions().conditions(400).wallets(40).limits(0))) {
      bed.sandbox().settings().forEach(bed::set);
      Program.Result nothing = Program.runHere(bed, "ready");
      assertEquals(3, nothing.exitCode(), nothing.toString());
      assertTrue(nothing.out().startsWith("NO: "), nothing.out());
      assertTrue(nothing.out().contains("       ./backfill run markets"), nothing.out());

      for (String job : List.of("markets", "fills", "resolutions")) {
        Program.Result run = Program.runHere(bed, "run", job);
        assertEquals(0, run.exitCode(), run.toString());
      }
      // enriched trades and an audit, as short as they can be
      TestBed.sql("CREATE VIEW default.vw_enriched_trades AS SELECT '' AS reason");
      TestBed.sql(
          "CREATE TABLE default.audit_results (time DateTime64(3), law String, state String)"
              + " ENGINE = Memory");
      TestBed.sql("INSERT INTO default.audit_results VALUES (now64(3), 'supply', 'holds')");
      Map<String, JsonNode> all = measures(bed, 0, true);
      assertEquals(List.of(), missed(all));
      assertTrue(all.get("markets").get("value").asLong() > 0, all.toString());
      assertEquals(
          1, all.get("fills-coverage").get("value").asDouble(), "absent markets count too");
      assertTrue(
          TestBed.number(
                  "SELECT count() FROM default.fills_markets WHERE id NOT IN (SELECT condition_id"
                      + " FROM default.clob_fills)")
              > 0,
          "the sandbox has markets without a fill");

      // what a threshold asks for more than there is, and what is lost, are named
      Program.Result more =
          Program.runHere(bed, "ready", "--min-markets=1000000", "--max-newest-fill=1000");
      assertEquals(3, more.exitCode(), more.toString());
      assertTrue(more.out().startsWith("NO: 1 of "), more.out());
      assertTrue(more.out().contains("at least 1,000,000"), more.out());
      TestBed.sql(
          "ALTER TABLE default.clob_fills DELETE WHERE timestamp > now() - INTERVAL 60 DAY SETTINGS"
              + " mutations_sync = 2");
      TestBed.sql("INSERT INTO default.audit_results VALUES (now64(3), 'supply', 'broken')");
      Path html = folder.resolve("ready.html");
      Program.Result lost = Program.runHere(bed, "ready", "--html", html.toString());
      assertEquals(3, lost.exitCode(), lost.toString());
      assertTrue(
          lost.out().contains("  NO   Time since the newest fill of `run fills`: "), lost.out());
      assertTrue(lost.out().contains("       ./backfill run fills --since 2d"), lost.out());
      assertTrue(lost.out().contains("NO   Laws of the last audit that are broken: 1"), lost.out());
      assertTrue(Files.readString(html).contains("Is the data ready? NO"));
      assertTrue(measures(bed, 3, false).get("newest-fill").get("before").asDouble() > 60 * 24);

      TestBed.sql("TRUNCATE TABLE default.api_markets_staging");
      Map<String, JsonNode> noMarkets = measures(bed, 3, false);
      for (String measure :
          List.of("fills-coverage", "largest-missing", "young-missing", "payouts-missing")) {
        assertTrue(missed(noMarkets).contains(measure), "no market is known: " + noMarkets);
        assertEquals("nothing is stored", noMarkets.get(measure).get("why").asText());
      }

      Program.Result unknown = Program.runHere(bed, "ready", "--min-fils-coverage", "1%");
      assertEquals(1, unknown.exitCode(), unknown.toString());
      assertTrue(unknown.err().contains("no measure 'fils-coverage' of ready"), unknown.err());
      assertFalse(unknown.err().contains("verify"), unknown.err());
    } finally {
      TestBed.empty();
    }
  }
}
