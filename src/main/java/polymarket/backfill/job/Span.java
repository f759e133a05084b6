package polymarket.backfill.job;

import java.util.List;

/**
 * The width of the ranges that a job requests, if its ids are ranges: halved when the source cannot
 * answer a range at once or a batch has too many rows, and doubled after a series of small answers,
 * up to the source's limit.
 */
public final class Span {

  /**
   * How many successive ids must be answered with few rows before wider ranges are tried; more
   * after each rejection.
   */
  private static final int CALM = 16;

  private static final int CALM_MOST = 1024;

  private final long widest;
  private final long goal;
  private long width;
  private int calm;
  private int needed = CALM;

  /**
   * @param width the initial width
   * @param widest the widest range that the source accepts
   * @param goal the desired number of rows per batch
   */
  public Span(long width, long widest, long goal) {
    this.width = Math.max(1, Math.min(width, widest));
    this.widest = Math.max(1, widest);
    this.goal = goal;
  }

  synchronized long width() {
    return width;
  }

  /** A batch was answered. */
  public synchronized void answered(long rows, int ids) {
    if (rows > 2 * goal) {
      width = Math.max(1, width / 2);
      calm = 0;
    } else if (rows < goal / 2) {
      calm += ids;
      if (calm >= needed) {
        width = Math.min(widest, width * 2);
        calm = 0;
      }
    } else {
      calm = 0;
    }
  }

  /** The source could not answer a range of this width. */
  public synchronized void refused(long of) {
    if (of <= width) {
      width = Math.max(1, of / 2);
      needed = Math.min(CALM_MOST, needed * 2);
    }
    calm = 0;
  }

  public synchronized List<String> shaped(List<String> ids) {
    return Ranges.shaped(ids, width);
  }
}
