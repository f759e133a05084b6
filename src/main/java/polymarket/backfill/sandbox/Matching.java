package polymarket.backfill.sandbox;

import java.util.List;

/**
 * The logs of a trade on an exchange: the makers' tokens and collateral go through the exchange,
 * which mints and merges what the two sides do not have for each other; then the taker's own.
 */
final class Matching {
  private static final String ZERO = "0x" + "0".repeat(64);

  private final Custody custody;
  private final Market m;
  private final int trade;
  private final List<Market.Leg> legs;
  private final Market.Leg taker;
  private final String exchange;
  private final boolean first;
  private final String collateral;

  Matching(Market m, int trade, List<Market.Leg> legs, Custody custody) {
    this.m = m;
    this.trade = trade;
    this.legs = legs;
    this.custody = custody;
    long time = m.time(trade);
    taker = legs.get(legs.size() - 1);
    exchange = m.exchange(time);
    first = first(m, trade);
    collateral = first ? Contracts.USDC : Contracts.PUSD;
  }

  /** Whether the trade is on an exchange of the first version. */
  static boolean first(Market m, int trade) {
    return !m.version2 && m.time(trade) <= Universe.FREEZE;
  }

  /** The transaction before a trade: a market maker's inventory, and the pUSD that buyers pay. */
  static boolean needsMore(Market m, int trade, List<Market.Leg> legs) {
    return legs.get(0).wallet() == Market.MARKET_MAKER && !legs.get(0).buy() || !first(m, trade);
  }

  static void prepare(Market m, int trade, List<Market.Leg> legs, Custody custody) {
    for (Market.Leg leg : legs) {
      if (leg.wallet() == Market.MARKET_MAKER && !leg.buy()) {
        String maker = Market.MARKET_MAKER_ADDRESS;
        custody.split(m, maker, maker, maker, leg.size(), false);
      }
      if (leg.buy() && !first(m, trade)) {
        custody.deposit(m.address(leg.wallet()), leg.cost() + leg.fee());
      }
    }
  }

  void write() {
    if (m.filledAlone(trade)) {
      alone();
      return;
    }
    String wallet = m.address(taker.wallet());
    if (taker.buy()) {
      custody.pay(collateral, wallet, exchange, taker.cost() + (first ? 0 : taker.fee()));
    } else {
      custody.move(m, exchange, wallet, exchange, taker.outcome(), taker.size());
    }
    for (Market.Leg leg : legs.subList(0, legs.size() - 1)) {
      maker(leg);
    }
    if (taker.buy()) {
      custody.move(
          m, exchange, exchange, wallet, taker.outcome(), taker.size() - (first ? taker.fee() : 0));
    } else {
      custody.pay(collateral, exchange, wallet, taker.cost() - taker.fee());
    }
    fee();
    filled(taker);
    matched();
    refund();
  }

  /** An operator gives what one order wants, and takes what it offers. */
  private void alone() {
    Market.Leg leg = legs.get(0);
    String operator = m.address(m.operator(trade));
    custody.pay(collateral, operator, m.address(leg.wallet()), leg.cost());
    custody.move(m, exchange, m.address(leg.wallet()), operator, leg.outcome(), leg.size());
    filled(leg);
  }

  private void maker(Market.Leg leg) {
    String wallet = m.address(leg.wallet());
    boolean same = leg.outcome() == taker.outcome();
    if (leg.buy()) {
      custody.pay(collateral, wallet, exchange, leg.cost());
    } else {
      custody.move(m, exchange, wallet, exchange, leg.outcome(), leg.size());
    }
    if (!same && leg.buy()) {
      custody.split(m, exchange, exchange, exchange, leg.size(), !first);
    } else if (!same) {
      custody.merge(m, exchange, exchange, exchange, leg.size(), !first);
    }
    if (leg.buy()) {
      custody.move(m, exchange, exchange, wallet, leg.outcome(), leg.size());
    } else {
      custody.pay(collateral, exchange, wallet, leg.cost());
    }
    filled(leg);
  }

  private String feeModule() {
    return m.negRisk ? Contracts.NEG_RISK_FEE_MODULE : Contracts.FEE_MODULE;
  }

  private void fee() {
    if (taker.fee() == 0) {
      return;
    }
    if (!first) {
      custody.pay(collateral, exchange, Contracts.FEE_RECEIVER, taker.fee());
      custody.out.log(exchange, ChainEvents.FEE_V2, Contracts.FEE_RECEIVER, taker.fee());
      feeRow("FeeCharged", Contracts.FEE_RECEIVER, taker.fee());
      return;
    }
    if (taker.buy()) {
      custody.move(m, exchange, exchange, feeModule(), taker.outcome(), taker.fee());
    } else {
      custody.pay(collateral, exchange, feeModule(), taker.fee());
    }
    custody.out.log(exchange, ChainEvents.FEE_V1, feeModule(), feeAsset(), taker.fee());
    feeRow("FeeCharged", feeModule(), taker.fee());
  }

