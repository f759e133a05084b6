package polymarket.backfill.pipeline;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** The state of a pass of a pipeline. The same command continues every pass but a finished one. */
public enum PassState {

  /** A run works on it. */
  RUNNING,
  /** Its last run was interrupted. */
  INTERRUPTED,
  /** Only a part of its steps was asked for, and others are left. */
  OPEN,
  /** A step failed. */
  FAILED,
  /** Every step is settled, and none failed. */
  FINISHED,
  /** The process of its last run is gone and did not record an end. Never in the ledger. */
  DIED;

  /** As people, JSON and the ledger have it. */
  @JsonValue
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  static PassState of(String text) {
    return valueOf(text.toUpperCase(Locale.ROOT));
  }
}
