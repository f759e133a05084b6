package polymarket.backfill.audit;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one wallet has of the tokens of one market, by the rules of Polymarket's pnl-subgraph, in
 * whole base units of 10^-6. A division drops its remainder, as the subgraph's does: a profit and a
 * loss are both rounded toward zero.
 */
final class WalletTokens {

  private static final BigInteger ONE = BigInteger.valueOf(1_000_000);
  private static final BigInteger ZERO = BigInteger.ZERO;

  /** One token. */
  static final class Position {
    private BigInteger amount = ZERO;
    private BigInteger average = ZERO;
    private BigInteger bought = ZERO;
    private BigInteger realized = ZERO;
    private long lastBlock;

    BigInteger amount() {
      return amount;
    }

    BigInteger average() {
      return average;
    }

    BigInteger bought() {
      return bought;
    }

    BigInteger realized() {
      return realized;
    }

    long lastBlock() {
      return lastBlock;
    }

    private void buy(BigInteger price, BigInteger quantity) {
      if (quantity.signum() > 0) {
        BigInteger paid = average.multiply(amount).add(price.multiply(quantity));
        amount = amount.add(quantity);
        average = paid.divide(amount);
        bought = bought.add(quantity);
      }
    }

    /** What goes beyond the amount came by a transfer, and has no profit. */
    private void sell(BigInteger price, BigInteger quantity) {
      BigInteger sold = quantity.min(amount);
      realized = realized.add(sold.multiply(price.subtract(average)).divide(ONE));
      amount = amount.subtract(sold);
    }
  }

  private final Map<BigInteger, Position> positions = new LinkedHashMap<>();

  /** The positions by their tokens, in the order in which they came. */
  Map<BigInteger, Position> positions() {
    return positions;
  }

  /**
   * Applies the next change.
   *
   * @param kind as sql/positions.sql names them
   */
  void apply(
      int kind, long block, List<BigInteger> tokens, List<BigInteger> amounts, BigInteger price) {
    for (BigInteger token : tokens) {
      positions.computeIfAbsent(token, t -> new Position()).lastBlock = block;
    }
    switch (kind) {
      case 0 -> positions.get(tokens.get(0)).buy(price, amounts.get(0));
      case 1 -> positions.get(tokens.get(0)).sell(price, amounts.get(0));
      case 2 -> convert(tokens, price.intValueExact(), amounts.get(0));
      case 3 -> fund(tokens, amounts);
      case 4 -> withdraw(tokens, amounts, price);
      default -> throw new IllegalArgumentException("unknown kind of change " + kind);
    }
  }

  /** The NO that are given go at what they cost; what they cost more than they pay buys the YES. */
  private void convert(List<BigInteger> tokens, int given, BigInteger amount) {
    if (given == 0) {
      return;
    }
    BigInteger sum = ZERO;
    for (BigInteger token : tokens.subList(0, given)) {
      Position no = positions.get(token);
      no.sell(no.average, amount);
      sum = sum.add(no.average);
    }
    int others = tokens.size() - given;
    if (others == 0) {
      return;
    }
    BigInteger many = BigInteger.valueOf(given);
    BigInteger price =
        sum.divide(many)
            .multiply(many)
            .subtract(ONE.multiply(BigInteger.valueOf(given - 1L)))
            .divide(BigInteger.valueOf(others));
    tokens.subList(given, tokens.size()).forEach(yes -> positions.get(yes).buy(price, amount));
  }

  /** The funder buys what is sent back at the pool's prices, and shares of it for the rest. */
  private void fund(List<BigInteger> tokens, List<BigInteger> amounts) {
    int outcomes = tokens.size() - 1;
    BigInteger most = amounts.subList(0, outcomes).stream().reduce(ZERO, BigInteger::max);
    BigInteger cost = ZERO;
    for (int o = 0; o < outcomes; o++) {
      BigInteger back = most.subtract(amounts.get(o));
      BigInteger price = price(amounts.subList(0, outcomes), o);
      positions.get(tokens.get(o)).buy(price, back);
      cost = cost.add(back.multiply(price).divide(ONE));
    }
    BigInteger shares = amounts.get(outcomes);
    if (shares.signum() > 0) {
      BigInteger price = most.subtract(cost).multiply(ONE).divide(shares);
      positions.get(tokens.get(outcomes)).buy(price, shares);
    }
  }

  /** The funder buys the tokens at the pool's prices, and sells shares of it for them and fees. */
  private void withdraw(List<BigInteger> tokens, List<BigInteger> amounts, BigInteger fees) {
    int outcomes = tokens.size() - 1;
    BigInteger cost = ZERO;
    for (int o = 0; o < outcomes; o++) {
      BigInteger price = price(amounts.subList(0, outcomes), o);
      positions.get(tokens.get(o)).buy(price, amounts.get(o));
      cost = cost.add(amounts.get(o).multiply(price).divide(ONE));
    }
    BigInteger shares = amounts.get(outcomes);
    if (shares.signum() > 0) {
      BigInteger price = fees.subtract(cost).multiply(ONE).divide(shares);
      positions.get(tokens.get(outcomes)).sell(price, shares);
    }
  }

  /** An outcome's price in a pool with these amounts: the product of the others' among all such. */
  private static BigInteger price(List<BigInteger> amounts, int outcome) {
    BigInteger own = ZERO;
    BigInteger all = ZERO;
    for (int o = 0; o < amounts.size(); o++) {
      BigInteger others = BigInteger.ONE;
      for (int other = 0; other < amounts.size(); other++) {
        others = other == o ? others : others.multiply(amounts.get(other));
      }
      own = o == outcome ? others : own;
      all = all.add(others);
    }
    return all.signum() == 0 ? ZERO : own.multiply(ONE).divide(all);
  }
}
