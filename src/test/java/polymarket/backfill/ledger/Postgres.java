package polymarket.backfill.ledger;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** A PostgreSQL server for a test class, which waits for the disk as a real one does. */
public final class Postgres implements AutoCloseable {

  private static final AtomicInteger DATABASES = new AtomicInteger();

  private final EmbeddedPostgres server;

  private Postgres(EmbeddedPostgres server) {
    this.server = server;
  }

  public static Postgres start() {
    try {
      return new Postgres(
          EmbeddedPostgres.builder()
              .setServerConfig("fsync", "on")
              .setServerConfig("synchronous_commit", "on")
              .setServerConfig("full_page_writes", "on")
              // a busy machine takes longer than the ten seconds of the default
              .setPGStartupWait(Duration.ofMinutes(2))
              .start());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  public int port() {
    return server.getPort();
  }

  /** A new database of this server. */
  public SharedLedgers database() {
    String name = "test" + DATABASES.incrementAndGet();
    execute("postgres", "CREATE DATABASE " + name);
    return at(server.getPort(), name);
  }

  /** A database of a server at a port. */
  public static SharedLedgers at(int port, String name) {
    return new SharedLedgers(
        "jdbc:postgresql://127.0.0.1:" + port + "/" + name, "postgres", "postgres", "default");
  }

  /** A connection to a database, as its owner's. */
  public static Connection connect(SharedLedgers database) throws SQLException {
    return DriverManager.getConnection(database.url(), database.user(), database.password());
  }

  /** The one number of a query. */
  public static long number(Connection connection, String sql) {
    try (Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery(sql)) {
      result.next();
      return result.getLong(1);
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  /** The same of a database, by a connection of its own. */
  public static long number(SharedLedgers database, String sql) {
    try (Connection connection = connect(database)) {
      return number(connection, sql);
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  /** The rows of a query, each of two numbers, by the first one. */
  public static Map<Long, Long> numbers(Connection connection, String sql) {
    Map<Long, Long> numbers = new HashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery(sql)) {
      while (result.next()) {
        numbers.put(result.getLong(1), result.getLong(2));
      }
      return numbers;
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  /** Runs a statement in a database. */
  void execute(SharedLedgers cluster, String sql) {
    execute(cluster.where().replaceFirst(".*/", ""), sql);
  }

  /** Ends all sessions of a database, as an administrator or a restart does. */
  public void endSessions(SharedLedgers cluster) {
    execute(
        cluster,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            + " WHERE datname = current_database() AND pid <> pg_backend_pid()");
  }

  private void execute(String database, String sql) {
    try (Connection connection =
            DriverManager.getConnection(
                "jdbc:postgresql://localhost:" + server.getPort() + "/" + database,
                "postgres",
                "postgres");
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    try {
      server.close();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
