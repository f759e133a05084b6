package polymarket.backfill.sandbox;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The one universe that all sources show: markets numbered from 0 in the order of their creation,
 * each a function of the seed and its number. Only what is asked for all the time is kept, some 50
 * bytes a market.
 */
final class Universe {
  /** The last moment and block of the public subgraphs: 2026-04-28. */
  static final long FREEZE = 1777374000L;

  static final long FREEZE_BLOCK = 86_126_998L;

  /** New markets since then may be "v2": they have position ids of another contract. */
  static final long PROTOCOL_V2 = 1793577600L;

  private static final double ROWS_A_TRADE = 2.25;
  private static final long OLDEST_DAYS = 1825;
  private static final long DAY = 86_400;

  /** Oracles of real markets; the first is the neg-risk adapter. */
  private static final String[] ORACLES = {
    "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296", "0x65070BE91477460D8A7AeEb94ef92fe056C2f2A7",
    "0x6A9D222616C90FcA5754cd1333cFD9b7fb6a4F74", "0x157Ce2d672854c848c9b79C49a8Cc6cc89176a49",
    "0xCB1822859cEF82Cd2Eb4E6276C7916e692995130"
  };

  final SandboxOptions options;
  final long seed;
  final int size;
  final long now;
  final Wallets wallets;
  final Tokens tokens;

  /** Sums of the markets that were added up last: too much to do for every question. */
  private final Map<Integer, Map<Integer, Market.Holding[]>> holdings =
      Collections.synchronizedMap(
          new LinkedHashMap<>(64, 0.75f, true) {
            @Override
            protected boolean removeEldestEntry(
                Map.Entry<Integer, Map<Integer, Market.Holding[]>> eldest) {
              return size() > 512;
            }
          });

  private final long blockSeconds;
  private final long[] conditions;
  private final int[] created;
  private final int[] closes;
  private final int[] resolved;
  private final int[] trades;

  /** Market numbers in the order of their condition ids. */
  private final int[] byCondition;

  Universe(SandboxOptions options) {
    this.options = options;
    seed = options.seed();
    now = options.now();
    blockSeconds = options.blockSeconds();
    size = options.conditions();
    if (size < 4 || size > 20_000_000 || blockSeconds() < 1 || options.wallets() < 1) {
      throw new IllegalArgumentException(
          "there must be 4 to 20,000,000 conditions, a wallet and a second a block at least");
    }
    wallets = new Wallets(options);
    tokens = new Tokens(this);
    conditions = new long[size * 4];
    created = new int[size];
    closes = new int[size];
    resolved = new int[size];
    trades = new int[size];
    for (int i = 0; i < size; i++) {
      created[i] = (int) makeCreated(i);
      closes[i] = (int) makeCloses(i);
      resolved[i] = (int) makeResolved(i);
      trades[i] = makeTrades(i);
      ConditionId id = ConditionalTokens.conditionId(oracle(i), questionId(i), outcomes(i));
      conditions[i * 4] = id.a();
      conditions[i * 4 + 1] = id.b();
      conditions[i * 4 + 2] = id.c();
      conditions[i * 4 + 3] = id.d();
    }
    byCondition =
        IntStream.range(0, size)
            .boxed()
            .sorted((x, y) -> Long.compareUnsigned(conditions[x * 4], conditions[y * 4]))
            .mapToInt(Integer::intValue)
            .toArray();
  }

  long hash(int market, int what) {
    return Mix.mix(seed, market, what);
  }

  /** True for the given share, in thousandths, of the markets. */
  boolean chance(int market, int what, int thousandths) {
    return Mix.below(hash(market, what), 1000) < thousandths;
  }

  // ---- chain time

  long headBlock() {
    return blockOf(now);
  }

  long blockOf(long time) {
    return FREEZE_BLOCK + Math.floorDiv(time - FREEZE, blockSeconds);
  }

  long timeOf(long block) {
    return FREEZE + (block - FREEZE_BLOCK) * blockSeconds;
  }

  long blockSeconds() {
    return blockSeconds;
  }

  String blockHash(long block) {
    return Mix.hex(Mix.mix(seed, block, 0xB10C), 32);
  }

  // ---- markets

  /** Seconds since the epoch; rises with the market's number. */
  long created(int market) {
    return created[market];
  }

  private long makeCreated(int market) {
    if (market >= size - 2) {
      // two so young that only a reader of unconfirmed blocks sees them
      return now - (market == size - 1 ? 6 : 15) * blockSeconds;
    }
    long span = OLDEST_DAYS * DAY;
    int first = market - market % 8;
    if (negRisk(market) && first + 8 <= size - 2) {
      // the questions of a neg-risk event are prepared one after the other
      double place = (first + Mix.fraction(hash(first, 1)) / 2) / size;
      return now - span + (long) (span * place) + (market - first) * blockSeconds;
    }
    double place = (market + Mix.fraction(hash(market, 1))) / size;
    return now - span + (long) (span * place);
  }

