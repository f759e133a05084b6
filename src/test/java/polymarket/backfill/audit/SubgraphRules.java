package polymarket.backfill.audit;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The pnl-subgraph's rules over the sandbox's truth, row by row: knows nothing of the program's
 * tables, and takes owners, amounts and conditions from the truth.
 */
final class SubgraphRules {
  private static final BigInteger SCALE = BigInteger.TEN.pow(6);
  private static final String ADAPTER = "0xd91e80cf2e7be2e162c6513ced06f1dd0da35296";
  private static final String CTF = "0x4d97dcd97ec945f40cf65f87097ace5ea0476045";

  /** Amount, average, bought and realised, by wallet and token. */
  final Map<String, BigInteger[]> held = new TreeMap<>();

  private final Map<String, JsonNode> conditions = new HashMap<>();
  private final Map<String, List<String>> questions = new HashMap<>();
  private final Map<String, List<Long>> numerators = new HashMap<>();
  private final Set<String> wallets = new HashSet<>();

  /** How often each kind of change was applied. */
  final Map<String, Integer> applied = new TreeMap<>();

  SubgraphRules(List<JsonNode> conditions, Set<String> wallets) {
    conditions.forEach(row -> this.conditions.put("0x" + row.get("condition_id").asText(), row));
    this.wallets.addAll(wallets);
  }

  private BigInteger[] of(String wallet, String token) {
    BigInteger nil = BigInteger.ZERO;
    return held.computeIfAbsent(wallet + " " + token, k -> new BigInteger[] {nil, nil, nil, nil});
  }

  private void change(String wallet, String token, boolean buy, BigInteger price, long quantity) {
    if (!wallets.contains(wallet)) {
      return;
    }
    BigInteger[] p = of(wallet, token);
    BigInteger q = BigInteger.valueOf(quantity);
    if (buy && quantity > 0) {
      p[1] = p[0].multiply(p[1]).add(q.multiply(price)).divide(p[0].add(q));
      p[0] = p[0].add(q);
      p[2] = p[2].add(q);
    } else if (!buy) {
      BigInteger least = p[0].compareTo(q) < 0 ? p[0] : q;
      p[3] = p[3].add(price.subtract(p[1]).multiply(least).divide(SCALE));
      p[0] = p[0].subtract(least);
    }
  }

  void apply(JsonNode row) {
    String event = row.path("event").asText(row.get("kind").asText());
    switch (event) {
      case "fills" ->
          change(
              row.get("owner").asText(),
              row.get("token_id").asText(),
              row.get("side").asText().equals("BUY"),
              ratio(row.get("collateral").asLong(), row.get("shares").asLong()),
              row.get("shares").asLong());
      case "QuestionPrepared" ->
          questions
              .computeIfAbsent(row.get("market_id").asText(), k -> new ArrayList<>())
              .add(row.get("condition_id").asText());
      case "ConditionResolution", "ConditionResolved" ->
          numerators.put(row.get("condition_id").asText(), longs(row.get("numerators")));
      case "PositionSplit", "PositionsSplit" -> sets(row, true);
      case "PositionsMerge", "PositionsMerged" -> sets(row, false);
      case "PayoutRedemption", "PositionRedeemed" -> redeem(row);
      case "PositionsConverted" -> convert(row);
      case "FPMMBuy", "FPMMSell", "FPMMFundingAdded", "FPMMFundingRemoved" -> pool(row, event);
      default -> {
        return;
      }
    }
    applied.merge(event, 1, Integer::sum);
  }

  private static BigInteger ratio(long collateral, long shares) {
    return BigInteger.valueOf(collateral).multiply(SCALE).divide(BigInteger.valueOf(shares));
  }

  private List<String> tokens(String condition) {
    List<String> tokens = new ArrayList<>();
    conditions.get(condition).get("token_ids").forEach(id -> tokens.add(id.asText()));
    return tokens;
  }

  private static List<Long> longs(JsonNode array) {
    List<Long> all = new ArrayList<>();
    array.forEach(n -> all.add(n.asLong()));
    return all;
  }

  /** The conditional tokens' events that the adapter causes are told by the adapter itself. */
  private static boolean inner(JsonNode row) {
    return row.get("contract").asText().equals(CTF)
        && row.get("stakeholder").asText().equals(ADAPTER);
  }

