package polymarket.backfill.run;

import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.StepTimes.Step;

/** Says what batches wait for, so that a person sees why nothing moves. */
final class Waits {

  private Waits() {}

  /**
   * @param suspects how many further batches wait for the source to answer any
   * @param sourceName the job's source
   */
  static String of(Collection<BatchWork> inFlight, int suspects, String sourceName) {
    Map<String, Integer> counts = new TreeMap<>();
    for (BatchWork batch : inFlight) {
      counts.merge(of(batch, sourceName), 1, Integer::sum);
    }
    if (suspects > 0) {
      counts.merge(sourceName, suspects, Integer::sum);
    }
    return counts.entrySet().stream()
        .map(
            count ->
                count.getValue()
                    + (count.getValue() == 1 ? " batch waits for " : " batches wait for ")
                    + count.getKey())
        .collect(Collectors.joining(", "));
  }

  private static String of(BatchWork batch, String sourceName) {
    Step step = batch.step();
    return step == Step.INSERT || step == Step.READ_BACK
        ? "ClickHouse"
        : step == Step.LEDGER
            ? "the ledger"
            : step == null && batch.worker() != null
                ? sourceName + " or the next step" + at(batch.worker())
                : sourceName;
  }

  /** The position of a thread, to find out why it hangs. */
  private static String at(Thread worker) {
    return Arrays.stream(worker.getStackTrace())
        .filter(frame -> frame.getClassName().startsWith("polymarket."))
        .findFirst()
        .map(
            frame ->
                " (in "
                    + frame.getClassName().replaceFirst(".*\\.", "")
                    + "."
                    + frame.getMethodName()
                    + ")")
        .orElse("");
  }
}
