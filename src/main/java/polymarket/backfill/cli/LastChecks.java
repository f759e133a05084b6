package polymarket.backfill.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/**
 * The results of the last audit and of the last verdict, as their {@code --json} prints them, in
 * files of the runtime folder: for the page, which does not open ClickHouse to show them.
 */
final class LastChecks {

  private static final ObjectMapper JSON = new ObjectMapper();

  private LastChecks() {}

  /** Keeps the result of an audit. */
  static void keepAudit(Settings settings, Map<String, Object> result) {
    keep(file(settings, "audit"), result);
  }

  /** Keeps a verdict. */
  static void keepReady(Settings settings, Map<String, Object> verdict) {
    keep(file(settings, "ready"), verdict);
  }

  /** The result of the last audit; empty before the first. */
  static Optional<JsonNode> audit(Settings settings) {
    return read(file(settings, "audit"));
  }

  /** The last verdict; empty before the first. */
  static Optional<JsonNode> ready(Settings settings) {
    return read(file(settings, "ready"));
  }

  private static Path file(Settings settings, String check) {
    return settings.path("runtime.dir").resolve("last-" + check + ".json");
  }

  private static void keep(Path file, Map<String, Object> result) {
    try {
      Files.createDirectories(file.getParent());
      Redaction.write(file, Report.json(result));
    } catch (IOException e) {
      throw UserError.unwritable(file, e);
    }
  }

  private static Optional<JsonNode> read(Path file) {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(JSON.readTree(file.toFile()));
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + UserError.reason(e));
    }
  }
}
