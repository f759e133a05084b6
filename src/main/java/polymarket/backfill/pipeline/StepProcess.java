package polymarket.backfill.pipeline;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import polymarket.backfill.Messages;
import polymarket.backfill.Self;
import polymarket.backfill.UserError;
import polymarket.backfill.pipeline.Pipeline.Step;
import polymarket.backfill.pipeline.PipelineLedger.Entry;

/**
 * The process of a running step: another process of this program, with the step's command. Its
 * messages go to a log file, from which they are read here.
 */
final class StepProcess {

  /** How often a run looks at its steps. */
  static final long POLL_MILLIS = 200;

  /**
   * How long a step may take to end after it was asked to. It is killed after that, and does again
   * what it had not stored.
   */
  private static final long STOP_MILLIS = 60_000;

  /** How long the steps of a killed run may take to notice that and end. */
  private static final long ORPHANS_MILLIS = 30_000;

  /** Before the message with which a command that failed ends. */
  private static final String ERROR = "backfill: ";

  private final Step step;
  private final Path log;
  private final Process process;
  private final long startedAt = System.currentTimeMillis();
  private long logRead;
  private String error;
  private String cutReason;
  private long askedAt;

  private StepProcess(Step step, Path log, long logRead, Process process) {
    this.step = step;
    this.log = log;
    this.logRead = logRead;
    this.process = process;
  }

  /**
   * Starts a step.
   *
   * @param home the folder that it starts in
   * @param arguments for every step's command, such as --set
   * @param width of its progress line, in characters
   * @throws UserError where it cannot be started
   */
  static StepProcess start(
      Path home, PipelineFiles files, Step step, List<String> arguments, int width) {
    Path log = files.log(step.name());
    List<String> words = new ArrayList<>(step.words());
    words.addAll(arguments);
    List<String> line =
        Self.command(
            List.of("-Dbackfill.terminal", "-Dbackfill.parent", "-Dbackfill.progress"),
            List.of(
                "-Dbackfill.terminal=false",
                "-Dbackfill.parent=" + ProcessHandle.current().pid(),
                "-Dbackfill.progress=" + files.now(step.name()),
                "-Dbackfill.progress.width=" + width),
            words);
    try {
      Files.deleteIfExists(files.now(step.name()));
      long logged = Files.exists(log) ? Files.size(log) : 0;
      Process process =
          new ProcessBuilder(line)
              .directory(home.toFile())
              .redirectInput(new File("/dev/null"))
              .redirectOutput(files.out(step.name()).toFile())
              .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
              .start();
      return new StepProcess(step, log, logged, process);
    } catch (IOException e) {
      throw new UserError("step " + step.name() + " cannot be started: " + e.getMessage());
    }
  }

  Step step() {
    return step;
  }

  boolean isAlive() {
    return process.isAlive();
  }

  long pid() {
    return process.pid();
  }

  /** When the operating system started the process, in epoch milliseconds; 0 where unknown. */
  long pidStartedAt() {
    return process.toHandle().info().startInstant().map(Instant::toEpochMilli).orElse(0L);
  }

  /** When this program started it, in epoch milliseconds. */
  long startedAt() {
    return startedAt;
  }

  long workedMillis() {
    return System.currentTimeMillis() - startedAt;
  }

  int exitCode() {
    return process.exitValue();
  }

  /** The error with which it ended; null for none so far. */
  String error() {
    return error;
  }

  /** Why it is being stopped for lack of time; null where it is not. */
  String cutReason() {
    return cutReason;
  }

  void cut(String why) {
    cutReason = why;
  }

  /** Asks it to end; kills it where it was asked long ago. */
  void askToEnd() {
    if (askedAt == 0) {
      askedAt = System.currentTimeMillis();
      process.destroy();
    } else if (System.currentTimeMillis() - askedAt > STOP_MILLIS) {
      process.destroyForcibly();
    }
  }

  /** Asks it to end without looking whether it does. */
  void destroy() {
    process.destroy();
  }

  /**
   * Reads the lines that it has written since the last call, and keeps the one with its error.
   *
   * @param said gets every other line, without its time of day
   * @throws UserError where its log cannot be read
   */
  void readLog(Consumer<String> said) {
    try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "r")) {
      int whole;
      do {
        byte[] bytes = new byte[(int) Math.min(1 << 20, file.length() - logRead)];
        file.seek(logRead);
        file.readFully(bytes);
        whole = bytes.length;
        while (whole > 0 && bytes[whole - 1] != '\n') {
          whole--;
        }
        logRead += whole;
        new String(bytes, 0, whole, StandardCharsets.UTF_8)
            .lines()
            .filter(line -> !line.isBlank())
            .forEach(line -> read(line, said));
      } while (whole > 0);
    } catch (IOException e) {
      throw new UserError("cannot read " + log + ": " + e.getMessage());
    }
  }

  private void read(String line, Consumer<String> said) {
    if (line.startsWith(ERROR)) {
      error = line.substring(ERROR.length());
    } else {
      said.accept(line.replaceFirst("^\\d\\d:\\d\\d:\\d\\d ", ""));
    }
  }

  /**
   * Waits for the steps of a killed run to end. They notice that their run is gone; until they have
   * ended, they hold locks that their successors need.
   *
   * @throws UserError where one does not end
   */
  static void awaitEarlier(Iterable<Entry> entries, Messages messages) {
    long end = System.currentTimeMillis() + ORPHANS_MILLIS;
    for (Entry entry : entries) {
      if (isAlive(entry)) {
        messages.info(
            entry.step()
                + ": waiting for its process of an earlier run (pid "
                + entry.pid()
                + ") to end");
      }
      while (isAlive(entry)) {
        if (System.currentTimeMillis() > end) {
          throw new UserError(
              "step "
                  + entry.step()
                  + " of an earlier run is still running as pid "
                  + entry.pid()
                  + ": wait for it, or stop it with kill "
                  + entry.pid()
                  + ", then run the same command again");
        }
        pause();
      }
    }
  }

  private static boolean isAlive(Entry entry) {
    return entry.pid() > 0
        && ProcessHandle.of(entry.pid())
            .filter(ProcessHandle::isAlive)
            .flatMap(process -> process.info().startInstant())
            .filter(at -> at.toEpochMilli() == entry.pidStartedAt())
            .isPresent();
  }

  /** Waits until it is time to look again. */
  static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
