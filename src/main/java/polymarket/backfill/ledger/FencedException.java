package polymarket.backfill.ledger;

/**
 * Another member has taken a batch over, because this process did not renew its lease: nothing of
 * the batch may be stored or marked here any more.
 */
public final class FencedException extends RuntimeException {

  private static final long serialVersionUID = 1;

  public FencedException(Batch batch) {
    super("batch " + batch + " was taken over by another member");
  }
}
