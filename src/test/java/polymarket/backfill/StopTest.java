package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

class StopTest {

  /** As a ledger whose database is away asks for a stop, while the feed waits for that ledger. */
  @Test
  void askingReturns_thoughAListenerNeedsALockWhoseHolderWaitsForTheAsker()
      throws InterruptedException, ExecutionException, TimeoutException {
    Object feed = new Object();
    Stop stop = new Stop();
    CountDownLatch told = new CountDownLatch(1);
    stop.listen(
        () -> {
          synchronized (feed) {
            told.countDown();
          }
        });
    ExecutorService asker = Executors.newSingleThreadExecutor();
    try {
      synchronized (feed) {
        asker.submit(() -> stop.ask(ExitCode.GAVE_UP, "away")).get(10, TimeUnit.SECONDS);
        assertEquals(ExitCode.GAVE_UP, stop.code());
      }
      assertTrue(told.await(10, TimeUnit.SECONDS));
    } finally {
      asker.shutdownNow();
    }
  }
}
