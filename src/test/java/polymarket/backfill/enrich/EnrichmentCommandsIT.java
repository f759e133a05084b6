package polymarket.backfill.enrich;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.enrich.ReconcileIT.id;
import static polymarket.backfill.enrich.ReconcileIT.token;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;

/**
 * The commands around the enriched trades, as a person types them: reconcile, enrich, verify
 * enrichment, explain.
 */
class EnrichmentCommandsIT {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static TestBed bed;
  private static Map<Long, String> truth;
  private static String enriched;

  @BeforeAll
  static void enrich() {
    bed = TestBed.start();
    TestBed.clickHouse().execute("DROP DATABASE IF EXISTS backfill_enrich SYNC");
    Program.Result none = Program.runHere(bed, "verify", "enrichment");
    assertEquals(1, none.exitCode(), none.toString());
    assertTrue(none.err().contains("run `backfill enrich` first"), none.toString());
    EnrichIT.sources();
    truth =
        EnrichIT.trades(
            EnrichIT.PLAIN + ", note String",
            "ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (market, timestamp)",
            3000,
            21,
            true,
            true,
            true);
    TestBed.clickHouse()
        .execute(
            "INSERT INTO default.trades_raw VALUES (5000, '<script>alert(1)</script>', '', '', '',"
                + " '2025-05-05 00:00:00', 1, ''), (5001, '', '"
                + token(1, 1)
                + "', '"
                + id(3)
                + "', '', '2025-05-06 00:00:00', 1, '')");
    truth.put(5000L, " - - unknown market");
    truth.put(5001L, id(3) + " original original-disputed -");
    bed.set("enrich.slice-rows", 1000);
    Program.Result reconciled = Program.runHere(bed, "reconcile");
    assertEquals(0, reconciled.exitCode(), reconciled.toString());
    Program.Result result =
        Program.runHere(
            bed, "enrich", "--report", bed.home().resolve("after-enrich.html").toString());
    assertEquals(0, result.exitCode(), result.toString());
    enriched = result.out();
  }

  @AfterAll
  static void close() {
    bed.close();
  }

  private static long count(String part) {
    return truth.values().stream().filter(text -> text.contains(part)).count();
  }

  @Test
  void theNumbersOfEnrich_addUp() {
    EnrichIT.assertTruth(truth, "condition_id");
    assertTrue(enriched.contains("3,002 = " + count(" original")), enriched);
    assertTrue(Files.exists(bed.home().resolve("after-enrich.html")));
  }

  @Test
  void verify_countsAsTheTruthDoes_withTheHonestDenominatorBesideTheRawOne() throws IOException {
    Program.Result result = Program.runHere(bed, "verify", "enrichment", "--json");
    assertEquals(0, result.exitCode(), result.toString());
    JsonNode json = JSON.readTree(result.out());
    JsonNode coverage = json.at("/checks/coverage before and after");
    long after = truth.values().stream().filter(text -> !text.startsWith(" ")).count();
    assertEquals(3002, coverage.at("/0/rows").asLong());
    assertEquals(count(" original"), coverage.at("/0/before").asLong());
    assertEquals(after, coverage.at("/0/after").asLong());
    assertEquals(
        3002 - count("no market id") - count("zero market id"), coverage.at("/1/rows").asLong());
    json.at("/checks/unfillable rows by reason")
        .forEach(
            row ->
                assertEquals(
                    count("- - " + row.get("reason_why").asText()),
                    row.get("rows").asLong(),
                    row.toString()));
    json.at("/checks/rows by source")
        .forEach(
            row ->
                assertEquals(
                    row.get("source_of_the_id").asText().equals("none")
                        ? count("- - ")
                        : count(" " + row.get("source_of_the_id").asText() + " "),
                    row.get("rows").asLong(),
                    row.toString()));
    json.at("/checks/rows by rule")
        .forEach(
            row ->
                assertEquals(
                    row.get("rule_that_decided").asText().equals("none")
                        ? count("- - ")
                        : count(" " + row.get("rule_that_decided").asText() + " -"),
                    row.get("rows").asLong(),
                    row.toString()));
    long months = 0;
    for (JsonNode month : json.at("/checks/coverage by month")) {
      months += month.get("rows").asLong();
    }
    assertEquals(3002, months);
    JsonNode funnel = json.at("/checks/from missing to filled");
    assertEquals(3002 - count(" original"), funnel.at("/0/rows").asLong());
    assertEquals(after - count(" original"), funnel.at("/3/rows").asLong());
    JsonNode byToken =
        json.at(
            "/checks/condition ids that were there and that the token of their row disputes, the"
                + " most rows first (at most 20)");
    JsonNode own =
        JSON.createObjectNode()
            .put("token", token(1, 1))
            .put("condition_id_in_the_trades", id(3))
            .put("condition_id_of_the_token", id(1))
            .put("rows", 1);
    assertTrue(byToken.toString().contains(own.toString()), byToken.toString());
    byToken.forEach(
        row ->
            assertNotEquals(
                row.get("condition_id_in_the_trades"), row.get("condition_id_of_the_token")));
    assertEquals(1.0 * after / 3002, json.at("/measures/0/value").asDouble(), 1e-9);
  }

