package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.IdLoader;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Period;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.State;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.run.Progress;
import polymarket.backfill.sandbox.Payout;
import polymarket.backfill.sandbox.Sandbox;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * A place to run jobs in: a sandbox, the real ClickHouse engine with empty tables, and a copy of
 * the project's routes and settings in a temporary folder, in which the sources' periods and pauses
 * are shorter so that tests are quick. One engine serves all tests of a JVM.
 */
public final class TestBed implements AutoCloseable {

  /** How long a test waits for what comes soon on a machine with little else to do. */
  public static final Duration SOON = Duration.ofSeconds(240);

  /** The project's own folder. */
  public static final Path PROJECT = Path.of("").toAbsolutePath();

  private static final ObjectMapper JSON = new ObjectMapper();
  private static Path data;
  private static ClickHouse held;

  private final Path home;
  private final Sandbox sandbox;
  private final Map<String, String> overrides = new LinkedHashMap<>();
  private final List<String> messages = new CopyOnWriteArrayList<>();
  private Consumer<JobRun> beforeRun = run -> {};
  private Consumer<JobRun> onTick = run -> {};
  private boolean ownEngine;
  private ClickHouse own;
  private String job = "payouts";

  private TestBed(SandboxOptions options) {
    try {
      home =
          Files.createTempDirectory(
              Files.createDirectories(PROJECT.resolve("target/tests")), "bed");
      sandbox = Sandbox.start(options);
      copyProject(home);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    quicken(home, 1000);
    set("clickhouse.data", data().toString());
    set("clickhouse.port", "0");
    set("goldsky.positions.url", sandbox.urls().get("goldsky-positions"));
    set("source.retry-delay", "20");
    set("source.retry-delay-max", "200");
    set("source.patience", "60s");
    set("source.connect-timeout", "2000");
    set("source.answer-timeout", "2000");
    empty();
  }

  /** A sandbox of 3,000 conditions that counts requests and refuses none. */
  public static TestBed start() {
    return start(new SandboxOptions().conditions(3000).limits(0));
  }

  public static TestBed start(SandboxOptions options) {
    return new TestBed(options);
  }

  /** The data folder of the engine that all tests share; it is held until the JVM ends. */
  public static synchronized Path data() {
    if (data == null) {
      try {
        data =
            Files.createTempDirectory(
                Files.createDirectories(PROJECT.resolve("target/tests")), "engine");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      held =
          ClickHouse.open(
              Settings.load(
                  PROJECT,
                  Map.of(),
                  Map.of(
                      "clickhouse.url",
                      "",
                      "clickhouse.data",
                      data.toString(),
                      "clickhouse.port",
                      "0")));
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () -> {
                    held.close();
                    delete(data);
                  }));
    }
    return data;
  }

  /** The shared engine's password. */
  public static String password() throws IOException {
    return Files.readString(data().resolve("engine.password")).strip();
  }

  /** The shared engine. */
  public static ClickHouse clickHouse() {
    data();
    return held;
  }

  /** Drops whatever the jobs made. */
  public static void empty() {
    for (Map<String, Object> table :
        clickHouse()
            .rows(
                "SELECT database, name FROM system.tables WHERE database IN ('default',"
                    + " 'cascadian_clean') AND name != 'backfill_server' ORDER BY engine IN"
                    + " ('View', 'MaterializedView') DESC",
                Map.of())) {
      clickHouse()
          .execute("DROP TABLE IF EXISTS " + table.get("database") + "." + table.get("name"));
    }
  }

