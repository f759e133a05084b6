package polymarket.backfill.cli;

import java.util.function.Function;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.enrich.Enrich;

/** Enriches, alone or with the other members of a shared ledger. */
final class EnrichRuns {

  /** What such a member is called. */
  static final String NAME = "enrich";

  private final Settings settings;
  private final ClickHouse clickHouse;
  private final Terminal terminal;

  EnrichRuns(Settings settings, ClickHouse clickHouse, Terminal terminal) {
    this.settings = settings;
    this.clickHouse = clickHouse;
    this.terminal = terminal;
  }

  /**
   * @param work what is done with it
   * @return null where the shared ledger did not answer for too long; that has been said
   */
  Enrich.Result run(Function<Enrich, Enrich.Result> work) {
    return new PassRuns(settings, terminal)
        .run(
            NAME,
            member -> {
              Enrich enrich = new Enrich(clickHouse, settings, terminal, terminal::status, member);
              Signals.handle(enrich::stop, terminal);
              return work.apply(enrich);
            });
  }

  /** The exit code of how it ended. */
  static int code(Enrich.Result result) {
    return (result == null
            ? PassRuns.gaveUp()
            : result.state().equals("interrupted") ? ExitCode.INTERRUPTED : ExitCode.COMPLETE)
        .code();
  }
}
