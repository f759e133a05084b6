package polymarket.backfill.ledger;

/** The failures of a batch since it was taken up, and the last of them. */
public final class Failures {

  private int count;
  private int trials;
  private int status;
  private long last;
  private boolean behindAnswer;
  private String refusal;
  private int same;
  private long refusedBefore;

  Failures() {}

  /**
   * Notes a failure that counts against the batch.
   *
   * @param httpStatus 0 where there was none
   * @param answered whether the source had answered well, and what came of the answer failed
   * @param said what the source answered instead; null where it gave no answer
   */
  public synchronized void add(int httpStatus, boolean answered, String said) {
    count++;
    status = httpStatus;
    last = System.currentTimeMillis();
    behindAnswer = answered;
    if (said == null || !said.equals(refusal)) {
      refusedBefore = 0;
    }
    same = said == null ? 0 : said.equals(refusal) ? same + 1 : 1;
    refusal = said;
  }

  /**
   * How often in a row the source answered the same instead of what was asked for, the batch that
   * this one is a part of counted too; 0 where its last failure was another.
   */
  public synchronized int same() {
    return same;
  }

  /** The source answered well: what it answers next is not the same in a row. */
  public synchronized void answered() {
    same = 0;
    refusal = null;
    refusedBefore = 0;
  }

  /** Takes over what the source answered to the batch that this one is a part of. */
  public synchronized void inherit(Failures whole) {
    synchronized (whole) {
      if (whole.same > 0) {
        refusal = whole.refusal;
        same = whole.same;
        refusedBefore = whole.last;
      }
    }
  }

  /** Whether the source answered the same to the batch that this one is a part of. */
  public synchronized boolean isInherited() {
    return refusedBefore > 0;
  }

  /**
   * When the batch that this one is a part of last failed likewise; its own last failure if none.
   */
  public synchronized long lastOfWhole() {
    return refusedBefore > 0 ? refusedBefore : last;
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
