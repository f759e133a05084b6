package polymarket.backfill.benchmark;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Measures what a run does on a ClickHouse cluster: inserts of batches, the count that reads each
 * one back, a repeated insert, a copy of the table and its exchange, as `enrich` makes them. Then
 * every replica has to have all rows, and of a table that is spread over shards each row has to be
 * on one shard. It uses a database of its own, which it drops.
 */
public final class ClusterBenchmark {

  /** Rows, where nothing else is asked for. */
  public static final long FULL = 100_000;

  private static final int BATCH = 1000;

  private final Program program;
  private final long rows;

  /**
   * @param rows to insert, in batches of 1,000
   * @throws BenchmarkException where the settings name no cluster
   */
  public ClusterBenchmark(Program program, long rows) {
    if (program.setting("clickhouse.url").isEmpty()
        || program.setting("clickhouse.cluster").isEmpty()) {
      throw new BenchmarkException(
          "benchmark cluster needs a ClickHouse cluster: set clickhouse.url and clickhouse.cluster;"
              + " docs/CLUSTER.md starts one with Docker");
    }
    this.program = program;
    this.rows = rows;
  }

  /**
   * @return what is printed, with names that say the unit
   */
  public Map<String, Object> run() {
    try (Engine engine = program.engine(Map.of(), "benchmark-cluster")) {
      engine.run("drop", Map.of());
      try {
        Map<String, Object> values = new HashMap<>();
        values.put("cluster", program.setting("clickhouse.cluster"));
        engine.run("setup", values);
        values.put("spread", new Engine.Sql(engine.stored("backfill_benchmark.spread")));
        engine.run("parts", values);
        return measure(engine);
      } finally {
        engine.run("drop", Map.of());
      }
    }
  }

  private Map<String, Object> measure(Engine engine) {
    long inserting = 0;
    long reading = 0;
    long unseen = 0;
    long batches = (rows + BATCH - 1) / BATCH;
    for (long batch = 0; batch < batches; batch++) {
      long count = Math.min(BATCH, rows - batch * BATCH);
      byte[] lines = lines(batch, count);
      long begun = System.nanoTime();
      engine.insert("backfill_benchmark.landing", lines, "batch " + batch);
      long inserted = System.nanoTime();
      Object read = engine.value("batch", Map.of("batch", batch));
      reading += System.nanoTime() - inserted;
      inserting += inserted - begun;
      unseen += ((Number) read).longValue() == count ? 0 : 1;
      program.status("inserted " + Figures.count(batch * BATCH + count) + " rows");
    }
    // as after a kill: the same batch with the same token stores nothing
    engine.insert("backfill_benchmark.landing", lines(0, Math.min(BATCH, rows)), "batch 0");
    long begun = System.nanoTime();
    engine.run("exchange", Map.of());
    double exchange = (System.nanoTime() - begun) / 1e9;
    List<Map<String, Object>> replicas = held(engine, "replicas");
    List<Map<String, Object>> parts = held(engine, "parts");
    long shards =
        ((Number) engine.value("shards", Map.of("cluster", program.setting("clickhouse.cluster"))))
            .longValue();
    long total = rows * (rows - 1) / 2;
    boolean right =
        unseen == 0
            && replicas.size() > 1
            && replicas.stream()
                .allMatch(
                    replica ->
                        Figures.number(replica, "rows") == rows
                            && Figures.number(replica, "ids") == rows
                            && Figures.number(replica, "total") == total)
            && isSpread(parts, shards, total);
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("rows", rows);
    result.put("batches", batches);
    result.put("milliseconds_an_insert", Figures.rounded(inserting / 1e6 / batches));
    result.put("milliseconds_a_read_back", Figures.rounded(reading / 1e6 / batches));
    result.put("batches_not_seen_at_once", unseen);
    result.put("seconds_for_copy_and_exchange", Figures.rounded(exchange));
    result.put("replicas", replicas);
    result.put("shards", shards);
    result.put("spread", parts);
    result.put("right", right);
    return result;
  }

  /** What each server has of a view of all of them. */
  private static List<Map<String, Object>> held(Engine engine, String view) {
    return engine.rows(
        "SELECT replica, count() AS rows, uniqExact(id) AS ids, sum(id) AS total FROM"
            + " backfill_benchmark."
            + view
            + " GROUP BY replica ORDER BY replica");
  }

  /** Whether the replicas of each shard have the same rows, and the shards together all once. */
  private boolean isSpread(List<Map<String, Object>> parts, long shards, long total) {
    Map<List<Long>, Integer> servers = new HashMap<>();
    for (Map<String, Object> part : parts) {
      if (Figures.number(part, "rows") != Figures.number(part, "ids")) {
        return false;
      }
      servers.merge(
          List.of((long) Figures.number(part, "rows"), (long) Figures.number(part, "total")),
          1,
          Integer::sum);
    }
    return servers.size() == shards
        && Set.copyOf(servers.values()).size() == 1
        && servers.keySet().stream().mapToLong(sums -> sums.get(0)).sum() == rows
        && servers.keySet().stream().mapToLong(sums -> sums.get(1)).sum() == total;
  }

  private static byte[] lines(long batch, long count) {
    StringBuilder lines = new StringBuilder();
    for (long i = 0; i < count; i++) {
      long id = batch * BATCH + i;
      lines
          .append("{\"id\":")
          .append(id)
          .append(",\"batch\":")
          .append(batch)
          .append(",\"text\":\"row ")
          .append(id)
          .append("\"}\n");
    }
    return lines.toString().getBytes(StandardCharsets.UTF_8);
  }

  /** The figures for people. */
  public static String text(Map<String, Object> result) {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "cluster: %,d rows in %,d batches%n"
                    + "  insert                 %8s ms a batch%n"
                    + "  read back              %8s ms a batch, %,d not seen at once%n"
                    + "  copy and exchange      %8s s%n",
                result.get("rows"),
                result.get("batches"),
                result.get("milliseconds_an_insert"),
                result.get("milliseconds_a_read_back"),
                result.get("batches_not_seen_at_once"),
                result.get("seconds_for_copy_and_exchange")));
    for (Object each : (List<?>) result.get("replicas")) {
      Map<?, ?> replica = (Map<?, ?>) each;
      text.append(
          String.format(
              Locale.ROOT,
              "  %-22s %,d rows, %,d different%n",
              replica.get("replica"),
              replica.get("rows"),
              replica.get("ids")));
    }
    if (((Number) result.get("shards")).longValue() > 1) {
      for (Object each : (List<?>) result.get("spread")) {
        Map<?, ?> server = (Map<?, ?>) each;
        text.append(
            String.format(
                Locale.ROOT,
                "  %-22s %,d rows of its shard, %,d different%n",
                server.get("replica"),
                server.get("rows"),
                server.get("ids")));
      }
    }
    return text.append(
            Boolean.TRUE.equals(result.get("right"))
                ? "every replica has all rows once, and every batch was seen at once\n"
                : "WRONG: a replica lacks rows or has some twice, a row is on no shard or on"
                    + " several, a batch was not seen at once, or there is only one replica\n")
        .toString();
  }
}
