package polymarket.backfill.enrich;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Members;
import polymarket.backfill.ledger.Postgres;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.State;

/** The real program as members that enrich the same trades together. */
class EnrichMembersIT {

  private static final int ROWS = 1_200_000;
  private static final Duration PATIENCE = Duration.ofSeconds(300);

  @RegisterExtension static final Members MEMBERS = new Members();

  private static long found(TestBed bed) {
    return in(bed, State.FOUND);
  }

  private static long in(TestBed bed, State state) {
    LedgerPlace place = LedgerPlace.of(bed.settings(), "enrich");
    if (!place.exists()) {
      return 0;
    }
    try (Ledger ledger = Ledger.open(place)) {
      return ledger.counts(Share.WHOLE).get(state);
    }
  }

  /** Waits until so many slices are written, or all. */
  private static void awaitFound(TestBed bed, long slices) {
    TestBed.await(
        slices + " slices",
        PATIENCE,
        () -> {
          long found = found(bed);
          return found >= slices || found > 0 && in(bed, State.PENDING) == 0;
        });
  }

  @Test
  void slices_areWrittenByAllMembers_andNoneIsLostOrDoubled_thoughOneIsKilledAndTheLeaderFrozen()
      throws InterruptedException {
    try (TestBed bed = TestBed.start().ownEngine()) {
      SharedLedgers cluster = MEMBERS.database();
      bed.share(cluster).set("enrich.slice-rows", 8_000).set("enrich.concurrency", 1);
      bed.holdEngine();
      try (ClickHouse clickHouse = ClickHouse.open(bed.settings())) {
        EnrichKillIT.prepare(clickHouse, ROWS);
      }
      Program leader = MEMBERS.start(bed, "enrich");
      awaitFound(bed, 1);
      Program killed = MEMBERS.start(bed, "join", "enrich");
      Program helper = MEMBERS.start(bed, "enrich");
      killed.awaitSaid("helping member");
      helper.awaitSaid("helping member");
      awaitFound(bed, found(bed) + 10);
      killed.kill();
      awaitFound(bed, found(bed) + 4);
      leader.signal("STOP");
      // longer than a lease: another one leads by then
      Thread.sleep(4_500);
      awaitFound(bed, found(bed) + 2);
      Program late = MEMBERS.start(bed, "join");
      leader.signal("CONT");
      for (Program member : List.of(leader, helper, late)) {
        assertEquals(0, member.end().exitCode(), member.err());
      }
      EnrichKillIT.assertTruth(bed, ROWS);
      assertTrue(
          Postgres.number(cluster, "SELECT count(DISTINCT holder) FROM backfill_enrich.batches")
              >= 3,
          "members that wrote slices");
      assertTrue(
          Postgres.number(cluster, "SELECT count(*) FROM backfill_enrich.batches WHERE tenure > 0")
              >= 1,
          "slices that were taken over");
      assertEquals(
          0,
          Postgres.number(
              cluster,
              "SELECT count(*) FROM backfill_enrich.batches WHERE done_at IS NULL AND ids > 0"));
      // a last one finds that there is nothing to do, and one alone would too
      Program again = MEMBERS.start(bed, "enrich");
      assertEquals(0, again.end().exitCode(), again.err());
      assertTrue(again.err().contains("nothing to do"), again.err());
    }
  }
}
