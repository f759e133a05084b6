package polymarket.backfill;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;

/**
 * The program as the launcher builds it: a jar of target/classes, and the JVM's archive of the
 * classes that a run loads, which takes a third of the CPU time off each start. Made once a build.
 */
public final class BuiltProgram {

  private static final Path TARGET = TestBed.PROJECT.resolve("target");
  private static final Path JAR = build();

  private BuiltProgram() {}

  /** The program's classes. */
  public static Path jar() {
    return JAR;
  }

  /** The archive; where it could not be made, the JVM starts without one. */
  public static Path archive() {
    return Path.of(JAR.toString().replaceFirst("\\.jar$", ".jsa"));
  }

  private static Path build() {
    try {
      Path jar = TARGET.resolve("tests/program-" + newest() + ".jar");
      if (Files.exists(jar)) {
        return jar;
      }
      Files.createDirectories(jar.getParent());
      Path made = Files.createTempFile(jar.getParent(), "program", ".jar");
      Path bin = Path.of(System.getProperty("java.home"), "bin");
      run(
          bin.resolve("jar").toString(),
          "--create",
          "--no-manifest",
          "--file",
          made.toString(),
          "-C",
          TARGET.resolve("classes").toString(),
          ".");
      // the archive is of the jar's final path, and tests that run beside this one wait for the jar
      Files.move(made, jar, StandardCopyOption.ATOMIC_MOVE);
      run(
          bin.resolve("java").toString(),
          "-Xmx512m",
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          "-Xlog:cds*=off",
          "-XX:ArchiveClassesAtExit=" + jar.toString().replaceFirst("\\.jar$", ".jsa"),
          "-Dbackfill.home=" + TestBed.PROJECT,
          "-Dchdb.lib=" + Program.library(),
          "-cp",
          jar + ":" + TARGET.resolve("lib") + "/*",
          "polymarket.backfill.cli.Backfill",
          "archive-classes");
      return jar;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** When the classes were compiled. */
  private static long newest() throws IOException {
    try (Stream<Path> files = Files.walk(TARGET.resolve("classes"))) {
      return files.mapToLong(file -> file.toFile().lastModified()).max().orElse(0);
    }
  }

  private static void run(String... command) throws IOException {
    Process process =
        new ProcessBuilder(List.of(command))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      if (process.waitFor() != 0) {
        throw new AssertionError(command[0] + " ended with " + process.exitValue());
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }
}
