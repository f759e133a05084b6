package polymarket.backfill.sandbox;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/**
 * What one source says of one condition's payouts.
 *
 * @param state found, unresolved, absent or rejected (invalid payouts)
 * @param served the payouts as the subgraph serves them: decimal strings, or null
 */
public record Payout(String state, List<String> served) {
  static final Payout ABSENT = new Payout("absent", null);
  private static final Payout FIRST = new Payout("found", List.of("1", "0"));
  private static final Payout SECOND = new Payout("found", List.of("0", "1"));

  /** The exact payouts in lowest terms; empty unless the state is found. */
  public List<BigInteger> numerators() {
    if (!state.equals("found")) {
      return List.of();
    }
    List<BigDecimal> decimals = new ArrayList<>();
    int scale = 0;
    for (String s : served) {
      BigDecimal decimal = new BigDecimal(s);
      decimals.add(decimal);
      scale = Math.max(scale, decimal.scale());
    }
    List<BigInteger> numerators = new ArrayList<>();
    BigInteger divisor = BigInteger.ZERO;
    for (BigDecimal decimal : decimals) {
      BigInteger numerator = decimal.setScale(scale).unscaledValue();
      numerators.add(numerator);
      divisor = divisor.gcd(numerator);
    }
    BigInteger by = divisor;
    numerators.replaceAll(numerator -> numerator.divide(by));
    return numerators;
  }

  /** The sum of the numerators; zero unless the state is found. */
  public BigInteger denominator() {
    return numerators().stream().reduce(BigInteger.ZERO, BigInteger::add);
  }

  /** The index of the one largest numerator; -1 for a tie and where nothing is found. */
  public int winningIndex() {
    List<BigInteger> numerators = numerators();
    int best = -1;
    boolean tie = false;
    for (int i = 0; i < numerators.size(); i++) {
      int compared = best < 0 ? 1 : numerators.get(i).compareTo(numerators.get(best));
      tie = compared == 0 || compared < 0 && tie;
      best = compared > 0 ? i : best;
    }
    return tie ? -1 : best;
  }

  /** One line of truth. */
  String json(String conditionId) {
    StringBuilder out = new StringBuilder();
    Json.Obj obj = new Json.Obj(out).put("condition_id", conditionId).put("state", state);
    obj.raw("payouts", served == null ? "null" : Json.strings(new StringBuilder(), served));
    obj.raw("payout_numerators", numerators().toString().replace(" ", ""));
    obj.raw("payout_denominator", denominator().toString()).put("winning_index", winningIndex());
    return obj.end().toString();
  }

  // The mixture of payout vectors, in parts of 2,000.
  private static final int MALFORMED = 1;
  private static final int TIE = 80;
  private static final int SHARES = 60;
  private static final int THIRDS = 10;

  /** The chain's payout numerators of a resolved condition, a function of its hash alone. */
  static long[] onChain(long hash, int outcomes) {
    long[] numerators = new long[outcomes];
    int kind = Mix.below(Mix.mix(hash, 1), 2000);
    int winner = Mix.below(Mix.mix(hash, 2), outcomes);
    if (kind >= MALFORMED && kind < TIE) {
      java.util.Arrays.fill(numerators, 1);
    } else if (kind >= TIE && kind < TIE + SHARES) {
      long share = 1 + Mix.below(Mix.mix(hash, 3), 99);
      long divisor = BigInteger.valueOf(share).gcd(BigInteger.valueOf(100)).longValue();
      numerators[winner] = share / divisor;
      numerators[(winner + 1) % outcomes] = (100 - share) / divisor;
    } else if (kind >= TIE + SHARES && kind < TIE + SHARES + THIRDS) {
      numerators[winner] = 1;
      numerators[(winner + 1) % outcomes] = 2;
    } else {
      numerators[winner] = 1;
    }
    return numerators;
  }

  /**
   * The chain's numerators as the positions subgraph shows them: fractions of one, six decimals.
   */
  static Payout decimals(long[] numerators) {
    if (numerators.length == 2 && numerators[0] + numerators[1] == 1) {
      return numerators[0] == 1 ? FIRST : SECOND;
    }
    long sum = 0;
    for (long numerator : numerators) {
      sum += numerator;
    }
    List<String> served = new ArrayList<>(numerators.length);
    for (long numerator : numerators) {
      long millionths = (numerator * 2_000_000L + sum) / (2 * sum);
      served.add(
          numerator == 0
              ? "0"
              : numerator == sum
                  ? "1"
                  : BigDecimal.valueOf(millionths, 6).stripTrailingZeros().toPlainString());
    }
    return new Payout("found", served);
  }

  /** The invalid payouts of a few conditions, or null for the others. */
  static Payout malformed(long hash, int outcomes) {
    if (Mix.below(Mix.mix(hash, 1), 2000) >= MALFORMED) {
      return null;
    }
    List<String> served = new ArrayList<>(java.util.Collections.nCopies(outcomes, "0"));
    switch (Mix.below(Mix.mix(hash, 4), 4)) {
      case 0 -> served.set(0, "NaN");
      case 1 -> {
        served.set(0, "-1");
        served.set(1, "2");
      }
      case 2 -> served.set(1, "1e");
      default -> {}
    }
    return new Payout("rejected", served);
  }

  /**
   * A condition that the sandbox never made: 80 % resolved, 8 % unresolved, 12 % absent, by its
   * hash.
   */
  static Payout ofStranger(long hash) {
    int state = Mix.below(Mix.mix(hash, 5), 100);
    if (state < 12) {
      return ABSENT;
    }
    if (state < 20) {
      return unresolved(hash);
    }
    int outcomes = outcomes(Mix.mix(hash, 6));
    Payout bad = malformed(hash, outcomes);
    return bad != null ? bad : decimals(onChain(hash, outcomes));
  }

  /** Null for most, an empty list for some. */
  static Payout unresolved(long hash) {
    return new Payout("unresolved", Mix.below(Mix.mix(hash, 7), 4) == 0 ? List.of() : null);
  }

  /** Two outcomes for nearly all, three to seven for about one in seventy. */
  static int outcomes(long hash) {
    return Mix.below(hash, 1000) < 14 ? 3 + Mix.below(Mix.mix(hash, 1), 5) : 2;
  }
}
