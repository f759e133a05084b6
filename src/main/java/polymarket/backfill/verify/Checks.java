package polymarket.backfill.verify;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiConsumer;
import polymarket.backfill.Messages;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;

/**
 * Runs the checks of an SQL file: sections {@code -- @check}, tables for people, and {@code
 * -- @measure}, numbers with thresholds.
 */
public final class Checks {

  private final String name;
  private final SqlFile sql;
  private final Map<String, Measure> measures;

  /** The unit of a share, which is a fraction of 1. */
  private static final String SHARE = "%";

  /** The unit of a time in hours. */
  private static final String HOURS = "h";

  /** Why a measure has no value. */
  static final String NOTHING = "nothing is stored";

  /**
   * A number with its thresholds.
   *
   * @param unit of the number; empty for a count
   */
  public record Measure(
      String name, String title, SqlFile.Section section, String unit, Double min, Double max) {

    /** Whether it is a fraction of 1. */
    public boolean share() {
      return unit.equals(SHARE);
    }

    /** A value of it for people: a share as a percentage, hours as a time. */
    public String shown(double value) {
      if (share()) {
        return String.format(Locale.ROOT, "%.2f%%", value * 100);
      }
      if (unit.equals(HOURS) && value >= 0) {
        return Messages.time(Math.round(value * 60) * 60_000);
      }
      return value == Math.rint(value)
          ? String.format(Locale.ROOT, "%,.0f", value)
          : String.format(Locale.ROOT, Math.abs(value) < 100 ? "%,.3f" : "%,.1f", value);
    }
  }

  /**
   * A measure's value.
   *
   * @param value null where nothing is stored that it measures: then its thresholds are missed
   */
  public record Value(Measure measure, Double value) {

    public boolean low() {
      return measure.min() != null && (value == null || value < measure.min());
    }

    public boolean high() {
      return measure.max() != null && (value == null || value > measure.max());
    }

