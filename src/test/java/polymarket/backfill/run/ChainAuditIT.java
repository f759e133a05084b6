package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** The audit as a command, over what the job chain fetched of a source that leaves a log out. */
class ChainAuditIT {

  private static final long FIRST = 86_126_000L;
  private static final long LAST = 86_127_500L;
  private static final String[] SECOND = {"audit", "--second-source", "rpc", "--sample", "100%"};

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
      Path page = bed.home().resolve("audit.html");
      assertEquals(3, exit(bed, "audit", "--report", page.toString()));
      assertPage(Files.readString(page));
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

  /**
   * A strip of the blocks of each dataset, what the laws were held against, and the differences.
   */
  private static void assertPage(String page) {
    for (String dataset : List.of("amm", "conditions", "fills", "lifecycle", "transfers")) {
      assertTrue(
          page.contains(String.format("<title>%s: %,d to %,d</title>", dataset, FIRST, LAST)),
          dataset + " in " + page);
    }
    for (String title :
        List.of(
            "What the laws supply and balances were held against",
            "\n@media (prefers-color-scheme: dark)",
            ", balances: ",
            "Where laws are broken",
            "Differences to the Data API",
            "not compared: run `backfill positions`")) {
      assertTrue(page.contains(title), title + " in " + page);
    }
    assertFalse(page.contains("<p class=\"no\">"), page);
  }

  @Test
  void logsThatNoLawSees_areNamedByASecondSource_andFetchedByThePrintedCommands() throws Exception {
    try (TestBed bed =
        SourceBed.start(
            new SandboxOptions().conditions(1500).wallets(200).limits(0).blockSeconds(1000))) {
      bed.set("chain.span", 500).set("chain.sources", "sqd");
      bed.sandbox().settings().forEach(bed::set);
      Set<String> unseen = new TreeSet<>(Set.of(plainTransfer(bed), registration(bed)));
      bed.sandbox().fault("kind=drop-log,source=sqd,ids=" + String.join("+", unseen));
      assertEquals(0, exit(bed, "run", "chain", "--from", "" + FIRST, "--to", "" + LAST));
      assertEquals(0, exit(bed, "audit"), SourceBed.said(bed));
      assertEquals(3, exit(bed, SECOND), SourceBed.said(bed));
      assertEquals(unseen, broken());
      bed.sandbox().clearFaults();
      Matcher command =
          Pattern.compile("backfill (run chain --redo all --from \\d+ --to \\d+)")
              .matcher(SourceBed.said(bed));
      int commands = 0;
      for (; command.find(); commands++) {
        assertEquals(0, exit(bed, command.group(1).split(" ")), SourceBed.said(bed));
      }
      assertTrue(commands > 0, SourceBed.said(bed));
      assertEquals(0, exit(bed, SECOND), SourceBed.said(bed));
      assertEquals(
          List.of(Map.of("checked", logs())),
          TestBed.sql(
              "SELECT toUInt64(checked) AS checked FROM default.audit_results WHERE law = 'second'"
                  + " ORDER BY time DESC LIMIT 1"));
      assertEquals(
          0,
          TestBed.number("SELECT count() FROM system.databases WHERE name LIKE 'backfill_copy%'"));
      assertEquals(0, exit(bed, "audit", "--second-source", "rpc", "--seed", "7"));
      Matcher size =
          Pattern.compile(
                  "(\\S+) of (\\S+) blocks were compared with rpc, chosen by seed 7(?![0-9,])")
              .matcher(SourceBed.said(bed));
      assertTrue(size.find(), SourceBed.said(bed));
      long compared = Long.parseLong(size.group(1).replace(",", ""));
      assertEquals("1,501", size.group(2));
      assertTrue(compared >= 15 && compared < 1501, size.group());
      assertEquals(1, exit(bed, "audit", "--second-source", "sqd"), SourceBed.said(bed));
      assertTrue(
          SourceBed.said(bed).contains("was fetched from another source than sqd"),
          SourceBed.said(bed));
    }
  }

  /** Where logs are missing by the audit's last result, each as BLOCK:LOGINDEX. */
  private static Set<String> broken() {
    return TestBed.sql(
            "SELECT concat(toString(place.1), ':', extract(place.6, 'log (\\\\d+) is missing')) AS"
                + " log FROM default.audit_results ARRAY JOIN places AS place WHERE law = 'second'")
        .stream()
        .map(row -> String.valueOf(row.get("log")))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** How many logs are stored. */
  private static Object logs() {
    return TestBed.sql("SELECT toUInt64(sum(logs)) AS n FROM default.chain_ranges FINAL")
        .get(0)
        .get("n");
  }

  /** A transfer that a wallet makes of its own, with no other log of Polymarket beside it. */
  private static String plainTransfer(TestBed bed) {
    Map<String, List<JsonNode>> transactions =
        bed
            .sandbox()
            .truth()
            .lines(
                "chain?kind=fills,transfers,lifecycle,amm,fees&from=" + FIRST + "&to=" + LAST, "")
            .stream()
            .map(SourceBed::json)
            .collect(Collectors.groupingBy(row -> row.get("tx").asText()));
    JsonNode transfer =
        transactions.values().stream()
            .filter(rows -> rows.size() == 1 && rows.get(0).has("to"))
            .map(rows -> rows.get(0))
            .filter(row -> row.get("operator").equals(row.get("from")))
            .min(Comparator.comparing(row -> row.get("block").asLong()))
            .orElseThrow();
    return transfer.get("block").asLong() + ":" + transfer.get("log_index").asLong();
  }

  /** A log in which an exchange registers tokens. */
  private static String registration(TestBed bed) {
    JsonNode log =
        bed
            .sandbox()
            .truth()
            .lines("logs?from=" + FIRST + "&to=" + LAST + "&address=all", "")
            .stream()
            .map(SourceBed::json)
            .filter(row -> row.get("topics").get(0).asText().startsWith("0xbc9a2432"))
            .findFirst()
            .orElseThrow();
    return Long.decode(log.get("blockNumber").asText())
        + ":"
        + Long.decode(log.get("logIndex").asText());
  }

  private static int exit(TestBed bed, String... arguments) throws Exception {
    return SourceBed.run(bed, arguments);
  }
}
