package polymarket.backfill.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import polymarket.backfill.Daemons;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.serve.PaceHistory;

/**
 * Keeps the pace of the sources in ClickHouse, once a minute while there is something new, and
 * reads it after a restart; reads how the coverage changed from verdict to verdict. ClickHouse is
 * asked on a thread of its own, so that the page does not wait for it.
 */
final class ServeHistory implements AutoCloseable {

  private static final long KEEP_SECONDS = 60;

  /** How long a last write may take when the page ends. */
  private static final long END_SECONDS = 30;

  private static final Logger LOG = LoggerFactory.getLogger(ServeHistory.class);

  private final Settings settings;
  private final PaceHistory pace;
  private final SqlFile sql = SqlFile.read("serve");
  private final ScheduledExecutorService clock = Daemons.clock("history");

  /** The verdict that the coverage was read after. */
  private Optional<JsonNode> verdict = Optional.empty();

  private long keptUntil;
  private volatile Map<String, List<double[]>> coverage = Map.of();

  ServeHistory(Settings settings, PaceHistory pace) {
    this.settings = settings;
    this.pace = pace;
    clock.execute(() -> quietly(this::restore));
    clock.scheduleWithFixedDelay(
        () -> quietly(this::keep), KEEP_SECONDS, KEEP_SECONDS, TimeUnit.SECONDS);
  }

  /** By measure of ready: instants in epoch milliseconds with their shares, the oldest first. */
  Map<String, List<double[]>> coverage() {
    return coverage;
  }

  /** The page goes on without a history, such as while ClickHouse does not answer. */
  private static void quietly(Runnable work) {
    try {
      work.run();
    } catch (RuntimeException e) {
      LOG.warn("the page's history: {}", e.getMessage());
    }
  }

  private void restore() {
    verdict = LastChecks.ready(settings);
    if (settings.text("clickhouse.url").isEmpty()
        && !Files.exists(settings.path("clickhouse.data"))) {
      return;
    }
    keptUntil = System.currentTimeMillis();
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      clickHouse.execute(sql.section("setup"), Map.of());
      Map<String, List<PaceHistory.Sample>> earlier = new TreeMap<>();
      for (Map<String, Object> row : clickHouse.rows(sql.query("pace").sql(Map.of()), Map.of())) {
        earlier
            .computeIfAbsent(String.valueOf(row.get("source")), source -> new ArrayList<>())
            .add(
                new PaceHistory.Sample(
                    (long) number(row, "at"),
                    number(row, "rate"),
                    number(row, "limit_per_second"),
                    flag(row, "troubled"),
                    (long) number(row, "refused"),
                    flag(row, "open")));
      }
      earlier.forEach(pace::restore);
      readCoverage(clickHouse);
    }
  }

  private static double number(Map<String, Object> row, String column) {
    return Double.parseDouble(String.valueOf(row.get(column)));
  }

  private static boolean flag(Map<String, Object> row, String column) {
    return Boolean.parseBoolean(String.valueOf(row.get(column)));
  }

  private void readCoverage(ClickHouse clickHouse) {
    verdict = LastChecks.ready(settings);
    if (!clickHouse.has("default", "ready_results")) {
      return;
    }
    Map<String, List<double[]>> read = new TreeMap<>();
    clickHouse
        .rows(sql.query("coverage").sql(Map.of()), Map.of())
        .forEach(
            row ->
                read.computeIfAbsent(
                        String.valueOf(row.get("measure")), measure -> new ArrayList<>())
                    .add(0, new double[] {number(row, "at"), number(row, "value")}));
    coverage = read;
  }

  private void keep() {
    Map<String, List<PaceHistory.Sample>> later = pace.since(keptUntil);
    boolean judged = !LastChecks.ready(settings).equals(verdict);
    if (later.isEmpty() && !judged) {
      return;
    }
    StringBuilder lines = new StringBuilder();
    long last = keptUntil;
    for (Map.Entry<String, List<PaceHistory.Sample>> of : later.entrySet()) {
      for (PaceHistory.Sample sample : of.getValue()) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("time", sample.at() / 1000);
        row.put("source", of.getKey());
        row.put("rate", sample.rate());
        row.put("limit_per_second", sample.limit());
        row.put("troubled", sample.troubled());
        row.put("refused", sample.refused());
        row.put("open", sample.open());
        lines.append(Report.json(row)).append('\n');
        last = Math.max(last, sample.at());
      }
    }
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      clickHouse.execute(sql.section("setup"), Map.of());
      if (!later.isEmpty()) {
        clickHouse.insert(
            "default.serve_pace",
            lines.toString().getBytes(StandardCharsets.UTF_8),
            "serve " + ProcessHandle.current().pid() + " " + last);
        keptUntil = last;
      }
      readCoverage(clickHouse);
    }
  }

  /** Keeps what is new, and ends. */
  @Override
  public void close() {
    clock.execute(() -> quietly(this::keep));
    clock.shutdown();
    try {
      if (!clock.awaitTermination(END_SECONDS, TimeUnit.SECONDS)) {
        LOG.warn("the page's history: ClickHouse did not answer in time");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
