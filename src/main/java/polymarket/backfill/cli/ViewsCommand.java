package polymarket.backfill.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;

/** Creates the tables and views. */
@Command(
    name = "views",
    description = "Create the missing tables of all jobs, and recreate all views.")
final class ViewsCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      Views.Made views = Views.refresh(clickHouse, settings, Job.names(Common.home()));
      views.made().stream()
          .filter(view -> !views.notes().containsKey(view))
          .forEach(view -> System.out.println("view " + view + " is up to date"));
      views
          .notes()
          .forEach((view, note) -> System.err.println("backfill: view " + view + ": " + note));
      views.reads().forEach((view, columns) -> System.out.println(view + " reads " + columns));
      return (views.refused().isEmpty() ? ExitCode.COMPLETE : ExitCode.ERROR).code();
    }
  }
}
