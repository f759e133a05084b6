package polymarket.backfill.ledger;

import java.util.List;
import java.util.Locale;

/**
 * Ids that are asked for together, as the ledger stores them: written before they are requested,
 * the same after every restart. What happens to the batch while it is worked on is in {@link
 * BatchWork}.
 *
 * @param ids in their stored form, in order, none twice
 * @param resumed whether an earlier run had begun it
 * @param passFrom the number of the first batch of this pass
 * @param saved the pages that an earlier run stored
 * @param tenure how often a shared ledger gave it to another member; 0 otherwise
 */
public record Batch(
    Key key,
    Kind kind,
    List<String> ids,
    Mode mode,
    boolean resumed,
    long passFrom,
    Window window,
    Saved saved,
    int tenure) {

  /** Why a batch was made. */
  public enum Kind {
    /** Ids in the order of the ledger. */
    FIRST,
    /** Half of a batch that kept failing. */
    HALF,
    /**
     * Ids that an answer left out, until they are asked for once more with those of other answers.
     * It is not asked for itself.
     */
    UNECHOED,
    /** Ids that answers left out, asked for once more. */
    REASK,
    /**
     * One id that was answered before: shows whether the source answers at all. Nothing is stored
     * or marked.
     */
    PROBE;

    /** As the ledger has it. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    static Kind of(String text) {
      return valueOf(text.toUpperCase(Locale.ROOT));
    }
  }

  /**
   * Names a batch in ClickHouse and in the idempotent consumer. Keys sort as their batches were
   * made.
   *
   * @param number 0 for a batch that is in no ledger
   */
  public record Key(String job, String ledger, long number) {

    private static final long LAST = 9_999_999;

    Key of(long other) {
      return new Key(job, ledger, other);
    }

    /** The last key that a batch of this ledger may have. */
    Key last() {
      return of(LAST);
    }

    /** What the keys of a ledger's batches begin with. */
    static String prefix(String job, String ledger) {
      return job + "-" + ledger + "-";
    }

    @Override
    public String toString() {
      return prefix(job, ledger) + String.format(Locale.ROOT, "%07d", number);
    }
  }

  /**
   * The pages of a batch that are stored.
   *
   * @param cursor where the next page begins; null at the beginning
   * @param fetched rows of these pages
   * @param stored those of them that are in the tables, rejected ones too
   * @param rejected those of them that were rejected
   */
  public record Saved(String cursor, long fetched, long stored, long rejected) {

    static final Saved NOTHING = new Saved(null, 0, 0, 0);
  }

  public Batch {
    ids = List.copyOf(ids);
  }

  /** A batch that nothing was stored of. */
  Batch(Key key, Kind kind, List<String> ids, Mode mode, long passFrom, Window window) {
    this(key, kind, ids, mode, false, passFrom, window, Saved.NOTHING, 0);
  }

  /**
   * Ids to ask for without a ledger.
   *
   * @param kind FIRST, or REASK for those that were left out once
   */
  public static Batch preview(String job, List<String> ids, Kind kind) {
    return new Batch(new Key(job, "preview", 0), kind, ids, Mode.NEW, 0, Window.ALL);
  }

  /** The empty batch that ends a feed. */
  public static Batch none(String job) {
    return new Batch(new Key(job, "none", 0), Kind.FIRST, List.of(), Mode.NEW, 0, Window.ALL);
  }

  /** Some of its ids, which go into one request. */
  Batch only(List<String> some) {
    return new Batch(key, kind, some, mode, false, passFrom, window, Saved.NOTHING, tenure);
  }

  /** The name of the batch's job. */
  public String job() {
    return key.job();
  }

  /** How many ids it has. */
  public int size() {
    return ids.size();
  }

  /** Whether it replaces rows on purpose. */
  public boolean redo() {
    return mode == Mode.REDO;
  }

  /** Whether the table may hold some of its rows already, so that it is asked first. */
  public boolean check() {
    return resumed || mode == Mode.AGAIN;
  }

  /** The first key that a batch of this pass may have: those of earlier passes sort before it. */
  public Key passFirst() {
    return key.of(passFrom);
  }

  /** The last key that a batch of this ledger may have. */
  public Key passLast() {
    return key.last();
  }

  @Override
  public String toString() {
    return key.toString();
  }
}
