package polymarket.backfill.sandbox;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/**
 * A small HTTP/1.1 server on 127.0.0.1, a thread a connection. The JDK's own server hides the
 * socket, and the sandbox has to reset, cut and stall connections.
 */
final class LoopbackServer implements AutoCloseable {
  private static final int BODY_LIMIT = 64 << 20;
  private static final long LONGEST_STALL_MILLIS = 30 * 60_000L;

  private final AtomicLong connections = new AtomicLong();
  private final ServerSocket listener;
  private final Function<Request, Answer> handler;
  private final ExecutorService threads;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  /** Listens on 127.0.0.1 at the port (0: any). Throws IOException when the port is taken. */
  LoopbackServer(int port, Function<Request, Answer> handler) throws IOException {
    this.handler = handler;
    listener = new ServerSocket();
    listener.setReuseAddress(true);
    listener.bind(
        new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port), 4096);
    AtomicInteger number = new AtomicInteger();
    threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread =
                  new Thread(null, task, "sandbox-" + number.incrementAndGet(), 256 << 10);
              thread.setDaemon(true);
              return thread;
            });
    threads.execute(this::accept);
  }

  int port() {
    return listener.getLocalPort();
  }

  /** How many connections were made so far. */
  long connections() {
    return connections.get();
  }

  private void accept() {
    while (!closed) {
      try {
        Socket socket = listener.accept();
        connections.incrementAndGet();
        open.add(socket);
        threads.execute(() -> serve(socket));
      } catch (IOException | RuntimeException e) {
        if (closed) {
          return;
        }
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      socket.setTcpNoDelay(true);
      InputStream in = new BufferedInputStream(socket.getInputStream(), 32 << 10);
      OutputStream out = socket.getOutputStream();
      while (!closed && exchange(socket, in, out)) {
        // one request after the other on the same connection
      }
    } catch (IOException | RuntimeException e) {
      // the client disconnected, or does not use HTTP
    } finally {
      open.remove(socket);
    }
  }

  /** One request and its answer; false when the connection is done. */
  private boolean exchange(Socket socket, InputStream in, OutputStream out) throws IOException {
    String first = line(in);
    while (first != null && first.isEmpty()) {
      first = line(in);
    }
    if (first == null) {
      return false;
    }
    String[] parts = first.split(" ");
    if (parts.length != 3) {
      write(out, Answer.text(400, "bad request line\n"), false, false);
      return false;
    }
    Map<String, String> headers = new HashMap<>();
    for (String header = line(in); header != null && !header.isEmpty(); header = line(in)) {
      int colon = header.indexOf(':');
      if (colon > 0) {
        headers.put(header.substring(0, colon).toLowerCase(), header.substring(colon + 1).strip());
      }
    }
    if (headers.getOrDefault("expect", "").equalsIgnoreCase("100-continue")) {
      out.write("HTTP/1.1 100 Continue\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    }
    boolean keep =
        !headers
            .getOrDefault("connection", parts[2].equals("HTTP/1.0") ? "close" : "")
            .equalsIgnoreCase("close");
    Answer answer = handler.apply(new Request(parts[0], parts[1], headers, body(in, headers)));
    if (answer.delayMillis > 0) {
      sleep(answer.delayMillis);
    }
    switch (answer.wire) {
      case RESET -> {
        socket.setSoLinger(true, 0);
        return false;
      }
      case STALL -> {
        waitUntilGone(socket, in);
        return false;
      }
      case CUT_CONNECTION, STALL_BODY -> {
        int half = answer.body.length / 2;
        writeHead(out, answer, answer.chunked ? -1 : answer.body.length, keep);
        if (answer.chunked) {
          // a whole chunk, and no last one
          out.write((Integer.toHexString(half) + "\r\n").getBytes(StandardCharsets.US_ASCII));
        }
        out.write(answer.body, 0, half);
        if (answer.chunked) {
          out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
        }
        out.flush();
        if (answer.wire == Answer.Wire.STALL_BODY) {
          waitUntilGone(socket, in);
        }
        return false;
      }
      case DRIP -> {
        writeHead(out, answer, -1, keep);
        drip(out, "1\r\n \r\n", answer.dripMillis);
        return false;
      }
      case DRIP_HEAD -> {
        out.write("HTTP/1.1 200 OK\r\nX-Slow: ".getBytes(StandardCharsets.US_ASCII));
        drip(out, "a", answer.dripMillis);
        return false;
      }
      case CUT_BODY -> answer.body = java.util.Arrays.copyOf(answer.body, answer.body.length / 2);
      default -> {}
    }
    write(out, answer, keep, parts[0].equals("HEAD"));
    return keep;
  }

  /** Sends the same again and again until nobody is there any more. */
  private void drip(OutputStream out, String drop, long millis) throws IOException {
    while (!closed) {
      out.write(drop.getBytes(StandardCharsets.US_ASCII));
      out.flush();
      sleep(millis);
    }
  }

  private void waitUntilGone(Socket socket, InputStream in) throws IOException {
    socket.setSoTimeout((int) LONGEST_STALL_MILLIS);
    try {
      while (in.read() >= 0) {
        // further data of the client is not answered
      }
    } catch (SocketException e) {
      // gone
    }
  }

  private static void write(OutputStream out, Answer answer, boolean keep, boolean headOnly)
      throws IOException {
    if (answer.stream == null && answer.chunked && answer.status != 204) {
      answer.stream = to -> to.write(answer.body);
    }
    if (answer.stream == null) {
      byte[] head = head(answer, answer.body.length, keep);
      if (headOnly || answer.body.length == 0) {
        out.write(head);
      } else if (answer.body.length < 8192) {
        byte[] all = java.util.Arrays.copyOf(head, head.length + answer.body.length);
        System.arraycopy(answer.body, 0, all, head.length, answer.body.length);
        out.write(all);
      } else {
        out.write(head);
        out.write(answer.body);
      }
      out.flush();
      return;
    }
    writeHead(out, answer, -1, keep);
    Chunks chunks = new Chunks(out);
    answer.stream.writeTo(chunks);
    chunks.end();
  }

  private static void writeHead(OutputStream out, Answer answer, int length, boolean keep)
      throws IOException {
    out.write(head(answer, length, keep));
  }

  private static byte[] head(Answer answer, int length, boolean keep) {
    StringBuilder head = new StringBuilder(256);
    head.append("HTTP/1.1 ")
        .append(answer.status)
        .append(' ')
        .append(reason(answer.status))
        .append("\r\n");
    answer.headers.forEach(
        (name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
    if (answer.status == 204) {
      // has no body and says so by itself
    } else if (length >= 0) {
      head.append("Content-Length: ").append(length).append("\r\n");
    } else {
      head.append("Transfer-Encoding: chunked\r\n");
    }
    head.append(keep ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
    return head.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String reason(int status) {
    return switch (status) {
      case 200 -> "OK";
      case 204 -> "No Content";
      case 400 -> "Bad Request";
      case 401 -> "Unauthorized";
      case 403 -> "Forbidden";
      case 404 -> "Not Found";
      case 405 -> "Method Not Allowed";
      case 409 -> "Conflict";
      case 413 -> "Payload Too Large";
      case 414 -> "URI Too Long";
      case 422 -> "Unprocessable Entity";
      case 429 -> "Too Many Requests";
      case 500 -> "Internal Server Error";
      case 502 -> "Bad Gateway";
      case 503 -> "Service Unavailable";
      default -> "Status";
    };
  }

  private static byte[] body(InputStream in, Map<String, String> headers) throws IOException {
    if (headers.getOrDefault("transfer-encoding", "").equalsIgnoreCase("chunked")) {
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      while (true) {
        String size = line(in);
        if (size == null) {
          throw new IOException("connection ended inside a chunk");
        }
        int length = Integer.parseInt(size.split(";")[0].strip(), 16);
        all.write(exactly(in, length));
        line(in);
        if (length == 0) {
          return all.toByteArray();
        }
      }
    }
    String length = headers.get("content-length");
    return length == null ? new byte[0] : exactly(in, Integer.parseInt(length));
  }

  private static byte[] exactly(InputStream in, int length) throws IOException {
    if (length < 0 || length > BODY_LIMIT) {
      throw new IOException("body of " + length + " bytes");
    }
    byte[] bytes = in.readNBytes(length);
    if (bytes.length < length) {
      throw new IOException("connection ended inside a body");
    }
    return bytes;
  }

  private static String line(InputStream in) throws IOException {
    byte[] buffer = new byte[256];
    int length = 0;
    for (int c = in.read(); c >= 0; c = in.read()) {
      if (c == '\n') {
        if (length > 0 && buffer[length - 1] == '\r') {
          length--;
        }
        return new String(buffer, 0, length, StandardCharsets.ISO_8859_1);
      }
      if (length == buffer.length) {
        if (length > 1 << 20) {
          throw new IOException("line too long");
        }
        buffer = java.util.Arrays.copyOf(buffer, length * 2);
      }
      buffer[length++] = (byte) c;
    }
    return null;
  }

  static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    closed = true;
    try {
      listener.close();
    } catch (IOException e) {
      // it is closed anyway
    }
    for (Socket socket : open) {
      try {
        socket.close();
      } catch (IOException e) {
        // it is closed anyway
      }
    }
    threads.shutdownNow();
  }

  /** Chunked transfer encoding in pieces of 32 kB. */
  private static final class Chunks extends OutputStream {
    private final OutputStream out;
    private final byte[] buffer = new byte[32 << 10];
    private int length;

    Chunks(OutputStream out) {
      this.out = out;
    }

    @Override
    public void write(int b) throws IOException {
      if (length == buffer.length) {
        flushChunk();
      }
      buffer[length++] = (byte) b;
    }

    @Override
    public void write(byte[] bytes, int from, int count) throws IOException {
      while (count > 0) {
        if (length == buffer.length) {
          flushChunk();
        }
        int part = Math.min(count, buffer.length - length);
        System.arraycopy(bytes, from, buffer, length, part);
        length += part;
        from += part;
        count -= part;
      }
    }

    private void flushChunk() throws IOException {
      if (length > 0) {
        out.write((Integer.toHexString(length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
        out.write(buffer, 0, length);
        out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
        length = 0;
      }
    }

    void end() throws IOException {
      flushChunk();
      out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      out.flush();
    }
  }
}
