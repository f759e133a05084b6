package polymarket.backfill.run;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.State;

/**
 * Another job that fills the same table from another source. It has the ids first that both ask
 * for: two batches that look for rows of an id and store some at the same time would not see each
 * other's. It may be in this run, or in another one, which may begin later.
 */
final class EarlierJob implements AutoCloseable {

  /** For a job that no other one comes before. */
  static final EarlierJob NONE = new EarlierJob("", null, () -> false);

  private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final String name;
  private final LedgerPlace place;
  private final BooleanSupplier running;

  /** A handle of its own, because the job's may be in use for long; null while there is none. */
  private Ledger ledger;

  private boolean ended;
  private boolean runs;
  private long lookedAt = System.nanoTime() - LOOK_NANOS;

  /**
   * @param place of its ledger, which may not be there yet; null where there is no such job
   * @param running whether a run works on the job; not asked after {@link #ended}
   */
  EarlierJob(String name, LedgerPlace place, BooleanSupplier running) {
    this.name = name;
    this.place = place;
    this.running = running;
  }

  /** Notes that a job of this run has ended; the names of other jobs are ignored. */
  synchronized void ended(String job) {
    if (job.equals(name)) {
      ended = true;
    }
  }

  /** Whether it may ask for ids, as it was at most a second ago. */
  synchronized boolean isActive() {
    look();
    return runs && !ended;
  }

  /** The ids that it is to ask for, or asks for now; none where no run works on it. */
  synchronized Set<String> first(Collection<String> ids) {
    return isActive()
        ? states(ids).entrySet().stream()
            .filter(id -> id.getValue() == State.PENDING || id.getValue() == State.FAILED)
            .map(Map.Entry::getKey)
            .collect(Collectors.toSet())
        : Set.of();
  }

  /** Whether it has one of these ids: the table may have rows of it. */
  synchronized boolean hasAny(Collection<String> ids) {
    look();
    return !states(ids).isEmpty();
  }

  private void look() {
    if (place == null || System.nanoTime() - lookedAt < LOOK_NANOS) {
      return;
    }
    if (ledger == null && place.exists()) {
      ledger = Ledger.open(place);
    }
    runs = ledger != null && !ended && running.getAsBoolean();
    lookedAt = System.nanoTime();
  }

  private Map<String, State> states(Collection<String> ids) {
    return ledger == null ? Map.of() : ledger.states(ids);
  }

  @Override
  public synchronized void close() {
    if (ledger != null) {
      ledger.close();
    }
  }
}
