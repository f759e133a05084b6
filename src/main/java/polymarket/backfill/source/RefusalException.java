package polymarket.backfill.source;

/**
 * A source gave an answer that a retry will not change: one that is known to be truncated, or a
 * rejection.
 */
public class RefusalException extends SourceException {

  public RefusalException(String message) {
    super(message, 0, false, 0, true);
  }
}
