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

  /** The same of narrow trades: one takes 66 bytes, enriched 99, and merges took 35 meanwhile. */
  private static final long NARROW_DISK_BYTES = 210;

  /** In the folder of data that are complete: what was measured while they were made. */
  private static final String STATE = "benchmark.json";

  private static final ObjectMapper JSON = new ObjectMapper();

  private static final int MARKETS = 150_000;

  /** Narrow trades are as they come: those of one transaction stand together. */
  private static final int FILLS_OF_A_TRANSACTION = 4;

  private static final int MONTHS = 35;

  private final Program program;
  private final EngineParts engines;
  private final long rows;
  private final List<String> joins;
  private final boolean narrow;
  private final boolean keep;
  private final Path folder;
  private final Map<String, Object> values;

  /**
   * @param rows trades to generate
   * @param joins values of enrich.join, each measured
   * @param narrow whether trades have six columns instead of seventeen
   * @param keep whether the data of a run that fails stay for the next one
   * @throws BenchmarkException where the disk has no room for it
   */
  public EnrichBenchmark(
      Program program, long rows, List<String> joins, boolean narrow, boolean keep) {
    this.program = program;
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
    this.rows = rows;
    this.joins = joins;
    this.folder = folder();
    Map<String, String> settings = program.apart(folder.resolve("data"), folder);
    settings.put("enrich.trades", "default.trades_raw");
    settings.put("enrich.target", "default.enriched_trades_final");
    engines = new EngineParts(program, settings, "benchmark-enrich", folder.resolve("data"));
  }

  private Path folder() {
    Path parent = Folders.parent(program);
    Path kept = parent.resolve("enrich-" + rows + (narrow ? "-narrow" : ""));
    try {
      if (keep && Files.exists(kept) && !Files.exists(kept.resolve(STATE))) {
        Folders.delete(kept);
      }
      if (!keep || !Files.exists(kept)) {
        checkRoom(parent);
      }
      return keep ? Files.createDirectories(kept) : Folders.fresh(parent, "enrich-");
    } catch (IOException e) {
      throw new BenchmarkException("cannot write to " + parent + ": " + e.getMessage());
    }
  }

  private void checkRoom(Path parent) {
    String trades = Figures.count(rows) + " trades";
    long needed = rows * (narrow ? NARROW_DISK_BYTES : DISK_BYTES);
    program.info(
        trades
            + " need up to "
            + Figures.bytes(needed)
            + " of disk in "
            + parent
            + ", and "
            + Figures.bytes(Folders.free(parent))
            + " are free");
    Folders.checkRoom(parent, trades, needed);
  }

  /**
   * @return what is printed, with names that say the unit
   * @throws BenchmarkException where a part fails
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
      result.put("memory_cap", program.setting("enrich.max-memory"));
      Map<String, Object> state = data();
      result.put("bytes_on_disk", state.get("bytes_on_disk"));
      Map<String, Object> copy = new LinkedHashMap<>();
      ((Map<?, ?>) state.get("copy")).forEach((key, value) -> copy.put((String) key, value));
      List<Map<String, Object>> parts = new ArrayList<>(List.of(copy));
      for (String join : joins) {
        parts.add(enrich(join, copy));
      }
      parts.forEach(
          part -> part.put("rows_per_second", Math.round(rows / Figures.number(part, "seconds"))));
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
        program.info("using the trades of an earlier run in " + folder);
        state.putAll(JSON.readValue(file.toFile(), new TypeReference<Map<String, Object>>() {}));
      } else {
        Map<String, Object> generated = engines.part("generate", engine -> generate(engine, state));
        JSON.writeValue(file.toFile(), state);
        program.info(
            "generated "
                + Figures.count(rows)
                + " trades in "
                + generated.get("seconds")
                + " s, "
                + Figures.bytes(state.get("bytes_on_disk")));
      }
      if (!state.containsKey("copy")) {
        engines.part("clear", this::dropCopy);
        state.put("copy", engines.part("copy", engine -> engine.run("copy", values)));
        JSON.writeValue(file.toFile(), state);
      }
      engines.part("clear", this::dropCopy);
      return state;
    } catch (IOException e) {
      throw new BenchmarkException("cannot read or write " + file + ": " + e.getMessage());
    }
  }

  private void dropCopy(Engine engine) {
    engine.run("drop-copy", Map.of());
  }

  private void generate(Engine engine, Map<String, Object> state) throws InterruptedException {
    engine.createMappingTables();
    engine.run("setup", Map.of());
    engine.run(narrow ? "narrow" : "wide", Map.of());
    engine.run("mapping", values);
    String columns = String.valueOf(engine.value("columns", Map.of()));
    for (int month = 0; month < MONTHS; month++) {
      long first = rows * month / MONTHS;
      long last = rows * (month + 1) / MONTHS;
      Map<String, Object> own = new LinkedHashMap<>(values);
      own.put("columns", new Engine.Sql(columns));
      own.put("first", first);
      own.put("count", last - first);
      own.put("month", month);
      engine.run("trades", own);
      program.status("generated " + Figures.count(last) + " of " + Figures.count(rows) + " trades");
    }
    EngineParts.quiet(engine);
    state.put("bytes_on_disk", engine.value("bytes-on-disk", Map.of()));
  }

  /** One way to look up condition ids: measured, and every row of the result judged. */
  private Map<String, Object> enrich(String join, Map<String, Object> copy) {
    removeLedger();
    Map<String, Object> enriched = new LinkedHashMap<>();
    Map<String, Object> part =
        engines.part(
            "enrich, join=" + join,
            engine -> enriched.putAll(engine.enrich(Map.of("enrich.join", join))));
    part.put(
        "times_the_copy",
        Figures.rounded(Figures.number(part, "seconds") / Figures.number(copy, "seconds")));
    part.put(
        "times_the_cpu_of_the_copy",
        Figures.rounded(Figures.number(part, "cpu_seconds") / Figures.number(copy, "cpu_seconds")));
    for (String figure :
        List.of("slices", "halved", "seconds_in", "original", "filled", "unfillable")) {
      part.put(figure, enriched.get(figure));
    }
    engines.part(
        "check",
        engine -> {
          part.put("wrong", engine.value("wrong", values));
          engine.run("drop-enriched", Map.of());
        });
    part.put(
        "right",
        Figures.number(part, "wrong") == 0 && ((Number) enriched.get("rows")).longValue() == rows);
    removeLedger();
    return part;
  }

  /** Cleans up, so that the next one starts from the beginning. */
  private void removeLedger() {
    Path ledger = folder.resolve("enrich.ledger");
    try {
      Files.deleteIfExists(ledger);
    } catch (IOException e) {
      throw new BenchmarkException("cannot remove " + ledger + ": " + e.getMessage());
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
                Figures.bytes(result.get("bytes_on_disk")),
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
              Figures.bytes(part.get("peak_resident_bytes"))));
      if (part.containsKey("times_the_copy")) {
        text.append(
            String.format(
                Locale.ROOT,
                "    %.2f times the copy, %.2f times its CPU seconds; %,d original, %,d filled, %,d"
                    + " unfillable, %,d rows wrong; %d slices, %d halved%n",
                part.get("times_the_copy"),
                part.get("times_the_cpu_of_the_copy"),
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
    return text.append(Figures.BESIDE).toString();
  }

  private void tellKept() {
    program.info(
        "the data stay in "
            + folder
            + ": the same command with --keep uses them again; remove the folder when they are no"
            + " longer needed");
  }

  private void delete() {
    Folders.clear(folder, program);
  }
}
