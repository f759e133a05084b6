package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
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
import polymarket.backfill.polymarket.ConditionLogs;

/**
 * Measures the scan of a range of blocks with millions of logs: the program, the engine and the
 * sandbox's Polygon node each in a process of its own, at the routes' own pace, in a folder that is
 * removed again.
 */
public final class RpcLogsBenchmark {

  /** Blocks of a full run, which hold some 2.8 million logs. */
  public static final long FULL = 60_000;

  /** Some 46 logs of conditions and transfers a block, as in a busy month of Polygon. */
  private static final List<String> SANDBOX =
      List.of("--conditions", "20000", "--fills-per-market", "130", "--block-seconds", "1000");

  /** Measured: a block's rows, parts that are not merged yet, and its ledger. */
  private static final long DISK_BYTES = 40_000;

  /** Blocks in one question to the sandbox's truth, which makes their logs in memory. */
  private static final long TRUTH_BLOCKS = 500;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Settings settings;
  private final Messages messages;
  private final long blocks;
  private final Path folder;
  private final List<ProcessHandle> processes = new CopyOnWriteArrayList<>();

  /**
   * @param blocks to scan, the newest that may be asked for
   * @throws UserError where the disk has no room for them
   */
  public RpcLogsBenchmark(Settings settings, long blocks, Messages messages) {
    this.messages = messages;
    this.blocks = blocks;
    Path parent = settings.path("runtime.dir").resolve("benchmark");
    try {
      Files.createDirectories(parent);
      long free = Files.getFileStore(parent).getUsableSpace();
      if (free < blocks * DISK_BYTES) {
        throw new UserError(
            Messages.count(blocks)
                + " blocks need up to "
                + Benchmark.bytes(blocks * DISK_BYTES)
                + " of disk in "
                + settings.path("runtime.dir")
                + ", and "
                + Benchmark.bytes(free)
                + " are free: set runtime.dir to another disk, or take fewer with --ids");
      }
      folder = Files.createTempDirectory(parent, "rpc-logs-");
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
            .with("runtime.dir", folder.toString());
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
      throw new UserError("benchmark of rpc-logs: " + e.getMessage());
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
    Process sandbox =
        start("sandbox", Stream.concat(SANDBOX.stream(), Stream.of("--port", "0")).toList());
    Map<String, String> urls = Benchmark.urls(sandbox);
    String base = urls.get("statistics").replaceAll("/_sandbox/.*", "");
    long last = head(urls.get("polygon")) - 100;
    long first = last - blocks + 1;

    List<String> arguments =
        new ArrayList<>(List.of("rpc-logs", "--from", "" + first, "--to", "" + last, "--json"));
    for (String key :
        List.of("clickhouse.url", "clickhouse.data", "clickhouse.port", "runtime.dir")) {
      arguments.addAll(List.of("--set", key + "=" + settings.text(key)));
    }
    arguments.addAll(List.of("--set", "polygon.rpc.url=" + urls.get("polygon")));
    List<ProcessUse> uses =
        new CopyOnWriteArrayList<>(List.of(new ProcessUse("sandbox", sandbox.toHandle())));
    Process program = start("run", arguments);
    uses.add(new ProcessUse("program", program.toHandle()));
    Thread looks = new Thread(() -> look(uses), "benchmark-uses");
    looks.setDaemon(true);
    looks.start();
    String text = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int code = program.waitFor();
    if (code != 0 || text.isBlank()) {
      throw new UserError("the run of rpc-logs ended with exit code " + code + ": " + errors());
    }
    uses.forEach(ProcessUse::look);
    looks.interrupt();
    JsonNode run = JSON.readTree(text).path("run");
    double seconds = run.path("seconds").asDouble();

    messages.info("comparing with the sandbox's truth ...");
    Map<String, Long> truth = truth(base, first, last);
    Map<String, Object> rows = new LinkedHashMap<>();
    boolean equal = true;
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      Map<String, String> stored =
          Map.of(
              "conditions",
              "SELECT count() FROM default.rpc_conditions",
              "resolutions",
              "SELECT count() FROM default.rpc_resolutions",
              "moves",
              "SELECT sum(transfers) FROM default.rpc_transfers");
      for (String kind : List.of("conditions", "resolutions", "moves")) {
        long n = ((Number) clickHouse.value(stored.get(kind))).longValue();
        rows.put(kind, n);
        rows.put(kind + "_in_truth", truth.get(kind));
        equal &= n == truth.get(kind);
      }
    }
    rows.put("equal", equal);
    JsonNode limit =
        JSON.readTree(URI.create(urls.get("statistics")).toURL())
            .path("limits")
            .path("polygon calls");
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("job", "rpc-logs");
    result.put("blocks", blocks);
    result.put("cores", Runtime.getRuntime().availableProcessors());
    result.put("logs", truth.get("logs"));
    result.put("seconds", seconds);
    result.put("logs_per_second", Math.round(truth.get("logs") / seconds));
    result.put("blocks_per_second", Math.round(blocks / seconds));
    result.put("calls", limit.path("arrivals").asLong());
    result.put("calls_over_the_limit", limit.path("violations").asLong());
    result.put("retries", run.path("retries").asLong());
    result.put("rows", rows);
    result.put("processes", uses.stream().map(ProcessUse::result).toList());
    result.put("right", equal && limit.path("violations").asLong() == 0);
    return result;
  }

