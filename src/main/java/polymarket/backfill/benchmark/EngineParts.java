package polymarket.backfill.benchmark;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The parts of a benchmark that work on an engine alone: each opens it, which starts it in a
 * process of its own, and measures it.
 */
final class EngineParts {

  /**
   * How long merges are waited for, so that none of the trades' own run while the copy is measured.
   */
  private static final long QUIET_SECONDS = 120;

  private final Program program;
  private final Map<String, String> settings;
  private final String sql;
  private final Path data;

  /** Work on an open engine. */
  interface Part {
    void run(Engine engine) throws InterruptedException;
  }

  /**
   * @param settings in the place of the program's own
   * @param sql the file with the sections that the parts run
   * @param data the engine's folder
   */
  EngineParts(Program program, Map<String, String> settings, String sql, Path data) {
    this.program = program;
    this.settings = settings;
    this.sql = sql;
    this.data = data;
  }

  /**
   * Runs a part, and measures it.
   *
   * @return part, seconds, cpu_seconds of the engine and its peak_resident_bytes
   */
  Map<String, Object> part(String name, Part part) {
    program.status(name);
    try (Engine engine = program.engine(settings, sql)) {
      ProcessUse use = new ProcessUse("engine", process());
      use.forgetPeak();
      use.look();
      double cpuBefore = use.cpuSeconds();
      Thread looks = new Thread(() -> look(use), "benchmark-uses");
      looks.setDaemon(true);
      looks.start();
      long started = System.nanoTime();
      part.run(engine);
      double seconds = (System.nanoTime() - started) / 1e9;
      looks.interrupt();
      use.look();
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("part", name);
      result.put("seconds", Figures.rounded(seconds));
      result.put("cpu_seconds", Figures.rounded(use.cpuSeconds() - cpuBefore));
      result.put("peak_resident_bytes", use.result().get("peak_resident_bytes"));
      return result;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BenchmarkException("interrupted");
    }
  }

  private static void look(ProcessUse use) {
    try {
      while (true) {
        use.look();
        TimeUnit.MILLISECONDS.sleep(ProcessUse.EVERY_MILLIS);
      }
    } catch (InterruptedException e) {
      // the part is over
    }
  }

  private ProcessHandle process() {
    try {
      return ProcessHandle.of(ProcessUses.pid(data))
          .orElseThrow(() -> new BenchmarkException("the engine of " + data + " has ended"));
    } catch (IOException e) {
      throw new BenchmarkException("cannot read the engine's file in " + data);
    }
  }

  /** Waits until the engine merges nothing, so that it does not during what is measured next. */
  static void quiet(Engine engine) throws InterruptedException {
    for (long i = 0;
        i < QUIET_SECONDS
            && ((Number) engine.value("SELECT count() FROM system.merges")).longValue() > 0;
        i++) {
      TimeUnit.SECONDS.sleep(1);
    }
  }
}
