package polymarket.backfill;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256, which every Java has. */
public final class Sha256 {

  private Sha256() {}

  /** A new digest, for what comes in pieces. */
  public static MessageDigest create() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The first hex digits of a text's hash, 64 at most. */
  public static String hex(String text, int digits) {
    return HexFormat.of()
        .formatHex(create().digest(text.getBytes(StandardCharsets.UTF_8)))
        .substring(0, digits);
  }
}
