package polymarket.backfill.ledger;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import polymarket.backfill.UserError;

class ShareTest {

  @Test
  void everySlot_isInExactlyOneShare_forAnyNumberOfWorkers() {
    for (int of = 1; of <= 100; of++) {
      int next = 0;
      for (int worker = 1; worker <= of; worker++) {
        Share share = new Share(worker, of);
        assertEquals(next, share.from(), share.toString());
        assertTrue(share.to() > share.from(), share.toString());
        next = share.to();
      }
      assertEquals(Share.SLOTS, next);
    }
  }

  @Test
  void everyId_isInExactlyOneWorkersShare() {
    Random random = new Random(7);
    for (int i = 0; i < 2000; i++) {
      String id = Long.toHexString(random.nextLong()) + Long.toHexString(random.nextLong());
      int slot = Share.slot(id);
      for (int of : new int[] {1, 2, 3, 4, 7, 13, 97}) {
        int holders = 0;
        for (int worker = 1; worker <= of; worker++) {
          Share share = new Share(worker, of);
          holders += slot >= share.from() && slot < share.to() ? 1 : 0;
        }
        assertEquals(1, holders, id + " of " + of);
      }
    }
  }

  @Test
  void sharesAreNearlyEqual() {
    int[] counts = new int[4];
    Random random = new Random(1);
    for (int i = 0; i < 40_000; i++) {
      counts[Share.slot(Long.toHexString(random.nextLong())) / (Share.SLOTS / 4)]++;
    }
    for (int count : counts) {
      assertTrue(count > 9_500 && count < 10_500, count + " of 40,000 in a quarter");
    }
  }

  @Test
  void workerOutsideOfItsNumber_isOneLine() {
    for (int[] wrong : new int[][] {{0, 2}, {3, 2}, {1, 0}, {-1, 4}}) {
      UserError error = assertThrows(UserError.class, () -> new Share(wrong[0], wrong[1]));
      assertEquals(1, error.getMessage().lines().count());
      assertTrue(
          error.getMessage().contains("--worker " + wrong[0] + " --of " + wrong[1]),
          error.getMessage());
    }
  }
}
