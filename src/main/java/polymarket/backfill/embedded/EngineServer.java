package polymarket.backfill.embedded;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import polymarket.backfill.UserError;
import polymarket.backfill.http.CallerCheck;

/**
 * Serves one data folder over ClickHouse's HTTP protocol on 127.0.0.1, so that
 * clickhouse-jdbc, @clickhouse/client and curl work as with a server. Every request has its own
 * connection with the settings of its URL, or that of its {@code session_id}; requests run in
 * parallel, those of one session one at a time.
 *
 * <p>X-ClickHouse-Summary: read_rows, read_bytes, written_rows and written_bytes (rows stored by
 * materialized views included), result_rows, result_bytes are the engine's own; elapsed_ns is
 * measured here; total_rows_to_read and memory_usage are 0, because the library does not report
 * them. For an answer longer than 1 MiB, the head is sent before the sums are known, and they are
 * 0, unless {@code wait_end_of_query=1}. The query id is the client's, but not known inside the
 * engine. Unsupported requests always get an error: INSERT ... SELECT ... FROM input(...), files of
 * the client, multipart bodies, several statements in one request.
 *
 * <p>A request has to come from this machine and this origin ({@link CallerCheck}) and to have the
 * folder's password ({@link EnginePassword}); {@link EngineAccess} restricts its statements.
 */
public final class EngineServer implements AutoCloseable {
  static final String ATTACH = "/backfill/attach";
  static final String DATA_HEADER = "X-Backfill-Data";
  static final String PID_HEADER = "X-Backfill-Pid";
  static final String NONCE_HEADER = "X-Backfill-Nonce";
  static final String PROOF_HEADER = "X-Backfill-Proof";

  private static final Logger log = LoggerFactory.getLogger(EngineServer.class);

  /**
   * For browsers: an answer is not a script, and must not be embedded in a page of another origin.
   */
  private static final Map<String, String> FOR_NO_PAGE =
      Map.of("X-Content-Type-Options", "nosniff", "Cross-Origin-Resource-Policy", "same-origin");

  private static final int STACK = 16 << 20;
  private static final int MOST_CLIENTS = 1000;
  private static final int WATCH_MS = 250;

  private final Path data;
  private final ServerSocket socket;
  private final Chdb.Connection own;
  private final ExecutorService threads;
  private final EngineSessions sessions;
  private final EngineQueries queries;
  private final Set<Socket> clients = ConcurrentHashMap.newKeySet();
  private final AtomicInteger running = new AtomicInteger();
  private final HttpConnection.Patience patience;
  private final CallerCheck callers;
  private String password;
  private int attached;
  private boolean everAttached;
  private boolean closing;

  /**
   * Opens the data folder and listens. A process can have only one data folder open.
   *
   * @param data its folder, created if it does not exist; the caller has made sure that no other
   *     process has it
   * @param port on 127.0.0.1; 0 for any free one
   * @param files null, or a folder whose files statements may read and write
   * @throws UserError if the port is taken, or the library is missing
   */
  EngineServer(Path data, int port, Path files) {
    this(data, port, files, HttpConnection.Patience.USUAL, true);
  }

  /**
   * @param guarded false only in tests: accepts every request, without a password
   */
  EngineServer(Path data, int port, Path files, HttpConnection.Patience patience, boolean guarded) {
    this.data = data.toAbsolutePath().normalize();
    this.patience = patience;
    Path config;
    Path allowed;
    try {
      EnginePassword.createFolder(this.data);
      password = guarded ? EnginePassword.ensure(this.data, "") : null;
      allowed = files == null ? null : files.toRealPath();
      config = EngineAccess.config(this.data, allowed);
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
          "embedded ClickHouse: cannot use the data folder "
              + this.data
              + ": "
              + UserError.reason(e));
    }
    callers = guarded ? CallerCheck.ofPort(port()) : null;
    threads = Executors.newCachedThreadPool(task -> thread(task, "query"));
    try {
      Chdb chdb = Chdb.load();
      chdb.keepFilesPrivate();
      // kept open: closing the last connection would end the engine
      own = chdb.connect(this.data, config);
      sessions = new EngineSessions(chdb, this.data, config);
      queries = new EngineQueries(sessions, EngineAccess.of(own, allowed), own, threads);
    } catch (RuntimeException e) {
      closeQuietly(socket);
      throw e;
    }
    thread(this::accept, "accept").start();
    thread(this::watch, "watch").start();
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

  // ---- connections

  private void accept() {
    while (!socket.isClosed()) {
      try {
        Socket client = socket.accept();
        if (clients.size() >= MOST_CLIENTS) {
          closeQuietly(client);
        } else {
          clients.add(client);
          thread(() -> serve(client), "client").start();
        }
      } catch (IOException e) {
        if (!socket.isClosed()) {
          log.warn("cannot accept a connection: {}", e.getMessage());
          pause(100);
        }
      }
    }
  }

  private void watch() {
    while (!socket.isClosed()) {
      pause(WATCH_MS);
      sessions.expire();
      queries.killAbandoned();
    }
  }

