package polymarket.backfill.cli;

import java.io.PrintStream;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.pipeline.PipelineRun;

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

  private final boolean quiet;
  private final boolean redraw;
  private List<String> shown = List.of();
  private int ticks;

  /**
   * @param quiet no progress at all, only messages
   */
  PipelineView(boolean quiet) {
    this.quiet = quiet;
    this.redraw = Boolean.getBoolean("backfill.terminal") && !quiet;
  }

  @Override
  public synchronized void info(String line) {
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
  public synchronized void tick(Map<String, Object> status) {
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
      List<String> lines = new ArrayList<>();
      for (Map<?, ?> step : steps(status)) {
        if ("running".equals(step.get("state"))) {
          lines.add(
              step.get("step")
                  + ": running for "
                  + seconds(step.get("seconds"))
                  + (step.get("now") == null ? "" : ": " + step.get("now")));
        }
      }
      lines.forEach(this::info);
      info(head(status));
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
  static List<String> lines(Map<String, Object> status) {
    List<String> lines = new ArrayList<>();
    lines.add(head(status));
    int width =
        steps(status).stream()
            .mapToInt(step -> String.valueOf(step.get("step")).length())
            .max()
            .orElse(0);
    for (Map<?, ?> step : steps(status)) {
      String state = String.valueOf(step.get("state"));
      String detail =
          switch (state) {
            case "running" ->
                seconds(step.get("seconds"))
                    + (step.get("now") == null ? "" : "  " + step.get("now"));
            case "pending" -> pending(status, step);
            case "done" ->
                seconds(step.get("seconds"))
                    + (step.get("reason") == null ? "" : "  " + step.get("reason"));
            default -> String.valueOf(step.get("reason"));
          };
      lines.add(
          String.format("  %-" + width + "s  %-8s  %s", step.get("step"), state, detail)
              .stripTrailing());
    }
    return lines;
  }

  /** What a step is waiting for, or why it was not finished. */
  private static String pending(Map<String, Object> status, Map<?, ?> step) {
    List<String> left =
        steps(status).stream()
            .filter(other -> List.of("pending", "running", "waiting").contains(other.get("state")))
            .map(other -> String.valueOf(other.get("step")))
            .filter(((List<?>) step.get("after"))::contains)
            .toList();
    return !left.isEmpty()
        ? "after " + String.join(", ", left)
        : step.get("reason") == null ? "" : String.valueOf(step.get("reason"));
  }

  private static String head(Map<String, Object> status) {
    long done =
        steps(status).stream()
            .filter(step -> List.of("done", "cut", "skipped").contains(step.get("state")))
            .count();
    return status.get("pipeline")
        + ": pass "
        + status.get("pass")
        + ", "
        + status.get("state")
        + ", "
        + done
        + " of "
        + steps(status).size()
        + " steps done, "
        + seconds(status.get("spent_seconds"))
        + " of "
        + seconds(status.get("budget_seconds"));
  }

  @SuppressWarnings("unchecked")
  static List<Map<String, Object>> steps(Map<String, Object> status) {
    return (List<Map<String, Object>>) status.get("steps");
  }

  static String seconds(Object seconds) {
    double of = ((Number) seconds).doubleValue();
    return Messages.time(of >= 10 ? (long) of * 1000 : Math.round(of * 10) * 100);
  }
}
