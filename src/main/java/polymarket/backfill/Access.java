package polymarket.backfill;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/** What the user may do with a file. */
public final class Access {

  private Access() {}

  /**
   * Whether a file or folder is there.
   *
   * @throws UserError where the user has no permission to look, so that nobody takes it for absent
   */
  public static boolean exists(Path file) {
    try {
      Files.readAttributes(file, BasicFileAttributes.class);
      return true;
    } catch (AccessDeniedException e) {
      throw new UserError(UserError.reason(e), e);
    } catch (IOException e) {
      return false;
    }
  }

  /** What a user who was denied a file has no permission to do. */
  static String denied(Path file) {
    return (!Files.exists(file) ? "reach " : !Files.isReadable(file) ? "read " : "write ") + file;
  }
}
