package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.TestBed.pace;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** A person edits the pace in routes/sources/goldsky.camel.yaml while the real program runs. */
class HotReloadIT {

  private static final Duration TAKES_EFFECT = Duration.ofSeconds(15);

  /** Arrivals a second as the sandbox sees them. */
  private static double rate(TestBed bed, long millis) throws InterruptedException {
    long before = bed.requests();
    long start = System.nanoTime();
    Thread.sleep(millis);
    return (bed.requests() - before) * 1e9 / (System.nanoTime() - start);
  }

  @Test
  @Timeout(900)
  void aNewPace_takesEffectWithin15Seconds_losingNothing_andAMistakeLeavesTheOldRoute()
      throws Exception {
    try (TestBed bed =
        TestBed.start(new SandboxOptions().conditions(8000).limits(0).latencyMillis(150))) {
      Path route = bed.home().resolve("routes/sources/goldsky.camel.yaml");
      pace(route, 3, 1000);
      List<String> ids = new ArrayList<>(bed.ids(8000));
      ids.removeAll(bed.ids("rejected", 8000));
      Path list = Files.write(bed.home().resolve("ids.txt"), ids);
      try (Program run =
          Program.start(
              bed,
              "run",
              "payouts",
              "--ids",
              list.toString(),
              "--batch-size",
              "8",
              "--concurrency",
              "12")) {
        TestBed.await(
            "some requests", Duration.ofSeconds(90), () -> bed.requests() > 6 || !run.isAlive());
        double slow = rate(bed, 4000);
        assertTrue(slow < 5, "three a second were allowed, there were " + slow);

        String good = Files.readString(route);
        Files.writeString(route, good.replace("timePeriodMillis", "timePeriodMilis"));
        run.awaitSaid("the running route is unchanged");
        String mistake =
            run.err()
                .lines()
                .filter(line -> line.contains("the running route is unchanged"))
                .findFirst()
                .orElseThrow();
        int line =
            1 + (int) good.substring(0, good.indexOf("timePeriodMillis: ")).lines().count() - 1;
        assertTrue(mistake.contains("goldsky.camel.yaml"), mistake);
        assertTrue(mistake.matches(".*line \\d+.*"), mistake);
        int said = Integer.parseInt(mistake.replaceFirst(".*?line (\\d+).*", "$1"));
        assertTrue(
            Math.abs(said - line) <= 12,
            "line " + said + ", the mistake is in line " + line + ": " + mistake);
        double still = rate(bed, 4000);
        assertTrue(
            still > 1 && still < 5, "the old route goes on at its pace, there were " + still);

        Files.writeString(route, good.replace("- route:", "- rout e: ["));
        TestBed.await(
            "a second mistake is said: " + run.err(),
            Duration.ofSeconds(60),
            () ->
                run.err().lines().filter(l -> l.contains("the running route is unchanged")).count()
                    >= 2);
        assertTrue(rate(bed, 3000) > 1);

        Files.writeString(route, good);
        run.awaitSaid("goldsky.camel.yaml was reloaded");
        Path other = bed.home().resolve("routes/clob-lists.camel.yaml");
        String lists = Files.readString(other);
        Files.writeString(other, lists.replace("id: clob-page\n", "id: clob-pages\n"));
        run.awaitSaid(
            "the route that runs with direct:clob-page has the id 'clob-page', not 'clob-pages';"
                + " keep its id, or start the run again - the running route is unchanged");
        assertTrue(run.err().contains("routes/clob-lists.camel.yaml:"), run.err());
        Files.writeString(other, lists);

        pace(route, 40, 1000);
        long edited = System.nanoTime();
        run.awaitSaid("goldsky from 3 requests in 1 s to 40 requests in 1 s");
        boolean fast = false;
        while (!fast && System.nanoTime() - edited < TAKES_EFFECT.toNanos()) {
          // a busy machine does not reach the new pace, but more than the old one
          fast = rate(bed, 1000) > 8;
        }
        assertTrue(fast, "the new pace did not take effect within " + TAKES_EFFECT);

        pace(route, 150, 1000);
        Program.Result end = run.end();
        assertEquals(0, end.exitCode(), end.toString());
      }
      assertEquals(0, bed.count(State.FAILED));
      bed.assertTruth(ids);
    }
  }
}
