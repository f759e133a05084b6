package polymarket.backfill;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Stands between a client and a server on 127.0.0.1, whose Host header it puts in its own's place,
 * and can cut all connections between them.
 */
public final class Proxy implements AutoCloseable {

  private final int target;
  private final int port;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private volatile ServerSocket server;

  public Proxy(int target) throws IOException {
    this.target = target;
    open(0);
    port = server.getLocalPort();
  }

  public int port() {
    return port;
  }

  private void open(int at) throws IOException {
    ServerSocket opened = new ServerSocket();
    opened.setReuseAddress(true);
    opened.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), at));
    server = opened;
    thread(
        () -> {
          while (true) {
            Socket client = opened.accept();
            Socket there = new Socket("127.0.0.1", target);
            sockets.add(client);
            sockets.add(there);
            thread(() -> copy(client, there, "Host: 127.0.0.1:" + opened.getLocalPort()));
            thread(() -> copy(there, client, null));
          }
        });
  }

  private interface Work {
    void run() throws IOException;
  }

  private static void thread(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException e) {
                // cut
              }
            },
            "proxy");
    thread.setDaemon(true);
    thread.start();
  }

  private void copy(Socket from, Socket to, String host) throws IOException {
    try (from;
        to;
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream()) {
      byte[] buffer = new byte[64 << 10];
      for (int n; (n = in.read(buffer)) >= 0; ) {
        String text = new String(buffer, 0, n, StandardCharsets.ISO_8859_1);
        if (host != null && text.contains(host)) {
          out.write(
              text.replace(host, "Host: 127.0.0.1:" + target)
                  .getBytes(StandardCharsets.ISO_8859_1));
        } else {
          out.write(buffer, 0, n);
        }
      }
    }
  }

  /** Nobody answers here any more. */
  public void cut() {
    try {
      server.close();
      for (Socket socket : sockets) {
        socket.close();
      }
      sockets.clear();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Answers again. */
  public void restore() {
    try {
      open(port);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    cut();
  }
}
