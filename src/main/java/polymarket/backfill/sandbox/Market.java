package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * One market with its trades. A trade is a function of the market and its number; the numbers rise
 * with time. Trades come in fours: a mint, a mint with two makers, a resale of half of the first, a
 * merge of a part of the second; so nobody ever sells what he has not got, and positions are the
 * exact sums of the fills.
 */
final class Market {
  /** The wallet number of the market maker that sells in markets with more than two outcomes. */
  static final int MARKET_MAKER = -1;

  static final String MARKET_MAKER_ADDRESS = "0x8bd6c3d7a57d650a1870dd338234f90051fe9918";

  final Universe universe;
  final int number;
  final ConditionId condition;
  final int outcomes;
  final boolean negRisk;
  final long created;
  final long closes;
  final boolean closed;
  final long resolved;
  final boolean version2;

  /** How many trades there are by the sandbox's present. */
  final int trades;

  private int[] traders;

  /** The permutation that makes the order of transaction hashes another one than that of time. */
  private final long step;

  private final long shift;
  private long stepInverse = -1;

  Market(Universe universe, int number) {
    this.universe = universe;
    this.number = number;
    condition = universe.conditionId(number);
    outcomes = universe.outcomes(number);
    negRisk = universe.negRisk(number);
    created = universe.created(number);
    closes = universe.closes(number);
    closed = universe.closed(number);
    resolved = universe.resolved(number);
    version2 = universe.isVersion2(number);
    trades = universe.trades(number);
    long a = Math.max(1, (long) (trades * 0.6180339887));
    while (trades > 0 && Wallets.gcd(a, trades) != 1) {
      a++;
    }
    step = a;
    shift = trades == 0 ? 0 : Mix.below(hash(20), trades);
  }

  long hash(int what) {
    return universe.hash(number, what);
  }

  int[] traders() {
    if (traders == null) {
      traders = universe.wallets.traders(number);
    }
    return traders;
  }

  String address(int wallet) {
    return wallet == MARKET_MAKER ? MARKET_MAKER_ADDRESS : universe.wallets.address(wallet);
  }

  /** The exchange contract that a trade went through, lower case. */
  String exchange(long time) {
    if (version2) {
      return Contracts.EXCHANGE_V3;
    }
    if (time <= Universe.FREEZE) {
      return negRisk ? Contracts.NEG_RISK_EXCHANGE_V1 : Contracts.EXCHANGE_V1;
    }
    return negRisk ? Contracts.NEG_RISK_EXCHANGE_V2 : Contracts.EXCHANGE_V2;
  }

  // ---- trades

  /** When trade j happened: block times, three trades at a time in one block. */
  long time(int j) {
    long end = Math.min(closes, universe.now);
    long span = Math.max(1, end - created);
    return universe.timeOf(
        universe.blockOf(created + (long) ((double) (j - j % 3) / trades * span)));
  }

