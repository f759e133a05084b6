package polymarket.backfill.job;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import polymarket.backfill.Redaction;
import polymarket.backfill.UserError;

/**
 * Writes what was checked as one HTML file that needs nothing else: tables, and charts where a
 * check's section says {@code chart=columns} (its first column along the axis, a column for each
 * other one that ends in _pct, or is a number), {@code chart=bars} or {@code chart=funnel} (its
 * first column's texts, its first number's lengths).
 */
public final class HtmlReport {

  private static final int WIDTH = 860;
  private static final int HEIGHT = 240;
  private static final int LEFT = 56;

  /** Half of a label, which stands in the middle of its column. */
  private static final int RIGHT = WIDTH - 28;

  private static final int MOST_LABELS = 14;
  private static final String BEGIN = "<main>\n";
  private static final String END = "</main>";
  private static final List<String> COLOURS =
      List.of("#9aa7b8", "#2f6fd0", "#d9822b", "#3a9a62", "#a855b5");
  private static final String STYLE =
      """
      :root{color-scheme:light dark;--ink:#1b2430;--soft:#5d6b7c;--line:#d9dfe7;--paper:#fff;--good:#2f8f5b;--bad:#c2402f}
      @media(prefers-color-scheme:dark){:root{--ink:#e5e9ef;--soft:#9aa7b8;--line:#36404c;--paper:#161b22}}
      body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
      h1{font-size:1.6rem;margin-bottom:0}main h1{font-size:1.3rem;margin-top:3rem;border-top:1px solid var(--line);padding-top:1.2rem}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}p{color:var(--soft);margin:.3rem 0}
      table{border-collapse:collapse;font-size:.85rem;display:block;overflow-x:auto}th,td{text-align:left;padding:.25rem .7rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere;min-width:3.5rem}
      th{color:var(--soft);font-weight:600;overflow-wrap:normal}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.ok{color:var(--good)}.no{color:var(--bad);font-weight:700}
      .chart,pre{overflow-x:auto}pre{font-size:.8rem;line-height:1.35}svg{width:100%;min-width:40rem;height:auto;display:block;margin:.4rem 0 1rem}svg text{fill:var(--ink);font-size:12px}svg .soft{fill:var(--soft)}svg line{stroke:var(--line)}
      """;

  private HtmlReport() {}

  /**
   * Writes what was checked.
   *
   * @throws UserError where the file cannot be written
   */
  public static void write(Path file, String title, Checks.Found found) {
    write(file, title, content(found));
  }

  /**
   * Writes a page.
   *
   * @param content of its parts, each made here
   * @throws UserError where the file cannot be written
   */
  public static void write(Path file, String title, String content) {
    try {
      if (file.toAbsolutePath().getParent() != null) {
        Files.createDirectories(file.toAbsolutePath().getParent());
      }
      Files.writeString(
          file,
          "<!doctype html>\n"
              + "<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\""
              + " content=\"width=device-width\"><title>"
              + escape(title)
              + "</title>\n<style>\n"
              + STYLE
              + "</style></head><body>\n<h1>"
              + escape(title)
              + "</h1>\n<p>"
              + Instant.now().toString().substring(0, 16)
              + "Z</p>\n"
              + BEGIN
              + content
              + END
              + "</body></html>\n",
          StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UserError(
          "cannot write " + file + ": " + e.getMessage() + "; give another file with --report");
    }
  }

  /**
   * What stands below the title of a page that was written here, to be a part of another one.
   *
   * @throws UserError where it cannot be read
   */
  public static String content(Path file) {
    try {
      String html = Files.readString(file);
      int end = html.lastIndexOf(END);
      // texts are escaped: no data has these in it
      return html.contains(BEGIN) && end >= 0
          ? html.substring(html.indexOf(BEGIN) + BEGIN.length(), end)
          : text(html);
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + e.getMessage());
    }
  }

