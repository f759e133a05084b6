package polymarket.backfill.sandbox;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import org.bouncycastle.crypto.digests.KeccakDigest;

/** The id arithmetic of the Conditional Tokens contract, computed forward. */
final class ConditionalTokens {
  static final String USDC = "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174";
  static final String WRAPPED = "0x3A3BD7bb9528E159577F7C2e685CC81A765002E2";

  /** The field of alt_bn128. */
  private static final BigInteger P =
      new BigInteger(
          "21888242871839275222246405745257275088696311157297823662689037894645226208583");

  private static final BigInteger THREE = BigInteger.valueOf(3);
  private static final ThreadLocal<KeccakDigest> KECCAK =
      ThreadLocal.withInitial(() -> new KeccakDigest(256));

  private ConditionalTokens() {}

  static byte[] keccak(byte[]... parts) {
    KeccakDigest digest = KECCAK.get();
    for (byte[] part : parts) {
      digest.update(part, 0, part.length);
    }
    byte[] out = new byte[32];
    digest.doFinal(out, 0);
    return out;
  }

  /** keccak256(oracle, question id, outcome count). */
  static ConditionId conditionId(String oracle, byte[] questionId, int outcomes) {
    return ConditionId.of(keccak(bytes(oracle), questionId, word(outcomes)));
  }

  /**
   * The collection id of an index set under no parent: a point of alt_bn128, the sign of y in bit
   * 254.
   */
  static byte[] collectionId(ConditionId condition, int indexSet) {
    byte[] hash = keccak(condition.bytes(), word(indexSet));
    boolean odd = hash[0] < 0;
    BigInteger x = new BigInteger(1, hash).mod(P);
    BigInteger yy;
    do {
      x = x.add(BigInteger.ONE);
      if (x.equals(P)) {
        x = BigInteger.ZERO;
      }
      yy = x.multiply(x).mod(P).multiply(x).add(THREE).mod(P);
    } while (!isSquare(yy));
    byte[] id = bytes32(x);
    if (odd) {
      id[0] ^= 0x40;
    }
    return id;
  }

  /** The token id of an index set: keccak256(collateral, collection id). */
  static byte[] token(ConditionId condition, int indexSet, boolean negRisk) {
    return keccak(bytes(negRisk ? WRAPPED : USDC), collectionId(condition, indexSet));
  }

  /**
   * Whether a number below P is zero or a square modulo P: its Jacobi symbol, by the binary
   * algorithm on four words.
   */
  private static boolean isSquare(BigInteger value) {
    if (value.signum() == 0) {
      return true;
    }
    long[] a = words(value);
    long[] n = words(P);
    boolean positive = true;
    while (true) {
      int zeros = trailingZeros(a);
      shiftRight(a, zeros);
      int nLow = (int) n[0] & 7;
      if ((zeros & 1) == 1 && (nLow == 3 || nLow == 5)) {
        positive = !positive;
      }
      if (a[0] == 1 && a[1] == 0 && a[2] == 0 && a[3] == 0) {
        return positive;
      }
      if (less(a, n)) {
        if ((a[0] & 3) == 3 && (n[0] & 3) == 3) {
          positive = !positive;
        }
        long[] swap = a;
        a = n;
        n = swap;
      }
      subtract(a, n);
    }
  }

  private static long[] words(BigInteger value) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes32(value));
    return new long[] {
      buffer.getLong(24), buffer.getLong(16), buffer.getLong(8), buffer.getLong(0)
    };
  }

  private static int trailingZeros(long[] a) {
    for (int i = 0; i < 4; i++) {
      if (a[i] != 0) {
        return i * 64 + Long.numberOfTrailingZeros(a[i]);
      }
    }
    return 256;
  }

  private static void shiftRight(long[] a, int bits) {
    for (; bits >= 64; bits -= 64) {
      a[0] = a[1];
      a[1] = a[2];
      a[2] = a[3];
      a[3] = 0;
    }
    if (bits > 0) {
      for (int i = 0; i < 3; i++) {
        a[i] = a[i] >>> bits | a[i + 1] << 64 - bits;
      }
      a[3] >>>= bits;
    }
  }

  private static boolean less(long[] a, long[] b) {
    for (int i = 3; i >= 0; i--) {
      if (a[i] != b[i]) {
        return Long.compareUnsigned(a[i], b[i]) < 0;
      }
    }
    return false;
  }

  private static void subtract(long[] a, long[] b) {
    long borrow = 0;
    for (int i = 0; i < 4; i++) {
      long left = a[i];
      long difference = left - b[i] - borrow;
      borrow = (~left & b[i] | (~left | b[i]) & difference) >>> 63;
      a[i] = difference;
    }
  }

  /** An address as 20 bytes. */
  static byte[] bytes(String address) {
    byte[] bytes = new byte[20];
    for (int i = 0; i < 20; i++) {
      bytes[i] = (byte) Integer.parseInt(address, 2 + 2 * i, 4 + 2 * i, 16);
    }
    return bytes;
  }

  static byte[] word(long value) {
    return ByteBuffer.allocate(32).putLong(24, value).array();
  }

  static byte[] bytes32(BigInteger value) {
    byte[] raw = value.toByteArray();
    byte[] out = new byte[32];
    int length = Math.min(32, raw.length);
    System.arraycopy(raw, raw.length - length, out, 32 - length, length);
    return out;
  }
}
