package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

class TimeLeftTest {

  @Test
  void itIsWhatIsPendingByThePace_andNotKnownWithoutOne() {
    TimeLeft left = new TimeLeft(Long.MAX_VALUE, false);
    left.resumed(20);
    assertNull(left.seconds(100, 0, 0));
    assertEquals(34, left.seconds(100, 3, 3));
    assertEquals(10, left.seconds(1_000, 100, 3), "numbers in ranges");
    assertEquals(0, left.seconds(0, 3, 3));
  }

  @Test
  void aLimit_endsItEarlier_andCountsWhatItTookAndWhatIsResumed() {
    TimeLeft left = new TimeLeft(50, false);
    assertEquals(5, left.seconds(1_000, 10, 10));
    left.resumed(20);
    left.took(50);
    left.done(60);
    assertEquals(1, left.seconds(1_000, 10, 10));
    left.done(10);
    assertEquals(0, left.seconds(940, 10, 10), "it has reached its limit");
    assertEquals(1, new TimeLeft(50, false).seconds(10, 10, 10), "fewer are pending");
  }

  @Test
  void ofASharedLedger_itIsByWhatAllMembersDo() {
    TimeLeft left = new TimeLeft(Long.MAX_VALUE, true);
    assertNull(left.seconds(1_000, 1, 1), "what the others do is not known yet");
    left.counted(0, 1_000);
    left.counted(10_000, 900);
    left.counted(20_000, 700);
    assertEquals(35, left.seconds(700, 1, 1));
    left.counted(30_000, 699);
    assertEquals(70, left.seconds(699, 0, 0), "of twenty ids at least: 201 in 20 s");
    left.counted(400_000, 699);
    assertNull(left.seconds(699, 1, 1), "nothing was done for minutes");
  }

  @Test
  void ofASharedLedger_theLimitIsThisMembersOwn() {
    TimeLeft left = new TimeLeft(50, true);
    assertEquals(50, left.seconds(1_000, 1, 1));
    left.counted(0, 1_000);
    left.counted(10_000, 0);
    assertEquals(10, left.seconds(1_000, 1, 1));
  }
}
