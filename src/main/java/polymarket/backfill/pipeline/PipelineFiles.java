package polymarket.backfill.pipeline;

import java.nio.file.Path;
import polymarket.backfill.Settings;

/**
 * The files of a pipeline in the runtime folder.
 *
 * @param ledger the progress of its passes
 * @param lock held by the process that runs it
 * @param folder has the output of the steps, and the report
 */
public record PipelineFiles(Path ledger, Path lock, Path folder) {

  /** The files of one pipeline. */
  public static PipelineFiles of(Settings settings, String pipeline) {
    return of(settings.path("runtime.dir"), pipeline);
  }

  /** Likewise, for a runtime folder that is not the one of the settings. */
  public static PipelineFiles of(Path runtime, String pipeline) {
    Path pipelines = runtime.resolve("pipelines");
    return new PipelineFiles(
        pipelines.resolve(pipeline + ".ledger"),
        pipelines.resolve(pipeline + ".lock"),
        pipelines.resolve(pipeline));
  }

  /** What a step wrote to standard error, in all its tries. */
  public Path log(String step) {
    return folder.resolve(step + ".log");
  }

  /** What a step printed in its last try. */
  public Path out(String step) {
    return folder.resolve(step + ".out");
  }

  /** The progress line of a running step; written by Terminal in the step's process. */
  Path now(String step) {
    return folder.resolve(step + ".now");
  }

  /** The report of the last run as text. */
  public Path report() {
    return folder.resolve("report.txt");
  }

  /** The report of the last run as an HTML page. */
  public Path page() {
    return folder.resolve("report.html");
  }
}
