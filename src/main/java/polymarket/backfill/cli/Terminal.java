package polymarket.backfill.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.State;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.run.Progress;

/**
 * The progress of a run: on a terminal one line that is redrawn, otherwise a plain line every ten
 * seconds; messages appear above it. Everything is written to standard error, so that standard
 * output has only results. With the system property backfill.progress, the line is instead written
 * to the file that it names, for the process that shows it, and is at most backfill.progress.width
 * characters long.
 */
final class Terminal implements Messages, JobRun.Watcher {

  private static final int PLAIN_EVERY_TICKS = 10;

  private final PrintStream err = System.err;

  /** Receives cursor movements. */
  private final PrintStream screen = Redaction.rawErr();

  private final boolean redraw;
  private final boolean quiet;
  private final Path progressFile =
      System.getProperty("backfill.progress") == null
          ? null
          : Path.of(System.getProperty("backfill.progress"));
  private ProgressBar bar;
  private volatile List<Map<String, Object>> jobs = List.of();
  private int ticks;
  private volatile String statusLine = "";
  private long shownAt = System.nanoTime();

  /**
   * @param quiet no progress at all, only messages
   */
  Terminal(boolean quiet) {
    this.quiet = quiet;
    this.redraw = Boolean.getBoolean("backfill.terminal") && !quiet;
  }

  @Override
  public synchronized void info(String line) {
    above(line);
  }

  @Override
  public synchronized void warn(String line) {
    above("warning: " + line);
  }

  private void above(String line) {
    String time =
        LocalTime.now()
            .truncatedTo(ChronoUnit.SECONDS)
            .format(java.time.format.DateTimeFormatter.ISO_LOCAL_TIME);
    if (bar != null) {
      screen.print("\r\033[K");
      screen.flush();
    }
    err.println(time + " " + Redaction.line(line));
    err.flush();
  }

  @Override
  public synchronized void tick(List<Progress> progress) {
    jobs = progress.stream().map(job -> job.snapshot("running")).toList();
    if (quiet) {
      return;
    }
    if (progressFile != null) {
      keep(line(jobs, Integer.getInteger("backfill.progress.width", 1000)));
    } else if (redraw) {
      if (bar == null) {
        bar =
            new ProgressBarBuilder()
                .setTaskName("")
                .setInitialMax(1)
                .setUpdateIntervalMillis(500)
                .continuousUpdate()
                .setRenderer((state, width) -> Redaction.line(line(jobs, width)))
                .setConsumer(new Screen(screen))
                .build();
      }
    } else if (++ticks % PLAIN_EVERY_TICKS == 0) {
      above(line(jobs, 1000));
    }
  }

  /**
   * Shows the progress of work that is not a job: redrawn on a terminal, otherwise a line every ten
   * seconds.
   */
  synchronized void status(String line) {
    if (quiet) {
      return;
    }
    if (progressFile != null) {
      keep(line);
    } else if (redraw) {
      statusLine = Redaction.line(line);
      if (bar == null) {
        bar =
            new ProgressBarBuilder()
                .setTaskName("")
                .setInitialMax(1)
                .setUpdateIntervalMillis(500)
                .continuousUpdate()
                .setRenderer(
                    (state, width) ->
                        statusLine.substring(
                            0, Math.min(statusLine.length(), Math.max(0, width - 1))))
                .setConsumer(new Screen(screen))
                .build();
      }
    } else if (System.nanoTime() - shownAt > PLAIN_EVERY_TICKS * 1_000_000_000L) {
      shownAt = System.nanoTime();
      above(line);
    }
  }

  private void keep(String line) {
    try {
      Redaction.write(progressFile, Redaction.line(line) + "\n");
    } catch (IOException e) {
      throw UserError.unwritable(progressFile, e);
    }
  }

  /** The line that is redrawn, and erased at the end. */
  private static final class Screen extends ConsoleProgressBarConsumer {

    private final PrintStream to;

    Screen(PrintStream to) {
      super(to);
      this.to = to;
    }

    @Override
    public void close() {
      to.print("\r\033[K");
      to.flush();
    }
  }

  @Override
  public synchronized void ended() {
    if (bar != null) {
      // the summary that is printed now has more than the last line
      bar.close();
      bar = null;
    }
  }

  /** The width of the terminal in characters; a thousand without a terminal. */
  static int width() {
    return Boolean.getBoolean("backfill.terminal")
        ? new ConsoleProgressBarConsumer(Redaction.rawErr()).getMaxRenderedLength()
        : 1000;
  }

