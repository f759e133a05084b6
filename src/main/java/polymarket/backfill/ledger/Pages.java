package polymarket.backfill.ledger;

import java.util.HashSet;
import java.util.Set;

/** The place in the pages of a batch's answer, and whether the source leads on from it. */
public final class Pages {

  private String cursor;
  private String storedCursor;
  private boolean more = true;
  private int restarts;
  private Set<String> seen = new HashSet<>();
  private int oldPages;
  private int emptyPages;
  private int shortPage = -1;
  private int shortPageTimes;

  Pages(String cursor) {
    this.cursor = cursor;
    this.storedCursor = cursor;
  }

  /** Where the next page begins; null at the beginning. */
  String cursor() {
    return cursor;
  }

  /** Whether there are more pages; true before the first. */
  boolean more() {
    return more;
  }

  /**
   * Notes a page, where it is a new one and leads on.
   *
   * @param digest of its content; null where it is empty
   * @param next where the next one begins; null where it is the last
   * @param leads what of it the source gave, by which it is known again
   * @param repeated how many pages in a row may have been there before
   * @return null, or what was there before, a "page" or a "cursor", because the source goes in
   *     circles; nothing is noted then
   */
  public String add(String digest, String next, String leads, int repeated) {
    boolean old = digest != null && seen.contains("page " + digest);
    if (old && oldPages >= repeated) {
      return "page";
    }
    if (next != null && (next.equals(cursor) || seen.contains("cursor " + leads))) {
      return "cursor";
    }
    seen.add("page " + digest);
    seen.add("cursor " + leads);
    oldPages = old ? oldPages + 1 : 0;
    shortPage = -1;
    cursor = next;
    more = next != null;
    return null;
  }

  /** The source sent rows, though there may be none among them that were asked for. */
  public void sentRows() {
    emptyPages = 0;
  }

  /**
   * Notes a page without rows behind which there is more.
   *
   * @return how many of them came in a row
   */
  public int addEmpty() {
    return ++emptyPages;
  }

  /**
   * Whether a short page has come with as many rows three times in a row; where not, it is asked
   * for again.
   */
  public boolean isConfirmed(int rows) {
    shortPageTimes = shortPage == rows ? shortPageTimes + 1 : 1;
    shortPage = rows;
    return shortPageTimes >= 3;
  }

  /** Whether an empty page is not believed: true once for each cursor. */
  public boolean doubts() {
    return seen.add("empty at " + cursor);
  }

  /** Notes that the answer has no further page. */
  public void end() {
    cursor = null;
    more = false;
  }

  /** How often the batch began at the first page again. */
  public int restarts() {
    return restarts;
  }

  void restart() {
    restarts++;
    beginAt(null);
  }

  /** Goes back to the first page that is not stored. */
  void backToStored() {
    beginAt(storedCursor);
  }

  private void beginAt(String where) {
    cursor = where;
    more = true;
    oldPages = 0;
    shortPage = -1;
    // pages that are asked for ahead may still be noted in the old one
    seen = new HashSet<>();
  }

  /** Takes the place of others in the same answer, which then change no more, or before these. */
  void follow(Pages others) {
    cursor = others.cursor;
    more = others.more;
    seen = others.seen;
    oldPages = others.oldPages;
    emptyPages = others.emptyPages;
    shortPage = others.shortPage;
    shortPageTimes = others.shortPageTimes;
  }

  /** The page before the cursor is stored. */
  void stored() {
    storedCursor = cursor;
  }
}
