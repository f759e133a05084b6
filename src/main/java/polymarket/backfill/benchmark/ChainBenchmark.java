package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Measures the job that fetches the chain's logs as the bytes that come: its logs a second, and the
 * engine's own time for inserting the same bytes into the same landing table in the same run. The
 * answers are recorded from the sandbox first and given again by this process, so that nobody makes
 * them while the program runs; program and engine are processes of their own, the source's limit is
 * lifted.
 */
public final class ChainBenchmark {

  /** Blocks of a full run, which hold some half a million logs. */
  public static final long FULL = 4_000;

  /** Some 500 logs a block, as in a busy month of Polygon. */
  private static final List<String> SANDBOX =
      List.of(
          "--conditions",
          "20000",
          "--fills-per-market",
          "300",
          "--block-seconds",
          "1000",
          "--limits",
          "off",
          "--port",
          "0");

  /** Blocks of the scan by an earlier version, of 46 logs each. */
  private static final long BLOCKS_BEFORE = 3_000;

  private final Program program;
  private final long blocks;
  private final List<String> datasets;
  private final Path before;
  private final Workplace place;

  /**
   * @param blocks to fetch, behind the end of exchange V1
   * @param datasets to fetch
   * @param before the folder of an earlier version, whose {@code benchmark rpc-logs} is run for
   *     comparison; null for none
   */
  public ChainBenchmark(Program program, long blocks, List<String> datasets, Path before) {
    this.program = program;
    this.blocks = blocks;
    this.datasets = datasets;
    this.before = before;
    this.place = new Workplace(program, Folders.parent(program), "logs-");
  }

  /**
   * @return what is printed, with names that say the unit
   * @throws BenchmarkException where a process fails
   */
  public Map<String, Object> run() {
    return place.run("the chain's logs", this::measure);
  }

  private Map<String, Object> measure() throws IOException, InterruptedException {
    Process sandbox = place.start("sandbox", program.home(), SANDBOX);
    Map<String, String> urls = Processes.urls(sandbox);
    long first = 86_127_000L;
    long last = first + blocks - 1;
    program.info("recording the answers for " + Figures.count(blocks) + " blocks ...");
    Map<String, Object> result = new LinkedHashMap<>();
    try (RecordedPortal portal =
        RecordedPortal.record(
            program,
            place.folder().resolve("answers.ndjson"),
            urls.get("sqd") + "/datasets/polygon-mainnet",
            first,
            last,
            datasets)) {
      place.processes().end();
      program.info("running the program ...");
      Map<String, String> own = place.settings("data");
      fetch(first, last, portal, own, result);
      boolean equal = stored(portal, own, result);
      program.info("inserting the same bytes with the engine alone ...");
      alone(portal, result);
      if (before != null) {
        program.info("scanning with the earlier version ...");
        long logs = logsASecondBefore();
        double faster = portal.logs() / Figures.number(result, "seconds") / logs;
        result.put("logs_per_second_before", logs);
        result.put("times_before", Math.round(10 * faster) / 10.0);
      }
      result.put("right", equal);
    }
    return result;
  }

