package polymarket.backfill.enrich;

import polymarket.backfill.Sha256;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.slices.SliceLedger;

/**
 * The table that a slice is written to, which is the text that the ledger keeps with it: each batch
 * has a table of its own, and one that was taken over another one, so that a process that wakes up
 * late writes where nobody reads.
 */
final class SliceTables {

  private SliceTables() {}

  /** What is noted at a table that this ledger's run made. */
  static String run(Ledger ledger) {
    return "backfill enrich, run " + ledger.id();
  }

  /** The table that a batch writes its slice to. */
  static String of(Batch batch) {
    return of(batch, batch.tenure());
  }

  /** The table of the member that had the batch before; null where no other one had it. */
  static String before(Batch batch) {
    return batch.tenure() == 0 ? null : of(batch, batch.tenure() - 1);
  }

  private static String of(Batch batch, int tenure) {
    return Target.WORK
        + ".slice_"
        + Sha256.hex(SliceLedger.idOf(batch), 16)
        + "_"
        + batch.key().number()
        + "_"
        + tenure;
  }
}
