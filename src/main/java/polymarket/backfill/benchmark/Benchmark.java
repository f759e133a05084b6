package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Measures a job against the sandbox: the program, the engine and the sandbox each in a process of
 * its own, in a folder that is removed again.
 */
public final class Benchmark implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * One measurement.
   *
   * @param workers processes that share the limit
   * @param members whether they are members with one ledger, in the database of cluster.url
   * @param scale of the sandbox's limits and of the pace; 0 for none
   * @param javaOptions of the program, behind those of this process
   * @param noise whether other processes keep all cores busy meanwhile
   * @param latencyMillis that every answer of the source takes at least
   */
  public record Part(
      String name,
      int workers,
      boolean members,
      double scale,
      List<String> javaOptions,
      boolean noise,
      long latencyMillis) {

    /** Whether one of its members is killed, to see how soon the others take its batches over. */
    boolean isKilled() {
      return members && workers > 1 && scale > 0;
    }
  }

  private final Program program;
  private final Scenario scenario;
  private final String source;
  private final Map<String, String> overrides;
  private final Path folder;
  private final Processes processes;
  private final Thread interrupted = new Thread(this::clear, "benchmark-end");

  /**
   * @param source that the job asks, as in routes/sources
   * @param overrides further settings for the program
   * @throws BenchmarkException where its folder cannot be made
   */
  public Benchmark(
      Program program, Scenario scenario, String source, Map<String, String> overrides) {
    this.program = program;
    this.scenario = scenario;
    this.source = source;
    this.overrides = overrides;
    this.processes = new Processes(program);
    this.folder = Folders.fresh(Folders.parent(program), scenario.job() + "-");
    Runtime.getRuntime().addShutdownHook(interrupted);
  }

  /**
   * @throws BenchmarkException where the disk has no room for so many ids
   */
  public void checkRoom(long ids) {
    Folders.checkRoom(folder, Figures.count(ids) + " ids", ids * scenario.diskBytes());
  }

  /**
   * The list of so many ids, or null for a job that makes them itself. The parts and repetitions
   * share it.
   */
  private Path ids(String sandbox, long count) throws IOException, InterruptedException {
    if (scenario.maker() == null) {
      return null;
    }
    Path file = folder.resolve("ids-" + count + ".txt");
    if (!Files.exists(file)) {
      scenario.maker().write(sandbox, file, count);
    }
    return file;
  }

  /**
   * Runs one part from an empty folder.
   *
   * @param count how many ids
   * @return what is printed, with names that say the unit
   * @throws BenchmarkException where a process of it fails
   */
  public Map<String, Object> run(Part part, long count) {
    if (!part.members()) {
      return in(home -> measure(part, count, home, null));
    }
    SharedLedger ledger = program.sharedLedger(scenario.job());
    if (ledger == null) {
      throw new BenchmarkException(
          "members need a PostgreSQL database: set CLUSTER_URL; see docs/CLUSTER.md");
    }
    if (ledger.exists()) {
      throw new BenchmarkException(
          "the database of cluster.url has a ledger of "
              + scenario.job()
              + " already: a benchmark needs a database without one, because it drops it");
    }
    try {
      return in(home -> measure(part, count, home, new Members(ledger)));
    } finally {
      ledger.drop();
    }
  }

  /** What is measured in an empty folder. */
  private interface Measurement {
    Map<String, Object> in(Path home) throws IOException, InterruptedException;
  }

  private Map<String, Object> in(Measurement measurement) {
    Path home = folder.resolve("run-" + System.nanoTime());
    try {
      try {
        return measurement.in(home);
      } finally {
        processes.end();
        Folders.delete(home);
      }
    } catch (IOException e) {
      throw new BenchmarkException("benchmark of " + scenario.job() + ": " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BenchmarkException("interrupted");
    }
  }

  /** Whether {@link #peer} can be called here: for the job payouts, where there is Python. */
  public static boolean hasPeer() {
    return Peer.isThere();
  }

  /**
   * Runs a Python script in the place of the program.
   *
   * @return what is printed, with names that say the unit
   * @throws BenchmarkException where a process of it fails
   */
  public Map<String, Object> peer(Part part, long count) {
    return in(home -> measurePeer(part, count, home));
  }

  /** The peers' figures, for people. */
  public static String peerText(List<Map<String, Object>> parts) {
    return Peer.text(parts);
  }

  private Map<String, Object> measurePeer(Part part, long count, Path home)
      throws IOException, InterruptedException {
    double pace = ScaledHome.make(home, program.home(), source, part.scale());
    Map<String, String> urls = Processes.urls(sandbox(part, count, home));
    String url = urls.get("statistics").replaceAll("/_sandbox/.*", "");
    Path ids = ids(url, count);
    JsonNode said =
        new Peer(processes, home)
            .run(
                urls.get(scenario.urls().values().iterator().next()),
                ids,
                part.scale() == 0 ? 0 : pace);
    Map<String, Long> truth = scenario.truth().count(url, ids);
    JsonNode limit = json(url + "/_sandbox/stats").path("limits").path(scenario.limit());
    return Peer.figures(
        part.name(),
        said,
        limit,
        scenario.stored().keySet().stream().mapToLong(kind -> truth.getOrDefault(kind, 0L)).sum());
  }

  private Process sandbox(Part part, long count, Path home) throws IOException {
    return processes.start(
        "sandbox",
        List.of("-Dbackfill.home=" + home),
        home.resolve("sandbox.errors"),
        Stream.concat(
                scenario.sandbox().apply(count).stream(),
                Stream.of(
                    "--port",
                    "0",
                    "--limits",
                    limits(part.scale()),
                    "--latency",
                    String.valueOf(part.latencyMillis())))
            .toList());
  }

  /**
   * @param members null where the processes are none
   */
  private Map<String, Object> measure(Part part, long count, Path home, Members members)
      throws IOException, InterruptedException {
    double pace = ScaledHome.make(home, program.home(), source, part.scale());
    Process sandbox = sandbox(part, count, home);
    Map<String, String> urls = Processes.urls(sandbox);
    String url = urls.get("statistics").replaceAll("/_sandbox/.*", "");
    Path ids = ids(url, count);
    // before the run, because the sandbox computes its token ids when they are first needed
    Map<String, Long> truth = scenario.truth().count(url, ids);
    Map<String, String> set = settings(home, urls);
    if (members != null) {
      // that of the person, as --set or the environment has it
      set.compute("cluster.url", (key, none) -> overrides.get(key));
    }
    ProcessUses uses = new ProcessUses(program, processes, set);
    uses.add("sandbox", sandbox.toHandle());
    long begin = System.nanoTime();
    Noise noise = part.noise() ? new Noise(processes) : null;
    List<Process> programs = start(part, home, ids, set, uses, members);
    boolean logsCollections =
        part.javaOptions().stream().anyMatch(option -> option.startsWith("-Xlog:gc"));
    uses.start(logsCollections ? programs.get(0).pid() : 0);
    List<JsonNode> results = new ArrayList<>();
    try {
      Process killed = null;
      if (part.isKilled()) {
        killed = programs.get(1);
        members.kill(killed, count);
      }
      for (int worker = 1; worker <= part.workers(); worker++) {
        if (programs.get(worker - 1) != killed) {
          results.add(result(part, home, worker, programs.get(worker - 1)));
        }
      }
    } finally {
      if (noise != null) {
        noise.close();
      }
      uses.stop();
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    JsonNode statistics = json(url + "/_sandbox/stats");
    Map<String, Object> figures =
        new JobFigures(
                part,
                count,
                pace,
                seconds,
                results,
                uses,
                statistics.path("limits").path(scenario.limit()),
                statistics.path("late"),
                compare(uses, truth),
                home)
            .result(scenario.stored().keySet());
    if (part.isKilled()) {
      figures.put("seconds_to_take_over", members.secondsToTakeOver());
    }
    return figures;
  }

  private static String limits(double scale) {
    return scale == 0 ? "off" : scale == 1 ? "on" : "x" + scale;
  }

  private Map<String, String> settings(Path home, Map<String, String> urls) {
    Map<String, String> set = new LinkedHashMap<>(scenario.settings());
    set.putAll(overrides);
    set.putAll(program.apart(home.resolve("data"), home.resolve("runtime")));
    scenario.urls().forEach((setting, name) -> set.put(setting, urls.get(name)));
    return set;
  }

  private List<Process> start(
      Part part, Path home, Path ids, Map<String, String> set, ProcessUses uses, Members members)
      throws IOException, InterruptedException {
    List<String> run = new ArrayList<>(List.of(scenario.job(), "--json"));
    set.forEach((key, value) -> run.addAll(List.of("--set", key + "=" + value)));
    List<String> options = new ArrayList<>();
    part.javaOptions()
        .forEach(
            option -> options.add(option.replace("gc.log", home.resolve("gc.log").toString())));
    options.add("-Dbackfill.home=" + home);
    List<Process> programs = new ArrayList<>();
    for (int worker = 1; worker <= part.workers(); worker++) {
      List<String> arguments = new ArrayList<>(run);
      boolean joins = part.members() && worker > 1;
      if (joins) {
        members.awaitLedger();
        arguments.addAll(List.of("--set", "runtime.dir=" + home.resolve("runtime-" + worker)));
      } else if (ids != null) {
        arguments.addAll(List.of("--ids", ids.toString()));
      }
      if (part.workers() > 1 && !part.members()) {
        arguments.addAll(
            List.of("--worker", String.valueOf(worker), "--of", String.valueOf(part.workers())));
      }
      Process process =
          processes.start(
              part.noise() ? Noise.BEHIND : List.of(),
              joins ? "join" : "run",
              options,
              errors(home, worker),
              arguments);
      programs.add(process);
      uses.add(
          ProcessUses.PROGRAM
              + (part.workers() > 1 ? (part.members() ? ", member " : ", worker ") + worker : ""),
          process.toHandle());
    }
    return programs;
  }

  private JsonNode result(Part part, Path home, int worker, Process process)
      throws IOException, InterruptedException {
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int code = process.waitFor();
    // random ids include some that the sandbox rejects: the job ends with 2
    if (code != 0 && code != 2 || text.isBlank()) {
      throw new BenchmarkException(
          "the run of "
              + scenario.job()
              + (part.workers() > 1 ? ", worker " + worker : "")
              + ", ended with exit code "
              + code
              + ": "
              + Processes.tail(errors(home, worker)));
    }
    return JSON.readTree(text);
  }

  private static Path errors(Path home, int worker) {
    return home.resolve("run-" + worker + ".errors");
  }

  private Map<String, Object> compare(ProcessUses uses, Map<String, Long> truth)
      throws IOException, InterruptedException {
    Map<String, Object> rows = new LinkedHashMap<>();
    boolean equal = true;
    try (Engine engine = uses.engine()) {
      rows.put(
          "inserts",
          number(engine.value("SELECT sum(value) FROM system.events WHERE event = 'InsertQuery'")));
      for (Map.Entry<String, String> query : scenario.stored().entrySet()) {
        long stored = number(engine.value(query.getValue()));
        long expected = truth.getOrDefault(query.getKey(), 0L);
        rows.put(query.getKey(), stored);
        rows.put(query.getKey() + "_in_truth", expected);
        equal &= stored == expected;
      }
    }
    rows.put("equal", equal);
    return rows;
  }

  private static long number(Object value) {
    return ((Number) value).longValue();
  }

  private static JsonNode json(String url) throws IOException, InterruptedException {
    return JSON.readTree(
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(URI.create(url)).build(),
                HttpResponse.BodyHandlers.ofString())
            .body());
  }

  private void clear() {
    processes.end();
    Folders.clear(folder, program);
  }

  /** Ends what still runs and removes the folder. */
  @Override
  public void close() {
    clear();
    try {
      Runtime.getRuntime().removeShutdownHook(interrupted);
    } catch (IllegalStateException e) {
      // it is running just now
    }
  }
}
