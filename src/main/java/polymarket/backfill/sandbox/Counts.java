package polymarket.backfill.sandbox;

import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;

/** Named counters. */
final class Counts {
  private final ConcurrentSkipListMap<String, LongAdder> counts = new ConcurrentSkipListMap<>();

  void add(String name) {
    counts.computeIfAbsent(name, k -> new LongAdder()).increment();
  }

  void clear() {
    counts.clear();
  }

  StringBuilder json(StringBuilder out) {
    out.append('{');
    counts.forEach(
        (name, count) -> {
          if (out.charAt(out.length() - 1) != '{') {
            out.append(',');
          }
          Json.string(out, name).append(':').append(count.sum());
        });
    return out.append('}');
  }
}
