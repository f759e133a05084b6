package polymarket.backfill.source;

import com.clickhouse.client.api.ServerException;
import io.github.resilience4j.circuitbreaker.CallNotPermittedException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.URI;
import java.net.UnknownHostException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.CamelExecutionException;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.hc.client5.http.ConnectTimeoutException;
import org.apache.hc.client5.http.HttpHostConnectException;
import org.apache.hc.core5.net.NamedEndpoint;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.Stop;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.GroupRefusedException;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.FencedException;
import polymarket.backfill.ledger.ImbalanceException;

/**
 * The bean {@code retry} of the route configuration: decides whether a failed call is retried. It
 * sees each failure when it occurs, and sets the delay that a source asked for.
 */
public final class Retry implements Processor {

  /**
   * Attempts of a batch whose parent failed with all its attempts: it only has to find out which
   * half is at fault.
   */
  private static final int ATTEMPTS_OF_A_HALF = 2;

  private static final Logger LOG = LoggerFactory.getLogger("backfill.retry");

  /**
   * The factor by which a call that a node rejects at every width is retried more often, because
   * missing data arrives within minutes.
   */
  private static final int NOT_YET = 3;

  /** The delay in milliseconds of a call that waits only for its turn. */
  private static final long AT_ONCE = 20;

  /** The length from which on an id in a text is no chance. */
  private static final int ID_LENGTH = 16;

  /** So many different reasons of failed ids are told; all of them are in the ledger. */
  private static final int MOST_REASONS = 20;

  /** Of the statuses that say that a request is wrong, those that may pass. */
  private static final Set<Integer> TRANSIENT = Set.of(408, 425, 429);

  /** A key is missing or wrong: every request gets the same answer. */
  private static final int UNAUTHORIZED = 401;

  private static final Set<Integer> REFUSED_CURSOR = Set.of(400, 404, 410, 422);

  /** Moved, not found, method not allowed, gone: the URL may be wrong. */
  private static final Set<Integer> WRONG_ADDRESS = Set.of(301, 302, 303, 307, 308, 404, 405, 410);

  /** The URL's own end is no punctuation: that belongs to the sentence. */
  private static final Pattern URL = Pattern.compile("https?://[^\\s\"'\\]),]*[^\\s\"'\\]),.:;!?]");

  private final Map<String, Job> jobs;
  private final Sources sources;
  private final Stop stop;
  private final int attempts;
  private final Duration patience;
  private final Messages messages;

  /**
   * How long after a reload failures count as caused by it: calls in flight in a reloaded route
   * fail in many ways.
   */
  private static final long RELOAD_MILLIS = 2_000;

  private volatile long reloadedUntil;
  private final Set<String> toldReasons = ConcurrentHashMap.newKeySet();

  /** Whether the user was told that ClickHouse fails; what sources answer does not change it. */
  private final AtomicBoolean toldOfClickHouse = new AtomicBoolean();

  /** The causes of failures. */
  enum Kind {
    /** The source, or ClickHouse, cannot accept the call now: wait for it. */
    BUSY,
    /** Its route was just reloaded, or the rows of other batches may be at fault: repeat it. */
    RELOAD,
    /** The batch may be at fault. */
    FAILURE,
    /** Only the user can fix it. */
    FATAL
  }

  public Retry(
      Map<String, Job> jobs,
      Sources sources,
      Stop stop,
      int attempts,
      Duration patience,
      Messages messages) {
    this.jobs = jobs;
    this.sources = sources;
    this.stop = stop;
    this.attempts = attempts;
    this.patience = patience;
    this.messages = messages;
  }

  /** Records that a route file is being reloaded, or that the reload has ended. */
  public void reloading(boolean now) {
    reloadedUntil = now ? Long.MAX_VALUE : System.currentTimeMillis() + RELOAD_MILLIS;
  }

  private Kind judge(Throwable failure) {
    boolean ofReload =
        System.currentTimeMillis() < reloadedUntil
            && find(failure, SourceException.class) == null
            && find(failure, ClickHouseException.class) == null
            && find(failure, ImbalanceException.class) == null;
    // at a low pace, a call waits for its turn for longer than that, and then its route has ended
    boolean ended = find(failure, RejectedExecutionException.class) != null;
    boolean together = find(failure, GroupRefusedException.class) != null;
    return ofReload || ended || together ? Kind.RELOAD : kind(failure);
  }

