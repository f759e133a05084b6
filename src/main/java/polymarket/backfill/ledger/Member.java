package polymarket.backfill.ledger;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import polymarket.backfill.Daemons;
import polymarket.backfill.UserError;

/**
 * This process among those that share ledgers. Its number is in every batch that it holds. Its
 * session in the database has a lock, which the database releases as soon as the process ends; and
 * it renews a lease, for the case that a process, or the way to it, only stands still. Without
 * either, others take its batches over.
 *
 * <p>A member that loses its session is none any more: its ledgers fail with an {@link
 * AwayException}, and whoever wants to go on joins anew, under another number.
 */
public final class Member implements AutoCloseable {

  /** After this time without a sign, others take the batches of a member over. */
  static final Duration LEASE = Duration.ofMillis(Long.getLong("backfill.lease-millis", 9_000));

  private static final int HOLD_EVERY_MILLIS = 50;

  private final SharedLedgers cluster;
  private final Connection session;
  private final int number;
  private final Consumer<String> told;
  private final List<Connection> connections = new CopyOnWriteArrayList<>();
  private final ScheduledExecutorService renewing = Daemons.clock("lease");

  /** What was said when the session was lost; null while it is there. */
  private final AtomicReference<AwayException> lost = new AtomicReference<>();

  private boolean back;
  private String server;
  private volatile boolean closed;
  private volatile boolean waits = true;

  private final Object clockLock = new Object();

  /** The database's time, in epoch milliseconds, at an instant of {@link System#nanoTime}. */
  private long clock;

  private long clockReadAt;

  private Member(SharedLedgers cluster, Connection session, int number, Consumer<String> told) {
    this.cluster = cluster;
    this.session = session;
    this.number = number;
    this.told = told;
    connections.add(session);
  }

  /**
   * Joins those that share the ledgers of a database.
   *
   * @param jobs what this process works on, for {@code status}
   * @param told is told why, where the database does not answer any more
   * @throws AwayException where the database does not answer now
   */
  public static Member join(SharedLedgers cluster, List<String> jobs, Consumer<String> told) {
    try {
      cluster.setUp();
      // a renewal that takes longer than the lease has failed
      Connection session = cluster.connect("backfill", LEASE);
      try {
        int number = (int) number(session, "member-number");
        Member member = new Member(cluster, session, number, told);
        member.enter(jobs);
        return member;
      } catch (SQLException e) {
        session.close();
        throw e;
      }
    } catch (SQLException e) {
      throw cluster.refused(e);
    }
  }

  private void enter(List<String> jobs) throws SQLException {
    query(session, "member-lock", number);
    server = SharedLedgers.rows(session, "history", result -> result.getString(1)).get(0);
    long pid = ProcessHandle.current().pid();
    back = any(session, "member-of-process", host(), pid);
    update(session, "members-forget");
    update(
        session,
        "member-join",
        number,
        host(),
        pid,
        String.join(" ", jobs),
        cluster.egress(),
        (double) LEASE.toMillis());
    renew();
    long every = LEASE.toMillis() / 3;
    renewing.scheduleWithFixedDelay(this::sign, every, every, TimeUnit.MILLISECONDS);
  }

  private void renew() throws SQLException {
    long asked = System.nanoTime();
    try (PreparedStatement statement =
        session.prepareStatement(SharedLedgers.SQL.get("member-renew"))) {
      Database.set(statement, (double) LEASE.toMillis(), number);
      try (ResultSet result = statement.executeQuery()) {
        if (!result.next()) {
          throw new SQLException("member " + number + " is not known there any more", "08003");
        }
        clock(result.getLong(1), asked);
      }
    }
  }

  private void sign() {
    try {
      renew();
    } catch (SQLException e) {
      lose(e);
    }
  }

  /** Notes the time of the database, which was asked at an instant of {@link System#nanoTime}. */
  void clock(long epochMillis, long asked) {
    synchronized (clockLock) {
      clock = epochMillis;
      clockReadAt = asked;
    }
  }

  /** The database's time in epoch milliseconds. */
  public long now() {
    synchronized (clockLock) {
      return clock + (System.nanoTime() - clockReadAt) / 1_000_000;
    }
  }

  /** Its number: no other member has, or had, the same. */
  public int number() {
    return number;
  }

  /** Names the server that it joined, and that server's timeline. */
  public String server() {
    return server;
  }

  public SharedLedgers cluster() {
    return cluster;
  }

  /**
   * Whether this process was a member before and lost the database: what was written last without
   * waiting for the disk may be missing there.
   */
  boolean isBack() {
    return back;
  }

