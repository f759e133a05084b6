package polymarket.backfill.clickhouse;

import polymarket.backfill.embedded.Quotes;

/** Values, names and tables as they stand in ClickHouse's SQL. */
public final class Quoted {

  private Quoted() {}

  /** A string literal. */
  public static String text(String text) {
    return Quotes.text(text);
  }

  /** The name of a column, a table or a database. */
  public static String name(String name) {
    return Quotes.name(name);
  }

  /** A table with its database; {@code default} where the name has none. */
  public static String table(String table) {
    return name(Columns.database(table)) + "." + name(Columns.name(table));
  }

  /**
   * A value as a literal: a list as its elements with commas between them, numbers and raw SQL as
   * they are, true as 1, anything else as a string.
   */
  static String value(Object value) {
    StringBuilder literal = new StringBuilder();
    append(literal, value);
    return literal.toString();
  }

  /** Lists may be long: they are written at once. */
  private static void append(StringBuilder to, Object value) {
    if (value instanceof Iterable<?> list) {
      String comma = "";
      for (Object element : list) {
        to.append(comma);
        append(to, element);
        comma = ",";
      }
    } else if (value instanceof Number) {
      to.append(value);
    } else if (value instanceof SqlFile.Raw raw) {
      to.append(raw.sql());
    } else if (value instanceof Boolean flag) {
      to.append(flag ? 1 : 0);
    } else {
      to.append(text(String.valueOf(value)));
    }
  }
}
