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
    try (PreparedStatement query = connection.prepareStatement(SQL.get("version"));
        ResultSet result = query.executeQuery()) {
      String version = result.next() ? result.getString(1) : "unknown";
      if (!VERSION.equals(version)) {
        throw new SQLException("its version is " + version + ", this program's is " + VERSION);
      }
    } catch (SQLException e) {
      close(connection);
      throw e;
    }
    return new SharedDatabase(this, connection, member);
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
    try {
      Connection connection = connect(Duration.ZERO);
      try (Statement statement = connection.createStatement()) {
        statement.execute("ALTER SCHEMA " + name(job) + " RENAME TO " + copy);
      } finally {
        close(connection);
      }
    } catch (SQLException e) {
      throw damaged(e);
    }
    return "schema " + copy + " at " + cluster.where();
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
