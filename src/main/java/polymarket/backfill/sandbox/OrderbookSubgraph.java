package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * Goldsky's orderbook-subgraph: the fills of the exchanges until 2026-04-28. A trade gives a row
 * for each maker's order and one for the taker's own, whose taker is the exchange.
 */
final class OrderbookSubgraph extends Subgraph {
  static final String PREFIX = "/goldsky/orderbook-subgraph/0.0.1/gn";
  private static final Set<String> EVENT =
      Set.of(
          "id",
          "transactionHash",
          "timestamp",
          "orderHash",
          "maker",
          "taker",
          "makerAssetId",
          "takerAssetId",
          "makerAmountFilled",
          "takerAmountFilled",
          "fee");
  private static final Set<String> FILTERS =
      Set.of(
          "id",
          "id_gt",
          "id_gte",
          "id_lt",
          "id_in",
          "makerAssetId",
          "makerAssetId_in",
          "takerAssetId",
          "takerAssetId_in",
          "timestamp_gt",
          "timestamp_gte",
          "timestamp_lt",
          "timestamp_lte",
          "maker",
          "maker_in",
          "taker",
          "taker_in",
          "transactionHash");

  private final Universe universe;

  OrderbookSubgraph(Universe universe, List<Limit> limits) {
    super("goldsky-orderbook", PREFIX, limits, universe);
    this.universe = universe;
  }

  /** One row, with what it is sorted by. */
  private record Event(
      Market market,
      Market.Leg leg,
      String counterparty,
      String transaction,
      String orderHash,
      long time) {
    String id() {
      return "0x" + transaction + "_" + orderHash;
    }

    boolean isAfter(String id) {
      boolean sameTransaction = id.startsWith(transaction, 2);
      return sameTransaction || id.length() < 66
          ? id().compareTo(id) > 0
          : transaction.compareTo(id.substring(2, 66)) > 0;
    }

    String makerAsset() {
      return leg.buy() ? "0" : market.token(leg.outcome());
    }

    String takerAsset() {
      return leg.buy() ? market.token(leg.outcome()) : "0";
    }

    String maker() {
      return market.address(leg.wallet());
    }

    String taker() {
      return counterparty;
    }
  }

  @Override
  Integer resolve(GraphQl.Field field, Request request, StringBuilder out) throws GraphQl.Failure {
    if (!field.name().equals("orderFilledEvents")) {
      return null;
    }
    checkSelection(field, "OrderFilledEvent", EVENT);
    Page page = page(field, FILTERS, Set.of("id", "timestamp"));
    List<Event> events = events(page, seen(request));
    int to = Math.min(events.size(), page.skip() + Math.min(page.first(), request.rowCap));
    out.append('[');
    int rows = 0;
    for (int k = page.skip(); k < to; k++) {
      if (rows++ > 0) {
        out.append(',');
      }
      write(field, events.get(k), out);
    }
    out.append(']');
    return rows;
  }

  private List<Event> events(Page page, long seen) {
    Map<Integer, Integer> makerTokens = owners(page, "makerAssetId");
    Map<Integer, Integer> takerTokens = owners(page, "takerAssetId");
    Map<Integer, Integer> markets = new HashMap<>();
    if (makerTokens == null && takerTokens == null) {
      for (int i = 0; i < universe.size; i++) {
        markets.put(i, 0);
      }
    } else if (makerTokens == null || takerTokens == null) {
      markets.putAll(makerTokens == null ? takerTokens : makerTokens);
    } else {
      markets.putAll(makerTokens);
      markets.keySet().retainAll(takerTokens.keySet());
    }
    String above = page.text("id_gt");
    boolean byTime = page.orderBy().equals("timestamp") || page.descending();
    int wanted = byTime ? Integer.MAX_VALUE : page.first() + page.skip();
    PriorityQueue<Cursor> queue = new PriorityQueue<>(Math.max(1, markets.size()));
    for (int number : markets.keySet()) {
      if (universe.trades(number) > 0 && universe.created(number) <= seen) {
        Cursor cursor = new Cursor(universe.market(number), above, seen);
        if (cursor.advance()) {
          queue.add(cursor);
        }
      }
    }
    Matcher matcher = new Matcher(page, makerTokens, takerTokens);
    List<Event> events = new ArrayList<>();
    while (!queue.isEmpty() && events.size() < wanted) {
      Cursor cursor = queue.poll();
      for (Event event : cursor.events) {
        if ((above == null || event.isAfter(above)) && matcher.matches(event)) {
          events.add(event);
        }
      }
      if (cursor.advance()) {
        queue.add(cursor);
      }
    }
    if (byTime) {
      Comparator<Event> order =
          page.orderBy().equals("timestamp")
              ? Comparator.comparingLong(Event::time).thenComparing(Event::id)
              : Comparator.comparing(Event::id);
      events.sort(page.descending() ? order.reversed() : order);
    }
    return events;
  }

