package polymarket.backfill.sandbox;

import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;

/** Named counters. */
final class Counts {
    private final ConcurrentSkipListMap<String, LongAdder> counts = new ConcurrentSkipListMap<>();

    void add(String name) {
        add(name, 1);
    }

    void add(String name, long n) {
        counts.computeIfAbsent(name, k -> new LongAdder()).add(n);
    }

    long get(String name) {
        LongAdder count = counts.get(name);
        return count == null ? 0 : count.sum();
    }

    void clear() {
        counts.clear();
    }

    StringBuilder json(StringBuilder out) {
        out.append('{');
        counts.forEach((name, count) -> {
            if (out.charAt(out.length() - 1) != '{') {
                out.append(',');
            }
            Json.string(out, name).append(':').append(count.sum());
        });
        return out.append('}');
    }
}
