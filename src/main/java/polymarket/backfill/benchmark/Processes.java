package polymarket.backfill.benchmark;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The processes of a benchmark, which end with it. */
final class Processes {

  private static final long PATIENCE_SECONDS = 3;

  private final Program program;
  private final List<ProcessHandle> all = new CopyOnWriteArrayList<>();

  Processes(Program program) {
    this.program = program;
  }

  /** Takes one that another process has started. */
  void add(ProcessHandle process) {
    all.add(process);
  }

  /**
   * Starts the program.
   *
   * @param javaOptions its folder among them
   * @param errors what it writes to standard error is added there
   */
  Process start(String command, List<String> javaOptions, Path errors, List<String> arguments)
      throws IOException {
    return start(List.of(), command, javaOptions, errors, arguments);
  }

  /**
   * The same, through another command.
   *
   * @param before that command, such as nice with its options
   */
  Process start(
      List<String> before,
      String command,
      List<String> javaOptions,
      Path errors,
      List<String> arguments)
      throws IOException {
    List<String> line = new ArrayList<>(before);
    line.addAll(
        program.command(
            javaOptions, Stream.concat(Stream.of(command), arguments.stream()).toList()));
    Process process =
        new ProcessBuilder(line)
            .redirectError(ProcessBuilder.Redirect.appendTo(errors.toFile()))
            .start();
    all.add(process.toHandle());
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
      // a line of an account begins with the name of its source
      urls.putIfAbsent(parts[0], parts.length > 1 ? parts[1] : "");
    }
    return urls;
  }

  /** The last lines of a file in one. */
  static String tail(Path file) throws IOException {
    List<String> lines = Files.readAllLines(file);
    return String.join(" | ", lines.subList(Math.max(0, lines.size() - 4), lines.size()));
  }

  /** Ends them, by force where they take longer than three seconds. */
  void end() {
    all.forEach(ProcessHandle::destroy);
    for (ProcessHandle process : all) {
      try {
        process.onExit().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      } catch (Exception e) {
        process.destroyForcibly();
      }
    }
    all.clear();
  }
}
