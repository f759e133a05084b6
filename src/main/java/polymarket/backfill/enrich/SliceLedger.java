package polymarket.backfill.enrich;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Sha256;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/**
 * A ledger whose ids are slices. A slice that was written is found, and what the ledger keeps as
 * its reason is the table that it was written to: each batch has a table of its own, and one that
 * was taken over another one, so that a process that wakes up late writes where nobody reads. A
 * slice whose trades changed meanwhile is failed until it is done again.
 */
final class SliceLedger {

  private SliceLedger() {}

  /** What is noted at a table that this ledger's run made. */
  static String run(Ledger ledger) {
    return "backfill enrich, run " + ledger.id();
  }

  /** Makes slices pending that are done. */
  static void again(Ledger ledger, Collection<String> ids) {
    if (!ids.isEmpty()) {
      ledger.redo(ids);
    }
  }

  /** The slices in these states. */
  static List<String> ids(Ledger ledger, State... states) {
    List<String> ids = new ArrayList<>();
    for (State state : states) {
      ledger.entries(state, Long.MAX_VALUE, entry -> ids.add(entry.id()));
    }
    return ids;
  }

  /** The tables of the slices that were written, by their slices; empty for one without. */
  static Map<String, String> written(Ledger ledger) {
    Map<String, String> tables = new LinkedHashMap<>();
    ledger.entries(
        State.FOUND,
        Long.MAX_VALUE,
        entry -> tables.put(entry.id(), entry.reason() == null ? "" : entry.reason()));
    return tables;
  }

  /**
   * Pending slices, each a batch that was written down.
   *
   * @param most how many at most
   */
  static List<Batch> claim(Ledger ledger, int most) {
    synchronized (ledger) {
      List<Batch> claimed = new ArrayList<>();
      for (Mode mode : List.of(Mode.NEW, Mode.REDO, Mode.AGAIN)) {
        if (claimed.size() < most) {
          claimed.addAll(ledger.claim("", mode, Share.WHOLE, 1, most - claimed.size()));
        }
      }
      return claimed;
    }
  }

  /** The slice of a batch. */
  static String idOf(Batch batch) {
    return batch.ids().get(0);
  }

  /** The table that a batch writes its slice to. */
  static String table(Batch batch) {
    return table(batch, batch.tenure());
  }

  /** The table of the member that had the batch before; null where no other one had it. */
  static String tableBefore(Batch batch) {
    return batch.tenure() == 0 ? null : table(batch, batch.tenure() - 1);
  }

  private static String table(Batch batch, int tenure) {
    return Target.WORK
        + ".slice_"
        + Sha256.hex(idOf(batch), 16)
        + "_"
        + batch.key().number()
        + "_"
        + tenure;
  }

  /** Marks a slice as written. */
  static void done(Ledger ledger, Batch batch, long rows) {
    BatchWork work = new BatchWork(batch);
    work.outcomes().put(idOf(batch), new Outcome(State.FOUND, rows, 0, table(batch)));
    work.rows().add(rows, rows, 0, 0);
    ledger.complete(work, List.of(), Share.WHOLE);
  }

  /** Marks a slice as one whose trades changed while it was written. */
  static void changed(Ledger ledger, Batch batch) {
    ledger.fail(new BatchWork(batch), Outcome.failed(0, table(batch)));
  }

  /** Gives a slice back that is not to be written now. */
  static void giveBack(Ledger ledger, Batch batch) {
    ledger.complete(new BatchWork(batch), List.of(), Share.WHOLE);
  }
}
