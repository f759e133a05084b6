package polymarket.backfill.sandbox;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** One HTTP answer: a status, headers, and a body that is either whole or written as a stream. */
final class Answer {

  /** What happens on the wire instead of the plain answer. */
  enum Wire {
    WHOLE,
    CUT_BODY,
    CUT_CONNECTION,
    RESET,
    STALL,
    STALL_BODY,
    /** The body comes a byte at a time, for as long as anybody reads. */
    DRIP,
    /** The same with the head. */
    DRIP_HEAD
  }

  /** Writes a long body piece by piece. */
  interface Stream {
    void writeTo(OutputStream out) throws IOException;
  }

  final int status;
  final Map<String, String> headers = new LinkedHashMap<>();
  byte[] body;
  Stream stream;
  Wire wire = Wire.WHOLE;
  long delayMillis;

  /** Whether the body goes out in chunks, so that its length is not known before its end. */
  boolean chunked;

  /** Between the bytes of what drips. */
  long dripMillis = 1000;

  /** Rows (or logs) that the body holds, for the statistics. */
  int rows;

  private Answer(int status, String type, byte[] body) {
    this.status = status;
    this.body = body;
    headers.put("Content-Type", type);
  }

  static Answer json(int status, CharSequence body) {
    return new Answer(status, "application/json", body.toString().getBytes(StandardCharsets.UTF_8));
  }

  static Answer json(CharSequence body) {
    return json(200, body);
  }

  static Answer html(int status, String body) {
    return new Answer(status, "text/html; charset=UTF-8", body.getBytes(StandardCharsets.UTF_8));
  }

  static Answer text(int status, String body) {
    return new Answer(status, "text/plain; charset=utf-8", body.getBytes(StandardCharsets.UTF_8));
  }

  static Answer lines(Stream stream) {
    Answer answer = new Answer(200, "application/x-ndjson", new byte[0]);
    answer.stream = stream;
    return answer;
  }

  /** Lines of JSON that are made already. */
  static Answer ndjson(CharSequence body) {
    return new Answer(
        200, "application/x-ndjson", body.toString().getBytes(StandardCharsets.UTF_8));
  }

  Answer header(String name, String value) {
    headers.put(name, value);
    return this;
  }

  Answer rows(int count) {
    rows = count;
    return this;
  }

  Answer wire(Wire how) {
    wire = how;
    return this;
  }
}
