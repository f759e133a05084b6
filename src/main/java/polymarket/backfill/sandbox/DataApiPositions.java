package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The positions of the Data API, in both versions. */
final class DataApiPositions {

  private static final DateTimeFormatter DAY =
      DateTimeFormatter.ofPattern("yyyy-MM-dd").withZone(ZoneOffset.UTC);
  private static final Set<String> STATUSES =
      Set.of("OPEN", "REDEEMABLE", "REDEEMABLE_LOST", "MERGEABLE", "CLOSED");

  private final Universe universe;
  private final DataApiV2 v2;
  private final IdCount asked;

  /** Positions of the few large wallets that were asked for last. */
  private final Map<Integer, List<Position>> large =
      Collections.synchronizedMap(
          new LinkedHashMap<>(8, 1, true) {
            @Override
            protected boolean removeEldestEntry(Map.Entry<Integer, List<Position>> eldest) {
              return size() > 4;
            }
          });

  DataApiPositions(Universe universe, DataApiV2 v2, IdCount asked) {
    this.universe = universe;
    this.v2 = v2;
    this.asked = asked;
  }

  /** All positions of a wallet, open and closed. */
  List<Position> of(int wallet) {
    List<Position> known = large.get(wallet);
    if (known != null) {
      return known;
    }
    List<Position> all = new ArrayList<>();
    for (Market market : universe.marketsOf(wallet)) {
      Market.Holding[] holdings = market.holdings(wallet);
      for (int o = 0; o < holdings.length; o++) {
        if (holdings[o] != null) {
          all.add(new Position(market, wallet, o, holdings[o]));
        }
      }
    }
    if (all.size() > 500) {
      large.put(wallet, all);
    }
    return all;
  }

  /** A page of version 1. */
  Answer v1(Request request) {
    String user = request.param("user");
    if (user == null) {
      return DataApi.errorV1(400, "required query param 'user' not provided");
    }
    if (!user.matches("0x[0-9a-fA-F]{40}")) {
      return DataApi.errorV1(400, "invalid user address");
    }
    asked.add(Mix.mix(request.path + request.query));
    long offset = DataApi.number(request, "offset", 0);
    if (offset > 10_000) {
      return DataApi.errorV1(400, "max historical positions offset of 10000 exceeded");
    }
    int limit = (int) Math.min(500, DataApi.number(request, "limit", 100));
    double threshold =
        Double.parseDouble(
            request.params().containsKey("sizeThreshold") ? request.param("sizeThreshold") : "1");
    Set<String> markets = Set.copyOf(request.list("market"));
    int wallet = universe.wallets.of(user);
    List<Position> all = new ArrayList<>();
    for (Position position : wallet < 0 ? List.<Position>of() : of(wallet)) {
      if (!position.closed()
          && position.size() >= threshold * 1e6
          && (markets.isEmpty() || markets.contains(position.market().condition.toString()))
          && (request.param("redeemable") == null
              || request.flag("redeemable", false) == position.redeemable())) {
        all.add(position);
      }
    }
    if (all.isEmpty() && Mix.below(Mix.mix(user.toLowerCase().hashCode()), 2) == 0) {
      return DataApi.errorV1(404, "not found");
    }
    all.sort(Comparator.comparingLong(Position::size).reversed().thenComparing(Position::token));
    StringBuilder out = new StringBuilder("[");
    int rows = 0;
    for (int k = (int) offset; k < all.size() && rows < Math.min(limit, request.rowCap); k++) {
      out.append(rows++ > 0 ? "," : "");
      writeV1(out, all.get(k));
    }
    return Answer.json(out.append(']')).rows(rows);
  }

