package polymarket.backfill.embedded;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Runs the queries that arrive over HTTP: finds the statement in URL and body, rejects forbidden
 * ones, leases a connection, and returns the answer.
 */
final class EngineQueries {
  /** Parameters of the URL that are not settings. */
  private static final Set<String> NOT_SETTINGS =
      Set.of(
          "query",
          "database",
          "default_format",
          "query_id",
          "user",
          "password",
          "quota_key",
          "role",
          "stacktrace",
          "compress",
          "decompress",
          "buffer_size",
          "wait_end_of_query",
          "session_id",
          "session_timeout",
          "session_check",
          "close_session",
          "client_protocol_version",
          "content_length");

  private static final Set<String> READERS =
      Set.of(
          "SELECT", "WITH", "FROM", "(", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK");

  private static final int HEAD = 256 << 10;
  private static final int LONGEST_STATEMENT = 32 << 20;

  /** MiB of long statements in memory at once; the others wait. The process has 512 MiB. */
  private static final int LONG_STATEMENTS = 96;

  private static final int PATIENCE_MINUTES = 10;

  private final EngineSessions sessions;
  private final EngineAccess access;
  private final Chdb.Connection own;
  private final ExecutorService threads;
  private final String version;
  private final String timezone;
  private final String hostName;
  private final Semaphore room = new Semaphore(LONG_STATEMENTS, true);
  private final Map<String, HttpConnection> selects = new ConcurrentHashMap<>();

  /**
   * @param own a connection that is always open; it kills the queries of disconnected clients
   * @param threads run the queries while other threads send their answers
   */
  EngineQueries(
      EngineSessions sessions, EngineAccess access, Chdb.Connection own, ExecutorService threads) {
    this.sessions = sessions;
    this.access = access;
    this.own = own;
    this.threads = threads;
    version = own.query("SELECT version()").text();
    timezone = own.query("SELECT timezone()").text();
    hostName = own.query("SELECT hostName()").text();
  }

  /**
   * Kills the queries of disconnected clients, because a query without output does not notice it.
   * Looking at a connection keeps its query in the map: otherwise the connection's own thread could
   * read the next request at the same time, and a byte of it would be lost.
   */
  void killAbandoned() {
    for (String marker : selects.keySet()) {
      boolean[] left = {false};
      selects.computeIfPresent(
          marker,
          (same, http) -> {
            left[0] = http.clientLeft();
            return http;
          });
      if (left[0]) {
        own.kill(marker);
      }
    }
  }

  /** Answers with an error, as ClickHouse does. */
  boolean fail(
      HttpConnection http,
      HttpConnection.Request request,
      Map<String, String> more,
      EngineException e)
      throws IOException {
    return new EngineAnswer(http, request, new LinkedHashMap<>(more), Map.of(), System.nanoTime())
        .fail(e, version);
  }

  /**
   * @return whether the connection can take another request
   */
  boolean answer(
      HttpConnection http,
      HttpConnection.Request request,
      Map<String, String> url,
      boolean readOnly)
      throws IOException {
    Map<String, String> headers = new LinkedHashMap<>();
    String id = url.getOrDefault("query_id", "");
    headers.put("X-ClickHouse-Server-Display-Name", hostName);
    headers.put("X-ClickHouse-Query-Id", id.isEmpty() ? UUID.randomUUID().toString() : id);
    headers.put("X-ClickHouse-Timezone", url.getOrDefault("session_timezone", timezone));
    EngineAnswer result = new EngineAnswer(http, request, headers, url, System.nanoTime());
    int held = 0;
    try {
      InputStream body = new RequestBody(request, url);
      byte[] given = url.getOrDefault("query", "").getBytes(StandardCharsets.UTF_8);
      byte[] head =
          given.length == 0
              ? body.readNBytes(HEAD)
              : Chdb.concat(given, "\n".getBytes(StandardCharsets.US_ASCII));
      boolean whole = given.length == 0 && head.length < HEAD;
      SqlGuard guard = new SqlGuard(access);
      SqlText sql = new SqlText(head, head.length, whole, guard);
      SqlText.Insert insert = sql.insert();
      if (!whole && (insert == null || insert.format() == null)) {
        held = given.length == 0 ? reserve() : 0;
        head = rest(head, body);
        held = release(held, head.length);
        guard = new SqlGuard(access);
        sql = new SqlText(head, head.length, true, guard);
        insert = sql.insert();
      }
      refuse(sql, insert);
      run(http, request, url, readOnly, new Statement(head, sql, insert, guard, body), result);
      result.end();
      return true;
    } catch (EngineException e) {
      return result.fail(e, version);
    } catch (RequestBody.Broken e) {
      return result.fail(
          new EngineException(32, "ATTEMPT_TO_READ_AFTER_EOF", e.getMessage()), version);
    } catch (OutOfMemoryError e) {
      return result.fail(
          new EngineException(
              241, "MEMORY_LIMIT_EXCEEDED", "the embedded engine's server is out of memory"),
          version);
    } finally {
      room.release(held);
      result.discard();
    }
  }

  /** A statement, and the body of its request, which may have rows. */
  private record Statement(
      byte[] text, SqlText sql, SqlText.Insert insert, SqlGuard guard, InputStream body) {}

  private void run(
      HttpConnection http,
      HttpConnection.Request request,
      Map<String, String> url,
      boolean readOnly,
      Statement statement,
      EngineAnswer result)
      throws IOException {
    Map<String, String> settings = new LinkedHashMap<>();
    Map<String, String> parameters = new LinkedHashMap<>();
    url.forEach(
        (name, value) -> {
          if (name.startsWith("param_")) {
            statement.guard.parameter(value);
            parameters.put(name.substring("param_".length()), value);
          } else if (!NOT_SETTINGS.contains(name)) {
            statement.guard.setting(name);
            settings.put(name, value);
          }
        });
    String format =
        url.getOrDefault("default_format", request.header("X-ClickHouse-Format", "TabSeparated"));
    String database = url.getOrDefault("database", request.header("X-ClickHouse-Database", ""));
    SqlText sql = statement.sql;
    try (EngineSessions.Lease lease = sessions.lease(url, settings, database)) {
      Chdb.Connection connection = lease.connection;
      if (readOnly) {
        refuseToWrite(connection, statement.text, sql);
      }
      if (statement.insert != null && statement.insert.format() != null) {
        insert(
            connection,
            statement.insert,
            statement.guard,
            statement.text,
            parameters,
            statement.body,
            result);
      } else if (Set.of("SELECT", "WITH", "FROM", "(").contains(sql.first())
          && !sql.isIntoOutfile()
          && connection.effect(statement.text) == Chdb.Effect.READS) {
        result.format(sql.format() == null ? format : sql.format());
        String marker = UUID.randomUUID().toString();
        selects.put(marker, http);
        try {
          result.stats =
              connection.select(sql, marker, format, parameters, result.body(), threads, own);
        } finally {
          selects.remove(marker);
        }
      } else {
        Chdb.Answer answer = connection.query(statement.text, format, parameters);
        if (answer.body().length > 0
            || Set.of("SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK")
                .contains(sql.first())) {
          result.format(sql.format() == null ? format : sql.format());
        }
        result.stats = answer.stats();
        result.body().write(answer.body());
      }
    }
  }

  // reserves memory for the longest statement, because its length is unknown until it is read
  private int reserve() {
    try {
      if (room.tryAcquire(LONGEST_STATEMENT >> 20, PATIENCE_MINUTES, TimeUnit.MINUTES)) {
        return LONGEST_STATEMENT >> 20;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    throw new EngineException(
        202,
        "TOO_MANY_SIMULTANEOUS_QUERIES",
        "other long statements have run for " + PATIENCE_MINUTES + " minutes; send this one again");
  }

  private int release(int held, int length) {
    int needed = Math.min(held, (length >> 20) + 1);
    room.release(held - needed);
    return needed;
  }

  private static byte[] rest(byte[] head, InputStream body) throws IOException {
    byte[] all = Arrays.copyOf(head, Math.max(HEAD, 2 * head.length));
    int length = head.length;
    for (int n; (n = body.read(all, length, all.length - length)) >= 0; ) {
      length += n;
      if (length > LONGEST_STATEMENT) {
        throw new EngineException(
            229,
            "QUERY_IS_TOO_LARGE",
            "a statement can be at most 32 MiB long; send rows after INSERT INTO ... FORMAT ...");
      }
      if (length == all.length) {
        all = Arrays.copyOf(all, (int) Math.min(2L * length, LONGEST_STATEMENT + 1));
      }
    }
    return length == all.length ? all : Arrays.copyOf(all, length);
  }

  /** Rejects statements that the library accepts but does not execute, or not like a server. */
  private static void refuse(SqlText sql, SqlText.Insert insert) {
    if (sql.isEmpty()) {
      throw new EngineException(62, "SYNTAX_ERROR", "Syntax error: empty query.");
    }
    if (insert != null && insert.input()) {
      throw new EngineException(
          48,
          "NOT_IMPLEMENTED",
          "INSERT ... SELECT ... FROM input(...) stores nothing in the embedded engine; insert into"
              + " a table with ENGINE = Null that has a materialized view, or set clickhouse.url to"
              + " use a server");
    }
    if ((insert == null || insert.format() == null) && sql.isSeveral()) {
      throw new EngineException(
          62,
          "SYNTAX_ERROR",
          "Syntax error (Multi-statements are not allowed): send one statement per request.");
    }
  }

  private static void refuseToWrite(Chdb.Connection connection, byte[] head, SqlText sql) {
    Chdb.Effect effect =
        sql.first().equals("INSERT") || sql.isIntoOutfile()
            ? Chdb.Effect.WRITES
            : connection.effect(head);
    boolean reads =
        effect == Chdb.Effect.READS
            || effect == Chdb.Effect.CONTROLS && Set.of("SET", "USE").contains(sql.first())
            // if the library cannot parse it, its own error is returned
            || effect == Chdb.Effect.UNKNOWN && READERS.contains(sql.first());
    if (!reads) {
      throw new EngineException(
          164,
          "READONLY",
          "Cannot execute query in readonly mode. For queries over HTTP, method GET implies"
              + " readonly. You should use method POST for modifying queries.");
    }
  }

  private static void insert(
      Chdb.Connection connection,
      SqlText.Insert insert,
      SqlGuard guard,
      byte[] head,
      Map<String, String> parameters,
      InputStream body,
      EngineAnswer result)
      throws IOException {
    InputStream rows =
        new SequenceInputStream(
            new ByteArrayInputStream(head, insert.data(), head.length - insert.data()), body);
    if (insert.format().equalsIgnoreCase("Values")) {
      rows = guard.watch(rows);
    }
    if (insert.format().equalsIgnoreCase("Values") && !parameters.isEmpty()) {
      // the insert stream drops parameters before it reads the rows, which may use them
      byte[] all = rows.readNBytes(LONGEST_STATEMENT);
      result.stats =
          connection
              .query(
                  Chdb.concat(insert.head(), "VALUES ".getBytes(StandardCharsets.US_ASCII), all),
                  "TabSeparated",
                  parameters)
              .stats();
    } else {
      result.stats = connection.insert(insert.head(), insert.format(), parameters, rows);
    }
  }
}
