package polymarket.backfill.verify;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import polymarket.backfill.Messages;

/**
 * The geometry of a report's charts, in pixels of an SVG that is {@link #WIDTH} wide. The templates
 * in src/main/jte/report draw them.
 */
public final class Chart {

  public static final int WIDTH = 860;

  /** The height of a chart of columns; {@link #BASE} is where its axis lies. */
  public static final int HEIGHT = 240;

  public static final int BASE = HEIGHT - 40;
  public static final int LEFT = 56;

  /** Leaves room for half of the last column's label. */
  public static final int RIGHT = WIDTH - 28;

  /** Where the bands of a strip begin. */
  public static final int STRIP_LEFT = 110;

  private static final int TOP = 24;
  private static final int MOST_LABELS = 14;
  private static final int LONGEST_LABEL = 60;
  private static final int LONG_TEXT = 40;
  private static final int FEWEST_TICKS = 4;

  /** The width of a letter of the font that the page asks for: a generous one. */
  private static final double LETTER = 6.6;

  private static final int BAR_STEP = 26;

  /** Room for the value behind the longest bar. */
  private static final int BAR_RIGHT = 150;

  private static final int KEY_STEP = 150;
  private static final String PERCENT = "_pct";
  private static final List<String> COLOURS =
      List.of("#7c8aa0", "#2f6fd0", "#cf7720", "#3a9a62", "#a855b5");

  private Chart() {}

  /** A line across a chart of columns. */
  public record Tick(double y, String label) {}

  /** A column. */
  public record Box(double x, double y, double width, double height, String colour, String title) {}

  /** A text below the axis. */
  public record Label(double x, String text) {}

  /** An entry of the legend. */
  public record Key(int x, String colour, String text) {}

  /** Groups of columns side by side along an axis. */
  public record Columns(List<Tick> ticks, List<Box> boxes, List<Label> labels, List<Key> keys) {}

  /** A bar with its label on the left and its value on the right. */
  public record Bar(
      double x,
      int y,
      double width,
      String colour,
      String label,
      String title,
      double textX,
      String text) {}

  /**
   * A chart of bars, one below the other.
   *
   * @param left where the bars begin
   */
  public record Bars(int height, int left, List<Bar> bars) {}

  /** A band with its label: the parts of the whole width that are covered. */
  public record Band(int y, String label, List<Box> boxes) {}

  /** Bands one below the other over the same width, from one number to another. */
  public record Strip(int height, List<Band> bands, String from, String to) {}

  /**
   * A group of columns for each row: its first value is the label, its columns are those whose
   * names end in _pct (of 100), or else all that are numbers.
   *
   * @param rows at least one
   */
  public static Columns columns(List<Map<String, Object>> rows) {
    List<String> names = List.copyOf(rows.get(0).keySet());
    List<String> shares = names.stream().filter(name -> name.endsWith(PERCENT)).toList();
    List<String> series =
        !shares.isEmpty()
            ? shares
            : names.stream()
                .skip(1)
                .filter(name -> rows.get(0).get(name) instanceof Number)
                .toList();
    BigDecimal step = shares.isEmpty() ? step(rows, series) : BigDecimal.valueOf(25);
    double largest = largest(rows, series);
    int steps =
        shares.isEmpty() ? Math.max(1, (int) Math.ceil(largest / step.doubleValue() - 1e-9)) : 4;
    double most = steps * step.doubleValue();
    List<Tick> ticks = new ArrayList<>();
    for (int i = 0; i <= steps; i++) {
      String label = label(step.multiply(BigDecimal.valueOf(i))) + (shares.isEmpty() ? "" : "%");
      ticks.add(new Tick(tenth(BASE - i * (double) (BASE - TOP) / steps), label));
    }
    List<Key> keys = new ArrayList<>();
    for (int k = 0; k < series.size(); k++) {
      keys.add(new Key(LEFT + k * KEY_STEP, colour(k), name(series.get(k).replace(PERCENT, ""))));
    }
    double group = (double) (RIGHT - LEFT) / rows.size();
    List<Box> boxes = new ArrayList<>();
    List<Label> labels = new ArrayList<>();
    int every = (rows.size() + MOST_LABELS - 1) / MOST_LABELS;
    for (int i = 0; i < rows.size(); i++) {
      double middle = LEFT + group * (i + 0.5);
      boxes.addAll(group(rows.get(i), series, middle, group, most));
      if (i % every == 0) {
        labels.add(new Label(tenth(middle), first(rows.get(i))));
      }
    }
    return new Columns(ticks, boxes, labels, keys);
  }

  private static double largest(List<Map<String, Object>> rows, List<String> series) {
    return rows.stream()
        .flatMap(row -> series.stream().map(row::get))
        .mapToDouble(Chart::number)
        .reduce(1e-9, Math::max);
  }

  /**
   * How far the lines of a chart of columns are apart: 1, 2 or 5 times a power of ten, so that
   * there are at least {@value #FEWEST_TICKS} of them; 1 or more where all values are whole.
   */
  private static BigDecimal step(List<Map<String, Object>> rows, List<String> series) {
    double largest = largest(rows, series);
    boolean whole =
        rows.stream()
            .flatMap(row -> series.stream().map(row::get))
            .allMatch(value -> number(value) == Math.rint(number(value)));
    double goal = largest / FEWEST_TICKS;
    int power = (int) Math.floor(Math.log10(goal));
    if (whole && power < 0) {
      return BigDecimal.ONE;
    }
    double times = goal / Math.pow(10, power);
    return BigDecimal.valueOf(times >= 5 ? 5 : times >= 2 ? 2 : 1).scaleByPowerOfTen(power);
  }

