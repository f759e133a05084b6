package polymarket.backfill.ledger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import polymarket.backfill.UserError;

/** The ledger of a job in a shared PostgreSQL database: a schema of its own. */
final class LedgerSchema extends LedgerPlace {

  private static final String VERSION = "1";
  private static final Statements SQL = SharedLedgers.SQL;

  private final SharedLedgers cluster;
  private final String job;
  private final Member member;

  /**
   * @param member who works on it; null to read it
   */
  LedgerSchema(SharedLedgers cluster, String job, Member member) {
    this.cluster = cluster;
    this.job = job;
    this.member = member;
  }

  /** The schema of a job's ledger. */
  static String name(String job) {
    return "backfill_" + job.replaceAll("[^a-z0-9]", "_");
  }

  private Connection connect(Duration wait) throws SQLException {
    return member == null ? cluster.connect(name(job), wait) : member.connect(name(job), wait);
  }

  private void close(Connection connection) throws SQLException {
    if (member == null) {
      connection.close();
    } else {
      member.release(connection);
    }
  }

  @Override
  public boolean exists() {
    try {
      Connection connection = connect(Duration.ofMinutes(1));
      try {
        return isThere(connection);
      } finally {
        close(connection);
      }
    } catch (SQLException e) {
      throw damaged(e);
    }
  }

  private boolean isThere(Connection connection) throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(SQL.get("there"))) {
      query.setString(1, name(job) + ".meta");
      try (ResultSet result = query.executeQuery()) {
        return result.next() && result.getBoolean(1);
      }
    }
  }

  @Override
  void create(Map<String, String> meta) throws SQLException {
    Connection connection = connect(Duration.ZERO);
    try (Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      statement.execute(SQL.get("cluster-lock"));
      if (!isThere(connection)) {
        statement.execute("CREATE SCHEMA IF NOT EXISTS " + name(job));
        for (String sql : SQL.all("schema")) {
          statement.execute(sql);
        }
        try (PreparedStatement insert = connection.prepareStatement(SQL.get("set-meta"))) {
          insert.setString(1, "version");
          insert.setString(2, VERSION);
          insert.executeUpdate();
          for (Map.Entry<String, String> value : meta.entrySet()) {
            insert.setString(1, value.getKey());
            insert.setString(2, value.getValue());
            insert.executeUpdate();
          }
        }
      }
      connection.commit();
    } finally {
      close(connection);
    }
  }

  @Override
  Database open() throws SQLException {
    // a list that another member loads may keep a statement waiting for any time; the member's
    // lease shows that the database is there
    Connection connection = connect(Duration.ZERO);
    boolean moved = false;
    try {
      String version = text(connection, "version");
      if (!VERSION.equals(version)) {
        throw new SQLException("its version is " + version + ", this program's is " + VERSION);
      }
      moved = member != null && isMoved(connection);
    } catch (SQLException e) {
      close(connection);
      throw e;
    }
    return new SharedDatabase(this, connection, member, moved);
  }

  /**
   * Whether the server is another one than before, or goes on from an earlier state: a standby that
   * took over, or a backup. Batches that were made last may be missing in it, while their rows are
   * stored. So the first member that finds this lets all new batches look into the table first, and
   * skips the numbers of those that may be missing.
   */
  private boolean isMoved(Connection connection) throws SQLException {
    return Database.committed(
        connection,
        () -> {
          try (Statement statement = connection.createStatement()) {
            statement.execute(SQL.get("cluster-lock"));
            String now = text(connection, "history");
            String before = text(connection, "history-of-ledger");
            boolean moved = before != null && !before.equals(now);
            if (moved) {
              statement.execute(SQL.get("skip-batches"));
              Member.update(connection, "set-meta", Identity.LOOK_FIRST, "true");
            }
            if (moved || before == null) {
              Member.update(connection, "set-meta", "history", now);
            }
            return moved;
          }
        });
  }

  /** The one value of a query; null where it gives none. */
  private static String text(Connection connection, String statement) throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(SQL.get(statement));
        ResultSet result = query.executeQuery()) {
      return result.next() ? result.getString(1) : null;
    }
  }

  @Override
  void requireWritable() {
    // a member has written itself into the database
  }

  @Override
  RuntimeException damaged(Exception e) {
    if (e instanceof SQLException sql && member != null) {
      return member.failed(sql);
    }
    return cluster.refused(e);
  }

  @Override
  String elsewhere() {
    return "set cluster.url to another database";
  }

  @Override
  public String setAside() {
    String copy =
        name(job)
            + "_copy_"
            + DateTimeFormatter.ofPattern("yyyyMMdd_HHmmss")
                .format(ZonedDateTime.now(ZoneOffset.UTC));
    execute("ALTER SCHEMA " + name(job) + " RENAME TO " + copy);
    return "schema " + copy + " at " + cluster.where();
  }

  private void execute(String sql) {
    try {
      Connection connection = connect(Duration.ZERO);
      try (Statement statement = connection.createStatement()) {
        statement.execute(sql);
      } finally {
        close(connection);
      }
    } catch (SQLException e) {
      throw damaged(e);
    }
  }

  @Override
  public void drop() {
    execute("DROP SCHEMA IF EXISTS " + name(job) + " CASCADE");
  }

  @Override
  long bytes() {
    try {
      Connection connection = connect(Duration.ZERO);
      try {
        return Member.number(connection, "bytes");
      } finally {
        close(connection);
      }
    } catch (SQLException e) {
      throw damaged(e);
    }
  }

  @Override
  void delete() {
    throw new UserError("a shared ledger is not removed: others may be about to use it");
  }

  @Override
  public String toString() {
    return job + " at " + cluster.where();
  }
}