  @Test
  void aLowCoverage_exitsWithThree() {
    Program.Result result = Program.runHere(bed, "verify", "enrichment", "--min-coverage", "99.9%");
    assertEquals(3, result.exitCode(), result.toString());
    assertTrue(result.err().contains("check failed: coverage is"), result.err());
    assertEquals(0, Program.runHere(bed, "verify", "enrichment", "--min-coverage=20%").exitCode());
    assertEquals(
        1, Program.runHere(bed, "verify", "enrichment", "--min-covrage", "20%").exitCode());
  }

  @Test
  void theReport_isOneWellFormedFile_withAllDataEscaped() throws Exception {
    Path file = bed.home().resolve("report.html");
    Program.Result result =
        Program.runHere(
            bed, "verify", "enrichment", "--report", file.toString(), "--min-coverage", "99.9%");
    assertEquals(3, result.exitCode(), result.toString());
    String html = Files.readString(file);
    assertFalse(html.contains("<script"), "not escaped");
    assertTrue(html.contains("&lt;script&gt;"));
    assertFalse(html.contains("http"), "it needs nothing else");
    assertTrue(html.contains("coverage is"), "the failed check is said");
    assertEquals(5, html.split("<svg", -1).length - 1);
    // every element is closed, and the charts' numbers are numbers
    DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(
            new InputSource(
                new StringReader(
                    html.replace("<!doctype html>", "")
                        .replaceAll("<meta ([^>]*)>", "<meta $1/>"))));
    assertFalse(html.contains("NaN"));
    // a label stands around its middle, as wide as 2026-01 is, and has room at both ends
    Matcher middle =
        Pattern.compile(
                "viewBox=\"0 0 (\\d+)|<text [^>]*x=\"([\\d.]+)\"[^>]*text-anchor=\"middle\"")
            .matcher(html);
    double width = 0;
    int labels = 0;
    while (middle.find()) {
      width = middle.group(1) != null ? Double.parseDouble(middle.group(1)) : width;
      assertTrue(
          middle.group(2) == null
              || Double.parseDouble(middle.group(2)) >= 26
                  && Double.parseDouble(middle.group(2)) <= width - 26,
          middle.group());
      labels += middle.group(2) == null ? 0 : 1;
    }
    assertTrue(labels > 1, html);
    assertTrue(
        html.replaceAll("\\s", "").contains(".chart,pre{overflow-x:auto}")
            && html.contains("min-width"),
        "in a narrow window it is moved, not made too small to read");
  }

  @Test
  void explain_showsEachSourcesAnswer_theDecision_andTheRows() throws IOException {
    JsonNode market = JSON.readTree(Program.runHere(bed, "explain", "slug-1", "--json").out());
    JsonNode said = market.at("/what each source says of it");
    assertEquals(
        "clob " + id(1) + " proved",
        said.at("/0/source").asText()
            + " "
            + said.at("/0/condition_id").asText()
            + " "
            + said.at("/0/proof").asText());
    assertEquals(
        "gamma " + id(2),
        said.at("/1/source").asText() + " " + said.at("/1/condition_id").asText());
    assertTrue(said.at("/0/seen_at").asText().startsWith("2026-01-01"), said.toString());
    assertEquals("proved", market.at("/what was decided, and by which rule/0/rule").asText());
    assertTrue(
        market
            .at("/what became of the rows with it as market, token or condition")
            .toString()
            .contains("original-disputed"));

    long transaction =
        truth.entrySet().stream()
            .filter(entry -> entry.getValue().endsWith("rpc transaction -"))
            .findFirst()
            .orElseThrow()
            .getKey();
    JsonNode trade =
        JSON.readTree(Program.runHere(bed, "explain", String.valueOf(transaction), "--json").out());
    assertEquals("transaction", trade.at("/the trade itself/0/rule").asText());
    assertEquals(2, trade.at("/what its transaction moved").size(), trade.toString());
    // a trade by its transaction, in whatever form: the trades of this one
    String hash =
        trade
            .at("/the trade itself/0/transaction_hash")
            .asText()
            .toLowerCase()
            .replaceFirst("^0x", "");
    JsonNode byTransaction = JSON.readTree(Program.runHere(bed, "explain", hash, "--json").out());
    assertTrue(byTransaction.at("/the trade itself").size() > 1, byTransaction.toString());
    byTransaction
        .at("/the trade itself")
        .forEach(
            row ->
                assertTrue(
                    row.get("transaction_hash").asText().toLowerCase().endsWith(hash),
                    row.toString()));
    assertEquals(
        trade.at("/what its transaction moved"), byTransaction.at("/what its transaction moved"));

    JsonNode condition =
        JSON.readTree(Program.runHere(bed, "explain", "0x" + id(1).toUpperCase(), "--json").out());
    assertTrue(
        condition.at("/the other keys of this condition").toString().contains(token(1, 1)),
        condition.toString());
    assertTrue(
        JSON.readTree(Program.runHere(bed, "explain", "twice", "--json").out())
            .at("/what was decided, and by which rule")
            .toString()
            .contains("undecided"));
    Program.Result nobody = Program.runHere(bed, "explain", "it's \\ nobody's");
    assertEquals(1, nobody.exitCode(), nobody.toString());
    assertTrue(nobody.err().contains("no source and no trade has it's \\ nobody's"), nobody.err());
    assertTrue(Program.runHere(bed, "explain", token(1, 0)).out().contains("What was decided"));
  }
}
