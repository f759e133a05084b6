package polymarket.backfill.enrich;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;

/** The columns of a table as it is, and those of them that are known by one of several names. */
final class Columns {

  /** A column as system.columns has it. */
  record Column(
      String name, String type, String kind, String expression, String codec, String comment) {

    boolean isLowCardinality() {
      return type.startsWith("LowCardinality(");
    }

    boolean isNullable() {
      return type.startsWith("Nullable(") || type.startsWith("LowCardinality(Nullable(");
    }

    boolean isFixedString() {
      return type.contains("FixedString(") && !type.startsWith("Array(");
    }

    /** The type without LowCardinality. */
    String plainType() {
      return isLowCardinality()
          ? type.substring("LowCardinality(".length(), type.length() - 1)
          : type;
    }

    /** The value as a String, empty for NULL. */
    String text() {
      String value =
          isFixedString()
              ? "toStringCutToZero(" + quoted(name) + ")"
              : plainType().equals("String") ? quoted(name) : "toString(" + quoted(name) + ")";
      return isNullable() ? "ifNull(" + value + ", '')" : value;
    }
  }

  private final String table;
  private final Map<String, Column> columns = new LinkedHashMap<>();

  private Columns(String table) {
    this.table = table;
  }

  /** The columns of a table with its database; none where it is not there. */
  static Columns of(ClickHouse clickHouse, String table) {
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

  boolean isEmpty() {
    return columns.isEmpty();
  }

  List<Column> all() {
    return List.copyOf(columns.values());
  }

  /** The first of these names that the table has; null where it has none. */
  Column first(String... names) {
    return Arrays.stream(names)
        .map(String::strip)
        .map(columns::get)
        .filter(column -> column != null)
        .findFirst()
        .orElse(null);
  }

  /** The same for a setting with names separated by commas. */
  Column first(String names) {
    return first(names.split(","));
  }

  /** The column's text, or an empty text where the table has none of these names. */
  String text(String... names) {
    Column column = first(names);
    return column == null ? "''" : column.text();
  }

  String table() {
    return table;
  }

  static String database(String table) {
    return table.contains(".") ? table.substring(0, table.indexOf('.')) : "default";
  }

  static String name(String table) {
    return table.substring(table.indexOf('.') + 1);
  }

  /** The table with database, as one writes it in SQL. */
  static String quotedTable(String table) {
    return quoted(database(table)) + "." + quoted(name(table));
  }

  static String quoted(String name) {
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`";
  }

  static UserError missing(String table, String what) {
    return new UserError("there is no table " + table + ": " + what);
  }
}
