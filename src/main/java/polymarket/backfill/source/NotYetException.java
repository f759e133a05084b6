package polymarket.backfill.source;

/**
 * A source refused everything that a batch asks for, in every size: it may not have it yet. It is
 * asked for a while longer before the batch counts as at fault.
 */
public class NotYetException extends SourceException {

  public NotYetException(String message) {
    super(message);
  }
}
