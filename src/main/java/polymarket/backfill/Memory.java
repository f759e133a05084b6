package polymarket.backfill;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes in settings such as 4G, and what queries may take of them. */
public final class Memory {

  /** The setting that caps what the queries of reconcile and enrich take together. */
  public static final String CAP = "enrich.max-memory";

  private static final Pattern SIZE =
      Pattern.compile("(\\d{1,9})\\s*([KMG])B?", Pattern.CASE_INSENSITIVE);

  private Memory() {}

  /** Bytes of a setting that is a whole number with K, M or G, powers of 1024. */
  public static long bytes(Settings settings, String key) {
    Matcher matcher = SIZE.matcher(settings.text(key));
    if (!matcher.matches() || Long.parseLong(matcher.group(1)) == 0) {
      throw new UserError(
          "setting "
              + key
              + " is '"
              + settings.text(key)
              + "'; it takes a size such as 4G or 800M");
    }
    return Long.parseLong(matcher.group(1))
        << switch (matcher.group(2).toUpperCase(Locale.ROOT)) {
          case "K" -> 10;
          case "M" -> 20;
          default -> 30;
        };
  }

  /**
   * The placeholders {@code max_memory} and {@code spill} of a query that may take so many bytes:
   * aggregation and sorting go to disk when they hold an eighth of that, because a query has
   * several of both.
   */
  public static Map<String, Object> of(long bytes) {
    return Map.of("max_memory", bytes, "spill", Math.max(1, bytes / 8));
  }

  /** The same of a query that may take all of {@value #CAP}. */
  public static Map<String, Object> of(Settings settings) {
    return of(bytes(settings, CAP));
  }

  /** A number of bytes for people: 1.2 GB. */
  public static String text(long bytes) {
    return bytes < 1 << 20
        ? Math.round(bytes / 1024.0) + " KB"
        : bytes < 1 << 30
            ? Math.round(bytes / 1048576.0) + " MB"
            : String.format(Locale.ROOT, "%.1f GB", bytes / 1073741824.0);
  }
}
