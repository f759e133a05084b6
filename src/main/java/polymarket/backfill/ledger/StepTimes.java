package polymarket.backfill.ledger;

import java.util.EnumMap;
import java.util.Map;

/** What the time of a batch goes into, since it was handed out. */
public final class StepTimes {

  /** What a batch's time goes into, apart from the steps between. */
  public enum Step {
    /** Waiting for the source's turn. */
    TURN,
    /** The call, and the wait before it is made once more. */
    REQUEST,
    INSERT,
    /** Seeing in ClickHouse what was stored. */
    READ_BACK,
    /** Marking its ids, and waiting for other batches to be marked. */
    LEDGER
  }

  private final Map<Step, Long> nanos = new EnumMap<>(Step.class);
  private long begun = System.nanoTime();
  private long moved = begun;
  private Step step;
  private Thread worker;

  StepTimes() {}

  synchronized void restart() {
    begun = System.nanoTime();
    moved = begun;
    nanos.clear();
    step = null;
    worker = null;
  }

  /** Nanoseconds since the batch was handed out. */
  synchronized long ageNanos() {
    return System.nanoTime() - begun;
  }

  synchronized void enter(Step next, long at) {
    if (step != null) {
      nanos.merge(step, Math.max(0, at - moved), Long::sum);
    }
    step = next;
    moved = at;
    worker = Thread.currentThread();
  }

  synchronized long moved() {
    return moved;
  }

  synchronized Thread worker() {
    return worker;
  }

  synchronized Step step() {
    return step;
  }

  /** The nanoseconds that went into each step. */
  synchronized Map<Step, Long> spent() {
    return nanos.isEmpty() ? Map.of() : new EnumMap<>(nanos);
  }
}
