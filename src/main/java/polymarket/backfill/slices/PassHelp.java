package polymarket.backfill.slices;

import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import polymarket.backfill.Messages;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.AwayException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.SharedLedgers;

/** A member's help with the slices of a pass that another member leads. */
public final class PassHelp {

  private static final String BY = " by ";
  private static final int LOOK_MILLIS = 1000;
  private static final int MOST_UNREADABLE = 5;

  /** So many looks without a leader, and nobody goes on with the pass. */
  private static final int MOST_LEADERLESS = 5;

  private final String pass;
  private final Member member;
  private final LedgerPlace place;
  private final BooleanSupplier stopped;
  private final Messages messages;
  private final Part part;

  /** How often in a row the ledger could not be opened. */
  private int unreadable;

  /** What a member does in a step that another one leads. */
  @FunctionalInterface
  public interface Part {

    /**
     * Does what there is to do, and returns when that is nothing or the step is over.
     *
     * @param stage what the leader noted last, as {@link PassHelp#stage} writes it
     */
    void help(Ledger ledger, String stage, SharedLedgers.Holder leader);
  }

  /**
   * @param pass what one member at a time leads; the ledger of its slices has this name
   */
  public PassHelp(
      String pass, Member member, BooleanSupplier stopped, Messages messages, Part part) {
    this.pass = pass;
    this.member = member;
    this.place = LedgerPlace.shared(member, pass);
    this.stopped = stopped;
    this.messages = messages;
    this.part = part;
  }

  /** Tells the members that help what there is to do. */
  public static void stage(Ledger ledger, Member leader, String what) {
    ledger.stage(what + by(leader.number()));
  }

  private static String by(int member) {
    return BY + member;
  }

  /** What a stage says, without who leads. */
  public static String what(String stage) {
    int by = stage.lastIndexOf(BY);
    return by < 0 ? stage : stage.substring(0, by);
  }

  /**
   * Works on slices as long as another member leads the pass.
   *
   * @return the ledger's id of the pass that it helped with, when this member leads; null where
   *     there was none
   */
  public String help() {
    String helped = null;
    String told = "";
    while (!stopped.getAsBoolean()) {
      SharedLedgers.Holder leader = member.hold(pass);
      if (leader == null) {
        break;
      }
      told = tell(leader, told);
      helped = look(leader, helped);
    }
    return helped;
  }

  /**
   * The same for a member that never leads; ends when nobody leads the pass any more.
   *
   * @return the ledger's id of the pass that it helped with; null where there was none
   */
  public String follow() {
    String helped = null;
    String told = "";
    int leaderless = 0;
    while (!stopped.getAsBoolean() && leaderless < MOST_LEADERLESS) {
      SharedLedgers.Holder leader = member.cluster().holder(pass);
      if (leader == null) {
        // another one goes on with the pass a moment later, if one does
        leaderless++;
        pause();
        continue;
      }
      leaderless = 0;
      told = tell(leader, told);
      helped = look(leader, helped);
    }
    return helped;
  }

  private String tell(SharedLedgers.Holder leader, String told) {
    if (!leader.toString().equals(told)) {
      messages.info("helping " + leader + " with the slices of its pass");
    }
    return leader.toString();
  }

  private String look(SharedLedgers.Holder leader, String helped) {
    String passed = place.exists() ? help(leader) : null;
    if (passed == null) {
      pause();
      return helped;
    }
    return passed;
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
      if (!stage.endsWith(by(leader.member()))) {
        return null;
      }
      part.help(ledger, stage, leader);
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
