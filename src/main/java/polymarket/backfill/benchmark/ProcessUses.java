package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/**
 * Looks at processes while they run, and joins the engine once it is there, so that it outlives the
 * program.
 */
final class ProcessUses {

  static final String PROGRAM = "program";

  private static final ObjectMapper JSON = new ObjectMapper();

  /** A full collection shows what is alive; between two, the heap fills up with what is not. */
  private static final long COLLECT_EVERY_NANOS = 15_000_000_000L;

  private static final long SECOND_NANOS = 1_000_000_000L;

  private final Program program;
  private final Processes processes;
  private final Map<String, String> settings;
  private final List<ProcessUse> all = new CopyOnWriteArrayList<>();
  private final List<Long> residents = new ArrayList<>();
  private final Thread thread = new Thread(this::look, "benchmark-uses");
  private volatile boolean ended;
  private long collecting;
  private volatile Engine engine;

  /**
   * @param settings of the program, clickhouse.data among them
   */
  ProcessUses(Program program, Processes processes, Map<String, String> settings) {
    this.program = program;
    this.processes = processes;
    this.settings = settings;
  }

  void add(String name, ProcessHandle process) {
    all.add(new ProcessUse(name, process));
  }

  List<ProcessUse> all() {
    return all;
  }

  /** The program's resident memory in bytes, once a second; -1 where it is not known. */
  List<Long> residents() {
    return residents;
  }

  /** The engine, to be closed by who asks for it. */
  Engine engine() {
    return engine;
  }

  /**
   * @param toCollect the process to make collect its garbage now and then; 0 for none
   */
  void start(long toCollect) {
    collecting = toCollect;
    thread.setDaemon(true);
    thread.start();
  }

  private void look() {
    long next = 0;
    long collect = System.nanoTime() + COLLECT_EVERY_NANOS;
    while (!ended) {
      all.forEach(ProcessUse::look);
      if (System.nanoTime() > next) {
        next = System.nanoTime() + SECOND_NANOS;
        join();
        residents.add(
            all.stream()
                .filter(use -> use.name().equals(PROGRAM))
                .map(ProcessUse::residentBytes)
                .findFirst()
                .orElse(-1L));
      }
      if (collecting != 0 && System.nanoTime() > collect) {
        collect = System.nanoTime() + COLLECT_EVERY_NANOS;
        collect();
      }
      try {
        TimeUnit.MILLISECONDS.sleep(ProcessUse.EVERY_MILLIS);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private void collect() {
    try {
      new ProcessBuilder(
              Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
              String.valueOf(collecting),
              "GC.run")
          .redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .start();
    } catch (IOException e) {
      // without a JDK there are fewer full collections to look at
    }
  }

  private void join() {
    Path data = Path.of(settings.get("clickhouse.data"));
    if (engine == null && Files.exists(file(data))) {
      try {
        engine = program.engine(settings, null);
        ProcessHandle.of(pid(data))
            .ifPresent(
                process -> {
                  processes.add(process);
                  add("engine", process);
                });
      } catch (IOException | BenchmarkException e) {
        // not ready yet: a second later
      }
    }
  }

  /** Looks a last time, with the engine joined. */
  void stop() throws InterruptedException {
    ended = true;
    thread.join();
    join();
    all.forEach(ProcessUse::look);
  }

  /** The process id of the engine that serves a data folder. */
  static long pid(Path data) throws IOException {
    return JSON.readTree(file(data).toFile()).path("pid").asLong();
  }

  private static Path file(Path data) {
    return data.resolve("engine.json");
  }
}
