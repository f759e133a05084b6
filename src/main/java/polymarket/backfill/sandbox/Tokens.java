package polymarket.backfill.sandbox;

import java.math.BigInteger;
import java.util.Arrays;

/**
 * The token ids of all markets, computed when first needed: 32 bytes a token, and an index from
 * token to market.
 */
final class Tokens {
  private final Universe universe;

  /** A market's tokens as they were computed; null until then. */
  private final byte[][] bytes;

  private long[] words;
  private int[] owners;

  Tokens(Universe universe) {
    this.universe = universe;
    bytes = new byte[universe.size][];
  }

  private byte[] of(Market market) {
    byte[] all = bytes[market.number];
    if (all == null) {
      all = new byte[market.outcomes * 32];
      for (int o = 0; o < market.outcomes; o++) {
        byte[] token =
            market.version2
                ? ConditionalTokens.bytes32(new BigInteger(positionId(market, o), 16))
                : ConditionalTokens.token(market.condition, 1 << o, market.negRisk);
        System.arraycopy(token, 0, all, o * 32, 32);
      }
      bytes[market.number] = all;
    }
    return all;
  }

  /**
   * A position id of the protocol's second version: module, hash, arity, reserved, chain, condition
   * index, outcome.
   */
  private static String positionId(Market market, int outcome) {
    int first = market.number - market.number % 8;
    return market.negRisk
        ? "02"
            + Mix.hex(market.universe.hash(first, 40), 16)
            + "0008"
            + "0".repeat(20)
            + String.format("%04x%02x", market.number - first, outcome)
        : "01" + Mix.hex(market.hash(40), 16) + "0000" + "0".repeat(24) + "0" + outcome;
  }

  /** The condition id of a market of the second version: 31 bytes, 0x and 62 digits. */
  String conditionId31(Market market) {
    return "0x" + hex(market, 0).substring(0, 62);
  }

  BigInteger number(Market market, int outcome) {
    return new BigInteger(1, of(market), outcome * 32, 32);
  }

  String decimal(Market market, int outcome) {
    return number(market, outcome).toString();
  }

  /** 64 hex digits. */
  String hex(Market market, int outcome) {
    return Mix.hex(Arrays.copyOfRange(of(market), outcome * 32, outcome * 32 + 32));
  }

  private static long word(byte[] all, int outcome) {
    return java.nio.ByteBuffer.wrap(all).getLong(outcome * 32);
  }

  private synchronized void index() {
    if (words != null) {
      return;
    }
    int count = 0;
    for (int i = 0; i < universe.size; i++) {
      count += universe.outcomes(i);
    }
    // sorted by the word's upper 36 bits, the owner (market and outcome) in the lower 28
    long[] packed = new long[count];
    int at = 0;
    for (int i = 0; i < universe.size; i++) {
      Market market = universe.market(i);
      for (int o = 0; o < market.outcomes; o++) {
        packed[at++] = word(of(market), o) & -1L << 28 ^ Long.MIN_VALUE | (long) i << 3 | o;
      }
    }
    Arrays.sort(packed);
    int[] all = new int[count];
    for (int k = 0; k < count; k++) {
      all[k] = (int) (packed[k] & (1 << 28) - 1);
      packed[k] = packed[k] & -1L << 28;
    }
    owners = all;
    words = packed;
  }

  /** The market of a token id times eight plus the outcome, or -1. */
  int owner(String decimal) {
    BigInteger token;
    try {
      token = new BigInteger(decimal);
    } catch (NumberFormatException e) {
      return -1;
    }
    if (token.signum() <= 0 || token.bitLength() > 256) {
      return -1;
    }
    if (words == null) {
      index();
    }
    byte[] wanted = ConditionalTokens.bytes32(token);
    long key = word(wanted, 0) & -1L << 28 ^ Long.MIN_VALUE;
    int low = 0;
    int high = words.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (words[middle] < key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    for (; low < words.length && words[low] == key; low++) {
      byte[] all = bytes[owners[low] >> 3];
      int from = (owners[low] & 7) * 32;
      if (Arrays.equals(all, from, from + 32, wanted, 0, 32)) {
        return owners[low];
      }
    }
    return -1;
  }
}
