package polymarket.backfill.embedded;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import polymarket.backfill.Sha256;
import polymarket.backfill.UserError;

/**
 * The password of an embedded engine, one for each data folder. It is stored in {@code
 * engine.password} there, which only the folder's owner can read, from its creation on.
 */
final class EnginePassword {
  /** The one user of an embedded engine. */
  static final String USER = "default";

  private static final String FILE = "engine.password";
  private static final int RANDOM_BYTES = 20;

  private EnginePassword() {}

  static Path file(Path data) {
    return data.resolve(FILE);
  }

  /**
   * Returns the folder's password; generates a random one if it has none yet.
   *
   * @param set the value of {@code clickhouse.embedded.password}; if it is not empty, it becomes
   *     the folder's password, also for a running engine
   * @throws UserError if the file cannot be read or written
   */
  static String ensure(Path data, String set) {
    try {
      String present = read(data);
      if (!set.isEmpty() && !set.equals(present)) {
        write(data, set, true);
      } else if (present == null) {
        byte[] random = new byte[RANDOM_BYTES];
        new SecureRandom().nextBytes(random);
        write(data, HexFormat.of().formatHex(random), false);
      }
      return read(data);
    } catch (IOException e) {
      throw new UserError(
          "embedded ClickHouse: cannot read or write its password in "
              + file(data)
              + ": "
              + UserError.reason(e)
              + "; set clickhouse.data to a folder that this user can write");
    }
  }

  /** The folder's password; null if it has none. */
  static String read(Path data) throws IOException {
    Path file = file(data);
    try {
      String password = Files.readString(file, StandardCharsets.UTF_8).stripTrailing();
      restrict(file);
      return password.isEmpty() ? null : password;
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  // several processes may do this at once: the first one's file stays, and is complete when it
  // appears
  private static void write(Path data, String password, boolean replace) throws IOException {
    createFolder(data);
    Path temporary = Files.createTempFile(data, FILE, ".new", ownersOnly("rw-------"));
    try {
      Files.writeString(temporary, password + "\n", StandardCharsets.UTF_8);
      if (replace) {
        Files.move(temporary, file(data), StandardCopyOption.ATOMIC_MOVE);
      } else {
        Files.createLink(file(data), temporary);
      }
    } catch (FileAlreadyExistsException e) {
      if (read(data) == null) {
        // an empty file has no password
        Files.move(temporary, file(data), StandardCopyOption.ATOMIC_MOVE);
      }
    } catch (UnsupportedOperationException e) {
      Files.move(temporary, file(data), StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  /**
   * Creates the data folder so that only its owner can access it; an existing one is not changed.
   */
  static void createFolder(Path data) throws IOException {
    if (!Files.isDirectory(data)) {
      Files.createDirectories(data, ownersOnly("rwx------"));
    }
  }

  /** The attributes of a new file or folder that only its owner can access. */
  static FileAttribute<?>[] ownersOnly(String permissions) {
    return isPosix()
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        }
        : new FileAttribute<?>[0];
  }

  // a copy or an archive may have widened it
  private static void restrict(Path file) throws IOException {
    if (isPosix()
        && !PosixFilePermissions.toString(Files.getPosixFilePermissions(file))
            .equals("rw-------")) {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }
  }

  private static boolean isPosix() {
    return FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
  }

  /** Compares two texts in constant time. */
  static boolean same(String a, String b) {
    return MessageDigest.isEqual(
        digest(a.getBytes(StandardCharsets.UTF_8)), digest(b.getBytes(StandardCharsets.UTF_8)));
  }

  private static byte[] digest(byte[] bytes) {
    return Sha256.create().digest(bytes);
  }

  /**
   * Proves knowledge of the password without revealing it, because the port in engine.json may now
   * belong to another program.
   *
   * @param said the data that both sides have: who proves it, a random text, the port
   */
  static String proof(String password, String said) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(password.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
      return HexFormat.of().formatHex(mac.doFinal(said.getBytes(StandardCharsets.UTF_8)));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }
}
