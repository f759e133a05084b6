package polymarket.backfill.sandbox;

import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;

/**
 * How late this process's threads wake up: by so much the times at which it counts arrivals may be
 * wrong on a busy machine.
 */
final class Lateness {

  private static final long EVERY_NANOS = 5_000_000;

  /** Less says nothing about a count: limits leave a hundredth of their window. */
  private static final long NOTED_NANOS = 10_000_000;

  /** What is kept: a minute and a half in which each wake-up is late. */
  private static final int MOST = 10_000;

  private final ConcurrentSkipListMap<Long, Long> late = new ConcurrentSkipListMap<>();

  /** Begins to measure, until the process ends. */
  void start() {
    Thread thread = new Thread(this::measure, "sandbox-lateness");
    thread.setDaemon(true);
    thread.start();
  }

  private void measure() {
    while (true) {
      long due = System.nanoTime() + EVERY_NANOS;
      try {
        TimeUnit.NANOSECONDS.sleep(EVERY_NANOS);
      } catch (InterruptedException e) {
        return;
      }
      long now = System.nanoTime();
      if (now - due >= NOTED_NANOS) {
        late.put(now, now - due);
        if (late.size() > MOST) {
          late.pollFirstEntry();
        }
      }
    }
  }

  /** Pairs of a time in epoch milliseconds and the milliseconds by which a thread was late then. */
  StringBuilder json(StringBuilder out) {
    out.append('[');
    late.forEach(
        (at, by) -> {
          if (out.charAt(out.length() - 1) != '[') {
            out.append(',');
          }
          out.append('[').append(Limit.epochMillis(at)).append(',').append(by / 1_000_000);
          out.append(']');
        });
    return out.append(']');
  }
}
