package polymarket.backfill.source;

/**
 * A source rejected all requests of a batch, in every size: it may not have the data yet. The
 * requests are repeated for longer than usual before the batch counts as at fault.
 */
public class NotYetException extends SourceException {

  public NotYetException(String message) {
    super(message);
  }
}
