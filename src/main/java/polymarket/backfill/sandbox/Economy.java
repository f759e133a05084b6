package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * What happens on the chain: all transactions of a range of blocks, made when they are asked for.
 * Each is a function of the seed, its market and its number, so that nothing is kept.
 */
final class Economy {
  /** From a market's creation to its last redemption, in seconds. */
  private static final long LONGEST_MARKET = 406L * 86_400;

  /** From a market's end to its last redemption. */
  private static final long AFTERMATH = 6L * 86_400;

  private static final long REDEMPTIONS = 3L * 86_400;

  /** The auto redeemer came some days after the second exchange. */
  private static final long AUTO_REDEEMER = Universe.FREEZE + 20_000;

  /** Blocks whose transactions are made at once. */
  private static final int PIECE = 4_000;

  private final Universe universe;

  Economy(Universe universe) {
    this.universe = universe;
  }

  enum Kind {
    PREPARATION,
    BEFORE,
    TRADE,
    ACT,
    POOL,
    CONVERSION,
    RESOLUTION,
    REDEMPTION
  }

  /**
   * A transaction.
   *
   * @param order its place among the market's in the block
   * @param number the trade, the pool's call, or the wallet that redeems
   * @param part which of the acts after a trade
   */
  record Tx(long block, Market market, long order, Kind kind, int number, int part) {}

  /** Writes all transactions of a range of blocks, in the chain's order. */
  void write(long from, long to, LogOut out) {
    long end = Math.min(to, universe.headBlock());
    for (long block = from; block <= end; block += PIECE) {
      for (Tx tx : transactions(block, Math.min(end, block + PIECE - 1))) {
        write(tx, out);
      }
    }
  }

  /** Writes all transactions of one market up to a block. */
  void write(int market, long to, LogOut out) {
    long from = universe.blockOf(universe.created(market));
    for (Tx tx : transactions(from, Math.min(to, universe.headBlock()), market, market + 1)) {
      write(tx, out);
    }
  }

  private List<Tx> transactions(long from, long to) {
    long start = universe.timeOf(from);
    return transactions(
        from,
        to,
        universe.firstSince(start - LONGEST_MARKET),
        universe.firstSince(universe.timeOf(to) + universe.blockSeconds()));
  }

  private List<Tx> transactions(long from, long to, int firstMarket, int endMarket) {
    List<Tx> all = new ArrayList<>();
    long start = universe.timeOf(from);
    for (int i = firstMarket; i < endMarket; i++) {
      if (universe.closes(i) + AFTERMATH >= start || universe.created(i) >= start - 86_400) {
        market(i, from, to, all);
      }
    }
    all.sort(
        Comparator.comparingLong(Tx::block)
            .thenComparingInt((Tx tx) -> tx.market.number)
            .thenComparingLong(Tx::order));
    return all;
  }

  private void market(int number, long from, long to, List<Tx> all) {
    long start = universe.timeOf(from);
    long end = universe.timeOf(to);
    long created = universe.blockOf(universe.created(number));
    Market m = null;
    if (created >= from && created <= to) {
      m = universe.market(number);
      all.add(new Tx(created, m, -1, Kind.PREPARATION, 0, 0));
    }
    if (universe.trades(number) > 0
        && universe.closes(number) >= start - universe.blockSeconds()
        && universe.created(number) <= end + universe.blockSeconds()) {
      m = m == null ? universe.market(number) : m;
      trades(m, start, end, all);
      pool(m, from, to, all);
      conversion(m, from, to, all);
    }
    long resolved = universe.resolved(number);
    if (resolved != 0 && resolved <= end && resolved + REDEMPTIONS >= start) {
      m = m == null ? universe.market(number) : m;
      if (resolved >= start) {
        all.add(new Tx(universe.blockOf(resolved), m, Long.MAX_VALUE / 2, Kind.RESOLUTION, 0, 0));
      }
      redemptions(m, from, to, all);
    }
  }

  private void trades(Market m, long start, long end, List<Tx> all) {
    int next = m.tradesUntil(end);
    for (int j = m.tradesUntil(start - 1); j < next; j++) {
      long block = universe.blockOf(m.time(j));
      List<Market.Leg> legs = m.legs(j);
      if (Matching.needsMore(m, j, legs)) {
        all.add(new Tx(block, m, j * 8L, Kind.BEFORE, j, 0));
      }
      all.add(new Tx(block, m, j * 8L + 1, Kind.TRADE, j, 0));
      int acts = Act.after(m, j, legs).size();
      for (int k = 0; k < acts; k++) {
        all.add(new Tx(block, m, j * 8L + 2 + k, Kind.ACT, j, k));
      }
    }
  }

