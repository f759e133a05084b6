package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import polymarket.backfill.Messages;
import polymarket.backfill.Self;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Job;

/**
 * Measures a job against the sandbox: the program, the engine and the sandbox each in a process of
 * its own, in a folder that is removed again. The routes are a copy of the project's; where limits
 * are scaled or off, their throttle is edited, as a person would.
 */
public final class Benchmark implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** What "off" is in a throttle: 10,000 requests a second. */
  private static final long UNLIMITED_PER_SECOND = 10_000;

  private static final Pattern GC =
      Pattern.compile("^\\[([\\d.]+)s].*?Pause Full.*?\\d+M->(\\d+)M\\((\\d+)M\\)");

  /** A full collection shows what is alive; between two, the heap fills up with what is not. */
  private static final long COLLECT_EVERY_NANOS = 15_000_000_000L;

  /**
   * One measurement.
   *
   * @param workers processes that share the limit
   * @param scale of the sandbox's limits and of the pace; 0 for none
   * @param javaOptions of the program, behind those of this process
   */
  public record Part(String name, int workers, double scale, List<String> javaOptions) {}

  private final Settings settings;
  private final Scenario scenario;
  private final Map<String, String> overrides;
  private final Messages messages;
  private final Path folder;
  private final List<ProcessHandle> processes = new CopyOnWriteArrayList<>();
  private final Thread interrupted = new Thread(this::clear, "benchmark-end");

  /**
   * @param overrides further settings for the program
   * @throws UserError where its folder cannot be made
   */
  public Benchmark(
      Settings settings, Scenario scenario, Map<String, String> overrides, Messages messages) {
    this.settings = settings;
    this.scenario = scenario;
    this.overrides = overrides;
    this.messages = messages;
    Path parent = settings.path("runtime.dir").resolve("benchmark");
    try {
      Files.createDirectories(parent);
      this.folder = Files.createTempDirectory(parent, scenario.job() + "-");
    } catch (IOException e) {
      throw new UserError(
          "cannot write to "
              + parent
              + ": "
              + e.getMessage()
              + "; set runtime.dir to a folder that can be written");
    }
    Runtime.getRuntime().addShutdownHook(interrupted);
  }

  /** Free bytes where the benchmark works. */
  public long freeBytes() {
    try {
      return Files.getFileStore(folder).getUsableSpace();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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
   * @throws UserError where a process of it fails
   */
  public Map<String, Object> run(Part part, long count) {
    Path home = folder.resolve("run-" + System.nanoTime());
    try {
      try {
        return measure(part, count, home);
      } finally {
        end(processes);
        delete(home);
      }
    } catch (IOException e) {
      throw new UserError("benchmark of " + scenario.job() + ": " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted");
    }
  }

  private Map<String, Object> measure(Part part, long count, Path home)
      throws IOException, InterruptedException {
    double pace = makeHome(home, part.scale());
    Process sandbox =
        start(
            "sandbox",
            home,
            home.resolve("sandbox.errors"),
            List.of(),
            Stream.concat(
                    scenario.sandbox().apply(count).stream(),
                    Stream.of(
                        "--port",
                        "0",
                        "--limits",
                        part.scale() == 0 ? "off" : part.scale() == 1 ? "on" : "x" + part.scale()))
                .toList());
    Map<String, String> urls = urls(sandbox);
    String url = urls.get("statistics").replaceAll("/_sandbox/.*", "");

    Path ids = ids(url, count);

    List<String> run = new ArrayList<>(List.of(scenario.job(), "--json"));
    if (ids != null) {
      run.addAll(List.of("--ids", ids.toString()));
    }
    Map<String, String> set = new LinkedHashMap<>(scenario.settings());
    set.putAll(overrides);
    set.put("clickhouse.url", "");
    set.put("clickhouse.data", home.resolve("data").toString());
    set.put("clickhouse.port", "0");
    set.put("runtime.dir", home.resolve("runtime").toString());
    scenario.urls().forEach((setting, source) -> set.put(setting, urls.get(source)));
    set.forEach((key, value) -> run.addAll(List.of("--set", key + "=" + value)));

    Uses uses = new Uses(home.resolve("data"), settings, set);
    uses.add("sandbox", sandbox.toHandle());
    long begin = System.nanoTime();
    List<Process> programs = new ArrayList<>();
    for (int worker = 1; worker <= part.workers(); worker++) {
      List<String> arguments = new ArrayList<>(run);
      if (part.workers() > 1) {
        arguments.addAll(
            List.of("--worker", String.valueOf(worker), "--of", String.valueOf(part.workers())));
      }
      Process program = start("run", home, errors(home, worker), part.javaOptions(), arguments);
      programs.add(program);
      uses.add(part.workers() > 1 ? "program, worker " + worker : "program", program.toHandle());
    }
    uses.start(
        part.javaOptions().stream().anyMatch(option -> option.startsWith("-Xlog:gc"))
            ? programs.get(0).pid()
            : 0);
    List<JsonNode> results = new ArrayList<>();
    try {
      for (int worker = 1; worker <= part.workers(); worker++) {
        Process program = programs.get(worker - 1);
        String text = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int code = program.waitFor();
        // random ids include some that the sandbox rejects: the job ends with 2
        if (code != 0 && code != 2 || text.isBlank()) {
          throw new UserError(
              "the run of "
                  + scenario.job()
                  + (part.workers() > 1 ? ", worker " + worker : "")
                  + ", ended with exit code "
                  + code
                  + ": "
                  + tail(errors(home, worker)));
        }
        results.add(JSON.readTree(text));
      }
    } finally {
      uses.stop();
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    return result(
        part,
        count,
        pace,
        seconds,
        results,
        uses,
        json(url + "/_sandbox/stats"),
        compare(uses, url, ids),
        home);
  }

  // ---- the processes

  /**
   * The project's folder once more, with the throttles changed where limits are scaled; gives the
   * pace a second.
   */
  private double makeHome(Path home, double scale) throws IOException {
    Files.createDirectories(home.resolve("runtime"));
    Files.createSymbolicLink(home.resolve("chdb"), settings.home().resolve("chdb"));
    if (Files.exists(settings.home().resolve("application.properties"))) {
      Files.copy(
          settings.home().resolve("application.properties"),
          home.resolve("application.properties"));
    }
    Path routes = settings.home().resolve("routes");
    String source = Job.read(settings.home(), scenario.job()).getSource();
    double[] pace = {0};
    try (Stream<Path> files = Files.walk(routes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path copy = home.resolve("routes").resolve(routes.relativize(file));
        Files.createDirectories(copy.getParent());
        String text = Files.readString(file);
        if (file.endsWith(Path.of("sources", source + ".camel.yaml"))) {
          text = throttled(text, scale, pace);
        }
        Files.writeString(copy, text);
      }
    }
    return pace[0];
  }

  /**
   * Scales the numbers of the throttle's expression; where it chooses between several, the highest
   * is the pace of its default.
   */
  private static String throttled(String yaml, double scale, double[] pace) {
    Matcher throttle =
        Pattern.compile(
                "(- throttle:.*?\\bexpression:\\s*\")([^\"]*)(\".*?timePeriodMillis:\\s*\")(\\d+)(\")",
                Pattern.DOTALL)
            .matcher(yaml);
    if (!throttle.find()) {
      throw new UserError("the source's route has no throttle that the benchmark could scale");
    }
    long millis = scale == 0 ? 1000 : Long.parseLong(throttle.group(4));
    long[] most = {0};
    String expression =
        Pattern.compile("(?<![\\w'.])\\d+(?![\\w'.])")
            .matcher(throttle.group(2))
            .replaceAll(
                number -> {
                  long requests =
                      scale == 0
                          ? UNLIMITED_PER_SECOND
                          : Math.max(1, Math.round(Long.parseLong(number.group()) * scale));
                  most[0] = Math.max(most[0], requests);
                  return String.valueOf(requests);
                });
    if (most[0] == 0) {
      throw new UserError(
          "the throttle of the source's route has no number that the benchmark could scale");
    }
    pace[0] = most[0] * 1000.0 / millis;
    return yaml.substring(0, throttle.start())
        + throttle.group(1)
        + expression
        + throttle.group(3)
        + millis
        + throttle.group(5)
        + yaml.substring(throttle.end());
  }

  private Process start(
      String command, Path home, Path errors, List<String> javaOptions, List<String> arguments)
      throws IOException {
    List<String> options =
        new ArrayList<>(
            javaOptions.stream()
                .map(option -> option.replace("gc.log", home.resolve("gc.log").toString()))
                .toList());
    options.add("-Dbackfill.home=" + home);
    return start(processes, command, options, errors, arguments);
  }

  /**
   * Starts the program with the options of this process.
   *
   * @param processes takes the new one, to be ended by {@link #end}
   * @param options of Java's, its folder among them
   * @param errors what it says is added there
   */
  static Process start(
      List<ProcessHandle> processes,
      String command,
      List<String> options,
      Path errors,
      List<String> arguments)
      throws IOException {
    List<String> line =
        Self.command(
            List.of("-Dbackfill."),
            options,
            Stream.concat(Stream.of(command), arguments.stream()).toList());
    Process process =
        new ProcessBuilder(line)
            .redirectError(ProcessBuilder.Redirect.appendTo(errors.toFile()))
            .start();
    processes.add(process.toHandle());
    process.getOutputStream().close();
    return process;
  }

  /** The URLs that a sandbox prints when it is up, by the names of its sources. */
  static Map<String, String> urls(Process sandbox) throws IOException {
    Map<String, String> urls = new LinkedHashMap<>();
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(sandbox.getInputStream(), StandardCharsets.UTF_8));
    while (!urls.containsKey("statistics")) {
      String line = lines.readLine();
      if (line == null) {
        throw new IOException("the sandbox did not start");
      }
      String[] parts = line.strip().split("\\s+", 2);
      urls.put(parts[0], parts.length > 1 ? parts[1] : "");
    }
    return urls;
  }

  private static Path errors(Path home, int worker) {
    return home.resolve("run-" + worker + ".errors");
  }

  /** The last lines of what a process said, in one. */
  static String tail(Path errors) throws IOException {
    List<String> lines = Files.readAllLines(errors);
    return String.join(" | ", lines.subList(Math.max(0, lines.size() - 4), lines.size()));
  }

  /**
   * Looks at the processes while they run, and joins the engine once it is there, so that it
   * outlives the program.
   */
  private final class Uses {
    private final Path data;
    private final Settings settings;
    private final List<ProcessUse> all = new CopyOnWriteArrayList<>();
    private final List<long[]> residents = new ArrayList<>();
    private final Thread thread = new Thread(this::look, "benchmark-uses");
    private volatile boolean ended;
    private long collecting;
    private volatile ClickHouse clickHouse;

    Uses(Path data, Settings settings, Map<String, String> set) {
      this.data = data;
      Settings own = settings;
      for (Map.Entry<String, String> setting : set.entrySet()) {
        own = own.with(setting.getKey(), setting.getValue());
      }
      this.settings = own;
    }

    void add(String name, ProcessHandle process) {
      all.add(new ProcessUse(name, process));
    }

    /**
     * @param toCollect the process to make collect its garbage now and then; 0 for none
     */
    void start(long toCollect) {
      collecting = toCollect;
      thread.setDaemon(true);
      thread.start();
    }

    private void look() {
      long next = 0;
      long collect = System.nanoTime() + COLLECT_EVERY_NANOS;
      while (!ended) {
        all.forEach(ProcessUse::look);
        if (System.nanoTime() > next) {
          next = System.nanoTime() + 1_000_000_000L;
          join();
          residents.add(
              new long[] {
                System.nanoTime(),
                all.stream()
                    .filter(use -> use.name().equals("program"))
                    .mapToLong(ProcessUse::residentBytes)
                    .findFirst()
                    .orElse(-1)
              });
        }
        if (collecting != 0 && System.nanoTime() > collect) {
          collect = System.nanoTime() + COLLECT_EVERY_NANOS;
          collect();
        }
        try {
          TimeUnit.MILLISECONDS.sleep(ProcessUse.EVERY_MILLIS);
        } catch (InterruptedException e) {
          return;
        }
      }
    }

    private void collect() {
      try {
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                String.valueOf(collecting),
                "GC.run")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
      } catch (IOException e) {
        // without a JDK there are fewer full collections to look at
      }
    }

    private void join() {
      Path file = data.resolve("engine.json");
      if (clickHouse == null && Files.exists(file)) {
        try {
          clickHouse = ClickHouse.open(settings);
          ProcessHandle.of(JSON.readTree(file.toFile()).path("pid").asLong())
              .ifPresent(
                  engine -> {
                    processes.add(engine);
                    add("engine", engine);
                  });
        } catch (IOException | UserError e) {
          // not ready yet: a second later
        }
      }
    }

    void stop() throws InterruptedException {
      ended = true;
      thread.join();
      join();
      all.forEach(ProcessUse::look);
    }
  }

  // ---- what came of it

  private Map<String, Object> compare(Uses uses, String sandbox, Path ids)
      throws IOException, InterruptedException {
    Map<String, Long> truth = scenario.truth().count(sandbox, ids);
    Map<String, Object> rows = new LinkedHashMap<>();
    boolean equal = true;
    try (ClickHouse clickHouse = uses.clickHouse) {
      rows.put(
          "inserts",
          ((Number)
                  clickHouse.value(
                      "SELECT sum(value) FROM system.events WHERE event = 'InsertQuery'"))
              .longValue());
      for (Map.Entry<String, String> query : scenario.stored().entrySet()) {
        long stored = ((Number) clickHouse.value(query.getValue())).longValue();
        long expected = truth.getOrDefault(query.getKey(), 0L);
        rows.put(query.getKey(), stored);
        rows.put(query.getKey() + "_in_truth", expected);
        equal &= stored == expected;
      }
    }
    rows.put("equal", equal);
    return rows;
  }

  private Map<String, Object> result(
      Part part,
      long count,
      double pace,
      double seconds,
      List<JsonNode> runs,
      Uses uses,
      JsonNode stats,
      Map<String, Object> rows,
      Path home)
      throws IOException {
    JsonNode limit = stats.path("limits").path(scenario.limit());
    double busy = (limit.path("last").asDouble() - limit.path("first").asDouble()) / 1000;
    double runSeconds =
        runs.stream()
            .mapToDouble(run -> run.path("run").path("seconds").asDouble())
            .max()
            .orElse(0);
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("part", part.name());
    result.put("workers", part.workers());
    result.put("ids", count);
    result.put("seconds", rounded(seconds));
    result.put("seconds_before_the_first_batch", rounded(seconds - runSeconds));
    result.put("seconds_of_requests", rounded(busy));
    result.put("ids_per_second", Math.round(count / runSeconds));
    result.put("ids_per_second_with_start", Math.round(count / seconds));
    long stored =
        scenario.stored().keySet().stream().mapToLong(kind -> (Long) rows.get(kind)).sum();
    long inserts = (Long) rows.remove("inserts");
    result.put("rows_per_second", Math.round(stored / runSeconds));
    result.put("inserts", inserts);
    result.put("rows_per_insert", inserts == 0 ? 0 : stored / inserts);
    result.put("requests", limit.path("arrivals").asLong());
    result.put(
        "retries", runs.stream().mapToLong(run -> run.path("run").path("retries").asLong()).sum());
    if (part.scale() > 0) {
      double allowed = limit.path("max").asDouble() / limit.path("window_ms").asDouble() * 1000;
      result.put("limit_per_second", rounded(allowed));
      result.put("pace_per_second", rounded(pace));
      result.put(
          "limit_used",
          Math.round((limit.path("arrivals").asLong() - 1) / busy / allowed * 10_000) / 10_000.0);
      if (part.workers() > 1) {
        result.put(
            "limit_used_by_each_of_its_part",
            runs.stream().map(run -> run.path("run").path("limit_used").asDouble()).toList());
        List<Instant> starts =
            runs.stream()
                .map(run -> Instant.parse(run.path("started_at").asText()))
                .sorted()
                .toList();
        result.put(
            "seconds_between_their_starts",
            rounded(
                Duration.between(starts.get(0), starts.get(starts.size() - 1)).toMillis()
                    / 1000.0));
      }
      result.put("window_seconds", limit.path("window_ms").asDouble() / 1000);
      result.put("highest_in_a_window", limit.path("highest").asLong());
      result.put("allowed_in_a_window", limit.path("max").asLong());
      result.put("arrivals_over_the_limit", limit.path("violations").asLong());
    }
    Map<String, Object> spent = new LinkedHashMap<>();
    for (JsonNode run : runs) {
      run.path("run")
          .path("seconds_in")
          .properties()
          .forEach(
              step ->
                  spent.merge(
                      step.getKey(),
                      step.getValue().asDouble(),
                      (a, b) -> rounded((Double) a + (Double) b)));
    }
    result.put("seconds_in", spent);
    result.put("cpu_seconds", rounded(uses.all.stream().mapToDouble(ProcessUse::cpuSeconds).sum()));
    result.put("processes", uses.all.stream().map(ProcessUse::result).toList());
    result.put("rows", rows);
    if (Files.exists(home.resolve("gc.log"))) {
      result.put("heap", heap(home.resolve("gc.log")));
      result.put("resident_bytes_by_tenths", tenths(uses.residents));
    }
    return result;
  }

  /**
   * The heap that was alive at full collections, at the most in each third of the time, in bytes.
   */
  private static Map<String, Object> heap(Path log) throws IOException {
    List<double[]> left = new ArrayList<>();
    try (Stream<String> lines = Files.lines(log)) {
      lines
          .map(GC::matcher)
          .filter(Matcher::find)
          .forEach(
              gc ->
                  left.add(
                      new double[] {
                        Double.parseDouble(gc.group(1)),
                        Long.parseLong(gc.group(2)) << 20,
                        Long.parseLong(gc.group(3)) << 20
                      }));
    }
    double end = left.isEmpty() ? 1 : left.get(left.size() - 1)[0];
    long[] thirds = new long[3];
    left.forEach(
        gc -> {
          int third = Math.min(2, (int) (3 * gc[0] / end));
          thirds[third] = Math.max(thirds[third], (long) gc[1]);
        });
    Map<String, Object> heap = new LinkedHashMap<>();
    heap.put("limit_bytes", left.stream().mapToLong(gc -> (long) gc[2]).max().orElse(0));
    heap.put("alive_at_the_most_by_thirds", List.of(thirds[0], thirds[1], thirds[2]));
    heap.put("collections", left.size());
    return heap;
  }

  private static List<Long> tenths(List<long[]> residents) {
    List<Long> tenths = new ArrayList<>();
    List<long[]> known = residents.stream().filter(sample -> sample[1] > 0).toList();
    for (int i = 1; i <= 10 && !known.isEmpty(); i++) {
      tenths.add(known.get(Math.max(0, known.size() * i / 10 - 1))[1]);
    }
    return tenths;
  }

  private static double rounded(double value) {
    return Math.round(value * 100) / 100.0;
  }

  private static JsonNode json(String url) throws IOException, InterruptedException {
    return JSON.readTree(
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(URI.create(url)).build(),
                HttpResponse.BodyHandlers.ofString())
            .body());
  }

  // ---- the end

  /** Ends them, by force where they take longer than three seconds. */
  static void end(List<ProcessHandle> processes) {
    processes.forEach(ProcessHandle::destroy);
    for (ProcessHandle process : processes) {
      try {
        process.onExit().get(3, TimeUnit.SECONDS);
      } catch (Exception e) {
        process.destroyForcibly();
      }
    }
    processes.clear();
  }

  /** Removes a folder with all that is in it, if it is there. */
  static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(path);
        }
      }
    }
  }

  private void clear() {
    end(processes);
    try {
      delete(folder);
    } catch (IOException | UncheckedIOException e) {
      messages.warn("cannot remove " + folder + ": " + e.getMessage());
    }
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

  /** Bytes for people: 1.2 GB. */
  public static String bytes(Object bytes) {
    double value = bytes == null ? -1 : ((Number) bytes).doubleValue();
    return value < 0
        ? "n/a"
        : value < 1e9
            ? String.format(Locale.ROOT, "%.0f MB", value / 1e6)
            : String.format(Locale.ROOT, "%.1f GB", value / 1e9);
  }
}
