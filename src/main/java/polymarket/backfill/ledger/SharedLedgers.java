package polymarket.backfill.ledger;

import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/**
 * The PostgreSQL database in which machines share ledgers and pace, as {@code cluster.url} names
 * it. Its schema {@code backfill} has the members and the pace of the sources.
 *
 * @param egress names the address that this machine's requests come from: the pace of a source is
 *     one for each
 */
public record SharedLedgers(String url, String user, String password, String egress) {

  static final Statements SQL =
      Statements.read("/ledger/ledger.sql").with(Statements.read("/ledger/ledger-postgresql.sql"));

  private static final Pattern URL =
      Pattern.compile("jdbc:postgresql://([^/?@\\s]*)/([^/?@\\s]+)(\\?\\S*)?");

  /** A connection is expected to open within this time, in seconds. */
  private static final int CONNECT_SECONDS = 10;

  /**
   * @param member as {@code status} shows it
   * @param joinedAt epoch milliseconds
   * @param alive whether it has its lease and its session
   */
  public record MemberInfo(
      int member, String host, long pid, String jobs, String egress, long joinedAt, boolean alive) {

    /** Whether it works now on a job, or on what it calls so. */
    public boolean worksOn(String what) {
      return alive && List.of(jobs.split(" ")).contains(what);
    }

    /** Whether it is a process of this machine. */
    public boolean isProcess(long other) {
      return pid == other && host.equals(Member.host());
    }
  }

  /**
   * The pace of a source.
   *
   * @param limit requests a second, of all members together
   * @param requests how many turns were given since the database was made
   * @param aheadMillis when the next turn is, from now; below 0 where nobody waits
   */
  public record PaceInfo(
      String source, String egress, double limit, long requests, long aheadMillis) {}

  /** The database of {@code cluster.url}; null where that is not set. */
  public static SharedLedgers of(Settings settings) {
    String url = settings.text("cluster.url");
    return url.isEmpty()
        ? null
        : new SharedLedgers(
            url,
            settings.text("cluster.user"),
            settings.text("cluster.password"),
            settings.text("source.egress"));
  }

  /** The members of the database that the settings name; none where each machine has its own. */
  public static List<MemberInfo> members(Settings settings) {
    SharedLedgers cluster = of(settings);
    return cluster == null ? List.of() : cluster.members();
  }

  public SharedLedgers {
    if (!URL.matcher(url).matches()) {
      // it is not shown, because there may be a password in it
      throw new UserError(
          "setting cluster.url is not the URL of a PostgreSQL database; set CLUSTER_URL in the"
              + " environment to one such as jdbc:postgresql://host/database");
    }
  }

  /** The hosts and the database's name, for messages. */
  public String where() {
    Matcher parts = URL.matcher(url);
    return parts.matches() ? parts.group(1) + "/" + parts.group(2) : "";
  }

  /** The database's name. */
  public String database() {
    Matcher parts = URL.matcher(url);
    return parts.matches() ? parts.group(2) : "";
  }

  /**
   * @param schema where tables without a schema are looked for
   * @param wait how long a statement may take; zero for any time
   */
  Connection connect(String schema, Duration wait) throws SQLException {
    Properties properties = new Properties();
    if (!user.isEmpty()) {
      properties.setProperty("user", user);
    }
    if (!password.isEmpty()) {
      properties.setProperty("password", password);
    }
    properties.setProperty("currentSchema", schema);
    properties.setProperty("ApplicationName", "backfill");
    properties.setProperty("connectTimeout", String.valueOf(CONNECT_SECONDS));
    properties.setProperty("loginTimeout", String.valueOf(CONNECT_SECONDS));
    properties.setProperty("socketTimeout", String.valueOf(wait.toSeconds()));
    properties.setProperty("tcpKeepAlive", "true");
    properties.setProperty("reWriteBatchedInserts", "true");
    return DriverManager.getConnection(url, properties);
  }

  /** The schema of a pipeline's progress. */
  public static String pipelineSchema(String pipeline) {
    return LedgerSchema.name("pipeline." + pipeline);
  }

  /**
   * A connection to a schema, to be read.
   *
   * @return null where there is no such schema
   * @throws UserError where that cannot be found out
   */
  public Connection read(String schema) {
    try {
      Connection connection = connect(schema, Duration.ofMinutes(1));
      if (rows(connection, "schema-there", result -> result.getBoolean(1), schema).get(0)) {
        return connection;
      }
      connection.close();
      return null;
    } catch (SQLException e) {
      throw refused(e);
    }
  }

  /** Makes the schema of the members and the pace where it is not there. */
  void setUp() throws SQLException {
    try (Connection connection = connect("backfill", Duration.ZERO);
        Statement statement = connection.createStatement()) {
      try (ResultSet there = statement.executeQuery(SQL.get("cluster-there"))) {
        if (there.next() && there.getBoolean(1)) {
          return;
        }
      }
      connection.setAutoCommit(false);
      statement.execute(SQL.get("cluster-lock"));
      for (String sql : SQL.all("cluster")) {
        statement.execute(sql);
      }
      connection.commit();
    }
  }

  /** Whether it answers now, as one that can be written. */
  public boolean answers() {
    try (Connection connection = connect("backfill", Duration.ofSeconds(CONNECT_SECONDS))) {
      return rows(connection, "can-write", result -> result.getBoolean(1)).get(0);
    } catch (SQLException e) {
      return false;
    }
  }