  /** When trading ends or ended. */
  long closes(int market) {
    return closes[market];
  }

  private long makeCloses(int market) {
    long h = hash(market, 2);
    int kind = Mix.below(h, 10);
    double f = Mix.fraction(Mix.mix(h));
    double days = kind < 6 ? 1 + 13 * f : kind < 9 ? 14 + 76 * f : 90 + 310 * f;
    return created(market) + (long) (days * DAY);
  }

  boolean closed(int market) {
    return closes(market) <= now;
  }

  /** When the chain resolved it; 0 for one that is not resolved. */
  long resolved(int market) {
    return resolved[market];
  }

  private long makeResolved(int market) {
    if (chance(market, 3, 50)) {
      return 0;
    }
    long at = closes(market) + 7200 + Mix.below(hash(market, 4), 40 * 3600);
    at = timeOf(blockOf(at));
    return at <= now ? at : 0;
  }

  /** Markets of the new protocol have no tokens of the Conditional Tokens contract. */
  boolean isVersion2(int market) {
    return created(market) >= PROTOCOL_V2
        && chance(negRisk(market) ? market - market % 8 : market, 5, 500);
  }

  boolean negRisk(int market) {
    return Mix.below(Mix.mix(seed, market / 8, 6), 100) < 35;
  }

  int outcomes(int market) {
    return negRisk(market) || isVersion2(market) ? 2 : Payout.outcomes(hash(market, 7));
  }

  /** 64 hex digits; those of a neg-risk event's markets differ in the last byte. */
  byte[] questionId(int market) {
    byte[] id = new byte[32];
    long h = negRisk(market) ? Mix.mix(seed, market / 8, 8) : hash(market, 9);
    for (int i = 0; i < 32; i++) {
      id[i] = (byte) (Mix.mix(h, i / 8) >>> (8 * (i % 8)));
    }
    if (negRisk(market)) {
      id[31] = (byte) (market % 8);
    }
    return id;
  }

  String oracle(int market) {
    return ORACLES[negRisk(market) ? 0 : 1 + Mix.below(hash(market, 10), ORACLES.length - 1)];
  }

  ConditionId conditionId(int market) {
    int at = market * 4;
    return new ConditionId(
        conditions[at], conditions[at + 1], conditions[at + 2], conditions[at + 3]);
  }

  /** The market of a condition id, or -1. */
  int marketOf(ConditionId id) {
    for (int rank = rankFrom(id.a());
        rank < size && conditions[byCondition[rank] * 4] == id.a();
        rank++) {
      if (conditionId(byCondition[rank]).equals(id)) {
        return byCondition[rank];
      }
    }
    return -1;
  }

  /** The market at a place in the order of condition ids. */
  int byCondition(int rank) {
    return byCondition[rank];
  }

