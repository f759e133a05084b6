package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/**
 * Goldsky's positions-subgraph: conditions with their payouts, and tokens with their conditions.
 */
final class PositionsSubgraph extends Subgraph {
  static final String PREFIX = "/goldsky/positions-subgraph/0.0.7/gn";
  private static final Set<String> CONDITION = Set.of("id", "payouts");
  private static final Set<String> CONDITION_FILTERS =
      Set.of(
          "id",
          "id_not",
          "id_in",
          "id_not_in",
          "id_gt",
          "id_gte",
          "id_lt",
          "id_lte",
          "payouts",
          "payouts_not");

  private static final Set<String> TOKEN = Set.of("id", "condition", "complement", "outcomeIndex");
  private static final Set<String> TOKEN_FILTERS = Set.of("id", "id_in", "id_gt");

  private final Universe universe;
  private int[] tokenOrder;

  PositionsSubgraph(Universe universe, List<Limit> limits) {
    super("goldsky-positions", PREFIX, limits, universe);
    this.universe = universe;
  }

  @Override
  Integer resolve(GraphQl.Field field, Request request, StringBuilder out) throws GraphQl.Failure {
    switch (field.name()) {
      case "condition" -> {
        checkSelection(field, "Condition", CONDITION);
        Object id = field.arguments().get("id");
        if (id == null) {
          throw new GraphQl.Failure("No value provided for required argument: `id`");
        }
        ConditionId condition = ConditionId.parse(id.toString());
        Payout payout =
            condition == null ? Payout.ABSENT : universe.goldskyPayout(condition, seen(request));
        if (payout == Payout.ABSENT || request.rowCap == 0) {
          out.append("null");
          return 0;
        }
        asked.addAll(List.of(condition));
        condition(field, condition, payout, out);
        return 1;
      }
      case "conditions" -> {
        checkSelection(field, "Condition", CONDITION);
        return conditions(field, page(field, CONDITION_FILTERS, Set.of("id")), request, out);
      }
      case "tokenIdCondition" -> {
        checkSelection(field, "TokenIdCondition", TOKEN);
        Object id = field.arguments().get("id");
        int owner = id == null ? -1 : universe.tokens.owner(id.toString());
        if (owner < 0 || !universe.onGoldsky(owner >> 3) || request.rowCap == 0) {
          out.append("null");
          return 0;
        }
        token(field, owner, out);
        return 1;
      }
      case "tokenIdConditions" -> {
        checkSelection(field, "TokenIdCondition", TOKEN);
        return tokens(field, page(field, TOKEN_FILTERS, Set.of("id")), request, out);
      }
      default -> {
        return null;
      }
    }
  }

  /**
   * All tokens that the subgraph has in the order of their ids as text, each as market times eight
   * plus outcome.
   */
  private synchronized int[] tokenOrder() {
    if (tokenOrder == null) {
      List<String> sorted = new ArrayList<>();
      for (int i = 0; i < universe.size; i++) {
        if (universe.onGoldsky(i)) {
          Market market = universe.market(i);
          for (int o = 0; o < market.outcomes; o++) {
            sorted.add(market.token(o) + ":" + (i << 3 | o));
          }
        }
      }
      // a colon comes after all digits: a shorter id still has to come first
      sorted.sort(
          (x, y) -> x.substring(0, x.indexOf(':')).compareTo(y.substring(0, y.indexOf(':'))));
      tokenOrder =
          sorted.stream()
              .mapToInt(text -> Integer.parseInt(text.substring(text.indexOf(':') + 1)))
              .toArray();
    }
    return tokenOrder;
  }

  private String tokenId(int owner) {
    return universe.market(owner >> 3).token(owner & 7);
  }

  private int tokens(GraphQl.Field field, Page page, Request request, StringBuilder out)
      throws GraphQl.Failure {
    Collection<?> in = page.list(page.where().containsKey("id_in") ? "id_in" : "id");
    String above = page.text("id_gt");
    int first = Math.min(page.first(), request.rowCap);
    List<Integer> owners = new ArrayList<>();
    if (in != null) {
      for (Object id : in) {
        int owner = universe.tokens.owner(id.toString());
        if (owner >= 0
            && universe.onGoldsky(owner >> 3)
            && !owners.contains(owner)
            && (above == null || id.toString().compareTo(above) > 0)) {
          owners.add(owner);
        }
      }
      owners.sort((x, y) -> tokenId(x).compareTo(tokenId(y)));
      owners =
          owners.subList(
              Math.min(page.skip(), owners.size()), Math.min(owners.size(), page.skip() + first));
    } else {
      int[] order = tokenOrder();
      int low = 0;
      int high = above == null ? 0 : order.length;
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (tokenId(order[middle]).compareTo(above) <= 0) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      for (int k = low + page.skip(); k < order.length && owners.size() < first; k++) {
        owners.add(order[k]);
      }
    }
    out.append('[');
    for (int k = 0; k < owners.size(); k++) {
      token(field, owners.get(k), out.append(k > 0 ? "," : ""));
    }
    out.append(']');
    return owners.size();
  }