  private void writeV1(StringBuilder out, Position p) {
    Market m = p.market();
    double cost = p.cost();
    new Json.Obj(out)
        .put("proxyWallet", m.address(p.wallet()))
        .put("asset", p.token())
        .put("conditionId", m.condition.toString())
        .raw("size", Position.number(p.size() / 1e6))
        .raw("avgPrice", Position.number(p.averagePrice()))
        .raw("initialValue", Position.number(cost))
        .raw("currentValue", Position.number(p.value()))
        .raw("cashPnl", Position.number(p.value() - cost))
        .raw("percentPnl", Position.number(cost == 0 ? 0 : (p.value() - cost) / cost * 100))
        .raw("totalBought", Position.number(p.holding().bought / 1e6))
        .raw("realizedPnl", Position.number(p.realized()))
        .raw("percentRealizedPnl", Position.number(cost == 0 ? 0 : p.realized() / cost * 100))
        .raw("curPrice", Position.number(p.price()))
        .put("redeemable", p.redeemable())
        .put("mergeable", false)
        .put("title", m.question())
        .put("slug", m.slug())
        .put("icon", "")
        .put("eventId", String.valueOf(1000 + m.number / 8))
        .put("eventSlug", m.eventSlug())
        .put("outcome", m.outcome(p.outcome()))
        .put("outcomeIndex", p.outcome())
        .put("oppositeOutcome", m.outcome(p.opposite()))
        .put("oppositeAsset", m.token(p.opposite()))
        .put("endDate", m.number % 50 == 0 ? "" : DAY.format(Instant.ofEpochSecond(m.closes)))
        .put("negativeRisk", m.negRisk)
        .end();
  }

  /** A row of version 2, with what its list is ordered by. */
  private record Row(Position position, double key, String token) {

    static final Comparator<Row> ORDER =
        Comparator.comparingDouble(Row::key)
            .reversed()
            .thenComparing(Row::token)
            .thenComparing(row -> row.position().wallet());

    /** Whether it comes after the row that a cursor names. */
    boolean isAfter(JsonNode cursor) {
      int c = Double.compare(Double.parseDouble(cursor.path("k").asText()), key);
      c = c != 0 ? c : token.compareTo(cursor.path("t").asText());
      c = c != 0 ? c : Integer.compare(position.wallet(), cursor.path("w").asInt());
      return c > 0;
    }
  }

  /** A page of version 2. */
  Answer v2(Request request) throws IOException {
    Answer wrong = v2.checkPage(request);
    if (wrong != null) {
      return wrong;
    }
    String user = request.param("user");
    List<String> conditions = request.list("condition");
    if (user == null && conditions.isEmpty()) {
      return v2.invalid("user or condition is required", "user");
    }
    if (conditions.size() > 20) {
      return v2.invalid("at most 20 conditions", "condition");
    }
    if (user != null && !user.matches("0x[0-9a-fA-F]{40}")) {
      return v2.invalid("user is not an address", "user");
    }
    if (request.param("cursor") == null) {
      asked.add(Mix.mix(request.path + request.query));
    }
    JsonNode cursor = v2.cursor(request, "positions");
    String subject = user == null ? String.join(",", conditions) : user.toLowerCase();
    if (cursor != null && (cursor.isMissingNode() || !cursor.path("av").asText().equals(subject))) {
      return v2.invalid("cursor does not match the request", "cursor");
    }
    String status =
        cursor != null
            ? cursor.path("st").asText()
            : DataApiV2.either(request, "status", "OPEN").toUpperCase();
    if (!STATUSES.contains(status)) {
      return v2.invalid("unknown status", "status");
    }
    int limit = DataApiV2.limit(request, cursor);
    List<Row> all = rows(request, user, conditions, status);
    if (all.isEmpty() && cursor == null) {
      int how = Mix.below(Mix.mix(String.valueOf(user).toLowerCase().hashCode()), 3);
      return how == 0 && user != null
          ? v2.error(404, "no positions", "not_found", false, null)
          : DataApiV2.envelope(how == 1 ? "null" : "[]", limit, null, 0);
    }
    int from = 0;
    while (cursor != null && from < all.size() && !all.get(from).isAfter(cursor)) {
      from++;
    }
    StringBuilder out = new StringBuilder("[");
    int to = Math.min(all.size(), from + Math.min(limit, request.rowCap));
    for (int k = from; k < to; k++) {
      out.append(k > from ? "," : "");
      writeV2(out, all.get(k).position());
    }
    String next =
        to < all.size() && to > from ? next(all.get(to - 1), limit, user, subject, status) : null;
    return DataApiV2.envelope(out.append(']'), limit, DataApiV2.stuck(request, next), to - from);
  }

  /** All rows that a request's filters let through, in order. */
  private List<Row> rows(Request request, String user, List<String> conditions, String status) {
    double floor = Double.parseDouble(DataApiV2.either(request, "filter_amount", "0.1"));
    boolean archived = Boolean.parseBoolean(DataApiV2.either(request, "include_archived", "false"));
    List<Row> rows = new ArrayList<>();
    for (Position p : candidates(user, conditions)) {
      if (matches(p, status)
          && (archived || !p.archived())
          && (p.closed() || p.size() >= floor * 1e6)) {
        rows.add(new Row(p, status.equals("CLOSED") ? p.realized() : p.value(), p.token()));
      }
    }
    rows.sort(Row.ORDER);
    return rows;
  }

