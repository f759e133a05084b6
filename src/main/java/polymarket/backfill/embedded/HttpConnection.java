package polymarket.backfill.embedded;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * HTTP/1.1 on one socket, limited to what a database needs. Two maintained servers were tried
 * instead. The JDK's own cannot omit the last chunk of an interrupted answer (a client would treat
 * it as complete). Jetty 12.1 can, but does not detect that a client disconnects while its query
 * runs without output (it reads HTTP/1.1 connections only between requests), and limits the pauses
 * of a request's head, not its total time: one byte a second keeps a connection open forever.
 */
final class HttpConnection {
  /** A request that cannot be read; the connection is closed after the answer. */
  static final class BadRequest extends IOException {
    final int status;

    BadRequest(int status, String message) {
      super(message);
      this.status = status;
    }
  }

  /** A request; header names are case-insensitive. */
  record Request(
      String method,
      String path,
      String query,
      Map<String, String> headers,
      InputStream body,
      boolean keepAlive) {
    String header(String name, String otherwise) {
      return headers.getOrDefault(name, otherwise);
    }
  }

  /**
   * How long a client may take, in milliseconds.
   *
   * @param head for the whole head of a request, from its first byte; for a connection's first
   *     request, from the start of the connection
   * @param idle between two requests
   * @param pause within a body
   * @param body for the whole body, and a second more for every {@link #SLOWEST} bytes
   */
  record Patience(int head, int idle, int pause, int body) {
    static final Patience USUAL = new Patience(30_000, 600_000, 60_000, 300_000);
  }

  private static final Pattern TOKEN = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+");
  private static final int LINE_LIMIT = 1 << 20;
  private static final int DRAIN = 1 << 20;
  private static final int SLOWEST = 256;

  private final Socket socket;
  private final Patience patience;
  private final Map<String, String> always;
  private final InputStream in;
  private final OutputStream out;
  private boolean first = true;
  private long deadline;
  private int pause;
  private boolean started;
  private boolean continueWanted;
  private boolean last;
  private Request request;

  /**
   * @param always the headers of every answer
   */
  HttpConnection(Socket socket, Patience patience, Map<String, String> always) throws IOException {
    this.socket = socket;
    this.always = always;
    this.patience = patience;
    socket.setTcpNoDelay(true);
    socket.setKeepAlive(true);
    in = new BufferedInputStream(new TimedInput(socket.getInputStream()), 64 << 10);
    out = socket.getOutputStream();
  }

  /** Reads of the socket time out at the deadline or after a pause, whichever comes first. */
  private final class TimedInput extends FilterInputStream {
    TimedInput(InputStream in) {
      super(in);
    }

    @Override
    public int read(byte[] b, int from, int count) throws IOException {
      long left = (deadline - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        throw new SocketTimeoutException("the request takes too long");
      }
      socket.setSoTimeout((int) Math.min(pause, left));
      return in.read(b, from, count);
    }
  }

  private void within(long wholeMs, int pauseMs) {
    deadline = System.nanoTime() + wholeMs * 1_000_000;
    pause = pauseMs;
  }

