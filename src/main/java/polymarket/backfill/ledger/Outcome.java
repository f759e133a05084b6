package polymarket.backfill.ledger;

import polymarket.backfill.Redaction;

/**
 * The outcome of one id of a batch.
 *
 * @param rows rows of this id in ClickHouse; of one that failed, those that were rejected
 * @param status the last HTTP status, 0 where there was none
 * @param reason why it failed, in one line without secrets; of one that was found, what the program
 *     keeps with it, unchanged; otherwise null
 */
public record Outcome(State state, long rows, int status, String reason) {

  public Outcome {
    reason = state == State.FOUND ? reason : Redaction.line(reason);
  }

  /** An id that has this many rows. */
  public static Outcome found(long rows) {
    return new Outcome(State.FOUND, rows, 0, null);
  }

  /** An id without rows, in a state that needs no reason. */
  public static Outcome of(State state) {
    return new Outcome(state, 0, 0, null);
  }

  /** An id that failed; the status is the last HTTP status, 0 where there was none. */
  public static Outcome failed(int status, String reason) {
    return new Outcome(State.FAILED, 0, status, reason);
  }

  /** Its rows came, and none of them qualifies. */
  public static Outcome rejected(long rows, String reason) {
    return new Outcome(State.FAILED, rows, 0, "rejected: " + reason);
  }
}
