package polymarket.backfill.source;

import java.time.Duration;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import polymarket.backfill.ledger.Share;

/**
 * What is known of a source while a run goes on: its turns, its answers, and whether it asked for a
 * pause. One object a source, used by all its callers.
 */
public final class Pace {

  /**
   * How far back a turn may lie that nobody took, in milliseconds; half a period where that is
   * shorter.
   */
  private static final long CATCH_UP = 2000;

  private final String name;
  private final Share share;
  private final double fraction;

  private final AtomicLong requests = new AtomicLong();
  private final AtomicLong retries = new AtomicLong();
  private volatile long lastAnswer = System.currentTimeMillis();

  /** When the latest request left that was answered well. */
  private long lastAnswered;

  /** What it says since when instead of a good answer; null and 0 where it answers well. */
  private String trouble;

  private long troubleSince;
  private volatile long pausedUntil;
  private double firstTurn;
  private double lastTurn;

  /** The time that the turns since the first one take at the pace of each. */
  private double taken;

  private volatile double limit;

  /**
   * Grid of the last turn, since when it holds, and which of its slots were used late, by how many
   * milliseconds.
   */
  private double step;

  private long since;

  /** How far back its turns may lie. */
  private long catchUp;

  private final TreeMap<Long, Long> late = new TreeMap<>();
  private int leftOut;

  /**
   * A request's place in the pace.
   *
   * @param waitMillis from when it was taken
   * @param slot its number on the grid, whose slots are {@code step} milliseconds apart
   */
  record Turn(Pace source, long waitMillis, long slot, double step, long periodMillis, int calls) {}

  /**
   * @param share the part of the pace that this process takes
   * @param fraction a further part of it, for a gentler run; 1 for all of it
   */
  Pace(String name, Share share, double fraction) {
    this.name = name;
    this.share = share;
    this.fraction = fraction;
  }

  public String name() {
    return name;
  }

  /**
   * Takes the next turn. Turns stand on a grid of the clock, evenly spread, so that no window of
   * any position holds more of them than the limit; workers take every M-th of the same grid, which
   * is how they share the limit without speaking to each other. What follows a period after a
   * request that left late is as much later. A turn that has just gone by while nobody asked is
   * still taken, as one that leaves late; where turns a period apart are different workers', it is
   * lost.
   *
   * @param permits requests in a period
   * @param periodMillis the period
   * @param calls how many requests it counts as
   */
  synchronized Turn turn(double permits, long periodMillis, int calls) {
    long now = System.currentTimeMillis();
    if (step != periodMillis / (permits * fraction)) {
      step = periodMillis / (permits * fraction);
      since = now;
      late.clear();
    }
    limit = permits * fraction / share.of() * 1000 / periodMillis;
    catchUp = Math.min(CATCH_UP, periodMillis / 2);
    long from = slots(periodMillis) % share.of() == 0 ? Math.max(now - catchUp, since) : now;
    // the last turn counts by its time, because a pace that was changed meanwhile has another grid
    long slot =
        Math.max(
            (long) Math.ceil(Math.max(from, pausedUntil) / step),
            (long) Math.ceil(lastTurn / step + 0.999 * share.of()));
    slot += Math.floorMod(share.worker() - 1 - slot, share.of()) + (long) leftOut * share.of();
    leftOut = 0;
    double turn = slot * step;
    lastTurn = (slot + (calls - 1.0) * share.of()) * step;
    if (firstTurn == 0) {
      firstTurn = turn;
      taken = -step * share.of();
    }
    taken += calls * step * share.of();
    requests.addAndGet(calls);
    long later = 0;
    for (int i = 0; i < calls; i++) {
      Long by = late.remove(slot + (long) i * share.of() - slots(periodMillis));
      later = Math.max(later, by == null ? 0 : by);
    }
    return new Turn(
        this, Math.max(0, Math.round(turn) + later - now), slot, step, periodMillis, calls);
  }

  private long slots(long periodMillis) {
    return Math.max(1, (long) (periodMillis / step + 1e-6));
  }

  /**
   * A request leaves. One that is late by more than the route's throttle allows for would come on
   * top of the full window that begins with it, so the turn a period later moves as far; where that
   * is another worker's, one turn is left out. Late is what took longer than a fifth of the one
   * percent that a source route keeps below its limit (half of it where a turn would be left out):
   * the rest is for the way, which nobody sees from here.
   */
  synchronized void left(Turn turn) {
    long slots = slots(turn.periodMillis());
    boolean others = slots % share.of() != 0;
    long by =
        System.currentTimeMillis()
            - Math.round(turn.slot() * turn.step())
            - turn.periodMillis() / (others ? 200 : 500);
    if (by <= 0 || turn.step() != step) {
      return;
    }
    if (others) {
      leftOut += turn.calls();
      return;
    }
    late.headMap(turn.slot() - 2 * slots).clear();
    for (int i = 0; i < turn.calls(); i++) {
      late.put(turn.slot() + (long) i * share.of(), by);
    }
  }

  /** All turns wait until then; it asked for that. */
  synchronized void pause(long millis) {
    pausedUntil = Math.max(pausedUntil, System.currentTimeMillis() + millis);
  }

  /**
   * It answered well.
   *
   * @param asked when the request left: an answer to one that left before the trouble began does
   *     not show that the trouble is over
   */
  synchronized void answered(long asked) {
    lastAnswer = System.currentTimeMillis();
    lastAnswered = Math.max(lastAnswered, asked);
    if (asked >= troubleSince) {
      trouble = null;
      troubleSince = 0;
    }
  }

  /** Whether it answered a request well that left behind that instant, in epoch milliseconds. */
  public synchronized boolean answeredSince(long instant) {
    return lastAnswered > instant;
  }

  void retried(String why) {
    retries.incrementAndGet();
    trouble(why);
  }

  /** It did not answer well. */
  public synchronized void trouble(String why) {
    if (trouble == null) {
      troubleSince = System.currentTimeMillis();
    }
    trouble = why;
  }

  /** What it answered last when it did not answer well; null where it does now. */
  public synchronized String trouble() {
    return trouble;
  }

  /** When its trouble began, in epoch milliseconds; now where it has none. */
  public synchronized long troubleSince() {
    return trouble == null ? System.currentTimeMillis() : troubleSince;
  }

  /** Milliseconds until its trouble will have lasted that long; 0 where it has. */
  long patienceLeft(Duration patience) {
    return Math.max(0, troubleSince() + patience.toMillis() - System.currentTimeMillis());
  }

  /** When it last answered well, in epoch milliseconds; the run's start where it has not yet. */
  public long lastAnswer() {
    return lastAnswer;
  }

  public long requests() {
    return requests.get();
  }

  public long retries() {
    return retries.get();
  }

  /** Requests a second that this process may make; 0 before the first. */
  public double limit() {
    return limit;
  }

  /**
   * The part of its limit that was used, from the first turn to the last; 0 where there were fewer
   * than two.
   */
  public synchronized double used() {
    double span = lastTurn - firstTurn;
    return span <= 0 ? 0 : taken / span;
  }

  /**
   * How far the turns have come, to be held against an earlier answer of this: the time that those
   * taken so far take at the pace, and the time from which on later ones are. What the first grew
   * by is never more than what the second did. Milliseconds.
   */
  public synchronized double[] turns() {
    long now = System.currentTimeMillis();
    return new double[] {
      taken, firstTurn == 0 ? now : Math.max(now - catchUp, lastTurn + step * share.of())
    };
  }

  public long pausedUntil() {
    return pausedUntil;
  }
}
