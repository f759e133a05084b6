package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.List;

/**
 * A wallet converts NO tokens of some questions of a neg-risk event into collateral and YES tokens
 * of the others: one for about every second question, after all were prepared and before the first
 * ends, hosted by the market of the first question that is given. The wallet splits what it gives
 * in the transactions just before.
 */
record Conversion(
    Market host, int wallet, List<Market> given, List<Market> others, long amount, long time) {

  /** The adapter's fee in hundredths of a percent, by event. */
  static long feeBips(Universe universe, int first) {
    return Mix.below(universe.hash(first, 96), 4) == 0 ? 100 : 0;
  }

  /** The conversion that a market hosts, or null. */
  static Conversion of(Market host) {
    Universe u = host.universe;
    int first = host.number - host.number % 8;
    if (!host.negRisk
        || host.version2
        || first + 8 > u.size - 2
        || host.trades == 0
        || !u.chance(host.number, 92, 500)) {
      return null;
    }
    long from = u.created(first + 7) + u.blockSeconds();
    long to = u.now;
    for (int k = first; k < first + 8; k++) {
      to = Math.min(to, u.closes(k));
    }
    if (to <= from) {
      return null;
    }
    long time = u.timeOf(u.blockOf(from + (long) ((to - from) * Mix.fraction(host.hash(93)))));
    if (time < u.created(first + 7)) {
      return null;
    }
    int many = 1 + Mix.below(host.hash(94), 3);
    List<Market> given = new ArrayList<>();
    List<Market> others = new ArrayList<>();
    for (int k = 0; k < 8; k++) {
      int number = first + (host.number - first + k) % 8;
      (k < many ? given : others).add(number == host.number ? host : u.market(number));
    }
    int[] who = host.traders();
    long h = host.hash(95);
    return new Conversion(
        host,
        who[Mix.below(h, who.length)],
        given,
        others,
        (1 + Mix.below(Mix.mix(h), 300)) * 1_000_000L + 12_345,
        time);
  }

  /** Whether a market may host one, or get tokens of one, by its number alone. */
  private static boolean possible(Universe u, int market) {
    return u.negRisk(market) && !u.isVersion2(market);
  }

  long fee() {
    return amount * feeBips(host.universe, host.number - host.number % 8) / 10_000;
  }

  /** What the event's conversions change in one of its markets: YES comes, also by the splits. */
  static void changes(Market m, Market.Changes changes) {
    if (!possible(m.universe, m.number)) {
      return;
    }
    for (Conversion c : ofEvent(m.universe, m.number)) {
      boolean gives = c.given.stream().anyMatch(one -> one.number == m.number);
      changes.add(c.wallet, 0, gives ? c.amount : c.amount - c.fee(), c.time);
    }
  }

  static List<Conversion> ofEvent(Universe u, int market) {
    List<Conversion> all = new ArrayList<>();
    int first = market - market % 8;
    for (int k = first; k < Math.min(u.size, first + 8); k++) {
      Conversion one = possible(u, k) ? of(u.market(k)) : null;
      if (one != null) {
        all.add(one);
      }
    }
    return all;
  }

  /** The transaction's hash: part 0 are the splits before it. */
  String transaction(int part) {
    return "0x" + Mix.hex(Mix.mix(host.hash(97), part), 32);
  }

  void write(int part, Custody custody) {
    String owner = host.address(wallet);
    if (part == 0) {
      for (Market m : given) {
        custody.split(m, owner, owner, owner, amount, false);
      }
      return;
    }
    String adapter = Contracts.NEG_RISK_ADAPTER;
    custody.pay(Contracts.WRAPPED, Contracts.NOBODY, adapter, others.size() * amount);
    for (Market m : others) {
      custody.splitHere(m, adapter, adapter, Contracts.WRAPPED, amount);
    }
    custody.moveAcross(given, adapter, owner, Contracts.BURN, 1, amount);
    custody.moveAcross(others, adapter, adapter, Contracts.BURN, 1, amount);
    long released = (given.size() - 1) * (amount - fee());
    custody.pay(Contracts.USDC, Contracts.WRAPPED, owner, released);
    custody.pay(Contracts.USDC, Contracts.WRAPPED, Contracts.VAULT, (given.size() - 1) * fee());
    if (fee() > 0) {
      custody.moveAcross(others, adapter, adapter, Contracts.VAULT, 0, fee());
    }
    custody.moveAcross(others, adapter, adapter, owner, 0, amount - fee());
    int first = host.number - host.number % 8;
    long set = 0;
    for (Market m : given) {
      set |= 1L << (m.number - first);
    }
    String marketId = "0x" + Mix.hex(host.universe.questionId(first));
    custody.out.log(adapter, ChainEvents.CONVERTED, owner, marketId, set, amount);
    if (custody.out.rows()) {
      custody.out.row(
          "lifecycle",
          0,
          "event",
          "PositionsConverted",
          "contract",
          adapter,
          "stakeholder",
          owner,
          "owner",
          owner,
          "market_id",
          marketId,
          "index_set",
          set,
          "questions",
          8,
          "amount",
          amount,
          "fee",
          fee(),
          "collateral",
          Contracts.USDC,
          "payout",
          released);
    }
  }
}
