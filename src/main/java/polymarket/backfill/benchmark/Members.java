package polymarket.backfill.benchmark;

import java.util.concurrent.TimeUnit;

/** The members of one ledger, of which one is killed to see how soon the others go on with it. */
final class Members {

  /** How often it looks, in milliseconds; each time is one query of the database. */
  private static final long LOOK_MILLIS = 20;

  private static final long PATIENCE_NANOS = TimeUnit.MINUTES.toNanos(5);

  private final SharedLedger ledger;
  private double secondsToTakeOver;

  Members(SharedLedger ledger) {
    this.ledger = ledger;
  }

  private interface Condition {
    boolean holds();
  }

  private static void await(String what, Condition condition) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!condition.holds()) {
      if (System.nanoTime() > end) {
        throw new BenchmarkException(what + ": not within five minutes");
      }
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    }
  }

  /** Waits until the first member has brought the ids. */
  void awaitLedger() throws InterruptedException {
    await("the ledger", () -> ledger.left() > 0);
  }

  /**
   * Kills a member while it holds batches, when two thirds of the ids are left, and waits until
   * others have taken all of them over.
   */
  void kill(Process member, long ids) throws InterruptedException {
    await("a member at work", () -> ledger.left() * 3 < ids * 2 && ledger.held(member.pid()) > 0);
    member.destroyForcibly();
    long killed = System.nanoTime();
    await("the take-over", () -> ledger.held(member.pid()) == 0);
    secondsToTakeOver = Figures.rounded((System.nanoTime() - killed) / 1e9);
  }

  double secondsToTakeOver() {
    return secondsToTakeOver;
  }
}
