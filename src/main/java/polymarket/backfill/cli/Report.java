package polymarket.backfill.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jline.utils.WCWidth;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.job.Job;
import polymarket.backfill.run.JobResult;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.run.JobStatus;

/** Writes results for people and as JSON. */
final class Report {

  /** The most columns of a cell. */
  private static final int LONGEST = 70;

  /** The fewest columns that a cell is cut to. */
  private static final int NARROWEST = 12;

  private Report() {}

  static String json(Object value) {
    try {
      return Redaction.json().writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The end of a job's run: sums that add up, the time, and how much of the limit was used. */
  static String end(JobResult result, String note) {
    JobStatus status = result.status();
    JobStatus.LedgerSums ledger = status.ledger();
    JobStatus.Run run = status.run();
    if (result.exitCode() == 0 && ledger.ids() == 0) {
      return status.job() + ": no ids, nothing to do\n";
    }
    return status.job()
        + (status.worker() == null ? "" : " (worker " + status.worker() + ")")
        + ": "
        + status.state()
        + " after "
        + Messages.time(Math.round(run.seconds() * 1000))
        + "\n  ids     "
        + Messages.count(ledger.ids())
        + " = "
        + Messages.count(ledger.found())
        + " found + "
        + Messages.count(ledger.absent())
        + " absent + "
        + Messages.count(ledger.unresolved())
        + " unresolved + "
        + Messages.count(ledger.failed())
        + " failed + "
        + Messages.count(ledger.pending())
        + " pending\n  rows    "
        + Messages.count(ledger.rowsFetched())
        + " fetched = "
        + Messages.count(ledger.rowsInserted())
        + " inserted + "
        + Messages.count(ledger.rowsDuplicate())
        + " duplicate + "
        + Messages.count(ledger.rowsRejected())
        + " rejected"
        + (Boolean.TRUE.equals(status.balanced()) ? "" : "   <- NOT BALANCED")
        + (ledger.rowsOf() == null ? "" : " (" + ledger.rowsOf() + ")")
        + "\n  this run: "
        + Messages.count(run.ids(), "id")
        + ", "
        + Messages.count(status.rows().inserted(), "row")
        + " inserted"
        // the ledger counts the rows of a batch when it marks the batch
        + (status.rows().inserted() > ledger.rowsInserted() ? ", some of ids that are pending" : "")
        + ", "
        + calls(run)
        + "\n"
        // where ids failed, what to do about them takes its place
        + (ledger.absent() > 0 && ledger.failed() == 0 && !note.isEmpty()
            ? "  note: " + note + "\n"
            : "");
  }

  /** What a run asked for, and how much of the pace it used. */
  static String calls(JobStatus.Run run) {
    boolean known = run.leastRequests() != null && run.requests() > 0;
    return Messages.count(run.requests(), "request")
        + (known ? " (" + Messages.count(run.leastRequests()) + " at least)" : "")
        + ", "
        + Messages.count(run.retries())
        + (run.retries() == 1 ? " retry, " : " retries, ")
        + (run.limitUsed() == null
            ? "too few requests to measure the pace"
            : percent(run.limitUsed())
                + (run.changedLimit() == null
                    ? String.format(Locale.ROOT, " of %.4g requests/s", run.limitPerSecond())
                    : " of the pace")
                + (run.sharedLimit() == null ? "" : " with the other jobs")
                + (run.changedLimit() == null ? "" : ", which was changed during the run")
                + (run.usefulPace() != null
                        && !percent(run.usefulPace()).equals(percent(run.limitUsed()))
                    ? ", " + percent(run.usefulPace()) + " for needed ones"
                    : ""));
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f%%", 100 * share);
  }

  /** Records as the rows of a table: a column for each field, named as in JSON. */
  static List<Map<String, Object>> rows(List<?> records) {
    return Redaction.json().convertValue(records, new TypeReference<>() {});
  }

  /** Rows as a table with a header; numbers are right-aligned. */
  static String table(List<? extends Map<String, ?>> rows) {
    if (rows.isEmpty()) {
      return "  (none)\n";
    }
    List<String> heads = new ArrayList<>(rows.get(0).keySet());
    int[] widths = heads.stream().mapToInt(Report::width).toArray();
    List<List<String>> cells = new ArrayList<>();
    for (Map<String, ?> row : rows) {
      List<String> line = new ArrayList<>();
      for (int i = 0; i < heads.size(); i++) {
        String cell = cell(row.get(heads.get(i)));
        widths[i] = Math.max(widths[i], width(cell));
        line.add(cell);
      }
      cells.add(line);
    }
    String gap = "  ";
    if (Boolean.getBoolean("backfill.terminal.output")) {
      fit(widths, rows.get(0), heads);
      cells.forEach(line -> shorten(line, widths));
      // numbers are never cut
      gap = isWide(widths) ? " " : gap;
    }
    StringBuilder text = new StringBuilder();
    line(text, heads, widths, gap, rows.get(0));
    for (List<String> line : cells) {
      line(text, line, widths, gap, rows.get(0));
    }
    return text.toString();
  }

  /** Makes the widest columns of texts narrower, until the table is as wide as the terminal. */
  private static void fit(int[] widths, Map<String, ?> sample, List<String> heads) {
    while (isWide(widths)) {
      int widest = -1;
      for (int i = 0; i < widths.length; i++) {
        boolean text = !(sample.get(heads.get(i)) instanceof Number);
        if (text
            && widths[i] > Math.max(NARROWEST, width(heads.get(i)))
            && (widest < 0 || widths[i] > widths[widest])) {
          widest = i;
        }
      }
      if (widest < 0) {
        return;
      }
      widths[widest]--;
    }
  }

  private static boolean isWide(int[] widths) {
    return 2 * widths.length + IntStream.of(widths).sum() > Terminal.columns();
  }

  private static void shorten(List<String> cells, int[] widths) {
    for (int i = 0; i < widths.length; i++) {
      cells.set(i, cut(cells.get(i), widths[i]));
    }
  }

  /** A text of at most so many columns: words are cut at the end, an id in the middle. */
  static String cut(String text, int most) {
    if (width(text) <= most) {
      return text;
    }
    int tail = text.contains(" ") ? 0 : (most - 1) / 2;
    String reversed = new StringBuilder(text).reverse().toString();
    return begin(text, most - 1 - tail) + "…" + new StringBuilder(begin(reversed, tail)).reverse();
  }

  private static String begin(String text, int most) {
    StringBuilder begin = new StringBuilder();
    text.codePoints()
        .takeWhile(point -> width(begin.toString()) + width(Character.toString(point)) <= most)
        .forEach(begin::appendCodePoint);
    return begin.toString();
  }

  private static void line(
      StringBuilder text, List<String> cells, int[] widths, String gap, Map<String, ?> sample) {
    StringBuilder line = new StringBuilder(" ");
    int i = 0;
    for (Object value : sample.values()) {
      String cell = cells.get(i);
      String pad = " ".repeat(widths[i] - width(cell));
      line.append(i == 0 ? " " : gap).append(value instanceof Number ? pad + cell : cell + pad);
      i++;
    }
    text.append(line.toString().stripTrailing()).append('\n');
  }

  private static String cell(Object value) {
    if (value == null) {
      return "-";
    }
    if (value instanceof Number number) {
      return Messages.number(number);
    }
    // values may be untrusted: a line break would break the table, an escape sequence could do
    // worse
    String text =
        Redaction.line(
            value instanceof Map || value instanceof List ? json(value) : String.valueOf(value));
    // output to a file or another program is not truncated
    return Boolean.getBoolean("backfill.terminal.output") ? cut(text, LONGEST) : text;
  }

  /**
   * The width of a text on a terminal in columns: two for a wide character, none for a combining
   * one.
   */
  static int width(String text) {
    return text.codePoints().map(point -> Math.max(0, WCWidth.wcwidth(point))).sum();
  }

  /**
   * Prints how runs ended.
   *
   * @return the exit code for all of them
   */
  static int end(List<JobRun.Result> results, List<Job> jobs, boolean json) {
    List<JobResult> ended = results.stream().flatMap(result -> result.jobs().stream()).toList();
    ExitCode exit = ExitCode.worst(results.stream().map(JobRun.Result::exit).toList());
    if (json) {
      if (!ended.isEmpty()) {
        System.out.println(
            json(
                ended.size() == 1
                    ? ended.get(0)
                    : Map.of("exit_code", exit.code(), "jobs", ended)));
      }
    } else {
      Map<String, String> notes =
          jobs.stream().collect(Collectors.toMap(Job::getName, Job::getSourceNote));
      ended.forEach(result -> System.out.print(end(result, notes.get(result.status().job()))));
    }
    results.stream()
        .filter(result -> result.reason() != null)
        .forEach(result -> System.err.println("backfill: " + result.reason()));
    return exit.code();
  }
}
