package polymarket.backfill.pipeline;

import java.util.List;
import java.util.Set;
import polymarket.backfill.Messages;
import polymarket.backfill.pipeline.Pipeline.IfShort;
import polymarket.backfill.pipeline.Pipeline.Step;

/**
 * The time of a pass while a run works on it: what is used, what is left, and how much of that a
 * step may use when the required steps after it keep theirs.
 */
final class TimeBudget {

  private final Pipeline pipeline;
  private final long budgetMillis;
  private final long spentBefore;
  private final long startNanos = System.nanoTime();

  /** The time runs from here on. */
  TimeBudget(Pipeline pipeline, PassStart start) {
    this.pipeline = pipeline;
    this.budgetMillis = start.budgetMillis();
    this.spentBefore = start.spentMillis();
  }

  /** The time in milliseconds that the pass has used, over all its runs. */
  long spent() {
    return spentBefore + (System.nanoTime() - startNanos) / 1_000_000;
  }

  boolean isUsedUp() {
    return left() < 0;
  }

  private long left() {
    return budgetMillis - spent();
  }

  /**
   * How long a step may work, in milliseconds.
   *
   * @param open the steps that are not settled
   */
  long room(Step step, Set<String> open) {
    return left() - pipeline.kept(step.name(), open).toMillis();
  }

  /** Why a step has no more time than {@link #room}, in words. */
  String why(Step step, Set<String> open) {
    long left = left();
    List<String> required =
        pipeline.behind(step.name()).stream()
            .filter(name -> open.contains(name) && pipeline.step(name).ifShort() == IfShort.RUN)
            .toList();
    return (left <= 0 ? usedUp() : Messages.time(left / 1000 * 1000) + " of the budget are left")
        + (required.isEmpty()
            ? ""
            : ", "
                + Messages.time(pipeline.kept(step.name(), open).toMillis())
                + " of them reserved for "
                + String.join(", ", required));
  }

  String usedUp() {
    return "the budget of " + Messages.time(budgetMillis) + " is used up";
  }
}
