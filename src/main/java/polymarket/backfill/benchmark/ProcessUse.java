package polymarket.backfill.benchmark;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * CPU time and peak resident memory of one process. What the system says of it ends with the
 * process, so it is looked at again and again while it lives; of its last moments, up to {@value
 * #EVERY_MILLIS} ms may be missing.
 */
final class ProcessUse {

  static final long EVERY_MILLIS = 50;
  private static final boolean LINUX = Files.isReadable(Path.of("/proc/self/status"));

  private final String name;
  private final ProcessHandle process;
  private double cpuSeconds;
  private long peakBytes = -1;
  private long residentBytes = -1;
  private long psAt;

  ProcessUse(String name, ProcessHandle process) {
    this.name = name;
    this.process = process;
  }

  String name() {
    return name;
  }

  ProcessHandle process() {
    return process;
  }

  /**
   * Lets the peak of memory begin now, for a process that has done other work before; where the
   * system does not let it, the peak is that of all its work.
   */
  void forgetPeak() {
    Path file = Path.of("/proc/" + process.pid() + "/clear_refs");
    if (Files.isWritable(file)) {
      try {
        Files.writeString(file, "5");
      } catch (IOException e) {
        // the peak is that of all its work
      }
    }
  }

  /** Looks once more; gives nothing new when the process has ended. */
  synchronized void look() {
    cpuSeconds =
        Math.max(
            cpuSeconds, process.info().totalCpuDuration().orElse(Duration.ZERO).toNanos() / 1e9);
    try {
      if (LINUX) {
        for (String line :
            Files.readString(
                    Path.of("/proc/" + process.pid() + "/status"), StandardCharsets.ISO_8859_1)
                .split("\n")) {
          if (line.startsWith("VmHWM:")) {
            peakBytes = kilobytes(line);
          } else if (line.startsWith("VmRSS:")) {
            residentBytes = kilobytes(line);
          }
        }
      } else if (System.nanoTime() - psAt > 1_000_000_000L) {
        psAt = System.nanoTime();
        Process ps =
            new ProcessBuilder("ps", "-o", "rss=", "-p", String.valueOf(process.pid())).start();
        residentBytes =
            kilobytes(new String(ps.getInputStream().readAllBytes(), StandardCharsets.US_ASCII));
        peakBytes = Math.max(peakBytes, residentBytes);
      }
    } catch (IOException | NumberFormatException e) {
      // it ended, or the system does not say
    }
  }

  private static long kilobytes(String text) {
    return Long.parseLong(text.replaceAll("\\D", "")) * 1024;
  }

  synchronized double cpuSeconds() {
    return cpuSeconds;
  }

  /** In bytes now; -1 where the system does not say. */
  synchronized long residentBytes() {
    return residentBytes;
  }

  /**
   * CPU seconds, and the peak of its resident memory in bytes (null where the system does not say).
   */
  synchronized Map<String, Object> result() {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("process", name);
    result.put("cpu_seconds", Math.round(cpuSeconds * 100) / 100.0);
    result.put("peak_resident_bytes", peakBytes < 0 ? null : peakBytes);
    return result;
  }
}