  /** What an earlier version's own benchmark says of its job for the chain's logs. */
  private long logsASecondBefore() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                before.resolve("backfill").toString(),
                "benchmark",
                "rpc-logs",
                "--ids",
                String.valueOf(BLOCKS_BEFORE),
                "--json",
                "--set",
                "runtime.dir=" + place.folder().resolve("before"))
            .directory(before.toFile())
            .redirectError(ProcessBuilder.Redirect.appendTo(place.errors().toFile()))
            .start();
    place.processes().add(process.toHandle());
    return place.result("the earlier version", process).path("logs_per_second").asLong();
  }

  /** Runs the job over the recorded answers. */
  private void fetch(
      long first,
      long last,
      RecordedPortal portal,
      Map<String, String> own,
      Map<String, Object> result)
      throws IOException, InterruptedException {
    List<String> arguments =
        new ArrayList<>(List.of("chain", "--from", "" + first, "--to", "" + last, "--json"));
    arguments.addAll(List.of("--datasets", String.join(",", datasets)));
    arguments.addAll(List.of("--set", "sqd.url=" + portal.url(), "--set", "chain.sources=sqd"));
    own.forEach((key, value) -> arguments.addAll(List.of("--set", key + "=" + value)));
    Process process = place.start("run", unlimited(), arguments);
    ProcessUse use = new ProcessUse(ProcessUses.PROGRAM, process.toHandle());
    Thread looks = new Thread(() -> look(use), "benchmark-uses");
    looks.setDaemon(true);
    looks.start();
    JsonNode printed;
    try {
      printed = place.result("chain", process);
    } finally {
      looks.interrupt();
    }
    double seconds = printed.path("run").path("seconds").asDouble();
    result.put("job", "chain");
    result.put("blocks", blocks);
    result.put("cores", Runtime.getRuntime().availableProcessors());
    result.put("logs", portal.logs());
    result.put("bytes", portal.bytes());
    result.put("seconds", seconds);
    result.put("logs_per_second", Math.round(portal.logs() / seconds));
    result.put("peak_resident_bytes", use.result().get("peak_resident_bytes"));
  }

  /** Whether all logs were stored. */
  private boolean stored(
      RecordedPortal portal, Map<String, String> own, Map<String, Object> result) {
    try (Engine engine = program.engine(own, null)) {
      long stored =
          number(engine, "SELECT sum(logs) FROM default.chain_ranges")
              - number(engine, "SELECT count() FROM default.chain_rejected");
      result.put("logs_stored", stored);
      result.put("bytes_a_row", bytesARow(engine));
      return stored == portal.logs();
    }
  }

  private static long number(Engine engine, String sql) {
    return ((Number) engine.value(sql)).longValue();
  }

  /** The engine's own time for the same bytes. */
  private void alone(RecordedPortal portal, Map<String, Object> result) throws IOException {
    try (Engine engine = program.engine(place.settings("alone"), null)) {
      engine.createTables("chain");
      double alone = inserted(engine, portal, "default.chain_from_sqd");
      engine.execute("CREATE TABLE default.bare AS default.chain_from_sqd ENGINE = Null");
      result.put("engine_seconds", alone);
      result.put("engine_seconds_without_views", inserted(engine, portal, "default.bare"));
      result.put("times_the_engine", Figures.rounded(Figures.number(result, "seconds") / alone));
    }
  }

  /** Bytes a row on disk of each table, once all of it is merged, without what is stated apart. */
  private static Map<String, Object> bytesARow(Engine engine) {
    Map<String, Object> bytes = new LinkedHashMap<>();
    for (String table : List.of("chain_fills", "chain_transfers", "chain_lifecycle")) {
      // a small part does not tell its columns apart
      engine.execute(
          "ALTER TABLE default." + table + " MODIFY SETTING min_bytes_for_wide_part = 0");
      engine.execute("OPTIMIZE TABLE default." + table + " FINAL");
      for (Map<String, Object> row :
          engine.rows(
              "SELECT round(sumIf(column_bytes_on_disk, column NOT IN ('order_hash', 'builder')) /"
                  + " any(all_rows), 1) AS bytes, round(sumIf(column_bytes_on_disk, column IN"
                  + " ('order_hash', 'builder')) / any(all_rows), 1) AS apart FROM"
                  + " system.parts_columns AS columns, (SELECT sum(rows) AS all_rows FROM"
                  + " system.parts WHERE active AND database = 'default' AND table = '"
                  + table
                  + "') AS whole WHERE columns.active AND columns.database = 'default' AND"
                  + " columns.table = '"
                  + table
                  + "'")) {
        bytes.put(table, row.get("bytes"));
        if (table.equals("chain_fills")) {
          bytes.put("order_hash_and_builder", row.get("apart"));
        }
      }
    }
    return bytes;
  }

  /** Seconds that it takes to insert all answers, one after the other. */
  private double inserted(Engine engine, RecordedPortal portal, String table) throws IOException {
    long nanos = 0;
    for (long from = portal.first(); from >= 0; from = portal.next(from)) {
      byte[] answer = portal.answer(from);
      long begun = System.nanoTime();
      engine.insert(table, answer, table + from);
      nanos += System.nanoTime() - begun;
    }
    return Math.round(nanos / 1e7) / 100.0;
  }

  /** A copy of the routes in which the portal has practically no limit. */
  private Path unlimited() throws IOException {
    Path home = place.folder().resolve("home");
    Path routes = program.home().resolve("routes");
    try (Stream<Path> files = Files.walk(routes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path copy = home.resolve("routes").resolve(routes.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
    }
    Files.createSymbolicLink(home.resolve("chdb"), program.home().resolve("chdb"));
    Path source = home.resolve("routes/sources/sqd.camel.yaml");
    Files.writeString(
        source,
        Files.readString(source)
            .replaceAll("timePeriodMillis: \"?\\d+\"?", "timePeriodMillis: \"10\""));
    Files.copy(
        program.home().resolve("application.properties"), home.resolve("application.properties"));
    return home;
  }

  private void look(ProcessUse use) {
    try {
      while (true) {
        use.look();
        TimeUnit.MILLISECONDS.sleep(ProcessUse.EVERY_MILLIS);
      }
    } catch (InterruptedException e) {
      // the run has ended
    }
  }

  /** The result for a person. */
  public static String text(Map<String, Object> result) {
    return String.format(
            Locale.ROOT,
            "chain: %,d blocks with %,d logs (%s), %d cores%n",
            result.get("blocks"),
            result.get("logs"),
            Figures.bytes(result.get("bytes")),
            result.get("cores"))
        + String.format(
            Locale.ROOT,
            "  speed     %,d logs/s: %.1f s, %s times the engine alone (%s s; %s s without"
                + " views)%n",
            result.get("logs_per_second"),
            result.get("seconds"),
            result.get("times_the_engine"),
            result.get("engine_seconds"),
            result.get("engine_seconds_without_views"))
        + (result.containsKey("times_before")
            ? String.format(
                Locale.ROOT,
                "  before    rpc-logs: %,d logs/s; %s times as fast now%n",
                result.get("logs_per_second_before"),
                result.get("times_before"))
            : "")
        + String.format(
            Locale.ROOT,
            "  memory    %s at the most%n  disk      bytes a row: %s%n  stored    %,d logs: %s%n",
            Figures.bytes(result.get("peak_resident_bytes")),
            result.get("bytes_a_row"),
            result.get("logs_stored"),
            Boolean.TRUE.equals(result.get("right")) ? "equal" : "NOT EQUAL");
  }
}
