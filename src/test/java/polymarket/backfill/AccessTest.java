package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AccessTest {

  @TempDir Path folder;

  private static String reason(Path file) {
    return UserError.reason(new AccessDeniedException(file.toString()));
  }

  @Test
  void anAbsentFile_andOneThatIsThere_areToldApart() throws IOException {
    assertFalse(Access.exists(folder.resolve("absent/file")));
    assertTrue(Access.exists(Files.createFile(folder.resolve("file"))));
  }

  @Test
  void aDeniedFile_isSaidToBeOutOfReach_unreadable_orUnwritable() throws IOException {
    String user = "user " + System.getProperty("user.name") + " has no permission to ";
    Path absent = folder.resolve("absent");
    assertEquals(user + "reach " + absent, reason(absent));
    Path file = Files.createFile(folder.resolve("file"));
    assertEquals(user + "write " + file, reason(file));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("---------"));
    assumeFalse(Files.isReadable(file), "skipped: this user may read every file");
    assertEquals(user + "read " + file, reason(file));
  }

  @Test
  void aFileBehindAClosedFolder_isNotTakenForAbsent() throws IOException {
    Path closed = Files.createDirectory(folder.resolve("closed"));
    Path file = Files.createFile(closed.resolve("ids.txt"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("---------"));
    try {
      assumeFalse(Files.isReadable(closed), "skipped: this user may read every folder");
      UserError refused = assertThrows(UserError.class, () -> Access.exists(file));
      assertTrue(refused.getMessage().contains("no permission to reach " + file));
    } finally {
      Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx------"));
    }
  }
}
