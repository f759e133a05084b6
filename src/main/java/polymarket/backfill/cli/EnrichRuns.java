package polymarket.backfill.cli;

import java.util.List;
import java.util.function.Function;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.enrich.Enrich;
import polymarket.backfill.ledger.AwayException;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.SharedLedgers;

/**
 * Enriches, alone or with the other members of a shared ledger. Where that does not answer
 * meanwhile, it waits and goes on as a new member.
 */
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

  /** This process among those that share ledgers; null where the settings name no database. */
  static Member member(Settings settings, Terminal terminal) {
    SharedLedgers cluster = SharedLedgers.of(settings);
    return cluster == null ? null : Member.join(cluster, List.of(NAME), terminal::warn);
  }

  /**
   * @param work what is done with it
   * @return null where the shared ledger did not answer for too long; that has been said
   */
  Enrich.Result run(Function<Enrich, Enrich.Result> work) {
    boolean joined = false;
    while (true) {
      try (Member member = member(settings, terminal)) {
        joined = true;
        Enrich enrich = new Enrich(clickHouse, settings, terminal, terminal::status, member);
        Signals.handle(enrich::stop, terminal);
        return work.apply(enrich);
      } catch (AwayException e) {
        if (!joined) {
          throw e;
        }
        if (!new MemberRuns(settings, terminal).isBack(e)) {
          terminal.warn("gave up; the same command continues");
          return null;
        }
      } finally {
        terminal.ended();
      }
    }
  }

  /** The exit code of how it ended. */
  static int code(Enrich.Result result) {
    return (result == null
            ? Signals.asked() ? ExitCode.INTERRUPTED : ExitCode.GAVE_UP
            : result.state().equals("interrupted") ? ExitCode.INTERRUPTED : ExitCode.COMPLETE)
        .code();
  }
}
