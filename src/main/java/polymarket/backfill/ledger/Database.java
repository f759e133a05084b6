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
 * transaction. All that depends on SQLite is here and in {@link LedgerFile}; what differs with
 * PostgreSQL is in {@link SharedDatabase}.
 */
class Database {

  /** Rows that a PostgreSQL transaction reads at a time. */
  private static final int FETCHED = 10_000;

  /** What is done in a transaction. */
  interface Work<T> {
    T run() throws SQLException;
  }

  /** Reads a row of a result; null for none. */
  interface Row<T> {
    T read(ResultSet result) throws SQLException;
  }

  private final LedgerPlace place;
  private final Connection connection;
  private final Statements statements;

  Database(LedgerPlace place, Connection connection, Statements statements) {
    this.place = place;
    this.connection = connection;
    this.statements = statements;
  }

  LedgerPlace place() {
    return place;
  }

  String sql(String name) {
    return statements.get(name);
  }

  String sql(String name, Map<String, String> fragments) {
    return statements.get(name, fragments);
  }

  Connection connection() {
    return connection;
  }

  /** The ledger's time in epoch milliseconds: for a SQLite file, that of this machine. */
  long now() {
    return System.currentTimeMillis();
  }

  /**
   * Begins a transaction that may write.
   *
   * @param alone whether no other one may run at the same time: one that marks a batch of its own
   *     need not be alone
   */
  void begin(boolean alone) throws SQLException {
    // SQLite locks the file with the first statement
  }

  /**
   * Whether this process still has a batch, and keeps it until the transaction ends. A SQLite file
   * has one process for each share.
   */
  boolean holds(Batch batch) throws SQLException {
    return true;
  }

  /** Whether it has the batch at this instant: without a lock, nothing waits for the disk. */
  boolean holdsNow(Batch batch) {
    return true;
  }

  /**
   * Whether it was found to be on another server than before, on which the newest may be missing.
   */
  boolean isMoved() {
    return false;
  }

  /** Does something that only one member does at a time. */
  void alone(Runnable action) throws SQLException {
    // one process at a time adds to a SQLite file
    action.run();
  }

  /** Whether members on several machines work on it at the same time. */
  boolean isShared() {
    return false;
  }

  /** All or nothing of some work, synced to disk, while no other process writes. */
  <T> T transaction(Work<T> work) {
    return transaction(true, work);
  }

  /** The same for work on a batch that this process has, while others may work on theirs. */
  <T> T ownTransaction(Work<T> work) {
    return transaction(false, work);
  }

  private <T> T transaction(boolean alone, Work<T> work) {
    try {
      return committed(
          connection,
          () -> {
            begin(alone);
            return work.run();
          });
    } catch (SQLException e) {
      throw place.damaged(e);
    }
  }

  /** All or nothing of some work, as a transaction of the connection. */
  static <T> T committed(Connection connection, Work<T> work) throws SQLException {
    connection.setAutoCommit(false);
    try {
      T result = work.run();
      connection.commit();
      return result;
    } catch (SQLException | RuntimeException e) {
      try {
        connection.rollback();
      } catch (SQLException ended) {
        e.addSuppressed(ended);
      }
      throw e;
    } finally {
      connection.setAutoCommit(true);
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
      for (String sql : statements.all(name)) {
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
    return updateSql(statements.get(name), parameters);
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
      throw damaged(e);
    }
  }

  /** Runs the statement of a name once for each element. */
  <T> void updateEach(String name, Iterable<T> elements, Function<T, List<Object>> parameters)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(statements.get(name))) {
      for (T element : elements) {
        set(statement, parameters.apply(element).toArray());
        statement.addBatch();
      }
      statement.executeBatch();
    }
  }

  /** The rows of the query of a name. */
  <T> List<T> query(String name, Row<T> row, Object... parameters) {
    try (PreparedStatement statement = prepared(statements.get(name), parameters);
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
      throw place.damaged(e);
    }
  }

  /** The number that a query of one row and column gives. */
  long number(String name, Object... parameters) {
    return query(name, result -> result.getLong(1), parameters).get(0);
  }

  private PreparedStatement prepared(String sql, Object... parameters) throws SQLException {
    PreparedStatement statement = connection.prepareStatement(sql);
    statement.setFetchSize(FETCHED);
    set(statement, parameters);
    return statement;
  }

  static void set(PreparedStatement statement, Object... parameters) throws SQLException {
    for (int i = 0; i < parameters.length; i++) {
      statement.setObject(i + 1, parameters[i]);
    }
  }

  void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      throw place.damaged(e);
    }
  }

  /** What an error of the database means for who runs the program. */
  RuntimeException damaged(SQLException e) {
    return place.damaged(e);
  }
}
