package polymarket.backfill.pipeline;

import java.util.Locale;

/** Where a step of a pass is. */
public enum StepState {

  /** To be run: it never was, or was interrupted. */
  PENDING,
  /** At work. */
  RUNNING,
  /** Failed, and to be repeated after a pause. */
  WAITING,
  /** Ended by itself. */
  DONE,
  /** Stopped because time was short; what it had by then is used. */
  CUT,
  /** Not begun because time was short. */
  SKIPPED,
  /** Failed more often than it is repeated. */
  FAILED,
  /** Not begun because one that it comes after failed. */
  BLOCKED;

  /** As people read it and the ledger has it. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether nothing more happens to it in this run. */
  public boolean isSettled() {
    return this != PENDING && this != RUNNING && this != WAITING;
  }

  static StepState of(String text) {
    return valueOf(text.toUpperCase(Locale.ROOT));
  }
}
