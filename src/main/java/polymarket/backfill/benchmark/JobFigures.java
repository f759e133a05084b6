package polymarket.backfill.benchmark;

import static polymarket.backfill.benchmark.Figures.rounded;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What one measurement of a job gives, with names that say the unit.
 *
 * @param count how many ids were asked for
 * @param pace of the source's throttle, a second
 * @param seconds from the start of the first process to the end of the last
 * @param runs what each process printed with --json
 * @param limit the sandbox's counts of the job's limit
 * @param late when the sandbox's threads woke up late, and by how many milliseconds
 * @param rows stored, and those of the truth
 * @param home of the run
 */
record JobFigures(
    Benchmark.Part part,
    long count,
    double pace,
    double seconds,
    List<JsonNode> runs,
    ProcessUses uses,
    JsonNode limit,
    JsonNode late,
    Map<String, Object> rows,
    Path home) {

  private static final Pattern GC =
      Pattern.compile("^\\[([\\d.]+)s].*?Pause Full.*?\\d+M->(\\d+)M\\((\\d+)M\\)");

  /**
   * @param kinds of rows that are counted
   */
  Map<String, Object> result(Iterable<String> kinds) throws IOException {
    double runSeconds =
        runs.stream()
            .mapToDouble(run -> run.path("run").path("seconds").asDouble())
            .max()
            .orElse(0);
    double busy = (limit.path("last").asDouble() - limit.path("first").asDouble()) / 1000;
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("part", part.name());
    result.put("workers", part.workers());
    result.put("ids", count);
    result.put("seconds", rounded(seconds));
    result.put("seconds_before_the_first_batch", rounded(seconds - runSeconds));
    result.put("seconds_of_requests", rounded(busy));
    result.put("ids_per_second", Math.round(count / runSeconds));
    result.put("ids_per_second_with_start", Math.round(count / seconds));
    long stored = 0;
    for (String kind : kinds) {
      stored += (Long) rows.get(kind);
    }
    long inserts = (Long) rows.remove("inserts");
    result.put("rows_per_second", Math.round(stored / runSeconds));
    result.put("inserts", inserts);
    result.put("rows_per_insert", inserts == 0 ? 0 : stored / inserts);
    result.put("requests", limit.path("arrivals").asLong());
    result.put("least_requests", leastRequests());
    result.put("requests_per_second", perSecond(limit.path("arrivals").asLong(), busy));
    result.put("latency_ms", part.latencyMillis());
    result.put(
        "retries", runs.stream().mapToLong(run -> run.path("run").path("retries").asLong()).sum());
    if (part.scale() > 0) {
      limits(result, busy);
    }
    result.put("seconds_in", spent());
    result.put(
        "cpu_seconds", rounded(uses.all().stream().mapToDouble(ProcessUse::cpuSeconds).sum()));
    result.put("processes", uses.all().stream().map(ProcessUse::result).toList());
    result.put("rows", rows);
    if (Files.exists(home.resolve("gc.log"))) {
      result.put("heap", heap(home.resolve("gc.log")));
      result.put("resident_bytes_by_tenths", tenths(uses.residents()));
    }
    return result;
  }

  /** The first request begins the time, so that it is not one of those that are made in it. */
  private static double perSecond(long requests, double busy) {
    return busy > 0 ? rounded((requests - 1) / busy) : 0;
  }

  /** The same as a share of what is allowed a second. */
  private static double share(long requests, double busy, double allowed) {
    return Math.round((requests - 1) / busy / allowed * 10_000) / 10_000.0;
  }

  /** How much of the limit was used, and whether it was exceeded. */
  private void limits(Map<String, Object> result, double busy) {
    double allowed = limit.path("max").asDouble() / limit.path("window_ms").asDouble() * 1000;
    result.put("limit_per_second", rounded(allowed));
    result.put("pace_per_second", rounded(pace));
    long arrivals = limit.path("arrivals").asLong();
    result.put("pace_used", share(arrivals, busy, pace));
    result.put("limit_used", share(arrivals, busy, allowed));
    result.put("useful_pace", share(leastRequests(), busy, allowed));
    if (part.workers() > 1 && !part.members()) {
      result.put(
          "limit_used_by_each_of_its_part",
          runs.stream().map(run -> run.path("run").path("limit_used").asDouble()).toList());
      List<Instant> starts =
          runs.stream()
              .map(run -> Instant.parse(run.path("started_at").asText()))
              .sorted()
              .toList();
      result.put(
          "seconds_between_their_starts",
          rounded(
              Duration.between(starts.get(0), starts.get(starts.size() - 1)).toMillis() / 1000.0));
    }
    result.put("window_seconds", limit.path("window_ms").asDouble() / 1000);
    result.put("highest_in_a_window", limit.path("highest").asLong());
    result.put("allowed_in_a_window", limit.path("max").asLong());
    result.put("arrivals_over_the_limit", limit.path("violations").asLong());
    result.put("sandbox_late_ms", latest());
  }

  /** By how many milliseconds the sandbox was late at the most while it counted requests. */
  private long latest() {
    long most = 0;
    for (JsonNode one : late) {
      double at = one.path(0).asDouble();
      if (at >= limit.path("first").asDouble() && at <= limit.path("last").asDouble()) {
        most = Math.max(most, one.path(1).asLong());
      }
    }
    return most;
  }

  /** The fewest requests that the runs could have made, as they say themselves. */
  private long leastRequests() {
    return runs.stream().mapToLong(run -> run.path("run").path("least_requests").asLong()).sum();
  }

  private Map<String, Double> spent() {
    Map<String, Double> spent = new LinkedHashMap<>();
    for (JsonNode run : runs) {
      run.path("run")
          .path("seconds_in")
          .properties()
          .forEach(
              step ->
                  spent.merge(step.getKey(), step.getValue().asDouble(), (a, b) -> rounded(a + b)));
    }
    return spent;
  }

  /**
   * The heap that was alive at full collections, at the most in each third of the time, in bytes.
   */
  private static Map<String, Object> heap(Path log) throws IOException {
    List<double[]> left = new ArrayList<>();
    try (Stream<String> lines = Files.lines(log)) {
      lines
          .map(GC::matcher)
          .filter(Matcher::find)
          .forEach(
              gc ->
                  left.add(
                      new double[] {
                        Double.parseDouble(gc.group(1)),
                        Long.parseLong(gc.group(2)) << 20,
                        Long.parseLong(gc.group(3)) << 20
                      }));
    }
    double end = left.isEmpty() ? 1 : left.get(left.size() - 1)[0];
    long[] thirds = new long[3];
    left.forEach(
        gc -> {
          int third = Math.min(2, (int) (3 * gc[0] / end));
          thirds[third] = Math.max(thirds[third], (long) gc[1]);
        });
    Map<String, Object> heap = new LinkedHashMap<>();
    heap.put("limit_bytes", left.stream().mapToLong(gc -> (long) gc[2]).max().orElse(0));
    heap.put("alive_at_the_most_by_thirds", List.of(thirds[0], thirds[1], thirds[2]));
    heap.put("collections", left.size());
    return heap;
  }

  private static List<Long> tenths(List<Long> residents) {
    List<Long> tenths = new ArrayList<>();
    List<Long> known = residents.stream().filter(bytes -> bytes > 0).toList();
    for (int i = 1; i <= 10 && !known.isEmpty(); i++) {
      tenths.add(known.get(Math.max(0, known.size() * i / 10 - 1)));
    }
    return tenths;
  }
}
