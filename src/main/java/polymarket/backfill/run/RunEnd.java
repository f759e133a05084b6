package polymarket.backfill.run;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Stop;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.State;

/** Finds out how a run ended: whether the sums of its jobs add up, what failed, what is left. */
final class RunEnd {

  private final JobRun.Options options;
  private ExitCode exit = ExitCode.COMPLETE;
  private RunState state = RunState.COMPLETE;

  /** Why the whole run ended; null where it came to its end. */
  private String stopped;

  /** What is to be said of each job. */
  private final Map<String, String> reasons = new LinkedHashMap<>();

  RunEnd(JobRun.Options options, Stop stop) {
    this.options = options;
    if (stop.asked()) {
      exit = stop.code();
      state =
          switch (exit) {
            case INTERRUPTED -> RunState.INTERRUPTED;
            case GAVE_UP -> RunState.GAVE_UP;
            default -> RunState.STOPPED;
          };
      stopped = stop.reason();
    }
  }

  JobRun.Result of(List<Progress> jobs, Map<String, Ledger> ledgers) {
    List<JobStatus> ended = new ArrayList<>();
    RunState ofRun = state;
    for (Progress job : jobs) {
      Ledger ledger = ledgers.get(job.job().getName());
      Map<State, Long> counts = ledger.counts(options.share());
      long total = counts.values().stream().mapToLong(Long::longValue).sum();
      boolean balanced = total == ledger.size(options.share()) && ledger.sums().balanced();
      RunState own = of(job, ledger, counts, balanced, ofRun);
      state = own == ofRun ? state : own;
      job.counted(counts);
      JobStatus status =
          job.snapshot(own).with(JobStatus.LedgerSums.of(ledger, options.share()), balanced);
      ended.add(status);
      job.publish(status);
      job.close();
    }
    return new JobRun.Result(
        exit,
        state,
        stopped != null || reasons.isEmpty() ? stopped : String.join("; ", reasons.values()),
        ended.stream()
            .map(
                status ->
                    new JobResult(status, exit.code(), reasons.getOrDefault(status.job(), stopped)))
            .toList());
  }

  private RunState of(
      Progress progress, Ledger ledger, Map<State, Long> counts, boolean balanced, RunState ofRun) {
    String job = progress.job().getName();
    long left = exit.isFinished() ? ledger.left(options.share()) : 0;
    long failed = counts.get(State.FAILED);
    if (!balanced && exit != ExitCode.NOT_BALANCED) {
      exit = ExitCode.NOT_BALANCED;
      stopped = null;
      reasons.put(job, "the sums of " + job + " do not balance: see below");
      return RunState.NOT_BALANCED;
    }
    if (left > 0 && options.limit() == Long.MAX_VALUE) {
      exit = ExitCode.NOT_BALANCED;
      reasons.put(job, left + " ids of " + job + " are still pending though nothing is left to do");
      return RunState.NOT_BALANCED;
    }
    if (exit.isFinished() && failed > 0) {
      if (exit == ExitCode.COMPLETE) {
        exit = ExitCode.FAILED_IDS;
      }
      reasons.put(
          job,
          Messages.count(failed, "id")
              + " failed: see `backfill ledger "
              + job
              + " --state failed`; "
              + again(job)
              + " asks for them again"
              + (hasStages(progress, ledger)
                  ? ", and then for what no list of this pass has"
                  : ""));
      return RunState.FAILED_IDS;
    }
    if (left > 0) {
      reasons.put(
          job,
          Messages.count(left, "id")
              + " of "
              + job
              + (left == 1 ? " is" : " are")
              + " still pending; the same command without --limit continues with them");
      return RunState.LIMITED;
    }
    if (ofRun == RunState.COMPLETE
        && options.limit() < Long.MAX_VALUE
        && hasStages(progress, ledger)) {
      reasons.put(
          job,
          "what no list of "
              + job
              + " has is still to be asked for; the same command without --limit does it");
      return RunState.LIMITED;
    }
    if (ofRun == RunState.COMPLETE && progress.rejectsAll() && ledger.sums().inserted() == 0) {
      exit = exit == ExitCode.COMPLETE ? ExitCode.FAILED_IDS : exit;
      reasons.put(
          job,
          "all rows of " + job + " were rejected: its rejected table has them with their reasons");
      return RunState.FAILED_IDS;
    }
    return ofRun;
  }

  /** Whether the pass of a job has stages to come. */
  private static boolean hasStages(Progress progress, Ledger ledger) {
    return progress.job().sql().has("ids-after") && ledger.pass() != null;
  }

  /** The command that asks for failed ids again. */
  private String again(String job) {
    if (options.helps()) {
      return "`backfill run "
          + job
          + "`"
          + (options.window().all() ? "" : " with the same window of time");
    }
    return "the same command" + (options.limit() == Long.MAX_VALUE ? "" : " without --limit");
  }
}
