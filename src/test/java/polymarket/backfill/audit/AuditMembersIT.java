package polymarket.backfill.audit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Members;
import polymarket.backfill.ledger.Postgres;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** The real program as members that audit the same logs together. */
class AuditMembersIT {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofSeconds(300);

  /** So that there are many slices, and a member is killed or stopped in the middle of one. */
  private static final List<String> SMALL_SLICES = List.of("-Dbackfill.audit-slice-rows=500");

  @RegisterExtension static final Members MEMBERS = new Members();

  /** How many slices are done; many where the audit has ended. */
  private static long found(TestBed bed) {
    LedgerPlace place = LedgerPlace.of(bed.settings(), "audit");
    if (!place.exists()) {
      return 0;
    }
    try (Ledger ledger = Ledger.open(place)) {
      return ledger.stage().contains("\"result\":{")
          ? Integer.MAX_VALUE
          : ledger.counts(Share.WHOLE).get(State.FOUND);
    }
  }

  /** The law under way; empty before the first one. */
  private static String law(TestBed bed) {
    try (Ledger ledger = Ledger.open(LedgerPlace.of(bed.settings(), "audit"))) {
      SharedStage stage = SharedStage.parse(ledger.stage());
      return stage == null || stage.law() == null ? "" : stage.law();
    }
  }

  private static long pending(SharedLedgers cluster) {
    return Postgres.number(
        cluster, "SELECT count(*) FROM backfill_audit.ids WHERE state = 'pending'");
  }

  private static void awaitFound(TestBed bed, long slices) {
    TestBed.await(slices + " slices", PATIENCE, () -> found(bed) >= slices);
  }

  /** What an audit printed, without how long it took. */
  private static JsonNode result(Program.Result end) {
    assertEquals(3, end.exitCode(), end.err());
    try {
      JsonNode result = JSON.readTree(end.out());
      ((ObjectNode) result).remove("seconds");
      result.get("laws").forEach(law -> ((ObjectNode) law).remove("seconds"));
      return result;
    } catch (IOException e) {
      throw new AssertionError(end.out(), e);
    }
  }

  @Test
  void slices_areHeldAgainstByAllMembers_andTheResultIsThatOfOneMachine_thoughLeadersEndAndStand()
      throws IOException, InterruptedException {
    try (TestBed bed = TestBed.start(new SandboxOptions().conditions(10))) {
      StoredChain stored = StoredChain.of(150);
      stored.sandbox().close();
      for (String table : List.of("chain_transfers", "chain_fills", "chain_lifecycle")) {
        TestBed.clickHouse()
            .execute(
                "DELETE FROM default."
                    + table
                    + " WHERE cityHash64(block_number, log_index) % 200 = 0");
      }
      stored.claim(StoredChain.FIRST, stored.sandbox().head());
      Program alone = Program.start(bed, SMALL_SLICES, Map.of(), "audit", "--json");
      JsonNode truth = result(alone.end());
      assertTrue(truth.get("laws").get(0).get("broken").asLong() > 10, truth.toString());

      SharedLedgers cluster = MEMBERS.database();
      bed.share(cluster);
      Program first = MEMBERS.start(bed, SMALL_SLICES, "audit", "--json");
      // so that who takes over finds a law that is done, and another one under way
      TestBed.await(
          "the second law with slices that are left",
          PATIENCE,
          () ->
              found(bed) > 0
                  && !law(bed).equals("balances")
                  && !law(bed).isEmpty()
                  && pending(cluster) >= 3);
      first.kill();
      assertTrue(pending(cluster) > 0, "slices that are left");
      Program leader = MEMBERS.start(bed, SMALL_SLICES, "audit", "--json");
      leader.awaitSaid("going on with the audit");
      Program killed = MEMBERS.start(bed, SMALL_SLICES, "join");
      Program joined = MEMBERS.start(bed, SMALL_SLICES, "join", "audit");
      Program helper = MEMBERS.start(bed, SMALL_SLICES, "audit", "--json");
      Program other = MEMBERS.start(bed, SMALL_SLICES, "audit", "--opening");
      killed.awaitSaid("helping member");
      helper.awaitSaid("helping member");
      awaitFound(bed, found(bed) + 4);
      killed.kill();
      awaitFound(bed, found(bed) + 2);
      leader.signal("STOP");
      // longer than a lease: another one leads by then
      Thread.sleep(4_500);
      awaitFound(bed, found(bed) + 2);
      leader.signal("CONT");
      Program.Result refused = other.end();
      assertEquals(1, refused.exitCode(), refused.err());
      assertTrue(refused.err().contains("leads an audit with no options"), refused.err());
      assertEquals(truth, result(helper.end()));
      assertEquals(truth, result(leader.end()));
      assertEquals(0, joined.end().exitCode(), joined.err());
      assertTrue(joined.out().contains("audit: complete"), joined.out());
      assertTrue(
          Postgres.number(cluster, "SELECT count(DISTINCT holder) FROM backfill_audit.batches")
              >= 3,
          "members that held the laws against slices");
      assertTrue(
          Postgres.number(cluster, "SELECT count(*) FROM backfill_audit.batches WHERE tenure > 0")
              >= 1,
          "slices that were taken over");
      assertEquals(
          2, TestBed.number("SELECT uniqExact(time) FROM default.audit_results"), "audits");
      assertEquals(
          0,
          TestBed.number(
              "SELECT count() FROM (SELECT count() AS n FROM default.audit_results GROUP BY law,"
                  + " says, state, checked, broken, first_block, last_block, `where`, places"
                  + " HAVING n != 2)"));
    }
  }
}
