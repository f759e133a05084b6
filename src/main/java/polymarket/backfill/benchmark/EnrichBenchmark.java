package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.enrich.Enrich;
import polymarket.backfill.enrich.Reconcile;

/**
 * Measures `backfill enrich` against a plain copy of the same table: generated trades in an engine
 * of their own, in a folder that is removed again. The engine is started anew for each part, so
 * that the peak of its memory is that part's.
 */
public final class EnrichBenchmark {

  /** As many as the table that it was made for has. */
  public static final long FULL = 160_900_000;

  /** A tenth of it. */
  public static final long DEFAULT = 16_000_000;

  /**
   * Measured: 143 bytes a trade stored, twice that with the copy or the enriched table, and what
   * merges take meanwhile.
   */
  private static final long DISK_BYTES = 420;

  private static final int MARKETS = 150_000;
  private static final int MONTHS = 35;

  /**
   * How long merges are waited for, so that none of the trades' own run while the copy is measured.
   */
  private static final long QUIET_SECONDS = 120;

  private final Settings settings;
  private final Messages messages;
  private final Consumer<String> status;
  private final long rows;
  private final List<String> joins;
  private final Path folder;

  /** Work on an open engine. */
  private interface Part {
    void run(ClickHouse clickHouse) throws InterruptedException;
  }

  /**
   * @param rows trades to generate
   * @param joins values of enrich.join, each measured
   * @param status is told now and then how far it is
   * @throws UserError where the disk has no room for it
   */
  public EnrichBenchmark(
      Settings settings,
      long rows,
      List<String> joins,
      Messages messages,
      Consumer<String> status) {
    this.messages = messages;
    this.status = status;
    this.rows = rows;
    this.joins = joins;
    Path parent = settings.path("runtime.dir").resolve("benchmark");
    try {
      Files.createDirectories(parent);
      long free = Files.getFileStore(parent).getUsableSpace();
      messages.info(
          Messages.count(rows)
              + " trades need up to "
              + Benchmark.bytes(rows * DISK_BYTES)
              + " of disk in "
              + settings.path("runtime.dir")
              + ", and "
              + Benchmark.bytes(free)
              + " are free");
      if (free < rows * DISK_BYTES) {
        throw new UserError(
            "there is no room for "
                + Messages.count(rows)
                + " trades: set runtime.dir to another disk, or take fewer with --ids");
      }
      folder = Files.createTempDirectory(parent, "enrich-");
    } catch (IOException e) {
      throw new UserError(
          "cannot write to "
              + parent
              + ": "
              + e.getMessage()
              + "; set runtime.dir to a folder that can be written");
    }
    this.settings =
        settings
            .with("clickhouse.url", "")
            .with("clickhouse.data", folder.resolve("data").toString())
            .with("clickhouse.port", "0")
            .with("runtime.dir", folder.toString())
            .with("enrich.trades", "default.trades_raw")
            .with("enrich.target", "default.enriched_trades_final");
  }

  /**
   * @return what is printed, with names that say the unit
   * @throws UserError where a part fails
   */
  public Map<String, Object> run() {
    Thread ended = new Thread(this::delete, "benchmark-end");
    Runtime.getRuntime().addShutdownHook(ended);
    try {
      SqlFile sql = SqlFile.read("benchmark-enrich");
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("job", "enrich");
      result.put("rows", rows);
      result.put("cores", Runtime.getRuntime().availableProcessors());
      result.put("memory_cap", settings.text("enrich.max-memory"));
      Map<String, Object> values = Map.of("rows", rows, "markets", MARKETS, "max_memory", 4L << 30);
      Map<String, Object> generated =
          part(
              "generate",
              clickHouse -> {
                Reconcile.createTables(clickHouse);
                clickHouse.execute(sql.section("setup"), Map.of());
                clickHouse.execute(sql.section("mapping"), values);
                for (int month = 0; month < MONTHS; month++) {
                  long first = rows * month / MONTHS;
                  Map<String, Object> own = new LinkedHashMap<>(values);
                  own.putAll(
                      Map.of(
                          "first",
                          first,
                          "count",
                          rows * (month + 1) / MONTHS - first,
                          "month",
                          month));
                  clickHouse.execute(sql.section("trades"), own);
                  status.accept(
                      "generated "
                          + Messages.count(rows * (month + 1) / MONTHS)
                          + " of "
                          + Messages.count(rows)
                          + " trades");
                }
                quiet(clickHouse);
                result.put(
                    "bytes_on_disk",
                    clickHouse.value(
                        "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database ="
                            + " 'default' AND table = 'trades_raw'"));
              });
      messages.info(
          "generated "
              + Messages.count(rows)
              + " trades in "
              + generated.get("seconds")
              + " s, "
              + Benchmark.bytes(result.get("bytes_on_disk")));
      Map<String, Object> copy =
          part("copy", clickHouse -> clickHouse.execute(sql.section("copy"), values));
      part("clear", clickHouse -> clickHouse.execute("DROP TABLE default.trades_copy SYNC"));
      List<Map<String, Object>> parts = new ArrayList<>(List.of(copy));
      boolean right = true;
      for (String join : joins) {
        Enrich.Result[] enriched = {null};
        Map<String, Object> part =
            part(
                "enrich, join=" + join,
                clickHouse ->
                    enriched[0] =
                        new Enrich(clickHouse, settings.with("enrich.join", join), messages, status)
                            .run());
        part.put(
            "times_the_copy",
            Math.round(100 * number(part, "seconds") / number(copy, "seconds")) / 100.0);
        part.put("slices", enriched[0].slices());
        part.put("halved", enriched[0].halved());
        Map<String, Object> steps = new LinkedHashMap<>();
        enriched[0].steps().entrySet().stream()
            .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
            .forEach(step -> steps.put(step.getKey(), step.getValue() / 1000.0));
        part.put("seconds_in", steps);
        part.put("original", enriched[0].original());
        part.put("filled", enriched[0].filled());
        part.put("unfillable", enriched[0].unfillable());
        part(
            "check",
            clickHouse -> {
              part.put("wrong", clickHouse.value(sql.section("wrong").sql(values)));
              clickHouse.execute("DROP TABLE default.enriched_trades_final SYNC");
            });
        right &= number(part, "wrong") == 0 && enriched[0].rows() == rows;
        parts.add(part);
        try {
          Files.deleteIfExists(Enrich.ledgerFile(settings));
        } catch (IOException e) {
          throw new UserError(
              "cannot remove " + Enrich.ledgerFile(settings) + ": " + e.getMessage());
        }
      }
      parts.forEach(
          part -> part.put("rows_per_second", Math.round(rows / number(part, "seconds"))));
      result.put("parts", parts);
      result.put("right", right);
      return result;
    } finally {
      Runtime.getRuntime().removeShutdownHook(ended);
      delete();
    }
  }

