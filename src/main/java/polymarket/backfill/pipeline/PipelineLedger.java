package polymarket.backfill.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.AwayException;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.Sqlite;
import polymarket.backfill.run.Conductor;

/**
 * The progress of a pipeline: its passes, the steps of each, and the decisions. A SQLite file next
 * to the jobs' ledgers, or, where machines share ledgers, a schema of that database, so that
 * another machine can continue a pass; every change is on disk before the work continues. Times are
 * epoch milliseconds.
 */
public final class PipelineLedger implements AutoCloseable {

  private static final int APPLICATION = 0x42465049;
  private static final String[] SCHEMA = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE passes(pass INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, ended_at INTEGER,"
        + " state TEXT NOT NULL, exit_code INTEGER, budget_ms INTEGER NOT NULL, spent_ms INTEGER"
        + " NOT NULL DEFAULT 0, pid INTEGER NOT NULL)",
    "CREATE TABLE steps(pass INTEGER NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL, tries"
        + " INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, exit_code INTEGER,"
        + " started_at INTEGER, ended_at INTEGER, worked_ms INTEGER NOT NULL DEFAULT 0, requests"
        + " INTEGER NOT NULL DEFAULT 0, reason TEXT, pid INTEGER, pid_started_at INTEGER, PRIMARY"
        + " KEY(pass, step)) WITHOUT ROWID",
    "CREATE TABLE decisions(id INTEGER PRIMARY KEY, pass INTEGER NOT NULL, at INTEGER NOT NULL,"
        + " step TEXT NOT NULL, text TEXT NOT NULL)",
  };

