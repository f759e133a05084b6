package polymarket.backfill.ledger;

/**
 * The span of time that a run is confined to. Progress in a window is kept in a ledger of its own,
 * because what was fetched for a window does not make an id complete.
 *
 * @param text as it was asked for; a run that is asked for the same goes on with a window that is
 *     not finished
 * @param since seconds since 1970, inclusive
 * @param until the end, in the same form
 */
public record Window(String text, long since, long until) {

  /** All times. */
  public static final Window ALL = new Window("", 0, 99_999_999_999L);

  /** Whether there is no window. */
  public boolean all() {
    return text.isEmpty();
  }
}
