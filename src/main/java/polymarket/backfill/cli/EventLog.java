package polymarket.backfill.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import polymarket.backfill.Redaction;
import polymarket.backfill.UserError;

/**
 * What happened in the runs of a runtime folder: one line of JSON each, in a file that all
 * processes append to, for the page. Starts, ends, reloads of route files, sources that do not
 * answer.
 */
final class EventLog {

  /** A longer file is moved to events.old.jsonl, which replaces an earlier one. */
  private static final long MOST_BYTES = 1 << 20;

  /** So much of the file's end is read for the newest events. */
  private static final int TAIL_BYTES = 32 << 10;

  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * An event.
   *
   * @param at the instant, as text, to the second
   * @param what the command, such as "run payouts"
   */
  record Event(String at, long pid, String what, String event) {}

  private final Path file;
  private final String what;

  /**
   * @param what the command whose events these are
   */
  EventLog(Path runtime, String what) {
    this.file = file(runtime);
    this.what = what;
  }

  private static Path file(Path runtime) {
    return runtime.resolve("events.jsonl");
  }

  /**
   * Appends an event, without secrets.
   *
   * @throws UserError if the file cannot be written
   */
  synchronized void add(String event) {
    String at = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    try {
      Files.createDirectories(file.getParent());
      if (Files.exists(file) && Files.size(file) > MOST_BYTES) {
        Files.move(
            file, file.resolveSibling("events.old.jsonl"), StandardCopyOption.REPLACE_EXISTING);
      }
      Files.writeString(
          file,
          JSON.writeValueAsString(
                  new Event(at, ProcessHandle.current().pid(), what, Redaction.line(event)))
              + "\n",
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw UserError.unwritable(file, e);
    }
  }

  /**
   * The newest events, the newest first.
   *
   * @param most how many
   */
  static List<Event> newest(Path runtime, int most) {
    Path file = file(runtime);
    List<Event> events = new ArrayList<>();
    if (!Files.exists(file)) {
      return events;
    }
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      long from = Math.max(0, in.length() - TAIL_BYTES);
      byte[] tail = new byte[(int) (in.length() - from)];
      in.seek(from);
      in.readFully(tail);
      List<String> lines = new String(tail, StandardCharsets.UTF_8).lines().toList();
      for (int i = lines.size() - 1; i >= (from > 0 ? 1 : 0) && events.size() < most; i--) {
        try {
          events.add(JSON.readValue(lines.get(i), Event.class));
        } catch (JsonProcessingException e) {
          // a line that is being written
        }
      }
      return events;
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + UserError.reason(e));
    }
  }
}
