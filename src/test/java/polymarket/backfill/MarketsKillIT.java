package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.run.MarketRows;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The real program on the markets job, killed -9 at random instants, with chains in flight. See
 * KillIT.
 */
class MarketsKillIT {

  private static final int ROUNDS = Integer.getInteger("kill.rounds", 6);
  private static final long SEED = Long.getLong("kill.seed", System.nanoTime());

  @Test
  @Timeout(3600)
  void killedAtAnyInstant_losesNoMarket_andStoresNoneTwice() throws Exception {
    System.out.println("markets kill test: " + ROUNDS + " rounds, -Dkill.seed=" + SEED);
    Random random = new Random(SEED);
    int inFlight = 0;
    int endedAhead = 0;
    try (TestBed bed =
        TestBed.start(
                new SandboxOptions()
                    .conditions(9000)
                    .limits(0)
                    .latencyMillis(60)
                    .seed(Math.abs(SEED % 1000) + 1))
            .job("markets")) {
      bed.ownEngine();
      bed.set("gamma.url", bed.sandbox().urls().get("gamma"));
      bed.sandbox().fault("source=gamma,kind=reset,rate=0.02");
      bed.sandbox().fault("source=gamma,kind=truncate,rows=61,rate=0.1");
      bed.sandbox().fault("source=gamma,kind=expired-cursor,rate=0.02");
      for (int round = 0; round < ROUNDS; round++) {
        bed.set("markets.concurrency", 1 + random.nextInt(4));
        long before = requests(bed);
        // in every third round with a page that was asked for while the one before it is stored
        boolean ahead = round % 3 == 0;
        try (Program program =
            Program.start(
                bed,
                ahead
                    ? List.of("-Dbackfill.kill-at=after-request-ahead:" + (1 + random.nextInt(12)))
                    : List.of(),
                Map.of(),
                "run",
                "markets",
                "--set",
                "camel.beans.killer=#class:" + KillAt.class.getName())) {
          if (ahead) {
            TestBed.await(
                "the process ends at a page ahead",
                Duration.ofSeconds(240),
                () -> !program.isAlive());
            int code = program.process().exitValue();
            assertTrue(code == 137 || code == 0, code + ": " + program.err());
            endedAhead += code == 137 ? 1 : 0;
          } else {
            TestBed.await(
                "a request",
                Duration.ofSeconds(120),
                () -> requests(bed) > before || !program.isAlive());
            Thread.sleep(random.nextInt(1000));
          }
        }
        if (random.nextInt(4) == 0) {
          bed.killEngine();
        }
        if (inFlight(bed) > 0) {
          inFlight++;
        }
      }
      Program.Result last = Program.run(bed, "run", "markets");
      assertEquals(0, last.exitCode(), last.toString());
      List<JsonNode> truth = new ArrayList<>();
      ObjectMapper json = new ObjectMapper();
      for (String line :
          new String(
                  URI.create(bed.sandbox().url() + "/_sandbox/truth/markets")
                      .toURL()
                      .openStream()
                      .readAllBytes(),
                  StandardCharsets.UTF_8)
              .lines()
              .toList()) {
        truth.add(json.readTree(line));
      }
      MarketRows.assertStored(truth, bed::rows);
      try (Ledger ledger = bed.ledger()) {
        assertNull(ledger.pass(), "a stage of the pass was left out");
        assertEquals(0, ledger.counts(Share.WHOLE).get(State.PENDING));
        assertEquals(0, ledger.counts(Share.WHOLE).get(State.FAILED));
        assertTrue(ledger.sums().balanced(), ledger.sums().toString());
        assertEquals(
            truth.stream().filter(MarketRows::qualifies).count(),
            ledger.sums().inserted(),
            ledger.sums().toString());
      }
      assertTrue(endedAhead > 0, "no process ended at a page ahead");
      assertTrue(inFlight >= ROUNDS * 0.7, "too few rounds had chains in flight: " + inFlight);
      System.out.println(
          "markets kill test: "
              + inFlight
              + " rounds with chains in flight, "
              + truth.size()
              + " rows");
    }
  }

  private static long requests(TestBed bed) {
    return bed.stats().at("/sources/gamma/requests").asLong();
  }

  private static long inFlight(TestBed bed) throws IOException {
    try (Ledger ledger = bed.ledger()) {
      return ledger.open(Share.WHOLE).stream().mapToLong(Batch::size).sum();
    }
  }
}
