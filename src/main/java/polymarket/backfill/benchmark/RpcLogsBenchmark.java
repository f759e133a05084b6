package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

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

  private final Program program;
  private final long blocks;
  private final Workplace place;

  /**
   * @param blocks to scan, the newest that may be asked for
   * @throws BenchmarkException where the disk has no room for them
   */
  public RpcLogsBenchmark(Program program, long blocks) {
    this.program = program;
    this.blocks = blocks;
    Path parent = Folders.parent(program);
    Folders.checkRoom(parent, Figures.count(blocks) + " blocks", blocks * DISK_BYTES);
    place = new Workplace(program, parent, "rpc-logs-");
  }

  /**
   * @return what is printed, with names that say the unit
   * @throws BenchmarkException where a process fails
   */
  public Map<String, Object> run() {
    return place.run("rpc-logs", this::measure);
  }

  private Map<String, Object> measure() throws IOException, InterruptedException {
    Process sandbox =
        place.start(
            "sandbox",
            program.home(),
            Stream.concat(SANDBOX.stream(), Stream.of("--port", "0")).toList());
    Map<String, String> urls = Processes.urls(sandbox);
    String base = urls.get("statistics").replaceAll("/_sandbox/.*", "");
    long last = head(urls.get("polygon")) - 100;
    long first = last - blocks + 1;
    Map<String, String> set = place.settings("data");
    set.put("polygon.rpc.url", urls.get("polygon"));
    ProcessUses uses = new ProcessUses(program, place.processes(), set);
    uses.add("sandbox", sandbox.toHandle());
    JsonNode run = scan(first, last, set, uses).path("run");
    program.info("comparing with the sandbox's truth ...");
    Map<String, Long> truth = truth(base, first, last);
    Map<String, Object> rows = compare(uses, truth);
    JsonNode limit =
        JSON.readTree(URI.create(urls.get("statistics")).toURL())
            .path("limits")
            .path("polygon calls");
    double seconds = run.path("seconds").asDouble();
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
    result.put("processes", uses.all().stream().map(ProcessUse::result).toList());
    result.put("right", rows.get("equal").equals(true) && limit.path("violations").asLong() == 0);
    return result;
  }

  /** Runs the job over the blocks, and gives what it prints. */
  private JsonNode scan(long first, long last, Map<String, String> set, ProcessUses uses)
      throws IOException, InterruptedException {
    List<String> arguments =
        new ArrayList<>(List.of("rpc-logs", "--from", "" + first, "--to", "" + last, "--json"));
    set.forEach((key, value) -> arguments.addAll(List.of("--set", key + "=" + value)));
    Process process = place.start("run", program.home(), arguments);
    uses.add(ProcessUses.PROGRAM, process.toHandle());
    uses.start(0);
    try {
      return place.result("rpc-logs", process);
    } finally {
      uses.stop();
    }
  }

  private static Map<String, Object> compare(ProcessUses uses, Map<String, Long> truth) {
    Map<String, String> stored =
        Map.of(
            "conditions",
            "SELECT count() FROM default.rpc_conditions",
            "resolutions",
            "SELECT count() FROM default.rpc_resolutions",
            "moves",
            "SELECT sum(transfers) FROM default.rpc_transfers");
    Map<String, Object> rows = new LinkedHashMap<>();
    boolean equal = true;
    try (Engine engine = uses.engine()) {
      for (String kind : List.of("conditions", "resolutions", "moves")) {
        long n = ((Number) engine.value(stored.get(kind))).longValue();
        rows.put(kind, n);
        rows.put(kind + "_in_truth", truth.get(kind));
        equal &= n == truth.get(kind);
      }
    }
    rows.put("equal", equal);
    return rows;
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
          JsonNode log = JSON.readTree(line);
          if (!LogKinds.kind(log).isEmpty()) {
            counts.merge(LogKinds.kind(log), LogKinds.count(log), Long::sum);
          }
        }
      }
    }
    return counts;
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
              Figures.bytes(process.get("peak_resident_bytes"))));
    }
    return text.toString();
  }
}