  private void pool(Market m, long from, long to, List<Tx> all) {
    Pool pool = Pool.of(m);
    for (int k = 0; pool != null && k < pool.calls; k++) {
      long block = universe.blockOf(pool.time(k));
      if (block >= from && block <= to) {
        all.add(new Tx(block, m, (1L << 40) + k, Kind.POOL, k, 0));
      }
    }
  }

  private void conversion(Market m, long from, long to, List<Tx> all) {
    Conversion conversion = m.negRisk ? Conversion.of(m) : null;
    if (conversion != null) {
      long block = universe.blockOf(conversion.time());
      for (int part = 0; block >= from && block <= to && part < 2; part++) {
        all.add(new Tx(block, m, (1L << 41) + part, Kind.CONVERSION, 0, part));
      }
    }
  }

  /** Half of the wallets redeem what they have, within three days. */
  private void redemptions(Market m, long from, long to, List<Tx> all) {
    for (Map.Entry<Integer, Market.Holding[]> entry : universe.holdings(m).entrySet()) {
      int wallet = entry.getKey();
      long block = universe.blockOf(redeemed(m, wallet));
      if (block >= from
          && block <= to
          && Position.redeems(m, wallet)
          && amounts(entry.getValue()).stream().anyMatch(amount -> amount > 0)) {
        all.add(new Tx(block, m, Long.MAX_VALUE / 2 + 1 + wallet, Kind.REDEMPTION, wallet, 0));
      }
    }
  }

  private long redeemed(Market m, int wallet) {
    long until = Math.min(universe.now, m.resolved + REDEMPTIONS - universe.blockSeconds());
    return m.resolved
        + (long) (Math.max(0, until - m.resolved) * Mix.fraction(Mix.mix(m.hash(52), wallet)));
  }

  private static List<Long> amounts(Market.Holding[] holdings) {
    List<Long> amounts = new ArrayList<>(holdings.length);
    for (Market.Holding holding : holdings) {
      amounts.add(holding == null ? 0 : holding.net());
    }
    return amounts;
  }

  // ---- logs

  private String hash(Tx tx) {
    Market m = tx.market;
    return switch (tx.kind) {
      case PREPARATION -> "0x" + Mix.hex(m.hash(90), 32);
      case RESOLUTION -> "0x" + Mix.hex(m.hash(91), 32);
      case BEFORE -> "0x" + Mix.hex(Mix.mix(m.hash(71), tx.number), 32);
      case TRADE -> "0x" + m.transaction(tx.number);
      case ACT -> "0x" + Mix.hex(Mix.mix(m.hash(72), tx.number, tx.part), 32);
      case POOL -> Pool.of(m).transaction(tx.number);
      case CONVERSION -> Conversion.of(m).transaction(tx.part);
      case REDEMPTION -> "0x" + Mix.hex(Mix.mix(m.hash(73), tx.number), 32);
    };
  }

  private void write(Tx tx, LogOut out) {
    Market m = tx.market;
    Custody custody = new Custody(universe, out);
    out.begin(tx.block, hash(tx));
    switch (tx.kind) {
      case PREPARATION -> new Oracle(universe, custody).prepared(m);
      case RESOLUTION -> new Oracle(universe, custody).resolved(m);
      case BEFORE -> Matching.prepare(m, tx.number, m.legs(tx.number), custody);
      case TRADE -> new Matching(m, tx.number, m.legs(tx.number), custody).write();
      case ACT -> Act.after(m, tx.number, m.legs(tx.number)).get(tx.part).write(m, custody);
      case POOL -> Pool.of(m).write(tx.number, custody);
      case CONVERSION -> Conversion.of(m).write(tx.part, custody);
      case REDEMPTION ->
          custody.redeem(
              m,
              m.address(tx.number),
              amounts(m.holdings(tx.number)),
              !m.version2
                  && universe.timeOf(tx.block) > AUTO_REDEEMER
                  && Mix.below(Mix.mix(m.hash(53), tx.number), 3) == 0);
    }
  }
}