  /** The same tables in PostgreSQL. */
  private static final List<String> SHARED_SCHEMA =
      Stream.of(SCHEMA)
          .map(
              sql ->
                  sql.replace(
                          "INTEGER PRIMARY KEY", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
                      .replace("INTEGER", "bigint")
                      .replace(" WITHOUT ROWID", ""))
          .toList();

  /**
   * A pass: every step once.
   *
   * @param endedAt 0 where it has not ended
   * @param spentMillis the working time of all its runs
   * @param pid the process that works, or last worked, on it
   */
  public record Pass(
      int number,
      long startedAt,
      long endedAt,
      PassState state,
      int exitCode,
      long budgetMillis,
      long spentMillis,
      long pid) {}

  /**
   * A step of a pass.
   *
   * @param tries how often it was started
   * @param failures how many tries failed
   * @param exitCode of the last try; -1 where it did not end
   * @param startedAt of the first try
   * @param endedAt of a running step: when it was last seen running
   * @param workedMillis of all tries that ended
   * @param requests of all tries that ended
   * @param reason why it is in that state; null where there is nothing to say
   * @param pid of the running process; 0 where there is none
   * @param pidStartedAt when the operating system started that process; 0 where there is none
   */
  public record Entry(
      String step,
      StepState state,
      int tries,
      int failures,
      int exitCode,
      long startedAt,
      long endedAt,
      long workedMillis,
      long requests,
      String reason,
      long pid,
      long pidStartedAt) {

    public Entry {
      reason = Redaction.line(reason);
    }

    static Entry fresh(String step) {
      return new Entry(step, StepState.PENDING, 0, 0, -1, 0, 0, 0, 0, null, 0, 0);
    }

    /** How long the running try is known to have worked. */
    long triedMillis() {
      return pidStartedAt > 0 ? Math.max(0, endedAt - pidStartedAt) : 0;
    }

    /** With another state; no process is running. */
    Entry with(StepState now, String why) {
      return new Entry(
          step,
          now,
          tries,
          failures,
          exitCode,
          startedAt,
          endedAt,
          workedMillis,
          requests,
          why,
          0,
          0);
    }

    /** With another try, which is running. */
    Entry started(long newPid, long newPidStartedAt) {
      return new Entry(
          step,
          StepState.RUNNING,
          tries + 1,
          failures,
          -1,
          startedAt > 0 ? startedAt : System.currentTimeMillis(),
          0,
          workedMillis,
          requests,
          null,
          newPid,
          newPidStartedAt);
    }

    /** With the end of the running try. The state is for {@link #with} to say. */
    Entry ended(int code, boolean failed, long triedMillis, long triedRequests) {
      return new Entry(
          step,
          StepState.PENDING,
          tries,
          failures + (failed ? 1 : 0),
          code,
          startedAt,
          System.currentTimeMillis(),
          workedMillis + triedMillis,
          requests + triedRequests,
          null,
          0,
          0);
    }

    /** With the end of a try that was running when its run was killed. */
    Entry killed(long triedRequests) {
      return new Entry(
          step,
          StepState.PENDING,
          tries,
          failures,
          exitCode,
          startedAt,
          endedAt,
          workedMillis + triedMillis(),
          requests + triedRequests,
          reason,
          0,
          0);
    }
  }

  /** A decision about a step, or about the whole pipeline where the step is empty. */
  public record Decision(long at, String step, String text) {}

  private final String place;

  private Connection connection;

  /** Whose connection that is, where ledgers are shared. */
  private Member connected;

  /** Who runs the pipeline, of those that share its ledger; null where it is only read. */
  private final Conductor conductor;

  /** Whether the pipeline is run now, for a shared ledger that is only read; otherwise null. */
  private final Supplier<Boolean> led;

  private PipelineLedger(
      String place, Connection connection, Conductor conductor, Supplier<Boolean> led) {
    this.place = place;
    this.connection = connection;
    this.conductor = conductor;
    this.led = led;
  }

  /**
   * Opens the ledger of a pipeline that this machine runs.
   *
   * @param conductor keeps it to this machine; null where ledgers are not shared
   * @param clickHouse the id of the ClickHouse that the steps fill
   * @throws UserError where it belongs to another one, or is damaged
   */
  public static PipelineLedger open(Path file, Conductor conductor, String clickHouse) {
    if (conductor == null) {
      return open(file, clickHouse);
    }
    PipelineLedger ledger =
        new PipelineLedger("at " + conductor.cluster(), null, conductor, () -> true);
    List<String> there =
        ledger.query("SELECT value FROM meta WHERE key = 'clickhouse'", row -> row.getString(1));
    if (there.isEmpty()) {
      ledger.update("INSERT INTO meta VALUES('clickhouse', ?)", clickHouse);
    } else if (!there.get(0).equals(clickHouse)) {
      throw ledger.ofAnother();
    }
    return ledger;
  }

  /** Opens the ledger of a pipeline to read it; null where there is none. */
  public static PipelineLedger read(Settings settings, String pipeline) {
    SharedLedgers cluster = SharedLedgers.of(settings);
    if (cluster == null) {
      Path file = PipelineFiles.of(settings, pipeline).ledger();
      return Files.exists(file) ? open(file, (String) null) : null;
    }
    Connection connection = cluster.read(SharedLedgers.pipelineSchema(pipeline));
    return connection == null
        ? null
        : new PipelineLedger(
            "at " + cluster,
            connection,
            null,
            () -> cluster.holder(Conductor.named(pipeline)) != null);
  }

  /** Whether a pass that is running is worked on by a live process. */
  public boolean isLed(Pass pass) {
    return led == null
        ? ProcessHandle.of(pass.pid()).map(ProcessHandle::isAlive).orElse(false)
        : led.get();
  }

  /**
   * Opens a ledger; creates it where there is none.
   *
   * @param clickHouse the id of the ClickHouse that the steps fill; null to only read an existing
   *     ledger
   * @throws UserError where it belongs to another one, or is damaged
   */
  static PipelineLedger open(Path file, String clickHouse) {
    try {
      if (!Files.exists(file)) {
        create(file, clickHouse);
      }
      org.sqlite.SQLiteConfig config = new org.sqlite.SQLiteConfig();
      config.setSynchronous(org.sqlite.SQLiteConfig.SynchronousMode.FULL);
      config.setBusyTimeout(60_000);
      PipelineLedger ledger =
          new PipelineLedger(file.toString(), Sqlite.open(file, config), null, null);
      try {
        ledger.check(clickHouse);
      } catch (UserError | SQLException e) {
        ledger.connection.close();
        throw e;
      }
      return ledger;
    } catch (SQLException | IOException e) {
      UserError refused = Sqlite.refused(file, e);
      throw refused != null
          ? refused
          : new UserError(
              "ledger "
                  + file
                  + " cannot be used: "
                  + e.getMessage().lines().findFirst().orElse("")
                  + ". It was not changed: restore a copy, or move it away to start a new pass; the"
                  + " jobs' own ledgers keep their progress",
              e);
    }
  }

  /** Written under another name first, so that a kill leaves no incomplete ledger. */
  private static void create(Path file, String clickHouse) throws SQLException, IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    Path draft = file.resolveSibling(file.getFileName() + ".new");
    Files.deleteIfExists(draft);
    try (Connection made = DriverManager.getConnection("jdbc:sqlite:" + draft);
        Statement statement = made.createStatement()) {
      statement.execute("PRAGMA application_id = " + APPLICATION);
      for (String sql : SCHEMA) {
        statement.execute(sql);
      }
      try (PreparedStatement insert =
          made.prepareStatement("INSERT INTO meta VALUES('clickhouse', ?)")) {
        insert.setString(1, clickHouse);
        insert.executeUpdate();
      }
    }
    Files.move(draft, file, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
  }

  private void check(String clickHouse) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      try (ResultSet row = statement.executeQuery("PRAGMA application_id")) {
        if (row.getInt(1) != APPLICATION) {
          throw new SQLException("it is not the ledger file of a pipeline");
        }
      }
      try (ResultSet row =
          statement.executeQuery("SELECT value FROM meta WHERE key = 'clickhouse'")) {
        if (clickHouse != null && !clickHouse.equals(row.getString(1))) {
          throw ofAnother();
        }
      }
    }
  }

  private UserError ofAnother() {
    return new UserError(
        "ledger "
            + place
            + " was made with another ClickHouse, or with a data folder that was deleted: its"
            + " finished steps are not in this one. Use that one, or move the ledger away to start"
            + " a new pass");
  }

  /** The last pass; null where there is none. */
  public synchronized Pass last() {
    List<Pass> passes =
        query(
            "SELECT pass, started_at, ended_at, state, exit_code, budget_ms, spent_ms, pid FROM"
                + " passes ORDER BY pass DESC LIMIT 1",
            row ->
                new Pass(
                    row.getInt(1),
                    row.getLong(2),
                    row.getLong(3),
                    PassState.of(row.getString(4)),
                    row.getInt(5),
                    row.getLong(6),
                    row.getLong(7),
                    row.getLong(8)));
    return passes.isEmpty() ? null : passes.get(0);
  }

  /** Begins a pass. */
  synchronized Pass begin(long budgetMillis) {
    update(
        "INSERT INTO passes(started_at, state, budget_ms, pid) VALUES(?, 'running', ?, ?)",
        System.currentTimeMillis(),
        budgetMillis,
        ProcessHandle.current().pid());
    return last();
  }

  /** Continues a pass. */
  synchronized void resume(int pass, long budgetMillis) {
    update(
        "UPDATE passes SET state = 'running', ended_at = NULL, exit_code = NULL, budget_ms = ?, pid"
            + " = ? WHERE pass = ?",
        budgetMillis,
        ProcessHandle.current().pid(),
        pass);
  }

  synchronized void spent(int pass, long millis) {
    update("UPDATE passes SET spent_ms = ? WHERE pass = ?", millis, pass);
  }

  /** Records that a step is running now. */
  synchronized void seen(int pass, String step) {
    update(
        "UPDATE steps SET ended_at = ? WHERE pass = ? AND step = ?",
        System.currentTimeMillis(),
        pass,
        step);
  }

  synchronized void end(int pass, PassState state, int exitCode) {
    update(
        "UPDATE passes SET state = ?, exit_code = ?, ended_at = ? WHERE pass = ?",
        state.text(),
        exitCode,
        System.currentTimeMillis(),
        pass);
  }

  /** The steps of a pass that were ever started or settled, by their names. */
  public synchronized Map<String, Entry> steps(int pass) {
    Map<String, Entry> steps = new LinkedHashMap<>();
    query(
            "SELECT step, state, tries, failures, exit_code, started_at, ended_at, worked_ms,"
                + " requests, reason, pid, pid_started_at FROM steps WHERE pass = "
                + pass,
            row ->
                new Entry(
                    row.getString(1),
                    StepState.of(row.getString(2)),
                    row.getInt(3),
                    row.getInt(4),
                    row.getObject(5) == null ? -1 : row.getInt(5),
                    row.getLong(6),
                    row.getLong(7),
                    row.getLong(8),
                    row.getLong(9),
                    row.getString(10),
                    row.getLong(11),
                    row.getLong(12)))
        .forEach(entry -> steps.put(entry.step(), entry));
    return steps;
  }

  synchronized void put(int pass, Entry entry) {
    update(
        "INSERT INTO steps VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(pass, step) DO"
            + " UPDATE SET state = excluded.state, tries = excluded.tries, failures ="
            + " excluded.failures, exit_code = excluded.exit_code, started_at ="
            + " excluded.started_at, ended_at = excluded.ended_at, worked_ms = excluded.worked_ms,"
            + " requests = excluded.requests, reason = excluded.reason, pid = excluded.pid,"
            + " pid_started_at = excluded.pid_started_at",
        pass,
        entry.step(),
        entry.state().text(),
        entry.tries(),
        entry.failures(),
        entry.exitCode() < 0 ? null : entry.exitCode(),
        entry.startedAt(),
        entry.endedAt(),
        entry.workedMillis(),
        entry.requests(),
        entry.reason(),
        entry.pid(),
        entry.pidStartedAt());
  }

  /** The last time that each step ended by itself, by the steps' names. */
  public synchronized Map<String, Entry> lastDone() {
    Map<String, Entry> done = new LinkedHashMap<>();
    Pass last = last();
    for (int pass = last == null ? 0 : last.number(); pass > 0; pass--) {
      steps(pass)
          .forEach(
              (step, entry) -> {
                if (entry.state() == StepState.DONE) {
                  done.putIfAbsent(step, entry);
                }
              });
    }
    return done;
  }

  synchronized void decide(int pass, String step, String text) {
    update(
        "INSERT INTO decisions(pass, at, step, text) VALUES(?, ?, ?, ?)",
        pass,
        System.currentTimeMillis(),
        step,
        Redaction.line(text));
  }

  /** The decisions of a pass, in their order. */
  public synchronized List<Decision> decisions(int pass) {
    return query(
        "SELECT at, step, text FROM decisions WHERE pass = " + pass + " ORDER BY id",
        row -> new Decision(row.getLong(1), row.getString(2), row.getString(3)));
  }

  /** Reads a row of an answer. */
  private interface Row<T> {
    T read(ResultSet row) throws SQLException;
  }

  /** What is done with the connection. */
  private interface Work<T> {
    T run(Connection with) throws SQLException;
  }

  private <T> List<T> query(String sql, Row<T> reader) {
    return done(
        "read",
        with -> {
          List<T> rows = new ArrayList<>();
          try (Statement statement = with.createStatement();
              ResultSet row = statement.executeQuery(sql)) {
            while (row.next()) {
              rows.add(reader.read(row));
            }
            return rows;
          }
        });
  }

  private void update(String sql, Object... values) {
    done(
        "written",
        with -> {
          try (PreparedStatement statement = with.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
              statement.setObject(i + 1, values[i]);
            }
            return statement.executeUpdate();
          }
        });
  }

  private <T> T done(String what, Work<T> work) {
    if (conductor != null) {
      return shared(work);
    }
    try {
      return work.run(connection);
    } catch (SQLException e) {
      throw new UserError("ledger " + place + " cannot be " + what + ": " + e.getMessage(), e);
    }
  }

  /** Waits for a shared database that does not answer, and does it again then. */
  private synchronized <T> T shared(Work<T> work) {
    while (true) {
      try {
        Member lead = conductor.lead();
        try {
          if (lead != connected) {
            connection =
                lead.open(SharedLedgers.pipelineSchema(conductor.pipeline()), SHARED_SCHEMA);
            connected = lead;
          }
          return work.run(connection);
        } catch (SQLException e) {
          throw lead.failed(e);
        }
      } catch (AwayException e) {
        conductor.await(e);
      }
    }
  }

  @Override
  public synchronized void close() {
    if (conductor != null) {
      // the conductor's connection ends with it
      return;
    }
    try {
      connection.close();
    } catch (SQLException e) {
      throw new UserError("ledger " + place + " cannot be closed: " + e.getMessage(), e);
    }
  }
}
