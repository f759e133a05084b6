package polymarket.backfill;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/**
 * Recorded data outside the repository: the folder {@code shared} beside a folder above this one,
 * or at -Dshared=.
 */
public final class Shared {

  private Shared() {}

  /**
   * A recorded file; the test that asks for it is skipped, with a message, where it is not there.
   */
  public static Path recorded(String name) {
    return file("recorded/" + name);
  }

  /** One of the small servers that misbehave, or a file beside them; skipped as above. */
  public static Path cases(String name) {
    return file("cases/" + name);
  }

  private static Path file(String name) {
    String set = System.getProperty("shared");
    if (set != null) {
      return there(Path.of(set).resolve(name), name);
    }
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      Path file = folder.resolve("shared").resolve(name);
      if (Files.exists(file)) {
        return file;
      }
    }
    return there(null, name);
  }

  private static Path there(Path file, String name) {
    Assumptions.assumeTrue(
        file != null && Files.exists(file),
        "skipped: no shared/"
            + name
            + " above "
            + System.getProperty("user.dir")
            + "; set -Dshared=<folder>");
    return file;
  }
}
