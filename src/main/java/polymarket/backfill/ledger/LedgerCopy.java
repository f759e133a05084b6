package polymarket.backfill.ledger;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;

/** A copy of a shared ledger in a SQLite file, to be counted in. */
final class LedgerCopy {

  private static final Statements SQLITE = Statements.read("/ledger/ledger.sql");

  private static final int ROWS_AT_ONCE = 10_000;

  private LedgerCopy() {}

  /**
   * Copies the ledger as it is at one instant; members go on with it meanwhile.
   *
   * @param from a connection to the ledger's schema
   * @param to a file that does not exist yet
   */
  static void write(Connection from, Path to) throws SQLException, IOException {
    LedgerFile file = new LedgerFile(to);
    Database.committed(
        from,
        () -> {
          try (Statement statement = from.createStatement()) {
            statement.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
          }
          try {
            file.create(meta(from));
          } catch (IOException e) {
            throw file.damaged(e);
          }
          try (Connection copy = DriverManager.getConnection("jdbc:sqlite:" + to)) {
            Database.committed(
                copy,
                () -> {
                  rows(from, "copied-ids", copy, "copy-id");
                  rows(from, "copied-batches", copy, "copy-batch");
                  return null;
                });
          }
          return null;
        });
  }

  private static Map<String, String> meta(Connection from) throws SQLException {
    Map<String, String> meta = new HashMap<>();
    try (Statement statement = from.createStatement();
        ResultSet row = statement.executeQuery(SharedLedgers.SQL.get("meta"))) {
      while (row.next()) {
        meta.put(row.getString(1), row.getString(2));
      }
    }
    return meta;
  }

  private static void rows(Connection from, String read, Connection copy, String write)
      throws SQLException {
    try (Statement query = from.createStatement();
        PreparedStatement insert = copy.prepareStatement(SQLITE.get(write))) {
      query.setFetchSize(ROWS_AT_ONCE);
      try (ResultSet row = query.executeQuery(SharedLedgers.SQL.get(read))) {
        int columns = row.getMetaData().getColumnCount();
        for (int rows = 1; row.next(); rows++) {
          for (int column = 1; column <= columns; column++) {
            insert.setObject(column, row.getObject(column));
          }
          insert.addBatch();
          if (rows % ROWS_AT_ONCE == 0) {
            insert.executeBatch();
          }
        }
      }
      insert.executeBatch();
    }
  }
}
