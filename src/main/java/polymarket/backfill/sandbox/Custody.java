package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.List;

/**
 * How the contracts move tokens and collateral: each method writes the logs of one call, inner
 * calls first, and the truth's rows beside them. Amounts are in millionths.
 */
final class Custody {
  private static final String NO_PARENT = "0x" + "0".repeat(64);

  final LogOut out;
  private final Universe universe;

  Custody(Universe universe, LogOut out) {
    this.universe = universe;
    this.out = out;
  }

  List<Long> each(Market m, long amount) {
    return java.util.Collections.nCopies(m.outcomes, amount);
  }

  // ---- collateral

  /** Collateral from one to another; nothing is written for nothing. */
  void pay(String collateral, String from, String to, long amount) {
    if (amount > 0) {
      out.log(collateral, ChainEvents.ERC20, from, to, amount);
      out.row("collateral", 0, "token", collateral, "from", from, "to", to, "amount", amount);
    }
  }

  /** USDC.e becomes pUSD. */
  void wrap(String from, String to, long amount) {
    if (amount > 0) {
      pay(Contracts.USDC, from, Contracts.PUSD, amount);
      pay(Contracts.PUSD, Contracts.NOBODY, to, amount);
      out.log(Contracts.PUSD, ChainEvents.WRAPPED, from, Contracts.USDC, to, amount);
    }
  }

  private void unwrap(String holder, long amount) {
    if (amount > 0) {
      pay(Contracts.PUSD, holder, Contracts.NOBODY, amount);
      pay(Contracts.USDC, Contracts.PUSD, holder, amount);
      out.log(Contracts.PUSD, ChainEvents.UNWRAPPED, holder, Contracts.USDC, holder, amount);
    }
  }

  /** A wallet makes the pUSD that it is about to pay. */
  void deposit(String wallet, long amount) {
    wrap(wallet, wallet, amount);
  }

  // ---- tokens

  static String tokens(Market m) {
    return m.version2 ? Contracts.POSITION_MANAGER : Contracts.CTF;
  }

  static String module(Market m) {
    return m.negRisk ? Contracts.NEG_RISK_MODULE : Contracts.BINARY_MODULE;
  }

  void move(Market m, String operator, String from, String to, int outcome, long amount) {
    out.log(
        tokens(m), ChainEvents.SINGLE, operator, from, to, universe.tokens.hex(m, outcome), amount);
    row(m, 0, operator, from, to, outcome, amount);
  }

  /** One TransferBatch of this amount of each outcome. */
  void moveAll(Market m, String operator, String from, String to, List<Long> amounts) {
    List<String> ids = new ArrayList<>(m.outcomes);
    for (int o = 0; o < m.outcomes; o++) {
      ids.add(universe.tokens.hex(m, o));
    }
    out.log(tokens(m), ChainEvents.BATCH, operator, from, to, ids, amounts);
    for (int o = 0; o < m.outcomes; o++) {
      row(m, o, operator, from, to, o, amounts.get(o));
    }
  }

  /** One TransferBatch of this amount of one outcome of each of several markets. */
  void moveAcross(
      List<Market> markets, String operator, String from, String to, int outcome, long amount) {
    out.log(
        Contracts.CTF,
        ChainEvents.BATCH,
        operator,
        from,
        to,
        markets.stream().map(m -> universe.tokens.hex(m, outcome)).toList(),
        java.util.Collections.nCopies(markets.size(), amount));
    for (int k = 0; k < markets.size(); k++) {
      row(markets.get(k), k, operator, from, to, outcome, amount);
    }
  }

  private void row(
      Market m, int batch, String operator, String from, String to, int outcome, long amount) {
    if (out.rows()) {
      out.row(
          "transfers",
          batch,
          "contract",
          tokens(m),
          "operator",
          operator,
          "from",
          from,
          "to",
          to,
          "token_id",
          m.token(outcome),
          "condition_id",
          m.condition.toString(),
          "outcome_index",
          outcome,
          "amount",
          amount);
    }
  }

  // ---- split and merge

  /**
   * A caller pays and gets sets of outcome tokens.
   *
   * @param caller who pays and gets the tokens: a wallet, an exchange or a pool
   * @param owner for whom, as the truth says it
   * @param initiator what a module's event names
   * @param pusd whether the caller pays pUSD, through a collateral adapter
   */
  void split(Market m, String caller, String owner, String initiator, long amount, boolean pusd) {
    if (m.version2) {
      pay(Contracts.PUSD, caller, module(m), amount);
      moveAll(m, module(m), Contracts.NOBODY, caller, each(m, amount));
      String id = universe.tokens.conditionId31(m);
      out.log(module(m), ChainEvents.MODULE_SPLIT, initiator, id, caller, caller, amount);
      set(m, "PositionsSplit", module(m), initiator, owner, Contracts.PUSD, amount);
    } else if (pusd) {
      String adapter = adapter(m);
      pay(Contracts.PUSD, caller, adapter, amount);
      unwrap(adapter, amount);
      splitUsdc(m, adapter, owner, amount);
      moveAll(m, adapter, adapter, caller, each(m, amount));
    } else {
      splitUsdc(m, caller, owner, amount);
    }
  }

