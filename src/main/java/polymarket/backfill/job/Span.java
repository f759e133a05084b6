package polymarket.backfill.job;

import java.util.List;

/**
 * How wide the ranges are that a job asks for, where its ids are ranges: half as wide when the
 * source cannot answer one at once or a batch brings too many rows, and twice as wide after a while
 * of small answers, as far as the source allows.
 */
public final class Span {

  /**
   * So many ids in a row have to be answered with few rows before wider ones are tried, and more
   * after each refusal.
   */
  private static final int CALM = 16;

  private static final int CALM_MOST = 1024;

  private final long widest;
  private final long goal;
  private long width;
  private int calm;
  private int needed = CALM;

  /**
   * @param width to begin with
   * @param widest that the source takes
   * @param goal rows a batch that are aimed at
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

  /** The source could not answer a range of that width. */
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
