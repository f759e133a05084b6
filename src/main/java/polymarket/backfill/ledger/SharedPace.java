package polymarket.backfill.ledger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.Set;

/**
 * The turns of the sources that all members share: one row for each source and egress address,
 * which each turn moves on. Turns are reserved, never polled for. The row alone is written without
 * waiting for the disk, because every request waits for it.
 */
public final class SharedPace {

  /** How many times the round trip to the database is measured before the first turn. */
  private static final int WARM_UP = 5;

  private static final int ANSWER_SECONDS = 5;

  private final Member member;
  private final Set<String> begun = new HashSet<>();
  private Connection connection;

  /** The shortest round trip to the database so far. */
  private long shortest = Long.MAX_VALUE;

  /**
   * @param dueNanos when the request is to be sent, by {@link System#nanoTime}
   * @param unsureMillis how much longer than usual the database's answer took: the turn may have
   *     been as much earlier
   */
  public record Turn(long dueNanos, double unsureMillis) {}

  public SharedPace(Member member) {
    this.member = member;
  }

  /**
   * Reserves the next turn.
   *
   * @param stepMillis the time between two turns
   * @param calls how many turns the request takes
   * @param periodMillis passes before the first turn where the row may be older than the last
   *     request: after a restart of the database, and after this process lost it
   * @throws AwayException where the database does not answer
   */
  public synchronized Turn reserve(String source, double stepMillis, int calls, long periodMillis) {
    double cost = stepMillis * calls;
    double wait = begun.add(source) && member.isBack() ? periodMillis : 0;
    try {
      long asked = System.nanoTime();
      double due;
      try (PreparedStatement turn = connection().prepareStatement(SharedLedgers.SQL.get("turn"))) {
        Database.set(
            turn,
            source,
            egress(),
            wait,
            cost,
            stepMillis,
            (long) calls,
            (double) periodMillis,
            wait,
            cost,
            cost);
        try (ResultSet result = turn.executeQuery()) {
          result.next();
          due = result.getDouble(1);
        }
      }
      long answered = System.nanoTime();
      shortest = Math.min(shortest, answered - asked);
      return new Turn(answered + Math.round(due * 1e6), (answered - asked - shortest) / 1e6);
    } catch (SQLException e) {
      throw member.failed(e);
    }
  }

  /**
   * Delays all turns that are not reserved yet, because a request leaves later than its turn.
   *
   * @param within only where the next of them is no later than so many milliseconds from now
   * @return whether they were delayed
   */
  public synchronized boolean later(String source, double millis, double within) {
    return update("turns-later", millis, source, egress(), within) > 0;
  }

  /** Lets no further turn come before a time from now, because the source asked for it. */
  public synchronized void pause(String source, long millis) {
    update("turns-pause", (double) millis, source, egress());
  }

  private String egress() {
    return member.cluster().egress();
  }

  private int update(String statement, Object... parameters) {
    try {
      return Member.update(connection(), statement, parameters);
    } catch (SQLException e) {
      throw member.failed(e);
    }
  }

  private Connection connection() throws SQLException {
    if (connection == null) {
      connection = member.connect("backfill", Member.LEASE);
      try (PreparedStatement off =
          connection.prepareStatement(SharedLedgers.SQL.get("pace-connection"))) {
        off.execute();
      }
      for (int i = 0; i < WARM_UP; i++) {
        long asked = System.nanoTime();
        connection.isValid(ANSWER_SECONDS);
        shortest = Math.min(shortest, System.nanoTime() - asked);
      }
    }
    return connection;
  }
}
