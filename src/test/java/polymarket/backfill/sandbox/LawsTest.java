package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The laws of conservation over everything that happens on the sandbox's chain. */
class LawsTest {
  private static final Universe UNIVERSE =
      new Universe(
          new SandboxOptions()
              .conditions(3000)
              .wallets(150)
              .fillsPerMarket(20)
              .largestMarketFills(2500)
              .blockSeconds(500));

  /** Who only passes on what comes in the same transaction. */
  private static final Set<String> PLUMBING =
      Set.of(
          Contracts.EXCHANGE_V1,
          Contracts.NEG_RISK_EXCHANGE_V1,
          Contracts.EXCHANGE_V2,
          Contracts.NEG_RISK_EXCHANGE_V2,
          Contracts.EXCHANGE_V3,
          Contracts.NEG_RISK_ADAPTER,
          Contracts.COLLATERAL_ADAPTER,
          Contracts.NEG_RISK_COLLATERAL_ADAPTER,
          Contracts.AUTO_REDEEMER);

  private static final Set<String> CUSTODIANS =
      Set.of(
          Contracts.CTF,
          Contracts.WRAPPED,
          Contracts.PUSD,
          Contracts.BINARY_MODULE,
          Contracts.NEG_RISK_MODULE);

  /** All rows by transaction, in the chain's order. */
  private static final Map<String, List<LogOut.Row>> TRANSACTIONS = new LinkedHashMap<>();

  private static final Map<String, Market> MARKETS = new HashMap<>();

  @BeforeAll
  static void read() {
    new Economy(UNIVERSE)
        .write(
            UNIVERSE.blockOf(UNIVERSE.created(0)),
            UNIVERSE.headBlock(),
            new LogOut(
                (address, topic) -> false,
                true,
                new Chain.Rows(
                    row ->
                        TRANSACTIONS
                            .computeIfAbsent(row.transaction(), t -> new ArrayList<>())
                            .add(row))));
    for (int i = 0; i < UNIVERSE.size; i++) {
      MARKETS.put(UNIVERSE.conditionId(i).toString(), UNIVERSE.market(i));
    }
  }

  private static List<LogOut.Row> rows(String kind) {
    return TRANSACTIONS.values().stream()
        .flatMap(List::stream)
        .filter(row -> row.kind().equals(kind))
        .toList();
  }

  @Test
  void everyKindOfTradeAndEvent_occurs() {
    Map<String, Integer> met = new TreeMap<>();
    for (List<LogOut.Row> transaction : TRANSACTIONS.values()) {
      Set<String> kinds = new HashSet<>();
      for (LogOut.Row row : transaction) {
        if (row.kind().equals("lifecycle") || row.kind().equals("amm")) {
          met.merge(row.text("event") + " " + row.text("contract"), 1, Integer::sum);
        } else if (row.kind().equals("fees")) {
          met.merge(row.text("event"), 1, Integer::sum);
        } else if (row.kind().equals("fills")) {
          kinds.add(kind(transaction, row));
          met.merge("version " + row.text("version"), 1, Integer::sum);
        }
      }
      kinds.remove("taker");
      if (!kinds.isEmpty()) {
        met.merge(kinds.size() > 1 ? "mixed" : kinds.iterator().next(), 1, Integer::sum);
      }
    }
    for (String kind :
        List.of(
            "alone",
            "complementary",
            "mint",
            "merge",
            "mixed",
            "version 1",
            "version 2",
            "version 3",
            "FeeCharged",
            "FeeRefunded",
            "FPMMBuy null",
            "FPMMSell null",
            "FPMMFundingAdded null",
            "FPMMFundingRemoved null",
            "FixedProductMarketMakerCreation null",
            "PositionsConverted " + Contracts.NEG_RISK_ADAPTER,
            "PositionSplit " + Contracts.NEG_RISK_ADAPTER,
            "PositionsMerge " + Contracts.NEG_RISK_ADAPTER,
            "PayoutRedemption " + Contracts.NEG_RISK_ADAPTER,
            "PositionSplit " + Contracts.CTF,
            "PositionsMerge " + Contracts.CTF,
            "PayoutRedemption " + Contracts.CTF,
            "BinaryRedemption " + Contracts.AUTO_REDEEMER,
            "NegRiskRedemption " + Contracts.AUTO_REDEEMER,
            "PositionsSplit " + Contracts.BINARY_MODULE,
            "PositionsSplit " + Contracts.NEG_RISK_MODULE,
            "PositionsMerged " + Contracts.BINARY_MODULE,
            "PositionRedeemed " + Contracts.BINARY_MODULE,
            "ConditionPreparation null",
            "QuestionPrepared null",
            "MarketPrepared null",
            "TokenRegistered null",
            "ConditionResolution null",
            "ConditionResolved null")) {
      assertTrue(met.getOrDefault(kind, 0) > 0, kind + " is none of " + met);
    }
  }

