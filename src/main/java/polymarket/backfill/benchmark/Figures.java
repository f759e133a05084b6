package polymarket.backfill.benchmark;

import java.util.Locale;
import java.util.Map;

/** Numbers as they are printed. */
public final class Figures {

  private Figures() {}

  /** Bytes for people: 1.2 GB; n/a where they are null. */
  public static String bytes(Object bytes) {
    double value = bytes == null ? -1 : ((Number) bytes).doubleValue();
    return value < 0
        ? "n/a"
        : value < 1e9
            ? String.format(Locale.ROOT, "%.0f MB", value / 1e6)
            : String.format(Locale.ROOT, "%.1f GB", value / 1e9);
  }

  static String count(long n) {
    return String.format(Locale.ROOT, "%,d", n);
  }

  /** With two decimals. */
  static double rounded(double value) {
    return Math.round(value * 100) / 100.0;
  }

  static double number(Map<String, ?> map, String key) {
    return ((Number) map.get(key)).doubleValue();
  }
}
