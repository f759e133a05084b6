package polymarket.backfill.source;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import org.apache.camel.Body;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import org.apache.camel.Handler;
import org.apache.camel.Header;
import org.apache.camel.component.http.HttpClientConfigurer;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.model.ProcessorDefinition;
import org.apache.camel.model.RouteDefinition;
import org.apache.camel.model.ThrottleDefinition;
import org.apache.camel.support.CamelContextHelper;
import org.apache.camel.support.DefaultExchange;
import org.apache.hc.client5.http.impl.ChainElement;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;
import org.apache.hc.client5.http.utils.DateUtils;
import org.apache.hc.core5.http.io.entity.HttpEntityWrapper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedPace;
import polymarket.backfill.ledger.StepTimes.Step;
import polymarket.backfill.ledger.Window;

/**
 * The bean {@code source} of the source routes: spreads the requests of a source evenly over its
 * limit, which is defined in the throttle of its route and nowhere else, and interprets HTTP
 * answers.
 */
public final class Sources implements HttpClientConfigurer {

  private static final Logger LOG = LoggerFactory.getLogger("backfill.source");

  private static final Pattern SECONDS = Pattern.compile("\\d+(\\.\\d+)?");

  /** Errors that say that a retry is useless. */
  private static final Pattern NOT_RETRYABLE = Pattern.compile("\"retryable\"\\s*:\\s*false");

  /** The latest pace of each source in this process. */
  private static final Map<String, Pace> LATEST = new ConcurrentHashMap<>();

  /** Statuses that ask for patience. */
  private static final Set<Integer> BUSY = Set.of(429, 503, 529);

  private final Share share;
  private final double fraction;
  private final Stop stop;
  private final Duration patience;
  private final AnswerLimits limits;
  private final SharedPace shared;
  private final Map<String, Pace> sources = new ConcurrentHashMap<>();
  private final Map<String, Throttle> throttles = new ConcurrentHashMap<>();

  /** The turn of this thread's request. */
  private final ThreadLocal<Pace.Turn> turns = new ThreadLocal<>();

  /** The local port for this thread's request if it is a warm-up. */
  private final ThreadLocal<Integer> warmUpPort = new ThreadLocal<>();

  /**
   * The numbers of a route's throttle.
   *
   * @param requests the requests per period
   */
  public record Throttle(RouteDefinition route, long requests, long periodMillis) {

    @Override
    public String toString() {
      return requests + " requests in " + Messages.time(periodMillis);
    }
  }

  /**
   * @param share this process's share of each source's pace
   * @param fraction a further fraction of it, 1 for all of it
   * @param patience the longest time that a source may delay requests
   * @param shared the pace of all members; null where this machine has the limits for itself
   */
  Sources(
      Share share,
      double fraction,
      Stop stop,
      Duration patience,
      AnswerLimits limits,
      SharedPace shared) {
    this.shared = shared;
    this.share = share;
    this.fraction = fraction;
    this.stop = stop;
    this.patience = patience;
    this.limits = limits;
  }

  /** With {@code source.patience} and the limits of an answer from the settings. */
  public Sources(Settings settings, Share share, double fraction, Stop stop) {
    this(settings, share, fraction, stop, null);
  }

  /**
   * The same, for a member of those that share the limits.
   *
   * @param member null where this machine has the limits for itself
   */
  public Sources(Settings settings, Share share, double fraction, Stop stop, Member member) {
    this(
        share,
        fraction,
        stop,
        settings.duration("source.patience"),
        AnswerLimits.of(settings),
        member == null ? null : new SharedPace(member));
  }

  public Pace get(String name) {
    return sources.computeIfAbsent(
        name,
        key -> {
          if (shared != null) {
            return new Pace(key, fraction, shared);
          }
          Pace pace = new Pace(key, share, fraction);
          Pace before = LATEST.put(key, pace);
          if (before != null) {
            pace.after(before);
          }
          return pace;
        });
  }

