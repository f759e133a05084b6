package polymarket.backfill.source;

/** An answer exceeded the size limit. A request for several ids may succeed if it is split. */
public class TooLargeException extends SourceException {

  public TooLargeException(String message) {
    super(message);
  }
}
