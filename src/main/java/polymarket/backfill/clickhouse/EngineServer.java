package polymarket.backfill.clickhouse;

import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.InflaterInputStream;
import net.jpountz.lz4.LZ4FrameInputStream;
import net.jpountz.lz4.LZ4FrameOutputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import polymarket.backfill.UserError;

/**
 * Serves one data folder over ClickHouse's HTTP protocol on 127.0.0.1, so that
 * clickhouse-jdbc, @clickhouse/client and curl work as against a server. Every request has a
 * connection of its own with the settings of its URL, or that of its {@code session_id}; requests
 * run in parallel, those of one session one at a time.
 *
 * <p>X-ClickHouse-Summary: read_rows, read_bytes, written_rows and written_bytes (rows stored by
 * materialized views included), result_rows, result_bytes are the engine's own; elapsed_ns is
 * measured here; total_rows_to_read and memory_usage are 0, because the library does not tell them.
 * Of an answer that is longer than 1 MiB the head leaves before the sums are known, and they are 0,
 * unless {@code wait_end_of_query=1}. The query id is the client's, but not known inside the
 * engine. User and password are not looked at. What cannot be done here ends in an error, never in
 * silence: INSERT ... SELECT ... FROM input(...), files of the client, multipart bodies, several
 * statements in one request.
 */
public final class EngineServer implements AutoCloseable {
  static final String ATTACH = "/backfill/attach";
  static final String DATA_HEADER = "X-Backfill-Data";
  static final String PID_HEADER = "X-Backfill-Pid";

  private static final Logger log = LoggerFactory.getLogger(EngineServer.class);

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

  private static final int STACK = 16 << 20;
  private static final int HEAD = 256 << 10;
  private static final int LONGEST_STATEMENT = 32 << 20;

  private final Path data;
  private final Chdb chdb;
  private final ServerSocket socket;
  private final Chdb.Connection own;
  private final ExecutorService queries;
  private final Map<String, Session> sessions = new ConcurrentHashMap<>();
  private final Set<Socket> clients = ConcurrentHashMap.newKeySet();
  private final AtomicInteger running = new AtomicInteger();
  private final String version;
  private final String timezone;
  private final String hostName;
  private int attached;
  private boolean everAttached;
  private boolean closing;

