package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;

/**
 * Measures the job that fetches the chain's logs as the bytes that come: its logs a second, and the
 * engine's own time for inserting the same bytes into the same landing table in the same run. The
 * answers are recorded from the sandbox first and given again by this process, so that nobody makes
 * them while the program runs; program and engine are processes of their own, the source's limit is
 * lifted.
 */
public final class ChainBenchmark {

  /** Blocks of a full run, which hold some half a million logs. */
  public static final long FULL = 1_000;

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

  /** Blocks of the scan by the job before, which is as it was, that are compared with. */
  private static final long BLOCKS_BEFORE = 3_000;

  private static final String DATASETS = "conditions,transfers,fills,amm,lifecycle";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Settings settings;
  private final Messages messages;
  private final long blocks;
  private final Path folder;
  private final List<ProcessHandle> processes = new CopyOnWriteArrayList<>();

  /**
   * @param blocks to fetch, behind the end of exchange V1
   */
  public ChainBenchmark(Settings settings, long blocks, Messages messages) {
    this.settings = settings;
    this.blocks = blocks;
    this.messages = messages;
    Path parent = settings.path("runtime.dir").resolve("benchmark");
    try {
      Files.createDirectories(parent);
      folder = Files.createTempDirectory(parent, "logs-");
    } catch (IOException e) {
      throw new UserError(
          "cannot write to "
              + parent
              + ": "
              + e.getMessage()
              + "; set runtime.dir to a folder that can be written");
    }
  }

  /**
   * @return what is printed, with names that say the unit
   * @throws UserError where a process fails
   */
  public Map<String, Object> run() {
    Thread ended = new Thread(this::clear, "benchmark-end");
    Runtime.getRuntime().addShutdownHook(ended);
    try {
      return measure();
    } catch (IOException e) {
      throw new UserError("benchmark of the chain's logs: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted");
    } finally {
      clear();
      try {
        Runtime.getRuntime().removeShutdownHook(ended);
      } catch (IllegalStateException e) {
        // it is running just now
      }
    }
  }

  private Map<String, Object> measure() throws IOException, InterruptedException {
    Process sandbox = start("sandbox", List.of(), SANDBOX);
    Map<String, String> urls = Benchmark.urls(sandbox);
    long first = 86_127_000L;
    long last = first + blocks - 1;
    messages.info("recording the answers for " + Messages.count(blocks) + " blocks ...");
    Map<String, Object> result = new LinkedHashMap<>();
    try (RecordedPortal portal =
        RecordedPortal.record(
            folder.resolve("answers.ndjson"),
            urls.get("sqd") + "/datasets/polygon-mainnet",
            first,
            last,
            List.of(DATASETS.split(",")))) {
      Benchmark.end(processes);
      Path home = unlimited();
      messages.info("running the program ...");
      Map<String, String> own = own("data");
      List<String> arguments =
          new ArrayList<>(
              List.of("chain", "--from", "" + first, "--to", "" + last, "--json", "--set"));
      arguments.add("sqd.url=" + portal.url());
      arguments.addAll(List.of("--set", "chain.sources=sqd"));
      own.forEach((key, value) -> arguments.addAll(List.of("--set", key + "=" + value)));
      Process program = start("run", List.of("-Dbackfill.home=" + home), arguments);
      ProcessUse use = new ProcessUse("program", program.toHandle());
      Thread looks = new Thread(() -> look(use), "benchmark-uses");
      looks.setDaemon(true);
      looks.start();
      String text = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int code = program.waitFor();
      looks.interrupt();
      if (code != 0 || text.isBlank()) {
        throw new UserError(
            "the run of chain ended with exit code "
                + code
                + ": "
                + Benchmark.tail(folder.resolve("errors.txt")));
      }
      double seconds = JSON.readTree(text).path("run").path("seconds").asDouble();
      long logs = portal.logs();
      result.put("job", "chain");
      result.put("blocks", blocks);
      result.put("cores", Runtime.getRuntime().availableProcessors());
      result.put("logs", logs);
      result.put("bytes", portal.bytes());
      result.put("seconds", seconds);
      result.put("logs_per_second", Math.round(logs / seconds));
      result.put("peak_resident_bytes", use.result().get("peak_resident_bytes"));
      boolean equal;
      try (ClickHouse clickHouse = ClickHouse.open(with(own))) {
        long stored =
            clickHouse.number("SELECT sum(logs) FROM default.chain_ranges")
                - clickHouse.number("SELECT count() FROM default.chain_rejected");
        equal = stored == logs;
        result.put("logs_stored", stored);
        result.put("bytes_a_row", bytesARow(clickHouse));
      }
      messages.info("inserting the same bytes with the engine alone ...");
      try (ClickHouse clickHouse = ClickHouse.open(with(own("alone")))) {
        Views.create(clickHouse, "chain");
        double alone = inserted(clickHouse, portal, "default.chain_from_sqd");
        clickHouse.execute("CREATE TABLE default.bare AS default.chain_from_sqd ENGINE = Null");
        result.put("engine_seconds", alone);
        result.put("engine_seconds_without_views", inserted(clickHouse, portal, "default.bare"));
        result.put("times_the_engine", Math.round(100 * seconds / alone) / 100.0);
      }
      messages.info("scanning with the job before ...");
      Map<String, Object> before = new RpcLogsBenchmark(settings, BLOCKS_BEFORE, messages).run();
      double faster = logs / seconds / ((Number) before.get("logs_per_second")).doubleValue();
      result.put("logs_per_second_before", before.get("logs_per_second"));
      result.put("times_before", Math.round(10 * faster) / 10.0);
      result.put("right", equal);
    }
    return result;
  }

