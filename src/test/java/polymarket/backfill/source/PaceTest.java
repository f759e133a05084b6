package polymarket.backfill.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import polymarket.backfill.ledger.Share;

/** The turns of a source: 50 in 10.1 s are slots 202 ms apart. */
class PaceTest {

  private static final int PERMITS = 50;
  private static final long PERIOD = 10_100;

  /** The tests' clock. */
  private long now = 1_795_000_000_000L;

  private void sleep(long millis) {
    now += millis;
  }

  @Test
  void turnsOfAllWorkersTogetherStandOnOneGridAndNoneTwice() {
    long[] slots = new long[40];
    int n = 0;
    for (int worker = 1; worker <= 4; worker++) {
      Pace source = new Pace("goldsky", new Share(worker, 4), 1, () -> now);
      for (int i = 0; i < 10; i++) {
        Pace.Turn turn = source.turn(PERMITS, PERIOD, 1);
        assertEquals(worker - 1, turn.slot() % 4);
        assertEquals(202.0, turn.step());
        slots[n++] = turn.slot();
      }
    }
    assertEquals(40, java.util.Arrays.stream(slots).distinct().count());
  }

  @Test
  void aLateRequest_delaysTheTurnAPeriodLaterByAsMuch() {
    Pace source = new Pace("goldsky", Share.WHOLE, 1, () -> now);
    Pace.Turn late = source.turn(PERMITS, PERIOD, 1);
    sleep(late.waitMillis() + 200);
    source.left(late);
    long left = now;
    for (int i = 1; i <= PERMITS; i++) {
      long before = now;
      Pace.Turn turn = source.turn(PERMITS, PERIOD, 1);
      if (turn.slot() == late.slot() + PERMITS) {
        assertTrue(
            now + turn.waitMillis() >= left + 10_000,
            "the window that begins with the late one is over");
        return;
      }
      assertTrue(
          before + turn.waitMillis() <= turn.slot() * turn.step() + 1,
          "all others stay where they are");
    }
    assertTrue(false, "no turn a period after it");
  }

  @Test
  void aWorkersLateRequest_skipsOneOfItsTurns() {
    Pace source = new Pace("goldsky", new Share(2, 4), 1, () -> now);
    Pace.Turn late = source.turn(PERMITS, PERIOD, 1);
    sleep(late.waitMillis() + 200);
    source.left(late);
    assertEquals(late.slot() + 8, source.turn(PERMITS, PERIOD, 1).slot());
    assertEquals(late.slot() + 12, source.turn(PERMITS, PERIOD, 1).slot());
  }

  /** A run of chain compares the newest blocks, with another pace, before and after its own. */
  @Test
  void aPaceThatFollowsAnother_keepsTheWindowOfItsLastRequests() {
    Pace first = new Pace("sqd", Share.WHOLE, 1, () -> now);
    Pace.Turn late = first.turn(PERMITS, PERIOD, 1);
    sleep(late.waitMillis() + 200);
    first.left(late);
    long left = now;
    Pace second = new Pace("sqd", Share.WHOLE, 1, () -> now);
    second.after(first);
    assertNull(second.used());
    for (int i = 1; i <= PERMITS; i++) {
      Pace.Turn turn = second.turn(PERMITS, PERIOD, 1);
      assertTrue(turn.slot() > late.slot());
      if (turn.slot() == late.slot() + PERMITS) {
        assertTrue(now + turn.waitMillis() >= left + 10_000);
        return;
      }
    }
    fail("no turn a period after it");
  }

  @Test
  void callsThatStopWaiting_giveTheirTurnsBack_inAnyOrder() {
    Pace source = new Pace("slow", Share.WHOLE, 1, () -> now);
    Pace.Turn sent = source.turn(1, 30_000, 1);
    sleep(sent.waitMillis());
    source.left(sent);
    Pace.Turn first = source.turn(1, 30_000, 1);
    Pace.Turn second = source.turn(1, 30_000, 2);
    Pace.Turn third = source.turn(1, 30_000, 1);
    // a route that is reloaded with another pace interrupts them all
    for (Pace.Turn waiting : List.of(second, third, first)) {
      source.unsent(waiting);
    }
    assertEquals(1, source.requests());
    Pace.Turn next = source.turn(10, 1000, 1);
    assertTrue(next.waitMillis() <= 200, "waits " + next.waitMillis() + " ms");
  }

