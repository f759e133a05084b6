package polymarket.backfill.clickhouse;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import polymarket.backfill.UserError;

/** The columns of a table, which can be found by one of several names. */
public final class Columns {

  /** A column, as in system.columns. */
  public record Column(
      String name, String type, String kind, String expression, String codec, String comment) {

    public boolean isLowCardinality() {
      return type.startsWith("LowCardinality(");
    }

    public boolean isNullable() {
      return type.startsWith("Nullable(") || type.startsWith("LowCardinality(Nullable(");
    }

    public boolean isFixedString() {
      return type.contains("FixedString(") && !type.startsWith("Array(");
    }

    public boolean isNumber() {
      return type.contains("Int") || type.contains("Float") || type.contains("Decimal");
    }

    /** The type without LowCardinality. */
    public String plainType() {
      return isLowCardinality()
          ? type.substring("LowCardinality(".length(), type.length() - 1)
          : type;
    }

    /** The value as a String, empty for NULL. */
    public String text() {
      String value =
          isFixedString()
              ? "toStringCutToZero(" + Quoted.name(name) + ")"
              : plainType().equals("String")
                  ? Quoted.name(name)
                  : "toString(" + Quoted.name(name) + ")";
      return isNullable() ? "ifNull(" + value + ", '')" : value;
    }

    /** The value for people, bytes that are no text in hexadecimal. */
    public String shown() {
      String quoted = Quoted.name(name);
      if (type.startsWith("Array(FixedString") || type.startsWith("Array(String")) {
        return "arrayMap(x -> " + shown("x", type.contains("Fixed")) + ", " + quoted + ")";
      }
      return isFixedString() || plainType().equals("String")
          ? shown(quoted, isFixedString())
          : quoted;
    }

    private static String shown(String value, boolean bytes) {
      String hex = "concat('0x', lower(hex(" + value + ")))";
      return bytes ? hex : "if(isValidUTF8(" + value + "), " + value + ", " + hex + ")";
    }

    /**
     * The value as a time: seconds or milliseconds since 1970 are converted, an invalid time is
     * NULL.
     */
    public String time() {
      String quoted = Quoted.name(name);
      return type.contains("Date")
          ? quoted
          : type.contains("Int")
              ? "toDateTime(if("
                  + quoted
                  + " > 99999999999, intDiv("
                  + quoted
                  + ", 1000), "
                  + quoted
                  + "))"
              : "parseDateTimeBestEffortOrNull(" + text() + ")";
    }
  }

  private final String table;
  private final Map<String, Column> columns = new LinkedHashMap<>();

  private Columns(String table) {
    this.table = table;
  }

  /** The columns of a table with its database; none where it is not there. */
  public static Columns of(ClickHouse clickHouse, String table) {
    Columns result = new Columns(table);
    clickHouse
        .rows(
            "SELECT name, type, default_kind, default_expression, compression_codec, comment FROM"
                + " system.columns WHERE database = {d:String} AND table = {t:String} ORDER BY"
                + " position",
            Map.of("d", database(table), "t", name(table)))
        .forEach(
            row ->
                result.columns.put(
                    (String) row.get("name"),
                    new Column(
                        (String) row.get("name"),
                        (String) row.get("type"),
                        (String) row.get("default_kind"),
                        (String) row.get("default_expression"),
                        (String) row.get("compression_codec"),
                        (String) row.get("comment"))));
    return result;
  }

  public boolean isEmpty() {
    return columns.isEmpty();
  }

  public List<Column> all() {
    return List.copyOf(columns.values());
  }

  /**
   * The first of these names that the table has; null where it has none. Upper and lower case,
   * underscores, dashes and spaces make no difference: {@code MarketID} is found by {@code
   * market_id}. Of several columns that a name fits, the one that is spelled alike comes first.
   */
  public Column first(String... names) {
    return Arrays.stream(names)
        .map(String::strip)
        .filter(name -> !name.isEmpty())
        .map(this::named)
        .filter(column -> column != null)
        .findFirst()
        .orElse(null);
  }

  private Column named(String name) {
    Column same = columns.get(name);
    return same != null
        ? same
        : columns.values().stream()
            .filter(column -> plain(column.name()).equals(plain(name)))
            .findFirst()
            .orElse(null);
  }

  private static String plain(String name) {
    return name.toLowerCase(Locale.ROOT).replaceAll("[_\\- ]", "");
  }

  /** The same for a setting with names separated by commas. */
  public Column first(String names) {
    return first(names.split(","));
  }

  /** The column's text, or an empty text where the table has none of these names. */
  public String text(String... names) {
    Column column = first(names);
    return column == null ? "''" : column.text();
  }

  /** The names of all columns, for a message. */
  public String names() {
    return String.join(", ", columns.keySet());
  }

  public String table() {
    return table;
  }

  /** FINAL with a blank before it, for a table whose engine takes it; empty for any other. */
  public static String finalOf(ClickHouse clickHouse, String table) {
    return clickHouse
            .rows(
                "SELECT engine FROM system.tables WHERE database = {d:String} AND name ="
                    + " {t:String}",
                Map.of("d", database(table), "t", name(table)))
            .stream()
            .map(row -> String.valueOf(row.get("engine")))
            .anyMatch(engine -> engine.contains("ReplacingMergeTree"))
        ? " FINAL"
        : "";
  }

  /**
   * A table's engine with its keys and settings.
   *
   * @param table as it stands in a statement
   * @throws UserError where it is not there
   */
  static String engine(ClickHouse clickHouse, String table) {
    String plain = table.replaceAll("[`\"]", "");
    return clickHouse
        .rows(
            "SELECT engine_full FROM system.tables WHERE database = {d:String} AND name ="
                + " {t:String}",
            Map.of("d", database(plain), "t", name(plain)))
        .stream()
        .map(row -> (String) row.get("engine_full"))
        .findFirst()
        .orElseThrow(() -> new UserError(clickHouse.where() + ": there is no table " + plain));
  }

  public static String database(String table) {
    return table.contains(".") ? table.substring(0, table.indexOf('.')) : "default";
  }

  public static String name(String table) {
    return table.substring(table.indexOf('.') + 1);
  }
}