  /** Bytes a row on disk of each table, once all of it is merged, without what is stated apart. */
  private static Map<String, Object> bytesARow(ClickHouse clickHouse) {
    Map<String, Object> bytes = new LinkedHashMap<>();
    for (String table : List.of("chain_fills", "chain_transfers", "chain_lifecycle")) {
      // a small part does not tell its columns apart
      clickHouse.execute(
          "ALTER TABLE default." + table + " MODIFY SETTING min_bytes_for_wide_part = 0");
      clickHouse.execute("OPTIMIZE TABLE default." + table + " FINAL");
      for (Map<String, Object> row :
          clickHouse.rows(
              "SELECT round(sumIf(column_bytes_on_disk, column NOT IN ('order_hash', 'builder')) /"
                  + " any(all_rows), 1) AS bytes, round(sumIf(column_bytes_on_disk, column IN"
                  + " ('order_hash', 'builder')) / any(all_rows), 1) AS apart FROM"
                  + " system.parts_columns AS columns, (SELECT sum(rows) AS all_rows FROM"
                  + " system.parts WHERE active AND database = 'default' AND table = {t:String}) AS"
                  + " whole WHERE columns.active AND columns.database = 'default' AND columns.table"
                  + " = {t:String}",
              Map.of("t", table))) {
        bytes.put(table, row.get("bytes"));
        if (table.equals("chain_fills")) {
          bytes.put("order_hash_and_builder", row.get("apart"));
        }
      }
    }
    return bytes;
  }

  /** Seconds that it takes to insert all answers, one after the other. */
  private double inserted(ClickHouse clickHouse, RecordedPortal portal, String table)
      throws IOException {
    long nanos = 0;
    for (long from = portal.first(); from >= 0; from = portal.next(from)) {
      byte[] answer = portal.answer(from);
      long begun = System.nanoTime();
      clickHouse.insert(table, answer, table + from, "alone");
      nanos += System.nanoTime() - begun;
    }
    return Math.round(nanos / 1e7) / 100.0;
  }

  private Map<String, String> own(String data) {
    return Map.of(
        "clickhouse.url",
        "",
        "clickhouse.data",
        folder.resolve(data).toString(),
        "clickhouse.port",
        "0",
        "runtime.dir",
        folder.toString());
  }

  private Settings with(Map<String, String> values) {
    Settings with = settings;
    for (Map.Entry<String, String> value : values.entrySet()) {
      with = with.with(value.getKey(), value.getValue());
    }
    return with;
  }

  /** A copy of the routes in which the portal has practically no limit. */
  private Path unlimited() throws IOException {
    Path home = folder.resolve("home");
    Path routes = settings.home().resolve("routes");
    try (Stream<Path> files = Files.walk(routes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path copy = home.resolve("routes").resolve(routes.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
    }
    Files.createSymbolicLink(home.resolve("chdb"), settings.home().resolve("chdb"));
    Path source = home.resolve("routes/sources/sqd.camel.yaml");
    Files.writeString(
        source,
        Files.readString(source)
            .replaceAll("timePeriodMillis: \"?\\d+\"?", "timePeriodMillis: \"10\""));
    Files.copy(
        settings.home().resolve("application.properties"), home.resolve("application.properties"));
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

  private Process start(String command, List<String> options, List<String> arguments)
      throws IOException {
    return Benchmark.start(
        processes,
        command,
        options.isEmpty() ? List.of("-Dbackfill.home=" + settings.home()) : options,
        folder.resolve("errors.txt"),
        arguments);
  }

  private void clear() {
    Benchmark.end(processes);
    try {
      Benchmark.delete(folder);
    } catch (IOException | UncheckedIOException e) {
      messages.warn("cannot remove " + folder + ": " + e.getMessage());
    }
  }

  /** The result for a person. */
  public static String text(Map<String, Object> result) {
    return String.format(
            Locale.ROOT,
            "chain: %,d blocks with %,d logs (%s), %d cores%n",
            result.get("blocks"),
            result.get("logs"),
            Benchmark.bytes(result.get("bytes")),
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
        + String.format(
            Locale.ROOT,
            "  before    rpc-logs: %,d logs/s; %s times as fast now%n",
            result.get("logs_per_second_before"),
            result.get("times_before"))
        + String.format(
            Locale.ROOT,
            "  memory    %s at the most%n  disk      bytes a row: %s%n  stored    %,d logs: %s%n",
            Benchmark.bytes(result.get("peak_resident_bytes")),
            result.get("bytes_a_row"),
            result.get("logs_stored"),
            Boolean.TRUE.equals(result.get("right")) ? "equal" : "NOT EQUAL");
  }
}
