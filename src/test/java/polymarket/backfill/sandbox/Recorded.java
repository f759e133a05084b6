package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The recorded payloads beside the checkout; tests that need them are skipped, with a message,
 * where they are not there.
 */
final class Recorded {
  private Recorded() {}

  /**
   * A recorded file: below -Dshared, or in ../shared/recorded seen from this folder or one above
   * it.
   */
  static Path file(String name) {
    Path found = null;
    String set = System.getProperty("shared");
    if (set != null) {
      found = Path.of(set, "recorded", name);
    } else {
      for (Path at = Path.of(System.getProperty("user.dir")).toAbsolutePath();
          at != null && found == null;
          at = at.getParent()) {
        Path candidate = at.resolveSibling("shared").resolve("recorded").resolve(name);
        found = Files.exists(candidate) ? candidate : null;
      }
    }
    boolean there = found != null && Files.exists(found);
    String missing =
        "SKIPPED: ../shared/recorded/"
            + name
            + " is not beside the checkout (-Dshared=DIR says where else)";
    if (!there) {
      System.err.println(missing);
    }
    assumeTrue(there, missing);
    return found;
  }

  static String text(String name) throws IOException {
    return Files.readString(file(name));
  }
}
