package polymarket.backfill.ledger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * The ledger of a job in PostgreSQL, with members on several machines. Transactions that write run
 * one after the other, as in SQLite. What one statement can do for many rows is one statement,
 * because each costs a round trip.
 */
final class SharedDatabase extends Database {

  private final Member member;

  /**
   * @param member who works on it; null to read it
   */
  SharedDatabase(LedgerPlace place, Connection connection, Member member) {
    super(place, connection, SharedLedgers.SQL);
    this.member = member;
  }

  @Override
  boolean isShared() {
    return true;
  }

  @Override
  long now() {
    return member == null ? super.now() : member.now();
  }

  @Override
  void begin() throws SQLException {
    try (PreparedStatement lock = connection().prepareStatement(sql("lock"))) {
      set(lock, String.valueOf(Member.LEASE.toMillis()));
      lock.execute();
    }
  }

  @Override
  boolean holds(Batch batch) {
    return !query("holds", result -> 1, batch.key().number(), batch.tenure()).isEmpty();
  }

  @Override
  <T> T aside(Work<T> work) throws SQLException {
    return committed(work);
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
