package polymarket.backfill.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jline.utils.WCWidth;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;

/** Writes results for people and as JSON. */
final class Report {

  /** The most columns of a cell. */
  private static final int LONGEST = 70;

  private Report() {}

  static String json(Object value) {
    try {
      return Redaction.json().writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The summary of a job's run: the sums, the time, and the used share of the limit. */
  static String end(Map<String, Object> result, String note) {
    Map<?, ?> ledger = (Map<?, ?>) result.get("ledger");
    Map<?, ?> rows = (Map<?, ?>) result.get("rows");
    Map<?, ?> run = (Map<?, ?>) result.get("run");
    if (Integer.valueOf(0).equals(result.get("exit_code")) && number(ledger, "ids") == 0) {
      return result.get("job") + ": no ids, nothing to do\n";
    }
    StringBuilder text = new StringBuilder();
    text.append(result.get("job"))
        .append(result.get("worker") == null ? "" : " (worker " + result.get("worker") + ")")
        .append(": ")
        .append(result.get("state"))
        .append(" after ")
        .append(Messages.time(Math.round(decimal(run, "seconds") * 1000)))
        .append('\n');
    text.append("  ids     ")
        .append(count(ledger, "ids"))
        .append(" = ")
        .append(count(ledger, "found"))
        .append(" found + ")
        .append(count(ledger, "absent"))
        .append(" absent + ")
        .append(count(ledger, "unresolved"))
        .append(" unresolved + ")
        .append(count(ledger, "failed"))
        .append(" failed + ")
        .append(count(ledger, "pending"))
        .append(" pending\n");
    text.append("  rows    ")
        .append(count(ledger, "rows_fetched"))
        .append(" fetched = ")
        .append(count(ledger, "rows_inserted"))
        .append(" inserted + ")
        .append(count(ledger, "rows_duplicate"))
        .append(" duplicate + ")
        .append(count(ledger, "rows_rejected"))
        .append(" rejected")
        .append(Boolean.TRUE.equals(result.get("balanced")) ? "" : "   <- NOT BALANCED")
        .append(ledger.containsKey("rows_of") ? " (" + ledger.get("rows_of") + ")" : "")
        .append('\n');
    text.append("  this run: ")
        .append(count(run, "ids", "id"))
        .append(", ")
        .append(count(rows, "inserted", "row"))
        .append(" inserted, ")
        .append(count(run, "requests", "request"))
        .append(", ")
        .append(Messages.count(number(run, "retries")))
        .append(number(run, "retries") == 1 ? " retry, " : " retries, ");
    text.append(used(run)).append('\n');
    if (((Number) ledger.get("absent")).longValue() > 0 && !note.isEmpty()) {
      text.append("  note: ").append(note).append('\n');
    }
    return text.toString();
  }

  /** The share of the pace that a run used. */
  static String used(Map<?, ?> run) {
    return decimal(run, "limit_used") <= 0
        ? "too few requests to measure the pace"
        : String.format(
            Locale.ROOT,
            "%.1f%% of the pace of %.4g requests/s",
            100 * decimal(run, "limit_used"),
            decimal(run, "limit_per_second"));
  }

  private static String count(Map<?, ?> map, String key) {
    return Messages.count(number(map, key));
  }

  private static String count(Map<?, ?> map, String key, String thing) {
    return Messages.count(number(map, key), thing);
  }

  private static long number(Map<?, ?> map, String key) {
    return ((Number) map.get(key)).longValue();
  }

  private static double decimal(Map<?, ?> map, String key) {
    return ((Number) map.get(key)).doubleValue();
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
    StringBuilder text = new StringBuilder();
    line(text, heads, widths, rows.get(0), heads);
    for (List<String> line : cells) {
      line(text, line, widths, rows.get(0), heads);
    }
    return text.toString();
  }

  private static void line(
      StringBuilder text,
      List<String> cells,
      int[] widths,
      Map<String, ?> sample,
      List<String> heads) {
    StringBuilder line = new StringBuilder("  ");
    for (int i = 0; i < cells.size(); i++) {
      String pad = " ".repeat(widths[i] - width(cells.get(i)));
      boolean right = sample.get(heads.get(i)) instanceof Number;
      line.append(right ? pad + cells.get(i) : cells.get(i) + pad).append("  ");
    }
    text.append(line.toString().stripTrailing()).append('\n');
  }

  private static String cell(Object value) {
    if (value == null) {
      return "-";
    }
    if (value instanceof Integer
        || value instanceof Long
        || value instanceof java.math.BigInteger) {
      return String.format(Locale.ROOT, "%,d", value);
    }
    // values may be untrusted: a line break would break the table, an escape sequence could do
    // worse
    String text =
        Redaction.line(
            value instanceof Map || value instanceof List ? json(value) : String.valueOf(value));
    // output to a file or another program is not truncated
    if (width(text) <= LONGEST || !Boolean.getBoolean("backfill.terminal.output")) {
      return text;
    }
    StringBuilder begin = new StringBuilder();
    text.codePoints()
        .takeWhile(
            point -> width(begin.toString()) + Math.max(0, WCWidth.wcwidth(point)) <= LONGEST - 3)
        .forEach(begin::appendCodePoint);
    return begin + "...";
  }

  /**
   * The width of a text on a terminal in columns: two for a wide character, none for a combining
   * one.
   */
  static int width(String text) {
    return text.codePoints().map(point -> Math.max(0, WCWidth.wcwidth(point))).sum();
  }
}
