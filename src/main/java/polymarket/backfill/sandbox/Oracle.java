package polymarket.backfill.sandbox;

import java.util.List;

/** The logs with which a market's condition comes and is resolved. */
final class Oracle {
  private final Universe universe;
  private final Custody custody;

  Oracle(Universe universe, Custody custody) {
    this.universe = universe;
    this.custody = custody;
  }

  /** Markets of the protocol's second version leave no log of their making. */
  void prepared(Market m) {
    if (m.version2) {
      return;
    }
    String oracle = universe.oracle(m.number).toLowerCase();
    String question = "0x" + Mix.hex(universe.questionId(m.number));
    int first = m.number - m.number % 8;
    String event = "0x" + Mix.hex(universe.questionId(first));
    LogOut out = custody.out;
    if (m.negRisk && m.number == first) {
      long bips = Conversion.feeBips(universe, first);
      out.log(oracle, ChainEvents.MARKET_PREPARED, event, Contracts.VAULT, bips, "00");
      row("MarketPrepared", m, "market_id", event, "fee_bips", bips);
    }
    out.log(Contracts.CTF, ChainEvents.PREPARATION, m.condition, oracle, question, m.outcomes);
    row(
        "ConditionPreparation",
        m,
        "oracle",
        oracle,
        "question_id",
        question,
        "outcomes",
        m.outcomes);
    if (m.negRisk) {
      int index = m.number - first;
      out.log(oracle, ChainEvents.QUESTION_PREPARED, event, question, index, "00");
      row("QuestionPrepared", m, "market_id", event, "question_id", question, "index", index);
    }
    if (m.outcomes == 2 && m.created <= Universe.FREEZE) {
      for (int o = 0; o < 2; o++) {
        String one = universe.tokens.hex(m, o);
        String other = universe.tokens.hex(m, 1 - o);
        out.log(m.exchange(m.created), ChainEvents.TOKEN_REGISTERED, one, other, m.condition);
        row("TokenRegistered", m, "token0", m.token(o), "token1", m.token(1 - o));
      }
    }
  }

  void resolved(Market m) {
    LogOut out = custody.out;
    if (m.version2) {
      resolvedBySecond(m);
      return;
    }
    String oracle = universe.oracle(m.number).toLowerCase();
    String question = "0x" + Mix.hex(universe.questionId(m.number));
    List<Long> numerators = custody.numerators(m);
    if (m.negRisk) {
      String event = "0x" + Mix.hex(universe.questionId(m.number - m.number % 8));
      out.log(oracle, ChainEvents.OUTCOME_REPORTED, event, question, numerators.get(0));
    }
    out.log(
        Contracts.CTF,
        ChainEvents.RESOLUTION,
        m.condition,
        oracle,
        question,
        m.outcomes,
        numerators);
    row(
        "ConditionResolution",
        m,
        "oracle",
        oracle,
        "question_id",
        question,
        "numerators",
        numerators);
  }

  /**
   * The module says it in millionths. When one question of an event resolves to yes, those that are
   * left are no without a log of their own.
   */
  private void resolvedBySecond(Market m) {
    String id = universe.tokens.conditionId31(m);
    if (derived(m)) {
      return;
    }
    List<Long> parts = custody.millionths(m);
    String module = Custody.module(m);
    custody.out.log(module, ChainEvents.MODULE_REPORTED, universe.oracle(m.number), id, parts);
    custody.out.log(module, ChainEvents.MODULE_RESOLVED, id, parts);
    row("ConditionResolved", m, "module_condition_id", id, "numerators", parts);
    if (m.negRisk && parts.get(0) > 0) {
      String event = id.substring(0, 60);
      custody.out.log(module, ChainEvents.MODULE_REST_IS_NO, event);
      row("RemainingConditionsDerivableAsNo", m, "event_id", event);
    }
  }

  /** Whether a sibling has resolved to yes before. */
  private boolean derived(Market m) {
    int first = m.number - m.number % 8;
    for (int k = first; m.negRisk && k < Math.min(universe.size, first + 8); k++) {
      long[] payout = universe.chainPayout(k, universe.conditionId(k));
      if (k != m.number && payout != null && payout[0] == 1 && universe.resolved(k) < m.resolved) {
        return true;
      }
    }
    return false;
  }

  private void row(String event, Market m, Object... more) {
    if (custody.out.rows()) {
      Object[] all = new Object[more.length + 4];
      all[0] = "event";
      all[1] = event;
      all[2] = "condition_id";
      all[3] = m.condition.toString();
      System.arraycopy(more, 0, all, 4, more.length);
      custody.out.row("lifecycle", 0, all);
    }
  }
}
