package polymarket.backfill.ledger;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The database of one ledger: runs the statements of ledger.sql, several of them as one
 * transaction. All that depends on SQLite is here and in {@link LedgerFile}.
 */
final class Database {

  private static final Statements SQL = Statements.read("/ledger/ledger.sql");

  /** What is done in a transaction. */
  interface Work<T> {
    T run() throws SQLException;
  }

  /** Reads a row of a result; null for none. */
  interface Row<T> {
    T read(ResultSet result) throws SQLException;
  }

  private final Path file;
  private final Connection connection;

  Database(Path file, Connection connection) {
    this.file = file;
    this.connection = connection;
  }

  /** The tables of a new ledger. */
  static List<String> schema() {
    return SQL.all("schema");
  }

  static String sql(String name) {
    return SQL.get(name);
  }

  static String sql(String name, Map<String, String> fragments) {
    return SQL.get(name, fragments);
  }

  Connection connection() {
    return connection;
  }

  /** All or nothing of some work, synced to disk. */
  <T> T transaction(Work<T> work) {
    try {
      connection.setAutoCommit(false);
      try {
        T result = work.run();
        connection.commit();
        return result;
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      } finally {
        connection.setAutoCommit(true);
      }
    } catch (SQLException e) {
      throw LedgerFile.damaged(file, e);
    }
  }

  /**
   * Work that does not keep other processes from writing, on temporary tables alone, in one
   * transaction.
   */
  <T> T aside(Work<T> work) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("BEGIN DEFERRED");
      try {
        T result = work.run();
        statement.execute("COMMIT");
        return result;
      } catch (SQLException | RuntimeException e) {
        try {
          statement.execute("ROLLBACK");
        } catch (SQLException ended) {
          e.addSuppressed(ended);
        }
        throw e;
      }
    }
  }

  /** Runs all statements of a name. */
  void execute(String name) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      for (String sql : SQL.all(name)) {
        statement.execute(sql);
      }
    }
  }

  /**
   * Runs the statement of a name.
   *
   * @return how many rows it changed
   */
  int update(String name, Object... parameters) throws SQLException {
    return updateSql(SQL.get(name), parameters);
  }

  /** Runs a statement that {@link #sql(String, Map)} made. */
  int updateSql(String sql, Object... parameters) throws SQLException {
    try (PreparedStatement statement = prepared(sql, parameters)) {
      return statement.executeUpdate();
    }
  }

  /** Writes a copy of the database to a file that does not exist yet. */
  void copy(Path to) {
    try {
      update("copy", to.toString());
    } catch (SQLException e) {
      throw LedgerFile.damaged(file, e);
    }
  }

  /** Runs the statement of a name once for each element. */
  <T> void updateEach(String name, Iterable<T> elements, Function<T, List<Object>> parameters)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(SQL.get(name))) {
      for (T element : elements) {
        set(statement, parameters.apply(element).toArray());
        statement.addBatch();
      }
      statement.executeBatch();
    }
  }

  /** The rows of the query of a name. */
  <T> List<T> query(String name, Row<T> row, Object... parameters) {
    try (PreparedStatement statement = prepared(SQL.get(name), parameters);
        ResultSet result = statement.executeQuery()) {
      List<T> rows = new ArrayList<>();
      while (result.next()) {
        T value = row.read(result);
        if (value != null) {
          rows.add(value);
        }
      }
      return rows;
    } catch (SQLException e) {
      throw LedgerFile.damaged(file, e);
    }
  }

  /** The number that a query of one row and column gives. */
  long number(String name, Object... parameters) {
    return query(name, result -> result.getLong(1), parameters).get(0);
  }

  private PreparedStatement prepared(String sql, Object... parameters) throws SQLException {
    PreparedStatement statement = connection.prepareStatement(sql);
    set(statement, parameters);
    return statement;
  }

  private static void set(PreparedStatement statement, Object... parameters) throws SQLException {
    for (int i = 0; i < parameters.length; i++) {
      statement.setObject(i + 1, parameters[i]);
    }
  }

  void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      throw LedgerFile.damaged(file, e);
    }
  }

  /** What an error of the database means for who runs the program. */
  RuntimeException damaged(SQLException e) {
    return LedgerFile.damaged(file, e);
  }
}
