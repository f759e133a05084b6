package polymarket.backfill.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.pipeline.PipelineLedger.Entry;
import polymarket.backfill.pipeline.PipelineLedger.Pass;

/**
 * How far a pipeline is, from its ledger and from what the steps at work say: the same for its own
 * view, other terminals and JSON.
 */
public final class PipelineStatus {

  private PipelineStatus() {}

  /** Where the steps' output is. */
  public static Path folder(Path runtime, String pipeline) {
    return runtime.resolve("pipelines").resolve(pipeline);
  }

  /** What a step printed in its last try. */
  public static Path out(Path folder, String step) {
    return folder.resolve(step + ".out");
  }

  /** The line with which a step at work says how far it is; see Terminal. */
  static Path now(Path folder, String step) {
    return folder.resolve(step + ".now");
  }

  /** The jobs that a step's command runs; none where it is another command. */
  static List<Job> jobs(Path home, Pipeline.Step step) {
    List<String> names = Job.names(home);
    return !step.words().get(0).equals("run")
        ? List.of()
        : step.words().stream()
            .skip(1)
            .filter(names::contains)
            .distinct()
            .flatMap(name -> Job.read(home, name).parts(home, "auto").stream())
            .toList();
  }

  /**
   * The last pass: its number, state, exit code, budget and time spent in seconds, its steps in the
   * file's order (state, tries, seconds at work, requests, exit code, reason, and {@code now}, the
   * line of one at work), and what was decided.
   *
   * @return null where there was no pass
   */
  public static Map<String, Object> of(Pipeline pipeline, PipelineLedger ledger, Path folder) {
    Pass pass = ledger.last();
    if (pass == null) {
      return null;
    }
    boolean died =
        pass.state().equals("running")
            && !ProcessHandle.of(pass.pid()).map(ProcessHandle::isAlive).orElse(false);
    Map<String, Object> status = new LinkedHashMap<>();
    status.put("pipeline", pipeline.name());
    status.put("pass", pass.number());
    status.put("state", died ? "died" : pass.state());
    status.put("pid", pass.pid());
    status.put("started_at", time(pass.startedAt()));
    status.put("ended_at", pass.endedAt() > 0 ? time(pass.endedAt()) : null);
    status.put("exit_code", pass.endedAt() > 0 ? pass.exitCode() : null);
    status.put("budget_seconds", pass.budgetMillis() / 1000);
    status.put("spent_seconds", pass.spentMillis() / 1000);
    List<Map<String, Object>> steps = new ArrayList<>();
    Map<String, Entry> entries = ledger.steps(pass.number());
    for (Pipeline.Step step : pipeline.steps().values()) {
      Entry entry = entries.getOrDefault(step.name(), Entry.fresh(step.name()));
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("step", step.name());
      line.put("title", step.title());
      line.put("command", step.command());
      line.put("after", step.after());
      line.put(
          "state",
          entry.state() == StepState.RUNNING && died
              ? StepState.PENDING.text()
              : entry.state().text());
      line.put("tries", entry.tries());
      line.put(
          "seconds",
          (entry.workedMillis()
                  + (entry.state() != StepState.RUNNING
                      ? 0
                      : died
                          ? entry.triedMillis()
                          : entry.pidStartedAt() > 0
                              ? Math.max(0, System.currentTimeMillis() - entry.pidStartedAt())
                              : 0))
              / 1000.0);
      line.put("requests", entry.requests());
      line.put("exit_code", entry.exitCode() < 0 ? null : entry.exitCode());
      line.put("reason", entry.reason());
      line.put(
          "now",
          entry.state() == StepState.RUNNING && !died ? line(now(folder, step.name())) : null);
      steps.add(line);
    }
    status.put("steps", steps);
    status.put(
        "decisions",
        ledger.decisions(pass.number()).stream()
            .map(
                decision -> {
                  Map<String, Object> line = new LinkedHashMap<>();
                  line.put("at", time(decision.at()));
                  line.put("step", decision.step());
                  line.put("decision", decision.text());
                  return line;
                })
            .toList());
    return status;
  }

  private static String time(long millis) {
    return Instant.ofEpochMilli(millis).toString().substring(0, 19) + "Z";
  }

  private static String line(Path file) {
    try {
      return Files.exists(file) ? Files.readString(file).strip() : null;
    } catch (java.nio.file.NoSuchFileException e) {
      return null;
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + e.getMessage());
    }
  }
}
