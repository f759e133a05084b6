package polymarket.backfill.job;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Ids that are ranges of numbers, such as blocks: first and last, each with twelve digits, so that
 * ids sort as numbers do. Ranges of one ledger never overlap; they can be split and joined.
 */
public final class Ranges {

  private static final Pattern FORM = Pattern.compile("(\\d{1,12})-(\\d{1,12})");

  private Ranges() {}

  /** The stored form of a range such as 100-199; null if the text is not a range. */
  static String normalise(String text) {
    Matcher matcher = FORM.matcher(text.strip());
    if (!matcher.matches() || Long.parseLong(matcher.group(1)) > Long.parseLong(matcher.group(2))) {
      return null;
    }
    return id(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
  }

  public static String id(long first, long last) {
    return String.format(Locale.ROOT, "%012d-%012d", first, last);
  }

  public static long first(String id) {
    return Long.parseLong(id, 0, 12, 10);
  }

  public static long last(String id) {
    return Long.parseLong(id, 13, 25, 10);
  }

  public static long width(String id) {
    return last(id) - first(id) + 1;
  }

  /** The two halves of a range; empty for a single number. */
  static List<String> halves(String id) {
    long first = first(id);
    long last = last(id);
    long middle = first + (last - first) / 2;
    return first == last ? List.of() : List.of(id(first, middle), id(middle + 1, last));
  }

  /** Passes on the ranges of at most this width from one number to another. */
  public static void cut(long first, long last, long width, Consumer<String> to) {
    for (long from = first; from <= last; from += width) {
      to.accept(id(from, Math.min(last, from + width - 1)));
    }
  }

  /**
   * The same numbers in ranges of this width: neighbours are joined, and wider ranges are split.
   */
  static List<String> shaped(List<String> sorted, long width) {
    List<String> shaped = new ArrayList<>();
    for (int i = 0; i < sorted.size(); ) {
      long first = first(sorted.get(i));
      long last = last(sorted.get(i++));
      while (i < sorted.size() && first(sorted.get(i)) == last + 1) {
        last = last(sorted.get(i++));
      }
      cut(first, last, width, shaped::add);
    }
    return shaped;
  }

  /**
   * The parts of a range that are in none of the others.
   *
   * @param sorted ranges that do not overlap
   * @param gap receives the first and last number of each part
   */
  public static void gaps(
      Iterable<String> sorted,
      long first,
      long last,
      java.util.function.BiConsumer<Long, Long> gap) {
    long from = first;
    for (String id : sorted) {
      if (first(id) > last) {
        break;
      }
      if (last(id) >= from) {
        if (first(id) > from) {
          gap.accept(from, first(id) - 1);
        }
        from = last(id) + 1;
      }
    }
    if (from <= last) {
      gap.accept(from, last);
    }
  }
}