  /** The first place whose condition id begins with this word or a larger one. */
  int rankFrom(long word) {
    int low = 0;
    int high = size;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (Long.compareUnsigned(conditions[byCondition[middle] * 4], word) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /**
   * How many trades a market has: none in 7 of 100, most some, a long tail, one that is the
   * largest.
   */
  int trades(int market) {
    return trades[market];
  }

  private int makeTrades(int market) {
    if (market == (int) (size * 0.6)) {
      return Math.max(1, (int) (options.largestMarketFills() / ROWS_A_TRADE));
    }
    if (chance(market, 12, 70)) {
      return 0;
    }
    double mean = options.fillsPerMarket() / ROWS_A_TRADE;
    double tail = Math.pow(1 - Mix.fraction(hash(market, 13)), -1 / 1.5) / 2.7;
    return (int) Math.ceil(Math.min(mean * 60, mean * tail));
  }

  /** What all wallets have or had of a market by its end. */
  Map<Integer, Market.Holding[]> holdings(Market m) {
    Map<Integer, Market.Holding[]> known = holdings.get(m.number);
    if (known == null) {
      known = m.holdingsOfAll();
      holdings.put(m.number, known);
    }
    return known;
  }

  /** The markets that a wallet may have tokens of: where it trades, and what it converted to. */
  Collection<Market> marketsOf(int wallet) {
    Map<Integer, Market> all = new LinkedHashMap<>();
    for (int number : wallets.markets(wallet)) {
      if (trades(number) == 0) {
        continue;
      }
      Market market = market(number);
      all.put(number, market);
      Conversion conversion = negRisk(number) ? Conversion.of(market) : null;
      if (conversion != null && conversion.wallet() == wallet) {
        conversion.given().forEach(one -> all.putIfAbsent(one.number, one));
        conversion.others().forEach(one -> all.putIfAbsent(one.number, one));
      }
    }
    return all.values();
  }

  Market market(int number) {
    return new Market(this, number);
  }

  /** The market of a condition id as an API takes it; null for none. */
  Market market(String conditionId) {
    ConditionId id = ConditionId.parse(conditionId.toLowerCase());
    int number = id == null ? -1 : marketOf(id);
    return number < 0 ? null : market(number);
  }

  // ---- planned conflicts between the sources' mappings

  /**
   * What is wrong in the CLOB's row of a market: none, swapped-tokens, foreign-tokens (the next
   * market's) or foreign-slug.
   */
  String clobConflict(int market) {
    int kind = Mix.below(hash(market, 14), 1000);
    return kind < 3
        ? "swapped-tokens"
        : kind < 6 ? "foreign-tokens" : kind < 8 ? "foreign-slug" : "none";
  }

  /**
   * What is wrong in the positions subgraph's tokens of a market: none, foreign-condition or
   * flipped-outcome.
   */
  String goldskyConflict(int market) {
    int kind = Mix.below(hash(market, 15), 1000);
    return kind < 3 ? "foreign-condition" : kind < 5 ? "flipped-outcome" : "none";
  }

  /** Whether the positions subgraph knows the market at all. */
  boolean onGoldsky(int market) {
    return created(market) <= FREEZE && !isVersion2(market);
  }

  /** The CLOB lists markets with two outcomes. */
  boolean onClob(int market) {
    return outcomes(market) == 2;
  }

  // ---- payouts

  /** The chain's payout numerators, or null where the market is not resolved. */
  long[] chainPayout(int market, ConditionId id) {
    return resolved(market) == 0 ? null : numerators(market, id);
  }

  /** What a market resolves to; of a neg-risk event's questions exactly one resolves to yes. */
  private long[] numerators(int market, ConditionId id) {
    if (!negRisk(market)) {
      return Payout.onChain(id.hash(seed), outcomes(market));
    }
    int first = market - market % 8;
    int winner = first + Mix.below(hash(first, 16), Math.min(8, size - first));
    return market == winner ? new long[] {1, 0} : new long[] {0, 1};
  }

  /** The first market that was created at or after a time. */
  int firstSince(long time) {
    int low = 0;
    int high = size;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (created(middle) < time) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** What the positions subgraph, which stopped in April 2026, says of any condition id. */
  Payout goldskyPayout(ConditionId id) {
    return goldskyPayout(id, FREEZE);
  }

  /** seen: the last second that the subgraph has seen. */
  Payout goldskyPayout(ConditionId id, long seen) {
    int market = marketOf(id);
    return market < 0 ? Payout.ofStranger(id.hash(seed)) : goldskyPayout(market, id, seen);
  }

  Payout goldskyPayout(int market, ConditionId id, long seen) {
    if (!onGoldsky(market)) {
      return Payout.ABSENT;
    }
    long hash = id.hash(seed);
    long resolved = resolved(market);
    if (resolved == 0 || resolved > seen) {
      return Payout.unresolved(hash);
    }
    Payout bad = Payout.malformed(hash, outcomes(market));
    if (bad != null) {
      return bad;
    }
    long[] numerators = numerators(market, id);
    if (payoutConflict(market)) {
      long first = numerators[0];
      System.arraycopy(numerators, 1, numerators, 0, numerators.length - 1);
      numerators[numerators.length - 1] = first;
    }
    return Payout.decimals(numerators);
  }

  /**
   * Planned: one market in 500 whose payouts the positions subgraph shows in another order than the
   * chain.
   */
  boolean payoutConflict(int market) {
    return chance(market, 11, 2);
  }

  /**
   * What the Data API, which lives, says of any condition id: resolved, pending, or null for one it
   * has nothing of.
   */
  Resolution resolution(ConditionId id) {
    long hash = id.hash(seed);
    boolean disputed = Mix.below(Mix.mix(hash, 8), 20) == 0;
    int market = marketOf(id);
    if (market < 0) {
      Payout goldsky = Payout.ofStranger(hash);
      long block = FREEZE_BLOCK - Mix.below(Mix.mix(hash, 9), 10_000_000);
      if (goldsky == Payout.ABSENT
          || goldsky.state().equals("unresolved") && Mix.below(Mix.mix(hash, 10), 2) == 0) {
        return null;
      }
      long[] numerators =
          goldsky.state().equals("unresolved")
              ? null
              : Payout.onChain(hash, Payout.outcomes(Mix.mix(hash, 6)));
      return new Resolution(
          id, "0x" + Mix.hex(hash, 32), numerators, block, timeOf(block), disputed);
    }
    if (!closed(market)) {
      return null;
    }
    long[] numerators = chainPayout(market, id);
    long time = numerators == null ? timeOf(blockOf(closes(market))) : resolved(market);
    return new Resolution(
        id, "0x" + Mix.hex(questionId(market)), numerators, blockOf(time), time, disputed);
  }
}
