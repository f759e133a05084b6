package polymarket.backfill.pipeline;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import polymarket.backfill.UserError;
import polymarket.backfill.pipeline.PipelineLedger.Entry;
import polymarket.backfill.pipeline.PipelineLedger.Pass;

/**
 * The last pass of a pipeline, from its ledger and from what the running steps write: the same for
 * the run's own view, for other terminals, and for {@code --json}. The names of the fields, in
 * snake case, are what scripts match on.
 *
 * @param pid of the process that works, or last worked, on it
 * @param startedAt the instant, as text
 * @param endedAt likewise; null where it has not ended
 * @param exitCode null where it has not ended
 * @param spentSeconds of all its runs
 * @param steps in the order of the pipeline's file
 * @param decisions what the runs decided, such as that a step is skipped
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record PipelineStatus(
    String pipeline,
    int pass,
    PassState state,
    long pid,
    String startedAt,
    String endedAt,
    Integer exitCode,
    long budgetSeconds,
    long spentSeconds,
    List<StepStatus> steps,
    List<Decision> decisions) {

  /**
   * A step of the pass.
   *
   * @param startedAt when its first try began, the instant as text; null before
   * @param seconds that it worked, in all its tries
   * @param requests of all its tries
   * @param exitCode of the last try; null where none has ended
   * @param reason why it is in that state; null where there is nothing to say
   * @param now the progress line of a running step; null where it has none
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record StepStatus(
      String step,
      String title,
      String command,
      List<String> after,
      StepState state,
      int tries,
      @JsonInclude(JsonInclude.Include.NON_NULL) String startedAt,
      double seconds,
      long requests,
      Integer exitCode,
      String reason,
      String now) {}

  /**
   * A decision.
   *
   * @param step empty where it is about the whole pipeline
   */
  public record Decision(String at, String step, String decision) {}

  /** The status now; empty where there was no pass yet. */
  public static Optional<PipelineStatus> of(
      Pipeline pipeline, PipelineLedger ledger, PipelineFiles files) {
    Pass pass = ledger.last();
    if (pass == null) {
      return Optional.empty();
    }
    boolean died = pass.state() == PassState.RUNNING && !ledger.isLed(pass);
    Map<String, Entry> entries = ledger.steps(pass.number());
    return Optional.of(
        new PipelineStatus(
            pipeline.name(),
            pass.number(),
            died ? PassState.DIED : pass.state(),
            pass.pid(),
            time(pass.startedAt()),
            pass.endedAt() > 0 ? time(pass.endedAt()) : null,
            pass.endedAt() > 0 ? pass.exitCode() : null,
            pass.budgetMillis() / 1000,
            pass.spentMillis() / 1000,
            pipeline.steps().values().stream()
                .map(
                    step ->
                        step(
                            step,
                            entries.getOrDefault(step.name(), Entry.fresh(step.name())),
                            died,
                            files))
                .toList(),
            ledger.decisions(pass.number()).stream()
                .map(made -> new Decision(time(made.at()), made.step(), made.text()))
                .toList()));
  }

  /**
   * The status of a step.
   *
   * @param died whether the run is gone, and with it the step's process
   */
  private static StepStatus step(
      Pipeline.Step step, Entry entry, boolean died, PipelineFiles files) {
    boolean running = entry.state() == StepState.RUNNING;
    long triedMillis = 0;
    if (running && died) {
      triedMillis = entry.triedMillis();
    } else if (running && entry.pidStartedAt() > 0) {
      triedMillis = Math.max(0, System.currentTimeMillis() - entry.pidStartedAt());
    }
    return new StepStatus(
        step.name(),
        step.title(),
        step.command(),
        step.after(),
        running && died ? StepState.PENDING : entry.state(),
        entry.tries(),
        entry.startedAt() > 0 ? time(entry.startedAt()) : null,
        (entry.workedMillis() + triedMillis) / 1000.0,
        entry.requests(),
        entry.exitCode() < 0 ? null : entry.exitCode(),
        entry.reason(),
        running && !died ? line(files.now(step.name())) : null);
  }

  private static String time(long millis) {
    return Instant.ofEpochMilli(millis).toString().substring(0, 19) + "Z";
  }

  private static String line(Path file) {
    try {
      return Files.exists(file) ? Files.readString(file).strip() : null;
    } catch (NoSuchFileException e) {
      return null;
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + e.getMessage());
    }
  }
}