  /**
   * The expression of a source route's delay.
   *
   * @return milliseconds until the exchange's turn
   * @throws IllegalStateException if the run is ending: no call is started any more
   */
  @Handler
  public long turn(Exchange exchange) {
    if (stop.asked()) {
      throw new IllegalStateException("the run is ending");
    }
    String name = exchange.getFromRouteId() == null ? "" : routeOf(exchange);
    Throttle throttle = throttle((ModelCamelContext) exchange.getContext(), name);
    if (exchange.getProperty(ExchangeProperties.WARM_UP) != null) {
      warmUpPort.set(exchange.getProperty(ExchangeProperties.WARM_UP, Integer.class));
      return 0;
    }
    String own = ownPace(exchange, name);
    Pace.Turn turn =
        get(own)
            .turn(
                throttle.requests(),
                throttle.periodMillis(),
                exchange.getProperty(ExchangeProperties.CALLS, 1, Integer.class));
    turns.set(turn);
    // set, not removed: an expression works on a copy of the exchange, on which removals are lost
    exchange.setProperty(ExchangeProperties.ANSWERED, false);
    exchange.setProperty(ExchangeProperties.SOURCE, own);
    exchange.setProperty(ExchangeProperties.ASKED, System.currentTimeMillis() + turn.waitMillis());
    BatchWork batch = exchange.getProperty(BatchWork.PROPERTY, BatchWork.class);
    if (batch != null) {
      turn.source().asks(batch.getJob(), turn.calls());
      batch.countRequest();
      batch.enter(Step.TURN);
      batch.enter(Step.REQUEST, System.nanoTime() + turn.waitMillis() * 1_000_000);
    }
    return turn.waitMillis();
  }

  /**
   * Takes back that this thread's request was counted, where it failed before it was sent: its
   * route was reloaded, its circuit breaker is open, or no connection came about.
   */
  void countSentOnly(BatchWork batch) {
    Pace.Turn turn = turns.get();
    turns.remove();
    if (turn != null) {
      turn.source().unsent(turn);
      turn.source().asks(batch.getJob(), -turn.calls());
      batch.uncountRequest();
    }
  }

  /**
   * Records the time at which a request was sent: after the wait for its turn and after opening the
   * connection, and after its body if it has one.
   */
  @Override
  public void configureHttpClient(HttpClientBuilder client) {
    limits.on(client);
    client.addExecInterceptorBefore(
        ChainElement.MAIN_TRANSPORT.name(),
        "departure",
        (request, scope, chain) -> {
          Pace.Turn turn = onTime();
          Integer port = warmUpPort.get();
          warmUpPort.remove();
          if (turn != null && request.getEntity() != null) {
            request.setEntity(
                new HttpEntityWrapper(request.getEntity()) {
                  @Override
                  public void writeTo(OutputStream out) throws IOException {
                    super.writeTo(out);
                    out.flush();
                    turn.source().left(turn);
                  }
                });
          } else if (turn != null) {
            turn.source().left(turn);
          } else if (port != null && scope.route.getTargetHost().getPort() != port) {
            throw new IOException("a warm-up request must not leave this process");
          }
          return chain.proceed(request, scope);
        });
  }

  /** The turn of this thread's request, which is sent now; null where it has none. */
  private Pace.Turn onTime() throws IOException {
    Pace.Turn turn = turns.get();
    turns.remove();
    try {
      return turn == null ? null : turn.source().onTime(turn);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("the run is ending");
    }
  }

