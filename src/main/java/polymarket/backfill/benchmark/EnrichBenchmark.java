package polymarket.backfill.benchmark;

import com.fasterxml.jackson.core.type.TypeReference;
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
 * of their own, in a folder that is removed again. The engine is restarted for each part, so that
 * the peak of its memory is that part's.
 *
 * <p>With {@code keep} the folder of a run that fails stays, and the next run with as many trades
 * takes them and the copy's figures from it.
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

  /** The same of narrow trades, of which one takes 66 bytes. */
  private static final long NARROW_DISK_BYTES = 160;

  /** In the folder of data that are complete: what was measured while they were made. */
  private static final String STATE = "benchmark.json";

  private static final ObjectMapper JSON = new ObjectMapper();

  private static final int MARKETS = 150_000;

  /** Narrow trades are as they come: those of one transaction stand together. */
  private static final int FILLS_OF_A_TRANSACTION = 4;

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
  private final boolean narrow;
  private final boolean keep;
  private final Path folder;
  private final SqlFile sql = SqlFile.read("benchmark-enrich");
  private final Map<String, Object> values;

  /** Work on an open engine. */
  private interface Part {
    void run(ClickHouse clickHouse) throws InterruptedException;
  }

  /**
   * @param rows trades to generate
   * @param joins values of enrich.join, each measured
   * @param narrow whether trades have six columns instead of seventeen
   * @param keep whether the data of a run that fails stay for the next one
   * @param status receives the progress from time to time
   * @throws UserError where the disk has no room for it
   */
  public EnrichBenchmark(
      Settings settings,
      long rows,
      List<String> joins,
      boolean narrow,
      boolean keep,
      Messages messages,
      Consumer<String> status) {
    this.narrow = narrow;
    this.keep = keep;
    this.values =
        Map.of(
            "rows",
            rows,
            "markets",
            MARKETS,
            "max_memory",
            4L << 30,
            "fills",
            narrow ? FILLS_OF_A_TRANSACTION : 1);
    this.messages = messages;
    this.status = status;
    this.rows = rows;
    this.joins = joins;
    Path parent = settings.path("runtime.dir").resolve("benchmark");
    try {
      Files.createDirectories(parent);
      Path kept = parent.resolve("enrich-" + rows + (narrow ? "-narrow" : ""));
      if (keep && Files.exists(kept) && !Files.exists(kept.resolve(STATE))) {
        Benchmark.delete(kept);
      }
      if (!keep || !Files.exists(kept)) {
        checkRoom(parent);
      }
      folder = keep ? Files.createDirectories(kept) : Files.createTempDirectory(parent, "enrich-");
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

  private void checkRoom(Path parent) throws IOException {
    long needed = rows * (narrow ? NARROW_DISK_BYTES : DISK_BYTES);
    long free = Files.getFileStore(parent).getUsableSpace();
    messages.info(
        Messages.count(rows)
            + " trades need up to "
            + Benchmark.bytes(needed)
            + " of disk in "
            + parent
            + ", and "
            + Benchmark.bytes(free)
            + " are free");
    if (free < needed) {
      throw new UserError(
          "there is no room for "
              + Messages.count(rows)
              + " trades: set runtime.dir to another disk, or take fewer with --ids");
    }
  }

  /**
   * @return what is printed, with names that say the unit
   * @throws UserError where a part fails
   */
  public Map<String, Object> run() {
    Thread ended = new Thread(keep ? this::tellKept : this::delete, "benchmark-end");
    Runtime.getRuntime().addShutdownHook(ended);
    boolean over = false;
    try {
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("job", "enrich");
      result.put("rows", rows);
      result.put("cores", Runtime.getRuntime().availableProcessors());
      result.put("memory_cap", settings.text("enrich.max-memory"));
      Map<String, Object> state = data();
      result.put("bytes_on_disk", state.get("bytes_on_disk"));
      Map<String, Object> copy = new LinkedHashMap<>();
      ((Map<?, ?>) state.get("copy")).forEach((key, value) -> copy.put((String) key, value));
      List<Map<String, Object>> parts = new ArrayList<>(List.of(copy));
      for (String join : joins) {
        parts.add(enrich(join, copy));
      }
      parts.forEach(
          part -> part.put("rows_per_second", Math.round(rows / number(part, "seconds"))));
      result.put("parts", parts);
      boolean right =
          parts.stream().skip(1).allMatch(part -> Boolean.TRUE.equals(part.remove("right")));
      result.put("right", right);
      over = right;
      return result;
    } finally {
      Runtime.getRuntime().removeShutdownHook(ended);
      if (keep && !over) {
        tellKept();
      } else {
        delete();
      }
    }
  }

  /** Generates the trades and copies them, as far as an earlier run did not. */
  private Map<String, Object> data() {
    Path file = folder.resolve(STATE);
    try {
      Map<String, Object> state = new LinkedHashMap<>();
      if (Files.exists(file)) {
        messages.info("using the trades of an earlier run in " + folder);
        state.putAll(JSON.readValue(file.toFile(), new TypeReference<Map<String, Object>>() {}));
      } else {
        Map<String, Object> generated = part("generate", clickHouse -> generate(clickHouse, state));
        JSON.writeValue(file.toFile(), state);
        messages.info(
            "generated "
                + Messages.count(rows)
                + " trades in "
                + generated.get("seconds")
                + " s, "
                + Benchmark.bytes(state.get("bytes_on_disk")));
      }
      if (!state.containsKey("copy")) {
        part("clear", this::dropCopy);
        state.put(
            "copy", part("copy", clickHouse -> clickHouse.execute(sql.section("copy"), values)));
        JSON.writeValue(file.toFile(), state);
      }
      part("clear", this::dropCopy);
      return state;
    } catch (IOException e) {
      throw new UserError("cannot read or write " + file + ": " + e.getMessage());
    }
  }

  private void dropCopy(ClickHouse clickHouse) {
    clickHouse.execute("DROP TABLE IF EXISTS default.trades_copy SYNC");
  }

  private void generate(ClickHouse clickHouse, Map<String, Object> state)
      throws InterruptedException {
    Reconcile.createTables(clickHouse);
    clickHouse.execute(sql.section("setup"), Map.of());
    clickHouse.execute(sql.section(narrow ? "narrow" : "wide"), Map.of());
    clickHouse.execute(sql.section("mapping"), values);
    String columns =
        String.valueOf(
            clickHouse.value(
                "SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns WHERE"
                    + " database = 'default' AND table = 'trades_raw'"));
    for (int month = 0; month < MONTHS; month++) {
      long first = rows * month / MONTHS;
      long last = rows * (month + 1) / MONTHS;
      Map<String, Object> own = new LinkedHashMap<>(values);
      own.putAll(
          Map.of(
              "columns",
              new SqlFile.Raw(columns),
              "first",
              first,
              "count",
              last - first,
              "month",
              month));
      clickHouse.execute(sql.section("trades"), own);
      status.accept(
          "generated " + Messages.count(last) + " of " + Messages.count(rows) + " trades");
    }
    quiet(clickHouse);
    state.put(
        "bytes_on_disk",
        clickHouse.value(
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'default' AND"
                + " table = 'trades_raw'"));
  }

  /** One way to look up condition ids: measured, and every row of the result judged. */
  private Map<String, Object> enrich(String join, Map<String, Object> copy) {
    removeLedger();
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
    part.put("right", number(part, "wrong") == 0 && enriched[0].rows() == rows);
    removeLedger();
    return part;
  }

  /** Cleans up, so that the next one starts from the beginning. */
  private void removeLedger() {
    try {
      Files.deleteIfExists(Enrich.ledgerFile(settings));
    } catch (IOException e) {
      throw new UserError("cannot remove " + Enrich.ledgerFile(settings) + ": " + e.getMessage());
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
      return ProcessHandle.of(JSON.readTree(file.toFile()).path("pid").asLong())
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

  private void tellKept() {
    messages.info(
        "the data stay in "
            + folder
            + ": the same command with --keep uses them again; remove the folder when they are no"
            + " longer needed");
  }

  private void delete() {
    try {
      Benchmark.delete(folder);
    } catch (IOException | java.io.UncheckedIOException e) {
      messages.warn("cannot remove " + folder + ": " + e.getMessage());
    }
  }
}
