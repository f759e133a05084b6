package polymarket.backfill.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.audit.Positions;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;

/** Computes the wallets' positions and profits from the chain's tables. */
@Command(
    name = "positions",
    description =
        "Compute every wallet's positions and profit and loss from the stored fills and events of"
            + " the chain, into default.wallet_positions and default.wallet_pnl.")
final class PositionsCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    try (ShareLock lock =
            ShareLock.take(
                settings.path("runtime.dir").resolve("positions.lock"),
                Share.WHOLE,
                "positions",
                "positions");
        ClickHouse clickHouse = ClickHouse.open(settings)) {
      Terminal terminal = new Terminal(json);
      Positions.Result result;
      try {
        Positions positions = new Positions(clickHouse, settings, terminal, terminal::status);
        Signals.handle(positions::stop, terminal);
        result = positions.run();
      } finally {
        terminal.ended();
      }
      if (json) {
        System.out.println(Report.json(object(result)));
      } else {
        System.out.println(text(result));
      }
      return (result.interrupted() ? ExitCode.INTERRUPTED : ExitCode.COMPLETE).code();
    }
  }

  private static Map<String, Object> object(Positions.Result result) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("state", result.interrupted() ? "interrupted" : "complete");
    object.put("changes", result.changes());
    object.put("positions", result.positions());
    object.put("wallets", result.wallets());
    object.put("realized_pnl", result.realized());
    object.put("seconds", result.millis() / 1000.0);
    return object;
  }

  private static String text(Positions.Result result) {
    return result.interrupted()
        ? "positions: interrupted; the tables are as they were"
        : "positions: "
            + Messages.count(result.positions(), "position")
            + " of "
            + Messages.count(result.wallets(), "wallet")
            + " from "
            + Messages.count(result.changes(), "change")
            + ", realized profit and loss "
            + result.realized()
            + ", after "
            + Messages.time(result.millis())
            + "; see default.wallet_positions, default.wallet_pnl and default.vw_leaderboard";
  }
}
