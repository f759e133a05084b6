package polymarket.backfill.ledger;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import polymarket.backfill.UserError;

/**
 * The ledger of a job in PostgreSQL, with members on several machines. Transactions that write run
 * one after the other, as in SQLite; but members mark their own batches at the same time. What one
 * statement can do for many rows is one statement, because each costs a round trip.
 */
final class SharedDatabase extends Database {

  /** SQLSTATE of a statement that waited for a lock for longer than lock_timeout. */
  private static final String LOCK_NOT_AVAILABLE = "55P03";

  /** After so long a wait it looks whether the member is to leave. */
  private static final String LOCK_WAIT_MILLIS = "2000";

  private static final int ALONE_EVERY_MILLIS = 200;

  private final Member member;

  private final boolean moved;

  /**
   * @param member who works on it; null to read it
   * @param moved whether this member found that the database has moved to another server
   */
  SharedDatabase(LedgerPlace place, Connection connection, Member member, boolean moved) {
    super(place, connection, SharedLedgers.SQL);
    this.member = member;
    this.moved = moved;
  }

  @Override
  boolean isMoved() {
    return moved;
  }

  @Override
  boolean isShared() {
    return true;
  }

  @Override
  long now() {
    return member == null ? super.now() : member.now();
  }

  /**
   * Waits for the transaction of another member, as long as that takes: it may load a long list.
   *
   * @throws UserError where this member is to leave meanwhile
   */
  @Override
  void begin(boolean alone) throws SQLException {
    while (!locked(alone ? "lock" : "lock-shared")) {
      requireWaiting();
    }
  }

  private void requireWaiting() {
    if (member != null && !member.waits()) {
      throw new UserError(
          "another member is writing to the ledger of "
              + place()
              + ", and this one leaves: what it did not mark is fetched again");
    }
  }

  @Override
  void alone(Runnable action) throws SQLException {
    while (!query("try-alone", result -> result.getBoolean(1)).get(0)) {
      requireWaiting();
      try {
        TimeUnit.MILLISECONDS.sleep(ALONE_EVERY_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new UserError("interrupted");
      }
    }
    try {
      action.run();
    } finally {
      if (member == null || member.lost() == null) {
        query("end-alone", result -> 1);
      }
    }
  }

  /** Whether it got the lock before it had to look whether to go on waiting. */
  private boolean locked(String statement) throws SQLException {
    try (PreparedStatement lock = connection().prepareStatement(sql(statement))) {
      set(lock, String.valueOf(Member.LEASE.toMillis()), LOCK_WAIT_MILLIS);
      lock.execute();
      return true;
    } catch (SQLException e) {
      if (!LOCK_NOT_AVAILABLE.equals(e.getSQLState())) {
        throw e;
      }
      connection().rollback();
      return false;
    }
  }

  @Override
  boolean holds(Batch batch) {
    return !query("holds", result -> 1, batch.key().number(), batch.tenure()).isEmpty();
  }

  @Override
  boolean holdsNow(Batch batch) {
    return !query("holds-now", result -> 1, batch.key().number(), batch.tenure()).isEmpty();
  }

  @Override
  <T> T aside(Work<T> work) throws SQLException {
    return committed(connection(), work);
  }

  @Override
  <T> void updateEach(String name, Iterable<T> elements, Function<T, List<Object>> parameters)
      throws SQLException {
    List<List<Object>> columns = new ArrayList<>();
    for (T element : elements) {
      List<Object> values = parameters.apply(element);
      for (int i = 0; i < values.size(); i++) {
        if (columns.size() <= i) {
          columns.add(new ArrayList<>());
        }
        columns.get(i).add(values.get(i));
      }
    }
    if (columns.isEmpty()) {
      return;
    }
    try (PreparedStatement statement = connection().prepareStatement(sql(name))) {
      for (int i = 0; i < columns.size(); i++) {
        List<Object> column = columns.get(i);
        boolean numbers =
            column.stream().filter(Objects::nonNull).anyMatch(Number.class::isInstance);
        statement.setArray(
            i + 1, connection().createArrayOf(numbers ? "bigint" : "text", column.toArray()));
      }
      statement.executeUpdate();
    }
  }

  @Override
  void copy(Path to) {
    try {
      LedgerCopy.write(connection(), to);
    } catch (SQLException | IOException e) {
      throw place().damaged(e);
    }
  }

  @Override
  void close() {
    try {
      if (member == null) {
        connection().close();
      } else {
        member.release(connection());
      }
    } catch (SQLException e) {
      throw damaged(e);
    }
  }
}
