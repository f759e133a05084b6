package polymarket.backfill.ledger;

import java.util.Locale;

/** How pending ids are asked for, with respect to what the tables hold of them. */
public enum Mode {
  /** The table has none of their rows. */
  NEW,
  /** The table may have some of their rows, so that it is asked first. */
  AGAIN,
  /** Their rows are replaced on purpose ({@code --redo}). */
  REDO;

  /** As the ledger stores it. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  static Mode of(String text) {
    return valueOf(text.toUpperCase(Locale.ROOT));
  }
}
