package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The Data API: version 1 (bare arrays, offsets) and version 2 (envelope, signed cursors). */
final class DataApi extends Source {
  static final String PREFIX = "/data-api";
  private static final long THREE_YEARS = 3L * 365 * 86_400;
  private static final DateTimeFormatter DAY =
      DateTimeFormatter.ofPattern("yyyy-MM-dd").withZone(ZoneOffset.UTC);

  private final Universe universe;

  /** Positions of the few large wallets that were asked for last. */
  private final Map<Integer, List<Position>> large =
      Collections.synchronizedMap(
          new LinkedHashMap<>(8, 1, true) {
            @Override
            protected boolean removeEldestEntry(Map.Entry<Integer, List<Position>> eldest) {
              return size() > 4;
            }
          });

  DataApi(Universe universe) {
    super(
        "data-api",
        PREFIX,
        List.of(
            limit("data-api v2", 800, "/v2/"),
            limit("data-api v2 positions", 200, "/v2/positions"),
            limit("data-api v2 trades", 300, "/v2/trades"),
            limit("data-api v2 activity", 200, "/v2/activity"),
            new Limit("data-api v1", 1000, 10_000, request -> !request.path.startsWith("/v2/")),
            limit("data-api v1 positions", 150, "/positions"),
            limit("data-api v1 trades", 200, "/trades")));
    this.universe = universe;
  }

  private static Limit limit(String name, int max, String path) {
    return new Limit(name, max, 10_000, request -> request.path.startsWith(path));
  }

  @Override
  Answer answer(Request request) throws Exception {
    if (!request.method.equals("GET")) {
      return error(request, 405, "method not allowed");
    }
    try {
      return route(request);
    } catch (IllegalArgumentException e) {
      return error(request, 400, String.valueOf(e.getMessage()));
    }
  }

  private Answer route(Request request) throws IOException {
    return switch (request.path) {
      case "/", "" -> Answer.json("{\"data\":\"OK\"}");
      case "/positions" -> positionsV1(request);
      case "/trades" -> tradesV1(request, false);
      case "/activity" -> tradesV1(request, true);
      case "/v2/positions" -> positionsV2(request);
      case "/v2/trades" -> tradesV2(request, "trades");
      case "/v2/activity" -> tradesV2(request, "activity");
      case "/v2/resolutions" -> resolutions(request);
      default -> error(request, 404, "not found");
    };
  }

  // ---- positions

