package polymarket.backfill;

import java.util.Locale;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * A checksum of 64 bits of what comes in pieces: CRC-32 and CRC-32C, which the JVM computes with
 * instructions of the processor. It tells answers apart, and is no proof against someone who makes
 * two of them equal; {@link Sha256} is, and takes as long as parsing the answer.
 */
public final class Checksum64 {

  private final CRC32 one = new CRC32();
  private final CRC32C other = new CRC32C();

  /** Adds some bytes. */
  public void add(byte[] bytes) {
    one.update(bytes);
    other.update(bytes);
  }

  /** 16 hex digits. */
  public String hex() {
    return String.format(Locale.ROOT, "%08x%08x", one.getValue(), other.getValue());
  }
}