  /**
   * Opens the data folder and listens. One process can have one data folder open.
   *
   * @param data its folder, made if it is not there; whoever calls this has made sure that no other
   *     process has it
   * @param port on 127.0.0.1; 0 is any free one
   * @throws UserError if the port is taken, or the library is missing
   */
  public EngineServer(Path data, int port) {
    this.data = data.toAbsolutePath().normalize();
    try {
      Files.createDirectories(this.data);
      socket = new ServerSocket();
      socket.setReuseAddress(true);
      socket.bind(
          new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port), 256);
    } catch (BindException e) {
      throw new UserError(
          "embedded ClickHouse: port "
              + port
              + " on 127.0.0.1 is taken; free it, or set clickhouse.port to another one (0 is any"
              + " free one)");
    } catch (IOException e) {
      throw new UserError(
          "embedded ClickHouse: cannot use the data folder " + this.data + ": " + e.getMessage());
    }
    try {
      chdb = Chdb.load();
      // kept open: closing the last connection would end the engine
      own = chdb.connect(this.data);
      version = own.query("SELECT version()").text();
      timezone = own.query("SELECT timezone()").text();
      hostName = own.query("SELECT hostName()").text();
    } catch (RuntimeException e) {
      closeQuietly(socket);
      throw e;
    }
    queries = Executors.newCachedThreadPool(task -> thread(task, "query"));
    thread(this::accept, "accept").start();
    thread(this::expireSessions, "sessions").start();
  }

  private static Thread thread(Runnable task, String name) {
    // ClickHouse's parser and planner recurse deeper than Java's default stack allows
    Thread thread = new Thread(null, task, "clickhouse-" + name, STACK);
    thread.setDaemon(true);
    return thread;
  }

  /** http://127.0.0.1:port */
  public URI url() {
    return URI.create("http://127.0.0.1:" + port());
  }

  public int port() {
    return socket.getLocalPort();
  }

  /**
   * Serves a data folder in the foreground until SIGINT or SIGTERM, also while nobody is attached.
   * Prints one line to standard output when it is ready.
   *
   * @throws UserError if another process serves that folder already (it names that one's pid and
   *     URL), or the port is taken
   */
  public static void serveForeground(Path data, int port) {
    EngineProcess.serveForeground(data, port);
  }

  // ---- connections

  private void accept() {
    while (!socket.isClosed()) {
      try {
        Socket client = socket.accept();
        clients.add(client);
        thread(() -> serve(client), "client").start();
      } catch (IOException e) {
        if (!socket.isClosed()) {
          log.warn("a client could not connect: {}", e.getMessage());
          pause(100);
        }
      }
    }
  }

  private void serve(Socket client) {
    try (client) {
      HttpConnection http = new HttpConnection(client);
      boolean open = true;
      while (open) {
        try {
          HttpConnection.Request request = http.next();
          if (request == null) {
            break;
          }
          running.incrementAndGet();
          try {
            open = answer(http, request) && request.keepAlive() && http.drain();
          } finally {
            running.decrementAndGet();
          }
        } catch (HttpConnection.BadRequest e) {
          http.reply(
              e.status,
              Map.of("Content-Type", "text/plain; charset=UTF-8"),
              (e.getMessage() + "\n").getBytes(StandardCharsets.UTF_8));
          break;
        }
      }
    } catch (IOException e) {
      log.debug("a client left: {}", e.getMessage());
    } catch (Throwable e) {
      log.warn("a request failed inside the engine's server", e);
    } finally {
      clients.remove(client);
    }
  }

  /**
   * @return whether the connection can take another request
   */
  private boolean answer(HttpConnection http, HttpConnection.Request request) throws IOException {
    boolean get = request.method().equals("GET") || request.method().equals("HEAD");
    switch (request.path()) {
      case "/ping", "/replicas_status" -> {
        if (get) {
          http.reply(200, plain(), "Ok.\n".getBytes(StandardCharsets.US_ASCII));
          return true;
        }
      }
      case ATTACH -> {
        attach(http);
        return false;
      }
      case "/", "" -> {
        Map<String, String> url = parameters(request.query());
        if (get && url.isEmpty()) {
          http.reply(200, plain(), "Ok.\n".getBytes(StandardCharsets.US_ASCII));
          return true;
        }
        if (request.method().equals("OPTIONS")) {
          http.reply(204, Map.of(), new byte[0]);
          return true;
        }
        if (get || request.method().equals("POST") || request.method().equals("PUT")) {
          return query(http, request, url, get);
        }
      }
      default -> {}
    }
    http.reply(
        404,
        plain(),
        ("There is no handle "
                + request.path()
                + "\n\nUse / or /ping for health checks.\nSend queries from your program with"
                + " POST method or GET /?query=...\n")
            .getBytes(StandardCharsets.UTF_8));
    return true;
  }

  private static Map<String, String> plain() {
    return Map.of("Content-Type", "text/html; charset=UTF-8");
  }

  private static Map<String, String> parameters(String query) throws HttpConnection.BadRequest {
    Map<String, String> all = new LinkedHashMap<>();
    for (String pair : query.split("&")) {
      if (!pair.isEmpty()) {
        try {
          // the bytes of the request line were read as Latin-1
          String raw =
              new String(pair.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
          int eq = raw.indexOf('=');
          all.put(
              URLDecoder.decode(eq < 0 ? raw : raw.substring(0, eq), StandardCharsets.UTF_8),
              eq < 0 ? "" : URLDecoder.decode(raw.substring(eq + 1), StandardCharsets.UTF_8));
        } catch (IllegalArgumentException e) {
          throw new HttpConnection.BadRequest(400, "a parameter of the URL is not well encoded");
        }
      }
    }
    return all;
  }

  // ---- one query

  private boolean query(
      HttpConnection http,
      HttpConnection.Request request,
      Map<String, String> url,
      boolean readOnly)
      throws IOException {
    long begin = System.nanoTime();
    Map<String, String> headers = new LinkedHashMap<>();
    String id = url.getOrDefault("query_id", "");
    headers.put("X-ClickHouse-Server-Display-Name", hostName);
    headers.put("X-ClickHouse-Query-Id", id.isEmpty() ? UUID.randomUUID().toString() : id);
    headers.put("X-ClickHouse-Timezone", url.getOrDefault("session_timezone", timezone));
    Result result = new Result(http, request, headers, url, begin);
    try {
      Map<String, String> settings = new LinkedHashMap<>();
      Map<String, String> parameters = new LinkedHashMap<>();
      url.forEach(
          (name, value) -> {
            if (name.startsWith("param_")) {
              parameters.put(name.substring("param_".length()), value);
            } else if (!NOT_SETTINGS.contains(name)) {
              settings.put(name, value);
            }
          });
      String format =
          url.getOrDefault("default_format", request.header("X-ClickHouse-Format", "TabSeparated"));
      String database = url.getOrDefault("database", request.header("X-ClickHouse-Database", ""));
      InputStream body = body(request, url);
      byte[] given = url.getOrDefault("query", "").getBytes(StandardCharsets.UTF_8);
      byte[] head =
          given.length == 0
              ? body.readNBytes(HEAD)
              : Chdb.concat(given, "\n".getBytes(StandardCharsets.US_ASCII));
      SqlText sql = new SqlText(head);
      SqlText.Insert insert = sql.insert();
      if (insert == null || insert.format() == null) {
        byte[] rest = body.readNBytes(LONGEST_STATEMENT);
        if (rest.length == LONGEST_STATEMENT) {
          throw new EngineException(
              229,
              "QUERY_IS_TOO_LARGE",
              "a statement can be 32 MiB long; send rows behind INSERT INTO ... FORMAT ...");
        }
        if (rest.length > 0) {
          head = Chdb.concat(head, rest);
          sql = new SqlText(head);
          insert = sql.insert();
        }
      }
      refuse(sql, insert);
      try (Lease lease = lease(url, settings, database)) {
        if (readOnly) {
          refuseToWrite(lease.connection, head, sql);
        }
        if (insert != null && insert.format() != null) {
          insert(lease.connection, insert, head, parameters, body, result);
        } else if (Set.of("SELECT", "WITH", "FROM", "(").contains(sql.first())
            && lease.connection.effect(head) == Chdb.Effect.READS) {
          result.format(sql.format() == null ? format : sql.format());
          byte[][] parts = sql.atFormat();
          result.stats =
              lease.connection.select(
                  parts[0], parts[1], format, parameters, result.body(), queries, own);
        } else {
          Chdb.Answer answer = lease.connection.query(head, format, parameters);
          if (answer.body().length > 0
              || Set.of("SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK")
                  .contains(sql.first())) {
            result.format(sql.format() == null ? format : sql.format());
          }
          result.stats = answer.stats();
          result.body().write(answer.body());
        }
      }
      result.end();
      return true;
    } catch (EngineException e) {
      return result.fail(e, version);
    } catch (BrokenBody e) {
      return result.fail(
          new EngineException(32, "ATTEMPT_TO_READ_AFTER_EOF", e.getMessage()), version);
    } finally {
      result.discard();
    }
  }

  /** What the library would take, but not do, or not do as a server does. */
  private static void refuse(SqlText sql, SqlText.Insert insert) {
    if (sql.isEmpty()) {
      throw new EngineException(62, "SYNTAX_ERROR", "Syntax error: empty query.");
    }
    if (sql.first().equals("?")) {
      throw new EngineException(
          62,
          "SYNTAX_ERROR",
          "Syntax error: failed at position 1 (?): a statement does not begin with a question"
              + " mark.");
    }
    if (insert != null && insert.input()) {
      throw new EngineException(
          48,
          "NOT_IMPLEMENTED",
          "INSERT ... SELECT ... FROM input(...) stores nothing in the embedded engine; insert into"
              + " a table with ENGINE = Null that has a materialized view, or set clickhouse.url to"
              + " use a server");
    }
    if (insert != null && insert.infile()) {
      throw new EngineException(
          78,
          "UNKNOWN_TYPE_OF_QUERY",
          "Query has infile and was send directly to server; send the rows as the body");
    }
    if (insert == null && sql.isIntoOutfile()) {
      throw new EngineException(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed");
    }
    if ((insert == null || insert.format() == null) && sql.isSeveral()) {
      throw new EngineException(
          62,
          "SYNTAX_ERROR",
          "Syntax error (Multi-statements are not allowed): send one statement a request.");
    }
  }

  private static void refuseToWrite(Chdb.Connection connection, byte[] head, SqlText sql) {
    Chdb.Effect effect =
        sql.first().equals("INSERT") ? Chdb.Effect.WRITES : connection.effect(head);
    if (effect == Chdb.Effect.WRITES
        || effect == Chdb.Effect.WRITES_GLOBALLY
        || effect == Chdb.Effect.CONTROLS && !Set.of("SET", "USE").contains(sql.first())) {
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
      byte[] head,
      Map<String, String> parameters,
      InputStream body,
      Result result)
      throws IOException {
    InputStream rows =
        new SequenceInputStream(
            new ByteArrayInputStream(head, insert.data(), head.length - insert.data()), body);
    if (insert.format().equals("Values") && !parameters.isEmpty()) {
      // the insert stream forgets parameters before it reads the rows, and they may stand there
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

  /** The body of a request could not be read or decoded to its end. */
  private static final class BrokenBody extends IOException {
    BrokenBody(String message) {
      super(message);
    }
  }

  private static InputStream body(HttpConnection.Request request, Map<String, String> url)
      throws IOException {
    if (request.header("Content-Type", "").startsWith("multipart/form-data")) {
      throw new EngineException(
          48,
          "NOT_IMPLEMENTED",
          "multipart bodies are not supported by the embedded engine; send parameters in the URL");
    }
    String encoding = request.header("Content-Encoding", "").toLowerCase(Locale.ROOT);
    InputStream raw = request.body();
    return new InputStream() {
      private InputStream in;

      private InputStream in() throws IOException {
        if (in == null) {
          InputStream plain =
              switch (encoding) {
                case "", "identity" -> raw;
                case "gzip" -> new GZIPInputStream(raw, 64 << 10);
                case "deflate" -> new InflaterInputStream(raw);
                case "lz4" -> new LZ4FrameInputStream(raw);
                default ->
                    throw new EngineException(
                        48,
                        "NOT_IMPLEMENTED",
                        "Unknown compression method: "
                            + encoding
                            + " (the embedded engine reads gzip, deflate and lz4)");
              };
          in = flag(url, "decompress") ? NativeFrames.decompress(plain) : plain;
        }
        return in;
      }

      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] b, int from, int count) throws IOException {
        try {
          return in().read(b, from, count);
        } catch (IOException e) {
          throw new BrokenBody("cannot read the body of the request: " + e.getMessage());
        }
      }
    };
  }

  private static boolean flag(Map<String, String> url, String name) {
    String value = url.getOrDefault(name, "0");
    return value.equals("1") || value.equalsIgnoreCase("true");
  }

  // ---- sessions

  private static final class Session {
    final Chdb.Connection connection;
    boolean busy = true;
    long expires;

    Session(Chdb.Connection connection) {
      this.connection = connection;
    }
  }

  /** A connection with the settings of one request. */
  private static final class Lease implements AutoCloseable {
    final Chdb.Connection connection;
    private final Runnable end;

    Lease(Chdb.Connection connection, Runnable end) {
      this.connection = connection;
      this.end = end;
    }

    @Override
    public void close() {
      end.run();
    }
  }

  private Lease lease(Map<String, String> url, Map<String, String> settings, String database) {
    String id = url.getOrDefault("session_id", "");
    if (id.isEmpty()) {
      Chdb.Connection connection = chdb.connect(data);
      try {
        if (!database.isEmpty()) {
          connection.query("USE " + name(database));
        }
        if (!settings.isEmpty()) {
          connection.query(set(settings));
        }
      } catch (EngineException e) {
        connection.close();
        throw e;
      }
      return new Lease(connection, connection::close);
    }
    return sessionLease(id, url, settings, database);
  }

  private Lease sessionLease(
      String id, Map<String, String> url, Map<String, String> settings, String database) {
    int timeout;
    try {
      timeout = Integer.parseInt(url.getOrDefault("session_timeout", "60"));
    } catch (NumberFormatException e) {
      timeout = -1;
    }
    if (timeout < 0 || timeout > 3600) {
      throw new EngineException(
          374,
          "INVALID_SESSION_TIMEOUT",
          "Invalid session timeout: '" + url.get("session_timeout") + "' (seconds, at most 3600)");
    }
    boolean mustExist = flag(url, "session_check");
    Session session;
    synchronized (sessions) {
      session = sessions.get(id);
      if (session == null) {
        if (mustExist) {
          throw new EngineException(372, "SESSION_NOT_FOUND", "Session " + id + " not found");
        }
        session = new Session(chdb.connect(data));
        sessions.put(id, session);
      } else if (session.busy) {
        throw new EngineException(
            373, "SESSION_IS_LOCKED", "Session " + id + " is locked by a concurrent client");
      }
      session.busy = true;
    }
    // settings and the database of a URL hold for its request; what SET and USE do stays in the
    // session
    List<String> undo = new ArrayList<>();
    Session s = session;
    int seconds = timeout;
    Runnable end =
        () -> {
          for (String statement : undo) {
            try {
              s.connection.query(statement);
            } catch (EngineException e) {
              log.warn("session {}: {}", id, e.getMessage());
            }
          }
          synchronized (sessions) {
            s.expires = System.nanoTime() + seconds * 1_000_000_000L;
            s.busy = false;
            if (flag(url, "close_session")) {
              sessions.remove(id);
              s.connection.close();
            }
          }
        };
    try {
      if (!database.isEmpty()) {
        undo.add(
            "USE " + name(s.connection.query("SELECT currentDatabase() FORMAT TSVRaw").text()));
        s.connection.query("USE " + name(database));
      }
      if (!settings.isEmpty()) {
        for (String setting : settings.keySet()) {
          String[] old =
              s.connection
                  .query(
                      "SELECT changed, value FROM system.settings WHERE name = "
                          + text(setting)
                          + " FORMAT TSVRaw")
                  .text()
                  .split("\t", 2);
          undo.add(
              "SET "
                  + setting
                  + " = "
                  + (old[0].equals("1") ? text(old.length > 1 ? old[1] : "") : "DEFAULT"));
        }
        s.connection.query(set(settings));
      }
    } catch (EngineException e) {
      if (e.code == 115) {
        undo.removeIf(statement -> statement.startsWith("SET "));
      }
      end.run();
      throw e;
    }
    return new Lease(s.connection, end);
  }

  private void expireSessions() {
    while (!socket.isClosed()) {
      pause(500);
      synchronized (sessions) {
        sessions
            .values()
            .removeIf(
                s -> {
                  boolean old = !s.busy && System.nanoTime() > s.expires;
                  if (old) {
                    s.connection.close();
                  }
                  return old;
                });
      }
    }
  }

  private static String set(Map<String, String> settings) {
    List<String> all = new ArrayList<>();
    settings.forEach(
        (name, value) -> {
          if (!name.matches("[A-Za-z_][A-Za-z0-9_.]*")) {
            throw new EngineException(115, "UNKNOWN_SETTING", "Unknown setting '" + name + "'");
          }
          all.add(name + " = " + text(value));
        });
    return "SET " + String.join(", ", all);
  }

  private static String text(String s) {
    return "'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }

  private static String name(String s) {
    return "`" + s.replace("\\", "\\\\").replace("`", "\\`") + "`";
  }

  // ---- the answer

  /**
   * The answer of one query: held back up to 1 MiB, so that an error that comes early has its
   * status; then streamed. With wait_end_of_query=1 held back to the end, in a file when it is
   * long.
   */
  private static final class Result {
    private static final int HOLD = 1 << 20;

    private final HttpConnection http;
    private final Map<String, String> headers;
    private final boolean wait;
    private final long begin;
    private final String encoding;
    private final boolean frames;
    private final String tag = UUID.randomUUID().toString().replace("-", "").substring(0, 16);
    private final ByteArrayOutputStream held = new ByteArrayOutputStream();
    private OutputStream encoder;
    private OutputStream sink;
    private Path file;
    private OutputStream spool;
    Chdb.Stats stats = Chdb.Stats.NONE;

    Result(
        HttpConnection http,
        HttpConnection.Request request,
        Map<String, String> headers,
        Map<String, String> url,
        long begin) {
      this.http = http;
      this.headers = headers;
      this.begin = begin;
      wait = flag(url, "wait_end_of_query") || flag(url, "http_wait_end_of_query");
      frames = flag(url, "compress");
      String accepted = request.header("Accept-Encoding", "").toLowerCase(Locale.ROOT);
      encoding =
          !flag(url, "enable_http_compression")
              ? ""
              : Arrays.stream(accepted.split(","))
                  .map(e -> e.split(";")[0].strip())
                  .filter(List.of("gzip", "deflate", "lz4")::contains)
                  .findFirst()
                  .orElse("");
    }

    void format(String format) {
      headers.put("X-ClickHouse-Format", format);
      headers.put("Content-Type", contentType(format));
    }

    OutputStream body() throws IOException {
      if (encoder == null) {
        OutputStream out =
            new OutputStream() {
              @Override
              public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
              }

              @Override
              public void write(byte[] b, int from, int count) throws IOException {
                take(b, from, count);
              }
            };
        encoder =
            switch (encoding) {
              case "gzip" ->
                  new GZIPOutputStream(new BufferedOutputStream(out, 64 << 10), 64 << 10);
              case "deflate" -> new DeflaterOutputStream(new BufferedOutputStream(out, 64 << 10));
              case "lz4" -> new LZ4FrameOutputStream(out);
              default -> out;
            };
        if (!encoding.isEmpty()) {
          headers.put("Content-Encoding", encoding);
        }
        if (frames) {
          encoder = NativeFrames.compress(encoder);
        }
      }
      return encoder;
    }

    private void take(byte[] b, int from, int count) throws IOException {
      if (sink != null) {
        sink.write(b, from, count);
      } else if (spool != null) {
        spool.write(b, from, count);
      } else if (held.size() + count <= HOLD) {
        held.write(b, from, count);
      } else if (wait) {
        file = Files.createTempFile("clickhouse-answer", null);
        spool = new BufferedOutputStream(Files.newOutputStream(file), HOLD);
        held.writeTo(spool);
        held.reset();
        spool.write(b, from, count);
      } else {
        headers.put("X-ClickHouse-Exception-Tag", tag);
        sink = http.start(200, withSummary(), -1);
        held.writeTo(sink);
        held.reset();
        sink.write(b, from, count);
      }
    }

    private Map<String, String> withSummary() {
      headers.putIfAbsent("Content-Type", "text/plain; charset=UTF-8");
      headers.put(
          "X-ClickHouse-Summary",
          String.format(
              Locale.ROOT,
              "{\"read_rows\":\"%d\",\"read_bytes\":\"%d\",\"written_rows\":\"%d\","
                  + "\"written_bytes\":\"%d\",\"total_rows_to_read\":\"0\",\"result_rows\":\"%d\",\"result_bytes\":\"%d\",\"elapsed_ns\":\"%d\",\"memory_usage\":\"0\"}",
              stats.readRows(),
              stats.readBytes(),
              stats.writtenRows(),
              stats.writtenBytes(),
              stats.resultRows(),
              stats.resultBytes(),
              System.nanoTime() - begin));
      return headers;
    }

    void end() throws IOException {
      body().close();
      if (sink != null) {
        sink.close();
      } else if (spool != null) {
        spool.close();
        try (OutputStream out = http.start(200, withSummary(), Files.size(file))) {
          Files.copy(file, out);
        }
      } else {
        http.reply(200, withSummary(), held.toByteArray());
      }
    }

    /**
     * Before the head is out: ClickHouse's status and text. Behind it: the text between two marks,
     * and no last chunk, so that no client takes the answer for whole
     * (WriteBufferFromHTTPServerResponse::cancelWithException).
     *
     * @return whether the connection can take another request
     */
    boolean fail(EngineException e, String version) throws IOException {
      String text = e.getMessage() + " (version " + version + ")\n";
      if (!http.started()) {
        headers.remove("Content-Encoding");
        headers.remove("X-ClickHouse-Format");
        headers.put("Content-Type", "text/plain; charset=UTF-8");
        headers.put("X-ClickHouse-Exception-Code", String.valueOf(e.code));
        http.reply(e.httpStatus(), withSummary(), text.getBytes(StandardCharsets.UTF_8));
        return true;
      }
      int length = text.getBytes(StandardCharsets.UTF_8).length;
      // in one piece: @clickhouse/client looks for it in one chunk, and never ends when it finds
      // only a part
      body()
          .write(
              ("\r\n__exception__\r\n"
                      + tag
                      + "\r\n"
                      + text
                      + length
                      + " "
                      + tag
                      + "\r\n__exception__\r\n")
                  .getBytes(StandardCharsets.UTF_8));
      body().close();
      return false;
    }

    void discard() throws IOException {
      if (spool != null) {
        spool.close();
        Files.deleteIfExists(file);
      }
    }

    private static String contentType(String format) {
      if (format.matches("(TabSeparated|TSV).*")) {
        return "text/tab-separated-values; charset=UTF-8";
      } else if (format.startsWith("CSV")) {
        return "text/csv; charset=UTF-8; header="
            + (format.contains("Names") ? "present" : "absent");
      } else if (format.matches("JSON.*EachRow.*|NDJSON|JSONLines")) {
        return "application/x-ndjson; charset=UTF-8";
      } else if (format.startsWith("JSON")) {
        return "application/json; charset=UTF-8";
      } else if (format.equals("XML")) {
        return "application/xml; charset=UTF-8";
      } else if (format.matches(
          "Native|RowBinary.*|Parquet|ORC|Arrow.*|Avro|MsgPack|BSONEachRow|Protobuf.*|Npy")) {
        return "application/octet-stream";
      }
      return "text/plain; charset=UTF-8";
    }
  }

  // ---- who is attached

  private void attach(HttpConnection http) throws IOException {
    synchronized (this) {
      if (closing) {
        http.reply(503, plain(), "closing\n".getBytes(StandardCharsets.US_ASCII));
        return;
      }
      attached++;
      everAttached = true;
    }
    running.decrementAndGet();
    try {
      Map<String, String> headers = new HashMap<>(plain());
      headers.put(DATA_HEADER, URLEncoder.encode(data.toString(), StandardCharsets.UTF_8));
      headers.put(PID_HEADER, String.valueOf(ProcessHandle.current().pid()));
      http.start(200, headers, -1).flush();
      http.awaitEnd();
    } finally {
      running.incrementAndGet();
      synchronized (this) {
        attached--;
      }
    }
  }

  synchronized boolean isAttached() {
    return attached > 0;
  }

  synchronized boolean wasAttached() {
    return everAttached;
  }

  /** Takes nobody new from now on, unless somebody is attached. */
  synchronized boolean stopIfAlone() {
    closing = closing || attached == 0;
    return closing;
  }

  /** Lets running requests end (30 s at most), then closes the data folder. */
  @Override
  public void close() {
    synchronized (this) {
      closing = true;
    }
    closeQuietly(socket);
    for (long end = System.nanoTime() + 30_000_000_000L;
        running.get() > 0 && System.nanoTime() < end; ) {
      pause(20);
    }
    clients.forEach(EngineServer::closeQuietly);
    synchronized (sessions) {
      sessions
          .values()
          .forEach(
              s -> {
                if (!s.busy) {
                  s.connection.close();
                }
              });
      sessions.clear();
    }
    queries.shutdown();
    own.close();
  }

  private static void closeQuietly(java.io.Closeable closeable) {
    try {
      closeable.close();
    } catch (IOException e) {
      log.debug("{}", e.getMessage());
    }
  }

  static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
