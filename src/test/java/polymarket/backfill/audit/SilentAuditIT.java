package polymarket.backfill.audit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.run.AskedRoutes;
import polymarket.backfill.run.NodeCalls;
import polymarket.backfill.sandbox.Sandbox;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * Whole chains of other seeds, of which no log is missing: no law is broken. -Dproof.rounds=100
 * makes 100 of them.
 */
@Timeout(value = 3, unit = TimeUnit.HOURS)
class SilentAuditIT {
  private static final int ROUNDS = Integer.getInteger("proof.rounds", 2);

  @TempDir Path folder;

  @Test
  void nothingMissing_ofChainsOfOtherSeeds_noLawIsBroken() throws IOException {
    for (int round = 0; round < ROUNDS; round++) {
      // in the chain of the first, an auto redeemer redeems a condition of three outcomes
      StoredChain stored = StoredChain.of(new SandboxOptions().seed(2085 - round).conditions(150));
      try (Sandbox sandbox = stored.sandbox();
          AskedRoutes routes = stored.routes(folder)) {
        List<LawResult> laws =
            new Audit(
                    TestBed.clickHouse(),
                    Settings.load(TestBed.PROJECT, Map.of(), Map.of()),
                    SaidMessages.SILENT,
                    new Node(new NodeCalls(routes)),
                    false,
                    null,
                    line -> {})
                .run()
                .laws();
        for (LawResult law : laws) {
          assertEquals("holds", law.state(), "round " + round + ": " + law);
        }
      }
    }
  }
}