  /**
   * One token's entity; a few have another market's condition or the other outcome (planned
   * conflicts).
   */
  private void token(GraphQl.Field field, int owner, StringBuilder out) throws GraphQl.Failure {
    Market market = universe.market(owner >> 3);
    int outcome = owner & 7;
    String conflict = universe.goldskyConflict(market.number);
    ConditionId condition =
        conflict.equals("foreign-condition")
            ? universe.conditionId(Math.max(0, market.number - 1))
            : market.condition;
    object(
        field,
        out,
        "TokenIdCondition",
        (selected, inner) -> {
          switch (selected.name()) {
            case "id" -> inner.append('"').append(market.token(outcome)).append('"');
            case "complement" ->
                inner
                    .append('"')
                    .append(market.outcomes == 2 ? market.token(1 - outcome) : "")
                    .append('"');
            case "outcomeIndex" ->
                inner
                    .append('"')
                    .append(
                        conflict.equals("flipped-outcome") && outcome < 2 ? 1 - outcome : outcome)
                    .append('"');
            default -> {
              checkSelection(selected, "Condition", CONDITION);
              condition(selected, condition, universe.goldskyPayout(condition), inner);
            }
          }
          return true;
        });
  }

  private int conditions(GraphQl.Field field, Page page, Request request, StringBuilder out)
      throws GraphQl.Failure {
    Collection<?> in = page.list(page.where().containsKey("id_in") ? "id_in" : "id");
    Set<String> notIn = page.in("id_not_in");
    String not = page.text("id_not");
    String above = page.text("id_gt");
    String from = page.text("id_gte");
    String below = page.text("id_lt");
    String to = page.text("id_lte");
    int first = Math.min(page.first(), request.rowCap);
    int skip = page.skip();
    int rows = 0;
    out.append('[');
    Walk walk =
        in != null
            ? new Walk(in)
            : new Walk(from != null ? from : above, to != null ? to : below, page.descending());
    if (in != null && page.descending()) {
      Collections.reverse(walk.listed);
    }
    while (rows < first && walk.next()) {
      if (above != null
          || from != null
          || below != null
          || to != null
          || notIn != null
          || not != null) {
        String id = walk.id.toString();
        if (above != null && id.compareTo(above) <= 0
            || from != null && id.compareTo(from) < 0
            || below != null && id.compareTo(below) >= 0
            || to != null && id.compareTo(to) > 0
            || notIn != null && notIn.contains(id)
            || id.equals(not)) {
          continue;
        }
      }
      Payout payout =
          walk.market < 0
              ? universe.goldskyPayout(walk.id, seen(request))
              : universe.goldskyPayout(walk.market, walk.id, seen(request));
      if (payout == Payout.ABSENT
          || page.where().containsKey("payouts_not")
              && page.where().get("payouts_not") == null
              && payout.served() == null
          || page.where().containsKey("payouts")
              && page.where().get("payouts") == null
              && payout.served() != null) {
        continue;
      }
      if (skip-- > 0) {
        continue;
      }
      if (rows++ > 0) {
        out.append(',');
      }
      condition(field, walk.id, payout, out);
    }
    out.append(']');
    return rows;
  }

  private static void condition(
      GraphQl.Field field, ConditionId id, Payout payout, StringBuilder out)
      throws GraphQl.Failure {
    object(
        field,
        out,
        "Condition",
        (selected, inner) -> {
          if (selected.name().equals("id")) {
            id.hexTo(inner.append("\"0x")).append('"');
            return true;
          }
          if (payout.served() == null) {
            inner.append("null");
          } else {
            inner.append('[');
            for (int i = 0; i < payout.served().size(); i++) {
              inner.append(i > 0 ? ",\"" : "\"").append(payout.served().get(i)).append('"');
            }
            inner.append(']');
          }
          return true;
        });
  }

  /**
   * Goes through the listed condition ids, or through all that the sandbox made, in the order of
   * the ids.
   */
  private final class Walk {
    final List<ConditionId> listed;
    private final boolean descending;
    private int place;
    private final int end;
    ConditionId id;
    int market = -1;

    Walk(Collection<?> ids) {
      listed = new ArrayList<>(ids.size());
      for (Object text : ids) {
        ConditionId parsed = ConditionId.parse(String.valueOf(text));
        if (parsed != null) {
          listed.add(parsed);
        }
      }
      Collections.sort(listed);
      asked.addAll(listed);
      descending = false;
      end = listed.size();
    }

    Walk(String from, String to, boolean descending) {
      listed = null;
      this.descending = descending;
      int low = from == null ? 0 : universe.rankFrom(word(from));
      int high = to == null ? universe.size : universe.rankFrom(word(to));
      while (to != null
          && high < universe.size
          && universe.conditionId(universe.byCondition(high)).toString().compareTo(to) <= 0) {
        high++;
      }
      place = descending ? high - 1 : low;
      end = descending ? low - 1 : high;
    }

    /** The first word of an id's text, which may be shorter or no id at all. */
    private long word(String text) {
      StringBuilder digits = new StringBuilder();
      for (int i = text.startsWith("0x") ? 2 : 0; i < text.length() && digits.length() < 16; i++) {
        if (Character.digit(text.charAt(i), 16) < 0) {
          break;
        }
        digits.append(Character.toLowerCase(text.charAt(i)));
      }
      while (digits.length() < 16) {
        digits.append('0');
      }
      return Long.parseUnsignedLong(digits.toString(), 16);
    }

    boolean next() {
      if (listed != null) {
        if (place == end) {
          return false;
        }
        ConditionId last = id;
        id = listed.get(place++);
        return !id.equals(last) || next();
      }
      if (descending ? place <= end : place >= end) {
        return false;
      }
      market = universe.byCondition(place);
      place += descending ? -1 : 1;
      id = universe.conditionId(market);
      return true;
    }
  }
}
