package polymarket.backfill.run;

import com.fasterxml.jackson.core.type.TypeReference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/** How long each source took to answer {@code doctor} last: milliseconds by source, in a file. */
final class Latencies {

  private Latencies() {}

  private static Path file(Settings settings) {
    return settings.path("runtime.dir").resolve("latency.json");
  }

  /** Those that were kept; none where doctor has not run here, or they cannot be read. */
  static Map<String, Long> read(Settings settings) {
    Path file = file(settings);
    if (!Files.exists(file)) {
      return Map.of();
    }
    try {
      return Redaction.json().readValue(file.toFile(), new TypeReference<>() {});
    } catch (IOException e) {
      // doctor writes it anew; a run does not have to fail for an estimate
      return Map.of();
    }
  }

  /** Keeps what was measured now, and of sources that did not answer now, what is known. */
  static void keep(Settings settings, Map<String, Long> measured) {
    Map<String, Long> all = new TreeMap<>(read(settings));
    all.putAll(measured);
    try {
      Files.createDirectories(file(settings).getParent());
      Redaction.write(file(settings), Redaction.json().writeValueAsString(all));
    } catch (IOException e) {
      throw UserError.unwritable(file(settings), e);
    }
  }
}