  @Test
  void aTurnThatIsGivenBackBeforeALaterOne_orAfterItsTime_isNotTakenAgain() {
    Pace source = new Pace("slow", Share.WHOLE, 1, () -> now);
    source.turn(1, 1000, 1);
    Pace.Turn first = source.turn(1, 1000, 1);
    Pace.Turn second = source.turn(1, 1000, 1);
    source.unsent(first);
    Pace.Turn third = source.turn(1, 1000, 1);
    assertEquals(second.slot() + 1, third.slot());
    sleep(third.waitMillis());
    source.unsent(third);
    assertEquals(third.slot() + 1, source.turn(1, 1000, 1).slot());
  }

  @Test
  void turnsThatNobodyTook_areTakenLater_andNoWindowHoldsMoreThanTheLimit() {
    Pace source = new Pace("quick", Share.WHOLE, 1, () -> now);
    List<Long> left = new ArrayList<>();
    Random random = new Random(7);
    long first = 0;
    long last = 0;
    while (left.size() < 400) {
      Pace.Turn turn = source.turn(100, 1_000, 1);
      sleep(turn.waitMillis());
      source.left(turn);
      left.add(now);
      first = left.size() == 1 ? turn.slot() : first;
      last = turn.slot();
      // somebody who pauses now and then for longer than a turn, and is quicker than the pace else
      sleep(random.nextInt(20) == 0 ? 120 : 1);
    }
    assertTrue(last - first <= 400 + 15, "no turn is lost: " + (last - first));
    for (int i = 0; i + 100 < left.size(); i++) {
      assertTrue(
          left.get(i + 100) - left.get(i) >= 995,
          "request "
              + i
              + " and the one a hundred later are "
              + (left.get(i + 100) - left.get(i))
              + " ms apart");
    }
  }

  @Test
  void afterAPause_missedTurnsAreNotMadeUp() {
    Pace source = new Pace("quick", Share.WHOLE, 1, () -> now);
    source.turn(100, 1_000, 1);
    source.pause(300);
    long until = now + 300;
    sleep(400);
    assertTrue(
        source.turn(100, 1_000, 1).slot() * 10 >= until, "a turn from before the pause's end");
  }

  @Test
  void requestsAreCountedByJob_andThoseOfAllTogether() {
    Pace source = new Pace("goldsky", Share.WHOLE, 1, () -> now);
    source.turn(50, 10_000, 1);
    source.asks("payouts", 1);
    source.turn(50, 10_000, 2);
    source.asks("fills", 2);
    source.asks("fills", -1);
    source.retried("fills");
    assertEquals(3, source.requests());
    assertEquals(1, source.requests("payouts"));
    assertEquals(1, source.requests("fills"));
    assertEquals(1, source.retries("fills"));
    assertEquals(0, source.retries("payouts"));
  }

  @Test
  void aPaceThatIsChangedAfterTheFirstTurn_isCalledChanged() {
    Pace source = new Pace("goldsky", Share.WHOLE, 1, () -> now);
    source.turn(50, 10_000, 1);
    source.turn(50, 10_000, 1);
    assertFalse(source.isChanged());
    source.turn(10, 10_000, 1);
    assertTrue(source.isChanged());
  }

  @Test
  void thePaceThatIsShown_isTheLimitWhereAllTurnsAreTaken_andNeverMore() {
    Pace source = new Pace("node", Share.WHOLE, 1, () -> now);
    double[] before = source.turns();
    for (int i = 0; i < 60; i++) {
      source.turn(300, 1_050, 5);
    }
    double[] ahead = source.turns();
    assertTrue(
        ahead[0] - before[0] <= ahead[1] - before[1]
            && ahead[0] - before[0] > 0.95 * (ahead[1] - before[1]),
        "turns that lie ahead");
    sleep(2_500);
    double[] idle = source.turns();
    for (int i = 0; i < 60; i++) {
      source.turn(300, 1_050, 5);
    }
    double[] after = source.turns();
    assertTrue(
        after[0] - idle[0] <= after[1] - idle[1]
            && after[0] - idle[0] > 0.95 * (after[1] - idle[1]),
        "turns of the past that are taken later");
  }

  @Test
  void aPunctualRequest_changesNothing() {
    Pace source = new Pace("goldsky", new Share(2, 4), 1, () -> now);
    Pace.Turn turn = source.turn(PERMITS, PERIOD, 1);
    source.left(turn);
    assertEquals(turn.slot() + 4, source.turn(PERMITS, PERIOD, 1).slot());
  }
}