  /** Called at every failure, before the decision whether to retry. */
  @Override
  public void process(Exchange exchange) {
    Exception failure = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
    BatchWork batch = exchange.getProperty(BatchWork.PROPERTY, BatchWork.class);
    if (batch == null || failure == null || find(failure, FencedException.class) != null) {
      return;
    }
    exchange.getMessage().removeHeader(Exchange.REDELIVERY_DELAY);
    sources.countSentOnly(batch);
    Pace source = asked(exchange, batch);
    SourceException answer = find(failure, SourceException.class);
    Kind kind = judge(failure);
    // what ended a connection, such as an answer that took too long, is not what the source said
    boolean broken = find(failure, IOException.class) != null;
    if (find(failure, CallNotPermittedException.class) != null) {
      if (source.circuitOpened()) {
        messages.event(source.name() + ": the circuit breaker is open after too many failed calls");
      }
    } else if (broken && find(failure, ClickHouseException.class) == null) {
      source.counted("none");
    }
    String said = kind == Kind.FAILURE && !broken ? said(exchange, batch, answer) : null;
    if (kind == Kind.FAILURE) {
      batch
          .failures()
          .add(answer == null ? 0 : answer.status(), Sources.isAnswered(exchange), said);
      exchange.setProperty(
          ExchangeProperties.FAILURES,
          exchange.getProperty(ExchangeProperties.FAILURES, 0, Integer.class) + 1);
      boolean restart =
          batch.getCursor() != null
              && answer != null
              && REFUSED_CURSOR.contains(answer.status())
              && batch.pages().restarts() < attempts;
      boolean refused =
          answer != null
              && (answer.refusal()
                  || answer instanceof TooLargeException
                      && jobs.get(batch.getJob()).isDivisible(batch));
      exchange.setProperty(ExchangeProperties.REFUSED, refused && !restart);
      if (restart) {
        messages.info(
            source.name()
                + " no longer takes the cursor of "
                + batch.getIds().get(0)
                + "; starting it over");
        batch.restart();
      }
    }
    if (answer != null && answer.retryAfterMillis() > 0) {
      exchange.getMessage().setHeader(Exchange.REDELIVERY_DELAY, answer.retryAfterMillis());
    } else if (said != null && batch.failures().isInherited()) {
      // the source is up, and has said the same of a larger batch
      exchange.getMessage().setHeader(Exchange.REDELIVERY_DELAY, AT_ONCE);
    }
    LOG.debug(
        "batch {}: {} ({}), {} failures", batch, reason(failure), kind, batch.failures().count());
    if (kind == Kind.RELOAD) {
      exchange.getMessage().setHeader(Exchange.REDELIVERY_DELAY, RELOAD_MILLIS / 4);
    } else if (kind != Kind.FATAL && !stop.asked()) {
      String why = why(source, failure);
      boolean refused =
          kind == Kind.FAILURE
              && exchange.getProperty(ExchangeProperties.REFUSED, false, Boolean.class);
      if (refused && said == null && source.trouble() == null) {
        messages.warn(why);
      }
      if (!refused) {
        source.retried(batch.getJob());
      }
      // what the source says of a request is told when its id has failed; of a probe, now
      boolean probe = batch.getKind() == Batch.Kind.PROBE;
      if (!refused && (said == null || probe)) {
        source.trouble(why);
        boolean ofClickHouse =
            find(failure, ClickHouseException.class) != null
                || find(failure, SQLException.class) != null;
        if (!ofClickHouse || toldOfClickHouse.compareAndSet(false, true)) {
          tell(source, probe || kind == Kind.BUSY && !ofClickHouse);
        }
      }
    }
  }

  /**
   * Tells the user of a source's failure, once.
   *
   * @param waiting whether the run waits for the source
   */
  public void tell(Pace source, boolean waiting) {
    String why = source.trouble();
    if (source.tell()) {
      messages.warn(
          why
              + (waiting
                  ? "; trying again until "
                      + Messages.clock(source.troubleSince() + patience.toMillis())
                      + " (source.patience)"
                  : "; trying again"));
    }
  }

  /** Records that ClickHouse stored something: its next failure is another one. */
  public void stored() {
    toldOfClickHouse.set(false);
  }

  /** Why a call failed; of an answer that says that there is nothing, what to check. */
  public String why(Pace source, Throwable failure) {
    SourceException answer = find(failure, SourceException.class);
    String hint =
        answer == null || !WRONG_ADDRESS.contains(answer.status())
            ? ""
            : jobs.values().stream()
                .filter(job -> job.getSource().equals(source.name()))
                .findFirst()
                .map(
                    job ->
                        " (if all calls fail, check the setting "
                            + job.getUrl()
                            + " and the path in routes/jobs/"
                            + job.getName()
                            + ".camel.yaml)")
                .orElse("");
    return reason(failure) + hint;
  }

  /** Tells the user that another member works on a batch by now. */
  public void tellFenced(BatchWork batch) {
    messages.warn(
        "batch "
            + batch
            + " was taken over by another member, because this process stood still for too long;"
            + " nothing of it is stored or marked here");
  }