  /**
   * The markets that a token filter names, each with the set of its outcomes as bits; null without
   * such a filter.
   */
  private Map<Integer, Integer> owners(Page page, String key) {
    Collection<?> tokens = page.list(page.where().containsKey(key + "_in") ? key + "_in" : key);
    if (tokens == null) {
      return null;
    }
    Map<Integer, Integer> owners = new HashMap<>();
    for (Object token : tokens) {
      asked.add(
          Mix.mix(
              Mix.mix(token.toString()),
              Mix.mix(key),
              page.text("id_gt") == null ? 0 : Mix.mix(page.text("id_gt"))));
      int owner = universe.tokens.owner(token.toString());
      if (owner >= 0) {
        owners.merge(owner >> 3, 1 << (owner & 7), (x, y) -> x | y);
      }
    }
    return owners;
  }

  /** A market's trades in the order of their transaction hashes. */
  private static final class Cursor implements Comparable<Cursor> {
    private final Market market;
    private final int untilSeen;
    private int place;
    private String transaction;
    List<Event> events;

    Cursor(Market market, String above, long seen) {
      this.market = market;
      untilSeen = market.tradesUntil(seen);
      place = above == null ? 0 : market.placeFrom(firstWord(above));
    }

    private static long firstWord(String id) {
      StringBuilder digits = new StringBuilder();
      for (int i = id.startsWith("0x") ? 2 : 0; i < id.length() && digits.length() < 16; i++) {
        if (Character.digit(id.charAt(i), 16) < 0) {
          break;
        }
        digits.append(id.charAt(i));
      }
      return digits.isEmpty()
          ? 0
          : Long.parseUnsignedLong(digits + "0".repeat(16 - digits.length()), 16);
    }

    boolean advance() {
      while (place < market.trades) {
        int j = market.byHash(place++);
        if (j < untilSeen) {
          transaction = market.transaction(j);
          events = new ArrayList<>(3);
          long time = market.time(j);
          List<Market.Leg> legs = market.legs(j);
          for (Market.Leg leg : legs) {
            events.add(
                new Event(
                    market,
                    leg,
                    market.counterparty(j, legs, leg),
                    transaction,
                    market.orderHash(j, leg),
                    time));
          }
          events.sort(Comparator.comparing(Event::orderHash));
          return true;
        }
      }
      return false;
    }

    @Override
    public int compareTo(Cursor o) {
      return transaction.compareTo(o.transaction);
    }
  }

  /** The filters that are not about order. */
  private static final class Matcher {
    private final Map<Integer, Integer> makerTokens;
    private final Map<Integer, Integer> takerTokens;
    private final Page page;
    private final boolean others;

    Matcher(Page page, Map<Integer, Integer> makerTokens, Map<Integer, Integer> takerTokens) {
      this.page = page;
      this.makerTokens = makerTokens;
      this.takerTokens = takerTokens;
      others =
          page.where().keySet().stream()
              .anyMatch(key -> !key.contains("AssetId") && !key.equals("id_gt"));
    }

    boolean matches(Event event) {
      return token(makerTokens, event, false)
          && token(takerTokens, event, true)
          && (!others || rest(event));
    }

    private static boolean token(Map<Integer, Integer> tokens, Event event, boolean buy) {
      return tokens == null
          || event.leg.buy() == buy
              && (tokens.getOrDefault(event.market.number, 0) >> event.leg.outcome() & 1) == 1;
    }

    private boolean rest(Event event) {
      return time("timestamp_gt", event.time, 1)
          && time("timestamp_gte", event.time, 0)
          && time("timestamp_lt", -event.time, 1)
          && time("timestamp_lte", -event.time, 0)
          && one("id", event.id())
          && one("maker", event.maker())
          && one("taker", event.taker())
          && one("transactionHash", "0x" + event.transaction)
          && (page.text("id_gte") == null || event.id().compareTo(page.text("id_gte")) >= 0)
          && (page.text("id_lt") == null || event.id().compareTo(page.text("id_lt")) < 0);
    }

    private boolean time(String key, long time, int more) {
      String bound = page.text(key);
      return bound == null
          || time >= (time < 0 ? -Long.parseLong(bound) : Long.parseLong(bound)) + more;
    }

    private boolean one(String key, String value) {
      Set<String> in = page.in(page.where().containsKey(key + "_in") ? key + "_in" : key);
      return in == null || in.contains(value);
    }
  }

  private static void write(GraphQl.Field field, Event event, StringBuilder out)
      throws GraphQl.Failure {
    Market.Leg leg = event.leg;
    object(
        field,
        out,
        "OrderFilledEvent",
        (selected, inner) -> {
          inner
              .append('"')
              .append(
                  switch (selected.name()) {
                    case "id" -> event.id();
                    case "transactionHash" -> "0x" + event.transaction;
                    case "timestamp" -> String.valueOf(event.time);
                    case "orderHash" -> event.orderHash;
                    case "maker" -> event.maker();
                    case "taker" -> event.taker();
                    case "makerAssetId" -> event.makerAsset();
                    case "takerAssetId" -> event.takerAsset();
                    case "makerAmountFilled" -> String.valueOf(leg.buy() ? leg.cost() : leg.size());
                    case "takerAmountFilled" -> String.valueOf(leg.buy() ? leg.size() : leg.cost());
                    default -> String.valueOf(leg.fee());
                  })
              .append('"');
          return true;
        });
  }
}
