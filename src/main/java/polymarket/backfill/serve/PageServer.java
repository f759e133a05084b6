package polymarket.backfill.serve;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.EntityDetails;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpRequest;
import org.apache.hc.core5.http.Message;
import org.apache.hc.core5.http.URIScheme;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.bootstrap.AsyncServerBootstrap;
import org.apache.hc.core5.http.impl.bootstrap.HttpAsyncServer;
import org.apache.hc.core5.http.nio.AsyncEntityConsumer;
import org.apache.hc.core5.http.nio.AsyncRequestConsumer;
import org.apache.hc.core5.http.nio.AsyncServerRequestHandler;
import org.apache.hc.core5.http.nio.entity.DiscardingEntityConsumer;
import org.apache.hc.core5.http.nio.entity.StringAsyncEntityConsumer;
import org.apache.hc.core5.http.nio.support.AsyncResponseBuilder;
import org.apache.hc.core5.http.nio.support.BasicRequestConsumer;
import org.apache.hc.core5.http.nio.support.BasicServerExchangeHandler;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.io.CloseMode;
import org.apache.hc.core5.reactor.IOReactorConfig;
import org.apache.hc.core5.reactor.ListenerEndpoint;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import polymarket.backfill.Daemons;
import polymarket.backfill.UserError;
import polymarket.backfill.http.CallerCheck;

/**
 * Serves the page on 127.0.0.1. Who opens it needs the token: in the link that is opened first,
 * then in a cookie; programs send it as {@code Authorization: Bearer}. What changes something is a
 * POST that also carries the token in a header, which no other page can do. An open stream of
 * events holds no thread; all content is made on one.
 */
public final class PageServer implements AutoCloseable {

  /** How often the page is told what has changed, at the most. */
  private static final long TICK_MILLIS = 1_000;

  /** How often is looked while no page is open, for the curve of the pace. */
  private static final long IDLE_MILLIS = 5_000;

  /** After so many ticks without news, a comment keeps the connections open. */
  private static final int TICKS_WITHOUT_NEWS = 15;

  /** The part of the time, one in so many, that looking at the ledgers may take. */
  private static final int LIGHT = 10;

  private static final int LONGEST_LINE = 16 << 10;
  private static final int MOST_HEADERS = 100;

  /** The longest command line that can be posted, in bytes. */
  private static final int LONGEST_BODY = 256 << 10;

  /** The page's own files. */
  private static final Map<String, String> FILES =
      Map.of(
          "/", "text/html; charset=utf-8",
          "/page.css", "text/css; charset=utf-8",
          "/page.js", "text/javascript; charset=utf-8");

  private static final String JSON = "application/json; charset=utf-8";
  private static final String TEXT = "text/plain; charset=utf-8";

  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
          + " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  /** Reports have their styles and charts in them, and no scripts. */
  private static final String POLICY_OF_REPORTS =
      "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action"
          + " 'none'; frame-ancestors 'none'";

  private static final Logger LOG = LoggerFactory.getLogger(PageServer.class);

  private final PageContent content;
  private final String token;
  private final String key;
  private final HttpAsyncServer server;
  private final int port;
  private final CallerCheck callers;
  private final Set<EventStream> streams = ConcurrentHashMap.newKeySet();
  private final ScheduledExecutorService worker = Daemons.clock("page");
  private final Followers followers = new Followers();

  /** What the streams were sent last; the worker's, as what follows. */
  private String last = "";

  /** When that was found, as System.nanoTime. */
  private long lastAt;

  /** How long it is new enough for another stream. */
  private long freshMillis = TICK_MILLIS;

  private int ticksWithoutNews;

  /**
   * An answer.
   *
   * @param type of its content
   * @param policy of its content, for browsers
   */
  private record Answer(int status, String type, byte[] body, String policy) {
    Answer(int status, String type, String body) {
      this(status, type, body.getBytes(StandardCharsets.UTF_8), POLICY);
    }
  }

