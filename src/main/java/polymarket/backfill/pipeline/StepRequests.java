package polymarket.backfill.pipeline;

import java.util.Locale;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.pipeline.Pipeline.Step;
import polymarket.backfill.pipeline.PipelineLedger.Entry;
import polymarket.backfill.run.Estimate;
import polymarket.backfill.run.RoutePace;

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
      String source = job.firstSource(settings);
      double pace = RoutePace.perSecond(settings, source);
      // the jobs of a step run in parallel: the slowest source decides
      if (perSecond == 0 || pace < perSecond) {
        perSecond = pace;
        paceFrom = RoutePace.file(source);
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
    try (Ledger ledger = Ledger.open(file)) {
      return Estimate.least(settings, job, ledger);
    }
  }
}
