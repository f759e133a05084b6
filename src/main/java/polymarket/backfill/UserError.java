package polymarket.backfill;

/**
 * A mistake or a circumstance that a person can mend. Its message is one line that says what is wrong, where, and what to
 * do; it is printed as it is, without a stack trace.
 */
public class UserError extends RuntimeException {

    private final int exitCode;

    public UserError(String message) {
        this(message, 1);
    }

    /**
     * @param exitCode where it is not 1, as documented: 5 for a source that did not answer
     */
    public UserError(String message, int exitCode) {
        super(message);
        this.exitCode = exitCode;
    }

    public UserError(String message, Throwable cause) {
        super(message, cause);
        exitCode = 1;
    }

    public int exitCode() {
        return exitCode;
    }
}
