package polymarket.backfill.sandbox;

import java.util.function.Predicate;

/**
 * A documented limit: the most requests (or calls) in any window (t - window, t], counted over
 * arrivals, those over the limit included. Memory is bounded by the window.
 */
public final class Limit {
  private static final long EPOCH_AT_NANO_ZERO =
      System.currentTimeMillis() * 1_000_000L - System.nanoTime();

  final String name;
  final int documented;
  final long windowMillis;
  private final Predicate<Request> covers;

  private int max;
  private long[] times = new long[256];
  private int[] weights = new int[256];
  private int head;
  private int size;
  private long inWindow;

  private long arrivals;
  private long calls;
  private long firstNanos;
  private long lastNanos;
  private long highest;
  private long violations;
  private long refused;

  /** The limit of the documentation; what it counts is said by the predicate. */
  Limit(String name, int documented, long windowMillis, Predicate<Request> covers) {
    this.name = name;
    this.documented = documented;
    this.windowMillis = windowMillis;
    this.covers = covers;
    this.max = documented;
  }

  boolean covers(Request request) {
    return covers.test(request);
  }

  /** Scales the documented limit; 0 means that it is counted and not enforced. */
  synchronized void scale(double factor) {
    max = factor <= 0 ? 0 : (int) Math.max(1, Math.round(documented * factor));
  }

  /**
   * Counts an arrival of so many calls; gives 0 when it is within the limit, else the milliseconds
   * until one would be.
   */
  synchronized long arrive(int weight) {
    long now = System.nanoTime();
    long window = windowMillis * 1_000_000L;
    while (size > 0 && times[head] <= now - window) {
      inWindow -= weights[head];
      head = (head + 1) & (times.length - 1);
      size--;
    }
    if (size == times.length) {
      grow();
    }
    int slot = (head + size) & (times.length - 1);
    times[slot] = now;
    weights[slot] = weight;
    size++;
    inWindow += weight;
    arrivals++;
    calls += weight;
    if (arrivals == 1) {
      firstNanos = now;
    }
    lastNanos = now;
    highest = Math.max(highest, inWindow);
    int enforced = max == 0 ? documented : max;
    if (inWindow <= enforced) {
      return 0;
    }
    violations++;
    if (max == 0) {
      return 0;
    }
    refused++;
    long tooMany = inWindow - max;
    long free = 0;
    for (int i = 0; i < size && free < tooMany; i++) {
      int at = (head + i) & (times.length - 1);
      free += weights[at];
      if (free >= tooMany) {
        return Math.max(1, (times[at] + window - now) / 1_000_000L + 1);
      }
    }
    return windowMillis;
  }

  private void grow() {
    long[] moreTimes = new long[times.length * 2];
    int[] moreWeights = new int[times.length * 2];
    for (int i = 0; i < size; i++) {
      moreTimes[i] = times[(head + i) & (times.length - 1)];
      moreWeights[i] = weights[(head + i) & (times.length - 1)];
    }
    times = moreTimes;
    weights = moreWeights;
    head = 0;
  }

  synchronized void reset() {
    head = 0;
    size = 0;
    inWindow = 0;
    arrivals = 0;
    calls = 0;
    firstNanos = 0;
    lastNanos = 0;
    highest = 0;
    violations = 0;
    refused = 0;
  }

  /** Epoch milliseconds with a fraction, or null before the first arrival. */
  static String epochMillis(long nanos) {
    return nanos == 0
        ? "null"
        : java.math.BigDecimal.valueOf(nanos + EPOCH_AT_NANO_ZERO, 6).toPlainString();
  }

  synchronized long highest() {
    return highest;
  }

  synchronized long violations() {
    return violations;
  }

  synchronized void json(StringBuilder out) {
    Json.string(out, name)
        .append(":{\"documented\":")
        .append(documented)
        .append(",\"max\":")
        .append(max == 0 ? documented : max)
        .append(",\"window_ms\":")
        .append(windowMillis)
        .append(",\"enforced\":")
        .append(max != 0)
        .append(",\"arrivals\":")
        .append(arrivals)
        .append(",\"calls\":")
        .append(calls)
        .append(",\"first\":")
        .append(epochMillis(firstNanos))
        .append(",\"last\":")
        .append(epochMillis(lastNanos))
        .append(",\"highest\":")
        .append(highest)
        .append(",\"violations\":")
        .append(violations)
        .append(",\"refused\":")
        .append(refused)
        .append('}');
  }
}
