package polymarket.backfill.cli;

import java.io.PrintStream;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.pipeline.PipelineRun;
import polymarket.backfill.pipeline.PipelineStatus;
import polymarket.backfill.pipeline.PipelineStatus.StepStatus;
import polymarket.backfill.pipeline.StepState;

/**
 * The progress of a pipeline's run: on a terminal one line per step, redrawn every second,
 * otherwise a plain line for each running step every ten seconds; messages appear above it.
 * Everything is written to standard error.
 */
final class PipelineView implements Messages, PipelineRun.Watcher {

  private static final int PLAIN_EVERY_TICKS = 10;

  private final PrintStream err = System.err;

  /** Receives cursor movements. */
  private final PrintStream screen = Redaction.rawErr();

  private final EventLog events;
  private final boolean quiet;
  private final boolean redraw;
  private List<String> shown = List.of();
  private int ticks;

  /**
   * @param quiet no progress at all, only messages
   * @param events keeps the messages, too
   */
  PipelineView(boolean quiet, EventLog events) {
    this.events = events;
    this.quiet = quiet;
    this.redraw = Boolean.getBoolean("backfill.terminal") && !quiet;
  }

  @Override
  public synchronized void info(String line) {
    event(line);
    print(line);
  }

  @Override
  public void event(String line) {
    events.add(line);
  }

  private void print(String line) {
    String time =
        LocalTime.now().truncatedTo(ChronoUnit.SECONDS).format(DateTimeFormatter.ISO_LOCAL_TIME);
    List<String> below = shown;
    erase();
    err.println(time + " " + Redaction.line(line));
    err.flush();
    draw(below);
  }

  @Override
  public synchronized void warn(String line) {
    info("warning: " + line);
  }

  @Override
  public synchronized void tick(PipelineStatus status) {
    if (quiet) {
      return;
    }
    if (redraw) {
      int width = width();
      erase();
      draw(
          lines(status).stream()
              .map(Redaction::line)
              .map(line -> line.length() > width - 1 ? line.substring(0, width - 1) : line)
              .toList());
    } else if (++ticks % PLAIN_EVERY_TICKS == 0) {
      for (StepStatus step : status.steps()) {
        if (step.state() == StepState.RUNNING) {
          print(
              step.step()
                  + ": running for "
                  + time(step.seconds())
                  + (step.now() == null ? "" : ": " + step.now()));
        }
      }
      print(head(status));
    }
  }

  /** The width of a step's progress, without the prefix of its line. */
  int room() {
    return redraw ? Math.max(40, width() - 36) : 1000;
  }

  private int width() {
    return Math.max(20, new ConsoleProgressBarConsumer(screen).getMaxRenderedLength());
  }

  @Override
  public synchronized void ended() {
    shown = List.of();
  }

  private void erase() {
    if (!shown.isEmpty()) {
      screen.print("\033[" + shown.size() + "A\r\033[J");
      screen.flush();
      shown = List.of();
    }
  }

  private void draw(List<String> lines) {
    if (redraw && !lines.isEmpty()) {
      lines.forEach(err::println);
      shown = lines;
    }
    err.flush();
  }

  /** The lines of the view: one for the pipeline and one for each step. */
  static List<String> lines(PipelineStatus status) {
    List<String> lines = new ArrayList<>();
    lines.add(head(status));
    int width = status.steps().stream().mapToInt(step -> step.step().length()).max().orElse(0);
    for (StepStatus step : status.steps()) {
      String detail =
          switch (step.state()) {
            case RUNNING -> withDetail(time(step.seconds()), step.now());
            case PENDING -> pending(status, step);
            case DONE -> withDetail(time(step.seconds()), step.reason());
            default -> String.valueOf(step.reason());
          };
      lines.add(
          String.format("  %-" + width + "s  %-8s  %s", step.step(), step.state().text(), detail)
              .stripTrailing());
    }
    return lines;
  }

  private static String withDetail(String time, String detail) {
    return detail == null ? time : time + "  " + detail;
  }

  /** What a step is waiting for, or why it was not finished. */
  private static String pending(PipelineStatus status, StepStatus step) {
    List<String> open =
        status.steps().stream()
            .filter(other -> !other.state().isSettled())
            .map(StepStatus::step)
            .filter(step.after()::contains)
            .toList();
    return !open.isEmpty()
        ? "after " + String.join(", ", open)
        : step.reason() == null ? "" : step.reason();
  }

  private static String head(PipelineStatus status) {
    long done =
        status.steps().stream()
            .filter(step -> step.state() == StepState.DONE || step.state().isShort())
            .count();
    return status.pipeline()
        + ": pass "
        + status.pass()
        + ", "
        + status.state().text()
        + ", "
        + done
        + " of "
        + status.steps().size()
        + " steps done, "
        + time(status.spentSeconds())
        + " of "
        + time(status.budgetSeconds());
  }

  /** A time in seconds, with tenths below ten: 4.2 s, 4 min 10 s. */
  static String time(double seconds) {
    return Messages.time(seconds >= 10 ? (long) seconds * 1000 : Math.round(seconds * 10) * 100);
  }
}
