package polymarket.backfill.ledger;

import java.util.Locale;

/**
 * What is known of an id. Every id is in one state, and the states add up to the ids that came in.
 */
public enum State {

  /** Not asked for yet, or asked for and not stored. */
  PENDING,
  /** Its rows are in ClickHouse. */
  FOUND,
  /** Asked for, and the source says it has none. */
  ABSENT,
  /** The source knows it and has no answer yet. */
  UNRESOLVED,
  /** Could not be fetched or stored; the ledger says why. */
  FAILED;

  /** The state's name in the ledger and on the screen. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The state with this text, as {@link #text} gives it. */
  public static State of(String text) {
    return valueOf(text.toUpperCase(Locale.ROOT));
  }
}
