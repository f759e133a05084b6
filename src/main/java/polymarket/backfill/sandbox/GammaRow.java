package polymarket.backfill.sandbox;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/**
 * One row of Gamma's list, and what Gamma knows about it. Every 251st row is a placeholder: a
 * market without a condition id.
 */
final class GammaRow {
  /** The first id of a legacy row, and the first of the others, as Gamma's are. */
  private static final int FIRST_ID = 12;

  private static final int FIRST_LATER_ID = 500_000;
  private static final int PLACEHOLDER_EVERY = 251;

  private final Universe universe;
  final int number;

  /** The market's number; -1 for a placeholder. */
  final int of;

  /** The market; null for a placeholder and until it is loaded. */
  Market market;

  GammaRow(Universe universe, int number) {
    this.universe = universe;
    this.number = number;
    of =
        number % PLACEHOLDER_EVERY == PLACEHOLDER_EVERY - 1
            ? -1
            : number - number / PLACEHOLDER_EVERY;
  }

  /** How many rows the list has. */
  static int count(Universe universe) {
    return universe.size + universe.size / (PLACEHOLDER_EVERY - 1);
  }

  /** The number of a market's row. */
  static int of(int market) {
    return market + market / (PLACEHOLDER_EVERY - 1);
  }

  /** The number of the row with an id; null for none. */
  static Integer withId(Universe universe, String id) {
    if (!id.matches("\\d{1,9}")) {
      return null;
    }
    int number = Integer.parseInt(id);
    int later = number - firstLaterId(universe);
    int row = later < 0 ? (number - FIRST_ID) / legacyStep(universe) : later + legacy(universe);
    boolean known = row >= 0 && row < count(universe);
    return known && id.equals(new GammaRow(universe, row).id()) ? row : null;
  }

  /** Makes the market, which filters and orders do without. */
  GammaRow loaded() {
    market = of < 0 ? null : universe.market(of);
    return this;
  }

  Universe universe() {
    return universe;
  }

  long hash(int what) {
    return Mix.mix(universe.seed, number, 0x6A77A, what);
  }

  boolean chance(int what, int thousandths) {
    return Mix.below(hash(what), 1000) < thousandths;
  }

  String id() {
    return String.valueOf(
        legacy()
            ? FIRST_ID + number * legacyStep(universe)
            : firstLaterId(universe) + number - legacy(universe));
  }

  boolean closed() {
    return of >= 0 && universe.closed(of);
  }

  /** Rows of the automated market maker's years have other fields. */
  boolean legacy() {
    return number < legacy(universe);
  }

  private static int legacy(Universe universe) {
    return count(universe) / 12;
  }

  /** The ids of legacy rows have gaps, as far as there is room for them. */
  private static int legacyStep(Universe universe) {
    return Math.max(1, Math.min(20, 250_000 / Math.max(1, legacy(universe))));
  }

  private static int firstLaterId(Universe universe) {
    return Math.max(FIRST_LATER_ID, FIRST_ID + legacy(universe) * legacyStep(universe));
  }

  boolean hasEndDate() {
    return !chance(1, 10);
  }

  boolean hasStartDate() {
    return !chance(2, legacy() ? 300 : 30);
  }

  long created() {
    return universe.created(
        of < 0 ? Math.min(universe.size - 1, number - number / PLACEHOLDER_EVERY) : of);
  }

  long ends() {
    return of < 0 ? created() + 86_400 : universe.closes(of) - Mix.below(hash(3), 3600);
  }

  long volume() {
    return of < 0 ? 0 : universe.trades(of) * 150_000_000L + Mix.below(hash(4), 1_000_000);
  }

  long liquidity() {
    return closed() ? 0 : Mix.below(hash(5), 1_000_000_000);
  }

  String conditionId() {
    return market == null ? "" : market.condition.toString();
  }

  String slug() {
    return market == null ? "draft-" + number : market.slug();
  }

  List<String> outcomes() {
    List<String> names = new ArrayList<>();
    for (int o = 0; o < (market == null ? 2 : market.outcomes); o++) {
      names.add(market == null ? o == 0 ? "Yes" : "No" : market.outcome(o));
    }
    return names;
  }

  /** The prices as served: payouts for most that are resolved, nearly so or zero for old ones. */
  List<String> prices() {
    List<String> prices = new ArrayList<>();
    int count = market == null ? 2 : market.outcomes;
    for (int o = 0; o < count; o++) {
      double price = market == null ? 0.5 : market.price(o);
      if (legacy() && closed()) {
        prices.add(
            chance(6, 90)
                ? "0"
                : price == 1
                    ? "0.99999" + Math.abs(hash(7) % 100_000_000_000L) + "3114318564"
                    : price == 0
                        ? "0.00000" + Math.abs(hash(7) % 100_000_000_000L) + "6885681436"
                        : price + "43311669077146931466");
      } else {
        prices.add(price == 1 ? "1" : price == 0 ? "0" : String.valueOf(price));
      }
    }
    return prices;
  }

  /** The token ids as served: from the third outcome on they are built with the wrong index set. */
  List<String> tokens() {
    List<String> tokens = new ArrayList<>();
    for (int o = 0; o < market.outcomes; o++) {
      tokens.add(
          market.outcomes == 2
              ? market.token(o)
              : new BigInteger(1, ConditionalTokens.token(market.condition, o + 1, market.negRisk))
                  .toString());
    }
    return tokens;
  }

  boolean hasTokens() {
    return market != null && !chance(8, 2) && !(market.version2 && chance(9, 500));
  }

  /** What Gamma itself says of the resolution: null where it says nothing. */
  String umaStatus() {
    if (legacy() || market == null || !closed()) {
      return null;
    }
    return market.resolved != 0 ? "resolved" : chance(10, 500) ? "proposed" : "disputed";
  }
}
