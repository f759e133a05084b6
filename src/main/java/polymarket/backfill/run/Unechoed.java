package polymarket.backfill.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;

/**
 * The ids that answers left out. They are asked for once more together, as soon as they fill a
 * batch and at the end, so that this takes as few requests as possible. They are in the ledger, and
 * no more of them are here than fill a batch and those of the batches in flight.
 */
final class Unechoed {

  private final Ledger ledger;
  private final Share share;
  private final int size;

  /** By whether their rows replace others on purpose. */
  private final Map<Boolean, List<Batch>> waiting = new TreeMap<>();

  /**
   * @param size ids a batch
   */
  Unechoed(Ledger ledger, Share share, int size) {
    this.ledger = ledger;
    this.share = share;
    this.size = size;
  }

  void add(Batch batch) {
    waiting.computeIfAbsent(batch.redo(), redo -> new ArrayList<>()).add(batch);
  }

  /** Batches that ask for them, each full; none where they do not fill one. */
  List<Batch> full() {
    return ask(false);
  }

  /** Batches that ask for all of them; none where none is left. */
  List<Batch> rest() {
    return ask(true);
  }

  private List<Batch> ask(boolean all) {
    List<Batch> asked = new ArrayList<>();
    for (List<Batch> batches : List.copyOf(waiting.values())) {
      int ids = batches.stream().mapToInt(Batch::size).sum();
      if (ids >= (all ? 1 : size)) {
        List<Batch> together = ledger.askTogether(batches, size, all, share);
        batches.clear();
        for (Batch batch : together) {
          (batch.kind() == Batch.Kind.UNECHOED ? batches : asked).add(batch);
        }
      }
    }
    return asked;
  }
}