  /** Copies what the program reads of its project into a folder. */
  public static void copyProject(Path to) throws IOException {
    try (Stream<Path> files = Files.walk(PROJECT.resolve("routes"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path copy = to.resolve(PROJECT.relativize(file));
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
    }
    Files.copy(PROJECT.resolve("application.properties"), to.resolve("application.properties"));
  }

  /** Edits the pace in a source's route file, as a person does. */
  public static void pace(Path route, int requests, int millis) throws IOException {
    String text = Files.readString(route);
    String edited =
        text.replaceFirst(
            "(?s)(throttle:.*?constant:\\s*expression: )\"\\d+\"(\\s*timePeriodMillis: )\"\\d+\"",
            "$1\"" + requests + "\"$2\"" + millis + "\"");
    assertTrue(!edited.equals(text), "the pace was not found in " + route);
    Files.writeString(route, edited);
  }

  /** The project's files once more, as they are. */
  public static void copyFresh(Path to) throws IOException {
    delete(to.resolve("routes"));
    Files.deleteIfExists(to.resolve("application.properties"));
    copyProject(to);
  }

  /**
   * Divides the periods of all sources' throttles, and lets their breakers stay open for a second
   * only.
   */
  public static void quicken(Path home, int times) {
    try (Stream<Path> files = Files.list(home.resolve("routes/sources"))) {
      for (Path file : files.toList()) {
        String text =
            java.util.regex.Pattern.compile("timePeriodMillis: \"?(\\d+)\"?")
                .matcher(Files.readString(file))
                .replaceAll(
                    period ->
                        "timePeriodMillis: \""
                            + Math.max(1, Long.parseLong(period.group(1)) / times)
                            + "\"");
        Files.writeString(file, text);
      }
      Path settings = home.resolve("application.properties");
      Files.writeString(
          settings,
          Files.readString(settings).replaceAll("(wait-duration-in-open-state)=\\d+", "$1=1"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public Sandbox sandbox() {
    return sandbox;
  }

  /** The temporary project folder; its runtime folder is {@code runtime} in it. */
  public Path home() {
    return home;
  }

  public TestBed set(String key, Object value) {
    overrides.put(key, String.valueOf(value));
    return this;
  }

  /** The project's settings as they are without any override. */
  public static Settings defaults() {
    return Settings.load(PROJECT, Map.of(), Map.of());
  }

  /** The settings as arguments of the command line. */
  public List<String> setArguments() {
    List<String> arguments = new ArrayList<>();
    overrides.forEach((key, value) -> arguments.addAll(List.of("--set", key + "=" + value)));
    return arguments;
  }

  public Settings settings() {
    return Settings.load(home, Map.of(), overrides);
  }

  /** The job whose ledger is looked at; payouts unless it is said. */
  public TestBed job(String name) {
    job = name;
    return this;
  }

  /** Gives the bed an engine of its own, which a test may kill. */
  public TestBed ownEngine() {
    ownEngine = true;
    return set("clickhouse.data", home.resolve("data"));
  }

  /**
   * Kills the bed's own engine as kill -9 does.
   *
   * @return whether there was one to kill. None is there after a program was killed that was
   *     starting one: the file that names it is written last.
   */
  public boolean killEngine() {
    try {
      long pid = JSON.readTree(home.resolve("data/engine.json").toFile()).get("pid").asLong();
      Optional<ProcessHandle> engine = ProcessHandle.of(pid);
      engine.ifPresent(ProcessHandle::destroyForcibly);
      return engine.isPresent();
    } catch (FileNotFoundException e) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Is called once with the next runs, when their ids are loaded and their tables made. */
  public TestBed beforeRun(Consumer<JobRun> action) {
    beforeRun = action;
    return this;
  }

  /** Is called every second of a run, with the run. */
  public TestBed onTick(Consumer<JobRun> action) {
    onTick = action;
    return this;
  }

  /** The first n condition ids that the sandbox made, in their stored form. */
  public List<String> ids(int n) {
    return sandbox.truth().conditionIds().stream().limit(n).map(id -> id.substring(2)).toList();
  }

  /** Ids of those that the sandbox gives one state. */
  public List<String> ids(String state, int n) {
    return sandbox.truth().conditionIds().stream()
        .filter(id -> sandbox.truth().goldskyPayout(id).state().equals(state))
        .limit(n)
        .map(id -> id.substring(2))
        .toList();
  }

  public JobRun.Result run(Collection<String> ids) {
    return run("payouts", Share.WHOLE, ids);
  }

  /** Adds ids to a job's ledger and runs it in this JVM until it ends. */
  public JobRun.Result run(String job, Share share, Collection<String> ids) {
    return run(
        job,
        share,
        (run, clickHouse) -> run.ledger(job).load(loading -> ids.forEach(loading::add)));
  }

  /** Runs a job in this JVM with the ids that its query finds, as without --ids. */
  public JobRun.Result runWithoutIds(String job) {
    return run(
        job,
        Share.WHOLE,
        (run, clickHouse) ->
            new IdLoader(settings(), clickHouse, home, () -> false, new SaidMessages(messages::add))
                .load(
                    Job.read(home, job),
                    "",
                    run.ledger(job),
                    new Period(null, null),
                    IdLoader.Redone.NOTHING));
  }

  private JobRun.Result run(String job, Share share, BiConsumer<JobRun, ClickHouse> loading) {
    Settings settings = settings();
    try (ClickHouse clickHouse = ClickHouse.open(settings);
        JobRun run =
            new JobRun(
                settings,
                List.of(Job.read(home, job)),
                clickHouse,
                new JobRun.Options(share, 1, Long.MAX_VALUE),
                new SaidMessages(messages::add))) {
      loading.accept(run, clickHouse);
      beforeRun.accept(run);
      return run.run(
          new JobRun.Watcher() {
            @Override
            public void tick(List<Progress> jobs) {
              onTick.accept(run);
            }

            @Override
            public void ended() {}
          });
    }
  }

  /** What runs said to the person who started them. */
  public List<String> messages() {
    return messages;
  }

  /** Rows of a query to the shared engine. */
  public static List<Map<String, Object>> sql(String query) {
    return clickHouse().rows(query, Map.of());
  }

  /** The one number of a query to the shared engine. */
  public static long number(String query) {
    return Long.parseLong(String.valueOf(clickHouse().value(query)));
  }

  /** Rows of a query to the bed's engine. */
  public List<Map<String, Object>> rows(String query) {
    if (!ownEngine) {
      return sql(query);
    }
    holdEngine();
    return own.rows(query, Map.of());
  }

  /**
   * Starts the bed's own engine where it is not there, and keeps it from ending while no program
   * uses it.
   */
  public void holdEngine() {
    if (own != null) {
      own.close();
    }
    own = ClickHouse.open(settings());
  }

  /** The one number of a query to the bed's engine. */
  public long value(String query) {
    return Long.parseLong(String.valueOf(rows(query).get(0).values().iterator().next()));
  }

  public Path ledgerFile() {
    return home.resolve("runtime/" + job + ".ledger");
  }

  /** The job's ledger, wherever the settings say that it is. */
  public Ledger ledger() {
    return Ledger.open(LedgerPlace.of(settings(), job));
  }

  /** Lets all programs that are started with the bed's settings share their ledgers. */
  public TestBed share(SharedLedgers cluster) {
    return set("cluster.url", cluster.url())
        .set("cluster.user", cluster.user())
        .set("cluster.password", cluster.password());
  }

  /** All that the ledger knows, by id. */
  public Map<String, Ledger.Entry> entries() {
    Map<String, Ledger.Entry> entries = new HashMap<>();
    try (Ledger ledger = ledger()) {
      for (State state : State.values()) {
        ledger.entries(state, Long.MAX_VALUE, entry -> entries.put(entry.id(), entry));
      }
    }
    return entries;
  }

  /** The ids in one state. */
  public Set<String> in(State state) {
    return entries().values().stream()
        .filter(entry -> entry.state() == state)
        .map(Ledger.Entry::id)
        .collect(Collectors.toSet());
  }

  public long count(State state) {
    return entries().values().stream().filter(entry -> entry.state() == state).count();
  }

  /**
   * Holds the table and the ledger against the sandbox's truth: every row exact, none missing, none
   * twice, every id in the state that it should be in, and all sums balanced.
   */
  public void assertTruth(Collection<String> ids) {
    assertTruth(ids, List.of());
  }

  /**
   * @param failed ids that no answer could be had for
   */
  public void assertTruth(Collection<String> ids, Collection<String> failed) {
    Map<String, Map<String, Object>> rows = new HashMap<>();
    rows("SELECT condition_id, arrayMap(n -> toString(n), payout_numerators) AS numerators,"
            + " toString(payout_denominator) AS denominator, winning_index, isNull(resolved_at) AS"
            + " timeless, source FROM default.resolutions_external_ingest")
        .forEach(
            row ->
                rows.merge(
                    (String) row.get("condition_id"),
                    row,
                    (a, b) -> {
                      throw new AssertionError("twice in the table: " + a + " and " + b);
                    }));
    Map<String, Ledger.Entry> entries = entries();
    int found = 0;
    for (String id : ids) {
      Payout truth = sandbox.truth().goldskyPayout(id);
      Ledger.Entry entry = entries.get(id);
      assertTrue(entry != null, "not in the ledger: " + id);
      if (failed.contains(id)) {
        assertEquals(State.FAILED, entry.state(), id);
        continue;
      }
      assertEquals(
          truth.state().equals("rejected") ? State.FAILED : State.of(truth.state()),
          entry.state(),
          id + " " + entry);
      if (!truth.state().equals("found")) {
        continue;
      }
      found++;
      Map<String, Object> row = rows.get(id);
      assertTrue(row != null, "marked as found and not in the table: " + id);
      assertEquals(
          truth.numerators().stream().map(BigInteger::toString).toList(),
          row.get("numerators"),
          id);
      assertEquals(truth.denominator().toString(), row.get("denominator"), id);
      assertEquals(truth.winningIndex(), ((Number) row.get("winning_index")).intValue(), id);
      assertEquals(1, ((Number) row.get("timeless")).intValue(), id);
      assertEquals("goldsky-api", row.get("source"), id);
    }
    assertEquals(found, rows.size(), "rows that nobody asked for");
    assertEquals(found, value("SELECT count() FROM default.resolutions_external_ingest"));
    assertEquals(
        found,
        value("SELECT uniqExact(condition_id, source) FROM default.resolutions_external_ingest"));
    try (Ledger ledger = ledger()) {
      assertTrue(ledger.sums().balanced(), ledger.sums().toString());
      assertEquals(
          ledger.size(Share.WHOLE),
          ledger.counts(Share.WHOLE).values().stream().mapToLong(Long::longValue).sum());
    }
  }

  /** The sandbox's statistics. */
  public JsonNode stats() {
    try {
      return JSON.readTree(sandbox.stats());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** How many requests arrived at the positions subgraph. */
  public long requests() {
    return stats().at("/sources/goldsky-positions/requests").asLong();
  }

  /** Waits until so many more requests have arrived at the positions subgraph. */
  public void awaitRequests(long more) {
    awaitRequests("goldsky-positions", more);
  }

  /** Waits until so many more requests have arrived at a source. */
  public void awaitRequests(String source, long more) {
    String place = "/sources/" + source + "/requests";
    long before = stats().at(place).asLong();
    await(more + " requests", SOON, () -> stats().at(place).asLong() >= before + more);
  }

  /** Waits for something to come true. */
  public static void await(String what, Duration atMost, BooleanSupplier condition) {
    long end = System.nanoTime() + atMost.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new AssertionError("not within " + atMost.toSeconds() + " s: " + what);
      }
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  /** Deletes a folder with all that is in it. */
  public static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException | UncheckedIOException e) {
      // it is below target/
    }
  }

  @Override
  public void close() {
    sandbox.close();
    if (own != null) {
      own.close();
    }
    delete(home);
  }
}
