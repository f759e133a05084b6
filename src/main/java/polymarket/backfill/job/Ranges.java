package polymarket.backfill.job;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.Nearest;
import polymarket.backfill.UserError;

/**
 * Ids that are ranges of numbers, such as blocks: first and last, each with twelve digits, so that
 * ids sort as numbers do. Where a job has datasets, those that are asked for of these numbers stand
 * behind them, as in 000000000100-000000000199/transfers+fills. Ranges of one dataset in one ledger
 * never overlap; they can be cut and joined.
 */
public final class Ranges {

  private static final Pattern FORM = Pattern.compile("(\\d{1,12})-(\\d{1,12})(/[a-z+-]+)?");

  private Ranges() {}

  /** The stored form of a range such as 100-199; null if the text is not a range. */
  static String normalise(String text) {
    Matcher matcher = FORM.matcher(text.strip());
    if (!matcher.matches() || Long.parseLong(matcher.group(1)) > Long.parseLong(matcher.group(2))) {
      return null;
    }
    return id(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)))
        + (matcher.group(3) == null ? "" : matcher.group(3));
  }

  /** What stands behind the numbers: a slash and datasets, or nothing. */
  private static String suffix(String id) {
    return id.substring(25);
  }

  /** The datasets of a range; none where its job has none. */
  public static List<String> datasets(String id) {
    return suffix(id).isEmpty() ? List.of() : List.of(suffix(id).substring(1).split("\\+"));
  }

  public static String id(long first, long last) {
    return String.format(Locale.ROOT, "%012d-%012d", first, last);
  }

  /** The same with datasets; none where the job has none. */
  public static String id(long first, long last, List<String> datasets) {
    return id(first, last) + (datasets.isEmpty() ? "" : "/" + String.join("+", datasets));
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

  /** Ranges with those that follow on each other and have the same datasets made one. */
  public static List<String> joined(SortedSet<String> ids) {
    List<String> joined = new ArrayList<>();
    for (String id : ids) {
      String before = joined.isEmpty() ? null : joined.get(joined.size() - 1);
      if (before != null && last(before) + 1 == first(id) && suffix(before).equals(suffix(id))) {
        joined.set(joined.size() - 1, id(first(before), last(id)) + suffix(id));
      } else {
        joined.add(id);
      }
    }
    return joined;
  }

  /** The two halves of a range; empty for a single number. */
  static List<String> halves(String id) {
    long first = first(id);
    long last = last(id);
    long middle = first + (last - first) / 2;
    return first == last
        ? List.of()
        : List.of(id(first, middle) + suffix(id), id(middle + 1, last) + suffix(id));
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
      String suffix = suffix(sorted.get(i));
      long last = last(sorted.get(i++));
      while (i < sorted.size()
          && first(sorted.get(i)) == last + 1
          && suffix(sorted.get(i)).equals(suffix)) {
        last = last(sorted.get(i++));
      }
      cut(first, last, width, id -> shaped.add(id + suffix));
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

  /**
   * The ranges that are missing, each with the datasets that it is missing for.
   *
   * @param done ranges that are done or planned
   * @param datasets that are asked for; none where the job has none
   * @param width of the widest
   */
  public static void missing(
      Iterable<String> done,
      List<String> datasets,
      long first,
      long last,
      long width,
      Consumer<String> to) {
    if (datasets.isEmpty()) {
      gaps(done, first, last, (from, until) -> cut(from, until, width, to));
      return;
    }
    TreeSet<Long> borders = new TreeSet<>(List.of(first, last + 1));
    Map<String, TreeMap<Long, Long>> gaps = new LinkedHashMap<>();
    for (String dataset : datasets) {
      List<String> own = new ArrayList<>();
      for (String id : done) {
        if (datasets(id).contains(dataset)) {
          own.add(id);
        }
      }
      TreeMap<Long, Long> of = new TreeMap<>();
      gaps(
          own,
          first,
          last,
          (from, until) -> {
            of.put(from, until);
            borders.add(from);
            borders.add(until + 1);
          });
      gaps.put(dataset, of);
    }
    Long from = null;
    for (long border : borders) {
      if (from != null) {
        long start = from;
        List<String> lacking =
            datasets.stream()
                .filter(
                    dataset -> {
                      Map.Entry<Long, Long> gap = gaps.get(dataset).floorEntry(start);
                      return gap != null && gap.getValue() >= start;
                    })
                .toList();
        if (!lacking.isEmpty()) {
          cut(start, border - 1, width, id -> to.accept(id + "/" + String.join("+", lacking)));
        }
      }
      from = border;
    }
  }

  /**
   * A range that a person gave, as a job's ledger has it: without datasets, it stands for all those
   * that the job has.
   *
   * @throws UserError where it names one that the job does not have
   */
  public static String whole(Job job, String id) {
    if (job.getDatasets().isEmpty()) {
      return id;
    }
    List<String> named = datasets(id);
    requireDatasets(job, named);
    return id(
        first(id),
        last(id),
        job.getDatasets().stream()
            .filter(name -> named.isEmpty() || named.contains(name))
            .toList());
  }

  /**
   * @throws UserError for the first dataset that the job does not have
   */
  public static void requireDatasets(Job job, List<String> names) {
    List<String> all = job.getDatasets();
    for (String unknown : names) {
      if (!all.contains(unknown)) {
        throw new UserError(
            job.getName()
                + " has no dataset '"
                + unknown
                + "'."
                + (all.isEmpty()
                    ? " It takes no --datasets"
                    : Nearest.hint(unknown, all) + " Its datasets are: " + String.join(", ", all)));
      }
    }
  }
}
