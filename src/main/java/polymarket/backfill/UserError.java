package polymarket.backfill;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.regex.Pattern;

/**
 * An error that the user can fix. Its message is one line that says what is wrong, where, and what
 * to do, without secrets and control characters; it is printed without a stack trace.
 */
public class UserError extends RuntimeException {

  /** The system's words, and SQLite's. */
  private static final Pattern FULL =
      Pattern.compile("No space left on device|Disk quota exceeded|SQLITE_FULL");

  private final ExitCode exitCode;

  public UserError(String message) {
    this(message, ExitCode.ERROR);
  }

  /**
   * @param exitCode where it is not {@link ExitCode#ERROR}
   */
  public UserError(String message, ExitCode exitCode) {
    super(Redaction.line(message));
    this.exitCode = exitCode;
  }

  public UserError(String message, Throwable cause) {
    super(Redaction.line(message), cause);
    exitCode = ExitCode.ERROR;
  }

  /**
   * Why a file or folder could not be used, for a line that names it already: the message of such
   * an exception is often its name alone.
   */
  public static String reason(IOException e) {
    return e instanceof AccessDeniedException denied
        ? "user "
            + System.getProperty("user.name")
            + " has no permission to "
            + Access.denied(Path.of(denied.getFile()))
        : e instanceof FileAlreadyExistsException exists
            ? exists.getFile() + " is not a directory"
            : e instanceof CharacterCodingException
                ? "it is not text in UTF-8"
                : e instanceof NoSuchFileException missing
                    ? "there is no " + absent(Path.of(missing.getFile()))
                    : isFull(e)
                        ? "no space is left on its disk"
                        : e instanceof FileSystemException system && system.getReason() != null
                            ? system.getReason()
                            : e.getMessage();
  }

  /** The file, or the folder that it would stand in. */
  private static String absent(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    return folder == null || Files.exists(folder) ? file.toString() : "folder " + folder;
  }

  /** Whether something could not be written because the disk, or the user's part of it, is full. */
  public static boolean isFull(Exception e) {
    return FULL.matcher(String.valueOf(e.getMessage())).find();
  }

  /** A file of the runtime folder that could not be written. */
  public static UserError unwritable(Path file, IOException e) {
    return new UserError(
        "cannot write "
            + file
            + ": "
            + reason(e)
            + (isFull(e) ? "; free some, or set" : "; set")
            + " runtime.dir to a folder that can be written",
        e);
  }

  public ExitCode exitCode() {
    return exitCode;
  }
}