  /** Looks at the processes while they run, and at the engine once it is there. */
  private void look(List<ProcessUse> uses) {
    while (true) {
      uses.forEach(ProcessUse::look);
      try {
        Path file = folder.resolve("data/engine.json");
        if (uses.size() == 2 && Files.exists(file)) {
          ProcessHandle.of(JSON.readTree(file.toFile()).path("pid").asLong())
              .ifPresent(
                  engine -> {
                    processes.add(engine);
                    uses.add(new ProcessUse("engine", engine));
                  });
        }
        TimeUnit.MILLISECONDS.sleep(ProcessUse.EVERY_MILLIS);
      } catch (IOException e) {
        // being written
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private static long head(String polygon) throws IOException {
    var call = URI.create(polygon).toURL().openConnection();
    call.setDoOutput(true);
    call.getOutputStream()
        .write(
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_blockNumber\",\"params\":[]}"
                .getBytes(StandardCharsets.US_ASCII));
    try (InputStream answer = call.getInputStream()) {
      return Long.parseLong(JSON.readTree(answer).path("result").asText().substring(2), 16);
    }
  }

  /** The sandbox's logs of these blocks, decoded and counted by kind. */
  private static Map<String, Long> truth(String sandbox, long first, long last) throws IOException {
    Map<String, Long> counts =
        new LinkedHashMap<>(Map.of("logs", 0L, "conditions", 0L, "resolutions", 0L, "moves", 0L));
    for (long from = first; from <= last; from += TRUTH_BLOCKS) {
      URI some =
          URI.create(
              sandbox
                  + "/_sandbox/truth/logs?from="
                  + from
                  + "&to="
                  + Math.min(last, from + TRUTH_BLOCKS - 1));
      try (BufferedReader lines =
          new BufferedReader(
              new InputStreamReader(some.toURL().openStream(), StandardCharsets.UTF_8))) {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          counts.merge("logs", 1L, Long::sum);
          for (ConditionLogs.Row row : ConditionLogs.decode(JSON.readTree(line))) {
            counts.merge(
                row instanceof ConditionLogs.Preparation
                    ? "conditions"
                    : row instanceof ConditionLogs.Resolution ? "resolutions" : "moves",
                1L,
                Long::sum);
          }
        }
      }
    }
    return counts;
  }

  private Process start(String command, List<String> arguments) throws IOException {
    return Benchmark.start(
        processes,
        command,
        List.of("-Dbackfill.home=" + settings.home()),
        folder.resolve("errors.txt"),
        arguments);
  }

  private String errors() throws IOException {
    return Benchmark.tail(folder.resolve("errors.txt"));
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
    Map<?, ?> rows = (Map<?, ?>) result.get("rows");
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "rpc-logs: %,d blocks with %,d logs, %d cores%n",
                result.get("blocks"),
                result.get("logs"),
                result.get("cores")));
    text.append(
        String.format(
            Locale.ROOT,
            "  speed     %,d logs/s, %,d blocks/s: %.1f s%n",
            result.get("logs_per_second"),
            result.get("blocks_per_second"),
            result.get("seconds")));
    text.append(
        String.format(
            Locale.ROOT,
            "  calls     %,d, %,d over the limit, %,d retries%n",
            result.get("calls"),
            result.get("calls_over_the_limit"),
            result.get("retries")));
    text.append(
        String.format(
            Locale.ROOT,
            "  rows      %,d conditions (truth: %,d), %,d resolutions (%,d), %,d moves of tokens"
                + " (%,d): %s%n",
            rows.get("conditions"),
            rows.get("conditions_in_truth"),
            rows.get("resolutions"),
            rows.get("resolutions_in_truth"),
            rows.get("moves"),
            rows.get("moves_in_truth"),
            Boolean.TRUE.equals(rows.get("equal")) ? "equal" : "NOT EQUAL"));
    for (Object each : (List<?>) result.get("processes")) {
      Map<?, ?> process = (Map<?, ?>) each;
      text.append(
          String.format(
              Locale.ROOT,
              "  %-9s %.1f CPU seconds, %s at the most%n",
              process.get("process"),
              process.get("cpu_seconds"),
              Benchmark.bytes(process.get("peak_resident_bytes"))));
    }
    return text.toString();
  }
}
