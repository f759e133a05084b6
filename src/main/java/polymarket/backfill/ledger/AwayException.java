package polymarket.backfill.ledger;

import polymarket.backfill.UserError;

/** The database of the shared ledgers does not answer: whoever is a member has to join again. */
public final class AwayException extends UserError {

  private static final long serialVersionUID = 1;

  public AwayException(String message, Throwable cause) {
    super(message, cause);
  }
}
