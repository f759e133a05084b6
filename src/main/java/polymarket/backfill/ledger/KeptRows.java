package polymarket.backfill.ledger;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Rows that are held until they are inserted together: those of several pages, and those that the
 * parts of a batch brought.
 */
public final class KeptRows {

  /** Rows that are held until they are inserted together. */
  private static final int GATHERED_ROWS = 20_000;

  private final List<Map<String, Object>> kept = new ArrayList<>();
  private int pages;
  private int pagesTogether = 1;
  private int lastPage;
  private boolean pageByPage;
  private final List<Map<String, Object>> gathered = new ArrayList<>();
  private final Set<String> answered = new HashSet<>();

  KeptRows() {}

  /** Keeps a page's rows. */
  synchronized void add(List<Map<String, Object>> rows) {
    kept.addAll(rows);
    pages++;
    lastPage = rows.size();
  }

  synchronized List<Map<String, Object>> all() {
    return List.copyOf(kept);
  }

  synchronized int size() {
    return kept.size();
  }

  /** Drops the rows of the pages that were kept. */
  synchronized void drop() {
    kept.clear();
  }

  /**
   * Hands over the rows of the pages that were kept, which are then kept no more.
   *
   * @param growing whether twice as many pages are kept the next time; one page otherwise
   */
  public synchronized List<Map<String, Object>> take(boolean growing) {
    List<Map<String, Object>> rows = List.copyOf(kept);
    kept.clear();
    pages = 0;
    pagesTogether = !growing ? 1 : Math.min(1024, 2 * pagesTogether);
    return rows;
  }

  /** Whether there is room for a further page: see {@link BatchWork#keepsOn}. */
  synchronized boolean hasRoom(int rows, int atLeast) {
    int most = pageByPage ? 1 : Math.max(atLeast, pagesTogether);
    return pages < most && kept.size() < rows;
  }

  /** Rows of the last page that was kept; 0 where pages are not kept. */
  public synchronized int lastPage() {
    return lastPage;
  }

  /** Whether pages are kept that are not stored. */
  public synchronized boolean any() {
    return pages > 0;
  }

  /**
   * Stores each page before the next is asked for, so that a page that cannot be fetched costs none
   * of those before it.
   */
  public synchronized void pageByPage() {
    pageByPage = true;
  }

  /**
   * Takes all rows of ids that were asked for together; where they would be too many with those of
   * others, the ids are left unanswered.
   *
   * @return whether it took them
   */
  public synchronized boolean gather(List<String> ids, List<Map<String, Object>> rows) {
    boolean room = gathered.isEmpty() || gathered.size() + rows.size() <= GATHERED_ROWS;
    if (room) {
      gathered.addAll(rows);
      answered.addAll(ids);
    }
    return room;
  }

  /** The rows of the batch's parts. */
  public synchronized List<Map<String, Object>> gathered() {
    return List.copyOf(gathered);
  }

  /** The ids whose parts have all their rows, including ids without rows. */
  public synchronized Set<String> answered() {
    return Set.copyOf(answered);
  }

  /** Forgets the pages, because the batch begins at the first one again. */
  synchronized void restart() {
    kept.clear();
    gathered.clear();
    pages = 0;
  }

  /** Forgets all rows, because the batch is asked for once more. */
  synchronized void forget() {
    restart();
    answered.clear();
  }
}