  /** How a maker's order was filled: alone, complementary, mint or merge; taker for a taker's. */
  private static String kind(List<LogOut.Row> transaction, LogOut.Row row) {
    if (row.text("alone").equals("true") || row.text("role").equals("taker")) {
      return row.text("role").equals("taker") ? "taker" : "alone";
    }
    LogOut.Row taker =
        transaction.stream()
            .filter(r -> r.kind().equals("fills") && r.text("role").equals("taker"))
            .findFirst()
            .orElseThrow();
    return row.text("token_id").equals(taker.text("token_id"))
        ? "complementary"
        : row.text("side").equals("BUY") ? "mint" : "merge";
  }

  @Test
  void noBalanceIsEverNegative_atAnyLog() {
    Map<String, Long> balances = new HashMap<>();
    for (LogOut.Row row : rows("transfers")) {
      String token = row.text("token_id") + " ";
      balances.merge(token + row.text("to"), row.number("amount"), Long::sum);
      long left = balances.merge(token + row.text("from"), -row.number("amount"), Long::sum);
      assertTrue(left >= 0 || row.text("from").equals(Contracts.NOBODY), () -> "" + print(row));
    }
    assertTrue(balances.size() > 10_000, "" + balances.size());
    for (Map.Entry<String, Long> entry : balances.entrySet()) {
      assertTrue(
          PLUMBING.stream().noneMatch(p -> entry.getKey().endsWith(p)) || entry.getValue() == 0,
          "left in plumbing: " + entry);
    }
  }

  @Test
  void outcomesHaveTheSameSupply_splitsLessMerges_untilTheConditionResolves() {
    Map<String, long[]> supplies = new HashMap<>();
    Map<String, Long> sets = new HashMap<>();
    Set<String> resolved = new HashSet<>();
    int checked = 0;
    for (List<LogOut.Row> transaction : TRANSACTIONS.values()) {
      Set<String> touched = new HashSet<>();
      for (LogOut.Row row : transaction) {
        String condition = row.text("condition_id");
        if (row.kind().equals("transfers")) {
          long[] supply =
              supplies.computeIfAbsent(condition, c -> new long[MARKETS.get(condition).outcomes]);
          int outcome = (int) row.number("outcome_index");
          supply[outcome] += row.text("from").equals(Contracts.NOBODY) ? row.number("amount") : 0;
          supply[outcome] -= row.text("to").equals(Contracts.NOBODY) ? row.number("amount") : 0;
          touched.add(condition);
        } else if (row.kind().equals("lifecycle") && !row.text("contract").equals("null")) {
          if (row.text("contract").equals(Contracts.NEG_RISK_ADAPTER)) {
            continue;
          }
          if (row.text("event").startsWith("PositionSplit")
              || row.text("event").equals("PositionsSplit")) {
            sets.merge(condition, row.number("amount"), Long::sum);
          } else if (row.text("event").startsWith("PositionsMerge")) {
            sets.merge(condition, -row.number("amount"), Long::sum);
          }
        } else if (row.text("event").equals("ConditionResolution")
            || MARKETS.containsKey(condition)
                && MARKETS.get(condition).version2
                && MARKETS.get(condition).resolved != 0
                && UNIVERSE.timeOf(row.block()) >= MARKETS.get(condition).resolved) {
          resolved.add(condition);
        }
      }
      for (String condition : touched) {
        Market m = MARKETS.get(condition);
        if (resolved.contains(condition)
            || m.resolved != 0 && UNIVERSE.timeOf(transaction.get(0).block()) >= m.resolved) {
          continue;
        }
        for (long supply : supplies.get(condition)) {
          assertEquals(sets.getOrDefault(condition, 0L), supply, condition);
          checked++;
        }
      }
    }
    assertTrue(checked > 50_000, "" + checked);
  }