  private static String content(Checks.Found found) {
    StringBuilder html = new StringBuilder();
    for (String failed : found.failed()) {
      html.append("<p class=\"no\">").append(escape(failed)).append("</p>\n");
    }
    for (Checks.Table table : found.tables()) {
      html.append("<h2>").append(escape(table.title())).append("</h2>\n");
      if (table.why() != null || table.rows().isEmpty()) {
        html.append("<p>")
            .append(table.why() == null ? "none" : "not checked: " + escape(table.why()))
            .append("</p>\n");
        continue;
      }
      html.append(
          switch (table.section().attributes().getOrDefault("chart", "")) {
            case "columns" -> columns(table.rows());
            case "bars" -> bars(table.rows(), false);
            case "funnel" -> bars(table.rows(), true);
            default -> "";
          });
      html.append(table(table.rows()));
    }
    if (!found.values().isEmpty()) {
      html.append("<h2>Measures</h2>\n")
          .append(table(found.values().stream().map(value -> value.line(false)).toList()));
    }
    return html.toString();
  }

  /** A part's title. */
  public static String heading(String title) {
    return "<h1>" + escape(title) + "</h1>\n";
  }

  /** A line. */
  public static String line(String line) {
    return "<p>" + escape(line) + "</p>\n";
  }

  /** A text as it was printed. */
  public static String text(String text) {
    return "<pre>" + escape(text) + "</pre>\n";
  }

  /** Rows, of which there is at least one, with the first one's names as titles. */
  public static String table(List<Map<String, Object>> rows) {
    StringBuilder html = new StringBuilder();
    html.append("<table><thead><tr>");
    rows.get(0)
        .forEach(
            (name, value) ->
                html.append(value instanceof Number ? "<th class=\"n\">" : "<th>")
                    .append(escape(name.replaceFirst("_pct$", " %").replace('_', ' ')))
                    .append("</th>"));
    html.append("</tr></thead><tbody>\n");
    for (Map<String, Object> row : rows) {
      html.append("<tr>");
      row.forEach(
          (name, value) ->
              html.append(
                      value instanceof Number
                          ? "<td class=\"n\">"
                          : "NO".equals(value)
                              ? "<td class=\"no\">"
                              : "yes".equals(value) ? "<td class=\"ok\">" : "<td>")
                  .append(escape(text(value)))
                  .append("</td>"));
      html.append("</tr>\n");
    }
    return html.append("</tbody></table>\n").toString();
  }

