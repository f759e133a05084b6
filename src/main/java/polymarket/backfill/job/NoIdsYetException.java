package polymarket.backfill.job;

import polymarket.backfill.UserError;

/** The table that a job takes its ids from is empty: another job fills it. */
public final class NoIdsYetException extends UserError {

  private static final long serialVersionUID = 1L;

  NoIdsYetException(String message) {
    super(message);
  }
}
