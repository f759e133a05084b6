package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.List;

/**
 * Something that a wallet does beside its orders, in a transaction of its own right after a trade:
 * a function of the market and the trade. Nobody gives away what a later trade needs.
 *
 * @param other who gets what is transferred
 * @param outcome which tokens a single transfer moves
 * @param amount shares in millionths, of each outcome where there is no single one
 * @param pusd whether pUSD is paid, through a collateral adapter
 */
record Act(Kind kind, int wallet, int other, int outcome, long amount, boolean pusd) {
  enum Kind {
    TRANSFER,
    SPLIT,
    MERGE,
    TRANSFER_ALL
  }

  /** The acts after trade j. */
  static List<Act> after(Market m, int j, List<Market.Leg> legs) {
    List<Act> acts = new ArrayList<>(3);
    long h = Mix.mix(m.hash(70), j);
    int kind = Mix.below(h, 100);
    if (j % 4 == 0 && m.outcomes == 2 && kind < 30) {
      Market.Leg maker = legs.get(0);
      int to = another(m, h, maker.wallet());
      acts.add(
          new Act(Kind.TRANSFER, maker.wallet(), to, maker.outcome(), maker.size() / 4, false));
    } else if (j % 4 == 3 && kind < 35) {
      int[] who = m.traders();
      int wallet = who[Mix.below(Mix.mix(h, 1), who.length)];
      long amount = (1 + Mix.below(Mix.mix(h, 2), 500)) * 1_000_000L + Mix.below(h, 1000) * 8L;
      boolean pusd = m.version2 || m.time(j) > Universe.FREEZE && Mix.below(Mix.mix(h, 3), 2) == 0;
      acts.add(new Act(Kind.SPLIT, wallet, wallet, -1, amount, pusd));
      if (kind < 20) {
        acts.add(new Act(Kind.MERGE, wallet, wallet, -1, amount / 2, pusd));
      }
      if (kind < 10 || kind > 30) {
        acts.add(new Act(Kind.TRANSFER_ALL, wallet, another(m, h, wallet), -1, amount / 8, pusd));
      }
    }
    return acts;
  }

  private static int another(Market m, long hash, int than) {
    int[] who = m.traders();
    int at = Mix.below(Mix.mix(hash, 4), who.length);
    return who[at] == than ? who[(at + 1) % who.length] : who[at];
  }

  /** What the acts after trade j change. */
  static void changes(Market m, int j, List<Market.Leg> legs, Market.Changes changes) {
    for (Act act : after(m, j, legs)) {
      act.change(m, m.time(j), changes);
    }
  }

  private void change(Market m, long time, Market.Changes changes) {
    for (int o = 0; o < m.outcomes; o++) {
      if (outcome >= 0 && o != outcome) {
        continue;
      }
      if (kind != Kind.SPLIT) {
        changes.add(wallet, o, -amount, time);
      }
      if (kind == Kind.SPLIT) {
        changes.add(wallet, o, amount, time);
      } else if (kind != Kind.MERGE) {
        changes.add(other, o, amount, time);
      }
    }
  }

  /** Writes the transaction's logs. */
  void write(Market m, Custody custody) {
    String owner = m.address(wallet);
    switch (kind) {
      case TRANSFER -> {
        if (amount % 4 == 0) {
          // the same call on a contract that is not ours
          custody.out.log(
              Contracts.FOREIGN_TOKENS,
              ChainEvents.SINGLE,
              owner,
              owner,
              m.address(other),
              m.universe.tokens.hex(m, outcome),
              amount);
        }
        custody.move(m, owner, owner, m.address(other), outcome, amount);
      }
      case TRANSFER_ALL ->
          custody.moveAll(m, owner, owner, m.address(other), custody.each(m, amount));
      case SPLIT -> {
        if (pusd) {
          custody.deposit(owner, amount);
        }
        custody.split(m, owner, owner, m.version2 ? Contracts.ROUTER : owner, amount, pusd);
      }
      case MERGE ->
          custody.merge(m, owner, owner, m.version2 ? Contracts.ROUTER : owner, amount, pusd);
    }
  }
}