  /** Groups of columns side by side along an axis. */
  private static String columns(List<Map<String, Object>> rows) {
    List<String> names = rows.get(0).keySet().stream().toList();
    List<String> shares = names.stream().filter(name -> name.endsWith("_pct")).toList();
    List<String> series =
        !shares.isEmpty()
            ? shares
            : names.stream()
                .skip(1)
                .filter(name -> rows.get(0).get(name) instanceof Number)
                .toList();
    double most =
        !shares.isEmpty()
            ? 100
            : Math.max(
                1e-9,
                rows.stream()
                    .flatMap(row -> series.stream().map(row::get))
                    .mapToDouble(HtmlReport::number)
                    .max()
                    .orElse(1));
    int base = HEIGHT - 40;
    StringBuilder svg =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "<div class=\"chart\"><svg viewBox=\"0 0 %d %d\" role=\"img\">",
                WIDTH,
                HEIGHT));
    for (int i = 0; i <= 4; i++) {
      double y = base - i * (base - 24) / 4.0;
      svg.append(
          String.format(
              Locale.ROOT,
              "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"soft\" x=\"%d\""
                  + " y=\"%.1f\" text-anchor=\"end\">%s</text>",
              LEFT,
              RIGHT,
              y,
              y,
              LEFT - 6,
              y + 4,
              escape(text(Math.round(most * i / 4)) + (shares.isEmpty() ? "" : "%"))));
    }
    double group = (double) (RIGHT - LEFT) / rows.size();
    double width = Math.min(28, group * 0.8 / Math.max(1, series.size()));
    for (int i = 0; i < rows.size(); i++) {
      double middle = LEFT + group * (i + 0.5);
      for (int k = 0; k < series.size(); k++) {
        double value = number(rows.get(i).get(series.get(k)));
        double height = (base - 24) * Math.min(1, Math.max(0, value / most));
        svg.append(
            String.format(
                Locale.ROOT,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\""
                    + " fill=\"%s\"><title>%s</title></rect>",
                middle + (k - series.size() / 2.0) * width,
                base - height,
                width * 0.92,
                height,
                COLOURS.get(k % COLOURS.size()),
                escape(
                    first(rows.get(i))
                        + ", "
                        + series.get(k).replaceFirst("_pct$", " %").replace('_', ' ')
                        + ": "
                        + text(rows.get(i).get(series.get(k))))));
      }
      if (i % ((rows.size() + MOST_LABELS - 1) / MOST_LABELS) == 0) {
        svg.append(
            String.format(
                Locale.ROOT,
                "<text class=\"soft\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>",
                middle,
                base + 16,
                escape(first(rows.get(i)))));
      }
    }
    for (int k = 0; k < series.size(); k++) {
      svg.append(
          String.format(
              Locale.ROOT,
              "<rect x=\"%d\" y=\"2\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%d\""
                  + " y=\"12\">%s</text>",
              LEFT + k * 150,
              COLOURS.get(k % COLOURS.size()),
              LEFT + 16 + k * 150,
              escape(series.get(k).replace("_pct", "").replace('_', ' '))));
    }
    return svg.append("</svg></div>\n").toString();
  }

  /** One bar a row; those of a funnel stand in the middle and say their share of the first. */
  private static String bars(List<Map<String, Object>> rows, boolean funnel) {
    String name =
        rows.get(0).entrySet().stream()
            .skip(1)
            .filter(entry -> entry.getValue() instanceof Number)
            .map(Map.Entry::getKey)
            .findFirst()
            .orElse(null);
    if (name == null) {
      return "";
    }
    double most =
        Math.max(1e-9, rows.stream().mapToDouble(row -> number(row.get(name))).max().orElse(1));
    int left = 230;
    int room = WIDTH - left - 150;
    StringBuilder svg =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "<div class=\"chart\"><svg viewBox=\"0 0 %d %d\" role=\"img\">",
                WIDTH,
                rows.size() * 26 + 4));
    for (int i = 0; i < rows.size(); i++) {
      double value = number(rows.get(i).get(name));
      double width = Math.max(1, room * value / most);
      String label = first(rows.get(i)).isEmpty() ? "(none)" : first(rows.get(i));
      svg.append(
          String.format(
              Locale.ROOT,
              "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text><rect x=\"%.1f\" y=\"%d\""
                  + " width=\"%.1f\" height=\"20\" rx=\"2\""
                  + " fill=\"%s\"><title>%s</title></rect><text class=\"soft\" x=\"%.1f\""
                  + " y=\"%d\">%s</text>",
              left - 8,
              i * 26 + 18,
              escape(label.length() > 34 ? label.substring(0, 33) + "…" : label),
              funnel ? left + (room - width) / 2 : left,
              i * 26 + 3,
              width,
              COLOURS.get(1),
              escape(label + ": " + text(rows.get(i).get(name))),
              funnel ? left + room + 8.0 : left + width + 8,
              i * 26 + 18,
              escape(
                  text(rows.get(i).get(name))
                      + (funnel
                          ? String.format(
                              Locale.ROOT,
                              " (%.1f%%)",
                              100 * value / Math.max(1e-9, number(rows.get(0).get(name))))
                          : ""))));
    }
    return svg.append("</svg></div>\n").toString();
  }

  private static String first(Map<String, Object> row) {
    return text(row.values().iterator().next());
  }

  private static double number(Object value) {
    return value instanceof Number number ? number.doubleValue() : 0;
  }

  private static String text(Object value) {
    return value == null
        ? ""
        : value instanceof Integer || value instanceof Long || value instanceof java.math.BigInteger
            ? String.format(Locale.ROOT, "%,d", value)
            : String.valueOf(value);
  }

  private static String escape(String text) {
    return Redaction.text(text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }
}
