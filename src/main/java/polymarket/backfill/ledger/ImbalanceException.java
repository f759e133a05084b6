package polymarket.backfill.ledger;

/**
 * Sums that must be equal are not: something was lost or doubled, and nobody may go on as if it was
 * not so.
 */
public class ImbalanceException extends Exception {

  public ImbalanceException(String message) {
    super(message);
  }
}
