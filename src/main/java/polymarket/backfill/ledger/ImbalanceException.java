package polymarket.backfill.ledger;

/**
 * Sums that must be equal are not: rows were lost or duplicated, and the run must not continue as
 * if it was not so.
 */
public class ImbalanceException extends Exception {

  public ImbalanceException(String message) {
    super(message);
  }
}
