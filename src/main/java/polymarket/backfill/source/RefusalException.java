package polymarket.backfill.source;

/**
 * A source gave an answer that asking again will not change: an answer that is known to be cut, or
 * a refusal.
 */
public class RefusalException extends SourceException {

  public RefusalException(String message) {
    super(message, 0, false, 0, true);
  }
}
