package polymarket.backfill;

/** A mistake or a situation that the user can mend. Its one line says what is wrong, where, and what to do; it is printed without a stack trace. */
public class UserError extends RuntimeException {
    public UserError(String message) {
        super(message);
    }
}