  @Test
  void collateralThatCameInIsHeldOrWentOut_forEveryCustodian() {
    Map<String, Long> held = new HashMap<>();
    Map<String, Long> owed = new HashMap<>();
    long[] minted = new long[2];
    for (List<LogOut.Row> transaction : TRANSACTIONS.values()) {
      for (LogOut.Row row : transaction) {
        if (row.kind().equals("collateral")) {
          String token = row.text("token") + " ";
          long amount = row.number("amount");
          held.merge(token + row.text("to"), amount, Long::sum);
          long left = held.merge(token + row.text("from"), -amount, Long::sum);
          assertTrue(left >= 0 || !CUSTODIANS.contains(row.text("from")), () -> "" + print(row));
          if (row.text("token").equals(Contracts.PUSD)) {
            minted[0] += row.text("from").equals(Contracts.NOBODY) ? amount : 0;
            minted[0] -= row.text("to").equals(Contracts.NOBODY) ? amount : 0;
          }
        } else if (row.kind().equals("lifecycle") && row.get("collateral") != null) {
          if (CUSTODIANS.contains(row.text("contract"))) {
            String key = row.text("collateral") + " " + row.text("contract");
            owed.merge(key, flow(row), Long::sum);
          }
        }
      }
      for (String plumbing : PLUMBING) {
        for (String token : List.of(Contracts.USDC, Contracts.PUSD, Contracts.WRAPPED)) {
          assertEquals(0, held.getOrDefault(token + " " + plumbing, 0L), "left in " + plumbing);
        }
      }
    }
    for (Map.Entry<String, Long> entry : owed.entrySet()) {
      assertEquals(entry.getValue(), held.get(entry.getKey()), entry.getKey());
    }
    assertEquals(minted[0], held.get(Contracts.USDC + " " + Contracts.PUSD), "pUSD is backed");
    assertEquals(4, owed.size(), owed.toString());
    assertTrue(owed.values().stream().allMatch(amount -> amount > 0), owed.toString());
  }

  /** What a split brings the contract, or a merge or redemption takes. */
  private static long flow(LogOut.Row row) {
    return switch (row.text("event")) {
      case "PositionSplit", "PositionsSplit" -> row.number("amount");
      case "PositionsMerge", "PositionsMerged" -> -row.number("amount");
      case "PayoutRedemption", "PositionRedeemed" -> -row.number("payout");
      default -> 0;
    };
  }

  @Test
  void everyMatchAddsUp_andEveryMakerHasItsTaker() {
    int matches = 0;
    for (List<LogOut.Row> transaction : TRANSACTIONS.values()) {
      List<LogOut.Row> fills =
          transaction.stream().filter(row -> row.kind().equals("fills")).toList();
      if (fills.isEmpty() || fills.get(0).text("alone").equals("true")) {
        assertTrue(fills.size() < 2);
        continue;
      }
      LogOut.Row taker = fills.get(fills.size() - 1);
      assertEquals("taker", taker.text("role"));
      assertEquals(taker.text("exchange"), taker.text("counterparty"));
      long shares = 0;
      long collateral = 0;
      for (LogOut.Row maker : fills.subList(0, fills.size() - 1)) {
        assertEquals("maker", maker.text("role"));
        assertEquals(taker.text("owner"), maker.text("counterparty"));
        boolean same = maker.text("token_id").equals(taker.text("token_id"));
        assertEquals(same, !maker.text("side").equals(taker.text("side")), "sides");
        shares += maker.number("shares");
        collateral +=
            same ? maker.number("collateral") : maker.number("shares") - maker.number("collateral");
      }
      assertEquals(taker.number("shares"), shares, print(taker));
      assertEquals(taker.number("collateral"), collateral, print(taker));
      matches++;
    }
    assertTrue(matches > 10_000, "" + matches);
  }

