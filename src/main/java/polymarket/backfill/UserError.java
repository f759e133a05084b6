package polymarket.backfill;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;

/**
 * A mistake or a circumstance that a person can mend. Its message is one line that says what is
 * wrong, where, and what to do, without secrets and control characters; it is printed without a
 * stack trace.
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
    super(Redaction.line(message));
    this.exitCode = exitCode;
  }

  public UserError(String message, Throwable cause) {
    super(Redaction.line(message), cause);
    exitCode = 1;
  }

  /**
   * Why a file or folder could not be used, for a line that names it already: the message of such
   * an exception is often its name alone.
   */
  public static String reason(IOException e) {
    return e instanceof AccessDeniedException denied
        ? "user " + System.getProperty("user.name") + " may not write " + denied.getFile()
        : e instanceof FileAlreadyExistsException exists
            ? exists.getFile() + " is not a directory"
            : e instanceof FileSystemException system && system.getReason() != null
                ? system.getReason()
                : e.getMessage();
  }

  public int exitCode() {
    return exitCode;
  }
}