  private String next(Row last, int limit, String user, String subject, String status) {
    ObjectNode params =
        Json.MAPPER
            .createObjectNode()
            .put("l", limit)
            .put("d", limit)
            .put("k", String.valueOf(last.key()))
            .put("t", last.token())
            .put("w", last.position().wallet())
            .put("a", user == null ? "c" : "u")
            .put("av", subject)
            .put("st", status)
            .put("s", status.equals("CLOSED") ? "REALIZED_PNL" : "CURRENT_VALUE")
            .put("dir", "DESC");
    return v2.sign("positions", params);
  }

  private List<Position> candidates(String user, List<String> conditions) {
    List<Position> all = new ArrayList<>();
    if (user != null) {
      int wallet = universe.wallets.of(user);
      for (Position p : wallet < 0 ? List.<Position>of() : of(wallet)) {
        if (conditions.isEmpty() || conditions.contains(p.market().condition.toString())) {
          all.add(p);
        }
      }
      return all;
    }
    for (String condition : conditions) {
      Market market = universe.market(condition);
      if (market != null) {
        for (int wallet : universe.holdings(market).keySet()) {
          Market.Holding[] holdings = market.holdings(wallet);
          for (int o = 0; o < holdings.length; o++) {
            if (holdings[o] != null) {
              all.add(new Position(market, wallet, o, holdings[o]));
            }
          }
        }
      }
    }
    return all;
  }

  private static boolean matches(Position p, String status) {
    return switch (status) {
      case "OPEN" -> !p.closed();
      case "REDEEMABLE" -> p.redeemable() && p.price() > 0;
      case "REDEEMABLE_LOST" -> p.redeemable() && p.price() == 0;
      case "CLOSED" -> p.closed();
      default -> false;
    };
  }

  /** One position as version 2 shows it. */
  void writeV2(StringBuilder out, Position p) {
    Market m = p.market();
    double cost = p.cost();
    double fees = p.holding().fees / 1e6;
    double unrealized = p.value() - cost;
    double invested = p.holding().paid / 1e6;
    new Json.Obj(out)
        .put("proxy_wallet", m.address(p.wallet()))
        .put("token_id", p.token())
        .put("condition_id", m.condition.toString())
        .raw("current_size", Position.decimal(p.size() / 1e6, 4))
        .raw("avg_price", Position.decimal(p.averagePrice(), 4))
        .raw("entry_cost_usdc", Position.decimal(cost, 5))
        .raw("entry_fees_usdc", Position.decimal(fees, 5))
        .raw("total_cost_usdc", Position.decimal(cost + fees, 5))
        .raw("current_price", Position.decimal(p.price(), 4))
        .raw("current_value", Position.decimal(p.value(), 4))
        .raw("total_size", Position.millionths(p.holding().bought))
        .raw("realized_pnl", Position.decimal(p.realized(), 4))
        .raw("unrealized_pnl", Position.decimal(unrealized, 4))
        .raw("total_pnl", Position.decimal(p.realized() + unrealized, 4))
        .raw("percent_pnl", Position.decimal(cost == 0 ? 0 : unrealized / cost * 100, 4))
        .raw(
            "percent_realized_pnl",
            Position.decimal(invested == 0 ? 0 : p.realized() / invested * 100, 4))
        .put("status", p.closed() ? "CLOSED" : "OPEN")
        .put("redeemable", p.redeemable())
        .put("mergeable", false)
        .put("negative_risk", m.negRisk)
        .put("archived", p.archived())
        .put("title", m.question())
        .put("slug", m.slug())
        .put("icon", "")
        .put("event_id", String.valueOf(1000 + m.number / 8))
        .put("event_slug", m.eventSlug())
        .put("outcome", m.outcome(p.outcome()))
        .put("outcome_index", p.outcome())
        .put("opposite_outcome", m.outcome(p.opposite()))
        .put("opposite_token_id", m.token(p.opposite()))
        .put("end_date", m.number % 50 == 0 ? "" : DAY.format(Instant.ofEpochSecond(m.closes)))
        .put("last_event_at", p.holding().last)
        .put("first_entry_at", p.holding().first)
        .put("name", "wallet-" + p.wallet())
        .put("profile_image", "")
        .put("verified", false)
        .end();
  }
}
