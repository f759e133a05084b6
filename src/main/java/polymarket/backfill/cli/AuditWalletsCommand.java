package polymarket.backfill.cli;

import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.audit.WalletComparison;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;

/** Compares computed positions with those of the Data API. */
@Command(
    name = "wallets",
    description =
        "Compare the computed positions of some wallets with the stored ones of the Data API, and"
            + " sort each difference into a kind (exit code 3 if one has no reason).")
final class AuditWalletsCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Option(
      names = "--sample",
      paramLabel = "N",
      defaultValue = "" + WalletComparison.SAMPLE,
      description = "How many wallets are compared at most (default: ${DEFAULT-VALUE}).")
  private int sample;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    if (sample < 1) {
      throw new UserError("--sample is " + sample + "; it takes a number from 1 on");
    }
    Settings settings = common.settings();
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      Views.refresh(clickHouse, settings, Job.names(Common.home()));
      List<Map<String, Object>> rows = WalletComparison.rows(clickHouse, settings, sample);
      System.out.print(json ? Report.json(Map.of("differences", rows)) + "\n" : Report.table(rows));
      if (!WalletComparison.unexplained(rows)) {
        return ExitCode.COMPLETE.code();
      }
      System.err.println(
          "backfill: check failed: some differences have no explanation; docs/AUDIT.md explains the"
              + " kinds");
      return ExitCode.CHECK_FAILED.code();
    }
  }
}
