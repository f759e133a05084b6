package polymarket.backfill.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Stream;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;

/**
 * The newest number, such as a block, that each job's source had when it was last asked. They are
 * kept in files {@code JOB.head.json} of the runtime folder, for whoever compares with them later.
 */
public final class Heads {

  private static final String SUFFIX = ".head.json";

  private static final ObjectMapper JSON = new ObjectMapper();

  private Heads() {}

  /** Keeps what a source just said. */
  static void keep(Settings settings, Job job, long number) {
    Path file = settings.path("runtime.dir").resolve(job.getName() + SUFFIX);
    String at = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    try {
      Files.createDirectories(file.getParent());
      Redaction.write(
          file, JSON.writeValueAsString(Map.of("unit", job.getUnit(), "number", number, "at", at)));
    } catch (IOException e) {
      throw UserError.unwritable(file, e);
    }
  }

  /**
   * The newest number that any source had.
   *
   * @param unit of the numbers, such as blocks
   * @return empty where no source was asked yet
   */
  public static OptionalLong newest(Settings settings, String unit) {
    Path runtime = settings.path("runtime.dir");
    if (!Files.isDirectory(runtime)) {
      return OptionalLong.empty();
    }
    OptionalLong newest = OptionalLong.empty();
    try (Stream<Path> files = Files.list(runtime)) {
      List<Path> heads =
          files.filter(file -> file.getFileName().toString().endsWith(SUFFIX)).toList();
      for (Path file : heads) {
        JsonNode head = JSON.readTree(file.toFile());
        if (head.path("unit").asText().equals(unit)) {
          newest = OptionalLong.of(Math.max(newest.orElse(0), head.path("number").asLong()));
        }
      }
      return newest;
    } catch (IOException e) {
      throw new UserError("cannot read the heads in " + runtime + ": " + UserError.reason(e));
    }
  }
}
