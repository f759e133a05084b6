package polymarket.backfill.benchmark;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Open streams of the live page's events, all read by one thread, which throws away what comes. */
final class EventReaders implements AutoCloseable {

  private final Selector selector = Selector.open();
  private final AtomicLong bytes = new AtomicLong();
  private final int streams;
  private final Thread reader = new Thread(this::read, "event-readers");
  private final AtomicInteger lost = new AtomicInteger();

  /**
   * @param port of the page
   * @param token of the page
   */
  EventReaders(int port, String token, int streams) throws IOException {
    this.streams = streams;
    byte[] request =
        ("GET /events HTTP/1.1\r\nHost: 127.0.0.1:"
                + port
                + "\r\nAuthorization: Bearer "
                + token
                + "\r\n\r\n")
            .getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < streams; i++) {
      SocketChannel channel =
          SocketChannel.open(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port));
      channel.write(ByteBuffer.wrap(request));
      channel.configureBlocking(false);
      channel.register(selector, SelectionKey.OP_READ);
    }
    reader.setDaemon(true);
    reader.start();
  }

  private void read() {
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    try {
      while (selector.isOpen()) {
        selector.select();
        for (SelectionKey key : selector.selectedKeys()) {
          buffer.clear();
          int count = ((SocketChannel) key.channel()).read(buffer);
          bytes.addAndGet(Math.max(0, count));
          if (count < 0) {
            lost.incrementAndGet();
            key.channel().close();
          }
        }
        selector.selectedKeys().clear();
      }
    } catch (IOException e) {
      lost.set(streams);
    } catch (ClosedSelectorException e) {
      // the streams are closed
    }
  }

  /** How many bytes have come. */
  long bytes() {
    return bytes.get();
  }

  /** How many streams have ended. */
  int lost() {
    return lost.get();
  }

  @Override
  public void close() throws IOException {
    for (SelectionKey key : selector.keys()) {
      key.channel().close();
    }
    selector.close();
  }
}
