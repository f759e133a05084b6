package polymarket.backfill.embedded;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPOutputStream;
import net.jpountz.lz4.LZ4FrameOutputStream;

/**
 * The answer of one query: buffered up to 1 MiB, so that an early error gets its own status; then
 * streamed. With wait_end_of_query=1 it is buffered to the end, in a file if it is long.
 */
final class EngineAnswer {
  private static final int HOLD = 1 << 20;

  private final HttpConnection http;
  private final Map<String, String> headers;
  private final boolean wait;
  private final long begin;
  private final String encoding;
  private final boolean frames;
  private final String tag = UUID.randomUUID().toString().replace("-", "").substring(0, 16);
  private final ByteArrayOutputStream held = new ByteArrayOutputStream();
  private OutputStream encoder;
  private OutputStream sink;
  private Path file;
  private OutputStream spool;
  Chdb.Stats stats = Chdb.Stats.NONE;

  EngineAnswer(
      HttpConnection http,
      HttpConnection.Request request,
      Map<String, String> headers,
      Map<String, String> url,
      long begin) {
    this.http = http;
    this.headers = headers;
    this.begin = begin;
    wait =
        EngineServer.flag(url, "wait_end_of_query")
            || EngineServer.flag(url, "http_wait_end_of_query");
    frames = EngineServer.flag(url, "compress");
    String accepted = request.header("Accept-Encoding", "").toLowerCase(Locale.ROOT);
    encoding =
        !EngineServer.flag(url, "enable_http_compression")
            ? ""
            : Arrays.stream(accepted.split(","))
                .map(e -> e.split(";")[0].strip())
                .filter(List.of("gzip", "deflate", "lz4")::contains)
                .findFirst()
                .orElse("");
  }

  void format(String format) {
    headers.put("X-ClickHouse-Format", format);
    headers.put("Content-Type", contentType(format));
  }

  OutputStream body() throws IOException {
    if (encoder == null) {
      OutputStream out =
          new OutputStream() {
            @Override
            public void write(int b) throws IOException {
              write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] b, int from, int count) throws IOException {
              take(b, from, count);
            }
          };
      encoder =
          switch (encoding) {
            case "gzip" -> new GZIPOutputStream(new BufferedOutputStream(out, 64 << 10), 64 << 10);
            case "deflate" -> new DeflaterOutputStream(new BufferedOutputStream(out, 64 << 10));
            case "lz4" -> new LZ4FrameOutputStream(out);
            default -> out;
          };
      if (!encoding.isEmpty()) {
        headers.put("Content-Encoding", encoding);
      }
      if (frames) {
        encoder = NativeFrames.compress(encoder);
      }
    }
    return encoder;
  }

  private void take(byte[] b, int from, int count) throws IOException {
    if (sink != null) {
      sink.write(b, from, count);
    } else if (spool != null) {
      spool.write(b, from, count);
    } else if (held.size() + count <= HOLD) {
      held.write(b, from, count);
    } else if (wait) {
      file = Files.createTempFile("clickhouse-answer", null);
      spool = new BufferedOutputStream(Files.newOutputStream(file), HOLD);
      held.writeTo(spool);
      held.reset();
      spool.write(b, from, count);
    } else {
      headers.put("X-ClickHouse-Exception-Tag", tag);
      sink = http.start(200, withSummary(), -1);
      held.writeTo(sink);
      held.reset();
      sink.write(b, from, count);
    }
  }

  private Map<String, String> withSummary() {
    headers.putIfAbsent("Content-Type", "text/plain; charset=UTF-8");
    headers.put(
        "X-ClickHouse-Summary",
        String.format(
            Locale.ROOT,
            "{\"read_rows\":\"%d\",\"read_bytes\":\"%d\",\"written_rows\":\"%d\","
                + "\"written_bytes\":\"%d\",\"total_rows_to_read\":\"0\",\"result_rows\":\"%d\",\"result_bytes\":\"%d\",\"elapsed_ns\":\"%d\",\"memory_usage\":\"0\"}",
            stats.readRows(),
            stats.readBytes(),
            stats.writtenRows(),
            stats.writtenBytes(),
            stats.resultRows(),
            stats.resultBytes(),
            System.nanoTime() - begin));
    return headers;
  }

  void end() throws IOException {
    body().close();
    if (sink != null) {
      sink.close();
    } else if (spool != null) {
      spool.close();
      try (OutputStream out = http.start(200, withSummary(), Files.size(file))) {
        Files.copy(file, out);
      }
    } else {
      http.reply(200, withSummary(), held.toByteArray());
    }
  }

  /**
   * Reports an error. Before the head is sent: ClickHouse's status and text. After it: the text
   * between two marks, and no last chunk, so that no client treats the answer as complete
   * (WriteBufferFromHTTPServerResponse::cancelWithException).
   *
   * @return whether the connection can take another request
   */
  boolean fail(EngineException e, String version) throws IOException {
    String text = e.getMessage() + " (version " + version + ")\n";
    if (!http.started()) {
      headers.remove("Content-Encoding");
      headers.remove("X-ClickHouse-Format");
      headers.put("Content-Type", "text/plain; charset=UTF-8");
      headers.put("X-ClickHouse-Exception-Code", String.valueOf(e.code));
      http.reply(e.httpStatus(), withSummary(), text.getBytes(StandardCharsets.UTF_8));
      return true;
    }
    int length = text.getBytes(StandardCharsets.UTF_8).length;
    // in one chunk: @clickhouse/client expects it in one chunk, and waits forever if it finds only
    // a part
    body()
        .write(
            ("\r\n__exception__\r\n"
                    + tag
                    + "\r\n"
                    + text
                    + length
                    + " "
                    + tag
                    + "\r\n__exception__\r\n")
                .getBytes(StandardCharsets.UTF_8));
    body().close();
    return false;
  }

  void discard() throws IOException {
    if (spool != null) {
      spool.close();
      Files.deleteIfExists(file);
    }
  }

  private static String contentType(String format) {
    if (format.matches("(TabSeparated|TSV).*")) {
      return "text/tab-separated-values; charset=UTF-8";
    } else if (format.startsWith("CSV")) {
      return "text/csv; charset=UTF-8; header=" + (format.contains("Names") ? "present" : "absent");
    } else if (format.matches("JSON.*EachRow.*|NDJSON|JSONLines")) {
      return "application/x-ndjson; charset=UTF-8";
    } else if (format.startsWith("JSON")) {
      return "application/json; charset=UTF-8";
    } else if (format.equals("XML")) {
      return "application/xml; charset=UTF-8";
    } else if (format.matches(
        "Native|RowBinary.*|Parquet|ORC|Arrow.*|Avro|MsgPack|BSONEachRow|Protobuf.*|Npy")) {
      return "application/octet-stream";
    }
    return "text/plain; charset=UTF-8";
  }
}
