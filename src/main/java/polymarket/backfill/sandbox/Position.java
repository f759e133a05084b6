package polymarket.backfill.sandbox;

/** What a wallet has or had of one outcome: the sum of its fills. Amounts in millionths. */
record Position(Market market, int wallet, int outcome, Market.Holding holding) {

  /** Half of what was left in a resolved market has been redeemed. */
  boolean redeemed() {
    return redeems(market, wallet);
  }

  static boolean redeems(Market market, int wallet) {
    return market.resolved != 0 && Mix.below(Mix.mix(market.hash(50), wallet), 2) == 0;
  }

  long size() {
    return redeemed() ? 0 : holding.net();
  }

  boolean closed() {
    return size() == 0;
  }

  boolean redeemable() {
    return market.resolved != 0 && !closed();
  }

  boolean archived() {
    return !closed()
        && holding.last < market.universe.now - 365L * 86_400
        && Mix.below(Mix.mix(market.hash(51), wallet), 8) == 0;
  }

  double averagePrice() {
    return (double) holding.paid / Math.max(1, holding.bought);
  }

  double price() {
    return market.price(outcome);
  }

  double cost() {
    return size() / 1e6 * averagePrice();
  }

  double value() {
    return size() / 1e6 * price();
  }

  double realized() {
    double sales = holding.received / 1e6 - holding.sold / 1e6 * averagePrice();
    return redeemed() ? sales + holding.net() / 1e6 * (price() - averagePrice()) : sales;
  }

  String token() {
    return market.token(outcome);
  }

  int opposite() {
    return outcome == 0 ? 1 : 0;
  }

  /**
   * A number of at most so many decimals, with at least one after the point, as the second API
   * writes floats.
   */
  static String decimal(double value, int decimals) {
    String s =
        java.math.BigDecimal.valueOf(value)
            .setScale(decimals, java.math.RoundingMode.HALF_UP)
            .stripTrailingZeros()
            .toPlainString();
    return s.indexOf('.') < 0 ? s + ".0" : s;
  }

  /** Millionths as a plain number with at least one decimal. */
  static String millionths(long value) {
    String s = java.math.BigDecimal.valueOf(value, 6).stripTrailingZeros().toPlainString();
    return s.indexOf('.') < 0 ? s + ".0" : s;
  }

  /** A number as the first API writes it: an integer where it is one. */
  static String number(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1e15
        ? String.valueOf((long) value)
        : String.valueOf(value);
  }
}
