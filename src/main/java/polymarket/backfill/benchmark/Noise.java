package polymarket.backfill.benchmark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Processes that keep all cores busy beside a measured run, four for each core. They and the run
 * have a lower priority than the sandbox, which counts the run's requests.
 */
final class Noise implements AutoCloseable {

  private static final int EACH_CORE = 4;

  /** Before the command of a process that has to give way to the sandbox. */
  static final List<String> BEHIND = List.of("nice", "-n", "5");

  private final List<Process> all = new ArrayList<>();

  /**
   * @param processes ends them too where the benchmark is interrupted
   */
  Noise(Processes processes) throws IOException {
    List<String> busy =
        Stream.concat(BEHIND.stream(), Stream.of("sh", "-c", "while :; do :; done")).toList();
    for (int i = 0; i < EACH_CORE * Runtime.getRuntime().availableProcessors(); i++) {
      Process process = new ProcessBuilder(busy).start();
      processes.add(process.toHandle());
      all.add(process);
    }
  }

  @Override
  public void close() {
    all.forEach(Process::destroyForcibly);
  }
}
