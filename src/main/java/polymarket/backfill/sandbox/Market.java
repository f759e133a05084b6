package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

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
    if (time <= Universe.FREEZE) {
      return negRisk
          ? "0xc5d563a36ae78145c45a50134d48a1215220f80a"
          : "0x4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e";
    }
    return negRisk
        ? "0xe2222d279d744050d28e00520010520000310f59"
        : "0xe111180000d2663c0091e4f400237545b87b996b";
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

  /** The orders of trade j: the makers', then the taker's. */
  List<Leg> legs(int j) {
    int[] who = traders();
    int group = j - j % 4;
    int kind = j % 4;
    int from = kind == 2 ? group : kind == 3 ? group + 1 : j;
    long h = Mix.mix(hash(25), from);
    int taker = Mix.below(h, who.length);
    int maker = (taker + 1 + Mix.below(Mix.mix(h, 1), who.length - 1)) % who.length;
    int second = (taker + 1 + Mix.below(Mix.mix(h, 2), who.length - 1)) % who.length;
    int outcome = Mix.below(Mix.mix(h, 3), outcomes);
    long size = size(Mix.mix(h, 4));
    int ticks =
        outcome == 0
            ? ticks(j)
            : outcomes == 2 ? 1000 - ticks(j) : Math.max(10, ticks(j) / outcomes);
    int other = 1 - outcome;
    boolean many = outcomes > 2;
    boolean fees = universe.chance(number / 8, 26, 200);
    List<Leg> legs = new ArrayList<>(3);
    switch (kind) {
      case 0 -> {
        legs.add(
            many
                ? new Leg(0, MARKET_MAKER, false, false, outcome, size, cost(size, ticks), 0)
                : new Leg(0, who[maker], false, true, other, size, cost(size, 1000 - ticks), 0));
        legs.add(taker(1, who[taker], true, outcome, size, ticks, fees));
      }
      case 1 -> {
        long part = half(half(size));
        if (many) {
          legs.add(new Leg(0, MARKET_MAKER, false, false, outcome, size, cost(size, ticks), 0));
        } else {
          legs.add(new Leg(0, who[maker], false, true, other, part, cost(part, 1000 - ticks), 0));
          legs.add(
              new Leg(
                  1,
                  who[second],
                  false,
                  true,
                  other,
                  size - part,
                  cost(size - part, 1000 - ticks),
                  0));
        }
        legs.add(taker(legs.size(), who[taker], true, outcome, size, ticks, fees));
      }
      case 2 -> {
        long part = half(size);
        int buyer = who[(taker + 1 + Mix.below(Mix.mix(h, 5), who.length - 1)) % who.length];
        legs.add(new Leg(0, who[taker], false, false, outcome, part, cost(part, ticks), 0));
        legs.add(taker(1, buyer, true, outcome, part, ticks, fees));
      }
      default -> {
        long part = half(half(size)) / 2;
        legs.add(
            many
                ? new Leg(0, MARKET_MAKER, false, true, outcome, part, cost(part, ticks), 0)
                : new Leg(0, who[maker], false, false, other, part, cost(part, 1000 - ticks), 0));
        legs.add(taker(1, who[taker], false, outcome, part, ticks, fees));
      }
    }
    return legs;
  }

  private static Leg taker(
      int place, int wallet, boolean buy, int outcome, long size, int ticks, boolean fees) {
    long fee = fees ? size * Math.min(ticks, 1000 - ticks) / 1000 / 50 : 0;
    return new Leg(place, wallet, true, buy, outcome, size, cost(size, ticks), fee);
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
    long first;
    long last;

    long net() {
      return bought - sold;
    }
  }

  /** A wallet's sums by outcome, null where it traded nothing. */
  Holding[] holdings(int wallet) {
    if (trades > 1000) {
      return universe
          .largeMarkets
          .computeIfAbsent(number, n -> holdingsOfAll())
          .getOrDefault(wallet, new Holding[outcomes]);
    }
    Holding[] sums = new Holding[outcomes];
    for (int j = 0; j < trades; j++) {
      for (Leg leg : legs(j)) {
        if (leg.wallet() == wallet) {
          add(sums, leg, time(j));
        }
      }
    }
    return sums;
  }

  private Map<Integer, Holding[]> holdingsOfAll() {
    Map<Integer, Holding[]> all = new HashMap<>();
    for (int j = 0; j < trades; j++) {
      for (Leg leg : legs(j)) {
        if (leg.wallet() != MARKET_MAKER) {
          add(all.computeIfAbsent(leg.wallet(), w -> new Holding[outcomes]), leg, time(j));
        }
      }
    }
    return all;
  }

  private static void add(Holding[] sums, Leg leg, long time) {
    Holding holding = sums[leg.outcome()];
    if (holding == null) {
      holding = new Holding();
      holding.first = time;
      sums[leg.outcome()] = holding;
    }
    holding.last = time;
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

  private static final String[] THINGS = {
    "Bitcoin",
    "the \"Fed\"",
    "O'Brien",
    "Zürich FC",
    "Ethereum \\ L2",
    "a 🚀 launch",
    "São Paulo",
    "the S&P 500",
    "Team <A>",
    "日本"
  };

  String question() {
    int thing = Mix.below(hash(30), THINGS.length);
    String end =
        switch (Mix.below(hash(31), 40)) {
          case 0 -> "?\n(second line)";
          case 1 -> "? 🎉";
          default -> "?";
        };
    return "Will "
        + THINGS[thing]
        + " reach "
        + (1 + Mix.below(hash(32), 990))
        + " in event "
        + number / 8
        + "."
        + number % 8
        + end;
  }

  String description() {
    return "This market will resolve to \""
        + outcome(0)
        + "\" if it does.\n\nOtherwise it resolves to '"
        + outcome(outcomes - 1)
        + "'. Source: https://example.org/?q="
        + number
        + "&a=b\\c\tIf 50-50 applies, it does.";
  }

  String slug() {
    return "will-event-"
        + number / 8
        + "-"
        + number % 8
        + "-reach-"
        + (1 + Mix.below(hash(32), 990));
  }

  private static final String[] NAMES = {
    "Alpha", "Beta \"B\"", "Gamma's", "Δelta", "Epsilon, Inc.", "Zeta", "None of these"
  };

  String outcome(int outcome) {
    if (outcomes > 2) {
      return NAMES[outcome];
    }
    int kind = Mix.below(hash(33), 10);
    return kind < 7
        ? (outcome == 0 ? "Yes" : "No")
        : kind < 8 ? (outcome == 0 ? "Up" : "Down") : (outcome == 0 ? "O'Neil's" : "The \"Reds\"");
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