  private void serve(Socket client) {
    try (client) {
      HttpConnection http =
          new HttpConnection(client, patience, callers == null ? Map.of() : FOR_NO_PAGE);
      boolean open = true;
      while (open) {
        try {
          HttpConnection.Request request = http.next();
          if (request == null) {
            break;
          }
          running.incrementAndGet();
          try {
            open = answer(http, request) && request.keepAlive();
            // also before closing: a client that is still sending would lose the answer
            open = http.drain() && open;
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
      log.debug("a client disconnected: {}", e.getMessage());
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
    Optional<String> refusal =
        callers == null ? Optional.empty() : callers.refusal(request.headers());
    if (refusal.isPresent()) {
      http.last();
      queries.fail(
          http, request, Map.of(), new EngineException(497, "ACCESS_DENIED", refusal.get()));
      return false;
    }
    boolean get = request.method().equals("GET") || request.method().equals("HEAD");
    switch (request.path()) {
      case "/ping", "/replicas_status" -> {
        if (get) {
          http.reply(200, plain(), "Ok.\n".getBytes(StandardCharsets.US_ASCII));
          return true;
        }
      }
      case ATTACH -> {
        attach(http, request);
        return false;
      }
      case "/" -> {
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
          return isKnown(http, request, url) && queries.answer(http, request, url, get);
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

  /** Whether a request has the password; if not, answers it with the error. */
  private boolean isKnown(
      HttpConnection http, HttpConnection.Request request, Map<String, String> url)
      throws IOException {
    if (password == null) {
      return true;
    }
    String[] given = credentials(request, url);
    if (given != null && given[0].equals(EnginePassword.USER)) {
      if (EnginePassword.same(given[1], password())) {
        return true;
      }
    }
    http.last();
    String where = "the password is in the file engine.password in the engine's data folder";
    if (given == null) {
      queries.fail(
          http,
          request,
          Map.of("WWW-Authenticate", "Basic realm=\"embedded ClickHouse\""),
          new EngineException(
              516, "AUTHENTICATION_FAILED", 401, "a password is required; " + where));
    } else {
      queries.fail(
          http,
          request,
          Map.of(),
          new EngineException(
              516,
              "AUTHENTICATION_FAILED",
              "Authentication failed: password is incorrect, or there is no user with such name; "
                  + where));
    }
    return false;
  }

  // a process that is started with another password writes it there
  private synchronized String password() {
    try {
      String now = EnginePassword.read(data);
      password = now == null ? password : now;
    } catch (IOException e) {
      log.warn("cannot read {}: {}", EnginePassword.file(data), e.getMessage());
    }
    return password;
  }

  /** User and password of a request, in one of ClickHouse's three ways; null without any. */
  private static String[] credentials(HttpConnection.Request request, Map<String, String> url)
      throws HttpConnection.BadRequest {
    String authorization = request.header("Authorization", "");
    if (request.headers().containsKey("X-ClickHouse-Key")
        || request.headers().containsKey("X-ClickHouse-User")) {
      return new String[] {
        request.header("X-ClickHouse-User", EnginePassword.USER),
        request.header("X-ClickHouse-Key", "")
      };
    } else if (authorization.regionMatches(true, 0, "Basic ", 0, 6)) {
      try {
        String[] parts =
            new String(
                    Base64.getDecoder().decode(authorization.substring(6).strip()),
                    StandardCharsets.UTF_8)
                .split(":", 2);
        return new String[] {parts[0], parts.length > 1 ? parts[1] : ""};
      } catch (IllegalArgumentException e) {
        throw new HttpConnection.BadRequest(400, "the header Authorization is not well encoded");
      }
    } else if (url.containsKey("user") || url.containsKey("password")) {
      return new String[] {
        url.getOrDefault("user", EnginePassword.USER), url.getOrDefault("password", "")
      };
    }
    return null;
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

  static boolean flag(Map<String, String> url, String name) {
    String value = url.getOrDefault(name, "0");
    return value.equals("1") || value.equalsIgnoreCase("true");
  }

  // ---- attached processes

  /** The data that an attaching process and its engine prove to each other. */
  static String said(String who, String nonce, int port) {
    return who + " " + nonce + " " + port;
  }

  private void attach(HttpConnection http, HttpConnection.Request request) throws IOException {
    String nonce = request.header(NONCE_HEADER, "");
    if (password != null
        && (nonce.isEmpty()
            || !EnginePassword.same(
                request.header(PROOF_HEADER, ""),
                EnginePassword.proof(password(), said("client", nonce, port()))))) {
      http.reply(403, plain(), "wrong password\n".getBytes(StandardCharsets.US_ASCII));
      return;
    }
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
      if (password != null) {
        headers.put(PROOF_HEADER, EnginePassword.proof(password(), said("engine", nonce, port())));
      }
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

  /** Rejects new processes from now on, unless one is attached. */
  synchronized boolean stopIfAlone() {
    closing = closing || attached == 0;
    return closing;
  }

  /** Waits for running requests (30 s at most), then closes the data folder. */
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
    sessions.close();
    threads.shutdown();
    own.close();
  }

  private static void closeQuietly(java.io.Closeable closeable) {
    try {
      closeable.close();
    } catch (IOException e) {
      log.debug("{}", e.getMessage());
    }
  }

  public static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
