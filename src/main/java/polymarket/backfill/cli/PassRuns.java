package polymarket.backfill.cli;

import java.util.List;
import java.util.function.Function;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Settings;
import polymarket.backfill.ledger.AwayException;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.SharedLedgers;

/**
 * Works on a pass that falls into slices, alone or with the other members of a shared ledger. Where
 * that does not answer meanwhile, it waits and goes on as a new member.
 */
final class PassRuns {

  private final Settings settings;
  private final Terminal terminal;

  PassRuns(Settings settings, Terminal terminal) {
    this.settings = settings;
    this.terminal = terminal;
  }

  /**
   * This process among those that share ledgers; null where the settings name no database.
   *
   * @param name of the pass, by which {@code status} names what the member works on
   */
  Member member(String name) {
    SharedLedgers cluster = SharedLedgers.of(settings);
    return cluster == null ? null : Member.join(cluster, List.of(name), terminal::warn);
  }

  /**
   * @param name of the pass
   * @param work done again where the shared ledger was away; is given null where there is none
   * @return null where the shared ledger did not answer for too long; that has been said
   */
  <T> T run(String name, Function<Member, T> work) {
    boolean joined = false;
    while (true) {
      try (Member member = member(name)) {
        joined = true;
        return work.apply(member);
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

  /** The exit code where the shared ledger did not answer for too long. */
  static ExitCode gaveUp() {
    return Signals.asked() ? ExitCode.INTERRUPTED : ExitCode.GAVE_UP;
  }
}