  /** How many trades happened up to and including a time. */
  int tradesUntil(long time) {
    int low = 0;
    int high = trades;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (time(middle) <= time) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** The trade at a place in the order of transaction hashes. */
  int byHash(int place) {
    return (int) ((step * place + shift) % trades);
  }

  private int placeByHash(int j) {
    if (stepInverse < 0) {
      stepInverse = Wallets.inverse(step % trades, trades);
    }
    return (int) (stepInverse * Math.floorMod(j - shift, (long) trades) % trades);
  }

  /** The first word of trade j's transaction hash; it rises with the trade's place. */
  private long hashWord(int j) {
    long width = Long.divideUnsigned(-1L, trades);
    return placeByHash(j) * width + scaled(Mix.mix(hash(21), j), width);
  }

  /** The high word of an unsigned product; Math.unsignedMultiplyHigh is younger than Java 17. */
  private static long scaled(long a, long b) {
    return Math.multiplyHigh(a, b) + (a >> 63 & b) + (b >> 63 & a);
  }

  /** The first place whose transaction hash may begin with this word or a larger one. */
  int placeFrom(long word) {
    return trades == 0
        ? 0
        : (int) Math.min(trades, Long.divideUnsigned(word, Long.divideUnsigned(-1L, trades)));
  }

  /** 64 hex digits without 0x. */
  String transaction(int j) {
    StringBuilder out = new StringBuilder(64);
    Mix.hex(out, hashWord(j));
    return out.append(Mix.hex(Mix.mix(hash(22), j), 24)).toString();
  }

  /**
   * One order's part in a trade.
   *
   * @param place the order's place in the trade; the taker's own order is the last
   * @param wallet whose order it is, or MARKET_MAKER
   * @param size outcome shares in millionths
   * @param cost collateral in millionths
   */
  record Leg(
      int place,
      int wallet,
      boolean taker,
      boolean buy,
      int outcome,
      long size,
      long cost,
      long fee) {}

  private long size(long h) {
    int kind = Mix.below(h, 20);
    int some = Mix.below(Mix.mix(h), 1_000_000);
    if (kind < 2) {
      return 10_000 + some % 80_000;
    }
    return kind < 5 ? 5_000_000 + some * 37L : (5 + some % 400) * 1_000_000L + some % 100 * 10_000L;
  }

  /** The price of outcome 0 around trade j in thousandths. */
  private int ticks(int j) {
    int start = 50 + Mix.below(hash(23), 900);
    int wave = Mix.below(Mix.mix(hash(24), j / 4), 60) - 30;
    return Math.max(10, Math.min(990, start + wave));
  }

  private static long cost(long size, int ticks) {
    return size * ticks / 1000;
  }

  private static long half(long size) {
    return size >= 20_000 ? size / 20_000 * 10_000 : size / 2;
  }

  /** The draws that a trade is made of. */
  private record Draw(
      long hash, int taker, int maker, int second, int outcome, long size, int ticks) {}

  private Draw draw(int j, int from) {
    int[] who = traders();
    long h = Mix.mix(hash(25), from);
    int taker = Mix.below(h, who.length);
    int outcome = Mix.below(Mix.mix(h, 3), outcomes);
    int first = ticks(j);
    return new Draw(
        h,
        who[taker],
        who[(taker + 1 + Mix.below(Mix.mix(h, 1), who.length - 1)) % who.length],
        who[(taker + 1 + Mix.below(Mix.mix(h, 2), who.length - 1)) % who.length],
        outcome,
        size(Mix.mix(h, 4)),
        outcome == 0 ? first : outcomes == 2 ? 1000 - first : Math.max(10, first / outcomes));
  }

  /**
   * The orders of trade j: the makers', then the taker's; the one order of a trade that is {@link
   * #filledAlone}.
   */
  List<Leg> legs(int j) {
    int group = j - j % 4;
    int kind = j % 4;
    Draw d = draw(j, kind == 2 ? group : kind == 3 ? group + 1 : j);
    int other = 1 - d.outcome;
    int left = 1000 - d.ticks;
    long size = d.size;
    boolean many = outcomes > 2;
    List<Leg> legs = new ArrayList<>(3);
    switch (kind) {
      case 0 ->
          legs.add(
              many
                  ? maker(0, MARKET_MAKER, false, d.outcome, size, d.ticks)
                  : maker(0, d.maker, true, other, size, left));
      case 1 -> {
        if (many) {
          legs.add(maker(0, MARKET_MAKER, false, d.outcome, size, d.ticks));
        } else if (Mix.below(Mix.mix(d.hash, 7), 3) == 0) {
          mixed(legs, d, draw(group, group));
        } else {
          long part = half(half(size));
          legs.add(maker(0, d.maker, true, other, part, left));
          legs.add(maker(1, d.second, true, other, size - part, left));
        }
      }
      case 2 -> {
        size = half(size);
        legs.add(maker(0, d.taker, false, d.outcome, size, d.ticks));
        if (filledAlone(j)) {
          return legs;
        }
      }
      default -> {
        size = half(half(size)) / 2;
        legs.add(
            many
                ? maker(0, MARKET_MAKER, true, d.outcome, size, d.ticks)
                : maker(0, d.maker, false, other, size, left));
      }
    }
    int wallet = kind == 2 ? buyer(d) : d.taker;
    legs.add(taker(legs, wallet, kind < 3, d.outcome, size, d.ticks, time(j)));
    return legs;
  }

  /** Who buys what the taker of the group's first trade sells again. */
  private int buyer(Draw d) {
    int[] who = traders();
    int taker = 0;
    while (who[taker] != d.taker) {
      taker++;
    }
    return who[(taker + 1 + Mix.below(Mix.mix(d.hash, 5), who.length - 1)) % who.length];
  }

  /**
   * A taker who buys an eighth of what the group's first trade brought from its owner, and mints
   * the rest.
   */
  private static void mixed(List<Leg> legs, Draw d, Draw first) {
    int holder = d.outcome == first.outcome ? first.taker : first.maker;
    long part = Math.min(half(half(half(first.size))), half(d.size));
    if (holder != d.taker && part > 0) {
      legs.add(maker(0, holder, false, d.outcome, part, d.ticks));
    } else {
      part = 0;
    }
    legs.add(maker(legs.size(), d.maker, true, 1 - d.outcome, d.size - part, 1000 - d.ticks));
  }

  private static Leg maker(int place, int wallet, boolean buy, int outcome, long size, int ticks) {
    return new Leg(place, wallet, false, buy, outcome, size, cost(size, ticks), 0);
  }

  /** The taker's collateral is what the makers leave to pay or take. */
  private Leg taker(
      List<Leg> makers, int wallet, boolean buy, int outcome, long size, int ticks, long time) {
    long cost = 0;
    for (Leg maker : makers) {
      cost += maker.outcome() == outcome ? maker.cost() : maker.size() - maker.cost();
    }
    long fee = 0;
    if (universe.chance(number / 8, 26, 200)) {
      fee =
          time <= Universe.FREEZE
              ? size * Math.min(ticks, 1000 - ticks) / 1000 / 50
              : size * ticks * (1000 - ticks) / 1_000_000 * (number % 2 == 0 ? 50 : 70) / 1000;
    }
    return new Leg(makers.size(), wallet, true, buy, outcome, size, cost, fee);
  }

  /**
   * Whether trade j is one order that an operator fills by itself, without a match: it has one row,
   * and the operator gets the tokens. The first exchange only.
   */
  boolean filledAlone(int j) {
    return j % 4 == 2
        && Mix.below(Mix.mix(hash(25), j - 2, 6), 16) == 0
        && time(j) <= Universe.FREEZE;
  }

  /** Who fills trade j's one order. */
  int operator(int j) {
    return buyer(draw(j, j - 2));
  }

  /** What a row says is its taker: the exchange in the taker's own row. */
  String counterparty(int j, List<Leg> legs, Leg leg) {
    return leg.taker()
        ? exchange(time(j))
        : address(filledAlone(j) ? operator(j) : legs.get(legs.size() - 1).wallet());
  }

  /** How many shares of a taker's fee the first exchange's fee module gives back. */
  long refund(int j, Leg leg) {
    return switch (Mix.below(Mix.mix(hash(28), j), 3)) {
      case 0 -> 0;
      case 1 -> leg.fee() / 2;
      default -> leg.fee();
    };
  }

  /** Shares that a taker pays as his fee in the end. */
  long feeShares(int j, Leg leg) {
    return leg.taker() && leg.buy() && time(j) <= Universe.FREEZE ? leg.fee() - refund(j, leg) : 0;
  }

  String orderHash(int j, Leg leg) {
    return "0x" + Mix.hex(Mix.mix(hash(27), j, leg.place()), 32);
  }

  /**
   * The token id of an outcome as a decimal string: computed forward, or made up for the new
   * protocol's markets.
   */
  String token(int outcome) {
    return universe.tokens.decimal(this, outcome);
  }

  // ---- positions

  /** A wallet's sums in one outcome of this market, in millionths; times in seconds. */
  static final class Holding {
    long bought;
    long paid;
    long sold;
    long received;
    long fees;

    /**
     * What came and went otherwise: fees in shares, transfers, splits, merges, conversions, pools.
     */
    long other;

    long first;
    long last;

    long net() {
      return bought - sold + other;
    }
  }

  /** Takes changes of a wallet's tokens that are no fills of its own orders. */
  interface Changes {
    void add(int wallet, int outcome, long amount, long time);
  }

  /** A wallet's sums by outcome, null where it had nothing. */
  Holding[] holdings(int wallet) {
    return universe.holdings(this).getOrDefault(wallet, new Holding[outcomes]);
  }

  /** The sums of all wallets but the market maker's, in the order of their numbers. */
  Map<Integer, Holding[]> holdingsOfAll() {
    Map<Integer, Holding[]> all = new TreeMap<>();
    Changes changes =
        (wallet, outcome, amount, time) -> {
          if (wallet != MARKET_MAKER) {
            holding(all, wallet, outcome, time).other += amount;
          }
        };
    for (int j = 0; j < trades; j++) {
      long time = time(j);
      List<Leg> legs = legs(j);
      for (Leg leg : legs) {
        if (leg.wallet() != MARKET_MAKER) {
          add(holding(all, leg.wallet(), leg.outcome(), time), leg);
        }
        long shares = feeShares(j, leg);
        if (shares > 0) {
          changes.add(leg.wallet(), leg.outcome(), -shares, time);
        }
      }
      if (filledAlone(j)) {
        changes.add(operator(j), legs.get(0).outcome(), legs.get(0).size(), time);
      }
      Act.changes(this, j, legs, changes);
    }
    Pool pool = Pool.of(this);
    if (pool != null) {
      pool.changes(changes);
    }
    Conversion.changes(this, changes);
    return all;
  }

  private Holding holding(Map<Integer, Holding[]> all, int wallet, int outcome, long time) {
    Holding[] sums = all.computeIfAbsent(wallet, w -> new Holding[outcomes]);
    if (sums[outcome] == null) {
      sums[outcome] = new Holding();
      sums[outcome].first = time;
    }
    sums[outcome].first = Math.min(sums[outcome].first, time);
    sums[outcome].last = Math.max(sums[outcome].last, time);
    return sums[outcome];
  }

  private static void add(Holding holding, Leg leg) {
    holding.fees += leg.fee();
    if (leg.buy()) {
      holding.bought += leg.size();
      holding.paid += leg.cost();
    } else {
      holding.sold += leg.size();
      holding.received += leg.cost();
    }
  }

  // ---- texts

  String question() {
    return MarketTexts.question(this);
  }

  String description() {
    return MarketTexts.description(this);
  }

  String slug() {
    return MarketTexts.slug(this);
  }

  String outcome(int outcome) {
    return MarketTexts.outcome(this, outcome);
  }

  String eventSlug() {
    return "event-" + number / 8;
  }

  /** The chain's payout of an outcome as a price, or the last trade's. */
  double price(int outcome) {
    long[] payout = universe.chainPayout(number, condition);
    if (payout != null) {
      long sum = 0;
      for (long numerator : payout) {
        sum += numerator;
      }
      return (double) payout[outcome] / sum;
    }
    int ticks = ticks(Math.max(0, trades - 1));
    return (outcomes > 2
            ? Math.max(10, ticks / Math.max(1, outcome))
            : outcome == 0 ? ticks : 1000 - ticks)
        / 1000.0;
  }
}