  /** Tells the user of an id that failed; of many that failed for one reason, of the first. */
  public void tellFailed(BatchWork batch, String reason) {
    if (toldReasons.size() < MOST_REASONS && toldReasons.add(reason)) {
      messages.warn(
          "batch "
              + batch
              + ": "
              + jobs.get(batch.getJob()).idKind().label()
              + " "
              + batch.getIds().get(0)
              + " failed: "
              + reason);
    }
  }

  /**
   * What the source answered instead of what was asked for, so that the same answer is recognised.
   * Errors that name an id are the same, whatever else differs.
   *
   * @return null if it gave no answer, or a good one
   */
  private static String said(Exchange exchange, BatchWork batch, SourceException answer) {
    return answer == null || answer instanceof TooLargeException || Sources.isAnswered(exchange)
        ? null
        : answer.status() + (names(batch, answer) ? " names an id" : " " + answer.getMessage());
  }

  private static boolean names(BatchWork batch, SourceException answer) {
    String text = answer.getMessage().toLowerCase(Locale.ROOT);
    return batch.getIds().stream().anyMatch(id -> id.length() >= ID_LENGTH && text.contains(id));
  }

  /** Whether a request is at fault, by what the source answered: it will not change by waiting. */
  private static boolean isOfRequest(BatchWork batch, SourceException answer) {
    return answer.status() / 100 == 4 && !TRANSIENT.contains(answer.status())
        || names(batch, answer);
  }

  /**
   * Whether the source has said often enough that it does not answer this request: twice, or of an
   * id that is alone and may be out of luck {@code source.attempts} times, larger batches that it
   * was in counted too.
   */
  public boolean isCertain(BatchWork batch, Throwable failure) {
    if (canOnlyWait(batch, failure)) {
      return false;
    }
    SourceException answer = find(failure, SourceException.class);
    boolean ofRequest = answer != null && isOfRequest(batch, answer);
    boolean alone = batch.getSize() == 1 && !batch.isPart();
    return batch.failures().same() >= (alone && !ofRequest ? Math.max(2, attempts) : 2);
  }

  /** The source that was asked: the one of the last turn, or the job's. */
  private Pace asked(Exchange exchange, BatchWork batch) {
    return sources.get(
        exchange.getProperty(
            ExchangeProperties.SOURCE, jobs.get(batch.getJob()).getSource(), String.class));
  }

  /** Whether the call is retried. */
  public boolean again(Exchange exchange) {
    Exception failure = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
    BatchWork batch = exchange.getProperty(BatchWork.PROPERTY, BatchWork.class);
    if (stop.asked() || batch == null || find(failure, FencedException.class) != null) {
      return false;
    }
    return switch (judge(failure)) {
      case FATAL -> {
        stop.ask(
            find(failure, ImbalanceException.class) != null
                ? ExitCode.NOT_BALANCED
                : ExitCode.ERROR,
            reason(failure));
        yield false;
      }
      case RELOAD -> true;
      case BUSY -> patient(asked(exchange, batch), failure);
      case FAILURE ->
          patient(asked(exchange, batch), failure)
              && !exchange.getProperty(ExchangeProperties.REFUSED, false, Boolean.class)
              && !isEnough(exchange, batch, failure)
              && exchange.getProperty(ExchangeProperties.FAILURES, 0, Integer.class)
                  < attempts(batch, failure);
    };
  }

  /** Whether a further try now would only get the same answer. */
  private boolean isEnough(Exchange exchange, BatchWork batch, Throwable failure) {
    SourceException answer = find(failure, SourceException.class);
    return isCertain(batch, failure)
        && (answer != null && isOfRequest(batch, answer)
            || exchange.getProperty(ExchangeProperties.FAILURES, 0, Integer.class)
                >= ATTEMPTS_OF_A_HALF);
  }

  private int attempts(BatchWork batch, Throwable failure) {
    if (canOnlyWait(batch, failure)) {
      return Integer.MAX_VALUE;
    }
    if (find(failure, NotYetException.class) != null) {
      return NOT_YET * attempts;
    }
    return batch.getKind() == Batch.Kind.HALF && batch.getSize() > 1
            || batch.failures().trials() > 0
        ? Math.min(ATTEMPTS_OF_A_HALF, attempts)
        : attempts;
  }

  /**
   * Whether a call has no ids that could be at fault, such as a probe, and the source is: however
   * often it says the same, there is nothing to halve.
   */
  private static boolean canOnlyWait(BatchWork batch, Throwable failure) {
    return batch.getSize() == 0 && isOfTheSource(failure);
  }

