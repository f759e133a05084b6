package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The folder and the processes of one benchmark. Both are gone when it ends, also by a signal. */
final class Workplace {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Program program;
  private final Processes processes;
  private final Path folder;

  /** What a benchmark does here. */
  interface Measurement {
    Map<String, Object> run() throws IOException, InterruptedException;
  }

  /**
   * @param parent the folder of all benchmarks
   * @param prefix of the folder's name
   */
  Workplace(Program program, Path parent, String prefix) {
    this.program = program;
    this.processes = new Processes(program);
    this.folder = Folders.fresh(parent, prefix);
  }

  Path folder() {
    return folder;
  }

  Processes processes() {
    return processes;
  }

  /** What the processes wrote to standard error. */
  Path errors() {
    return folder.resolve("errors.txt");
  }

  /**
   * Measures, and clears the place.
   *
   * @param what is measured, for the error
   * @throws BenchmarkException if a process or a file fails
   */
  Map<String, Object> run(String what, Measurement measurement) {
    Thread ended = new Thread(this::clear, "benchmark-end");
    Runtime.getRuntime().addShutdownHook(ended);
    try {
      return measurement.run();
    } catch (IOException e) {
      throw new BenchmarkException("benchmark of " + what + ": " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BenchmarkException("interrupted");
    } finally {
      clear();
      try {
        Runtime.getRuntime().removeShutdownHook(ended);
      } catch (IllegalStateException e) {
        // it is running just now
      }
    }
  }

  private void clear() {
    processes.end();
    Folders.clear(folder, program);
  }

  /** The settings of a program whose files are all here. */
  Map<String, String> settings(String data) {
    return program.apart(folder.resolve(data), folder);
  }

  /**
   * Starts the program.
   *
   * @param home its project's folder
   */
  Process start(String command, Path home, List<String> arguments) throws IOException {
    return processes.start(command, List.of("-Dbackfill.home=" + home), errors(), arguments);
  }

  /**
   * What a run prints with --json, when it has ended.
   *
   * @throws BenchmarkException if it failed
   */
  JsonNode result(String job, Process run) throws IOException, InterruptedException {
    return result(job, run, 0);
  }

  /**
   * The same of a run that may end with another exit code, too.
   *
   * @param other such as 2, where ids are random and the sandbox rejects some
   */
  JsonNode result(String job, Process run, int other) throws IOException, InterruptedException {
    String text = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int code = run.waitFor();
    if (code != 0 && code != other || text.isBlank()) {
      throw new BenchmarkException(
          "the run of " + job + " ended with exit code " + code + ": " + Processes.tail(errors()));
    }
    return JSON.readTree(text);
  }
}
