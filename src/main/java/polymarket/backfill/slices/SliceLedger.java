package polymarket.backfill.slices;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.FencedException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/**
 * A ledger whose ids are slices, each a batch of its own. A slice that is done is found, and the
 * ledger keeps a text with it, in place of a reason: what came of it, or where that is.
 */
public final class SliceLedger {

  private SliceLedger() {}

  /** Makes slices pending that are done. */
  public static void again(Ledger ledger, Collection<String> ids) {
    if (!ids.isEmpty()) {
      ledger.redo(ids);
    }
  }

  /** The slices in these states. */
  public static List<String> ids(Ledger ledger, State... states) {
    List<String> ids = new ArrayList<>();
    for (State state : states) {
      ledger.entries(state, Long.MAX_VALUE, entry -> ids.add(entry.id()));
    }
    return ids;
  }

  /** The texts of the slices that are done, by their slices; empty for one without. */
  public static Map<String, String> done(Ledger ledger) {
    Map<String, String> texts = new LinkedHashMap<>();
    ledger.entries(
        State.FOUND,
        Long.MAX_VALUE,
        entry -> texts.put(entry.id(), entry.reason() == null ? "" : entry.reason()));
    return texts;
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
  public static String idOf(Batch batch) {
    return batch.ids().get(0);
  }

  /**
   * Marks a slice as done.
   *
   * @param text what the ledger keeps with it
   * @throws FencedException where another member has taken it over; nothing is marked then
   */
  public static void done(Ledger ledger, Batch batch, long rows, String text) {
    BatchWork work = new BatchWork(batch);
    work.outcomes().put(idOf(batch), new Outcome(State.FOUND, rows, 0, text));
    work.rows().add(rows, rows, 0, 0);
    ledger.complete(work, List.of(), Share.WHOLE);
  }

  /** Marks a slice as failed until it is done again. */
  public static void failed(Ledger ledger, Batch batch, String text) {
    ledger.fail(new BatchWork(batch), Outcome.failed(0, text));
  }

  /** Gives a slice back that is not to be done now. */
  public static void giveBack(Ledger ledger, Batch batch) {
    ledger.complete(new BatchWork(batch), List.of(), Share.WHOLE);
  }

  /**
   * @throws FencedException where another member has taken the slice over
   */
  public static void requireHeld(Ledger ledger, Batch batch) {
    if (!ledger.holds(batch)) {
      throw new FencedException(batch);
    }
  }
}