  /** Whether the source, not the request, is the cause. */
  private static boolean isOfTheSource(Throwable failure) {
    SourceException answer = find(failure, SourceException.class);
    return answer == null ? find(failure, IOException.class) != null : answer.status() >= 500;
  }

  private boolean patient(Pace source, Throwable failure) {
    return patient(source, why(source, failure));
  }

  /**
   * Whether to keep waiting for a source that has not answered well since its failure started; if
   * not, stops the run.
   */
  public boolean patient(Pace source, String why) {
    if (source.patienceLeft(patience) > 0) {
      return true;
    }
    stop.ask(
        ExitCode.GAVE_UP,
        "gave up: "
            + why
            + ", and no good answer for "
            + Messages.time(patience.toMillis())
            + " (source.patience). Run the same command again later");
    return false;
  }

  static Kind kind(Throwable failure) {
    ClickHouseException clickHouse = find(failure, ClickHouseException.class);
    if (clickHouse != null) {
      return clickHouse.passes() ? Kind.BUSY : clickHouse.isData() ? Kind.FAILURE : Kind.FATAL;
    }
    if (find(failure, SQLException.class) != null) {
      ServerException server = find(failure, ServerException.class);
      return server == null || new ClickHouseException("", server.getCode(), null).passes()
          ? Kind.BUSY
          : Kind.FATAL;
    }
    SourceException answer = find(failure, SourceException.class);
    if (answer != null) {
      return answer.busy()
          ? Kind.BUSY
          : answer.status() == UNAUTHORIZED ? Kind.FATAL : Kind.FAILURE;
    }
    if (find(failure, ImbalanceException.class) != null) {
      return Kind.FATAL;
    }
    if (find(failure, CallNotPermittedException.class) != null
        || find(failure, ConnectException.class) != null
        || find(failure, UnknownHostException.class) != null
        || find(failure, NoRouteToHostException.class) != null) {
      return Kind.BUSY;
    }
    return Kind.FAILURE;
  }

  /** One line about a failure without secrets: URLs are reduced to their hosts. */
  public static String reason(Throwable failure) {
    for (Class<? extends Throwable> telling :
        java.util.List.of(
            ClickHouseException.class, SourceException.class, ImbalanceException.class)) {
      Throwable found = find(failure, telling);
      if (found != null) {
        return hostsOnly(found.getMessage());
      }
    }
    if (find(failure, CallNotPermittedException.class) != null) {
      return "the circuit breaker is open after too many failed calls";
    }
    Throwable root = failure;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    String place = place(failure);
    if (place != null) {
      return "no connection to " + place;
    }
    String name = root.getClass().getSimpleName().replaceAll("Exception$", "");
    String message =
        root.getMessage() == null || root instanceof CamelExecutionException
            ? ""
            : root.getMessage().lines().findFirst().orElse("");
    return hostsOnly(name + (message.isBlank() ? "" : ": " + message));
  }

  /** The host that could not be connected to, and why; null for other failures. */
  private static String place(Throwable failure) {
    UnknownHostException unknown = find(failure, UnknownHostException.class);
    if (unknown != null) {
      return String.valueOf(unknown.getMessage()).replaceFirst(":? .*", "") + " (unknown host)";
    }
    HttpHostConnectException refused = find(failure, HttpHostConnectException.class);
    ConnectTimeoutException late = find(failure, ConnectTimeoutException.class);
    if (refused == null && late == null) {
      return null;
    }
    NamedEndpoint host = refused != null ? refused.getHost() : late.getHost();
    String why =
        late != null
            ? "it did not answer in time"
            : String.valueOf(refused.getMessage())
                .replaceFirst("(?s).* failed: ", "")
                .lines()
                .findFirst()
                .orElse("")
                .toLowerCase(Locale.ROOT);
    return host == null
        ? null
        : host.getHostName() + (host.getPort() > 0 ? ":" + host.getPort() : "") + " (" + why + ")";
  }

  /** A text with each URL reduced to its host and port. */
  public static String hostsOnly(String text) {
    String hosts =
        URL.matcher(Redaction.line(text))
            .replaceAll(
                url -> {
                  try {
                    String place = URI.create(url.group()).getRawAuthority();
                    return Matcher.quoteReplacement(
                        place == null ? "(a URL)" : place.replaceFirst(".*@", ""));
                  } catch (IllegalArgumentException e) {
                    return "(a URL)";
                  }
                });
    return Messages.cut(hosts, 400);
  }

  public static <T extends Throwable> T find(Throwable failure, Class<T> type) {
    for (Throwable t = failure; t != null; t = t.getCause() == t ? null : t.getCause()) {
      if (type.isInstance(t)) {
        return type.cast(t);
      }
    }
    return null;
  }
}