  private void sets(JsonNode row, boolean split) {
    if (!inner(row)) {
      List<String> tokens = tokens(row.get("condition_id").asText());
      BigInteger price = SCALE.divide(BigInteger.valueOf(tokens.size()));
      for (String token : tokens) {
        change(row.get("owner").asText(), token, split, price, row.get("amount").asLong());
      }
    }
  }

  private void redeem(JsonNode row) {
    if (inner(row)) {
      return;
    }
    String condition = row.get("condition_id").asText();
    List<Long> amounts = longs(row.get("amounts"));
    List<Long> parts = numerators.get(condition);
    for (int o = 0; o < amounts.size(); o++) {
      if (amounts.get(o) > 0) {
        BigInteger price =
            parts == null
                ? ratio(row.get("payout").asLong(), amounts.get(o))
                : ratio(parts.get(o), parts.stream().mapToLong(n -> n).sum());
        change(row.get("owner").asText(), tokens(condition).get(o), false, price, amounts.get(o));
      }
    }
  }

  private void convert(JsonNode row) {
    String owner = row.get("owner").asText();
    long amount = row.get("amount").asLong();
    List<String> all = questions.get(row.get("market_id").asText());
    long noCount = 0;
    BigInteger noSum = BigInteger.ZERO;
    for (int k = 0; k < all.size(); k++) {
      if ((row.get("index_set").asLong() >> k & 1) == 1) {
        String no = tokens(all.get(k)).get(1);
        noSum = noSum.add(of(owner, no)[1]);
        change(owner, no, false, of(owner, no)[1], amount);
        noCount++;
      }
    }
    BigInteger m = BigInteger.valueOf(noCount);
    BigInteger numerator =
        noSum.divide(m).multiply(m).subtract(SCALE.multiply(m.subtract(BigInteger.ONE)));
    for (int k = 0; k < all.size(); k++) {
      if ((row.get("index_set").asLong() >> k & 1) == 0) {
        BigInteger price = numerator.divide(BigInteger.valueOf(all.size() - noCount));
        change(owner, tokens(all.get(k)).get(0), true, price, amount);
      }
    }
  }

  private void pool(JsonNode row, String event) {
    String wallet = row.get("wallet").asText();
    String pool = row.get("pool").asText();
    List<String> tokens = tokens(row.get("condition_id").asText());
    List<Long> amounts = longs(row.get("amounts"));
    int outcome = row.get("outcome_index").asInt();
    long collateral = row.get("collateral").asLong();
    long shares = row.get("pool_shares").asLong();
    if (outcome >= 0) {
      change(
          wallet,
          tokens.get(outcome),
          event.equals("FPMMBuy"),
          ratio(collateral, amounts.get(outcome)),
          amounts.get(outcome));
      return;
    }
    boolean added = event.equals("FPMMFundingAdded");
    long most = amounts.stream().mapToLong(n -> n).max().orElseThrow();
    BigInteger worth = BigInteger.ZERO;
    for (int o = 0; o < tokens.size(); o++) {
      long gets = added ? most - amounts.get(o) : amounts.get(o);
      BigInteger price = marginal(amounts, o);
      change(wallet, tokens.get(o), true, price, gets);
      worth = worth.add(price.multiply(BigInteger.valueOf(gets)).divide(SCALE));
    }
    BigInteger paid = BigInteger.valueOf(added ? most : row.get("fee").asLong()).subtract(worth);
    BigInteger price = paid.multiply(SCALE).divide(BigInteger.valueOf(shares));
    change(wallet, pool, added, price, shares);
  }

  /** One part of an outcome's amount, among such parts of all. */
  private static BigInteger marginal(List<Long> amounts, int outcome) {
    BigInteger product = BigInteger.ONE;
    for (long amount : amounts) {
      product = product.multiply(BigInteger.valueOf(amount));
    }
    BigInteger sum = BigInteger.ZERO;
    for (long amount : amounts) {
      sum = sum.add(product.divide(BigInteger.valueOf(amount)));
    }
    return product.divide(BigInteger.valueOf(amounts.get(outcome))).multiply(SCALE).divide(sum);
  }
}