  private Object feeAsset() {
    return taker.buy() ? m.universe.tokens.hex(m, taker.outcome()) : (Object) 0L;
  }

  /** The first exchange's fee module gives a part of the shares back. */
  private void refund() {
    long refund = first && taker.fee() > 0 && taker.buy() ? m.refund(trade, taker) : 0;
    if (refund > 0) {
      String to = m.address(taker.wallet());
      custody.move(m, feeModule(), feeModule(), to, taker.outcome(), refund);
      custody.out.log(
          feeModule(),
          ChainEvents.FEE_REFUNDED,
          m.orderHash(trade, taker),
          to,
          feeAsset(),
          refund,
          taker.fee());
      feeRow("FeeRefunded", to, refund);
    }
  }

  private void feeRow(String event, String receiver, long amount) {
    if (custody.out.rows()) {
      custody.out.row(
          "fees",
          0,
          "event",
          event,
          "order_hash",
          m.orderHash(trade, taker),
          "receiver",
          receiver,
          "token_id",
          first && taker.buy() ? m.token(taker.outcome()) : "0",
          "amount",
          amount);
    }
  }

  /** The builder of an order's second version: zero for most. */
  private String builder(Market.Leg leg) {
    long h = Mix.mix(m.hash(29), trade, leg.place());
    return first || Mix.below(h, 4) > 0 ? ZERO : "0x" + Mix.hex(Mix.below(h, 9), 32);
  }

  private void filled(Market.Leg leg) {
    String order = m.orderHash(trade, leg);
    String owner = m.address(leg.wallet());
    String counterparty = m.counterparty(trade, legs, leg);
    String token = m.universe.tokens.hex(m, leg.outcome());
    long gives = leg.buy() ? leg.cost() : leg.size();
    long gets = leg.buy() ? leg.size() : leg.cost();
    if (first) {
      custody.out.log(
          exchange,
          ChainEvents.FILLED_V1,
          order,
          owner,
          counterparty,
          leg.buy() ? (Object) 0L : token,
          leg.buy() ? token : (Object) 0L,
          gives,
          gets,
          leg.fee());
    } else {
      Object[] arguments = {
        order,
        owner,
        counterparty,
        leg.buy() ? 0 : 1,
        token,
        gives,
        gets,
        leg.fee(),
        builder(leg),
        ZERO
      };
      if (Mix.below(Mix.mix(m.hash(31), trade, leg.place()), 50) == 0) {
        custody.out.log(Contracts.TWIN, ChainEvents.FILLED_V2, arguments);
      }
      custody.out.log(exchange, ChainEvents.FILLED_V2, arguments);
    }
    if (custody.out.rows()) {
      row(leg, order, owner, counterparty);
    }
  }

  private void row(Market.Leg leg, String order, String owner, String counterparty) {
    custody.out.row(
        "fills",
        0,
        "exchange",
        exchange,
        "version",
        first ? 1 : m.version2 ? 3 : 2,
        "order_hash",
        order,
        "owner",
        owner,
        "counterparty",
        counterparty,
        "role",
        leg.taker() ? "taker" : "maker",
        "alone",
        m.filledAlone(trade),
        "side",
        leg.buy() ? "BUY" : "SELL",
        "token_id",
        m.token(leg.outcome()),
        "condition_id",
        m.condition.toString(),
        "outcome_index",
        leg.outcome(),
        "shares",
        leg.size(),
        "collateral",
        leg.cost(),
        "fee",
        leg.fee(),
        "fee_asset",
        first && leg.buy() ? "shares" : "collateral",
        "builder",
        builder(leg));
  }

  private void matched() {
    String token = m.universe.tokens.hex(m, taker.outcome());
    long gives = taker.buy() ? taker.cost() : taker.size();
    long gets = taker.buy() ? taker.size() : taker.cost();
    if (first) {
      custody.out.log(
          exchange,
          ChainEvents.MATCHED_V1,
          m.orderHash(trade, taker),
          m.address(taker.wallet()),
          taker.buy() ? (Object) 0L : token,
          taker.buy() ? token : (Object) 0L,
          gives,
          gets);
    } else {
      custody.out.log(
          exchange,
          ChainEvents.MATCHED_V2,
          m.orderHash(trade, taker),
          m.address(taker.wallet()),
          taker.buy() ? 0 : 1,
          token,
          gives,
          gets);
    }
  }
}
