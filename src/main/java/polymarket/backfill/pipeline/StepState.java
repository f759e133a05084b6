package polymarket.backfill.pipeline;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** The state of a step in a pass. */
public enum StepState {

  /** To be run: it has not run yet, or was interrupted. */
  PENDING,
  /** Its process is running. */
  RUNNING,
  /** It failed, and is repeated after a pause. */
  WAITING,
  /** It ended by itself. */
  DONE,
  /** It was stopped because time was short; its data so far is used. */
  CUT,
  /** It was not started because time was short. */
  SKIPPED,
  /** It failed more often than it may be repeated. */
  FAILED,
  /** It was not started because a step before it failed. */
  BLOCKED;

  /** As people, JSON and the ledger have it. */
  @JsonValue
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether the run is finished with it. */
  public boolean isSettled() {
    return this != PENDING && this != RUNNING && this != WAITING;
  }

  /** Whether it did less than it could because time was short. */
  public boolean isShort() {
    return this == CUT || this == SKIPPED;
  }

  static StepState of(String text) {
    return valueOf(text.toUpperCase(Locale.ROOT));
  }
}
