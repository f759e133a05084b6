package polymarket.backfill.embedded;

/** Quotes strings and names for ClickHouse's SQL: the one place that does so. */
public final class Quotes {

  private Quotes() {}

  /** A string literal. */
  public static String text(String text) {
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }

  /** The name of a column, a table or a database. */
  public static String name(String name) {
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`";
  }
}
