package polymarket.backfill.enrich;

import java.nio.file.Path;
import java.util.List;
import java.util.function.BiConsumer;
import polymarket.backfill.Memory;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.verify.Checks;
import polymarket.backfill.verify.HtmlReport;

/**
 * What `backfill verify enrichment` checks, shared by the commands that enrich: {@link Reconcile},
 * {@link Enrich}, then this.
 */
public final class Enrichment {

  private static final String FILE = "enrichment";

  private Enrichment() {}

  /**
   * Checks the enriched trades, and writes the report.
   *
   * @param jobs whose tables are made where they are not there
   * @param thresholds such as {@code --min-coverage=90%}; what is not kept is in {@link
   *     Checks.Found#failed()}
   * @param report where the HTML goes; null for none
   * @param each receives every table when it is ready
   * @throws polymarket.backfill.UserError where there are no enriched trades, or the report cannot
   *     be written
   */
  public static Checks.Found verify(
      ClickHouse clickHouse,
      Settings settings,
      List<String> jobs,
      List<String> thresholds,
      Path report,
      BiConsumer<String, Checks.Table> each) {
    Checks.Found found =
        new Checks(FILE, SqlFile.read(FILE), thresholds)
            .run(clickHouse, settings, jobs, Memory.of(settings), each);
    if (report != null) {
      HtmlReport.write(report, "Check of " + FILE, List.of(new HtmlReport.Checked(found)));
    }
    return found;
  }
}
