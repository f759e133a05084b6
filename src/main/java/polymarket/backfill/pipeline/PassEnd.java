package polymarket.backfill.pipeline;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import polymarket.backfill.ExitCode;
import polymarket.backfill.pipeline.PipelineLedger.Entry;

/**
 * How a run of a pipeline ended, from the states of its steps.
 *
 * @param state of the pass
 * @param reason in one line; null where every step is done and nothing failed
 */
record PassEnd(PassState state, ExitCode exit, String reason) {

  /**
   * Finds it out.
   *
   * @param interrupted the reason of a stop that was asked for; null for none
   */
  static PassEnd of(Pipeline pipeline, List<Entry> entries, String interrupted) {
    boolean failed = entries.stream().anyMatch(entry -> entry.state() == StepState.FAILED);
    boolean open = entries.stream().anyMatch(entry -> !entry.state().isSettled());
    Set<ExitCode> codes = new LinkedHashSet<>();
    List<String> reasons = new ArrayList<>();
    for (Entry entry : entries) {
      ExitCode exit = ExitCode.of(entry.exitCode());
      if (entry.state() == StepState.FAILED) {
        boolean goesOn = pipeline.step(entry.step()).goesOn();
        codes.add(
            exit == ExitCode.NOT_BALANCED || exit == ExitCode.GAVE_UP
                ? exit
                : goesOn ? ExitCode.FAILED_IDS : ExitCode.ERROR);
        reasons.add(entry.step() + " failed");
      } else if (entry.state() == StepState.DONE && exit != ExitCode.COMPLETE) {
        codes.add(exit);
        reasons.add(
            entry.step() + (exit == ExitCode.CHECK_FAILED ? ": check failed" : " has failed ids"));
      }
    }
    List<Entry> cut = entries.stream().filter(entry -> entry.state().isShort()).toList();
    // a step that reports judges the whole: without it, the quality of the data is unknown
    for (Entry entry : cut) {
      if (pipeline.step(entry.step()).report()) {
        codes.add(ExitCode.CHECK_FAILED);
        reasons.add(entry.step() + " was " + entry.state().text());
      }
    }
    if (interrupted != null) {
      return new PassEnd(
          failed ? PassState.FAILED : open ? PassState.INTERRUPTED : PassState.FINISHED,
          ExitCode.INTERRUPTED,
          interrupted);
    }
    String reason = null;
    if (!reasons.isEmpty()) {
      reason =
          String.join(", ", reasons)
              + (failed
                  ? "; the same command repeats the failed steps and the steps after them"
                  : "");
    } else if (!cut.isEmpty()) {
      reason =
          "done with the data available in time: "
              + String.join(
                  ", ",
                  cut.stream().map(entry -> entry.state().text() + " " + entry.step()).toList());
    }
    return new PassEnd(
        failed ? PassState.FAILED : open ? PassState.OPEN : PassState.FINISHED,
        ExitCode.worst(codes),
        reason);
  }
}
