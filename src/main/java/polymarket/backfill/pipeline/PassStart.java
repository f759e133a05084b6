package polymarket.backfill.pipeline;

import java.time.Duration;
import polymarket.backfill.pipeline.PipelineLedger.Pass;

/**
 * Which pass a run works on, and with which budget: decided before anything is run, by a run and by
 * a plan alike.
 *
 * @param pass the pass that is continued; null for a new one
 * @param isNothingToDo whether the last pass is finished and the user asked for nothing more
 * @param budgetMillis of the whole pass
 * @param spentMillis what earlier runs of the pass used of it
 */
record PassStart(Pass pass, boolean isNothingToDo, long budgetMillis, long spentMillis) {

  /**
   * Decides it.
   *
   * @param last the last pass; null where there is none
   * @param inFile the budget that the pipeline's file gives
   */
  static PassStart of(Pass last, PipelineRun.Options options, Duration inFile) {
    if (last == null || options.again()) {
      return new PassStart(null, false, budget(options, inFile.toMillis()), 0);
    }
    if (last.state() != PassState.FINISHED) {
      return new PassStart(last, false, budget(options, last.budgetMillis()), last.spentMillis());
    }
    // a part of a finished pass that is run again has the whole budget again
    return options.isPart()
        ? new PassStart(
            last,
            false,
            budget(options, inFile.toMillis()) + last.spentMillis(),
            last.spentMillis())
        : new PassStart(last, true, budget(options, last.budgetMillis()), last.spentMillis());
  }

  private static long budget(PipelineRun.Options options, long otherwise) {
    return options.budget() != null ? options.budget().toMillis() : otherwise;
  }

  boolean isNew() {
    return pass == null;
  }
}