  /**
   * Takes something that one member at a time does, until it leaves. From one whose lease has ended
   * it is taken over: that one's session is ended, so that it has to join again.
   *
   * @return null if this member has it now, otherwise the one that has
   */
  public SharedLedgers.Holder hold(String what) {
    try {
      while (true) {
        if (SharedLedgers.rows(session, "hold", result -> result.getBoolean(1), what).get(0)) {
          return null;
        }
        for (SharedLedgers.Holder holder :
            SharedLedgers.rows(session, "holder", SharedLedgers.Holder::read, what)) {
          if (holder.alive()) {
            return holder;
          }
          query(session, "end-session", holder.session());
        }
        // the session of a process that ended goes a moment later
        TimeUnit.MILLISECONDS.sleep(HOLD_EVERY_MILLIS);
      }
    } catch (SQLException e) {
      throw failed(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted");
    }
  }

  /** Tells the others what this process works on besides, in one word. */
  public void worksOn(String what) {
    try {
      update(session, "member-works-on", " " + what, number);
    } catch (SQLException e) {
      throw failed(e);
    }
  }

  /** Gives back what {@link #hold} took, so that another member may take it. */
  public void release(String what) {
    try {
      query(session, "release", what);
    } catch (SQLException e) {
      throw failed(e);
    }
  }

  /**
   * Asks the database whether this process is still a member: one that stood still for longer than
   * its lease may have lost what it held.
   *
   * @throws AwayException where it is none any more
   */
  public void requireMember() {
    try {
      renew();
    } catch (SQLException e) {
      throw failed(e);
    }
  }

  /** Lets it wait no longer for what other members write, because it is to leave. */
  public void waitNoLonger() {
    waits = false;
  }

  /** Whether its ledgers wait while another member writes, as long as that takes. */
  boolean waits() {
    return waits;
  }

  /** Why it is none any more; null while it is one. */
  public AwayException lost() {
    return lost.get();
  }

  /**
   * A connection for the ledger of a job, or for the pace; it ends with the member.
   *
   * @param wait how long a statement may take; zero for any time
   */
  Connection connect(String schema, Duration wait) throws SQLException {
    Connection connection = cluster.connect(schema, wait);
    connections.add(connection);
    try {
      query(connection, "member-set", String.valueOf(number));
    } catch (SQLException e) {
      release(connection);
      throw e;
    }
    if (lost() != null) {
      release(connection);
      throw lost();
    }
    return connection;
  }

  /**
   * A connection to a schema of its own, which is made where it is not there; it ends with the
   * member.
   *
   * @param statements that make what is in it, one transaction
   */
  public Connection open(String schema, List<String> statements) throws SQLException {
    Connection connection = connect(schema, Duration.ofMinutes(1));
    Database.committed(
        connection,
        () -> {
          query(connection, "cluster-lock");
          if (!SharedLedgers.rows(
                  connection, "schema-there", result -> result.getBoolean(1), schema)
              .get(0)) {
            update(connection, "CREATE SCHEMA " + schema, statements);
          }
          return null;
        });
    return connection;
  }

  private static void update(Connection connection, String first, List<String> others)
      throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(first);
      for (String other : others) {
        statement.execute(other);
      }
    }
  }

  void release(Connection connection) throws SQLException {
    connections.remove(connection);
    connection.close();
  }

  /** What an error of one of its connections means; the first one ends the membership. */
  public RuntimeException failed(SQLException e) {
    if (SharedLedgers.isAway(e)) {
      lose(e);
    }
    return lost() != null ? lost() : cluster.refused(e);
  }

  private void lose(SQLException e) {
    AwayException away = cluster.away(e);
    if (closed || !lost.compareAndSet(null, away)) {
      return;
    }
    renewing.shutdown();
    // whoever waits for an answer fails at once
    for (Connection connection : connections) {
      try {
        connection.abort(Runnable::run);
      } catch (SQLException ended) {
        away.addSuppressed(ended);
      }
    }
    told.accept(away.getMessage());
  }

  static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "unknown host";
    }
  }

  static long number(Connection connection, String statement) throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(SharedLedgers.SQL.get(statement));
        ResultSet result = query.executeQuery()) {
      result.next();
      return result.getLong(1);
    }
  }

  private static boolean any(Connection connection, String statement, Object... parameters)
      throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(SharedLedgers.SQL.get(statement))) {
      Database.set(query, parameters);
      try (ResultSet result = query.executeQuery()) {
        return result.next();
      }
    }
  }

  private static void query(Connection connection, String statement, Object... parameters)
      throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(SharedLedgers.SQL.get(statement))) {
      Database.set(query, parameters);
      query.executeQuery().close();
    }
  }

  static int update(Connection connection, String statement, Object... parameters)
      throws SQLException {
    try (PreparedStatement update = connection.prepareStatement(SharedLedgers.SQL.get(statement))) {
      Database.set(update, parameters);
      return update.executeUpdate();
    }
  }

  /** Leaves: others take over at once what it has not finished. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    renewing.shutdownNow();
    try {
      if (lost() == null) {
        update(session, "member-leave", number);
      }
    } catch (SQLException e) {
      // its lock goes with the session
    }
    for (Connection connection : connections) {
      try {
        connection.close();
      } catch (SQLException e) {
        // it is gone already
      }
    }
  }
}
