package polymarket.backfill.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import polymarket.backfill.ledger.Share;

/** The turns of a source: 50 in 10.1 s are slots 202 ms apart. */
class PaceTest {

    private static final int PERMITS = 50;
    private static final long PERIOD = 10_100;

    @Test
    void turnsOfAllWorkersTogetherStandOnOneGridAndNoneTwice() {
        long[] slots = new long[40];
        int n = 0;
        for (int worker = 1; worker <= 4; worker++) {
            Source source = new Source("goldsky", new Share(worker, 4), 1);
            for (int i = 0; i < 10; i++) {
                Source.Turn turn = source.turn(PERMITS, PERIOD, 1);
                assertEquals(worker - 1, turn.slot() % 4);
                assertEquals(202.0, turn.step());
                slots[n++] = turn.slot();
            }
        }
        assertEquals(40, java.util.Arrays.stream(slots).distinct().count());
    }

    @Test
    void aRequestThatLeftLate_movesTheTurnAPeriodAfterItAsFar() throws InterruptedException {
        Source source = new Source("goldsky", Share.WHOLE, 1);
        Source.Turn late = source.turn(PERMITS, PERIOD, 1);
        Thread.sleep(late.waitMillis() + 200);
        source.left(late);
        long left = System.currentTimeMillis();
        for (int i = 1; i <= PERMITS; i++) {
            long before = System.currentTimeMillis();
            Source.Turn turn = source.turn(PERMITS, PERIOD, 1);
            if (turn.slot() == late.slot() + PERMITS) {
                assertTrue(System.currentTimeMillis() + turn.waitMillis() >= left + 10_000, "the window that begins with the late one is over");
                return;
            }
            assertTrue(before + turn.waitMillis() <= turn.slot() * turn.step() + 1, "all others stay where they are");
        }
        assertTrue(false, "no turn a period after it");
    }

    @Test
    void aWorkersRequestThatLeftLate_leavesOneOfItsTurnsOut() throws InterruptedException {
        Source source = new Source("goldsky", new Share(2, 4), 1);
        Source.Turn late = source.turn(PERMITS, PERIOD, 1);
        Thread.sleep(late.waitMillis() + 200);
        source.left(late);
        assertEquals(late.slot() + 8, source.turn(PERMITS, PERIOD, 1).slot());
        assertEquals(late.slot() + 12, source.turn(PERMITS, PERIOD, 1).slot());
    }

    @Test
    void aRequestThatLeftInTime_changesNothing() {
        Source source = new Source("goldsky", new Share(2, 4), 1);
        Source.Turn turn = source.turn(PERMITS, PERIOD, 1);
        source.left(turn);
        assertEquals(turn.slot() + 4, source.turn(PERMITS, PERIOD, 1).slot());
    }
}