    /** In a line for people, or with numbers as they are. */
    public Map<String, Object> line(boolean plain) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("measure", measure.name());
      line.put("value", plain ? (Object) value : value == null ? NOTHING : measure.shown(value));
      line.put(
          "at_least",
          measure.min() == null
              ? null
              : plain ? (Object) measure.min() : measure.shown(measure.min()));
      line.put(
          "at_most",
          measure.max() == null
              ? null
              : plain ? (Object) measure.max() : measure.shown(measure.max()));
      line.put(
          "ok",
          low() || high() ? "NO" : measure.min() == null && measure.max() == null ? "-" : "yes");
      line.put("meaning", measure.title());
      return line;
    }
  }

  /** A check's rows, or why it was not executed. */
  public record Table(SqlFile.Section section, List<Map<String, Object>> rows, String why) {

    /** Its title, with a capital. */
    public String title() {
      return Character.toUpperCase(section.title().charAt(0)) + section.title().substring(1);
    }
  }

  /**
   * A value and the threshold that it misses; with all their digits where they look the same
   * without.
   */
  private static String missed(Value value, double threshold) {
    if (value.value() == null) {
      return "not known: " + NOTHING + " that it measures";
    }
    boolean share = value.measure().share();
    String is = value.measure().shown(value.value());
    String than = value.measure().shown(threshold);
    return is.equals(than)
        ? (share ? value.value() * 100 + "%" : value.value())
            + (value.low() ? ", less than " : ", more than ")
            + than
        : is + (value.low() ? ", less than " : ", more than ") + than;
  }

  /** What was found. */
  public record Found(List<Table> tables, List<Value> values) {

    /** The failures, one line for each missed threshold. */
    public List<String> failed() {
      return values.stream()
          .filter(value -> value.low() || value.high())
          .map(
              value ->
                  value.measure().name()
                      + " is "
                      + missed(value, value.low() ? value.measure().min() : value.measure().max()))
          .toList();
    }

    /** The checks' rows, or why they were not made, by title. */
    public Map<String, Object> byTitle() {
      Map<String, Object> checks = new LinkedHashMap<>();
      tables.forEach(
          table ->
              checks.put(
                  table.section().title(),
                  table.why() != null ? "not checked: " + table.why() : table.rows()));
      return checks;
    }
  }

  /**
   * @param name the SQL file's
   * @param thresholds such as {@code --min-coverage 90%}, in one or two texts each
   * @throws UserError where a threshold names no measure, or has no number
   */
  public Checks(String name, SqlFile sql, List<String> thresholds) {
    this.name = name;
    this.sql = sql;
    this.measures = read(thresholds);
  }

  /** In the file's order. */
  public List<Measure> measures() {
    return List.copyOf(measures.values());
  }

  /** A line on each measure and its thresholds. */
  public String list() {
    StringBuilder text = new StringBuilder();
    measures
        .values()
        .forEach(
            measure ->
                text.append(
                    String.format(
                        Locale.ROOT,
                        "%-16s %s%s%s%n",
                        measure.name(),
                        measure.title(),
                        measure.min() == null ? "" : ", at least " + measure.shown(measure.min()),
                        measure.max() == null ? "" : ", at most " + measure.shown(measure.max()))));
    return text.toString();
  }

  /**
   * Runs all, over views that are up to date.
   *
   * @param jobs whose tables are made where they are not there
   * @param values of placeholders
   * @param each receives every check's rows when they are ready; null instead of rows that could
   *     not be had
   * @throws UserError where the tables that the file's section {@code -- @verify needs=…} names are
   *     not there
   */
  public Found run(
      ClickHouse clickHouse,
      Settings settings,
      List<String> jobs,
      Map<String, Object> values,
      BiConsumer<String, Table> each) {
    Views.Made views = Views.refresh(clickHouse, settings, jobs);
    if (sql.has("verify")) {
      String missing = Views.missing(clickHouse, settings, sql.section("verify"));
      if (missing != null) {
        throw new UserError(missing + ": " + sql.section("verify").title());
      }
    }
    List<Table> tables = new ArrayList<>();
    for (SqlFile.Section check : sql.sections("check")) {
      String missing = Views.missing(clickHouse, settings, check);
      String why = missing != null ? missing : views.notes().get(check.attributes().get("needs"));
      Table table =
          new Table(
              check, why != null ? List.of() : clickHouse.rows(check.sql(values), Map.of()), why);
      tables.add(table);
      each.accept(table.title(), table);
    }
    List<Value> found = new ArrayList<>();
    for (Measure measure : measures.values()) {
      Number number = (Number) clickHouse.value(measure.section().sql(values));
      found.add(new Value(measure, number == null ? null : Double.valueOf(number.doubleValue())));
    }
    return new Found(tables, found);
  }

  private Map<String, Measure> read(List<String> thresholds) {
    Map<String, Double> least = new HashMap<>();
    Map<String, Double> most = new HashMap<>();
    for (int i = 0; i < thresholds.size(); i++) {
      String option = thresholds.get(i);
      String value = null;
      if (option.contains("=")) {
        value = option.substring(option.indexOf('=') + 1);
        option = option.substring(0, option.indexOf('='));
      } else if (i + 1 < thresholds.size()) {
        value = thresholds.get(++i);
      }
      if (!option.startsWith("--min-") && !option.startsWith("--max-")) {
        throw new UserError(
            "unknown option '" + option + "'; thresholds are --min-M and --max-M for a measure M");
      }
      (option.startsWith("--min-") ? least : most).put(option.substring(6), number(option, value));
    }
    Map<String, Measure> all = new LinkedHashMap<>();
    for (SqlFile.Section section : sql.sections(List.of("measure", "unproved"))) {
      Map<String, String> attributes = section.attributes();
      String[] parts = section.title().split(" ", 2);
      Double min = attributes.containsKey("min") ? number("min", attributes.get("min")) : null;
      Double max = attributes.containsKey("max") ? number("max", attributes.get("max")) : null;
      all.put(
          parts[0],
          new Measure(
              parts[0],
              parts[1],
              section,
              attributes.getOrDefault("unit", ""),
              least.getOrDefault(parts[0], min),
              most.getOrDefault(parts[0], max)));
    }
    for (Map<String, Double> given : List.of(least, most)) {
      for (String of : given.keySet()) {
        if (!all.containsKey(of)) {
          throw new UserError(
              "no measure '"
                  + of
                  + "' of "
                  + name
                  + "."
                  + Nearest.hint(of, all.keySet())
                  + " The measures are: "
                  + String.join(", ", all.keySet()));
        }
      }
    }
    return all;
  }

  private static double number(String option, String value) {
    try {
      if (value != null && value.endsWith("%")) {
        return Double.parseDouble(value.substring(0, value.length() - 1)) / 100;
      }
      return Double.parseDouble(String.valueOf(value).replace("_", "").replace(",", ""));
    } catch (NumberFormatException e) {
      throw new UserError(
          option
              + (value == null ? " has no value" : " is '" + value + "'")
              + "; it takes a number such as 120000, or a share such as 1%");
    }
  }
}