  /** All positions of a wallet, open and closed. */
  List<Position> positions(int wallet) {
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

  private Answer positionsV1(Request request) {
    String user = request.param("user");
    if (user == null) {
      return errorV1(400, "required query param 'user' not provided");
    }
    if (!user.matches("0x[0-9a-fA-F]{40}")) {
      return errorV1(400, "invalid user address");
    }
    asked.add(Mix.mix(request.path + request.query));
    long offset = number(request, "offset", 0);
    if (offset > 10_000) {
      return errorV1(400, "max historical positions offset of 10000 exceeded");
    }
    int limit = (int) Math.min(500, number(request, "limit", 100));
    double threshold =
        Double.parseDouble(
            request.params().containsKey("sizeThreshold") ? request.param("sizeThreshold") : "1");
    Set<String> markets = Set.copyOf(request.list("market"));
    int wallet = universe.wallets.of(user);
    List<Position> all = new ArrayList<>();
    for (Position position : wallet < 0 ? List.<Position>of() : positions(wallet)) {
      if (!position.closed()
          && position.size() >= threshold * 1e6
          && (markets.isEmpty() || markets.contains(position.market().condition.toString()))
          && (request.param("redeemable") == null
              || request.flag("redeemable", false) == position.redeemable())) {
        all.add(position);
      }
    }
    if (all.isEmpty() && Mix.below(Mix.mix(user.toLowerCase().hashCode()), 2) == 0) {
      return errorV1(404, "not found");
    }
    all.sort(Comparator.comparingLong(Position::size).reversed().thenComparing(Position::token));
    StringBuilder out = new StringBuilder("[");
    int rows = 0;
    for (int k = (int) offset; k < all.size() && rows < Math.min(limit, request.rowCap); k++) {
      out.append(rows++ > 0 ? "," : "");
      positionV1(out, all.get(k));
    }
    return Answer.json(out.append(']')).rows(rows);
  }

  private void positionV1(StringBuilder out, Position p) {
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

  private Answer positionsV2(Request request) throws IOException {
    Answer wrong = checkPage(request);
    if (wrong != null) {
      return wrong;
    }
    String user = request.param("user");
    List<String> conditions = request.list("condition");
    if (user == null && conditions.isEmpty()) {
      return invalid(request, "user or condition is required", "user");
    }
    if (conditions.size() > 20) {
      return invalid(request, "at most 20 conditions", "condition");
    }
    if (user != null && !user.matches("0x[0-9a-fA-F]{40}")) {
      return invalid(request, "user is not an address", "user");
    }
    if (request.param("cursor") == null) {
      asked.add(Mix.mix(request.path + request.query));
    }
    JsonNode cursor = cursor(request, "positions");
    if (cursor != null
        && (cursor.isMissingNode()
            || !cursor
                .path("av")
                .asText()
                .equals(user == null ? String.join(",", conditions) : user.toLowerCase()))) {
      return invalid(request, "cursor does not match the request", "cursor");
    }
    String status =
        cursor != null
            ? cursor.path("st").asText()
            : either(request, "status", "OPEN").toUpperCase();
    if (!Set.of("OPEN", "REDEEMABLE", "REDEEMABLE_LOST", "MERGEABLE", "CLOSED").contains(status)) {
      return invalid(request, "unknown status", "status");
    }
    int limit =
        cursor != null && request.param("limit") == null
            ? cursor.path("l").asInt()
            : (int) number(request, "limit", 100);
    double floor = Double.parseDouble(either(request, "filter_amount", "0.1"));
    boolean archived = Boolean.parseBoolean(either(request, "include_archived", "false"));
    boolean byProfit = status.equals("CLOSED");

    record Row(Position position, double key, String token) {}
    List<Row> all = new ArrayList<>();
    for (Position p : v2Candidates(user, conditions)) {
      if (matches(p, status)
          && (archived || !p.archived())
          && (p.closed() || p.size() >= floor * 1e6)) {
        all.add(new Row(p, byProfit ? p.realized() : p.value(), p.token()));
      }
    }
    if (all.isEmpty() && cursor == null) {
      int how = Mix.below(Mix.mix(String.valueOf(user).toLowerCase().hashCode()), 3);
      return how == 0 && user != null
          ? error(request, 404, "no positions")
          : envelope(how == 1 ? "null" : "[]", limit, null, 0);
    }
    Comparator<Row> order =
        Comparator.comparingDouble(Row::key)
            .reversed()
            .thenComparing(Row::token)
            .thenComparing(row -> row.position().wallet());
    all.sort(order);
    int from = 0;
    if (cursor != null) {
      double key = Double.parseDouble(cursor.path("k").asText());
      String token = cursor.path("t").asText();
      int wallet = cursor.path("w").asInt();
      while (from < all.size()) {
        Row row = all.get(from);
        int c = Double.compare(key, row.key());
        c = c != 0 ? c : row.token().compareTo(token);
        c = c != 0 ? c : Integer.compare(row.position().wallet(), wallet);
        if (c > 0) {
          break;
        }
        from++;
      }
    }
    StringBuilder out = new StringBuilder("[");
    int to = Math.min(all.size(), from + Math.min(limit, request.rowCap));
    for (int k = from; k < to; k++) {
      out.append(k > from ? "," : "");
      positionV2(out, all.get(k).position());
    }
    String next = null;
    if (to < all.size() && to > from) {
      Row last = all.get(to - 1);
      ObjectNode params =
          Json.MAPPER
              .createObjectNode()
              .put("l", limit)
              .put("d", limit)
              .put("k", String.valueOf(last.key()))
              .put("t", last.token())
              .put("w", last.position().wallet())
              .put("a", user == null ? "c" : "u")
              .put("av", user == null ? String.join(",", conditions) : user.toLowerCase())
              .put("st", status)
              .put("s", byProfit ? "REALIZED_PNL" : "CURRENT_VALUE")
              .put("dir", "DESC");
      next = sign("positions", params);
    }
    return envelope(out.append(']'), limit, stuck(request, next), to - from);
  }

  private List<Position> v2Candidates(String user, List<String> conditions) {
    List<Position> all = new ArrayList<>();
    if (user != null) {
      int wallet = universe.wallets.of(user);
      for (Position p : wallet < 0 ? List.<Position>of() : positions(wallet)) {
        if (conditions.isEmpty() || conditions.contains(p.market().condition.toString())) {
          all.add(p);
        }
      }
      return all;
    }
    for (String condition : conditions) {
      Market market = market(condition);
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
  void positionV2(StringBuilder out, Position p) {
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

  // ---- trades

  /** One order's part in a trade, as the Data API lists it: newest first. */
  private record Fill(Market market, int trade, long time, Market.Leg leg)
      implements Comparable<Fill> {
    @Override
    public int compareTo(Fill o) {
      int c = Long.compare(o.time, time);
      c = c != 0 ? c : Integer.compare(o.market.number, market.number);
      c = c != 0 ? c : Integer.compare(o.trade, trade);
      return c != 0 ? c : Integer.compare(o.leg.place(), leg.place());
    }
  }

  /**
   * The fills of some markets, newest first, between two times (inclusive), after a place in that
   * order.
   *
   * @param after the last fill of the page before as {time, market, trade, order}, or null
   */
  private List<Fill> fills(
      Request request,
      Iterable<Market> markets,
      int wallet,
      boolean takerOnly,
      long start,
      long end,
      long[] after,
      int most) {
    Damage dropped = Damage.of(request, "drop-trade");
    List<Fill> all = new ArrayList<>();
    for (Market market : markets) {
      int found = 0;
      for (int j = market.tradesUntil(after == null ? end : Math.min(end, after[0])) - 1;
          j >= 0 && found < most;
          j--) {
        long time = market.time(j);
        if (time < start) {
          break;
        }
        if (dropped != null && dropped.hits(market.transaction(j))) {
          continue;
        }
        List<Market.Leg> legs = market.legs(j);
        for (int k = legs.size() - 1; k >= 0; k--) {
          Market.Leg leg = legs.get(k);
          if (takerOnly && !leg.taker()
              || wallet >= 0 && leg.wallet() != wallet
              || after != null && !isAfter(time, market.number, j, leg.place(), after)) {
            continue;
          }
          all.add(new Fill(market, j, time, leg));
          found++;
        }
      }
    }
    Collections.sort(all);
    return all;
  }

  private static boolean isAfter(long time, int market, int trade, int place, long[] after) {
    long[] own = {time, market, trade, place};
    for (int k = 0; k < 4; k++) {
      if (own[k] != after[k]) {
        return own[k] < after[k];
      }
    }
    return false;
  }

  private Market market(String condition) {
    ConditionId id = ConditionId.parse(condition.toLowerCase());
    int number = id == null ? -1 : universe.marketOf(id);
    return number < 0 ? null : universe.market(number);
  }

  private Iterable<Market> markets(int wallet, List<String> conditions) {
    List<Market> markets = new ArrayList<>();
    if (!conditions.isEmpty()) {
      for (String condition : conditions) {
        Market market = market(condition);
        if (market != null) {
          markets.add(market);
        }
      }
    } else if (wallet >= 0) {
      for (int number : universe.wallets.markets(wallet)) {
        if (universe.trades(number) > 0) {
          markets.add(universe.market(number));
        }
      }
    } else {
      for (int number = universe.size - 1; number >= Math.max(0, universe.size - 200); number--) {
        markets.add(universe.market(number));
      }
    }
    return markets;
  }

  private Answer tradesV2(Request request, String type) throws IOException {
    Answer wrong = checkPage(request);
    if (wrong != null) {
      return wrong;
    }
    String user = request.param("user");
    List<String> conditions = request.list("condition");
    boolean activity = type.equals("activity");
    if (activity && user == null) {
      return invalid(request, "user is required", "user");
    }
    if (conditions.size() > 20) {
      return invalid(request, "at most 20 conditions", "condition");
    }
    JsonNode cursor = cursor(request, type);
    if (cursor != null && cursor.isMissingNode()) {
      return invalid(request, "invalid cursor", "cursor");
    }
    if (request.param("cursor") == null) {
      asked.add(Mix.mix(request.path + request.query));
    }
    int limit =
        cursor != null && request.param("limit") == null
            ? cursor.path("l").asInt()
            : (int) number(request, "limit", 100);
    long start = number(request, "start", 0);
    start = start == 0 ? universe.now - THREE_YEARS : start;
    long end = number(request, "end", 0);
    end = end == 0 ? universe.now : end;
    boolean takerOnly = !activity && Boolean.parseBoolean(either(request, "taker_only", "true"));
    int wallet = user == null ? -1 : universe.wallets.of(user);
    long[] after = null;
    if (cursor != null) {
      String[] parts = cursor.path("sq").asText().split("\\.");
      after =
          new long[] {
            cursor.path("ts").asLong(),
            Long.parseLong(parts[0]),
            Long.parseLong(parts[1]),
            Long.parseLong(parts[2])
          };
    }
    List<Fill> fills =
        user != null && wallet < 0
            ? List.of()
            : fills(
                request,
                markets(wallet, conditions),
                wallet,
                takerOnly,
                start,
                end,
                after,
                limit + 1);
    int to = Math.min(fills.size(), Math.min(limit, request.rowCap));
    StringBuilder out = new StringBuilder("[");
    for (int k = 0; k < to; k++) {
      out.append(k > 0 ? "," : "");
      fillV2(out, fills.get(k), activity);
    }
    String next = null;
    if (to < fills.size() && to > 0) {
      Fill last = fills.get(to - 1);
      next =
          sign(
              type,
              Json.MAPPER
                  .createObjectNode()
                  .put("l", limit)
                  .put("ts", last.time())
                  .put("sq", last.market().number + "." + last.trade() + "." + last.leg().place())
                  .put("d", limit));
    }
    return envelope(out.append(']'), limit, stuck(request, next), to);
  }

  private void fillV2(StringBuilder out, Fill fill, boolean activity) {
    Market m = fill.market();
    Market.Leg leg = fill.leg();
    boolean unlabelled = Mix.below(Mix.mix(m.hash(60), fill.trade()), 50) == 0;
    String price = String.valueOf((double) leg.cost() / leg.size());
    Json.Obj row = new Json.Obj(out).put("proxy_wallet", m.address(leg.wallet()));
    if (activity) {
      row.put("timestamp", fill.time())
          .put("condition_id", m.condition.toString())
          .put("type", "TRADE")
          .raw("size", Position.millionths(leg.size()))
          .raw("usdc_size", Position.millionths(leg.cost()))
          .put("transaction_hash", "0x" + m.transaction(fill.trade()))
          .raw("price", price)
          .put("token_id", m.token(leg.outcome()))
          .put("side", leg.buy() ? "BUY" : "SELL")
          .put("outcome_index", unlabelled ? 999 : leg.outcome())
          .put("title", m.question())
          .put("slug", m.slug())
          .put("icon", "")
          .put("event_slug", unlabelled ? "" : m.eventSlug())
          .put("outcome", m.outcome(leg.outcome()));
    } else {
      row.put("side", leg.buy() ? "BUY" : "SELL")
          .put("token_id", m.token(leg.outcome()))
          .put("condition_id", m.condition.toString())
          .raw("size", Position.millionths(leg.size()))
          .raw("price", price)
          .put("timestamp", fill.time())
          .put("title", m.question())
          .put("slug", m.slug())
          .put("icon", "")
          .put("event_slug", unlabelled ? "" : m.eventSlug())
          .put("outcome", m.outcome(leg.outcome()))
          .put("outcome_index", unlabelled ? 999 : leg.outcome());
    }
    row.put("name", "wallet-" + leg.wallet())
        .put("pseudonym", "")
        .put("bio", "")
        .put("profile_image", "")
        .put("profile_image_optimized", "");
    if (!activity) {
      row.put("transaction_hash", "0x" + m.transaction(fill.trade()));
    }
    row.end();
  }

  private Answer tradesV1(Request request, boolean activity) {
    String user = request.param("user");
    if (activity && user == null) {
      return errorV1(400, "required query param 'user' not provided");
    }
    long offset = number(request, "offset", 0);
    if (offset > 10_000) {
      return errorV1(
          400,
          "max historical " + (activity ? "activity" : "trades") + " offset of 10000 exceeded");
    }
    int limit = (int) Math.min(500, number(request, "limit", 100));
    int wallet = user == null ? -1 : universe.wallets.of(user);
    long end = number(request, "end", 0);
    boolean takerOnly = !activity && request.flag("takerOnly", true);
    List<Fill> fills =
        user != null && wallet < 0
            ? List.of()
            : fills(
                request,
                markets(wallet, request.list("market")),
                wallet,
                takerOnly,
                number(request, "start", 0),
                end == 0 ? universe.now : end,
                null,
                (int) offset + limit);
    StringBuilder out = new StringBuilder("[");
    int rows = 0;
    for (int k = (int) offset; k < fills.size() && rows < Math.min(limit, request.rowCap); k++) {
      out.append(rows++ > 0 ? "," : "");
      fillV1(out, fills.get(k), activity);
    }
    return Answer.json(out.append(']')).rows(rows);
  }

  private void fillV1(StringBuilder out, Fill fill, boolean activity) {
    Market m = fill.market();
    Market.Leg leg = fill.leg();
    String price = String.valueOf((double) leg.cost() / leg.size());
    Json.Obj row = new Json.Obj(out).put("proxyWallet", m.address(leg.wallet()));
    if (activity) {
      row.put("timestamp", fill.time())
          .put("conditionId", m.condition.toString())
          .put("type", "TRADE")
          .raw("size", Position.number(leg.size() / 1e6))
          .raw("usdcSize", String.valueOf(leg.cost() / 1e6))
          .put("transactionHash", "0x" + m.transaction(fill.trade()))
          .raw("price", price)
          .put("asset", m.token(leg.outcome()))
          .put("side", leg.buy() ? "BUY" : "SELL")
          .put("outcomeIndex", leg.outcome());
    } else {
      row.put("side", leg.buy() ? "BUY" : "SELL")
          .put("asset", m.token(leg.outcome()))
          .put("conditionId", m.condition.toString())
          .raw("size", Position.number(leg.size() / 1e6))
          .raw("price", price)
          .put("timestamp", fill.time());
    }
    row.put("title", m.question())
        .put("slug", m.slug())
        .put("icon", "")
        .put("eventSlug", m.eventSlug())
        .put("outcome", m.outcome(leg.outcome()));
    if (!activity) {
      row.put("outcomeIndex", leg.outcome());
    }
    row.put("name", "wallet-" + leg.wallet())
        .put("pseudonym", "")
        .put("bio", "")
        .put("profileImage", "")
        .put("profileImageOptimized", "");
    if (!activity) {
      row.put("transactionHash", "0x" + m.transaction(fill.trade()));
    }
    row.end();
  }

  // ---- resolutions

  private Answer resolutions(Request request) {
    List<String> conditions = request.list("condition");
    if (conditions.isEmpty()) {
      return invalid(request, "condition is required", "condition");
    }
    if (conditions.size() > 20) {
      return invalid(request, "at most 20 conditions", "condition");
    }
    StringBuilder out = new StringBuilder("[");
    int rows = 0;
    for (String text : conditions) {
      ConditionId id = ConditionId.parse(text.toLowerCase());
      if (id == null) {
        return invalid(request, "condition is not 0x and 64 hex digits", "condition");
      }
      asked.addAll(List.of(id));
      Resolution resolution = universe.resolution(id);
      if (resolution == null || rows == request.rowCap) {
        continue;
      }
      out.append(rows++ > 0 ? "," : "");
      resolution.json(out);
    }
    return Answer.json("{\"data\":" + out.append("]}")).rows(rows);
  }

  // ---- pages and errors of version 2

  /** A parameter in snake_case or camelCase. */
  private static String either(Request request, String snake, String otherwise) {
    String value = request.param(snake);
    if (value == null && snake.indexOf('_') > 0) {
      StringBuilder camel = new StringBuilder();
      for (String part : snake.split("_")) {
        camel.append(
            camel.isEmpty() ? part : Character.toUpperCase(part.charAt(0)) + part.substring(1));
      }
      value = request.param(camel.toString());
    }
    return value == null ? otherwise : value;
  }

  private static long number(Request request, String name, long otherwise) {
    String value = request.param(name);
    try {
      return value == null || value.isEmpty() ? otherwise : Long.parseLong(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("invalid " + name);
    }
  }

  private Answer checkPage(Request request) {
    if (request.params().containsKey("offset")) {
      return invalid(request, "offset is not supported, use cursor", "offset");
    }
    String limit = request.param("limit");
    if (limit != null && (!limit.matches("\\d{1,6}") || Integer.parseInt(limit) > 1000)) {
      return invalid(request, "limit must be between 0 and 1000", "limit");
    }
    return null;
  }

  /**
   * The parameters inside the request's cursor; null without one, a missing node for one that is
   * not ours.
   */
  private JsonNode cursor(Request request, String type) throws IOException {
    String text = request.param("cursor");
    if (text == null || text.isEmpty()) {
      return null;
    }
    try {
      JsonNode node = Json.read(Base64.getDecoder().decode(text));
      boolean ours =
          node.path("sig").asText().equals(signature(node.path("data").toString()))
              && node.at("/data/type").asText().equals(type)
              && !"expired-cursor".equals(request.special);
      return ours ? node.at("/data/params") : Json.MAPPER.missingNode();
    } catch (IllegalArgumentException | IOException e) {
      return Json.MAPPER.missingNode();
    }
  }

  private String sign(String type, ObjectNode params) {
    ObjectNode data = Json.MAPPER.createObjectNode().put("type", type);
    data.set("params", params);
    String json = "{\"data\":" + data + ",\"sig\":\"" + signature(data.toString()) + "\"}";
    return Base64.getEncoder()
        .withoutPadding()
        .encodeToString(json.getBytes(StandardCharsets.UTF_8));
  }

  private String signature(String data) {
    long h = universe.seed;
    for (int i = 0; i < data.length(); i++) {
      h = h * 31 + data.charAt(i);
    }
    return Mix.hex(Mix.mix(h), 16);
  }

  private static String stuck(Request request, String next) {
    return "stuck-cursor".equals(request.special) && request.param("cursor") != null
        ? request.param("cursor")
        : next;
  }

  private static Answer envelope(CharSequence data, int limit, String next, int rows) {
    StringBuilder out =
        new StringBuilder(data.length() + 500)
            .append("{\"data\":")
            .append(data)
            .append(",\"pagination\":{\"limit\":")
            .append(limit)
            .append(",\"offset\":0,\"has_more\":")
            .append(next != null)
            .append(",\"next_cursor\":");
    return Answer.json(Json.string(out, next).append("}}")).rows(rows);
  }

  private Answer invalid(Request request, String message, String parameter) {
    return v2Error(400, message, "invalid_request", false, parameter);
  }

  private Answer v2Error(
      int status, String message, String code, boolean retryable, String parameter) {
    String trace = Mix.hex(Mix.mix(universe.seed, counter.get()), 16);
    StringBuilder out = new StringBuilder();
    Json.Obj obj =
        new Json.Obj(out)
            .put("error", message)
            .put("code", code)
            .put("retryable", retryable)
            .put("trace_id", trace);
    if (parameter != null) {
      obj.put("parameter", parameter);
    }
    return Answer.json(status, obj.end()).header("x-trace-id", trace);
  }

  private static Answer errorV1(int status, String message) {
    return Answer.json(status, "{\"error\":" + Json.quoted(message) + "}");
  }

  @Override
  Answer tooMany(Request request, long waitMillis) {
    if (request.path.startsWith("/v2/")) {
      return v2Error(429, "rate limit exceeded", "rate_limited", true, null)
          .header("Retry-After", String.valueOf((waitMillis + 999) / 1000));
    }
    return errorV1(429, "Too Many Requests");
  }

  @Override
  Answer error(Request request, int status, String message) {
    if (!request.path.startsWith("/v2/")) {
      return errorV1(status, message);
    }
    String code =
        switch (status) {
          case 400 -> "invalid_request";
          case 404 -> "not_found";
          case 405 -> "method_not_allowed";
          case 503 -> "dependency_unavailable";
          default -> "internal";
        };
    Answer answer = v2Error(status, message, code, status >= 500, null);
    return status == 503 ? answer.header("Retry-After", "1") : answer;
  }

  @Override
  Answer errorInside200(Request request, String message) {
    return Answer.json(200, "{\"error\":" + Json.quoted("Too Many Requests") + "}");
  }
}
