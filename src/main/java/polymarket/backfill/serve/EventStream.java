package polymarket.backfill.serve;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.apache.hc.core5.http.nio.AsyncEntityProducer;
import org.apache.hc.core5.http.nio.DataStreamChannel;

/**
 * The body of an answer that goes on: server-sent events, as the HTML standard defines them. It
 * holds no thread. A browser that reads slowly gets the newest event and misses older ones, so that
 * nothing piles up; who may miss none is sent the next one when the stream {@link #isIdle}.
 */
final class EventStream implements AsyncEntityProducer {
  private final Consumer<EventStream> ended;
  private final AtomicReference<byte[]> next = new AtomicReference<>();
  private ByteBuffer sending;
  private boolean ending;
  private boolean gone;
  private volatile DataStreamChannel channel;

  /**
   * @param first the event that is sent at once
   * @param ended is told when the browser is gone
   */
  EventStream(String first, Consumer<EventStream> ended) {
    this.ended = ended;
    next.set(event(first));
  }

  /**
   * Sends an event as soon as the browser takes it.
   *
   * @param data one line; empty for a comment, which keeps the connection open
   */
  void send(String data) {
    next.set(event(data));
    DataStreamChannel open = channel;
    if (open != null) {
      open.requestOutput();
    }
  }

  /** Whether the browser took all that was sent, so that the next event replaces none. */
  synchronized boolean isIdle() {
    return sending == null && next.get() == null;
  }

  /** Whether nobody reads it any more. */
  synchronized boolean isGone() {
    return gone;
  }

  /** Ends the answer when the last event is sent. */
  void end() {
    synchronized (this) {
      ending = true;
    }
    DataStreamChannel open = channel;
    if (open != null) {
      open.requestOutput();
    }
  }

  private static byte[] event(String data) {
    return (data.isEmpty() ? ":\n\n" : "data: " + data + "\n\n").getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public synchronized int available() {
    byte[] waiting = next.get();
    int left = sending != null ? sending.remaining() : waiting == null ? 0 : waiting.length;
    // its end is output, too
    return left == 0 && ending ? 1 : left;
  }

  @Override
  public synchronized void produce(DataStreamChannel to) throws IOException {
    channel = to;
    while (true) {
      if (sending == null) {
        byte[] event = next.getAndSet(null);
        if (event == null) {
          if (ending) {
            to.endStream();
          }
          return;
        }
        sending = ByteBuffer.wrap(event);
      }
      to.write(sending);
      if (sending.hasRemaining()) {
        return;
      }
      sending = null;
    }
  }

  @Override
  public boolean isRepeatable() {
    return false;
  }

  @Override
  public long getContentLength() {
    return -1;
  }

  @Override
  public String getContentType() {
    return "text/event-stream";
  }

  @Override
  public String getContentEncoding() {
    return null;
  }

  @Override
  public boolean isChunked() {
    return true;
  }

  @Override
  public Set<String> getTrailerNames() {
    return Set.of();
  }

  @Override
  public void failed(Exception cause) {
    releaseResources();
  }

  @Override
  public void releaseResources() {
    synchronized (this) {
      gone = true;
    }
    ended.accept(this);
  }
}
