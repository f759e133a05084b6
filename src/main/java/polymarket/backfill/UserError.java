package polymarket.backfill;

/**
 * A mistake or a circumstance that a person can mend. Its message is one line that says what is wrong, where, and what to
 * do; it is printed as it is, without a stack trace.
 */
public class UserError extends RuntimeException {

    public UserError(String message) {
        super(message);
    }

    public UserError(String message, Throwable cause) {
        super(message, cause);
    }
}