  /** The progress in one line of the given width; less important figures are left out first. */
  static String line(List<Map<String, Object>> jobs, int width) {
    String text = "";
    for (int detail = 0; detail < 4; detail++) {
      List<String> parts = new ArrayList<>();
      for (Map<String, Object> job : jobs) {
        parts.add(line(job, detail, 1000));
      }
      text = String.join("  |  ", parts);
      if (text.length() < width) {
        return text;
      }
    }
    if (jobs.size() == 1) {
      text = line(jobs.get(0), 3, width - 1);
    }
    return text.substring(0, Math.max(0, Math.min(text.length(), width - 1)));
  }

  /**
   * @param detail 0 for everything, up to 3 for the least
   * @param most the longest line, if the reason for waiting can be truncated
   */
  private static String line(Map<String, Object> snapshot, int detail, int most) {
    Map<?, ?> ids = (Map<?, ?>) snapshot.get("ids");
    Map<?, ?> run = (Map<?, ?>) snapshot.get("run");
    Map<?, ?> ranges = (Map<?, ?>) snapshot.get("numbers");
    long total = number(ranges == null ? ids.get("total") : ranges.get("total"));
    long done =
        ranges == null ? total - number(ids.get(State.PENDING.text())) : number(ranges.get("done"));
    StringBuilder line = new StringBuilder();
    line.append(snapshot.get("job"))
        .append(' ')
        .append(Messages.count(done))
        .append('/')
        .append(Messages.count(total))
        .append(ranges == null || detail == 3 ? "" : " " + ranges.get("unit"))
        .append(
            String.format(
                Locale.ROOT,
                " %.1f%%",
                total == 0 ? 100.0 : Math.floor(1000.0 * done / total) / 10));
    if (detail == 0) {
      line.append(' ').append(bar(total == 0 ? 1 : (double) done / total));
    }
    boolean waits = run.get("waiting_for") != null;
    if (!waits || detail < 3) {
      line.append(detail < 2 ? ", " : " ");
      String separator = "";
      for (State state : List.of(State.FOUND, State.ABSENT, State.UNRESOLVED, State.FAILED)) {
        line.append(separator)
            .append(
                detail < 2
                    ? state.text()
                    : state.text().substring(0, state == State.FAILED ? 4 : 1))
            .append(' ')
            .append(Messages.count(number(ids.get(state.text()))));
        separator = detail < 2 ? ", " : " ";
      }
    }
    if (detail < (waits ? 1 : 3)) {
      line.append(
          String.format(
              Locale.ROOT,
              ", %.1f of %.1f requests/s",
              decimal(run.get("requests_per_second")),
              decimal(run.get("limit_per_second"))));
      line.append(
          ranges == null
              ? String.format(Locale.ROOT, ", %,.0f ids/s", decimal(run.get("ids_per_second")))
              : String.format(
                  Locale.ROOT,
                  ", %,.0f %s/s",
                  decimal(ranges.get("per_second")),
                  ranges.get("unit")));
      line.append(", ")
          .append(Messages.count(number(run.get("retries"))))
          .append(number(run.get("retries")) == 1 ? " retry" : " retries");
    }
    if (waits) {
      String until =
          run.get("gives_up_at") == null
              ? ""
              : ", gives up at "
                  + Messages.clock(
                      Instant.parse(String.valueOf(run.get("gives_up_at"))).toEpochMilli());
      String why = String.valueOf(run.get("waiting_for"));
      // the rest is the reason, or the source's own message
      String what = detail == 0 ? why : why.replaceFirst("(?s)( \\(|: ).*", "");
      return line.append(", ")
          .append(Messages.cut(what, Math.max(12, most - line.length() - 2 - until.length())))
          .append(until)
          .toString();
    }
    if (run.get("seconds_left") != null) {
      line.append(", ")
          .append(Messages.time(Math.max(1, number(run.get("seconds_left"))) * 1000))
          .append(" left");
    }
    return line.toString();
  }

  private static String bar(double part) {
    int width = 20;
    int full = (int) Math.round(part * width);
    return "[" + "#".repeat(full) + "-".repeat(width - full) + "]";
  }

  private static long number(Object value) {
    return value == null ? 0 : ((Number) value).longValue();
  }

  private static double decimal(Object value) {
    return value == null ? 0 : ((Number) value).doubleValue();
  }
}
