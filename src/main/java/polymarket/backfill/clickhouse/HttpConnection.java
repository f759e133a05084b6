package polymarket.backfill.clickhouse;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * HTTP/1.1 on one socket, as much as a database needs. The JDK's own server is not used because
 * with it an answer that broke off cannot be left without its last chunk (a client would take it
 * for whole), and a client that went away is not noticed.
 */
final class HttpConnection {
  /**
   * What is wrong with a request that cannot be read; the connection is closed behind the answer.
   */
  static final class BadRequest extends IOException {
    final int status;

    BadRequest(int status, String message) {
      super(message);
      this.status = status;
    }
  }

  /** A request; header names are found in any case. */
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

  private static final int LINE_LIMIT = 1 << 20;
  private static final int IDLE_MS = 600_000;
  private static final int BODY_MS = 300_000;
  private static final int DRAIN = 1 << 20;

  private final Socket socket;
  private final InputStream in;
  private final OutputStream out;
  private boolean started;
  private boolean continueWanted;
  private Request request;

  HttpConnection(Socket socket) throws IOException {
    this.socket = socket;
    socket.setTcpNoDelay(true);
    in = new BufferedInputStream(socket.getInputStream(), 64 << 10);
    out = socket.getOutputStream();
  }

  /** Whether the answer's head is out, so that its status can no longer change. */
  boolean started() {
    return started;
  }

  /** Reads the next request; null when the client has no more. */
  Request next() throws IOException {
    started = false;
    socket.setSoTimeout(IDLE_MS);
    String line = line();
    if (line == null) {
      return null;
    }
    socket.setSoTimeout(BODY_MS);
    String[] parts = line.split(" ");
    if (parts.length != 3 || !parts[2].startsWith("HTTP/1.")) {
      throw new BadRequest(400, "this is not an HTTP/1.1 request");
    }
    Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    int size = 0;
    for (String h = line(); h == null || !h.isEmpty(); h = line()) {
      int colon = h == null ? -1 : h.indexOf(':');
      if (colon < 1 || (size += h.length()) > LINE_LIMIT) {
        throw new BadRequest(400, "a header of the request cannot be read");
      }
      headers.merge(
          h.substring(0, colon).strip(), h.substring(colon + 1).strip(), (a, b) -> a + ", " + b);
    }
    String connection = headers.getOrDefault("Connection", "").toLowerCase(Locale.ROOT);
    boolean keepAlive =
        parts[2].equals("HTTP/1.0")
            ? connection.contains("keep-alive")
            : !connection.contains("close");
    continueWanted = headers.getOrDefault("Expect", "").equalsIgnoreCase("100-continue");
    String target =
        parts[1].startsWith("http://") ? parts[1].replaceFirst("http://[^/?]*", "") : parts[1];
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

  private InputStream body(Map<String, String> headers) throws BadRequest {
    if (headers
        .getOrDefault("Transfer-Encoding", "")
        .toLowerCase(Locale.ROOT)
        .endsWith("chunked")) {
      return new Body(-1);
    }
    String length = headers.getOrDefault("Content-Length", "0");
    try {
      long n = Long.parseLong(length);
      if (n >= 0) {
        return new Body(n);
      }
    } catch (NumberFormatException e) {
      // answered below
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
        throw new EOFException("the request breaks off");
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
   * The body of a request, chunked or of a known length; it fails if the client leaves before its
   * end.
   */
  private final class Body extends InputStream {
    private final boolean chunked;
    private long left;
    private boolean first = true;
    private boolean ended;

    Body(long length) {
      chunked = length < 0;
      left = Math.max(0, length);
      ended = length == 0;
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
        throw new EOFException("the body of the request breaks off");
      }
      left -= n;
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
        throw new EOFException("the chunked body of the request breaks off");
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
   * @return where the body goes; closing it writes the last chunk
   */
  OutputStream start(int status, Map<String, String> headers, long length) throws IOException {
    started = true;
    Map<String, String> all = new LinkedHashMap<>(headers);
    all.put("Connection", request != null && request.keepAlive ? "Keep-Alive" : "Close");
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

      // head and a short body in one packet
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

  /** Answers with a short text. */
  void reply(int status, Map<String, String> headers, byte[] body) throws IOException {
    try (OutputStream o = start(status, headers, body.length)) {
      o.write(body);
    }
  }

  /**
   * Takes what is left of the request's body off the line; false if that is too much to wait for.
   */
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

  /** Waits until the client is gone. */
  void awaitEnd() throws IOException {
    socket.setSoTimeout(0);
    while (in.read() >= 0) {
      // whatever it says, it is still there
    }
  }

  private static String reason(int status) {
    return switch (status) {
      case 200 -> "OK";
      case 204 -> "No Content";
      case 400 -> "Bad Request";
      case 404 -> "Not Found";
      case 405 -> "Method Not Allowed";
      case 500 -> "Internal Server Error";
      case 501 -> "Not Implemented";
      case 503 -> "Service Unavailable";
      default -> "Error";
    };
  }
}
