package polymarket.backfill.sandbox;

/**
 * Seeded hashing: everything in the sandbox is a pure function of the seed and of what is asked
 * for.
 */
final class Mix {
  private Mix() {}

  /** A well mixed 64-bit value (SplitMix64's finaliser). */
  static long mix(long z) {
    z += 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  static long mix(long seed, long a) {
    return mix(mix(seed) ^ a * 0xD6E8FEB86659FD93L);
  }

  static long mix(long seed, long a, long b) {
    return mix(mix(seed, a), b);
  }

  static long mix(long seed, long a, long b, long c) {
    return mix(mix(seed, a, b), c);
  }

  /** A value of 0 to n-1 out of a hash. */
  static int below(long hash, int n) {
    return (int) (((hash >>> 32) * n) >>> 32);
  }

  /** A fraction of 0 (inclusive) to 1 (exclusive) out of a hash. */
  static double fraction(long hash) {
    return (hash >>> 11) * 0x1.0p-53;
  }

  /** A 64-bit hash of a text. */
  static long mix(String text) {
    long h = text.length();
    for (int i = 0; i < text.length(); i++) {
      h = h * 0x100000001B3L ^ text.charAt(i);
    }
    return mix(h);
  }

  private static final char[] HEX = "0123456789abcdef".toCharArray();

  /** The hash's bytes stretched to n bytes, as lower-case hex without 0x. */
  static String hex(long hash, int bytes) {
    char[] out = new char[bytes * 2];
    long word = 0;
    for (int i = 0; i < out.length; i++) {
      if (i % 16 == 0) {
        word = mix(hash, i);
      }
      out[i] = HEX[(int) (word >>> 60)];
      word <<= 4;
    }
    return new String(out);
  }

  static String hex(byte[] bytes) {
    char[] out = new char[bytes.length * 2];
    for (int i = 0; i < bytes.length; i++) {
      out[2 * i] = HEX[(bytes[i] >> 4) & 15];
      out[2 * i + 1] = HEX[bytes[i] & 15];
    }
    return new String(out);
  }

  /** Appends 16 hex digits. */
  static void hex(StringBuilder out, long word) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      out.append(HEX[(int) (word >>> shift) & 15]);
    }
  }

  /** Reads n lower-case hex digits from an offset; sets bad[0] where there is anything else. */
  static long parseHex(String s, int from, int digits, boolean[] bad) {
    long value = 0;
    for (int i = from; i < from + digits; i++) {
      char c = s.charAt(i);
      int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) {
        bad[0] = true;
        return 0;
      }
      value = value << 4 | digit;
    }
    return value;
  }
}
