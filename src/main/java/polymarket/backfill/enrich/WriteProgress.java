package polymarket.backfill.enrich;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import polymarket.backfill.Messages;

/** How far the writing is. */
final class WriteProgress {

  private final long total;
  private final long before;
  private final AtomicLong done;
  private final long started = System.nanoTime();

  /**
   * @param total rows
   * @param before rows that earlier runs wrote
   */
  WriteProgress(long total, long before) {
    this.total = total;
    this.before = before;
    this.done = new AtomicLong(before);
  }

  /** Adds rows, and reports the progress. */
  String add(long rows) {
    long now = done.addAndGet(rows);
    double rate = (now - before) / Math.max(0.001, (System.nanoTime() - started) / 1e9);
    return String.format(
        Locale.ROOT,
        "enrich: %s/%s rows %.1f%%, %,.0f rows/s, %s left",
        Messages.count(now),
        Messages.count(total),
        total == 0 ? 100 : Math.floor(1000.0 * now / total) / 10,
        rate,
        Messages.time(Math.round((total - now) / rate) * 1000));
  }
}
