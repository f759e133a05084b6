package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import polymarket.backfill.BuiltProgram;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * What the tests of the mapping jobs share: a bed with all the sandbox's sources, the program as a
 * process, kills.
 */
final class SourceBed {

  static final ObjectMapper JSON = new ObjectMapper();

  private SourceBed() {}

  static TestBed start(SandboxOptions options) {
    TestBed bed = TestBed.start(options);
    Map<String, String> urls = bed.sandbox().urls();
    return bed.set("data-api.url", urls.get("data-api"))
        .set("clob.url", urls.get("clob"))
        .set("polygon.rpc.url", urls.get("polygon"))
        .set("goldsky.positions.url", urls.get("goldsky-positions"));
  }

  /** The sandbox's truth of a name, by one of its fields. */
  static Map<String, JsonNode> truth(TestBed bed, String name, String key) {
    Map<String, JsonNode> truth = new HashMap<>();
    for (String line : bed.sandbox().truth().lines(name, "")) {
      JsonNode row = json(line);
      truth.put(row.get(key).asText(), row);
    }
    return truth;
  }

  static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Map<String, Ledger.Entry> entries(TestBed bed, String job) {
    Map<String, Ledger.Entry> entries = new HashMap<>();
    try (Ledger ledger = Ledger.open(bed.home().resolve("runtime/" + job + ".ledger"))) {
      for (State state : State.values()) {
        ledger.entries(state, Long.MAX_VALUE, entry -> entries.put(entry.id(), entry));
      }
    }
    return entries;
  }

  static Ledger.Sums balanced(TestBed bed, String job) {
    try (Ledger ledger = Ledger.open(bed.home().resolve("runtime/" + job + ".ledger"))) {
      Ledger.Sums sums = ledger.sums();
      assertTrue(sums.balanced(), sums.toString());
      assertEquals(
          ledger.size(Share.WHOLE),
          ledger.counts(Share.WHOLE).values().stream().mapToLong(Long::longValue).sum());
      return sums;
    }
  }

  /**
   * The program with its arguments and the bed's settings, as a process of its own; what it says
   * goes to a file in the bed.
   */
  static Process program(TestBed bed, String... arguments) {
    return program(bed, List.of(), arguments);
  }

  /**
   * @param options of the JVM
   */
  static Process program(TestBed bed, List<String> options, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-Xmx300m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:SharedArchiveFile=" + BuiltProgram.archive(),
                "-Xlog:cds*=off",
                "-Dbackfill.home=" + bed.home()));
    command.addAll(options);
    command.addAll(
        List.of(
            "-cp",
            BuiltProgram.jar() + ":" + TestBed.PROJECT.resolve("target/lib") + "/*",
            "polymarket.backfill.cli.Backfill"));
    command.addAll(List.of(arguments));
    command.addAll(bed.setArguments());
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder
          .environment()
          .keySet()
          .removeIf(name -> name.matches("(POLYGON|ALCHEMY|CLOB|CLICKHOUSE)_.*"));
      return builder
          .redirectOutput(
              ProcessBuilder.Redirect.appendTo(bed.home().resolve("program.log").toFile()))
          .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Runs a command to its end in the tests' own JVM; what it says goes to the same file.
   *
   * @return its exit code
   */
  static int run(TestBed bed, String... arguments) {
    Program.Result result = Program.runHere(bed, arguments);
    try {
      Files.writeString(
          bed.home().resolve("program.log"),
          result.err() + result.out(),
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return result.exitCode();
  }

  static String said(TestBed bed) {
    try {
      return Files.readString(bed.home().resolve("program.log"));
    } catch (IOException e) {
      return "";
    }
  }

  /**
   * Runs the program and kills it with -9 at random instants while rows are coming in,
   * -Dkill.rounds times, with faults on; then lets it end.
   *
   * @return the last exit code
   */
  static int killed(TestBed bed, String source, String... arguments) throws InterruptedException {
    return killed(bed, List.of(source), 5, arguments);
  }

  /**
   * The same with several sources.
   *
   * @param rounds how often it is killed, unless -Dkill.rounds says it
   */
  static int killed(TestBed bed, List<String> sources, int rounds, String... arguments)
      throws InterruptedException {
    for (String source : sources) {
      for (String fault : List.of("429", "500", "html", "cut-json", "reset")) {
        bed.sandbox().fault("kind=" + fault + ",source=" + source + ",rate=0.02");
      }
    }
    bed.set("source.attempts", 8);
    long seed = Long.getLong("kill.seed", System.nanoTime());
    System.out.println("kill test: " + String.join(" ", arguments) + ", -Dkill.seed=" + seed);
    Random random = new Random(seed);
    int working = 0;
    for (int round = 0; round < Integer.getInteger("kill.rounds", rounds); round++) {
      long before = requests(bed, sources);
      Process process = program(bed, arguments);
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
      while (process.isAlive() && requests(bed, sources) == before && System.nanoTime() < end) {
        Thread.sleep(5);
      }
      Thread.sleep(random.nextInt(500));
      working += process.isAlive() ? 1 : 0;
      process.destroyForcibly().waitFor();
    }
    assertTrue(working > 0, "it was never at work when it was killed");
    Process last = program(bed, arguments);
    assertTrue(last.waitFor(120, TimeUnit.SECONDS), () -> "it does not end: " + said(bed));
    return last.exitValue();
  }

  private static long requests(TestBed bed, List<String> sources) {
    JsonNode stats = bed.stats();
    return sources.stream()
        .mapToLong(source -> stats.at("/sources/" + source + "/requests").asLong())
        .sum();
  }
}