  /** A tick's number: with separators, and with a letter for thousands and more. */
  private static String label(BigDecimal value) {
    if (value.signum() == 0) {
      return "0";
    }
    int thousands = Math.min(4, Math.max(0, (value.precision() - value.scale() - 1) / 3));
    BigDecimal shown = value.scaleByPowerOfTen(-3 * thousands).stripTrailingZeros();
    return shown.toPlainString() + List.of("", "k", "M", "G", "T").get(thousands);
  }

  private static List<Box> group(
      Map<String, Object> row, List<String> series, double middle, double group, double most) {
    double width = Math.min(28, group * 0.8 / Math.max(1, series.size()));
    List<Box> boxes = new ArrayList<>();
    for (int k = 0; k < series.size(); k++) {
      Object value = row.get(series.get(k));
      double height = (BASE - TOP) * Math.min(1, Math.max(0, number(value) / most));
      boxes.add(
          new Box(
              tenth(middle + (k - series.size() / 2.0) * width),
              tenth(BASE - height),
              tenth(width * 0.92),
              tenth(height),
              colour(k),
              first(row) + ", " + name(series.get(k)) + ": " + text(value)));
    }
    return boxes;
  }

  /** Whether the rows have a number for a chart of bars to show. */
  public static boolean hasNumber(List<Map<String, Object>> rows) {
    return firstNumber(rows) != null;
  }

  /**
   * A bar for each row: its first value is the label, its first number the length.
   *
   * @param rows at least one, with a number
   * @param funnel whether bars are centred and show their share of the first one
   */
  public static Bars bars(List<Map<String, Object>> rows, boolean funnel) {
    String name = firstNumber(rows);
    double most = rows.stream().mapToDouble(row -> number(row.get(name))).reduce(1e-9, Math::max);
    double whole = Math.max(1e-9, number(rows.get(0).get(name)));
    int longest = rows.stream().mapToInt(row -> barLabel(row).length()).reduce(0, Math::max);
    int left = 16 + (int) Math.ceil(LETTER * Math.min(LONGEST_LABEL, longest));
    int room = WIDTH - left - BAR_RIGHT;
    List<Bar> bars = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      Object value = rows.get(i).get(name);
      double width = Math.max(1, room * number(value) / most);
      String label = barLabel(rows.get(i));
      String share =
          funnel ? String.format(Locale.ROOT, " (%.1f%%)", 100 * number(value) / whole) : "";
      bars.add(
          new Bar(
              tenth(funnel ? left + (room - width) / 2 : left),
              i * BAR_STEP + 3,
              tenth(width),
              colour(1),
              label.length() > LONGEST_LABEL ? label.substring(0, LONGEST_LABEL - 1) + "…" : label,
              label + ": " + text(value),
              tenth(left + 8 + (funnel ? room : width)),
              text(value) + share));
    }
    return new Bars(rows.size() * BAR_STEP + 4, left, bars);
  }

  private static String barLabel(Map<String, Object> row) {
    return first(row).isEmpty() ? "(none)" : first(row);
  }

  /**
   * A band for each first value, with a box from the first to the second number of each of its
   * rows; what lies between the boxes is not covered.
   *
   * @param rows at least one, with a label and two whole numbers, such as the first and last block
   */
  public static Strip strip(List<Map<String, Object>> rows) {
    List<String> names = List.copyOf(rows.get(0).keySet());
    String from = names.get(1);
    String to = names.get(2);
    double begin = rows.stream().mapToDouble(row -> number(row.get(from))).min().orElse(0);
    double end = 1 + rows.stream().mapToDouble(row -> number(row.get(to))).max().orElse(0);
    double room = WIDTH - STRIP_LEFT - 8;
    Map<String, Band> bands = new LinkedHashMap<>();
    for (Map<String, Object> row : rows) {
      int y = bands.size() * BAR_STEP + 3;
      Band band = bands.computeIfAbsent(first(row), label -> new Band(y, label, new ArrayList<>()));
      double x = room * (number(row.get(from)) - begin) / (end - begin);
      double width = room * (number(row.get(to)) + 1 - number(row.get(from))) / (end - begin);
      band.boxes()
          .add(
              new Box(
                  tenth(STRIP_LEFT + x),
                  band.y(),
                  Math.max(0.5, tenth(width)),
                  BAR_STEP - 6,
                  colour(1),
                  band.label() + ": " + text(row.get(from)) + " to " + text(row.get(to))));
    }
    return new Strip(
        bands.size() * BAR_STEP + 24,
        List.copyOf(bands.values()),
        text(Math.round(begin)),
        text(Math.round(end - 1)));
  }

  private static String firstNumber(List<Map<String, Object>> rows) {
    return rows.get(0).entrySet().stream()
        .skip(1)
        .filter(entry -> entry.getValue() instanceof Number)
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse(null);
  }

  /** Whether a value is so long that its column has to be a wide one. */
  public static boolean isLong(Object value) {
    return !(value instanceof Number) && text(value).length() > LONG_TEXT;
  }

  /** A column's name as a title. */
  public static String name(String column) {
    return column.replaceFirst(PERCENT + "$", " %").replace('_', ' ');
  }

  /** A value for people: numbers with separators, null as an empty text. */
  public static String text(Object value) {
    if (value instanceof Number number) {
      return Messages.number(number);
    }
    return value == null ? "" : String.valueOf(value);
  }

  private static String first(Map<String, Object> row) {
    return text(row.values().iterator().next());
  }

  private static double number(Object value) {
    return value instanceof Number number ? number.doubleValue() : 0;
  }

  private static String colour(int series) {
    return COLOURS.get(series % COLOURS.size());
  }

  private static double tenth(double pixels) {
    return Math.round(pixels * 10) / 10.0;
  }
}