  /**
   * Over all wallets, collateral received less paid, plus what is not redeemed yet, plus fees. A
   * question of a neg-risk event is settled with its event, because conversions cross it. Each
   * payout is rounded down by less than a millionth.
   */
  @Test
  void cashFlowsOfSettledConditions_sumToZeroWithinRounding() {
    Map<String, Long> cash = new HashMap<>();
    Map<String, Long> rounded = new HashMap<>();
    Map<String, Map<String, Long>> left = new HashMap<>();
    for (List<LogOut.Row> transaction : TRANSACTIONS.values()) {
      for (LogOut.Row row : transaction) {
        String key = key(row);
        if (row.kind().equals("fills")) {
          long amount = row.number("collateral") * (row.text("side").equals("BUY") ? -1 : 1);
          cash.merge(key, amount, Long::sum);
          if (row.text("alone").equals("true")) {
            cash.merge(key, -amount, Long::sum);
          }
        } else if (row.kind().equals("lifecycle") && row.get("collateral") != null) {
          boolean exchange = PLUMBING.contains(row.text("owner"));
          if (row.text("event").equals("PositionsConverted")) {
            cash.merge(key, row.number("payout"), Long::sum);
            long questions = Long.bitCount(row.number("index_set"));
            cash.merge(key, (questions - 1) * row.number("fee"), Long::sum);
          } else if (!exchange && !row.text("contract").equals(Contracts.AUTO_REDEEMER)) {
            boolean inner =
                row.text("contract").equals(Contracts.CTF)
                    && row.text("stakeholder").equals(Contracts.NEG_RISK_ADAPTER);
            cash.merge(key, inner ? 0 : -flow(row), Long::sum);
            if (row.get("payout") != null) {
              rounded.merge(key, (long) MARKETS.get(row.text("condition_id")).outcomes, Long::sum);
            }
          }
        } else if (row.kind().equals("transfers")) {
          Map<String, Long> tokens = left.computeIfAbsent(key, k -> new HashMap<>());
          String token = row.text("condition_id") + row.text("outcome_index") + " ";
          tokens.merge(token + row.text("to"), row.number("amount"), Long::sum);
          tokens.merge(token + row.text("from"), -row.number("amount"), Long::sum);
        }
      }
    }
    int settled = 0;
    for (String key : cash.keySet()) {
      if (!settled(key)) {
        continue;
      }
      long worth = 0;
      long rounding = rounded.getOrDefault(key, 0L);
      for (Map.Entry<String, Long> entry : left.get(key).entrySet()) {
        boolean nobody = entry.getKey().endsWith(Contracts.NOBODY);
        boolean burnt = entry.getKey().endsWith(Contracts.BURN);
        if (!nobody && !burnt && entry.getValue() > 0) {
          Market m = MARKETS.get(entry.getKey().substring(0, 66));
          worth += worth(m, entry.getKey().charAt(66) - '0', entry.getValue());
          rounding++;
        }
      }
      long sum = cash.get(key) + worth;
      assertTrue(sum <= 0 && -sum <= rounding, key + ": " + sum + ", rounding " + rounding);
      settled++;
    }
    assertTrue(settled > 1000, "" + settled);
  }

  private static long worth(Market m, int outcome, long amount) {
    List<Long> amounts = new ArrayList<>(java.util.Collections.nCopies(m.outcomes, 0L));
    amounts.set(outcome, amount);
    return new Custody(UNIVERSE, null).payouts(m, amounts).get(outcome);
  }

