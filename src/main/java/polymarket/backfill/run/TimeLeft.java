package polymarket.backfill.run;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;

/**
 * How long a run takes until nothing is pending, or until it has taken as many ids as {@code
 * --limit} says.
 */
final class TimeLeft {

  private final long limit;
  private final boolean shared;

  /** What the run may still take, and what it has taken and not done. */
  private long toTake;

  private long begun;

  /** What was pending in a shared ledger, and when; the last count is the first. */
  private final Deque<long[]> pendingOfAll = new ArrayDeque<>();

  /**
   * @param limit how many ids to take at most
   * @param shared whether other members work on the ledger too
   */
  TimeLeft(long limit, boolean shared) {
    this.limit = limit;
    this.shared = shared;
    this.toTake = limit;
  }

  /** Takes up ids that the limit counts. */
  void took(long ids) {
    toTake -= ids;
    begun += ids;
  }

  /** Takes up ids that an earlier run or another member had taken. */
  void resumed(long ids) {
    begun += ids;
  }

  /** Ids are done here, or are another member's. */
  void done(long ids) {
    begun -= ids;
  }

  /** A shared ledger was counted. */
  void counted(long millis, long pending) {
    pendingOfAll.addFirst(new long[] {millis, pending});
    while (millis - pendingOfAll.peekLast()[0] > Progress.SLOW_MILLIS) {
      pendingOfAll.removeLast();
    }
  }

  /**
   * In seconds; 0 where nothing is left, null where it is not known.
   *
   * @param pending ids, or numbers where ids are ranges
   * @param pace how many of them this run does in a second
   * @param idsPerSecond the same in ids
   */
  Long seconds(long pending, double pace, double idsPerSecond) {
    long own = toTake + begun;
    if (pending <= 0 || limit < Long.MAX_VALUE && own <= 0) {
      return 0L;
    }
    Long all = seconds(pending, shared ? paceOfAll() : pace);
    Long upToLimit = limit == Long.MAX_VALUE ? null : seconds(own, idsPerSecond);
    return all == null || upToLimit != null && upToLimit < all ? upToLimit : all;
  }

  private static Long seconds(long amount, double pace) {
    return pace > 0 ? Long.valueOf((long) Math.ceil(amount / pace)) : null;
  }

  /** How fast what is pending gets less; further back where that is slow. */
  private double paceOfAll() {
    double pace = 0;
    Iterator<long[]> counts = pendingOfAll.iterator();
    long[] last = counts.hasNext() ? counts.next() : null;
    long fallen = 0;
    while (counts.hasNext() && fallen < Progress.SLOW_IDS) {
      long[] earlier = counts.next();
      fallen = earlier[1] - last[1];
      pace = fallen * 1000.0 / Math.max(1, last[0] - earlier[0]);
    }
    return pace;
  }
}
