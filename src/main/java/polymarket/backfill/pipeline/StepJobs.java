package polymarket.backfill.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.run.JobStatus;
import polymarket.backfill.run.Progress;

/** The jobs that the command of a step runs, and the requests that they made. */
final class StepJobs {

  private StepJobs() {}

  /** The jobs of a step, with their parts; none where its command is not {@code run}. */
  static List<Job> of(Path home, Pipeline.Step step) {
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
   * The requests of a step's last try, from the status files of its jobs.
   *
   * @param since when the try began, in epoch milliseconds; older status files are not its own
   */
  static long requests(Settings settings, Pipeline.Step step, long since, Messages messages) {
    long requests = 0;
    for (Job job : of(settings.home(), step)) {
      Path file = Progress.statusFile(settings.path("runtime.dir"), job.getName(), Share.WHOLE);
      if (Files.exists(file)) {
        try {
          JobStatus run = JobStatus.read(file);
          if (Instant.parse(run.startedAt()).toEpochMilli() >= since) {
            requests += run.run().requests();
          }
        } catch (IOException e) {
          messages.warn("cannot read " + file + ": " + e.getMessage());
        }
      }
    }
    return requests;
  }
}
