package polymarket.backfill.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import polymarket.backfill.Messages;
import polymarket.backfill.benchmark.Figures;
import polymarket.backfill.benchmark.Scenario;

/** The figures of a job's benchmark, for people. */
final class BenchmarkReport {

  private final Scenario scenario;
  private final StringBuilder text = new StringBuilder();

  private BenchmarkReport(Scenario scenario) {
    this.scenario = scenario;
  }

  /**
   * @param result of the whole benchmark
   * @param parts of it, each with its figures
   */
  static String text(
      Scenario scenario, Map<String, Object> result, List<Map<String, Object>> parts) {
    BenchmarkReport report = new BenchmarkReport(scenario);
    report
        .text
        .append(scenario.job())
        .append(": ")
        .append(Messages.count((Long) result.get("ids")))
        .append(' ')
        .append(scenario.unit())
        .append(", ")
        .append(result.get("cores"))
        .append(" cores\n");
    if (result.get("shorter") != null) {
      report.text.append("A shorter run: ").append(result.get("shorter")).append(".\n");
    }
    parts.forEach(report::part);
    report.speeds(result);
    return report.text.append('\n').append(Figures.BESIDE).toString();
  }

  private void speeds(Map<String, Object> result) {
    if (result.get("shared_ledger_costs") != null) {
      text.append(
          String.format(
              Locale.ROOT,
              "%nThe shared ledger costs one process %.1f%% of its ids/s with limits off.%n",
              100 * decimal(result.get("shared_ledger_costs"))));
    }
    if (result.get("members_to_one_member") != null) {
      text.append(
          String.format(
              Locale.ROOT,
              "All members together do %.2f times the ids/s of one.%n",
              decimal(result.get("members_to_one_member"))));
    }
  }

  private void part(Map<String, Object> part) {
    text.append('\n').append(part.get("part")).append('\n');
    line(
        "time",
        "%.1f s from start to end, of these %.1f s before the first batch%s",
        part.get("seconds"),
        part.get("seconds_before_the_first_batch"),
        part.containsKey("seconds_of_all_runs")
            ? " (all runs: " + part.get("seconds_of_all_runs") + ")"
            : "");
    line(
        "speed",
        "%,d %s/s (%,d with the start), %,d rows/s stored in %,d inserts, %,d rows an insert",
        part.get("ids_per_second"),
        scenario.unit(),
        part.get("ids_per_second_with_start"),
        part.get("rows_per_second"),
        part.get("inserts"),
        part.get("rows_per_insert"));
    if (part.containsKey("limit_used")) {
      limit(part);
    }
    line(
        "requests",
        "%,d, of %,d at least, %.4g a second; %,d retries",
        part.get("requests"),
        part.get("least_requests"),
        part.get("requests_per_second"),
        part.get("retries"));
    line("batches", "%s; those in flight at once add up", String.join(", ", shares(part)));
    rows((Map<?, ?>) part.get("rows"));
    if (part.get("heap") instanceof Map<?, ?> heap) {
      line(
          "heap",
          "at most %s alive in each third of the time, of %s",
          bytes(heap.get("alive_at_the_most_by_thirds")),
          Figures.bytes(heap.get("limit_bytes")));
      line("resident", "%s at each tenth of the time", bytes(part.get("resident_bytes_by_tenths")));
    }
    List<Map<String, Object>> processes = new ArrayList<>();
    for (Object process : (List<?>) part.get("processes")) {
      Map<?, ?> of = (Map<?, ?>) process;
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("process", of.get("process"));
      row.put("CPU seconds", of.get("cpu_seconds"));
      row.put("peak resident", Figures.bytes(of.get("peak_resident_bytes")));
      processes.add(row);
    }
    text.append(Report.table(processes).indent(2));
  }

  private static List<String> bytes(Object list) {
    return ((List<?>) list).stream().map(Figures::bytes).toList();
  }

  private void limit(Map<String, Object> part) {
    line(
        "limit",
        "%.1f%% of %.4g requests/s used (%.1f%% for needed ones), from the first request to the"
            + " last, %.1f s later; %.1f%% of the route's pace of %.4g requests/s",
        100 * decimal(part.get("limit_used")),
        part.get("limit_per_second"),
        100 * decimal(part.get("useful_pace")),
        part.get("seconds_of_requests"),
        100 * decimal(part.get("pace_used")),
        part.get("pace_per_second"));
    if (part.containsKey("seconds_between_their_starts")) {
      line(
          "workers",
          "started %.1f s apart, and used %s of their shares",
          part.get("seconds_between_their_starts"),
          percents(part.get("limit_used_by_each_of_its_part")));
    }
    line(
        "windows",
        "at most %,d in any %.4g s (%,d are allowed), %,d requests over the limit%s; the sandbox"
            + " was late by %,d ms at the most",
        part.get("highest_in_a_window"),
        part.get("window_seconds"),
        part.get("allowed_in_a_window"),
        part.get("arrivals_over_the_limit"),
        part.containsKey("limit_used_in_all_runs") ? " in all runs together" : "",
        part.get("sandbox_late_ms"));
    if (part.containsKey("seconds_to_take_over")) {
      line(
          "take-over",
          "%.2f s after the kill, other members had all batches of the killed one",
          part.get("seconds_to_take_over"));
    }
    if (part.containsKey("limit_used_in_all_runs")) {
      line("all runs", "%s of the limit used", percents(part.get("limit_used_in_all_runs")));
    }
  }

  private static String percents(Object shares) {
    return ((List<?>) shares)
        .stream()
            .map(used -> String.format(Locale.ROOT, "%.1f%%", 100 * decimal(used)))
            .collect(Collectors.joining(", "));
  }

  /** What each step took, and its share of all. */
  private static List<String> shares(Map<String, Object> part) {
    Map<?, ?> spent = (Map<?, ?>) part.get("seconds_in");
    double all = spent.values().stream().mapToDouble(BenchmarkReport::decimal).sum();
    List<String> shares = new ArrayList<>();
    spent.forEach(
        (step, seconds) ->
            shares.add(
                String.format(
                    Locale.ROOT,
                    "%s %.1f s (%.0f%%)",
                    String.valueOf(step).replace('_', ' '),
                    decimal(seconds),
                    all == 0 ? 0 : 100 * decimal(seconds) / all)));
    return shares;
  }

  private void rows(Map<?, ?> rows) {
    List<String> kinds = new ArrayList<>();
    scenario.stored().keySet().stream()
        .sorted()
        .forEach(
            kind ->
                kinds.add(
                    String.format(
                        Locale.ROOT,
                        "%,d %s (truth: %,d)",
                        rows.get(kind),
                        kind,
                        rows.get(kind + "_in_truth"))));
    line(
        "rows",
        "%s: %s",
        String.join(", ", kinds),
        Boolean.TRUE.equals(rows.get("equal")) ? "equal" : "NOT EQUAL");
  }

  private void line(String label, String format, Object... values) {
    text.append(String.format(Locale.ROOT, "  %-10s", label))
        .append(String.format(Locale.ROOT, format, values))
        .append('\n');
  }

  private static double decimal(Object number) {
    return ((Number) number).doubleValue();
  }
}
