package polymarket.backfill.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import polymarket.backfill.ExitCode;
import polymarket.backfill.pipeline.PipelineLedger.Entry;
import polymarket.backfill.pipeline.PipelineLedger.Pass;

/** Which pass a run works on, with which budget, and how it ended. */
class PassTest {

  private static final Duration IN_FILE = Duration.ofHours(6);

  private static Pass pass(PassState state) {
    return new Pass(3, 1, 0, state, 0, 5000, 2000, 1);
  }

  private static PipelineRun.Options options(Duration budget, boolean again, String only) {
    return new PipelineRun.Options(budget, again, only, null);
  }

  @Test
  void anUnfinishedPass_isContinuedWithItsOwnBudget_unlessAnotherIsAskedFor() {
    PassStart start = PassStart.of(pass(PassState.FAILED), options(null, false, null), IN_FILE);
    assertEquals(new PassStart(pass(PassState.FAILED), false, 5000, 2000), start);
    assertEquals(
        9000,
        PassStart.of(pass(PassState.OPEN), options(Duration.ofMillis(9000), false, null), IN_FILE)
            .budgetMillis());
  }

  @Test
  void aNewPass_hasUsedNothing_evenIfOnlyAPartIsAskedFor() {
    PassStart fresh = new PassStart(null, false, IN_FILE.toMillis(), 0);
    assertEquals(fresh, PassStart.of(null, options(null, false, null), IN_FILE));
    assertEquals(fresh, PassStart.of(pass(PassState.FINISHED), options(null, true, null), IN_FILE));
    assertEquals(fresh, PassStart.of(pass(PassState.FINISHED), options(null, true, "a"), IN_FILE));
  }

  @Test
  void aFinishedPass_leavesNothingToDo_butAPartOfItHasTheWholeBudgetAgain() {
    assertTrue(
        PassStart.of(pass(PassState.FINISHED), options(null, false, null), IN_FILE)
            .isNothingToDo());
    PassStart part = PassStart.of(pass(PassState.FINISHED), options(null, false, "a"), IN_FILE);
    assertEquals(IN_FILE.toMillis(), part.budgetMillis() - part.spentMillis());
  }

  private static Pipeline pipeline(boolean goesOn, boolean report) {
    Map<String, Pipeline.Step> steps = new LinkedHashMap<>();
    for (String name : List.of("a", "b")) {
      steps.put(
          name,
          new Pipeline.Step(
              name,
              "",
              "views",
              List.of("views"),
              List.of(),
              Duration.ZERO,
              null,
              Pipeline.IfShort.RUN,
              goesOn,
              0,
              Duration.ZERO,
              0,
              "",
              List.of(),
              report,
              null,
              1));
    }
    return new Pipeline("p", "p", IN_FILE, steps, Path.of("p.yaml"));
  }

  private static Entry entry(String step, StepState state, int exitCode) {
    return Entry.fresh(step).started(1, 1).ended(exitCode, false, 0, 0).with(state, null);
  }

  private static PassEnd end(Pipeline pipeline, Entry a, Entry b) {
    return PassEnd.of(pipeline, List.of(a, b), null);
  }

  @Test
  void theWorstStep_decidesTheExitCode() {
    Entry done = entry("a", StepState.DONE, 0);
    PassEnd complete = end(pipeline(false, false), done, entry("b", StepState.DONE, 0));
    assertEquals(PassState.FINISHED, complete.state());
    assertEquals(ExitCode.COMPLETE, complete.exit());
    assertNull(complete.reason());
    assertEquals(
        new PassEnd(PassState.FINISHED, ExitCode.CHECK_FAILED, "a: check failed, b has failed ids"),
        end(pipeline(false, false), entry("a", StepState.DONE, 3), entry("b", StepState.DONE, 2)));
    for (int killed : List.of(1, 137)) {
      Entry failed = entry("b", StepState.FAILED, killed);
      assertEquals(ExitCode.ERROR, end(pipeline(false, false), done, failed).exit());
      assertEquals(ExitCode.FAILED_IDS, end(pipeline(true, false), done, failed).exit());
      assertEquals(PassState.FAILED, end(pipeline(true, false), done, failed).state());
    }
    assertEquals(
        ExitCode.NOT_BALANCED,
        end(pipeline(true, false), entry("a", StepState.FAILED, 5), entry("b", StepState.FAILED, 4))
            .exit());
  }

  @Test
  void aStepThatWasCut_isNamed_andFailsTheCheckIfTheReportNeedsIt() {
    Entry done = entry("a", StepState.DONE, 0);
    Entry cut = entry("b", StepState.CUT, 143);
    assertEquals(
        new PassEnd(
            PassState.FINISHED, ExitCode.COMPLETE, "done with the data available in time: cut b"),
        end(pipeline(false, false), done, cut));
    assertEquals(
        new PassEnd(PassState.FINISHED, ExitCode.CHECK_FAILED, "b was cut"),
        end(pipeline(false, true), done, cut));
  }

  @Test
  void anInterruptedRun_leavesThePassToBeContinued() {
    assertEquals(
        new PassEnd(PassState.INTERRUPTED, ExitCode.INTERRUPTED, "stopped"),
        PassEnd.of(
            pipeline(false, false),
            List.of(entry("a", StepState.DONE, 0), entry("b", StepState.PENDING, 130)),
            "stopped"));
  }
}
