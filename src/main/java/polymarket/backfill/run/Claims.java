package polymarket.backfill.run;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Share;

/**
 * Makes batches of the pending ids of a ledger, in the order of the ids, and takes up unfinished
 * ones. What another job has first is left for a later pass.
 */
final class Claims {

  /** The shortest time between two passes, where something was left. */
  private static final long PASS_NANOS = 5_000_000_000L;

  /** What was asked for by name comes first, so that a run of few ids comes to it. */
  private static final List<Mode> FIRST_PASS = List.of(Mode.REDO, Mode.NEW, Mode.AGAIN);

  private static final List<Mode> LATER_PASS = List.of(Mode.NEW, Mode.REDO, Mode.AGAIN);

  private final Ledger ledger;
  private final Share share;
  private final EarlierJob earlier;
  private final UnaryOperator<List<String>> shape;

  private final Deque<Mode> modes = new ArrayDeque<>(FIRST_PASS);

  /** The last id that was claimed of the current mode. */
  private String after = "";

  /** Whether the pass has left ids. */
  private boolean leftIds;

  /** Unfinished batches that were left. */
  private final List<Batch> leftBatches = new ArrayList<>();

  /** How long the claims of the pass took, and when the next one is due. */
  private long tookNanos;

  private long dueAt;

  /**
   * @param earlier the job that has the ids first that both ask for
   * @param shape takes ids in their order and gives those that stand for the same
   */
  Claims(Ledger ledger, Share share, EarlierJob earlier, UnaryOperator<List<String>> shape) {
    this.ledger = ledger;
    this.share = share;
    this.earlier = earlier;
    this.shape = shape;
  }

  /** Whether the pass has not come to its end. */
  boolean goesOn() {
    return !modes.isEmpty();
  }

  /** Whether ids were left that another job has first. */
  boolean hasLeftIds() {
    return leftIds;
  }

  /** Whether unfinished batches were left, because another job has ids of them first. */
  boolean hasLeftBatches() {
    return !leftBatches.isEmpty();
  }

  /** Whether it is time for another pass over what was left. */
  boolean isDue() {
    return System.nanoTime() >= dueAt || !earlier.isActive();
  }

  /** Unfinished batches that can go on; the others are left. */
  List<Batch> resumed(List<Batch> unfinished) {
    List<Batch> free = new ArrayList<>();
    for (Batch batch : unfinished) {
      (earlier.first(batch.ids()).isEmpty() ? free : leftBatches).add(batch);
    }
    return free;
  }

  /**
   * Begins another pass.
   *
   * @return the batches that were left and can go on now
   */
  List<Batch> startAgain() {
    modes.addAll(LATER_PASS);
    after = "";
    leftIds = false;
    tookNanos = 0;
    dueAt = System.nanoTime() + PASS_NANOS;
    List<Batch> left = List.copyOf(leftBatches);
    leftBatches.clear();
    return resumed(left);
  }

  /** Ids of a mode are pending again. */
  void add(Mode mode) {
    modes.add(mode);
  }

  /**
   * The next batches; none where the mode has no more, and the next call goes on with another one.
   *
   * @param size ids a batch
   * @param count how many batches at most
   */
  List<Batch> next(int size, int count) {
    long begun = System.nanoTime();
    List<Batch> claimed = ledger.claim(after, modes.peek(), share, size, count, new Chosen());
    long now = System.nanoTime();
    tookNanos += now - begun;
    if (claimed.isEmpty()) {
      modes.poll();
      after = "";
      // so that passes over many ids take a small part of the time
      dueAt = now + Math.max(PASS_NANOS, 20 * tookNanos);
    } else {
      List<String> last = claimed.get(claimed.size() - 1).ids();
      after = last.get(last.size() - 1);
    }
    return claimed;
  }

  /** Which ids are claimed. */
  private final class Chosen implements Ledger.Choice {

    @Override
    public List<String> shaped(List<String> ids) {
      return shape.apply(ids);
    }

    @Override
    public Set<String> later(List<String> ids) {
      Set<String> later = earlier.first(ids);
      leftIds |= !later.isEmpty();
      return later;
    }

    /** Those that do not fill a batch are asked for with the ids that were left. */
    @Override
    public boolean onlyFull() {
      return leftIds;
    }
  }
}
