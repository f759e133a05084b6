package polymarket.backfill.embedded;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import java.util.zip.InflaterInputStream;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorInputStream;

/**
 * The body of a request, decompressed according to its headers and its URL, in flat memory. Reading
 * stops if a body expands to more than {@link #MOST_TIMES} times its size.
 */
final class RequestBody extends InputStream {
  /** The body of a request could not be read or decoded to its end. */
  static final class Broken extends IOException {
    Broken(String message) {
      super(message);
    }
  }

  // repetitive rows reach about 100 in gzip; a bomb reaches 1000
  private static final int MOST_TIMES = 250;
  private static final long ALWAYS_ALLOWED = 64L << 20;

  private final String encoding;
  private final boolean frames;
  private final Counted raw;
  private InputStream in;
  private long given;

  private static final class Counted extends FilterInputStream {
    long count;

    Counted(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      int b = in.read();
      count += b < 0 ? 0 : 1;
      return b;
    }

    @Override
    public int read(byte[] b, int from, int length) throws IOException {
      int n = in.read(b, from, length);
      count += Math.max(0, n);
      return n;
    }
  }

  /**
   * @throws EngineException for a body that this engine cannot read
   */
  RequestBody(HttpConnection.Request request, Map<String, String> url) {
    if (request.header("Content-Type", "").startsWith("multipart/form-data")) {
      throw new EngineException(
          48,
          "NOT_IMPLEMENTED",
          "multipart bodies are not supported by the embedded engine; send parameters in the URL");
    }
    encoding = request.header("Content-Encoding", "").toLowerCase(Locale.ROOT);
    frames = EngineServer.flag(url, "decompress");
    raw = new Counted(request.body());
  }

  private InputStream in() throws IOException {
    if (in == null) {
      InputStream plain =
          switch (encoding) {
            case "", "identity" -> raw;
            case "gzip" -> new GZIPInputStream(raw, 64 << 10);
            case "deflate" -> new InflaterInputStream(raw);
            // blocks may refer to earlier ones (clickhouse-connect), which lz4-java's stream cannot
            // read
            case "lz4" -> new FramedLZ4CompressorInputStream(raw, true);
            default ->
                throw new EngineException(
                    48,
                    "NOT_IMPLEMENTED",
                    "Unknown compression method: "
                        + encoding
                        + " (the embedded engine supports gzip, deflate and lz4)");
          };
      in = frames ? NativeFrames.decompress(plain) : plain;
    }
    return in;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] b, int from, int count) throws IOException {
    int n;
    try {
      n = in().read(b, from, count);
    } catch (IOException | IllegalArgumentException e) {
      throw new Broken("cannot read the body of the request: " + e.getMessage());
    }
    given += Math.max(0, n);
    if (given > ALWAYS_ALLOWED + MOST_TIMES * raw.count) {
      throw new EngineException(
          229,
          "QUERY_IS_TOO_LARGE",
          "the compressed body of the request expands to more than "
              + MOST_TIMES
              + " times its length; if that is intended, send it uncompressed");
    }
    return n;
  }
}
