package polymarket.backfill.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.enrich.Enrich;
import polymarket.backfill.enrich.Enrichment;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.verify.HtmlReport;

/** Gives every trade its condition id. */
@Command(
    name = "enrich",
    description =
        "Create enriched_trades_final from trades_raw: every row has a condition id with its"
            + " source, or the reason why it has none. The same command continues after an"
            + " interruption. With a shared ledger (cluster.url), the same command on other"
            + " machines, or `backfill join`, helps.")
final class EnrichCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Spec private CommandSpec spec;

  @Option(names = "--rollback", description = "Swap the enriched table with the previous one.")
  private boolean rollback;

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description =
          "File for the report, HTML with charts (default: enrichment.html in the runtime"
              + " folder).")
  private Path report;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    if (rollback) {
      Takes.only(spec, "enrich --rollback", "--rollback", "--json");
    }
    Settings settings = common.settings();
    try (ShareLock lock =
            ShareLock.take(
                settings.path("runtime.dir").resolve("enrich.lock"),
                Share.WHOLE,
                "enrich",
                rollback ? "enrich --rollback" : "enrich");
        ClickHouse clickHouse = ClickHouse.open(settings)) {
      String target = settings.text("enrich.target");
      if (rollback) {
        try (Member member = new PassRuns(settings, new Terminal(json)).member(EnrichRuns.NAME)) {
          Enrich.rollback(clickHouse, settings, member);
        }
        System.out.println(
            json
                ? Report.json(
                    Map.of(
                        "state", "rolled back", "target", target, "previous", target + "_previous"))
                : target
                    + " is the previous table again; the newer one is "
                    + target
                    + "_previous");
        return 0;
      }
      Path html = report != null ? report : settings.path("runtime.dir").resolve("enrichment.html");
      HtmlReport.check(html);
      Terminal terminal = new Terminal(json);
      Enrich.Result result = new EnrichRuns(settings, clickHouse, terminal).run(Enrich::run);
      if (result == null) {
        return EnrichRuns.code(null);
      }
      if (!result.state().equals("interrupted")) {
        Enrichment.verify(
            clickHouse, settings, Job.names(Common.home()), List.of(), html, (title, table) -> {});
      }
      if (json) {
        System.out.println(Report.json(object(result, html)));
      } else if (result.state().equals("interrupted")) {
        System.out.println(
            "enrich: interrupted after "
                + Messages.time(result.millis())
                + "; "
                + target
                + " is unchanged; the same command continues");
      } else {
        print(result, html);
      }
      return EnrichRuns.code(result);
    }
  }

  private static Map<String, Object> object(Enrich.Result result, Path html) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("state", result.state());
    object.put("rows", result.rows());
    object.put("original", result.original());
    object.put("filled", result.filled());
    object.put("unfillable", result.unfillable());
    object.put("slices", result.slices());
    object.put("halved", result.halved());
    object.put("seconds", result.millis() / 1000.0);
    object.put("report", result.state().equals("interrupted") ? null : html.toString());
    return object;
  }

  private static void print(Enrich.Result result, Path html) {
    System.out.println(
        "enrich: "
            + result.state()
            + " after "
            + Messages.time(result.millis())
            + ", in "
            + Messages.count(result.slices(), "slice"));
    System.out.println(
        "  rows      "
            + Messages.count(result.rows())
            + " = "
            + Messages.count(result.original())
            + " original + "
            + Messages.count(result.filled())
            + " filled + "
            + Messages.count(result.unfillable())
            + " without a condition id");
    System.out.println(
        String.format(
            Locale.ROOT,
            "  coverage  %.2f%% before, %.2f%% after",
            100.0 * result.original() / Math.max(1, result.rows()),
            100.0 * (result.original() + result.filled()) / Math.max(1, result.rows())));
    System.out.println("  report    " + html);
    System.out.println(
        "  more      backfill verify enrichment, backfill explain MARKET; undo with backfill"
            + " enrich --rollback");
  }
}
