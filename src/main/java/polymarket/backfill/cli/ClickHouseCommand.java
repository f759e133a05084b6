package polymarket.backfill.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.embedded.EmbeddedClickHouse;

/** Runs only the embedded engine. */
@Command(
    name = "clickhouse",
    description = {
      "Run the embedded ClickHouse for your own clients, until Ctrl-C.",
      "Prints its address and password, with examples for curl, clickhouse-jdbc, @clickhouse/client"
          + " and clickhouse-connect."
    })
final class ClickHouseCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    if (!settings.text("clickhouse.url").isEmpty()) {
      throw new UserError(
          "clickhouse.url is set, so no command uses the embedded ClickHouse; unset it to run one");
    }
    EmbeddedClickHouse.serveForeground(
        settings.path("clickhouse.data"),
        settings.port("clickhouse.port"),
        settings.text("clickhouse.embedded.password"),
        ClickHouse.files(settings));
    return 0;
  }
}
