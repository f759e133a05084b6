package polymarket.backfill.ledger;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import org.sqlite.SQLiteConfig;
import polymarket.backfill.UserError;

/** Opens the SQLite files that ledgers are: for reading alone where this user may not write. */
public final class Sqlite {

  private Sqlite() {}

  /**
   * Whether this user may write a file, and beside it, where SQLite keeps what is not in the file
   * yet.
   */
  public static boolean isWritable(Path file) {
    return Files.isWritable(file) && Files.isWritable(file.toAbsolutePath().getParent());
  }

  /**
   * @param config what it is opened with, but for the journal's mode
   */
  public static Connection open(Path file, SQLiteConfig config) throws SQLException, IOException {
    if (isWritable(file)) {
      config.setJournalMode(SQLiteConfig.JournalMode.WAL);
      return DriverManager.getConnection("jdbc:sqlite:" + file, config.toProperties());
    }
    // SQLite also creates files next to one that it only reads, unless it is configured that
    // nothing changes
    // it
    Path log = file.resolveSibling(file.getFileName() + "-wal");
    boolean inUse = Files.exists(log) && Files.size(log) > 0;
    config.setReadOnly(true);
    return DriverManager.getConnection(
        "jdbc:sqlite:file:"
            + file.toAbsolutePath().toUri().getRawPath()
            + (inUse ? "?mode=ro" : "?immutable=1"),
        config.toProperties());
  }

  /**
   * What is to be said of a file that cannot be opened because of the user's rights, or written
   * because the disk is full.
   *
   * @param e what was said instead; may be null
   * @return null where it is because of neither
   */
  public static UserError refused(Path file, Exception e) {
    if (e != null && UserError.isFull(e)) {
      return new UserError(
          "ledger "
              + file
              + " cannot be written: no space is left on its disk; free some, or set runtime.dir to"
              + " another folder. What is in it stays, and the same command continues with it",
          e);
    }
    if (!Files.exists(file)
        || e instanceof SQLException
            && !String.valueOf(e.getMessage()).matches("(?s).*(READONLY|CANTOPEN).*")) {
      return null;
    }
    String user = System.getProperty("user.name");
    return !Files.isReadable(file)
        ? new UserError(
            "ledger "
                + file
                + " cannot be read: user "
                + user
                + " may not; run this as its owner, or give "
                + user
                + " the right to read it")
        : !isWritable(file)
            ? new UserError(
                "ledger "
                    + file
                    + " cannot be opened: user "
                    + user
                    + " may not write in "
                    + file.toAbsolutePath().getParent()
                    + ", which a ledger needs that is in use; run this as its owner, or set"
                    + " runtime.dir to another folder")
            : null;
  }
}