  /** A condition, or the event of a neg-risk one. */
  private static String key(LogOut.Row row) {
    if (row.get("market_id") != null) {
      return row.text("market_id");
    }
    Market m = MARKETS.get(row.text("condition_id"));
    return m == null
        ? "none"
        : m.negRisk
            ? "0x" + Mix.hex(UNIVERSE.questionId(m.number - m.number % 8))
            : m.condition.toString();
  }

  private static boolean settled(String key) {
    Market alone = MARKETS.get(key);
    if (alone != null) {
      return alone.resolved != 0;
    }
    return !key.equals("none")
        && MARKETS.values().stream()
            .filter(
                m ->
                    m.negRisk
                        && key.equals("0x" + Mix.hex(UNIVERSE.questionId(m.number - m.number % 8))))
            .allMatch(m -> m.resolved != 0);
  }

  @Test
  void fillsAndEventsOfATransaction_explainItsTransfers_whatIsLeftIsPlain() {
    int plain = 0;
    for (List<LogOut.Row> transaction : TRANSACTIONS.values()) {
      Map<String, Long> net = new HashMap<>();
      boolean only = true;
      for (LogOut.Row row : transaction) {
        only &= row.kind().equals("transfers");
        if (row.kind().equals("transfers")) {
          add(net, row, row.text("to"), (int) row.number("outcome_index"), row.number("amount"));
          add(net, row, row.text("from"), (int) row.number("outcome_index"), -row.number("amount"));
        } else {
          explain(net, row);
        }
      }
      net.values().removeIf(amount -> amount == 0);
      net.keySet().removeIf(key -> key.endsWith(Contracts.NOBODY));
      if (only) {
        plain++;
        assertEquals(1, transaction.stream().map(LogOut.Row::index).distinct().count());
      } else {
        assertTrue(
            net.isEmpty(), () -> net + " " + transaction.stream().map(r -> print(r)).toList());
      }
    }
    assertTrue(plain > 500, "plain transfers " + plain);
  }

  private static void add(
      Map<String, Long> net, LogOut.Row row, String owner, int outcome, long amount) {
    net.merge(row.text("condition_id") + outcome + " " + owner, amount, Long::sum);
  }

  private static void explain(Map<String, Long> net, LogOut.Row row) {
    Market m = MARKETS.get(row.text("condition_id"));
    switch (row.kind()) {
      case "fills" -> {
        int outcome = (int) row.number("outcome_index");
        long sign = row.text("side").equals("BUY") ? -1 : 1;
        long shares = row.number("shares");
        if (row.text("fee_asset").equals("shares")) {
          shares -= row.number("fee");
          add(
              net,
              row,
              m.negRisk ? Contracts.NEG_RISK_FEE_MODULE : Contracts.FEE_MODULE,
              outcome,
              -row.number("fee"));
        }
        add(net, row, row.text("owner"), outcome, sign * shares);
        if (row.text("alone").equals("true")) {
          add(net, row, row.text("counterparty"), outcome, -sign * shares);
        }
      }
      case "fees" -> {
        if (row.text("event").equals("FeeRefunded")) {
          int owner = UNIVERSE.tokens.owner(row.text("token_id"));
          Market of = UNIVERSE.market(owner >> 3);
          String module = of.negRisk ? Contracts.NEG_RISK_FEE_MODULE : Contracts.FEE_MODULE;
          String key = of.condition.toString() + (owner & 7) + " ";
          net.merge(key + row.text("receiver"), -row.number("amount"), Long::sum);
          net.merge(key + module, row.number("amount"), Long::sum);
        }
      }
      case "amm" -> pool(net, row, m);
      case "lifecycle" -> lifecycle(net, row, m);
      default -> {}
    }
  }

  @SuppressWarnings("unchecked")
  private static void pool(Map<String, Long> net, LogOut.Row row, Market m) {
    if (row.get("amounts") == null) {
      return;
    }
    List<Long> amounts = (List<Long>) row.get("amounts");
    for (int o = 0; o < m.outcomes; o++) {
      long toWallet =
          switch (row.text("event")) {
            case "FPMMFundingAdded" -> row.number("collateral") - amounts.get(o);
            case "FPMMSell" -> -amounts.get(o);
            default -> amounts.get(o);
          };
      add(net, row, row.text("wallet"), o, -toWallet);
      add(net, row, row.text("pool"), o, toWallet);
    }
  }

