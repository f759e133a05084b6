package polymarket.backfill.ledger;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Map;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/**
 * Where a ledger is: in a SQLite file, or in a schema of a PostgreSQL database that several
 * machines share. Its text names the place in messages.
 */
public abstract sealed class LedgerPlace permits LedgerFile, LedgerSchema {

  private static final String WINDOW = ".window";

  /** A SQLite file. */
  public static LedgerPlace of(Path file) {
    return new LedgerFile(file);
  }

  /**
   * Where the settings say that a job's ledger is, to be read: in the shared database of {@code
   * cluster.url}, or in the runtime folder.
   */
  public static LedgerPlace of(Settings settings, String job) {
    SharedLedgers cluster = SharedLedgers.of(settings);
    return cluster == null
        ? of(Ledger.file(settings.path("runtime.dir"), job))
        : new LedgerSchema(cluster, job, null);
  }

  /**
   * Where the settings say that the ledger is of the window of time that a job was last asked for,
   * to be read.
   */
  public static LedgerPlace window(Settings settings, String job) {
    return of(settings, job + WINDOW);
  }

  /** Where the settings say that all ledgers are, for messages. */
  public static String ofAll(Settings settings) {
    SharedLedgers cluster = SharedLedgers.of(settings);
    return cluster == null ? settings.path("runtime.dir").toString() : cluster.where();
  }

  /** The shared ledger of a job, to be worked on by a member. */
  public static LedgerPlace shared(Member member, String job) {
    return new LedgerSchema(member.cluster(), job, member);
  }

  /** The shared ledger of the window of time that a job was last asked for. */
  public static LedgerPlace sharedWindow(Member member, String job) {
    return shared(member, job + WINDOW);
  }

  /**
   * Whether there is a ledger.
   *
   * @throws UserError where that cannot be found out
   */
  public abstract boolean exists();

  /** Makes the ledger; where another process was quicker, that one's stays. */
  abstract void create(Map<String, String> meta) throws SQLException, IOException;

  /** Opens the ledger, and checks that it is one of this version. */
  abstract Database open() throws SQLException, IOException;

  /**
   * @throws UserError where this user may only read it
   */
  abstract void requireWritable();

  /** What an error means for who runs the program. */
  abstract RuntimeException damaged(Exception e);

  /** What a person can do to use another place. */
  abstract String elsewhere();

  /**
   * Moves a ledger, a damaged one too, to a copy beside it, so that the next run starts from the
   * beginning.
   *
   * @return names the copy
   */
  public abstract String setAside();

  /** How much room it takes, in bytes. */
  abstract long bytes();

  /** Removes the ledger, when it was closed: nobody needs one without ids. */
  abstract void delete();

  /** Removes the ledger with all that it knows, when it was closed and nobody else uses it. */
  public abstract void drop();
}
