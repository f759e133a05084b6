package polymarket.backfill.run;

import polymarket.backfill.UserError;
import polymarket.backfill.ledger.SharedLedgers;

/** Another member works on a job that one member at a time works on. */
public final class HeldException extends UserError {

  private static final long serialVersionUID = 1;

  /**
   * @param why one at a time works on it
   */
  HeldException(String job, String why, SharedLedgers.Holder holder) {
    super(
        job
            + " is worked on by "
            + holder
            + ", and one member at a time does so, because "
            + why
            + ": `backfill join "
            + job
            + "` waits, and goes on with it if that one ends");
  }
}
