package polymarket.backfill;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

/**
 * The program's classes as the launcher starts them: a jar, and the JVM's archive of the classes
 * that a run loads. With the archive, a process takes 40 % less CPU time to start. Both are made
 * once for a build, in target/program.
 */
public final class ProgramClasses {

  private static final Path TARGET = TestBed.PROJECT.resolve("target");
  private static final Path FOLDER = TARGET.resolve("program");
  private static final Path JAR = FOLDER.resolve("program.jar");
  private static final Path ARCHIVE = FOLDER.resolve("classes.jsa");
  private static boolean made;

  private ProgramClasses() {}

  /** Java's options and class path for the program, and for the tests' own classes behind it. */
  public static synchronized List<String> javaArguments() {
    if (!made) {
      make();
      made = true;
    }
    return List.of(
        "-Xlog:cds*=off",
        "-XX:SharedArchiveFile=" + ARCHIVE,
        "-cp",
        classPath() + ":" + TARGET.resolve("test-classes"));
  }

  private static String classPath() {
    return JAR + ":" + TARGET.resolve("lib") + "/*";
  }

  private static void make() {
    try {
      Files.createDirectories(FOLDER);
      // several JVMs may run tests at once
      try (FileChannel channel =
              FileChannel.open(
                  FOLDER.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        if (!Files.exists(ARCHIVE)
            || newest(TARGET.resolve("classes")).compareTo(Files.getLastModifiedTime(JAR)) > 0
            || newest(TARGET.resolve("lib")).compareTo(Files.getLastModifiedTime(JAR)) > 0) {
          jar();
          archive();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static FileTime newest(Path folder) throws IOException {
    FileTime newest = FileTime.fromMillis(0);
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.toList()) {
        FileTime time = Files.getLastModifiedTime(file);
        newest = time.compareTo(newest) > 0 ? time : newest;
      }
    }
    return newest;
  }

  private static void jar() {
    int code =
        ToolProvider.findFirst("jar")
            .orElseThrow()
            .run(
                System.out,
                System.err,
                "--create",
                "--file",
                JAR.toString(),
                "-C",
                TARGET.resolve("classes").toString(),
                ".");
    if (code != 0) {
      throw new AssertionError("no jar of the program's classes could be made");
    }
  }

  private static void archive() throws IOException {
    Path draft = FOLDER.resolve("classes.jsa.new");
    Files.deleteIfExists(draft);
    try (Program made =
        Program.start(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:ArchiveClassesAtExit=" + draft,
                "-Dbackfill.home=" + TestBed.PROJECT,
                "-Dchdb.lib=" + Program.library(),
                "-cp",
                classPath(),
                "polymarket.backfill.cli.Backfill",
                "archive-classes"),
            TestBed.PROJECT,
            Map.of())) {
      Program.Result result = made.end();
      if (result.exitCode() != 0 || !Files.exists(draft)) {
        throw new AssertionError("no archive of the program's classes could be made: " + result);
      }
    }
    Files.move(draft, ARCHIVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
