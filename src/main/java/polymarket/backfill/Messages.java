package polymarket.backfill;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** The messages of a run to the user. */
public interface Messages {

  /** A token id, a number of 256 bits, has as many digits. */
  int MOST_DIGITS = 78;

  /** Prints a line of information. */
  void info(String line);

  /** Prints a warning that the user may want to act on. */
  void warn(String line);

  /** Keeps a line for those who look later, without printing it. */
  default void event(String line) {}

  /** A time in the two largest units: 250 ms, 12.3 s, 4 min 10 s, 3 h 20 min, 8 d 15 h. */
  static String time(long millis) {
    if (millis < 1000) {
      return millis + " ms";
    }
    if (millis < 60_000) {
      return String.format(Locale.ROOT, millis % 1000 == 0 ? "%.0f s" : "%.1f s", millis / 1000.0);
    }
    if (millis < 3_600_000) {
      long seconds = millis / 1000;
      return seconds % 60 == 0
          ? seconds / 60 + " min"
          : seconds / 60 + " min " + seconds % 60 + " s";
    }
    long minutes = millis / 60_000;
    if (minutes >= 48 * 60) {
      long hours = minutes / 60;
      return hours % 24 == 0 ? hours / 24 + " d" : hours / 24 + " d " + hours % 24 + " h";
    }
    return minutes % 60 == 0 ? minutes / 60 + " h" : minutes / 60 + " h " + minutes % 60 + " min";
  }

  /** A number with its thousands apart: 170,448. */
  static String count(long n) {
    return String.format(Locale.ROOT, "%,d", n);
  }

  /**
   * Any number with its thousands apart and its decimals: 170,448, 41,158.91, 0.000098. One that
   * would be longer than an id is left as Java writes it.
   */
  static String number(Number n) {
    if (!Double.isFinite(n.doubleValue())) {
      return n.toString();
    }
    BigDecimal all = new BigDecimal(n.toString()).stripTrailingZeros();
    return all.precision() - all.scale() > MOST_DIGITS || all.scale() > MOST_DIGITS
        ? n.toString()
        : String.format(Locale.ROOT, "%,." + Math.max(0, all.scale()) + "f", all);
  }

  /** A number of things: 1 id, 170,448 ids, 2 batches. */
  static String count(long n, String thing) {
    return count(n) + " " + thing + (n == 1 ? "" : thing.endsWith("ch") ? "es" : "s");
  }

  /** A rate in the unit that a person reads: 4,472 ids/s, 7.8 ids/min, 3.0 ids/h. */
  static String rate(double perSecond, String things) {
    boolean seconds = perSecond >= 1 || perSecond <= 0;
    boolean minutes = perSecond * 60 >= 1;
    double n = perSecond * (seconds ? 1 : minutes ? 60 : 3600);
    return String.format(
        Locale.ROOT,
        n >= 100 || n <= 0 ? "%,.0f %s/%s" : "%.1f %s/%s",
        n,
        things,
        seconds ? "s" : minutes ? "min" : "h");
  }

  /** A pace in requests and its limit, both in the limit's unit: 4.9 of 5.0 requests/s. */
  static String paced(double perSecond, double limitPerSecond) {
    boolean seconds = limitPerSecond >= 1 || limitPerSecond <= 0;
    int times = seconds ? 1 : 60;
    return String.format(
        Locale.ROOT,
        "%.1f of %.1f requests/%s",
        times * perSecond,
        times * limitPerSecond,
        seconds ? "s" : "min");
  }

  /** The time of day here of an instant in epoch milliseconds: 09:41. */
  static String clock(long at) {
    return LocalTime.ofInstant(Instant.ofEpochMilli(at), ZoneId.systemDefault())
        .format(DateTimeFormatter.ofPattern("HH:mm"));
  }

  /** A text of others, of at most 80 characters, as {@link Redaction#line} gives it. */
  static String shown(String text) {
    String clean = Redaction.line(text);
    return clean.length() > 80 ? clean.substring(0, 77) + "..." : clean;
  }

  /**
   * A text as {@link Redaction#line} gives it, and not longer than so many characters, cut between
   * words.
   */
  static String cut(String whole, int most) {
    // before it is cut: the first half of a secret would not be known as one
    String text = Redaction.line(whole);
    if (text.length() <= most) {
      return text;
    }
    int end = most - 2;
    while (end > most / 2
        && (Character.isLetterOrDigit(text.charAt(end))
            && Character.isLetterOrDigit(text.charAt(end - 1)))) {
      end--;
    }
    return text.substring(0, end).stripTrailing() + " …";
  }
}
