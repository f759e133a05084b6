package polymarket.backfill.run;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Ledger.Elsewhere;
import polymarket.backfill.ledger.State;

/**
 * Another job that fills the same table from another source. It has the ids first that both ask
 * for: two batches that look for rows of an id and store some at the same time would not see each
 * other's.
 */
final class EarlierJob implements AutoCloseable {

  /** For a job that no other one comes before. */
  static final EarlierJob NONE = new EarlierJob("", null, () -> false);

  private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final String name;
  private final Ledger ledger;
  private final BooleanSupplier running;
  private volatile boolean ended;
  private boolean ran = true;
  private long lookedAt = System.nanoTime() - LOOK_NANOS;

  /**
   * @param ledger a handle of its own, to be read: the job's may be in use for long; null where it
   *     has none
   * @param running whether a run works on the job; not asked after {@link #ended}
   */
  EarlierJob(String name, Ledger ledger, BooleanSupplier running) {
    this.name = name;
    this.ledger = ledger;
    this.running = running;
  }

  /** The part of this run that a job was has ended; others than this one do not matter. */
  void ended(String job) {
    ended |= job.equals(name);
  }

  /** Whether it may ask for ids that are pending, or that failed before: at most a second ago. */
  synchronized boolean isActive() {
    if (ended || ledger == null) {
      return false;
    }
    if (System.nanoTime() - lookedAt >= LOOK_NANOS) {
      ran = running.getAsBoolean();
      lookedAt = System.nanoTime();
    }
    return ran;
  }

  /**
   * What it has done with ids; those that it does not know are left out.
   *
   * @param active whether it may still ask for them
   */
  Map<String, Elsewhere> of(List<String> ids, boolean active) {
    Map<String, Elsewhere> elsewhere = new HashMap<>();
    if (ledger != null) {
      ledger
          .states(ids)
          .forEach(
              (id, state) -> {
                boolean left = state == State.PENDING || state == State.FAILED;
                elsewhere.put(id, active && left ? Elsewhere.PENDING : Elsewhere.DONE);
              });
    }
    return elsewhere;
  }

  @Override
  public void close() {
    if (ledger != null) {
      ledger.close();
    }
  }
}
