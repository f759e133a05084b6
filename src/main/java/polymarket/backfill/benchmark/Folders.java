package polymarket.backfill.benchmark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** The folders that benchmarks work in. */
final class Folders {

  private Folders() {}

  /**
   * The folder of all benchmarks, made where it is not there.
   *
   * @throws BenchmarkException where it cannot be written to
   */
  static Path parent(Program program) {
    Path parent = program.runtime().resolve("benchmark");
    try {
      return Files.createDirectories(parent);
    } catch (IOException e) {
      throw notWritable(parent, e);
    }
  }

  /** A new folder in it. */
  static Path fresh(Path parent, String prefix) {
    try {
      return Files.createTempDirectory(parent, prefix);
    } catch (IOException e) {
      throw notWritable(parent, e);
    }
  }

  private static BenchmarkException notWritable(Path parent, IOException e) {
    return new BenchmarkException(
        "cannot write to "
            + parent
            + ": "
            + e.getMessage()
            + "; set runtime.dir to a folder that can be written");
  }

  /**
   * @param what needs them, such as 3 ids
   * @throws BenchmarkException where fewer bytes are free
   */
  static void checkRoom(Path parent, String what, long needed) {
    long free = free(parent);
    if (free < needed) {
      throw new BenchmarkException(
          what
              + " need up to "
              + Figures.bytes(needed)
              + " of disk in "
              + parent
              + ", and "
              + Figures.bytes(free)
              + " are free: set runtime.dir to another disk, or take fewer with --ids");
    }
  }

  static long free(Path folder) {
    try {
      return Files.getFileStore(folder).getUsableSpace();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Removes a folder with all that is in it, if it is there. */
  static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(path);
        }
      }
    }
  }

  /** The same; what stays is a warning. */
  static void clear(Path folder, Program program) {
    try {
      delete(folder);
    } catch (IOException | UncheckedIOException e) {
      program.warn("cannot remove " + folder + ": " + e.getMessage());
    }
  }
}
