package polymarket.backfill.polymarket;

/**
 * How many blocks a page of a source asks for: as many as bring a good answer's bytes by the
 * density of the last ones, at most twice as many as before, and half as many where the source took
 * fewer.
 */
final class PageWidth {

  /**
   * So many pages in a row have to be answered before wider ones than those that were refused are
   * tried, and twice as many after each further refusal.
   */
  private static final int CALM = 4;

  private static final int CALM_MOST = 512;

  private final long goal;
  private long width;
  private long most;
  private int calm;
  private int needed = CALM;

  /**
   * @param width blocks to begin with
   * @param goal bytes of an answer that are aimed at
   */
  PageWidth(long width, long goal) {
    this.width = width;
    this.goal = goal;
    this.most = Long.MAX_VALUE;
  }

  synchronized long blocks() {
    return width;
  }

  synchronized void answered(long blocks, long bytes) {
    if (++calm >= needed && most < Long.MAX_VALUE / 2) {
      most = most * 2;
      calm = 0;
    }
    long fit = bytes == 0 ? 2 * width : Math.max(1, goal * blocks / bytes);
    // a page at the end of a range is narrower than it might be, and says little
    if (fit < width || blocks >= width) {
      width = Math.max(1, Math.min(most, Math.min(2 * width, fit)));
    }
  }

  /** A page of so many blocks was refused, or its answer too large. */
  synchronized void refused(long blocks) {
    calm = 0;
    needed = Math.min(CALM_MOST, 2 * needed);
    most = Math.max(1, blocks / 2);
    width = Math.min(width, most);
  }
}
