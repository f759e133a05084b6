package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What open streams of events cost a run: the same ids are fetched with limits off, so that the
 * processor is what limits, by turns without a stream and with many. The service, the run, the
 * engine and the sandbox are processes of their own; the streams are read in this one.
 */
public final class ServeBenchmark {

  /** Condition ids of a run. */
  public static final long FULL = 170_448;

  /** In the list, the ledger and ClickHouse. */
  private static final long DISK_BYTES = 600;

  private static final long START_MILLIS = 60_000;

  private static final long LOOK_MILLIS = 100;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Program program;
  private final Scenario scenario;
  private final String source;
  private final long ids;
  private final int streams;
  private final int repeat;
  private final Workplace place;
  private Process serve;
  private JsonNode served;

  /**
   * @param scenario of the job that runs
   * @param source that it asks, as in routes/sources
   * @param streams how many are open
   * @param repeat how many runs are made without and with them; the medians count
   * @throws BenchmarkException where the disk has no room
   */
  public ServeBenchmark(
      Program program, Scenario scenario, String source, long ids, int streams, int repeat) {
    this.program = program;
    this.scenario = scenario;
    this.source = source;
    this.ids = ids;
    this.streams = streams;
    this.repeat = repeat;
    Path parent = Folders.parent(program);
    Folders.checkRoom(parent, Figures.count(ids) + " ids", ids * DISK_BYTES * (2L * repeat + 1));
    place = new Workplace(program, parent, "serve-");
  }

  /**
   * @return what is printed, with names that say the unit
   * @throws BenchmarkException where a process fails
   */
  public Map<String, Object> run() {
    return place.run("serve", this::measure);
  }

  private Map<String, Object> measure() throws IOException, InterruptedException {
    Path home = place.folder().resolve("home");
    ScaledHome.make(home, program.home(), source, 0);
    Process sandbox =
        place.start(
            "sandbox",
            program.home(),
            Stream.concat(
                    scenario.sandbox().apply(ids).stream(),
                    Stream.of("--port", "0", "--limits", "off"))
                .toList());
    Map<String, String> urls = Processes.urls(sandbox);
    Map<String, String> set = place.settings("data");
    scenario.urls().forEach((setting, name) -> set.put(setting, urls.get(name)));
    set.put("serve.port", "0");
    List<String> settings = new ArrayList<>();
    set.forEach((key, value) -> settings.addAll(List.of("--set", key + "=" + value)));
    Path list = place.folder().resolve("ids.txt");
    scenario.maker().write(urls.get("statistics").replaceAll("/_sandbox/.*", ""), list, ids);
    List<Map<String, Object>> without = new ArrayList<>();
    List<Map<String, Object>> with = new ArrayList<>();
    // open all the time, so that no run waits for it
    try (Engine engine = program.engine(set, scenario.job())) {
      serve(home, settings);
      program.status("a first run, which is not counted ...");
      fetch(home, list, settings);
      for (int i = 1; i <= repeat; i++) {
        program.status("run " + i + " of " + repeat + " without and with streams ...");
        without.add(measured(home, list, settings, 0));
        with.add(measured(home, list, settings, streams));
      }
    }
    return result(without, with);
  }

  private void serve(Path home, List<String> settings) throws IOException, InterruptedException {
    serve = place.start("serve", home, settings);
    Path file = place.folder().resolve("serve.json");
    for (long left = START_MILLIS; !Files.exists(file); left -= LOOK_MILLIS) {
      if (!serve.isAlive() || left <= 0) {
        throw new BenchmarkException("the page did not start: " + Processes.tail(place.errors()));
      }
      Thread.sleep(LOOK_MILLIS);
    }
    served = JSON.readTree(file.toFile());
  }

  private JsonNode fetch(Path home, Path list, List<String> settings)
      throws IOException, InterruptedException {
    List<String> words =
        new ArrayList<>(
            List.of(scenario.job(), "--ids", list.toString(), "--redo", "all", "--json"));
    words.addAll(settings);
    // random ids include some that the sandbox rejects: the job ends with 2
    return place.result(scenario.job(), place.start("run", home, words), 2).path("run");
  }

  private Map<String, Object> measured(Path home, Path list, List<String> settings, int open)
      throws IOException, InterruptedException {
    try (EventReaders readers =
        new EventReaders(served.get("port").asInt(), served.get("token").asText(), open)) {
      double before = cpuSeconds();
      JsonNode run = fetch(home, list, settings);
      Map<String, Object> figures = new LinkedHashMap<>();
      figures.put("streams", open);
      figures.put("ids", run.path("ids").asLong());
      figures.put("seconds", run.path("seconds").asDouble());
      figures.put("ids_per_second", run.path("ids").asLong() / run.path("seconds").asDouble());
      figures.put("cpu_seconds_of_the_service", Figures.rounded(cpuSeconds() - before));
      figures.put("threads_of_the_service", threads());
      figures.put("bytes_of_events", readers.bytes());
      figures.put("streams_lost", readers.lost());
      return figures;
    }
  }

  private double cpuSeconds() {
    return serve.toHandle().info().totalCpuDuration().orElse(Duration.ZERO).toMillis() / 1000.0;
  }

  /** How many threads the service has; null where the system does not say. */
  private Integer threads() throws IOException {
    Path tasks = Path.of("/proc/" + serve.pid() + "/task");
    if (!Files.isDirectory(tasks)) {
      return null;
    }
    try (Stream<Path> all = Files.list(tasks)) {
      return (int) all.count();
    }
  }

  private Map<String, Object> result(
      List<Map<String, Object>> without, List<Map<String, Object>> with) {
    boolean right =
        with.stream()
            .allMatch(
                run ->
                    Figures.number(run, "streams_lost") == 0
                        && Figures.number(run, "bytes_of_events") > 0
                        && Figures.number(run, "ids") == ids);
    Map<String, Object> none = Figures.median(without);
    Map<String, Object> many = Figures.median(with);
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("job", "serve");
    result.put("ids", ids);
    result.put("streams", streams);
    result.put("repeat", repeat);
    result.put("cores", Runtime.getRuntime().availableProcessors());
    result.put("without", none);
    result.put("with", many);
    result.put(
        "cost",
        Figures.rounded(
            1 - Figures.number(many, "ids_per_second") / Figures.number(none, "ids_per_second")));
    result.put("right", right);
    return result;
  }

  /** The figures for people. */
  public static String text(Map<String, Object> result) {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "serve: %,d ids of payouts with limits off, %s cores, median of %s%n",
                (Long) result.get("ids"),
                result.get("cores"),
                result.get("repeat")));
    for (String part : List.of("without", "with")) {
      Map<?, ?> run = (Map<?, ?>) result.get(part);
      text.append(
          String.format(
              Locale.ROOT,
              "  %3d streams  %,8.0f ids/s, %5.1f s; the service: %.1f CPU s, %s threads, %s"
                  + " sent%s%n",
              run.get("streams"),
              run.get("ids_per_second"),
              run.get("seconds"),
              run.get("cpu_seconds_of_the_service"),
              run.get("threads_of_the_service"),
              Figures.bytes(run.get("bytes_of_events")),
              run.containsKey("seconds_of_all_runs")
                  ? "; all runs: " + run.get("seconds_of_all_runs")
                  : ""));
    }
    return text.append(
            String.format(
                Locale.ROOT,
                "  the streams cost %.1f %% of the ids/s%n",
                100 * Figures.number(result, "cost")))
        .append(Figures.BESIDE)
        .toString();
  }
}
