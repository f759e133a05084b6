package polymarket.backfill.sandbox;

import java.util.stream.IntStream;

/**
 * Who trades in which market, both ways round without a table. All (wallet, market) places stand in
 * one row; a wallet owns a contiguous stretch of it that is not longer than the number of markets,
 * and place p belongs to market (a·p + c) mod markets, so that a wallet never meets a market twice.
 */
final class Wallets {
  private final long seed;
  private final int markets;
  private final long step;
  private final long stepInverse;
  private final long shift;

  /** Where each wallet's stretch begins; one more for the end. */
  private final long[] starts;

  private final long[] words;
  private final int[] byAddress;

  Wallets(SandboxOptions options) {
    seed = Mix.mix(options.seed(), 0x3A11E7);
    markets = options.conditions();
    int count = Math.max(4, options.wallets());
    starts = new long[count + 1];
    long sum = 0;
    for (int w = 0; w < count; w++) {
      sum += wish(w);
    }
    // at least three traders a market, or nobody could trade
    double factor = Math.max(1, 3.2 * markets / sum);
    for (int w = 0; w < count; w++) {
      starts[w + 1] = starts[w] + Math.min(markets, (long) Math.ceil(wish(w) * factor));
    }
    long a = Math.max(1, (long) (markets * 0.6180339887));
    while (gcd(a, markets) != 1) {
      a++;
    }
    step = a % Math.max(1, markets);
    stepInverse = inverse(step, markets);
    shift = Mix.below(Mix.mix(seed, 1), markets);
    long[] unsorted = new long[count];
    for (int w = 0; w < count; w++) {
      unsorted[w] = word(w);
    }
    byAddress =
        IntStream.range(0, count)
            .boxed()
            .sorted((x, y) -> Long.compareUnsigned(unsorted[x], unsorted[y]))
            .mapToInt(Integer::intValue)
            .toArray();
    words = new long[count];
    for (int r = 0; r < count; r++) {
      words[r] = unsorted[byAddress[r]];
    }
  }

  /**
   * How many markets a wallet is in: one whale beyond what offsets reach, two large ones, 5 % none,
   * most a few.
   */
  private int wish(int wallet) {
    if (wallet < 3) {
      return wallet == 0
          ? Math.min(markets, 14_000)
          : wallet == 1 ? Math.min(markets, 3000) : Math.min(markets, 800);
    }
    long h = Mix.mix(seed, wallet, 2);
    int kind = Mix.below(h, 100);
    int size = Mix.below(Mix.mix(h), 1000);
    return kind < 5 ? 0 : kind < 80 ? 1 + size % 20 : kind < 98 ? 20 + size % 60 : 100 + size;
  }

  int count() {
    return starts.length - 1;
  }

  private long word(int wallet) {
    return Mix.mix(Mix.mix(seed, wallet, 3), 0);
  }

  /** 0x and 40 hex digits. */
  String address(int wallet) {
    return "0x" + Mix.hex(Mix.mix(seed, wallet, 3), 20);
  }

  /** The wallet of an address in any case, or -1. */
  int of(String address) {
    String lower = address.toLowerCase();
    if (lower.length() != 42 || !lower.startsWith("0x")) {
      return -1;
    }
    boolean[] bad = new boolean[1];
    long word = Mix.parseHex(lower, 2, 16, bad);
    int low = 0;
    int high = words.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (Long.compareUnsigned(words[middle], word) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return !bad[0] && low < words.length && address(byAddress[low]).equals(lower)
        ? byAddress[low]
        : -1;
  }

  /** The markets that a wallet has a place in. */
  int[] markets(int wallet) {
    int[] all = new int[(int) (starts[wallet + 1] - starts[wallet])];
    for (int k = 0; k < all.length; k++) {
      all[k] = (int) ((step * ((starts[wallet] + k) % markets) + shift) % markets);
    }
    return all;
  }

  /** The wallets that have a place in a market, no wallet twice. */
  int[] traders(int market) {
    long places = starts[starts.length - 1];
    long first = stepInverse * Math.floorMod(market - shift, (long) markets) % markets;
    int count = first >= places ? 0 : (int) ((places - first - 1) / markets) + 1;
    int[] traders = new int[count];
    for (int k = 0; k < count; k++) {
      traders[k] = owner(first + (long) k * markets);
    }
    return traders;
  }

  private int owner(long place) {
    int low = 0;
    int high = starts.length - 1;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (starts[middle] <= place) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  static long gcd(long a, long b) {
    return b == 0 ? a : gcd(b, a % b);
  }

  /** The inverse of a modulo n, for a coprime to n. */
  static long inverse(long a, long n) {
    long r = n;
    long newR = a % n;
    long t = 0;
    long newT = 1;
    while (newR != 0) {
      long q = r / newR;
      long swap = t - q * newT;
      t = newT;
      newT = swap;
      swap = r - q * newR;
      r = newR;
      newR = swap;
    }
    return Math.floorMod(t, n);
  }
}