  private static String adapter(Market m) {
    return m.negRisk ? Contracts.NEG_RISK_COLLATERAL_ADAPTER : Contracts.COLLATERAL_ADAPTER;
  }

  private void splitUsdc(Market m, String caller, String owner, long amount) {
    if (!m.negRisk) {
      splitHere(m, caller, owner, Contracts.USDC, amount);
      return;
    }
    String adapter = Contracts.NEG_RISK_ADAPTER;
    pay(Contracts.USDC, caller, adapter, amount);
    pay(Contracts.USDC, adapter, Contracts.WRAPPED, amount);
    pay(Contracts.WRAPPED, Contracts.NOBODY, adapter, amount);
    splitHere(m, adapter, owner, Contracts.WRAPPED, amount);
    moveAll(m, adapter, adapter, caller, each(m, amount));
    out.log(adapter, ChainEvents.ADAPTER_SPLIT, caller, m.condition, amount);
    set(m, "PositionSplit", adapter, caller, owner, Contracts.USDC, amount);
  }

  /** The conditional tokens contract's own split. */
  void splitHere(Market m, String stakeholder, String owner, String collateral, long amount) {
    pay(collateral, stakeholder, Contracts.CTF, amount);
    moveAll(m, stakeholder, Contracts.NOBODY, stakeholder, each(m, amount));
    out.log(
        Contracts.CTF,
        ChainEvents.SPLIT,
        stakeholder,
        collateral,
        NO_PARENT,
        m.condition,
        partition(m),
        amount);
    set(m, "PositionSplit", Contracts.CTF, stakeholder, owner, collateral, amount);
  }

  private static List<Long> partition(Market m) {
    List<Long> sets = new ArrayList<>(m.outcomes);
    for (int o = 0; o < m.outcomes; o++) {
      sets.add(1L << o);
    }
    return sets;
  }

  /** A caller gives sets of outcome tokens and gets what they are worth; see split. */
  void merge(Market m, String caller, String owner, String initiator, long amount, boolean pusd) {
    if (m.version2) {
      moveAll(m, module(m), caller, Contracts.NOBODY, each(m, amount));
      pay(Contracts.PUSD, module(m), caller, amount);
      String id = universe.tokens.conditionId31(m);
      out.log(module(m), ChainEvents.MODULE_MERGE, initiator, id, caller, amount);
      set(m, "PositionsMerged", module(m), initiator, owner, Contracts.PUSD, amount);
    } else if (pusd) {
      String adapter = adapter(m);
      moveAll(m, adapter, caller, adapter, each(m, amount));
      mergeUsdc(m, adapter, owner, amount);
      wrap(adapter, caller, amount);
    } else {
      mergeUsdc(m, caller, owner, amount);
    }
  }

  private void mergeUsdc(Market m, String caller, String owner, long amount) {
    if (!m.negRisk) {
      mergeHere(m, caller, owner, Contracts.USDC, amount);
      return;
    }
    String adapter = Contracts.NEG_RISK_ADAPTER;
    moveAll(m, adapter, caller, adapter, each(m, amount));
    mergeHere(m, adapter, owner, Contracts.WRAPPED, amount);
    pay(Contracts.WRAPPED, adapter, Contracts.NOBODY, amount);
    pay(Contracts.USDC, Contracts.WRAPPED, caller, amount);
    out.log(adapter, ChainEvents.ADAPTER_MERGE, caller, m.condition, amount);
    set(m, "PositionsMerge", adapter, caller, owner, Contracts.USDC, amount);
  }

  /** The conditional tokens contract's own merge. */
  void mergeHere(Market m, String stakeholder, String owner, String collateral, long amount) {
    moveAll(m, stakeholder, stakeholder, Contracts.NOBODY, each(m, amount));
    pay(collateral, Contracts.CTF, stakeholder, amount);
    out.log(
        Contracts.CTF,
        ChainEvents.MERGE,
        stakeholder,
        collateral,
        NO_PARENT,
        m.condition,
        partition(m),
        amount);
    set(m, "PositionsMerge", Contracts.CTF, stakeholder, owner, collateral, amount);
  }

  /** The truth's row of a split or merge. */
  private void set(
      Market m,
      String event,
      String contract,
      String stakeholder,
      String owner,
      String collateral,
      long amount) {
    if (out.rows()) {
      out.row(
          "lifecycle",
          0,
          "event",
          event,
          "contract",
          contract,
          "stakeholder",
          stakeholder,
          "owner",
          owner,
          "condition_id",
          m.condition.toString(),
          "collateral",
          collateral,
          "amount",
          amount);
    }
  }

  // ---- redemption

