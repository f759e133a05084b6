package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * What monitor says is covered: the denominators leave out what was proved absent, and nothing
 * else.
 */
@Timeout(300)
class MonitorIT {

  private static JsonNode coverage(TestBed bed, String what) {
    Program.Result monitor = Program.runHere(bed, "monitor", "--json");
    assertEquals(0, monitor.exitCode(), monitor.toString());
    for (JsonNode line : SourceBed.json(monitor.out()).path("coverage")) {
      if (line.path("what").asText().equals(what)) {
        return line;
      }
    }
    throw new AssertionError(monitor.out());
  }

  private static Set<String> absent(TestBed bed, String job) {
    return SourceBed.entries(bed, job).values().stream()
        .filter(entry -> entry.state() == State.ABSENT)
        .map(Ledger.Entry::id)
        .collect(Collectors.toSet());
  }

  private static Ledger ledger(TestBed bed, String job) {
    return Ledger.open(
        bed.home().resolve("runtime/" + job + ".ledger"),
        new Ledger.Owner(job, "key", "host", "server"),
        false);
  }

  private static void load(TestBed bed, String job, String id) {
    try (Ledger ledger = ledger(bed, job)) {
      ledger.load(loading -> loading.add(id));
    }
  }

  private static void markAbsent(TestBed bed, String job, String id) {
    load(bed, job, id);
    try (Ledger ledger = ledger(bed, job)) {
      BatchWork batch = new BatchWork(ledger.claim("", Mode.NEW, Share.WHOLE, 1, 1).get(0));
      batch.outcomes().put(id, Outcome.of(State.ABSENT));
      ledger.complete(batch, List.of(), Share.WHOLE);
    }
  }

  @Test
  void absenceIsProvedByALivingSource_notByAStoppedOne() {
    try (TestBed bed = SourceBed.start(new SandboxOptions().conditions(800).limits(0))) {
      bed.set("gamma.url", bed.sandbox().urls().get("gamma"));
      assertEquals(0, Program.runHere(bed, "run", "markets").exitCode());
      assertTrue(List.of(0, 2).contains(Program.runHere(bed, "run", "payouts").exitCode()));
      Set<String> resolved = new HashSet<>();
      TestBed.sql("SELECT DISTINCT condition_id FROM default.api_markets_staging WHERE resolved")
          .forEach(row -> resolved.add((String) row.get("condition_id")));
      Set<String> stopped = absent(bed, "payouts");
      stopped.retainAll(resolved);
      assertTrue(stopped.size() > 10, "Goldsky's subgraph should miss some: " + stopped.size());
      JsonNode before = coverage(bed, "resolved conditions with payouts");
      assertEquals(resolved.size(), before.path("of").asInt());
      assertEquals(0, before.path("proved_absent").asInt(), before.toString());
      assertTrue(before.path("missing").asInt() >= stopped.size(), before.toString());

      String one = stopped.iterator().next();
      markAbsent(bed, "resolutions", one);
      JsonNode after = coverage(bed, "resolved conditions with payouts");
      assertEquals(1, after.path("proved_absent").asInt(), after.toString());
      assertEquals(
          before.path("missing").asInt() - 1, after.path("missing").asInt(), after.toString());
    }
  }

  @Test
  void idsThatTwoSourcesDoNotHave_areLeftOutOnce_andThoseThatOneStillIsToBeAskedForAreMissing() {
    try (TestBed bed = SourceBed.start(new SandboxOptions().conditions(300).limits(0))) {
      bed.set("gamma.url", bed.sandbox().urls().get("gamma"));
      assertEquals(0, Program.runHere(bed, "run", "markets").exitCode());
      assertEquals(0, Program.runHere(bed, "views").exitCode());
      List<String> ids =
          TestBed.sql(
                  "SELECT DISTINCT condition_id FROM default.api_markets_staging WHERE condition_id"
                      + " != '' LIMIT 2")
              .stream()
              .map(row -> (String) row.get("condition_id"))
              .toList();
      markAbsent(bed, "fills", ids.get(0));
      markAbsent(bed, "trades", ids.get(0));
      markAbsent(bed, "fills", ids.get(1));
      load(bed, "trades", ids.get(1));
      JsonNode fills = coverage(bed, "markets with fills");
      assertEquals(1, fills.path("proved_absent").asInt(), fills.toString());
      assertEquals(fills.path("of").asInt() - 1, fills.path("missing").asInt(), fills.toString());
      Program.Result diagnose =
          Program.runHere(bed, "diagnose", "fills", "--sample", "0", "--json");
      JsonNode report = SourceBed.json(diagnose.out());
      assertEquals(1, report.path("asked_and_absent").asInt(), diagnose.toString());
      assertEquals(fills.path("missing"), report.path("to_ask"), diagnose.toString());
    }
  }
}
