package polymarket.backfill.sandbox;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** One public API: its path, its limits, its answers, and how it words its errors. */
abstract class Source {
  final String name;

  /** The path below which the API's own paths begin, without a slash at the end. */
  final String prefix;

  final List<Limit> limits;

  final AtomicLong counter = new AtomicLong();
  final LongAdder calls = new LongAdder();
  final LongAdder rows = new LongAdder();
  final LongAdder bytes = new LongAdder();
  final Counts statuses = new Counts();
  final Counts faults = new Counts();
  final IdCount asked = new IdCount();
  volatile long firstNanos;
  volatile long lastNanos;

  Source(String name, String prefix, List<Limit> limits) {
    this.name = name;
    this.prefix = prefix;
    this.limits = limits;
  }

  /** The answer as the API gives it, limits and faults aside. */
  abstract Answer answer(Request request) throws Exception;

  /**
   * The answer to a request over the limit; so many milliseconds later it would have been within
   * it.
   */
  abstract Answer tooMany(Request request, long waitMillis);

  /** An answer with an error status in the API's own shape. */
  abstract Answer error(Request request, int status, String message);

  /** An error inside an HTTP 200, as far as the API knows such a thing. */
  abstract Answer errorInside200(Request request, String message);

  /** How many calls the request counts as (JSON-RPC batches). */
  int weight(Request request) {
    return 1;
  }

  /** What this API says to a source path that it does not have. */
  Answer notFound(Request request) {
    return error(request, 404, "404 page not found");
  }

  void reset() {
    counter.set(0);
    calls.reset();
    rows.reset();
    bytes.reset();
    statuses.clear();
    faults.clear();
    asked.clear();
    firstNanos = 0;
    lastNanos = 0;
  }

  void json(StringBuilder out, String url) {
    Json.string(out, name).append(":{\"url\":");
    Json.string(out, url + prefix)
        .append(",\"requests\":")
        .append(counter.get())
        .append(",\"calls\":")
        .append(calls.sum())
        .append(",\"rows\":")
        .append(rows.sum())
        .append(",\"bytes\":")
        .append(bytes.sum())
        .append(",\"first\":")
        .append(Limit.epochMillis(firstNanos))
        .append(",\"last\":")
        .append(Limit.epochMillis(lastNanos))
        .append(",\"ids_asked\":")
        .append(asked.total())
        .append(",\"ids_repeated\":")
        .append(asked.repeated())
        .append(",\"statuses\":");
    statuses.json(out).append(",\"faults\":");
    faults.json(out).append('}');
  }
}
