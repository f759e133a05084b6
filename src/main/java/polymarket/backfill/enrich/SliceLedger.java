package polymarket.backfill.enrich;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/** A ledger whose ids are slices. */
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

  /** All pending slices, each a batch that was written down. */
  static List<Batch> claim(Ledger ledger) {
    synchronized (ledger) {
      List<Batch> claimed = new ArrayList<>();
      for (Mode mode : List.of(Mode.NEW, Mode.REDO, Mode.AGAIN)) {
        claimed.addAll(ledger.claim("", mode, Share.WHOLE, 1, 1_000_000));
      }
      return claimed;
    }
  }

  /** The slice of a batch. */
  static String idOf(Batch batch) {
    return batch.ids().get(0);
  }
}
