package polymarket.backfill.ledger;

import java.util.HashMap;
import java.util.Map;

/**
 * The rows of a batch: those of the page that is being stored, and those of the pages before it.
 */
public final class RowCounts {

  private long fetched;
  private long inserted;
  private long duplicate;
  private long rejected;
  private long fetchedBefore;
  private long storedBefore;
  private long rejectedBefore;
  private final Map<String, Long> there = new HashMap<>();
  private Map<String, Long> thereOfPage = Map.of();

  RowCounts(Batch.Saved saved) {
    fetchedBefore = saved.fetched();
    storedBefore = saved.stored();
    rejectedBefore = saved.rejected();
  }

  /** Adds to the rows that came, were stored, were there already, or did not qualify. */
  public void add(long fetched, long inserted, long duplicate, long rejected) {
    this.fetched += fetched;
    this.inserted += inserted;
    this.duplicate += duplicate;
    this.rejected += rejected;
  }

  /** Forgets the rows of the page, because it is stored once more. */
  public void reset() {
    fetched = 0;
    inserted = 0;
    duplicate = 0;
    rejected = 0;
  }

  /** Rows of the page that came. */
  public long fetched() {
    return fetched;
  }

  /** Rows of the page that were stored. */
  public long inserted() {
    return inserted;
  }

  /** Rows of the page that were in the table already. */
  public long duplicate() {
    return duplicate;
  }

  /** Rows of the page that did not qualify. */
  public long rejected() {
    return rejected;
  }

  /** Rows of earlier pages. */
  public long fetchedBefore() {
    return fetchedBefore;
  }

  /** Rows of earlier pages that are in the tables, rejected ones too. */
  public long storedBefore() {
    return storedBefore;
  }

  /** Those of them that were rejected. */
  public long rejectedBefore() {
    return rejectedBefore;
  }

  /** How many rows of an id were in the table before. */
  public long there(String id) {
    return there.getOrDefault(id, 0L) + thereOfPage.getOrDefault(id, 0L);
  }

  /** Whether rows of any id were in the table before. */
  public boolean anyThere() {
    return !there.isEmpty() || !thereOfPage.isEmpty();
  }

  /**
   * Notes the rows of this page, by id, that were in the table before; storing the page once more
   * notes them anew.
   */
  public void pageThere(Map<String, Long> rows) {
    thereOfPage = Map.copyOf(rows);
  }

  /** The page's rows are in the ledger. */
  void pageDone() {
    fetchedBefore += fetched;
    storedBefore += inserted + rejected;
    rejectedBefore += rejected;
    reset();
    thereOfPage.forEach((id, rows) -> there.merge(id, rows, Long::sum));
    thereOfPage = Map.of();
  }
}
