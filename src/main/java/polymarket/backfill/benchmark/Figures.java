package polymarket.backfill.benchmark;

import java.util.Comparator;
import java.util.List;
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

  /** The last line of a benchmark's figures for people. */
  public static final String BESIDE =
      "Other programs that run at the same time affect every figure; CPU seconds suffer least.\n";

  /** The run of the median time, with the times of all. */
  public static Map<String, Object> median(List<Map<String, Object>> runs) {
    List<Object> times = runs.stream().map(run -> run.get("seconds")).toList();
    Map<String, Object> median =
        runs.stream()
            .sorted(Comparator.comparingDouble(run -> number(run, "seconds")))
            .toList()
            .get(runs.size() / 2);
    if (runs.size() > 1) {
      median.put("seconds_of_all_runs", times);
    }
    return median;
  }

  static double number(Map<String, ?> map, String key) {
    return ((Number) map.get(key)).doubleValue();
  }
}
