package polymarket.backfill.pipeline;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import polymarket.backfill.pipeline.PipelineLedger.Entry;

/** The steps of a pass with their states. Every change is in the ledger before it counts. */
final class PassSteps {

  private final Pipeline pipeline;
  private final PipelineLedger ledger;
  private final int pass;
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  /** Reads the steps of a pass; those that the ledger does not have yet are pending. */
  PassSteps(Pipeline pipeline, PipelineLedger ledger, int pass) {
    this.pipeline = pipeline;
    this.ledger = ledger;
    this.pass = pass;
    Map<String, Entry> recorded = ledger.steps(pass);
    for (String step : pipeline.steps().keySet()) {
      entries.put(step, recorded.getOrDefault(step, Entry.fresh(step)));
    }
  }

  Entry get(String step) {
    return entries.get(step);
  }

  /** All steps, in the order of the file. */
  List<Entry> all() {
    return List.copyOf(entries.values());
  }

  void put(Entry entry) {
    entries.put(entry.step(), entry);
    ledger.put(pass, entry);
  }

  /** Which of these steps are not settled. */
  Set<String> open(Set<String> of) {
    Set<String> open = new LinkedHashSet<>(of);
    open.removeIf(step -> entries.get(step).state().isSettled());
    return open;
  }

  long settled() {
    return entries.values().stream().filter(entry -> entry.state().isSettled()).count();
  }

  /**
   * Records the end of tries that were running when their run was killed: they count until they
   * were last seen.
   *
   * @param requests those of such a try
   */
  void endKilledTries(ToLongFunction<Entry> requests) {
    for (Entry entry : all()) {
      if (entry.state() == StepState.RUNNING) {
        put(entry.killed(requests.applyAsLong(entry)));
      }
    }
  }

  /** Makes these steps pending as if they had never run. */
  void reset(Set<String> steps) {
    steps.forEach(step -> put(Entry.fresh(step)));
  }

  /**
   * Makes pending what a run that continues the pass has to do: unsettled and blocked steps, and
   * failed ones with all that come after them, as if they had never run.
   */
  void resume() {
    Set<String> reset = new LinkedHashSet<>();
    for (Entry entry : all()) {
      if (entry.state() == StepState.FAILED) {
        reset.add(entry.step());
        reset.addAll(pipeline.behind(entry.step()));
      } else if (!entry.state().isSettled() || entry.state() == StepState.BLOCKED) {
        put(entry.with(StepState.PENDING, entry.reason()));
      }
    }
    reset(reset);
  }
}
