package polymarket.backfill.cli;

import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.TradesInput;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.State;

/** Coverage, progress and recent rows in one view. */
@Command(
    name = "monitor",
    description =
        "Show the current coverage, the progress of jobs, and the rows of the last seven days.")
final class MonitorCommand implements Callable<Integer> {

  /** The number of the ledger's ids in one query. */
  private static final int IDS_A_QUERY = 5_000;

  @Mixin private Common common;

  @Option(names = "--watch", description = "Refresh every ten seconds until Ctrl-C.")
  private boolean watch;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() throws InterruptedException {
    Settings settings = common.settings();
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      while (true) {
        Map<String, Object> view = new LinkedHashMap<>();
        view.put("coverage", coverage(settings, clickHouse));
        view.put("reads", reads(settings, clickHouse));
        view.put("jobs", StatusCommand.statuses(settings, Job.names(Common.home())));
        view.put("recent", recent(settings, clickHouse));
        String text = json ? Report.json(view) + "\n" : text(view);
        if (watch && !json && Boolean.getBoolean("backfill.terminal")) {
          Redaction.rawOut().print("\033[H\033[2J");
          Redaction.rawOut().flush();
        }
        System.out.print(text);
        System.out.flush();
        if (!watch) {
          return 0;
        }
        Thread.sleep(10_000);
      }
    }
  }

  private static List<Map<String, Object>> coverage(Settings settings, ClickHouse clickHouse) {
    List<Map<String, Object>> lines = new ArrayList<>();
    for (SqlFile.Section section : SqlFile.read("monitor").sections("coverage")) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("what", section.title());
      String missing = Views.missing(clickHouse, settings, section);
      if (missing == null) {
        Map<String, Object> counts = clickHouse.rows(section.statements().get(0), Map.of()).get(0);
        long covered = ((Number) counts.get("covered")).longValue();
        long total = ((Number) counts.get("total")).longValue();
        covered +=
            section.statements().size() < 3
                ? 0
                : among(settings, clickHouse, section, State.FOUND, section.statements().get(2));
        long absent =
            among(settings, clickHouse, section, State.ABSENT, section.statements().get(1));
        line.put("covered", covered);
        line.put("of", total);
        line.put("coverage", share(covered, total));
        line.put("proved_absent", absent);
        line.put("without_absent", share(covered, total - absent));
        line.put("missing", total - absent - covered);
        line.put("note", beyondGamma(counts));
      } else {
        for (String column :
            List.of("covered", "of", "coverage", "proved_absent", "without_absent", "missing")) {
          line.put(column, null);
        }
        line.put("note", missing);
      }
      lines.add(line);
    }
    return lines;
  }

  /** Which columns are read of tables of others, a line each. */
  private static List<String> reads(Settings settings, ClickHouse clickHouse) {
    boolean read =
        SqlFile.read("monitor").sections("coverage").stream()
            .anyMatch(
                section ->
                    section.attributes().containsKey("reads")
                        && Views.missing(clickHouse, settings, section) == null);
    return read ? List.of(TradesInput.of(clickHouse, settings).reads()) : List.of();
  }

  /** How many of the counted ids Gamma does not list, if the statement has that number. */
  private static String beyondGamma(Map<String, Object> counts) {
    long beyond = counts.get("beyond_gamma") instanceof Number number ? number.longValue() : 0;
    return beyond == 0
        ? ""
        : Messages.count(beyond)
            + " of them are not in Gamma's list, but in the CLOB, Goldsky or the chain";
  }

  /**
   * Counts, with a statement of the section, ids that its ledgers have in a state, such as those
   * that are not covered.
   */
  private static long among(
      Settings settings, ClickHouse clickHouse, SqlFile.Section section, State state, String sql) {
    long[] sum = {0};
    List<String> ids = new ArrayList<>();
    try (LedgerValues ledgers = new LedgerValues(settings, List.of())) {
      ledgers.ids(
          section.attributes().get("ledger"),
          state,
          id -> {
            ids.add(id);
            if (ids.size() == IDS_A_QUERY) {
              sum[0] += count(clickHouse, sql, ids);
              ids.clear();
            }
          });
    }
    return sum[0] + (ids.isEmpty() ? 0 : count(clickHouse, sql, ids));
  }

  private static long count(ClickHouse clickHouse, String sql, List<String> ids) {
    return ((Number) clickHouse.value(SqlFile.fill(sql, Map.of("ids", ids)))).longValue();
  }

  private static String share(long part, long of) {
    // 100 only if nothing is missing
    return of <= 0
        ? "-"
        : String.format(
            Locale.ROOT,
            "%.2f%%",
            part < of ? Math.min(99.99, 100.0 * part / of) : 100.0 * part / of);
  }

  private static List<Map<String, Object>> recent(Settings settings, ClickHouse clickHouse) {
    List<Map<String, Object>> lines = new ArrayList<>();
    LocalDate today = LocalDate.now(ZoneOffset.UTC);
    for (SqlFile.Section section : SqlFile.read("monitor").sections("recent")) {
      if (Views.missing(clickHouse, settings, section) != null) {
        continue;
      }
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("rows", section.title());
      for (int day = 6; day >= 0; day--) {
        line.put(today.minusDays(day).toString(), 0L);
      }
      for (Map<String, Object> row : clickHouse.rows(section.statements().get(0), Map.of())) {
        line.computeIfPresent(
            String.valueOf(row.get("day")), (day, none) -> ((Number) row.get("n")).longValue());
      }
      lines.add(line);
    }
    return lines;
  }

  @SuppressWarnings("unchecked")
  private static String text(Map<String, Object> view) {
    List<StatusCommand.LedgerStatus> jobs = (List<StatusCommand.LedgerStatus>) view.get("jobs");
    return "Coverage\n"
        + Report.table((List<Map<String, Object>>) view.get("coverage"))
        + ((List<String>) view.get("reads"))
            .stream().map(line -> "  reads " + line + "\n").collect(Collectors.joining())
        + "\nJobs\n"
        + (jobs.isEmpty() ? "  (no job has run here yet)\n" : StatusCommand.text(jobs))
        + "\nRows of the last seven days (UTC)\n"
        + Report.table((List<Map<String, Object>>) view.get("recent"));
  }
}
