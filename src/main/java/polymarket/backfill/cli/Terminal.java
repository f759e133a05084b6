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
import java.util.function.UnaryOperator;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.State;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.run.JobStatus;
import polymarket.backfill.run.Progress;
import polymarket.backfill.run.RunState;

/**
 * The progress of a run: on a terminal one line that is redrawn, otherwise a plain line every ten
 * seconds; messages appear above it. Everything is written to standard error, so that standard
 * output has only results. With the system property backfill.progress, the line is instead written
 * to the file that it names, for the process that shows it, and is at most backfill.progress.width
 * characters long.
 */
final class Terminal implements Messages, JobRun.Watcher {
  /** The least of a line that is too long: without the numbers of each state. */
  private static final int LEAST_DETAIL = 4;

  private static final int PLAIN_EVERY_TICKS = 10;

  /** Where the width of the terminal is not known. */
  private static final int USUAL_COLUMNS = 80;

  private final PrintStream err = System.err;

  /** Receives cursor movements. */
  private final PrintStream screen = Redaction.rawErr();

  /** Keeps the messages for the page; null where they are not kept. */
  private final EventLog events;

  private final boolean redraw;
  private final boolean quiet;
  private final Path progressFile =
      System.getProperty("backfill.progress") == null
          ? null
          : Path.of(System.getProperty("backfill.progress"));
  private ProgressBar bar;
  private volatile List<JobStatus> jobs = List.of();
  private int ticks;
  private volatile String statusLine = "";
  private long shownAt = System.nanoTime();

  /**
   * @param quiet no progress at all, only messages
   */
  Terminal(boolean quiet) {
    this(quiet, null);
  }

  /**
   * @param quiet no progress at all, only messages
   * @param events keeps the messages, too
   */
  Terminal(boolean quiet, EventLog events) {
    this.events = events;
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

  @Override
  public void event(String line) {
    if (events != null) {
      events.add(line);
    }
  }

  private void above(String line) {
    event(line);
    print(line);
  }

  private void print(String line) {
    String time =
        LocalTime.now()
            .truncatedTo(ChronoUnit.SECONDS)
            .format(java.time.format.DateTimeFormatter.ISO_LOCAL_TIME);
    pass(time + " " + line);
  }

  /** Prints a line of another process of this program above the progress, as it is. */
  synchronized void pass(String line) {
    if (bar != null) {
      screen.print("\r\033[K");
      screen.flush();
    }
    err.println(Redaction.line(line));
    err.flush();
  }

  @Override
  public synchronized void tick(List<Progress> progress) {
    jobs = progress.stream().map(job -> job.snapshot(RunState.RUNNING)).toList();
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
      print(line(jobs, 1000));
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

    private final UnaryOperator<String> colour = Colour.of(true);
    private final PrintStream to;

    Screen(PrintStream to) {
      super(to);
      this.to = to;
    }

    /** The line fits the terminal already; what a longer one before it left is erased. */
    @Override
    public void accept(String line) {
      to.print("\r" + colour.apply(line) + "\033[K");
      to.flush();
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

  /** The width of the terminal when the program began, in characters; the launcher asks for it. */
  static int columns() {
    return Integer.getInteger("backfill.columns", USUAL_COLUMNS);
  }

  /** The width for a progress line that another process makes; 0 without a terminal. */
  static int progressWidth() {
    return Boolean.getBoolean("backfill.terminal") ? width() : 0;
  }

  /** All that is worth knowing in one line of a width; what fits least is left out first. */
  static String line(List<JobStatus> jobs, int width) {
    String text = "";
    for (int detail = 0; detail <= LEAST_DETAIL; detail++) {
      List<String> parts = new ArrayList<>();
      for (JobStatus job : jobs) {
        parts.add(line(job, detail, 1000));
      }
      text = String.join("  |  ", parts);
      if (text.length() < width) {
        return text;
      }
    }
    if (jobs.size() == 1) {
      text = line(jobs.get(0), LEAST_DETAIL, width - 1);
    }
    return text.substring(0, Math.max(0, Math.min(text.length(), width - 1)));
  }

  /**
   * @param detail 0 for everything, up to {@link #LEAST_DETAIL}
   * @param most the longest line, if the reason for waiting can be truncated
   */
  private static String line(JobStatus job, int detail, int most) {
    JobStatus.Run run = job.run();
    boolean waits = run.waitingFor() != null;
    StringBuilder line = new StringBuilder(done(job, detail));
    if (detail < (waits ? 3 : LEAST_DETAIL)) {
      line.append(detail < 2 ? ", " : " ").append(states(job, detail < 2));
    }
    if (detail < (waits ? 1 : 3)) {
      line.append(speed(job));
    }
    if (waits) {
      String until =
          run.givesUpAt() == null
              ? ""
              : ", gives up at " + Messages.clock(Instant.parse(run.givesUpAt()).toEpochMilli());
      // what stands behind it is the reason, or the source's own words
      String what =
          detail == 0 ? run.waitingFor() : run.waitingFor().replaceFirst("(?s)( \\(|: ).*", "");
      return line.append(", ")
          .append(Messages.cut(what, Math.max(12, most - line.length() - 2 - until.length())))
          .append(until)
          .toString();
    }
    // another job of the run may still go on where nothing is left of this one
    if (run.secondsLeft() != null && run.secondsLeft() > 0) {
      line.append(", ").append(Messages.time(run.secondsLeft() * 1000)).append(" left");
    }
    return line.toString();
  }

  private static String done(JobStatus job, int detail) {
    JobStatus.Numbers ranges = job.numbers();
    long total = ranges == null ? job.ids().total() : ranges.total();
    long done = ranges == null ? total - job.ids().pending() : ranges.done();
    return job.job()
        + " "
        + Messages.count(done)
        + "/"
        + Messages.count(total)
        + (ranges == null || detail >= 3 ? "" : " " + ranges.unit())
        + String.format(
            Locale.ROOT, " %.1f%%", total == 0 ? 100.0 : Math.floor(1000.0 * done / total) / 10)
        + (detail == 0 ? " " + bar(total == 0 ? 1 : (double) done / total) : "");
  }

  private static String states(JobStatus job, boolean words) {
    List<String> parts = new ArrayList<>();
    for (State state : List.of(State.FOUND, State.ABSENT, State.UNRESOLVED, State.FAILED)) {
      String name = words ? state.text() : state.text().substring(0, state == State.FAILED ? 4 : 1);
      parts.add(name + " " + Messages.count(job.ids().of(state)));
    }
    // of ranges, the line counts numbers before and ranges here
    return (words && job.numbers() != null ? "ranges: " : "")
        + String.join(words ? ", " : " ", parts);
  }

  private static String speed(JobStatus job) {
    JobStatus.Run run = job.run();
    if (job.waitsFor() != null) {
      return ", waits for " + job.waitsFor();
    }
    if (run.requests() == 0) {
      return job.ids().pending() == 0 ? "" : ", no answer yet";
    }
    return ", "
        + Messages.paced(run.requestsPerSecond(), run.limitPerSecond())
        + ", "
        + (job.numbers() == null
            ? Messages.rate(run.idsPerSecond(), "ids")
            : Messages.rate(job.numbers().perSecond(), job.numbers().unit()))
        + ", "
        + Messages.count(run.retries())
        + (run.retries() == 1 ? " retry" : " retries");
  }

  private static String bar(double part) {
    int width = 20;
    int full = (int) (part * width);
    return "[" + "#".repeat(full) + "-".repeat(width - full) + "]";
  }
}
