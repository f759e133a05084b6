package polymarket.backfill.polymarket;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;

/**
 * Recorded payloads, kept outside the repository in {@code shared/recorded}: beside a folder above
 * this one, or at -Dshared=.
 */
final class Recorded {

  private Recorded() {}

  /**
   * A recorded file; the test that asks for it is skipped, with a message, where the folder is not
   * there.
   */
  static Path file(String name) {
    Path shared = shared();
    Assumptions.assumeTrue(
        shared != null,
        "skipped: no folder shared/recorded above "
            + System.getProperty("user.dir")
            + "; set -Dshared=<folder>");
    return shared.resolve("recorded").resolve(name);
  }

  /** The rows of a recorded CSV file, each by column name. */
  static List<Map<String, String>> csv(String name) {
    List<String> lines;
    try {
      lines = Files.readAllLines(file(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    List<String> columns = cells(lines.get(0));
    List<Map<String, String>> rows = new ArrayList<>();
    for (String line : lines.subList(1, lines.size())) {
      List<String> cells = cells(line);
      Map<String, String> row = new HashMap<>();
      for (int i = 0; i < columns.size(); i++) {
        row.put(columns.get(i), cells.get(i));
      }
      rows.add(row);
    }
    return rows;
  }

  private static List<String> cells(String line) {
    return List.of(line.split(",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", -1));
  }

  private static Path shared() {
    String set = System.getProperty("shared");
    if (set != null) {
      return Files.isDirectory(Path.of(set, "recorded")) ? Path.of(set) : null;
    }
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      if (Files.isDirectory(folder.resolve("shared").resolve("recorded"))) {
        return folder.resolve("shared");
      }
    }
    return null;
  }
}
