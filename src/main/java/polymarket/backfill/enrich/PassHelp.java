package polymarket.backfill.enrich;

import java.util.concurrent.TimeUnit;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.AwayException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.SharedLedgers;

/** A member's help with the slices of a pass that another member leads. */
final class PassHelp {

  private static final int LOOK_MILLIS = 1000;
  private static final int MOST_UNREADABLE = 5;

  private final Member member;
  private final LedgerPlace place;
  private final SliceSteps.Tools tools;
  private final Mapping mapping;
  private final Fingerprint fingerprint;

  /** How often in a row the ledger could not be opened. */
  private int unreadable;

  PassHelp(
      Member member,
      LedgerPlace place,
      SliceSteps.Tools tools,
      Mapping mapping,
      Fingerprint fingerprint) {
    this.member = member;
    this.place = place;
    this.tools = tools;
    this.mapping = mapping;
    this.fingerprint = fingerprint;
  }

  /**
   * Works on slices as long as another member leads the pass.
   *
   * @param pass what one member at a time leads
   * @return the ledger's id of the pass that it helped with, when this member leads; null where
   *     there was none
   */
  String help(String pass) {
    String helped = null;
    String told = "";
    while (!tools.steps().isStopped()) {
      SharedLedgers.Holder leader = member.hold(pass);
      if (leader == null) {
        break;
      }
      if (!leader.toString().equals(told)) {
        told = leader.toString();
        tools.messages().info("helping " + told + " with the slices of its pass");
      }
      String passed = place.exists() ? help(leader) : null;
      if (passed == null) {
        pause();
      } else {
        helped = passed;
      }
    }
    return helped;
  }

  /**
   * Does what there is to do in the step that the leader is in.
   *
   * @return the ledger's id; null where there is nothing to do now
   */
  private String help(SharedLedgers.Holder leader) {
    Ledger opened;
    try {
      opened = Ledger.open(place);
      unreadable = 0;
    } catch (AwayException e) {
      throw e;
    } catch (UserError e) {
      // a leader that begins anew drops the ledger of the pass before
      if (++unreadable > MOST_UNREADABLE) {
        throw e;
      }
      return null;
    }
    try (Ledger ledger = opened) {
      String stage = ledger.stage();
      if (!stage.endsWith(" by " + leader.member())) {
        return null;
      }
      if (!fingerprint.take().equals(ledger.sourceKey())) {
        throw new UserError(
            "the mapping, the table of trades or the settings enrich.* differ from those of the"
                + " pass that "
                + leader
                + " leads: use the same on all machines, or wait until it ends");
      }
      SliceSteps slices = new SliceSteps(tools, ledger, member, () -> stage.equals(ledger.stage()));
      if (stage.startsWith("measure ")) {
        slices.measure();
      } else if (stage.startsWith("look ")) {
        slices.look();
      } else if (stage.startsWith("write ")) {
        mapping.adopt();
        slices.write();
      }
      if (stage.equals(ledger.stage())) {
        pause();
      }
      return ledger.id();
    }
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
