package polymarket.backfill.clickhouse;

import com.clickhouse.client.api.ClientException;
import com.clickhouse.client.api.ServerException;
import java.io.IOException;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.UserError;

/** ClickHouse returned an error, or did not answer. */
public final class ClickHouseException extends UserError {

  /** ClickHouse's codes for a table and a database that do not exist. */
  private static final Set<Integer> NO_TABLE = Set.of(60, 81);

  /** The name in the message of such an error. */
  private static final Pattern TABLE =
      Pattern.compile("(?:identifier '|(?:Table|Database) (?=\\S+ does))([\\w.]+)");

  /** Its codes for a column that does not exist. */
  private static final Set<Integer> NO_COLUMN = Set.of(16, 47);

  /** The name in the message of such an error. */
  private static final Pattern COLUMN =
      Pattern.compile("(?:identifier [`']|Missing columns: '|such column )([\\w.]+)");

  private static final Pattern CODE = Pattern.compile("^Code: (\\d+)\\.");

  private static final Pattern ERROR_NAME = Pattern.compile("\\([A-Z]+_[A-Z_]+\\)");

  private static final Pattern NEAREST = Pattern.compile("Maybe you meant: \\['([^']+)'");

  /** What stands around an error's own words: the code, the statement, the server's version. */
  private static final String AROUND =
      "(?s)^Code: \\d+\\. DB::Exception: "
          + "|(?: in scope (?:SELECT|WITH)|:? While (?:processing|executing)) "
          + ".*?(?=\\. Maybe you meant|\\. \\([A-Z_]+\\)|$)"
          + "| \\(version .*$";

  /**
   * Codes of temporary errors: too many queries, memory, time-outs, network, read-only replicas,
   * too few live replicas, mutations that did not finish, Keeper.
   */
  private static final Set<Integer> PASSING =
      Set.of(159, 160, 201, 202, 209, 210, 225, 241, 242, 252, 285, 286, 319, 341, 394, 439, 999);

  /**
   * Codes that do not say whether an insert is stored: of the network between servers, an unknown
   * status, Keeper's.
   */
  private static final Set<Integer> UNKNOWN = Set.of(209, 210, 319, 999);

  /** Codes of data that cannot be read into the table's columns. */
  private static final Set<Integer> DATA =
      Set.of(6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 636);

  private final int code;

  /**
   * @param code ClickHouse's error code; 0 where it gave no answer
   */
  public ClickHouseException(String message, int code, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  /**
   * What the driver's client threw, in one line.
   *
   * @param where ClickHouse is, for people
   */
  static ClickHouseException of(String where, Exception e) {
    Throwable cause = e;
    while (cause instanceof ExecutionException && cause.getCause() != null) {
      cause = cause.getCause();
    }
    boolean silent = cause instanceof ClientException;
    for (Throwable t = cause; t != null; t = t.getCause()) {
      silent |= t instanceof IOException || t instanceof TimeoutException;
      if (t instanceof ServerException server) {
        return new ClickHouseException(
            where + ": " + plain(server.getMessage(), server.getCode()), server.getCode(), e);
      }
    }
    return new ClickHouseException(
        where + (silent ? " does not answer: " : ": ") + firstLine(rootMessage(cause)), 0, e);
  }

  /**
   * What ClickHouse says of a person's own statement, in one line: the table or column that is
   * missing and what to do, and the error's name, without the server's version and the statement.
   *
   * @param message of the server, such as {@code Code: 47. DB::Exception: …}
   */
  static String plain(String message) {
    Matcher code = CODE.matcher(message);
    String plain = plain(message, code.find() ? Integer.parseInt(code.group(1)) : 0);
    Matcher name = ERROR_NAME.matcher(message);
    return name.find() && !plain.contains(name.group()) ? plain + " " + name.group() : plain;
  }

  private static String plain(String message, int code) {
    Matcher table = TABLE.matcher(message);
    if (NO_TABLE.contains(code) && table.find()) {
      return "there is no table "
          + table.group(1)
          + " (`backfill views` creates the tables of all jobs)";
    }
    Matcher column = COLUMN.matcher(message);
    if (NO_COLUMN.contains(code) && column.find()) {
      Matcher nearest = NEAREST.matcher(message);
      return "there is no column "
          + column.group(1)
          + (nearest.find() ? "; did you mean " + nearest.group(1) + "?" : "")
          + " (DESCRIBE TABLE lists a table's columns)";
    }
    return firstLine(message.replaceAll(AROUND, ""));
  }

  private static String rootMessage(Throwable t) {
    Throwable root = t;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    return root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
  }

  /** The first line of an error, without what is too long to read. */
  static String firstLine(String text) {
    String line = text.lines().findFirst().orElse("").strip();
    return line.length() > 400 ? line.substring(0, 400) + " …" : line;
  }

  /** The same, with the place of the statement where it is wrong and from a user's own file. */
  ClickHouseException in(String sql) {
    return passes()
        ? this
        : SqlFile.originOf(sql)
            .map(origin -> new ClickHouseException(origin + ": " + getMessage(), code, getCause()))
            .orElse(this);
  }

  /** Whether the same request may succeed later. */
  public boolean passes() {
    return code == 0 || PASSING.contains(code);
  }

  /** Whether ClickHouse has answered that the request has ended; otherwise it may go on. */
  public boolean isOver() {
    return code != 0 && !UNKNOWN.contains(code);
  }

  /** Whether the rows themselves are the reason. */
  public boolean isData() {
    return DATA.contains(code);
  }

  /** ClickHouse's error code; 0 where it gave no answer. */
  public int code() {
    return code;
  }
}