  /**
   * A wallet gives all its tokens of a resolved market and gets what they are worth.
   *
   * @param auto whether the auto redeemer does it for the wallet
   */
  void redeem(Market m, String wallet, List<Long> amounts, boolean auto) {
    List<Long> payouts = payouts(m, amounts);
    long total = payouts.stream().mapToLong(Long::longValue).sum();
    if (m.version2) {
      for (int o = 0; o < m.outcomes; o++) {
        if (amounts.get(o) > 0) {
          redeemHere(m, wallet, o, amounts.get(o), payouts.get(o));
        }
      }
      return;
    }
    String holder = auto ? Contracts.AUTO_REDEEMER : wallet;
    if (auto) {
      moveAll(m, holder, wallet, holder, amounts);
    }
    if (m.negRisk) {
      String adapter = Contracts.NEG_RISK_ADAPTER;
      moveAll(m, adapter, holder, adapter, amounts);
      redeemHere(m, adapter, wallet, Contracts.WRAPPED, amounts, total);
      pay(Contracts.WRAPPED, adapter, Contracts.NOBODY, total);
      pay(Contracts.USDC, Contracts.WRAPPED, holder, total);
      out.log(adapter, ChainEvents.ADAPTER_REDEMPTION, holder, m.condition, amounts, total);
      redeemed(m, "PayoutRedemption", adapter, holder, wallet, Contracts.USDC, amounts, total);
    } else {
      redeemHere(m, holder, wallet, Contracts.USDC, amounts, total);
    }
    if (auto) {
      pay(Contracts.USDC, holder, wallet, total);
      out.log(
          holder,
          m.negRisk ? ChainEvents.NEG_RISK_REDEMPTION : ChainEvents.BINARY_REDEMPTION,
          wallet,
          m.condition,
          total);
      redeemed(
          m,
          m.negRisk ? "NegRiskRedemption" : "BinaryRedemption",
          holder,
          wallet,
          wallet,
          Contracts.USDC,
          amounts,
          total);
    }
  }

  /** What each outcome's tokens are worth, rounded down one by one as the contract does. */
  List<Long> payouts(Market m, List<Long> amounts) {
    List<Long> parts = m.version2 ? millionths(m) : numerators(m);
    long sum = parts.stream().mapToLong(Long::longValue).sum();
    List<Long> payouts = new ArrayList<>(m.outcomes);
    for (int o = 0; o < m.outcomes; o++) {
      payouts.add(amounts.get(o) * parts.get(o) / sum);
    }
    return payouts;
  }

  List<Long> numerators(Market m) {
    return java.util.Arrays.stream(universe.chainPayout(m.number, m.condition)).boxed().toList();
  }

  /** Parts of a million that sum up to it: the last takes what rounding leaves. */
  List<Long> millionths(Market m) {
    List<Long> numerators = numerators(m);
    long sum = numerators.stream().mapToLong(Long::longValue).sum();
    List<Long> parts = new ArrayList<>(m.outcomes);
    long left = 1_000_000;
    for (int o = 0; o < m.outcomes; o++) {
      parts.add(o == m.outcomes - 1 ? left : numerators.get(o) * 1_000_000 / sum);
      left -= parts.get(o);
    }
    return parts;
  }

  private void redeemHere(Market m, String wallet, int outcome, long amount, long payout) {
    move(m, module(m), wallet, Contracts.NOBODY, outcome, amount);
    pay(Contracts.PUSD, module(m), wallet, payout);
    out.log(
        module(m),
        ChainEvents.MODULE_REDEMPTION,
        Contracts.ROUTER,
        universe.tokens.hex(m, outcome),
        wallet,
        amount,
        payout);
    List<Long> amounts = new ArrayList<>(each(m, 0));
    amounts.set(outcome, amount);
    redeemed(
        m,
        "PositionRedeemed",
        module(m),
        Contracts.ROUTER,
        wallet,
        Contracts.PUSD,
        amounts,
        payout);
  }

  private void redeemHere(
      Market m, String redeemer, String owner, String collateral, List<Long> amounts, long payout) {
    for (int o = 0; o < m.outcomes; o++) {
      if (amounts.get(o) > 0) {
        move(m, redeemer, redeemer, Contracts.NOBODY, o, amounts.get(o));
      }
    }
    pay(collateral, Contracts.CTF, redeemer, payout);
    out.log(
        Contracts.CTF,
        ChainEvents.REDEMPTION,
        redeemer,
        collateral,
        NO_PARENT,
        m.condition,
        partition(m),
        payout);
    redeemed(m, "PayoutRedemption", Contracts.CTF, redeemer, owner, collateral, amounts, payout);
  }

  private void redeemed(
      Market m,
      String event,
      String contract,
      String stakeholder,
      String owner,
      String collateral,
      List<Long> amounts,
      long payout) {
    if (out.rows()) {
      out.row(
          "lifecycle",
          0,
          "event",
          event,
          "contract",
          contract,
          "stakeholder",
          stakeholder,
          "owner",
          owner,
          "condition_id",
          m.condition.toString(),
          "collateral",
          collateral,
          "amounts",
          amounts,
          "payout",
          payout);
    }
  }
}