  @SuppressWarnings("unchecked")
  private static void lifecycle(Map<String, Long> net, LogOut.Row row, Market m) {
    String owner = row.text("owner");
    boolean adapter = row.text("contract").equals(Contracts.NEG_RISK_ADAPTER);
    switch (row.text("event")) {
      case "PositionSplit", "PositionsSplit", "PositionsMerge", "PositionsMerged" -> {
        long sign = row.text("event").contains("Split") ? -1 : 1;
        for (int o = 0; o < m.outcomes && !adapter; o++) {
          add(net, row, owner, o, sign * row.number("amount"));
          if (PLUMBING.contains(owner) && !owner.equals(Contracts.NEG_RISK_ADAPTER)) {
            // the fills of a match say already what its mints and merges bring
            add(net, row, owner, o, -sign * row.number("amount"));
          }
        }
      }
      case "PayoutRedemption", "PositionRedeemed" -> {
        List<Long> amounts = (List<Long>) row.get("amounts");
        for (int o = 0; o < m.outcomes && !adapter; o++) {
          add(net, row, owner, o, amounts.get(o));
        }
      }
      case "PositionsConverted" -> converted(net, row);
      default -> {}
    }
  }

  /** What is given goes to the burn address, with the NO of the others, which the adapter split. */
  private static void converted(Map<String, Long> net, LogOut.Row row) {
    for (Market m : MARKETS.values()) {
      int first = m.number - m.number % 8;
      if (!m.negRisk || !row.text("market_id").equals("0x" + Mix.hex(UNIVERSE.questionId(first)))) {
        continue;
      }
      String key = m.condition.toString();
      long amount = row.number("amount");
      long fee = row.number("fee");
      boolean given = (row.number("index_set") >> (m.number - first) & 1) == 1;
      net.merge(key + "1 " + Contracts.BURN, -amount, Long::sum);
      if (given) {
        net.merge(key + "1 " + row.text("owner"), amount, Long::sum);
      } else {
        net.merge(key + "1 " + Contracts.NEG_RISK_ADAPTER, amount, Long::sum);
        net.merge(key + "0 " + Contracts.NEG_RISK_ADAPTER, amount, Long::sum);
        net.merge(key + "0 " + row.text("owner"), fee - amount, Long::sum);
        net.merge(key + "0 " + Contracts.VAULT, -fee, Long::sum);
      }
    }
  }

  @Test
  void balancesAtTheEnd_areTheDataApisPositions() {
    Map<String, Long> balances = new HashMap<>();
    for (LogOut.Row row : rows("transfers")) {
      String token = row.text("token_id") + " ";
      balances.merge(token + row.text("to"), row.number("amount"), Long::sum);
      balances.merge(token + row.text("from"), -row.number("amount"), Long::sum);
    }
    DataApi dataApi = new DataApi(UNIVERSE);
    int compared = 0;
    for (int w = 0; w < UNIVERSE.wallets.count(); w++) {
      String owner = UNIVERSE.wallets.address(w);
      for (Position position : dataApi.positions().of(w)) {
        Long balance = balances.remove(position.token() + " " + owner);
        assertEquals(balance == null ? 0 : balance, position.size(), position.token() + owner);
        compared++;
      }
    }
    for (int w = 0; w < UNIVERSE.wallets.count(); w++) {
      String owner = UNIVERSE.wallets.address(w);
      assertTrue(
          balances.entrySet().stream()
              .noneMatch(e -> e.getKey().endsWith(owner) && e.getValue() != 0),
          "positions that the Data API lacks of " + owner);
    }
    assertTrue(compared > 10_000, "" + compared);
  }

  private static String print(LogOut.Row row) {
    StringBuilder out = new StringBuilder();
    row.json(out, UNIVERSE.timeOf(row.block()));
    return out.toString();
  }
}