  /**
   * Sends a request through a source's route to a server in this process, so that class loading and
   * connection set-up do not delay the first requests to the source. The source gets no request,
   * and no turn is taken.
   */
  public void warmUp(CamelContext context, String source) {
    try {
      HttpServer here =
          HttpServer.create(
              new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), 1);
      here.createContext(
          "/",
          call -> {
            call.getRequestBody().readAllBytes();
            call.getResponseHeaders().set("Content-Type", "application/json");
            call.sendResponseHeaders(200, 2);
            call.getResponseBody().write("{}".getBytes(StandardCharsets.US_ASCII));
            call.close();
          });
      here.start();
      SSLContext.getDefault().createSSLEngine();
      context
          .createProducerTemplate()
          .request(
              "direct:" + source,
              exchange -> {
                exchange.setProperty(ExchangeProperties.WARM_UP, here.getAddress().getPort());
                exchange
                    .getMessage()
                    .setHeader(
                        "CamelHttpUri", "http://127.0.0.1:" + here.getAddress().getPort() + "/");
                exchange.getMessage().setBody("{}");
              });
      here.stop(0);
    } catch (IOException | NoSuchAlgorithmException e) {
      // without the warm-up, the first requests are slightly late and turns are skipped for them
    }
  }

  /** The pace of a route, or of the one of several servers behind it that is asked. */
  private static String ownPace(Exchange exchange, String route) {
    return exchange.getProperty(ExchangeProperties.NODE, route, String.class);
  }

  private static String routeOf(Exchange exchange) {
    return org.apache.camel.support.ExchangeHelper.getRouteId(exchange);
  }

  /** The current throttle of a source's route. */
  public Throttle throttle(ModelCamelContext context, String routeId) {
    RouteDefinition route = context.getRouteDefinition(routeId);
    Throttle known = throttles.get(routeId);
    if (known != null && known.route() == route) {
      return known;
    }
    Throttle read =
        (route == null ? Optional.<Throttle>empty() : read(context, route))
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "route " + routeId + " has no throttle among its steps"));
    throttles.put(routeId, read);
    return read;
  }

  /**
   * Reads the numbers of the throttle among a route's steps.
   *
   * @throws IllegalArgumentException if they are not numbers of at least 1
   */
  public static Optional<Throttle> read(ModelCamelContext context, RouteDefinition route) {
    for (ProcessorDefinition<?> step : route.getOutputs()) {
      if (step instanceof ThrottleDefinition throttle) {
        String requests =
            throttle
                .getExpression()
                .createExpression(context)
                .evaluate(new DefaultExchange(context), String.class);
        String period = throttle.getTimePeriodMillis();
        try {
          long number = Long.parseLong(requests.strip());
          long millis = CamelContextHelper.parseDuration(context, period).toMillis();
          if (number >= 1 && millis >= 1) {
            return Optional.of(new Throttle(route, number, millis));
          }
        } catch (RuntimeException e) {
          // reported below
        }
        throw new IllegalArgumentException(
            (step.getLineNumber() > 0
                    ? String.valueOf(step.getLocation()).replaceAll(".*/", "")
                        + ": line "
                        + step.getLineNumber()
                        + ": "
                    : "")
                + "the throttle of route "
                + route.getId()
                + " lets '"
                + requests
                + "' requests through in '"
                + period
                + "' ms; both take a whole number of at least 1");
      }
    }
    return Optional.empty();
  }

  /**
   * An answer that Camel has read to its end: a text in UTF-8, or the bytes that came where the
   * property {@code bytes} is set and the answer is no error.
   *
   * @param answer an array where its length was known before, else a copy in memory
   */
  public Object read(
      @Body Object answer,
      @ExchangeProperty(ExchangeProperties.BYTES) Boolean bytes,
      @Header(Exchange.HTTP_RESPONSE_CODE) int status)
      throws IOException {
    byte[] all =
        answer instanceof InputStream copy
            ? copy.readAllBytes()
            : answer == null ? new byte[0] : (byte[]) answer;
    return Boolean.TRUE.equals(bytes) && status < 300
        ? all
        : new String(all, StandardCharsets.UTF_8);
  }

  /**
   * Checks the HTTP status of an answer.
   *
   * @throws SourceException for every status except success, and for an empty answer
   */
  public void answered(Exchange exchange) throws SourceException {
    if (exchange.getProperty(ExchangeProperties.WARM_UP) != null) {
      return;
    }
    Pace source = get(ownPace(exchange, routeOf(exchange)));
    BatchWork batch = exchange.getProperty(BatchWork.PROPERTY, BatchWork.class);
    if (batch != null) {
      batch.enter(null);
    }
    int status = exchange.getMessage().getHeader(Exchange.HTTP_RESPONSE_CODE, 200, Integer.class);
    source.counted(String.valueOf(status));
    source.circuitClosed();
    byte[] bytes =
        exchange.getMessage().getBody() instanceof byte[] came && status < 300 ? came : null;
    String body = bytes != null ? null : exchange.getMessage().getBody(String.class);
    if (LOG.isDebugEnabled()) {
      LOG.debug(
          "{}: HTTP {}, {} {}, batch {}",
          source.name(),
          status,
          bytes != null ? bytes.length : body == null ? 0 : body.length(),
          bytes != null ? "bytes" : "characters",
          batch);
    }
    boolean later = Boolean.TRUE.equals(exchange.removeProperty(ExchangeProperties.LATER));
    if (status < 300 && !later) {
      if (bytes != null ? bytes.length == 0 : body == null || body.isBlank()) {
        throw new SourceException(
            source.name() + " answered HTTP " + status + " with an empty body", status);
      }
      return;
    }
    boolean busy = later || BUSY.contains(status);
    String asked = busy ? header(exchange, "Retry-After") : null;
    long wait = retryAfter(asked);
    String capped = "";
    long left = source.patienceLeft(patience);
    if (wait > left) {
      // half of the remaining time, so that there is a retry before the run gives up
      wait = left / 2;
      capped =
          "; its Retry-After of '"
              + Messages.cut(asked.strip(), 40)
              + "' is longer than source.patience, so the request is repeated in "
              + Messages.time(wait);
    }
    if (wait > 0) {
      source.pause(wait);
    }
    throw new SourceException(
        source.name() + " answered HTTP " + status + excerpt(body) + capped,
        status,
        busy,
        wait,
        !busy && body != null && NOT_RETRYABLE.matcher(body).find());
  }

  /**
   * Handles an error inside an HTTP 200: an object with a field {@code error}.
   *
   * @throws SourceException always; as busy if the error says "too many requests"
   */
  public void error(Exchange exchange, @Body Map<String, Object> answer) throws SourceException {
    String text = String.valueOf(answer.get("error"));
    throw new SourceException(
        get(routeOf(exchange)).name() + " answered HTTP 200 with an error: " + text,
        0,
        text.toLowerCase(Locale.ROOT).contains("too many requests"),
        0,
        Boolean.FALSE.equals(answer.get("retryable")));
  }

  /** Encodes a text, such as a cursor, for a query string. */
  public static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  /**
   * A batch's window as additional parameters of a URL; empty without a window.
   *
   * @param after the parameter for the second before the window's first
   * @param before the one for the second after its last
   */
  public static String window(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, String after, String before) {
    return (batch.getSince() == Window.ALL.since()
            ? ""
            : "&" + after + "=" + (batch.getSince() - 1))
        + (batch.getUntil() == Window.ALL.until()
            ? ""
            : "&" + before + "=" + (batch.getUntil() + 1));
  }

  /** Records that the source gave a readable answer; the job checks whether it is complete. */
  public void good(Exchange exchange) {
    Long asked = exchange.getProperty(ExchangeProperties.ASKED, Long.class);
    if (asked != null) {
      get(exchange.getProperty(ExchangeProperties.SOURCE, String.class)).answered(asked);
      exchange.setProperty(ExchangeProperties.ANSWERED, true);
      BatchWork batch = exchange.getProperty(BatchWork.PROPERTY, BatchWork.class);
      if (batch != null) {
        batch.failures().answered();
      }
    }
  }

  /**
   * Whether the last request of an exchange got a good answer, so that a failure after it is not a
   * failure to reach the source.
   */
  static boolean isAnswered(Exchange exchange) {
    return exchange.getProperty(ExchangeProperties.ANSWERED, false, Boolean.class);
  }

  private static String header(Exchange exchange, String name) {
    return exchange.getMessage().getHeaders().entrySet().stream()
        .filter(header -> header.getKey().equalsIgnoreCase(name))
        .map(header -> String.valueOf(header.getValue()))
        .findFirst()
        .orElse(null);
  }

  /**
   * @param value of a Retry-After header: seconds, or an HTTP date in any of its three forms (RFC
   *     9110, 10.2.3 and 5.6.7)
   * @return milliseconds from now; 0 if it is missing, past, or cannot be parsed
   */
  public static long retryAfter(String value) {
    if (value == null) {
      return 0;
    }
    String text = value.strip();
    if (SECONDS.matcher(text).matches()) {
      return Math.round(Double.parseDouble(text) * 1000);
    }
    Instant when = DateUtils.parseStandardDate(text);
    return when == null ? 0 : Math.max(0, when.toEpochMilli() - System.currentTimeMillis());
  }

  private static String excerpt(String body) {
    if (body == null || body.isBlank()) {
      return "";
    }
    String line = body.strip().replaceAll("\\s+", " ");
    return ": " + (line.startsWith("<") ? "an HTML page" : Messages.cut(line, 160));
  }
}
