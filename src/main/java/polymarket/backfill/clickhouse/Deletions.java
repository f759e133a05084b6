package polymarket.backfill.clickhouse;

import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Makes sure that a DELETE has deleted. Of DELETEs that change one table at the same time,
 * ClickHouse at times loses a part and reports success (Altinity/ClickHouse#2331; seen with 26.7).
 * So the rows that a DELETE names are counted behind it, and it is repeated while there are any.
 */
final class Deletions {

  private static final int ATTEMPTS = 10;

  /** ClickHouse's code for a mutation that did not finish. */
  private static final int UNFINISHED = 341;

  /** One of a partition has no SELECT with the same words; it is sent once. */
  private static final Pattern DELETE =
      Pattern.compile(
          "(?:\\s|--[^\\n]*\\n)*DELETE\\s+FROM\\s+(?<table>[\\w.`\"]+)"
              + "(?:\\s+ON\\s+CLUSTER\\s+\\S+)?\\s+(?<rows>WHERE\\b)",
          Pattern.CASE_INSENSITIVE);

  private final String where;
  private final ToLongFunction<String> number;

  /**
   * @param where ClickHouse is, for people
   * @param number gives the one number of a query
   */
  Deletions(String where, ToLongFunction<String> number) {
    this.where = where;
    this.number = number;
  }

  /** Sends a statement. */
  interface Sending<T, E extends Throwable> {
    T send() throws E;
  }

  /**
   * Sends a statement once; a DELETE until no row is left that it names.
   *
   * @return what was answered last
   * @throws ClickHouseException where rows are left after {@value #ATTEMPTS} attempts
   */
  <T, E extends Throwable> T complete(String sql, Sending<T, E> sending) throws E {
    T answer = sending.send();
    Matcher delete = DELETE.matcher(sql);
    if (!delete.lookingAt()) {
      return answer;
    }
    String left =
        "SELECT count() FROM " + delete.group("table") + " " + sql.substring(delete.start("rows"));
    for (int attempt = 1; number.applyAsLong(left) > 0; attempt++) {
      if (attempt == ATTEMPTS) {
        throw new ClickHouseException(
            where
                + ": "
                + delete.group("table")
                + " still has rows that "
                + ATTEMPTS
                + " DELETEs were to remove; system.mutations says why",
            UNFINISHED,
            null);
      }
      answer = sending.send();
    }
    return answer;
  }
}
