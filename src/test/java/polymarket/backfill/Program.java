package polymarket.backfill;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import polymarket.backfill.cli.Backfill;

/** The program in a process of its own, as the launcher starts it. */
public final class Program implements AutoCloseable {

  /** Only a program that hangs takes longer, however busy the machine is. */
  private static final long PATIENCE_SECONDS = 600;

  private final Process process;
  private final Path out;
  private final Path err;

  private Program(Process process, Path out, Path err) {
    this.process = process;
    this.out = out;
    this.err = err;
  }

  /** How a process ended. */
  public record Result(int exitCode, String out, String err) {}

  /** Starts a command with the bed's routes and settings. */
  public static Program start(TestBed bed, String... arguments) {
    return start(bed, List.of(), Map.of(), arguments);
  }

  /**
   * @param options of the JVM
   * @param environment variables to add
   */
  public static Program start(
      TestBed bed, List<String> options, Map<String, String> environment, String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(bed.setArguments());
    return start(bed.home(), options, environment, all);
  }

  /**
   * @param home the folder with routes and application.properties
   */
  public static Program start(
      Path home, List<String> options, Map<String, String> environment, List<String> arguments) {
    return start(command(home, options, arguments), home, environment);
  }

  private static List<String> command(Path home, List<String> options, List<String> arguments) {
    Path project = TestBed.PROJECT;
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:SharedArchiveFile=" + BuiltProgram.archive(),
                "-Xlog:cds*=off",
                "-Dbackfill.home=" + home,
                "-Dchdb.lib=" + library()));
    if (Runtime.version().feature() >= 24) {
      command.add("--enable-native-access=ALL-UNNAMED");
    }
    command.addAll(options);
    command.addAll(
        List.of(
            "-cp",
            BuiltProgram.jar()
                + ":"
                + project.resolve("target/lib")
                + "/*:"
                + project.resolve("target/test-classes"),
            "polymarket.backfill.cli.Backfill"));
    command.addAll(arguments);
    return command;
  }

  /** The engine's library, where the build puts it. */
  static Path library() {
    String platform = System.getProperty("os.name").startsWith("Mac") ? "darwin" : "linux";
    String arch = System.getProperty("os.arch").equals("aarch64") ? "-arm64" : "-x64";
    return TestBed.PROJECT.resolve(
        "chdb/node_modules/@chdb/lib-"
            + platform
            + arch
            + (platform.equals("linux") ? "-gnu" : "")
            + "/libchdb.so");
  }

  /**
   * Starts a member of shared ledgers with a folder of its own, as on a machine of its own, and a
   * short lease, so that a test need not stand still for long.
   *
   * @param number tells its folder from those of others
   */
  public static Program startMember(TestBed bed, int number, String... command) {
    return startMember(bed, number, List.of(), command);
  }

  /**
   * @param options of the JVM, beside those of every member
   */
  public static Program startMember(
      TestBed bed, int number, List<String> options, String... command) {
    return start(
        bed,
        Stream.concat(Stream.of("-Dbackfill.lease-millis=3000"), options.stream()).toList(),
        Map.of(),
        Stream.concat(Stream.of(command), Stream.of("--set", "runtime.dir=runtime" + number))
            .toArray(String[]::new));
  }

  /**
   * Starts a command on a terminal, by script(1); what it shows is its output. The process is
   * script's.
   */
  public static Program startOnTerminal(TestBed bed, String... arguments) {
    return startOnTerminal(bed, List.of(), arguments);
  }

  /**
   * @param options of the JVM, such as its output's and the width that the launcher finds
   */
  public static Program startOnTerminal(TestBed bed, List<String> options, String... arguments) {
    return startOnTerminal(bed, options, Map.of(), arguments);
  }

  /**
   * @param environment what it has beside the tests' own
   */
  public static Program startOnTerminal(
      TestBed bed, List<String> options, Map<String, String> environment, String... arguments) {
    List<String> words = new ArrayList<>(List.of(arguments));
    words.addAll(bed.setArguments());
    String command =
        command(
                bed.home(),
                Stream.concat(Stream.of("-Dbackfill.terminal=true"), options.stream()).toList(),
                words)
            .stream()
            .map(word -> "'" + word + "'")
            .collect(Collectors.joining(" "));
    Map<String, String> all = new HashMap<>(Map.of("TERM", "xterm", "NO_COLOR", ""));
    all.putAll(environment);
    return start(List.of("script", "-qec", "exec " + command, "/dev/null"), bed.home(), all);
  }

  /**
   * The command in such a way that SIGINT reaches it. What a shell without job control starts in
   * the background ignores that signal, and so does all that comes from it, the tests and the
   * programs that they start.
   */
  public static List<String> interruptible(List<String> command) {
    try {
      Path status = Path.of("/proc/self/status");
      boolean ignored =
          Files.exists(status)
              && Files.readAllLines(status).stream()
                  .filter(line -> line.startsWith("SigIgn:"))
                  .anyMatch(
                      line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 2) != 0);
      return ignored
          ? Stream.concat(Stream.of("env", "--default-signal=INT"), command.stream()).toList()
          : command;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Starts any command with its output in files. */
  static Program start(List<String> command, Path folder, Map<String, String> environment) {
    try {
      Path said = Files.createDirectories(TestBed.PROJECT.resolve("target/tests"));
      Path out = Files.createTempFile(said, "out", ".txt");
      Path err = Files.createTempFile(said, "err", ".txt");
      ProcessBuilder builder =
          new ProcessBuilder(interruptible(command))
              .redirectOutput(out.toFile())
              .redirectError(err.toFile())
              .redirectInput(new java.io.File("/dev/null"))
              .directory(folder.toFile());
      builder.environment().putAll(environment);
      return new Program(builder.start(), out, err);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Runs a command to its end. */
  public static Result run(TestBed bed, String... arguments) {
    return start(bed, arguments).end();
  }

  /**
   * Runs a command to its end in the tests' own JVM. That costs a tenth of a process, and is the
   * same but for what a process has of its own: signals, its heap, its environment, and the masking
   * of secrets in what it prints.
   */
  public static Result runHere(TestBed bed, String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(bed.setArguments());
    Map<String, String> properties =
        Map.of("backfill.home", bed.home().toString(), "chdb.lib", library().toString());
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream saidOut = new ByteArrayOutputStream();
    ByteArrayOutputStream saidErr = new ByteArrayOutputStream();
    properties.forEach(System::setProperty);
    System.setOut(new PrintStream(saidOut, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(saidErr, true, StandardCharsets.UTF_8));
    try {
      int code = Backfill.execute(all.toArray(String[]::new));
      return new Result(
          code,
          saidOut.toString(StandardCharsets.UTF_8),
          saidErr
              .toString(StandardCharsets.UTF_8)
              .lines()
              // a shell that starts the tests with & has them ignore signals, and the program says
              // so
              .filter(line -> !line.contains("is ignored here, as in every process"))
              .map(line -> line + "\n")
              .collect(Collectors.joining()));
    } finally {
      System.setOut(out);
      System.setErr(err);
      properties.keySet().forEach(System::clearProperty);
    }
  }

  public Process process() {
    return process;
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** What it has shown so far on standard output. */
  public String out() {
    return text(out);
  }

  /** What it has said so far on standard error. */
  public String err() {
    return text(err);
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Sends a signal such as INT. */
  public void signal(String name) {
    signal(name, process.pid());
  }

  static void signal(String name, long pid) {
    try {
      new ProcessBuilder("kill", "-" + name, String.valueOf(pid)).start().waitFor();
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Kills it as kill -9 does and waits until it is gone. */
  public void kill() {
    try {
      process.destroyForcibly().waitFor();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Waits for its end. */
  public Result end() {
    return end(Duration.ofSeconds(PATIENCE_SECONDS));
  }

  /** Waits for its end. If it does not end in time, fails with its output and all its threads. */
  public Result end(Duration atMost) {
    try {
      if (!process.waitFor(atMost.toMillis(), TimeUnit.MILLISECONDS)) {
        // the JVM prints its threads to standard output
        signal("QUIT");
        process.waitFor(2, TimeUnit.SECONDS);
        process.destroyForcibly();
        throw new AssertionError(
            "did not end within " + atMost.toSeconds() + " s; it said: " + text(err) + text(out));
      }
      return new Result(process.exitValue(), text(out), text(err));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Waits until it has said something on standard error. */
  public void awaitSaid(String text) {
    awaitSaid(text, 1);
  }

  /** Waits until it has said something so many times. */
  public void awaitSaid(String text, int times) {
    try {
      TestBed.await(
          "'" + text + "'",
          Duration.ofSeconds(PATIENCE_SECONDS),
          () -> said(text) >= times || !isAlive());
    } catch (AssertionError e) {
      throw new AssertionError(e.getMessage() + " in: " + err(), e);
    }
    if (said(text) < times) {
      throw new AssertionError("it ended without saying '" + text + "': " + err());
    }
  }

  private int said(String text) {
    return err().split(java.util.regex.Pattern.quote(text), -1).length - 1;
  }

  @Override
  public void close() {
    kill();
  }
}
