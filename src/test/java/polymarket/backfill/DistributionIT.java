package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * What `mvn package` makes: target/backfill-VERSION.tar.gz, unpacked and used with a JDK alone.
 * Where it was made without -Pengine, the engine is put where it would be.
 */
class DistributionIT {

  private static final List<String> TOOLS =
      List.of(
          "sh",
          "env",
          "pwd",
          "readlink",
          "dirname",
          "sed",
          "grep",
          "uname",
          "locale",
          "rm",
          "mkdir",
          "cat");

  private static Path archive() throws IOException {
    try (Stream<Path> files = Files.list(TestBed.PROJECT.resolve("target"))) {
      return files
          .filter(file -> file.getFileName().toString().matches("backfill-[0-9.]+\\.tar\\.gz"))
          .findFirst()
          .orElse(null);
    }
  }

  @Test
  void unpacked_itRunsAJobAndQueriesIt_withAJdkAlone() throws IOException {
    Path archive = archive();
    assumeTrue(archive != null, "no target/backfill-VERSION.tar.gz: run mvn package first");
    Path folder = Files.createTempDirectory("backfill-distribution");
    try (TestBed bed = TestBed.start(new SandboxOptions().conditions(300).limits(0))) {
      assertEquals(
          0,
          Program.start(List.of("tar", "xzf", archive.toString()), folder, Map.of())
              .end()
              .exitCode());
      Path home = folder.resolve(archive.getFileName().toString().replaceFirst("\\.tar\\.gz$", ""));
      Path engine = home.resolve("chdb/node_modules");
      Path classes = home.resolve("classes.jsa");
      if (!Files.exists(engine)) {
        Program.Result none = shell(home, bed, "$B status $SET");
        assertEquals(1, none.exitCode(), none.toString());
        assertEquals(
            "embedded ClickHouse: npm is needed once to fetch it; install Node.js, or set"
                + " clickhouse.url to use a server\n",
            none.err());
        shell(home, bed, "CLICKHOUSE_URL=http://127.0.0.1:1 $B --version");
        assertTrue(Files.deleteIfExists(classes), "the archive of who uses a server");
        Files.createSymbolicLink(engine, TestBed.PROJECT.resolve("chdb/node_modules"));
      }
      // made by a job of its own, which asks for no shared ledger
      shell(home, bed, "CLUSTER_URL=jdbc:postgresql://127.0.0.1:1/none $B --version");
      assertTrue(Files.exists(classes), "the archive for quick starts");
      Path ids = Files.write(folder.resolve("ids.txt"), bed.ids(100));
      Program.Result run = shell(home, bed, "$B run payouts --ids " + ids + " $SET");
      assertEquals(0, run.exitCode(), run.toString());
      assertFalse(run.err().contains("building"), run.err());
      assertTrue(run.out().contains("ids     100 = "), run.out());
      Program.Result rows =
          shell(
              home,
              bed,
              "$B sql 'SELECT count() > 0 FROM default.resolutions_external_ingest' $SET");
      assertEquals("1\n", rows.out(), rows.toString());
      assertFalse(Files.exists(home.resolve("target")));
    } finally {
      try (Stream<Path> files = Files.walk(folder)) {
        files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      }
    }
  }

  /** A folder with the programs that every system has, and no others. */
  private static Path tools(Path folder) {
    Path tools = folder.resolve("tools");
    try {
      Files.createDirectories(tools);
      for (String name : TOOLS) {
        for (Path from : List.of(Path.of("/usr/bin", name), Path.of("/bin", name))) {
          if (Files.exists(from) && !Files.exists(tools.resolve(name))) {
            Files.createSymbolicLink(tools.resolve(name), from.toRealPath());
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return tools;
  }

  /** Runs a line in a shell that finds no Maven, npm or Node.js. */
  private static Program.Result shell(Path home, TestBed bed, String line) {
    Map<String, String> environment = new HashMap<>();
    environment.put("PATH", tools(home.getParent()).toString());
    environment.put("JAVA_HOME", System.getProperty("java.home"));
    environment.put("B", home.resolve("backfill").toString());
    environment.put("SET", String.join(" ", bed.setArguments()));
    return Program.start(List.of("sh", "-c", line), home, environment).end();
  }
}
