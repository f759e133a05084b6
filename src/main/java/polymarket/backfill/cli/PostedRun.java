package polymarket.backfill.cli;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import polymarket.backfill.UserError;
import polymarket.backfill.serve.Posted;

/**
 * A run that was typed on a command line and that {@code serve} started: its process, and the files
 * that it writes. Its events are objects with some of these: pid; err and out, text as it was
 * written; progress, the line to redraw; exit, the exit code, in the last one.
 */
final class PostedRun implements Posted {

  /** The most bytes of a file in one event. */
  private static final int MOST = 64 << 10;

  /**
   * The files that a run writes.
   *
   * @param err its messages
   * @param out its results
   * @param progress its progress line
   */
  record Output(Path err, Path out, Path progress) {}

  private final Process process;
  private final Output output;
  private long errRead;
  private long outRead;
  private String progress = "";
  private boolean begun;
  private boolean ended;

  PostedRun(Process process, Output output) {
    this.process = process;
    this.output = output;
  }

  @Override
  public synchronized Optional<String> next() {
    Map<String, Object> event = new LinkedHashMap<>();
    if (!begun) {
      event.put("pid", process.pid());
      begun = true;
    }
    // first: after its end, the files are complete
    boolean alive = process.isAlive();
    byte[] err = read(output.err(), errRead, alive);
    errRead += err.length;
    add(event, "err", err);
    byte[] out = read(output.out(), outRead, alive);
    outRead += out.length;
    add(event, "out", out);
    String line = new String(read(output.progress(), 0, alive), StandardCharsets.UTF_8).strip();
    if (!line.isEmpty() && !line.equals(progress)) {
      progress = line;
      event.put("progress", line);
    }
    if (event.isEmpty() && !alive) {
      event.put("exit", process.exitValue());
      ended = true;
    }
    return event.isEmpty() ? Optional.empty() : Optional.of(Report.json(event));
  }

  private static void add(Map<String, Object> event, String name, byte[] text) {
    if (text.length > 0) {
      event.put(name, new String(text, StandardCharsets.UTF_8));
    }
  }

  /** What stands in a file from a place on: whole lines, unless a line is long or the last one. */
  private static byte[] read(Path file, long from, boolean alive) {
    if (!Files.exists(file)) {
      return new byte[0];
    }
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      byte[] bytes = new byte[(int) Math.max(0, Math.min(MOST, in.length() - from))];
      in.seek(from);
      in.readFully(bytes);
      boolean full = bytes.length == MOST;
      int whole = alive || full ? lastLine(bytes) : bytes.length;
      return Arrays.copyOf(bytes, whole == 0 && full ? lastCharacter(bytes) : whole);
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + UserError.reason(e));
    }
  }

  /** Where the last line ends. */
  private static int lastLine(byte[] bytes) {
    int end = bytes.length;
    while (end > 0 && bytes[end - 1] != '\n') {
      end--;
    }
    return end;
  }

  /** Where the last character begins, which may not be whole. */
  private static int lastCharacter(byte[] bytes) {
    int begin = bytes.length - 1;
    while (begin > 0 && (bytes[begin] & 0xC0) == 0x80) {
      begin--;
    }
    return begin;
  }

  @Override
  public synchronized boolean isEnded() {
    return ended;
  }
}