  /** The members, those too that ended without leaving. */
  public List<MemberInfo> members() {
    return rows(
        "backfill",
        "members",
        result ->
            new MemberInfo(
                result.getInt(1),
                result.getString(2),
                result.getLong(3),
                result.getString(4),
                result.getString(5),
                result.getLong(6),
                result.getBoolean(7)));
  }

  /** The pace of every source that was asked. */
  public List<PaceInfo> pace() {
    return rows(
        "backfill",
        "pace",
        result ->
            new PaceInfo(
                result.getString(1),
                result.getString(2),
                result.getDouble(3),
                result.getLong(4),
                result.getLong(5)));
  }

  /**
   * Who does what one member at a time does.
   *
   * @param session its backend in the database
   */
  public record Holder(int session, int member, String host, long pid, boolean alive) {

    static Holder read(ResultSet result) throws SQLException {
      return new Holder(
          result.getInt(1),
          result.getInt(2),
          result.getString(3),
          result.getLong(4),
          result.getBoolean(5));
    }

    @Override
    public String toString() {
      return "member " + member + " (pid " + pid + " on " + host + ")";
    }
  }

  /** The live member that has something to itself, by {@link Member#hold}; null for none. */
  public Holder holder(String what) {
    return rows("backfill", "holder", Holder::read, what).stream()
        .filter(Holder::alive)
        .findFirst()
        .orElse(null);
  }

  /**
   * What members hold of a job.
   *
   * @param ids how many ids are in its unfinished batches
   */
  public record Held(int member, long batches, long ids) {}

  /** What each member holds of a job. */
  public List<Held> held(String job) {
    return rows(
        LedgerSchema.name(job),
        "held",
        result -> new Held(result.getInt(1), result.getLong(2), result.getLong(3)));
  }

  /** Removes the ledger of a job, if there is one, with all that it knows; no member may use it. */
  public void drop(String job) {
    new LedgerSchema(this, job, null).drop();
  }

  private <T> List<T> rows(
      String schema, String statement, Database.Row<T> row, Object... parameters) {
    try (Connection connection = connect(schema, Duration.ofMinutes(1));
        Statement query = connection.createStatement()) {
      try (ResultSet there = query.executeQuery(SQL.get("cluster-there"))) {
        if (!there.next() || !there.getBoolean(1)) {
          return List.of();
        }
      }
      return rows(connection, statement, row, parameters);
    } catch (SQLException e) {
      throw refused(e);
    }
  }

  static <T> List<T> rows(
      Connection connection, String statement, Database.Row<T> row, Object... parameters)
      throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(SQL.get(statement))) {
      Database.set(query, parameters);
      List<T> rows = new ArrayList<>();
      try (ResultSet result = query.executeQuery()) {
        while (result.next()) {
          rows.add(row.read(result));
        }
      }
      return rows;
    }
  }

  /** What an error of the database means for who runs the program. */
  UserError refused(Exception e) {
    return isAway(e)
        ? away(e)
        : new UserError(
            "the shared ledger at "
                + where()
                + " cannot be used: "
                + why(e)
                + (isLogin(e)
                    ? ". Correct CLUSTER_USER and CLUSTER_PASSWORD"
                    : ". See docs/CLUSTER.md"),
            e);
  }

  /** What it means that the server is not reached, or cannot be written. */
  AwayException away(Exception e) {
    return new AwayException(
        "the shared ledger at "
            + where()
            + (isReadOnly(e)
                ? " cannot be written: "
                    + why(e)
                    + ". Is it a standby? Add the primary's host and"
                    + " targetServerType=primary to cluster.url"
                : " does not answer: " + why(e)),
        e);
  }

  /**
   * What the driver says, without a full stop, and, where it does not say why no connection came
   * about, the cause.
   */
  private static String why(Exception e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    if (root instanceof UnknownHostException) {
      return "unknown host " + root.getMessage();
    }
    String said =
        (e.getMessage() == null ? e.toString() : String.join(" ", e.getMessage().lines().toList()))
            .replaceAll("\\.$", "");
    // of a refused connection the driver says so itself
    return root instanceof IOException
            && !(root instanceof ConnectException)
            && root.getMessage() != null
        ? said + " (" + root.getMessage() + ")"
        : said;
  }

  /** Whether the server refuses the user or the password: the class 28 of SQLSTATE. */
  private static boolean isLogin(Exception e) {
    return e instanceof SQLException sql
        && sql.getSQLState() != null
        && sql.getSQLState().startsWith("28");
  }

  /**
   * Whether an error says that the server is not reached, is ending or starting, or cannot be
   * written, as a standby, or that it ended the session of a process that stood still: the classes
   * 08 and 57P, 53300, 25006 and 25P03 of SQLSTATE.
   */
  static boolean isAway(Exception e) {
    return hasState(e, "08...|57P..|25006|25P03|53300");
  }

  /** Whether the server answers, but cannot be written, as a standby. */
  private static boolean isReadOnly(Exception e) {
    return hasState(e, "25006");
  }

  private static boolean hasState(Exception e, String states) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql
          && sql.getSQLState() != null
          && sql.getSQLState().matches(states)) {
        return true;
      }
    }
    return false;
  }

  /** Shows no password. */
  @Override
  public String toString() {
    return where();
  }
}
