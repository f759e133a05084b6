package polymarket.backfill.source;

/**
 * An answer was larger than answers may be. Whoever asked for several things may get them one by
 * one.
 */
public class TooLargeException extends SourceException {

  public TooLargeException(String message) {
    super(message);
  }
}
