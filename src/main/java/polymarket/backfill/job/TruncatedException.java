package polymarket.backfill.job;

/** A source has more than it gives: what is left cannot be reached, however often it is asked for. */
public class TruncatedException extends SourceException {

    public TruncatedException(String message) {
        super(message, 0, false, 0, true);
    }
}
