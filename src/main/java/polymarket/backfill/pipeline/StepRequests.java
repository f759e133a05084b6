package polymarket.backfill.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.State;
import polymarket.backfill.pipeline.Pipeline.Step;
import polymarket.backfill.pipeline.PipelineLedger.Entry;

/**
 * The requests that a step is expected to make.
 *
 * @param number 0 where it makes none, or the number is unknown
 * @param from where the number comes from
 * @param perSecond what the routes of its sources allow; 0 where it has none
 * @param paceFrom the file of that route
 */
record StepRequests(long number, String from, double perSecond, String paceFrom) {

  /**
   * Estimates them: from what the ledgers of the step's jobs have pending, else from the step's
   * last pass, else from the pipeline's file.
   *
   * @param before the step as it last ended by itself; null where it never did
   * @param begun whether the pass has begun the step
   */
  static StepRequests of(
      Settings settings, Pipeline pipeline, Step step, Entry before, boolean begun) {
    double perSecond = 0;
    String paceFrom = "";
    long pending = 0;
    for (Job job : StepJobs.of(settings.home(), step)) {
      double pace = pace(settings, job.getSource());
      // the jobs of a step run in parallel: the slowest source decides
      if (perSecond == 0 || pace < perSecond) {
        perSecond = pace;
        paceFrom = "routes/sources/" + job.getSource() + ".camel.yaml";
      }
      pending += begun && !job.isPass() ? pending(settings, job) : 0;
    }
    if (pending > 0) {
      return new StepRequests(
          pending, "at least, for the ids that are pending in the ledger", perSecond, paceFrom);
    }
    if (before != null && before.requests() > 0) {
      return new StepRequests(
          before.requests(),
          "as in its last pass, which ended " + Plan.time(before.endedAt()),
          perSecond,
          paceFrom);
    }
    return new StepRequests(
        step.requests(), step.requestsFrom() + "; " + pipeline.where(step), perSecond, paceFrom);
  }

  /** The least time that they take; 0 where it is unknown. */
  long millis() {
    return perSecond > 0 ? Math.round(number / perSecond * 1000) : 0;
  }

  /** As a note of a plan has it: 1,500 requests (from where) at 99 a second (route). */
  String text() {
    return Messages.count(number)
        + " requests ("
        + from
        + ")"
        + (perSecond > 0
            ? String.format(Locale.ROOT, " at %.4g a second (%s)", perSecond, paceFrom)
            : "");
  }

  /** The requests for the ids that are pending in a job's ledger. */
  private static long pending(Settings settings, Job job) {
    LedgerPlace file = LedgerPlace.of(settings, job.getName());
    if (!file.exists()) {
      return 0;
    }
    boolean ranges = job.idKind() == IdKind.RANGE;
    int span =
        settings.has(job.getName() + ".span") ? settings.number(job.getName() + ".span", 1) : 1;
    long[] ids = {0};
    long[] spans = {0};
    try (Ledger ledger = Ledger.open(file)) {
      ledger.entries(
          State.PENDING,
          Long.MAX_VALUE,
          entry -> {
            ids[0]++;
            spans[0] += ranges ? (Ranges.width(entry.id()) + span - 1) / span : 0;
          });
    }
    int size = settings.number(job.getName() + ".batch-size", 1);
    return ranges ? spans[0] : (ids[0] + size - 1) / size;
  }

  /**
   * The requests a second that a source's route allows, from its throttle; 0 where that is not a
   * number.
   */
  private static double pace(Settings settings, String source) {
    Path file = settings.home().resolve("routes/sources/" + source + ".camel.yaml");
    try {
      Object yaml =
          new Load(LoadSettings.builder().setLabel(file.toString()).build())
              .loadFromString(Files.readString(file));
      if (find(find(yaml, "id", source), "throttle", null) instanceof Map<?, ?> route
          && route.get("throttle") instanceof Map<?, ?> throttle
          && throttle.get("expression") instanceof Map<?, ?> expression
          && expression.get("constant") instanceof Map<?, ?> constant) {
        return Double.parseDouble(String.valueOf(constant.get("expression")))
            * 1000
            / Double.parseDouble(String.valueOf(throttle.get("timePeriodMillis")));
      }
      return 0;
    } catch (NumberFormatException e) {
      return 0;
    } catch (IOException | YamlEngineException e) {
      throw new UserError(
          file + ": " + e.getMessage().lines().findFirst().orElse("cannot be read"));
    }
  }

  /** The first map, at any depth, that has a key, with that value where one is given. */
  private static Object find(Object in, String key, String value) {
    if (in instanceof Map<?, ?> map
        && map.containsKey(key)
        && (value == null || value.equals(map.get(key)))) {
      return map;
    }
    Iterable<?> parts =
        in instanceof Map<?, ?> map ? map.values() : in instanceof List<?> list ? list : List.of();
    for (Object part : parts) {
      Object found = find(part, key, value);
      if (found != null) {
        return found;
      }
    }
    return null;
  }
}
