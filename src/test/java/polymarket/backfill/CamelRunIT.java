package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The real Camel Maven plugin, on a copy of the project's routes and with an engine of its own. */
class CamelRunIT {

  private static final Duration STARTS = Duration.ofSeconds(180);

  private static boolean onPath(String command) {
    return Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, command)));
  }

  private static Program start(String goal, Path home) {
    return Program.start(
        List.of(
            "mvn",
            "-o",
            "-B",
            "-f",
            TestBed.PROJECT.resolve("pom.xml").toString(),
            "camel:" + goal,
            "-Dbackfill.home=" + home,
            "-Dcamel.routesDirectory=" + home.resolve("routes"),
            "-Dchdb.lib=" + Program.library()),
        home,
        Map.of("CLICKHOUSE_URL", "", "CLICKHOUSE_PORT", "0"));
  }

  /** The lines on standard error that contain a text. */
  private static long lines(Program program, String text) {
    return program.err().lines().filter(line -> line.contains(text)).count();
  }

  @ParameterizedTest
  @CsvSource({"run, INT", "dev, TERM"})
  @Timeout(600)
  void anEditedRouteIsReloadedWithOneLine_andASignalEndsItInOrder(String goal, String signal)
      throws Exception {
    assumeTrue(onPath("mvn"), "there is no mvn on the PATH");
    Path home =
        Files.createTempDirectory(
            Files.createDirectories(TestBed.PROJECT.resolve("target/tests")), "camel");
    TestBed.copyProject(home);
    List<ProcessHandle> engines = List.of();
    try (Program camel = start(goal, home)) {
      TestBed.await(
          "Camel waits", STARTS, () -> camel.err().contains("Ctrl-C") || !camel.isAlive());
      assumeFalse(
          camel.out().contains("in offline mode"),
          "Maven has not downloaded the plugin yet: run `mvn camel:" + goal + "` once");
      camel.awaitSaid("and waits");
      engines = camel.process().descendants().toList();
      assertFalse(engines.isEmpty(), "the engine is a process of its own");

      Path route = home.resolve("routes/sources/goldsky.camel.yaml");
      TestBed.pace(route, 25, 10_100);
      camel.awaitSaid("goldsky from 50 requests in 10.1 s to 25 requests in 10.1 s");
      // saved once more without a change
      String good = Files.readString(route);
      Files.writeString(route, good);
      Path other = home.resolve("routes/sources/clob.camel.yaml");
      Files.writeString(other, "# an edit\n" + Files.readString(other));
      camel.awaitSaid("clob.camel.yaml was reloaded");
      assertEquals(1, lines(camel, "goldsky.camel.yaml was reloaded"), camel.err());

      Files.writeString(route, good.replace("timePeriodMillis", "timePeriodMilis"));
      camel.awaitSaid("the running route is unchanged");
      Files.writeString(route, good);
      TestBed.await(
          "the edit that was taken back is reloaded: " + camel.err(),
          Duration.ofSeconds(60),
          () -> lines(camel, "goldsky.camel.yaml was reloaded") == 2);
      assertEquals(1, lines(camel, "the running route is unchanged"), camel.err());

      camel.signal(signal);
      Program.Result end = camel.end();
      assertEquals(0, end.exitCode(), end.toString());
      assertEquals(1, lines(camel, "stopping"), end.err());
      assertTrue(end.out().contains("BUILD SUCCESS"), end.out());
    } finally {
      for (ProcessHandle engine : engines) {
        engine.onExit().get(60, TimeUnit.SECONDS);
      }
      TestBed.delete(home);
    }
  }
}