  /**
   * Whether the client has closed its connection; only to be called while no other thread reads
   * from it, after the request's body has been read.
   */
  boolean clientLeft() {
    try {
      within(1000, 1);
      in.mark(1);
      if (in.read() < 0) {
        return true;
      }
      in.reset();
      return false;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (IOException e) {
      return true;
    }
  }

  /** Whether the answer's head has been sent, so that its status can no longer change. */
  boolean started() {
    return started;
  }

  /**
   * Reads the head of the next request.
   *
   * @return null if the client has closed the connection, or has been silent for too long
   * @throws BadRequest with 408 if the head takes too long
   */
  Request next() throws IOException {
    started = false;
    request = null;
    int silence = first ? patience.head : patience.idle;
    first = false;
    within(silence, silence);
    try {
      in.mark(1);
      if (in.read() < 0) {
        return null;
      }
      in.reset();
    } catch (SocketTimeoutException e) {
      return null;
    }
    within(patience.head, patience.head);
    try {
      return head();
    } catch (SocketTimeoutException e) {
      throw new BadRequest(
          408, "the head of a request took longer than " + patience.head / 1000 + " s");
    }
  }

  private Request head() throws IOException {
    String line = line();
    if (line == null) {
      return null;
    }
    String[] parts = line.split(" ");
    if (parts.length != 3 || !parts[2].startsWith("HTTP/1.")) {
      throw new BadRequest(400, "this is not an HTTP/1.1 request");
    }
    Map<String, String> headers = headers();
    String connection = headers.getOrDefault("Connection", "").toLowerCase(Locale.ROOT);
    boolean keepAlive =
        parts[2].equals("HTTP/1.0")
            ? connection.contains("keep-alive")
            : !connection.contains("close");
    continueWanted = headers.getOrDefault("Expect", "").equalsIgnoreCase("100-continue");
    String target = parts[1];
    if (!target.startsWith("/")) {
      // a proxy's form, http://host/path, would have its own host
      throw new BadRequest(400, "the request's target must be a path");
    }
    int mark = target.indexOf('?');
    request =
        new Request(
            parts[0],
            mark < 0 ? target : target.substring(0, mark),
            mark < 0 ? "" : target.substring(mark + 1),
            headers,
            body(headers),
            keepAlive);
    return request;
  }

  private Map<String, String> headers() throws IOException {
    Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    int size = 0;
    for (String h = line(); h == null || !h.isEmpty(); h = line()) {
      int colon = h == null ? -1 : h.indexOf(':');
      if (colon < 1
          || (size += h.length()) > LINE_LIMIT
          || !TOKEN.matcher(h.substring(0, colon)).matches()) {
        throw new BadRequest(400, "a header of the request cannot be read");
      }
      headers.merge(h.substring(0, colon), h.substring(colon + 1).strip(), (a, b) -> a + ", " + b);
    }
    return headers;
  }

  private InputStream body(Map<String, String> headers) throws BadRequest {
    String coding = headers.get("Transfer-Encoding");
    if (coding != null) {
      if (!coding.equalsIgnoreCase("chunked") || headers.containsKey("Content-Length")) {
        throw new BadRequest(
            400,
            "a body must be chunked or have a Content-Length; other codings are not supported");
      }
      return new Body(-1);
    }
    String length = headers.getOrDefault("Content-Length", "0");
    try {
      long n = Long.parseLong(length);
      if (n >= 0) {
        return new Body(n);
      }
    } catch (NumberFormatException e) {
      // reported below
    }
    throw new BadRequest(400, "Content-Length is not a number: " + length);
  }

  private String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int c; (c = in.read()) != '\n'; ) {
      if (c < 0) {
        if (line.size() == 0) {
          return null;
        }
        throw new EOFException("the request is truncated");
      }
      if (c != '\r') {
        line.write(c);
      }
      if (line.size() > LINE_LIMIT) {
        throw new BadRequest(
            414, "a line of the request is longer than 1 MiB; send the query as the body");
      }
    }
    return line.toString(StandardCharsets.ISO_8859_1);
  }

  /**
   * The body of a request, chunked or of a known length; it fails if the client disconnects before
   * its end.
   */
  private final class Body extends InputStream {
    private final boolean chunked;
    private final long begin = System.nanoTime();
    private long read;
    private long left;
    private boolean first = true;
    private boolean ended;

    Body(long length) {
      chunked = length < 0;
      left = Math.max(0, length);
      ended = length == 0;
    }

    private void allow() {
      deadline = begin + (patience.body + read * 1000 / SLOWEST) * 1_000_000;
      pause = patience.pause;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] b, int from, int count) throws IOException {
      if (ended) {
        return -1;
      }
      allow();
      if (continueWanted) {
        continueWanted = false;
        out.write("HTTP/1.1 100 Continue\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      }
      if (left == 0) {
        if (!chunked || !nextChunk()) {
          ended = true;
          return -1;
        }
      }
      int n = in.read(b, from, (int) Math.min(count, left));
      if (n < 0) {
        throw new EOFException("the body of the request is truncated");
      }
      left -= n;
      read += n;
      if (left == 0 && !chunked) {
        ended = true;
      }
      return n;
    }

    private boolean nextChunk() throws IOException {
      if (!first) {
        line();
      }
      first = false;
      String size = line();
      try {
        left = size == null ? -1 : Long.parseLong(size.split(";")[0].strip(), 16);
      } catch (NumberFormatException e) {
        left = -1;
      }
      if (left < 0) {
        throw new EOFException("the chunked body of the request is truncated");
      }
      if (left == 0) {
        for (String trailer = line(); trailer != null && !trailer.isEmpty(); ) {
          trailer = line();
        }
        return false;
      }
      return true;
    }
  }

  /**
   * Writes the head of the answer.
   *
   * @param length of the body in bytes, or -1 for a chunked one
   * @return the stream for the body; closing it writes the last chunk
   */
  OutputStream start(int status, Map<String, String> headers, long length) throws IOException {
    started = true;
    Map<String, String> all = new LinkedHashMap<>(headers);
    all.putAll(always);
    all.put("Connection", request != null && request.keepAlive && !last ? "Keep-Alive" : "Close");
    if (status != 204) {
      all.put(
          length < 0 ? "Transfer-Encoding" : "Content-Length",
          length < 0 ? "chunked" : String.valueOf(length));
    }
    StringBuilder head =
        new StringBuilder("HTTP/1.1 ")
            .append(status)
            .append(' ')
            .append(reason(status))
            .append("\r\n");
    all.forEach(
        (name, value) ->
            head.append(name)
                .append(": ")
                .append(value.replaceAll("[\\r\\n]", " "))
                .append("\r\n"));
    byte[] bytes = head.append("\r\n").toString().getBytes(StandardCharsets.UTF_8);
    boolean noBody = request != null && request.method.equals("HEAD") || status == 204;
    if (length < 0 && !noBody) {
      out.write(bytes);
    }
    return new OutputStream() {
      private byte[] pending = length < 0 && !noBody ? null : bytes;

      @Override
      public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] b, int from, int count) throws IOException {
        if (noBody || count == 0) {
          return;
        }
        if (length >= 0) {
          flushHead(b, from, count);
        } else {
          byte[] size = (Integer.toHexString(count) + "\r\n").getBytes(StandardCharsets.US_ASCII);
          byte[] chunk = java.util.Arrays.copyOf(size, size.length + count + 2);
          System.arraycopy(b, from, chunk, size.length, count);
          chunk[chunk.length - 2] = '\r';
          chunk[chunk.length - 1] = '\n';
          out.write(chunk);
        }
      }

      // sends the head and a short body in one packet
      private void flushHead(byte[] b, int from, int count) throws IOException {
        if (pending != null) {
          byte[] both = java.util.Arrays.copyOf(pending, pending.length + count);
          System.arraycopy(b, from, both, pending.length, count);
          pending = null;
          out.write(both);
        } else {
          out.write(b, from, count);
        }
      }

      @Override
      public void close() throws IOException {
        if (pending != null) {
          out.write(pending);
          pending = null;
        } else if (length < 0) {
          out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        }
        out.flush();
      }
    };
  }

  /** Announces in the next answer that the connection is closed after it. */
  void last() {
    last = true;
  }

  /** Answers with a short text. */
  void reply(int status, Map<String, String> headers, byte[] body) throws IOException {
    try (OutputStream o = start(status, headers, body.length)) {
      o.write(body);
    }
  }

  /** Reads the rest of the request's body; false if it is too long to wait for. */
  boolean drain() throws IOException {
    if (continueWanted) {
      return false;
    }
    byte[] waste = new byte[64 << 10];
    for (int n, sum = 0; (n = request.body.read(waste)) >= 0; ) {
      if ((sum += n) > DRAIN) {
        return false;
      }
    }
    return true;
  }

  /** Waits until the client disconnects. */
  void awaitEnd() throws IOException {
    within(Long.MAX_VALUE / 2_000_000, 0);
    while (in.read() >= 0) {
      // any data means that it is still connected
    }
  }

  private static String reason(int status) {
    return switch (status) {
      case 200 -> "OK";
      case 204 -> "No Content";
      case 400 -> "Bad Request";
      case 401 -> "Unauthorized";
      case 403 -> "Forbidden";
      case 404 -> "Not Found";
      case 408 -> "Request Timeout";
      case 413 -> "Content Too Large";
      case 414 -> "URI Too Long";
      case 500 -> "Internal Server Error";
      case 501 -> "Not Implemented";
      case 503 -> "Service Unavailable";
      default -> "Error";
    };
  }
}
