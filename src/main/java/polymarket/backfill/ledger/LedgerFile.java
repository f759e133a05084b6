package polymarket.backfill.ledger;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.sqlite.SQLiteConfig;
import polymarket.backfill.Access;
import polymarket.backfill.UserError;

/** The SQLite file of a ledger: made, checked, opened, moved away. */
final class LedgerFile extends LedgerPlace {

  private static final Statements SQL = Statements.read("/ledger/ledger.sql");

  private static final int APPLICATION = 0x504d_4246;
  private static final int VERSION = 1;

  /**
   * Longer ids lists are not read through for damage at every start; what is damaged then is said
   * when it is met.
   */
  private static final long QUICK_CHECK_BYTES = 256L << 20;

  private final Path file;

  LedgerFile(Path file) {
    this.file = file;
  }

  @Override
  public boolean exists() {
    return Access.exists(file);
  }

  @Override
  void requireWritable() {
    if (!Sqlite.isWritable(file)) {
      throw Sqlite.refused(file, null);
    }
  }

  @Override
  String elsewhere() {
    return "set runtime.dir to another folder";
  }

  @Override
  long bytes() {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw damaged(e);
    }
  }

  @Override
  public String toString() {
    return file.toString();
  }

  /** Opens the file and checks that it is a whole ledger of this version. */
  @Override
  Database open() throws SQLException, IOException {
    checkHead(file);
    SQLiteConfig config = new SQLiteConfig();
    config.setSynchronous(SQLiteConfig.SynchronousMode.FULL);
    config.setBusyTimeout(60_000);
    config.setTransactionMode(SQLiteConfig.TransactionMode.IMMEDIATE);
    config.setPragma(SQLiteConfig.Pragma.CACHE_SIZE, "-65536");
    Connection connection = Sqlite.open(file, config);
    try {
      check(file, connection);
    } catch (SQLException | RuntimeException e) {
      connection.close();
      throw e;
    }
    return new Database(this, connection, SQL);
  }

  /** Looks at a file before SQLite does, which changes every database that it opens in WAL mode. */
  private static void checkHead(Path file) throws SQLException, IOException {
    byte[] head;
    try (InputStream in = Files.newInputStream(file)) {
      head = in.readNBytes(100);
    }
    if (head.length == 0) {
      throw new SQLException("it is empty");
    }
    if (head.length < 100
        || !new String(head, 0, 15, StandardCharsets.US_ASCII).equals("SQLite format 3")
        || ByteBuffer.wrap(head).getInt(68) != APPLICATION) {
      throw new SQLException("it is not a ledger file");
    }
  }

  private static void check(Path file, Connection connection) throws SQLException, IOException {
    try (Statement statement = connection.createStatement()) {
      try (ResultSet result = statement.executeQuery("PRAGMA user_version")) {
        int version = result.next() ? result.getInt(1) : 0;
        if (version != VERSION) {
          throw new SQLException("its version is " + version + ", this program's is " + VERSION);
        }
      }
      if (Files.size(file) <= QUICK_CHECK_BYTES) {
        try (ResultSet result = statement.executeQuery("PRAGMA quick_check(1)")) {
          if (!result.next() || !"ok".equals(result.getString(1))) {
            throw new SQLException("it is damaged: " + result.getString(1));
          }
        }
      }
    }
  }

  /**
   * Makes the file of a new ledger; where another process was quicker, that one's stays. Written
   * under another name first: a kill in the middle leaves no half-made ledger.
   */
  @Override
  void create(Map<String, String> meta) throws SQLException, IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    Path draft = file.resolveSibling(file.getFileName() + ".new-" + UUID.randomUUID());
    try (Connection made = DriverManager.getConnection("jdbc:sqlite:" + draft);
        Statement statement = made.createStatement()) {
      statement.execute("PRAGMA application_id = " + APPLICATION);
      statement.execute("PRAGMA user_version = " + VERSION);
      for (String name : List.of("schema", "schema-of-inserts")) {
        for (String sql : SQL.all(name)) {
          statement.execute(sql);
        }
      }
      try (PreparedStatement insert = made.prepareStatement(SQL.get("set-meta"))) {
        for (Map.Entry<String, String> value : meta.entrySet()) {
          insert.setString(1, value.getKey());
          insert.setString(2, value.getValue());
          insert.executeUpdate();
        }
      }
    }
    try {
      // a hard link does not replace: of two processes that make it at once, one wins and both use
      // its file
      Files.createLink(file, draft);
    } catch (FileAlreadyExistsException e) {
      // the other one's
    } catch (UnsupportedOperationException | IOException e) {
      Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    }
    Files.deleteIfExists(draft);
  }

  @Override
  RuntimeException damaged(Exception e) {
    UserError refused = Sqlite.refused(file, e);
    return refused != null
        ? refused
        : new UserError(
            "ledger "
                + file
                + " cannot be used: "
                + String.join(" ", e.getMessage().lines().toList())
                + ". It was not changed: restore a copy, or move it away (or `backfill"
                + " reset`) to start over; rows that are in ClickHouse are not stored twice",
            e);
  }

  @Override
  public String setAside() {
    String time = Instant.now().toString().substring(0, 19).replace(":", "");
    Path copy = file.resolveSibling(file.getFileName() + "." + time + ".copy");
    try {
      // changes may still be in the log beside it, which SQLite finds by its name
      for (String suffix : List.of("-wal", "-shm", "")) {
        Path part = file.resolveSibling(file.getFileName() + suffix);
        if (Files.exists(part)) {
          Files.move(part, copy.resolveSibling(copy.getFileName() + suffix));
        }
      }
      return copy.toString();
    } catch (IOException e) {
      throw new UserError("cannot move " + file + " to " + copy + ": " + e.getMessage());
    }
  }

  @Override
  public void drop() {
    delete();
  }

  @Override
  void delete() {
    try {
      for (String suffix : List.of("", "-wal", "-shm")) {
        Files.deleteIfExists(file.resolveSibling(file.getFileName() + suffix));
      }
    } catch (IOException e) {
      throw new UserError("cannot remove " + file + ": " + e.getMessage());
    }
  }
}