  /**
   * Starts to listen.
   *
   * @param port 0 for any
   * @param token what a visitor has to know
   * @param key what a command line has to know, which posts whole commands; no browser has it
   * @throws UserError if the port is taken
   */
  public PageServer(int port, String token, String key, PageContent content) {
    this.content = content;
    this.token = token;
    this.key = key;
    server =
        AsyncServerBootstrap.bootstrap()
            .setIOReactorConfig(
                IOReactorConfig.custom()
                    .setIoThreadCount(1)
                    .setSoTimeout(Timeout.ofMinutes(1))
                    .build())
            // a line without an end would fill the memory of a program that anyone here can reach
            .setHttp1Config(
                Http1Config.custom()
                    .setMaxLineLength(LONGEST_LINE)
                    .setMaxHeaderCount(MOST_HEADERS)
                    .build())
            .setRequestRouter(
                (request, context) -> () -> new BasicServerExchangeHandler<>(new Requests()))
            .create();
    server.start();
    try {
      ListenerEndpoint endpoint =
          server
              .listen(
                  new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port),
                  URIScheme.HTTP)
              .get();
      this.port = ((InetSocketAddress) endpoint.getAddress()).getPort();
    } catch (ExecutionException | IOException e) {
      server.close(CloseMode.IMMEDIATE);
      String why = String.valueOf((e.getCause() == null ? e : e.getCause()).getMessage());
      throw new UserError(
          "cannot listen on 127.0.0.1:"
              + port
              + ": "
              // HttpCore writes the system's exception behind its own description of the socket
              + why.replaceFirst(".*Exception: ", "")
              + "; set serve.port to another port, or 0 for any");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted");
    }
    callers = CallerCheck.ofPort(this.port);
    worker.schedule(this::tick, TICK_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** The port that it listens on. */
  public int port() {
    return port;
  }

  /** Sends news to all open pages, and comes back the later, the longer it took to find them. */
  private void tick() {
    long began = System.nanoTime();
    try {
      look();
      if (ticksWithoutNews > 0 && ticksWithoutNews % TICKS_WITHOUT_NEWS == 0) {
        streams.forEach(stream -> stream.send(""));
      }
    } catch (RuntimeException e) {
      // such as a ledger that is being replaced; the next tick looks again
      LOG.debug("no status", e);
      streams.forEach(stream -> stream.send(""));
    } finally {
      long took = (System.nanoTime() - began) / 1_000_000;
      long pause = streams.isEmpty() ? IDLE_MILLIS : TICK_MILLIS;
      freshMillis = Math.max(TICK_MILLIS, LIGHT * took);
      worker.schedule(this::tick, Math.max(pause, LIGHT * took), TimeUnit.MILLISECONDS);
    }
  }

  /** Finds the status, and sends it to all streams if it is new. */
  private void look() {
    String now = content.status();
    boolean news = !now.equals(last);
    ticksWithoutNews = news ? 0 : ticksWithoutNews + 1;
    last = now;
    lastAt = System.nanoTime();
    if (news) {
      streams.forEach(stream -> stream.send(now));
    }
  }

  /** A stream that begins with the status. Many that are opened at once look once. */
  private EventStream events() {
    if (last.isEmpty() || System.nanoTime() - lastAt > freshMillis * 1_000_000) {
      look();
    }
    EventStream stream = new EventStream(last, streams::remove);
    streams.add(stream);
    return stream;
  }

  /** Hands requests to the worker, so that none of them keeps the connections waiting. */
  private final class Requests implements AsyncServerRequestHandler<Message<HttpRequest, String>> {
    @Override
    public AsyncRequestConsumer<Message<HttpRequest, String>> prepare(
        HttpRequest request, EntityDetails entity, HttpContext context) {
      return new BasicRequestConsumer<>(entity == null ? null : body(entity.getContentLength()));
    }

    /** Reads a body, but none that is long or does not say how long it is. */
    private static AsyncEntityConsumer<String> body(long length) {
      return length >= 0 && length <= LONGEST_BODY
          ? new StringAsyncEntityConsumer()
          : new DiscardingEntityConsumer<>();
    }

    @Override
    public void handle(
        Message<HttpRequest, String> message, ResponseTrigger response, HttpContext context) {
      worker.execute(
          () -> {
            try {
              answerOrSayWhyNot(message, response, context);
            } catch (HttpException | IOException e) {
              LOG.debug("the browser is gone", e);
            }
          });
    }
  }

  private void answerOrSayWhyNot(
      Message<HttpRequest, String> message,
      AsyncServerRequestHandler.ResponseTrigger response,
      HttpContext context)
      throws HttpException, IOException {
    HttpRequest request = message.getHead();
    try {
      answer(request, message.getBody(), response, context);
    } catch (UserError e) {
      // what is asked for cannot be done as things are; what is read cannot be read now
      int status = request.getMethod().equals("POST") ? 409 : 503;
      submit(new Answer(status, TEXT, e.getMessage() + "\n"), response, context);
    } catch (RuntimeException e) {
      LOG.error("{} failed", request.getPath(), e);
      submit(
          new Answer(500, TEXT, "this failed; the terminal of `backfill serve` says why\n"),
          response,
          context);
    }
  }

  private void answer(
      HttpRequest request,
      String body,
      AsyncServerRequestHandler.ResponseTrigger response,
      HttpContext context)
      throws HttpException, IOException {
    Map<String, String> headers = headers(request);
    String[] target = request.getPath().split("\\?", 2);
    Map<String, String> query = query(target.length == 2 ? target[1] : "");
    String path = target[0];
    Optional<String> refused = callers.refusal(headers);
    if (refused.isPresent()) {
      submit(new Answer(403, TEXT, refused.get() + "\n"), response, context);
    } else if (request.getMethod().equals("GET")
        && path.equals("/")
        && isToken(query.get("token"))) {
      // the token moves into a cookie, so that it is in no address that is shown or kept
      response.submitResponse(
          AsyncResponseBuilder.create(303)
              .setHeader("Location", "/")
              .setHeader("Cache-Control", "no-store")
              .setHeader(
                  "Set-Cookie", cookie() + "=" + token + "; HttpOnly; SameSite=Strict; Path=/")
              .build(),
          context);
    } else if (!isKnown(headers)) {
      submit(
          new Answer(
              401,
              TEXT,
              "Open the link that `backfill serve` printed: it has the token. Programs send it as"
                  + " Authorization: Bearer TOKEN.\n"),
          response,
          context);
    } else if (request.getMethod().equals("GET") && path.equals("/events")) {
      submit(events(), response, context);
    } else if (request.getMethod().equals("POST") && path.equals("/run")) {
      if (!isSame(headers.get("X-Backfill-Key"), key)) {
        submit(
            new Answer(403, TEXT, "the header X-Backfill-Key lacks the key of serve.json\n"),
            response,
            context);
        return;
      }
      submit(followers.stream(content.run(body == null ? "" : body)), response, context);
    } else {
      submit(answer(request.getMethod(), path, query, headers), response, context);
    }
  }

  private Answer answer(
      String method, String path, Map<String, String> query, Map<String, String> headers) {
    if (method.equals("POST")) {
      return path.equals("/act") ? act(query, headers) : notFound();
    }
    if (!method.equals("GET")) {
      return new Answer(405, TEXT, "only GET and POST\n");
    }
    if (FILES.containsKey(path)) {
      return new Answer(200, FILES.get(path), file(path));
    }
    return switch (path) {
      case "/status.json" -> new Answer(200, JSON, content.status());
      case "/history.json" -> new Answer(200, JSON, content.history());
      case "/failed.json" ->
          content
              .failed(query.getOrDefault("job", ""), query.getOrDefault("search", ""))
              .map(ids -> new Answer(200, JSON, ids))
              .orElseGet(PageServer::notFound);
      case "/metrics" ->
          new Answer(200, "text/plain; version=0.0.4; charset=utf-8", content.metrics());
      case "/report" -> report(query.getOrDefault("name", ""));
      default -> notFound();
    };
  }

  private Answer act(Map<String, String> query, Map<String, String> headers) {
    if (!isToken(headers.get("X-Backfill-Token"))) {
      return new Answer(403, TEXT, "the header X-Backfill-Token lacks the page's token\n");
    }
    return new Answer(
        200,
        TEXT,
        content.act(
                query.getOrDefault("do", ""),
                query.getOrDefault("what", ""),
                query.getOrDefault("options", ""))
            + "\n");
  }

  private Answer report(String name) {
    Optional<Path> file = content.report(name);
    if (file.isEmpty()) {
      return notFound();
    }
    try {
      return new Answer(
          200, "text/html; charset=utf-8", Files.readAllBytes(file.get()), POLICY_OF_REPORTS);
    } catch (IOException e) {
      throw new UserError("cannot read " + file.get() + ": " + UserError.reason(e));
    }
  }

  private static Answer notFound() {
    return new Answer(404, TEXT, "there is no such page\n");
  }

  private String file(String path) {
    String name = path.equals("/") ? "page.html" : path.substring(1);
    try (InputStream in = PageServer.class.getResourceAsStream("/serve/" + name)) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return path.equals("/") ? text.replace("{{token}}", token) : text;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void submit(
      EventStream stream, AsyncServerRequestHandler.ResponseTrigger response, HttpContext context)
      throws HttpException, IOException {
    response.submitResponse(
        AsyncResponseBuilder.create(200)
            .setHeader("Cache-Control", "no-store")
            .setHeader("X-Content-Type-Options", "nosniff")
            .setEntity(stream)
            .build(),
        context);
  }

  private static void submit(
      Answer answer, AsyncServerRequestHandler.ResponseTrigger response, HttpContext context)
      throws HttpException, IOException {
    response.submitResponse(
        AsyncResponseBuilder.create(answer.status())
            .setHeader("Cache-Control", "no-store")
            .setHeader("X-Content-Type-Options", "nosniff")
            .setHeader("Referrer-Policy", "no-referrer")
            .setHeader("Content-Security-Policy", answer.policy())
            .setEntity(answer.body(), ContentType.parse(answer.type()))
            .build(),
        context);
  }

  /** Cookies do not tell ports apart, so the port is in the name. */
  private String cookie() {
    return "backfill-" + port;
  }

  private boolean isKnown(Map<String, String> headers) {
    String authorization = headers.getOrDefault("Authorization", "");
    if (authorization.startsWith("Bearer ") && isToken(authorization.substring(7).strip())) {
      return true;
    }
    for (String cookie : headers.getOrDefault("Cookie", "").split(";")) {
      String[] parts = cookie.strip().split("=", 2);
      if (parts.length == 2 && parts[0].equals(cookie()) && isToken(parts[1])) {
        return true;
      }
    }
    return false;
  }

  private boolean isToken(String said) {
    return isSame(said, token);
  }

  private static boolean isSame(String said, String secret) {
    return said != null
        && MessageDigest.isEqual(
            said.getBytes(StandardCharsets.UTF_8), secret.getBytes(StandardCharsets.UTF_8));
  }

  private static Map<String, String> headers(HttpRequest request) {
    Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    for (Header header : request.getHeaders()) {
      headers.merge(header.getName(), header.getValue(), (one, other) -> one + ", " + other);
    }
    // the client library takes Host out of the headers of some requests
    if (request.getAuthority() != null) {
      headers.putIfAbsent("Host", request.getAuthority().toString());
    }
    return headers;
  }

  private static Map<String, String> query(String raw) {
    Map<String, String> query = new HashMap<>();
    for (String pair : raw.split("&")) {
      String[] parts = pair.split("=", 2);
      if (parts.length == 2) {
        query.put(decoded(parts[0]), decoded(parts[1]));
      }
    }
    return query;
  }

  private static String decoded(String text) {
    try {
      return URLDecoder.decode(text, StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return text;
    }
  }

  @Override
  public void close() {
    worker.shutdownNow();
    followers.close();
    server.initiateShutdown();
    server.close(CloseMode.IMMEDIATE);
    try {
      server.awaitShutdown(TimeValue.ofSeconds(5));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
