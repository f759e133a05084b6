package polymarket.backfill.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.EngineServer;

/** The embedded engine on its own. */
@Command(
    name = "clickhouse",
    description =
        "Run the embedded ClickHouse in the foreground, for clients of your own, until Ctrl-C.")
final class ClickHouseCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    EngineServer.serveForeground(
        settings.path("clickhouse.data"), settings.port("clickhouse.port"));
    return 0;
  }
}
