package polymarket.backfill.ledger;

/** The failures of a batch since it was taken up, and the last of them. */
public final class Failures {

  private int count;
  private int trials;
  private int status;
  private long last;
  private boolean behindAnswer;

  Failures() {}

  /**
   * Notes a failure that counts against the batch.
   *
   * @param httpStatus 0 where there was none
   * @param answered whether the source had answered well, and what came of the answer failed
   */
  public synchronized void add(int httpStatus, boolean answered) {
    count++;
    status = httpStatus;
    last = System.currentTimeMillis();
    behindAnswer = answered;
  }

  /** Failures since the batch was last taken up, of all its calls. */
  public synchronized int count() {
    return count;
  }

  /** The HTTP status of the last failure; 0 where there was none. */
  public synchronized int status() {
    return status;
  }

  /** When it last failed in this run, in epoch milliseconds; 0 where it did not. */
  public synchronized long last() {
    return last;
  }

  /** Whether its last failure was with an answer, and not for want of one. */
  public synchronized boolean behindAnswer() {
    return behindAnswer;
  }

  /**
   * It failed with all its attempts, and the source has answered others since: it gets as many
   * attempts as a new one.
   *
   * @return how often that was so
   */
  public synchronized int tryAgain() {
    count = 0;
    return ++trials;
  }

  /** How often it was tried again because the source had answered others since it failed. */
  public synchronized int trials() {
    return trials;
  }

  /** Gives it as many attempts as a new one. */
  public synchronized void reset() {
    count = 0;
  }
}
