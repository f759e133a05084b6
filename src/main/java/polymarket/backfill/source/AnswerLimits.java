package polymarket.backfill.source;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.classic.ExecChain;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;
import org.apache.hc.core5.concurrent.Cancellable;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.io.entity.HttpEntityWrapper;
import polymarket.backfill.Daemons;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;

/**
 * Limits every answer of a source: its uncompressed size, counted while it is read, and the time
 * from the request to its last byte. An answer that exceeds either limit is aborted, and its
 * connection closed.
 */
public final class AnswerLimits {

  /** Aborts requests that take too long; one thread serves all requests. */
  private static final ScheduledThreadPoolExecutor CLOCK = clock();

  private final long mostBytes;
  private final Duration longest;

  /**
   * @param mostBytes the largest body of an answer
   * @param longest the longest time from the request to the last byte of its answer
   */
  AnswerLimits(long mostBytes, Duration longest) {
    this.mostBytes = mostBytes;
    this.longest = longest;
  }

  /** The limits of the settings {@code source.answer-size} and {@code source.answer-deadline}. */
  public static AnswerLimits of(Settings settings) {
    return new AnswerLimits(
        Memory.bytes(settings, "source.answer-size"), settings.duration("source.answer-deadline"));
  }

  private static ScheduledThreadPoolExecutor clock() {
    ScheduledThreadPoolExecutor clock =
        new ScheduledThreadPoolExecutor(1, Daemons.named("answer-deadline"));
    clock.setRemoveOnCancelPolicy(true);
    return clock;
  }

  /**
   * Applies the limits to everything that the client does for a request, including decompression.
   */
  void on(HttpClientBuilder client) {
    client.addExecInterceptorFirst("answer-limits", this::execute);
  }

  private ClassicHttpResponse execute(
      ClassicHttpRequest request, ExecChain.Scope scope, ExecChain chain)
      throws IOException, HttpException {
    Call call = new Call(scope.route.getTargetHost().getHostName(), scope.originalRequest);
    try {
      ClassicHttpResponse response = chain.proceed(request, scope);
      HttpEntity entity = response.getEntity();
      if (entity == null) {
        call.end();
      } else {
        response.setEntity(new Bounded(entity, call));
      }
      return response;
    } catch (IOException | HttpException | RuntimeException e) {
      call.end();
      if (call.late) {
        throw call.tooLate(e);
      }
      throw e;
    }
  }

  /** A request whose answer is not read to its end. */
  private final class Call {

    private final String host;
    private final ClassicHttpRequest request;
    private final ScheduledFuture<?> deadline;

    /** The answer's bytes as it says itself; negative where it does not. */
    private long length = -1;

    private volatile boolean late;
    private long bytes;
    private boolean whole;

    Call(String host, ClassicHttpRequest request) {
      this.host = host;
      this.request = request;
      this.deadline =
          CLOCK.schedule(
              () -> {
                late = true;
                cancel();
              },
              longest.toMillis(),
              TimeUnit.MILLISECONDS);
    }

    /** Closes the connection, so that the rest of the answer is not read, not even to skip it. */
    void cancel() {
      if (request instanceof Cancellable cancellable) {
        cancellable.cancel();
      }
    }

    void end() {
      deadline.cancel(false);
    }

    /** The answer is read to its end: its connection serves further requests. */
    void read() {
      whole = true;
      end();
    }

    IOException tooLate(Throwable cause) {
      return failure(
          new SourceException(
              host
                  + " did not finish an answer within "
                  + Messages.time(longest.toMillis())
                  + " (source.answer-deadline)"),
          cause);
    }

    /** Counts bytes of the answer. */
    void count(long more) throws IOException {
      bytes += more;
      if (bytes == length) {
        // who reads no further than this does not see the end
        read();
      }
      if (bytes > mostBytes) {
        end();
        cancel();
        throw failure(
            new TooLargeException(
                host
                    + " sent an answer of more than "
                    + Memory.text(mostBytes)
                    + " (source.answer-size)"),
            null);
      }
    }

    private IOException failure(SourceException told, Throwable cause) {
      if (cause != null) {
        told.addSuppressed(cause);
      }
      return new IOException(told.getMessage(), told);
    }
  }

  private static final class Bounded extends HttpEntityWrapper {

    private final Call call;

    Bounded(HttpEntity entity, Call call) {
      super(entity);
      this.call = call;
      call.length = entity.getContentLength();
    }

    @Override
    public InputStream getContent() throws IOException {
      InputStream content = super.getContent();
      return content == null ? null : new Counted(content, call);
    }
  }

  private static final class Counted extends FilterInputStream {

    private final Call call;

    Counted(InputStream in, Call call) {
      super(in);
      this.call = call;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int from, int length) throws IOException {
      int read;
      try {
        read = in.read(bytes, from, length);
      } catch (IOException e) {
        call.end();
        throw call.late ? call.tooLate(e) : e;
      }
      if (call.late) {
        throw call.tooLate(null);
      }
      if (read < 0) {
        call.read();
      } else {
        call.count(read);
      }
      return read;
    }

    @Override
    public long skip(long n) throws IOException {
      return n <= 0 ? 0 : Math.max(0, read(new byte[(int) Math.min(n, 8192)]));
    }

    @Override
    public void close() throws IOException {
      if (!call.whole) {
        call.cancel();
      }
      call.end();
      super.close();
    }
  }
}
