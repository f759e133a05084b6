package polymarket.backfill.audit;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.slices.SliceLedger;
import polymarket.backfill.slices.SliceQueue;

/**
 * A member's work on the slices of a law that are in a shared ledger. What is found in a slice is
 * kept there, in the transaction that marks it: a member that was taken for dead adds nothing.
 */
final class SharedSlices {

  private final Ledger ledger;
  private final LawCheck lawCheck;
  private final Steps steps;
  private final Messages messages;

  SharedSlices(Ledger ledger, LawCheck lawCheck, Steps steps, Messages messages) {
    this.ledger = ledger;
    this.lawCheck = lawCheck;
    this.steps = steps;
    this.messages = messages;
  }

  /** The placeholders of how much memory a query may take. */
  static Map<String, Object> memory(Steps steps) {
    Map<String, Object> values = new HashMap<>(Memory.of(steps.budget()));
    // of a query with one aggregation
    values.put("late_spill", steps.budget() / 4);
    return values;
  }

  /**
   * Holds the law against slices that nobody has, until all are marked.
   *
   * @param values the placeholders of the law, without those of a slice
   * @param current whether this is still the law under way
   * @param done told after each slice
   */
  void each(
      SqlFile.Section section,
      Map<String, Object> values,
      Supplier<Boolean> current,
      Runnable done) {
    String law = LawCheck.name(section);
    new SliceQueue(ledger, steps, current, messages)
        .each(
            law,
            batch -> {
              String id = SliceLedger.idOf(batch);
              if (!SharedStage.isOf(id, law)) {
                throw new IllegalStateException(id + " is not of the law " + law);
              }
              LawSlice slice = SharedStage.slice(id);
              Found found = lawCheck.check(section, values, slice);
              SliceLedger.done(ledger, batch, found.checked(), SharedStage.text(found));
              done.run();
            },
            id -> halves(section, law, id));
  }

  private static List<String> halves(SqlFile.Section section, String law, String id) {
    return SharedStage.slice(id).halves(section.attributes().get("by")).stream()
        .map(half -> SharedStage.id(law, half))
        .toList();
  }
}
