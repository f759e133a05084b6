package polymarket.backfill.slices;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import polymarket.backfill.Messages;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.FencedException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;

/**
 * Works on the pending slices of a ledger until all are marked. Where members share the ledger,
 * each takes one that nobody has at a time, and those of members that are gone.
 */
public final class SliceQueue {

  private static final int LOOK_MILLIS = 300;

  private final Ledger ledger;
  private final Steps steps;
  private final Supplier<Boolean> current;
  private final Messages messages;

  /** Slices of members that are gone, which are this process's now. */
  private final List<Batch> freed = new ArrayList<>();

  /**
   * @param current whether the step under way is still the one that this was made for
   */
  public SliceQueue(Ledger ledger, Steps steps, Supplier<Boolean> current, Messages messages) {
    this.ledger = ledger;
    this.steps = steps;
    this.current = current;
    this.messages = messages;
  }

  /**
   * Returns when all slices are marked, a stop was asked for, or the step is another one by now.
   *
   * @param work does a slice and marks it; what it throws because another member has the slice by
   *     now is said, and nothing else comes of it
   * @param divide gives the slices that take the place of one that hit the cap; none where it
   *     cannot be divided
   */
  public void each(String step, Consumer<Batch> work, Function<String, List<String>> divide) {
    boolean shared = ledger.isShared();
    while (!steps.isStopped() && current.get()) {
      List<Batch> claimed = claim(shared ? 1 : Integer.MAX_VALUE);
      if (claimed.isEmpty()) {
        if (!ledger.othersWork()) {
          return;
        }
        pause();
        continue;
      }
      steps.each(
          step,
          claimed,
          () -> !shared || !current.get() ? null : claim(1).stream().findFirst().orElse(null),
          batch -> work(batch, work),
          batch -> halves(batch, divide));
    }
    freed.forEach(batch -> SliceLedger.giveBack(ledger, batch));
    freed.clear();
  }

  /** Slices for this process: those that were begun and left, then others. */
  private List<Batch> claim(int most) {
    synchronized (ledger) {
      List<Batch> claimed = new ArrayList<>(ledger.isShared() ? freed() : ledger.open(Share.WHOLE));
      if (claimed.size() < most) {
        claimed.addAll(SliceLedger.claim(ledger, Math.min(1_000_000, most - claimed.size())));
      }
      return claimed;
    }
  }

  /** One slice of a member that is gone; what it had besides waits for the next call. */
  private List<Batch> freed() {
    if (freed.isEmpty()) {
      freed.addAll(ledger.freed(Share.WHOLE));
    }
    return freed.isEmpty() ? List.of() : List.of(freed.remove(0));
  }

  private void work(Batch batch, Consumer<Batch> work) {
    try {
      if (current.get()) {
        work.accept(batch);
      } else {
        // the step ended before this slice was claimed
        SliceLedger.giveBack(ledger, batch);
      }
    } catch (FencedException e) {
      fenced(batch);
    } catch (ClickHouseException e) {
      if (ledger.holds(batch)) {
        throw e;
      }
      // the one that took it over has dropped what it was written to
      fenced(batch);
    }
  }

  private void fenced(Batch batch) {
    messages.warn(
        "another member took over the slice "
            + SliceLedger.idOf(batch)
            + ", because this one stood still: nothing of it is marked here");
  }

  private List<Batch> halves(Batch batch, Function<String, List<String>> divide) {
    List<String> halves = divide.apply(SliceLedger.idOf(batch));
    if (halves.isEmpty()) {
      return List.of();
    }
    try {
      return ledger.split(new BatchWork(batch), halves);
    } catch (FencedException e) {
      // the next try to do it finds the same
      return List.of(batch);
    }
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
