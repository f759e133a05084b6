package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The trades and the activity of the Data API, in both versions. */
final class DataApiTrades {

  private static final long THREE_YEARS = 3L * 365 * 86_400;

  private final Universe universe;
  private final DataApiV2 v2;
  private final IdCount asked;

  DataApiTrades(Universe universe, DataApiV2 v2, IdCount asked) {
    this.universe = universe;
    this.v2 = v2;
    this.asked = asked;
  }

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

  private Iterable<Market> markets(int wallet, List<String> conditions) {
    List<Market> markets = new ArrayList<>();
    if (!conditions.isEmpty()) {
      for (String condition : conditions) {
        Market market = universe.market(condition);
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

  /**
   * A page of version 2.
   *
   * @param activity whether activity is asked for, which lists the same trades with other fields
   */
  Answer v2(Request request, boolean activity) throws IOException {
    Answer wrong = v2.checkPage(request);
    if (wrong != null) {
      return wrong;
    }
    String type = activity ? "activity" : "trades";
    String user = request.param("user");
    List<String> conditions = request.list("condition");
    if (activity && user == null) {
      return v2.invalid("user is required", "user");
    }
    if (conditions.size() > 20) {
      return v2.invalid("at most 20 conditions", "condition");
    }
    JsonNode cursor = v2.cursor(request, type);
    if (cursor != null && cursor.isMissingNode()) {
      return v2.invalid("invalid cursor", "cursor");
    }
    if (request.param("cursor") == null) {
      asked.add(Mix.mix(request.path + request.query));
    }
    int limit = DataApiV2.limit(request, cursor);
    long start = DataApi.number(request, "start", 0);
    long end = DataApi.number(request, "end", 0);
    int wallet = user == null ? -1 : universe.wallets.of(user);
    List<Fill> fills =
        user != null && wallet < 0
            ? List.of()
            : fills(
                request,
                markets(wallet, conditions),
                wallet,
                !activity && Boolean.parseBoolean(DataApiV2.either(request, "taker_only", "true")),
                start == 0 ? universe.now - THREE_YEARS : start,
                end == 0 ? universe.now : end,
                cursor == null ? null : place(cursor),
                limit + 1);
    int to = Math.min(fills.size(), Math.min(limit, request.rowCap));
    StringBuilder out = new StringBuilder("[");
    for (int k = 0; k < to; k++) {
      out.append(k > 0 ? "," : "");
      writeV2(out, fills.get(k), activity);
    }
    String next = to < fills.size() && to > 0 ? next(type, fills.get(to - 1), limit) : null;
    return DataApiV2.envelope(out.append(']'), limit, DataApiV2.stuck(request, next), to);
  }

  /** The fill that a cursor names, as {time, market, trade, order}. */
  private static long[] place(JsonNode cursor) {
    String[] parts = cursor.path("sq").asText().split("\\.");
    return new long[] {
      cursor.path("ts").asLong(),
      Long.parseLong(parts[0]),
      Long.parseLong(parts[1]),
      Long.parseLong(parts[2])
    };
  }

  private String next(String type, Fill last, int limit) {
    return v2.sign(
        type,
        Json.MAPPER
            .createObjectNode()
            .put("l", limit)
            .put("ts", last.time())
            .put("sq", last.market().number + "." + last.trade() + "." + last.leg().place())
            .put("d", limit));
  }

  private void writeV2(StringBuilder out, Fill fill, boolean activity) {
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

  /** A page of version 1; activity as in version 2. */
  Answer v1(Request request, boolean activity) {
    String user = request.param("user");
    if (activity && user == null) {
      return DataApi.errorV1(400, "required query param 'user' not provided");
    }
    long offset = DataApi.number(request, "offset", 0);
    if (offset > 10_000) {
      return DataApi.errorV1(
          400,
          "max historical " + (activity ? "activity" : "trades") + " offset of 10000 exceeded");
    }
    int limit = (int) Math.min(500, DataApi.number(request, "limit", 100));
    int wallet = user == null ? -1 : universe.wallets.of(user);
    long end = DataApi.number(request, "end", 0);
    boolean takerOnly = !activity && request.flag("takerOnly", true);
    List<Fill> fills =
        user != null && wallet < 0
            ? List.of()
            : fills(
                request,
                markets(wallet, request.list("market")),
                wallet,
                takerOnly,
                DataApi.number(request, "start", 0),
                end == 0 ? universe.now : end,
                null,
                (int) offset + limit);
    StringBuilder out = new StringBuilder("[");
    int rows = 0;
    for (int k = (int) offset; k < fills.size() && rows < Math.min(limit, request.rowCap); k++) {
      out.append(rows++ > 0 ? "," : "");
      writeV1(out, fills.get(k), activity);
    }
    return Answer.json(out.append(']')).rows(rows);
  }

  private void writeV1(StringBuilder out, Fill fill, boolean activity) {
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
}