  /** The figures for people. */
  public static String text(Map<String, Object> result) {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "enrich: %,d trades of %s, %s cores, cap %s%n",
                result.get("rows"),
                Benchmark.bytes(result.get("bytes_on_disk")),
                result.get("cores"),
                result.get("memory_cap")));
    for (Object each : (List<?>) result.get("parts")) {
      Map<?, ?> part = (Map<?, ?>) each;
      text.append(
          String.format(
              Locale.ROOT,
              "  %-24s %8.1f s  %,12d rows/s  peak %s resident%n",
              part.get("part"),
              part.get("seconds"),
              part.get("rows_per_second"),
              Benchmark.bytes(part.get("peak_resident_bytes"))));
      if (part.containsKey("times_the_copy")) {
        text.append(
            String.format(
                Locale.ROOT,
                "    %.2f times the copy; %,d original, %,d filled, %,d unfillable, %,d rows wrong;"
                    + " %d slices, %d halved%n",
                part.get("times_the_copy"),
                part.get("original"),
                part.get("filled"),
                part.get("unfillable"),
                part.get("wrong"),
                part.get("slices"),
                part.get("halved")));
        text.append("    seconds in its steps, of slices at once together: ")
            .append(part.get("seconds_in"))
            .append('\n');
      }
    }
    return text.append("Other programs that run meanwhile take part in every figure.\n").toString();
  }

  private Map<String, Object> part(String name, Part part) {
    status.accept(name);
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      ProcessUse use = new ProcessUse("engine", engine());
      Thread looks =
          new Thread(
              () -> {
                try {
                  while (true) {
                    use.look();
                    TimeUnit.MILLISECONDS.sleep(ProcessUse.EVERY_MILLIS);
                  }
                } catch (InterruptedException e) {
                  // the part is over
                }
              },
              "benchmark-uses");
      looks.setDaemon(true);
      looks.start();
      long started = System.nanoTime();
      part.run(clickHouse);
      double seconds = (System.nanoTime() - started) / 1e9;
      looks.interrupt();
      use.look();
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("part", name);
      result.put("seconds", Math.round(seconds * 100) / 100.0);
      result.put("cpu_seconds", use.result().get("cpu_seconds"));
      result.put("peak_resident_bytes", use.result().get("peak_resident_bytes"));
      return result;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted");
    }
  }

  private ProcessHandle engine() {
    Path file = settings.path("clickhouse.data").resolve("engine.json");
    try {
      return ProcessHandle.of(new ObjectMapper().readTree(file.toFile()).path("pid").asLong())
          .orElseThrow(() -> new UserError("the engine of " + file + " has ended"));
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + e.getMessage());
    }
  }

  private static void quiet(ClickHouse clickHouse) throws InterruptedException {
    for (long i = 0;
        i < QUIET_SECONDS
            && ((Number) clickHouse.value("SELECT count() FROM system.merges")).longValue() > 0;
        i++) {
      TimeUnit.SECONDS.sleep(1);
    }
  }

  private static double number(Map<String, Object> map, String key) {
    return ((Number) map.get(key)).doubleValue();
  }

  private void delete() {
    try {
      Benchmark.delete(folder);
    } catch (IOException | java.io.UncheckedIOException e) {
      messages.warn("cannot remove " + folder + ": " + e.getMessage());
    }
  }
}
