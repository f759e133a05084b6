package polymarket.backfill.benchmark;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The laws of the audit over transfers and fills that break none of them, against a plain scan of
 * the same tables. Everything is generated in an engine of its own, which is deleted at the end.
 */
public final class AuditBenchmark {

  /** Transfers and fills. */
  public static final long FULL = 100_000_000;

  public static final long DEFAULT = 2_000_000;

  /** Measured: transfers and fills with their share of the events, and what merges take. */
  private static final long DISK_BYTES = 150;

  /** Transfers and fills of a story of sql/benchmark-audit.sql: 53 if it is resolved, else 51. */
  private static final long ROWS_OF_A_STORY = 52;

  private static final long STORIES_AT_ONCE = 20_000;

  /** Stories of a condition, about as many as give it 5,000 transfers and fills. */
  private static final long STORIES_OF_A_CONDITION = 100;

  /** Prime, so that a wallet comes back in other conditions. Each has 13 wallets. */
  private static final long WALLETS = 200_003;

  private static final int SCANS = 3;

  private final Program program;
  private final long stories;
  private final int repeat;
  private final Workplace place;
  private final EngineParts engines;
  private final Map<String, Object> values = new LinkedHashMap<>();

  /**
   * @param rows about so many transfers and fills
   * @param repeat how many audits are made; the median counts
   * @throws BenchmarkException where the disk has no room for them
   */
  public AuditBenchmark(Program program, long rows, int repeat) {
    this.program = program;
    this.repeat = repeat;
    stories = Math.max(1, rows / ROWS_OF_A_STORY);
    values.put("stories", stories);
    values.put("markets", Math.max(2, stories / STORIES_OF_A_CONDITION));
    values.put("wallets", WALLETS);
    values.put("max_memory", 4L << 30);
    Path parent = Folders.parent(program);
    Folders.checkRoom(parent, Figures.count(rows) + " transfers and fills", rows * DISK_BYTES);
    place = new Workplace(program, parent, "audit-");
    engines =
        new EngineParts(
            program, place.settings("data"), "benchmark-audit", place.folder().resolve("data"));
  }

  /**
   * @return what is printed, with names that say the unit
   * @throws BenchmarkException where a part fails
   */
  public Map<String, Object> run() {
    return place.run("the audit", this::measure);
  }

  private Map<String, Object> measure() {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("job", "audit");
    result.put("cores", Runtime.getRuntime().availableProcessors());
    result.put("memory_cap", program.setting("enrich.max-memory"));
    Map<String, Object> generated = engines.part("generate", engine -> generate(engine, result));
    List<Map<String, Object>> scans = new ArrayList<>();
    for (int i = 0; i < SCANS; i++) {
      scans.add(engines.part("plain scan", engine -> engine.run("scan", values)));
    }
    List<Map<String, Object>> audits = new ArrayList<>();
    for (int i = 0; i < repeat; i++) {
      Map<String, Object> laws = new LinkedHashMap<>();
      Map<String, Object> part = engines.part("audit", engine -> laws.putAll(engine.audit()));
      part.putAll(laws);
      audits.add(part);
    }
    Map<String, Object> scan = Figures.median(scans);
    Map<String, Object> audit = Figures.median(audits);
    audit.put("times_the_scan", times(audit, scan, "seconds"));
    audit.put("times_the_cpu_of_the_scan", times(audit, scan, "cpu_seconds"));
    result.put("parts", List.of(generated, scan, audit));
    result.put(
        "right",
        audits.stream().allMatch(one -> Figures.number(one, "broken") == 0)
            && number(result.get("rows")) >= stories * (ROWS_OF_A_STORY - 1));
    return result;
  }

  private void generate(Engine engine, Map<String, Object> result) throws InterruptedException {
    engine.createTables("audit");
    engine.run("setup", Map.of());
    engine.run("conditions", values);
    engine.run("claim", values);
    // computes the token ids of the conditions, which the stories need
    engine.audit();
    engine.run("markets", values);
    for (long first = 0; first < stories; first += STORIES_AT_ONCE) {
      long count = Math.min(STORIES_AT_ONCE, stories - first);
      Map<String, Object> own = new LinkedHashMap<>(values);
      own.put("first", first);
      own.put("count", count);
      for (String table : List.of("transfers", "fills", "events")) {
        engine.run(table, own);
      }
      program.status(
          "generated "
              + Figures.count(first + count)
              + " of "
              + Figures.count(stories)
              + " stories");
    }
    engine.run("claim", values);
    EngineParts.quiet(engine);
    result.put("rows", engine.value("rows", values));
    result.put("bytes_on_disk", engine.value("bytes-on-disk", values));
  }

  private static double times(Map<String, Object> part, Map<String, Object> other, String figure) {
    return Figures.rounded(Figures.number(part, figure) / Figures.number(other, figure));
  }

  private static long number(Object value) {
    return ((Number) value).longValue();
  }

  /** The figures for people. */
  public static String text(Map<String, Object> result) {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "audit: %,d transfers and fills of %s, %s cores, cap %s%n",
                number(result.get("rows")),
                Figures.bytes(result.get("bytes_on_disk")),
                result.get("cores"),
                result.get("memory_cap")));
    for (Object each : (List<?>) result.get("parts")) {
      Map<?, ?> part = (Map<?, ?>) each;
      text.append(
          String.format(
              Locale.ROOT,
              "  %-12s %8.1f s, %8.1f CPU s, peak %s resident%s%n",
              part.get("part"),
              part.get("seconds"),
              part.get("cpu_seconds"),
              Figures.bytes(part.get("peak_resident_bytes")),
              part.containsKey("seconds_of_all_runs")
                  ? "; all runs: " + part.get("seconds_of_all_runs")
                  : ""));
      if (part.containsKey("laws")) {
        text.append(
            String.format(
                Locale.ROOT,
                "    %.2f times the scan, %.2f times its CPU seconds; laws broken: %d%n",
                part.get("times_the_scan"),
                part.get("times_the_cpu_of_the_scan"),
                number(part.get("broken"))));
        for (Object law : (List<?>) part.get("laws")) {
          Map<?, ?> one = (Map<?, ?>) law;
          text.append(
              String.format(
                  Locale.ROOT,
                  "    %-12s %8.1f s, %,d checked, %s%s%n",
                  one.get("law"),
                  one.get("seconds"),
                  number(one.get("checked")),
                  one.get("state"),
                  one.get("where").equals("") ? "" : ": " + one.get("where")));
        }
      }
    }
    return text.append(Figures.BESIDE).toString();
  }
}
