package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The right answers, by Java and as one JSON object a line at /_sandbox/truth/…. */
public final class Truth {
  /** Takes lines of an answer. */
  interface Lines {
    void line(String text) throws IOException;
  }

  private final Universe universe;
  private final DataApiPositions positions;
  private final ClobTrades ownTrades;
  private final Polygon polygon;
  private final ChainTruth chain;

  Truth(
      Universe universe,
      DataApiPositions positions,
      ClobTrades ownTrades,
      Polygon polygon,
      ChainTruth chain) {
    this.universe = universe;
    this.chain = chain;
    this.positions = positions;
    this.ownTrades = ownTrades;
    this.polygon = polygon;
  }

  /**
   * What the positions subgraph says of a condition id in any form; throws IllegalArgumentException
   * for what is no id.
   */
  public Payout goldskyPayout(String conditionId) {
    return universe.goldskyPayout(id(conditionId));
  }

  /**
   * What one source says of a condition id in any form.
   *
   * @param source goldsky (also for null), data-api (payouts as served are parts per million) or
   *     chain (integers)
   */
  public Payout payout(String source, String conditionId) {
    return payout(source, id(conditionId));
  }

  private Payout payout(String source, ConditionId id) {
    if (source == null || source.equals("goldsky")) {
      return universe.goldskyPayout(id);
    }
    Resolution resolution = universe.resolution(id);
    int market = universe.marketOf(id);
    if (source.equals("data-api")) {
      return resolution == null
          ? Payout.ABSENT
          : resolution.numerators() == null
              ? new Payout("unresolved", null)
              : new Payout("found", resolution.millionths().stream().map(String::valueOf).toList());
    }
    if (!source.equals("chain")) {
      throw new IllegalArgumentException(
          "source '" + source + "' is none of goldsky, data-api, chain");
    }
    if (market < 0 || universe.isVersion2(market)) {
      return Payout.ABSENT;
    }
    long[] numerators = universe.chainPayout(market, id);
    return numerators == null
        ? new Payout("unresolved", null)
        : new Payout(
            "found", java.util.Arrays.stream(numerators).mapToObj(String::valueOf).toList());
  }

  /** The condition ids (0x and 64 digits) of all markets, in the order of their creation. */
  public List<String> conditionIds() {
    List<String> ids = new ArrayList<>(universe.size);
    for (int i = 0; i < universe.size; i++) {
      ids.add(universe.conditionId(i).toString());
    }
    return ids;
  }

  /**
   * The lines of /_sandbox/truth/name, one JSON object each.
   *
   * @param name such as payouts, conditions, markets, wallets, positions, fills, own-trades,
   *     logs?from=1&to=2, chain?kind=fills&from=1&to=2, balances?block=2, custodians?block=2, eras
   * @param body ids, one a line or as a JSON array; empty for all
   */
  public List<String> lines(String name, String body) {
    try {
      Request request = new Request("POST", name, Map.of(), body.getBytes(StandardCharsets.UTF_8));
      Answer answer = answer(request.path, request);
      if (answer.stream == null) {
        throw new IllegalArgumentException(new String(answer.body, StandardCharsets.UTF_8));
      }
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      answer.stream.writeTo(out);
      return out.toString(StandardCharsets.UTF_8).lines().toList();
    } catch (IOException e) {
      throw new IllegalArgumentException(e.getMessage());
    }
  }

  private static ConditionId id(String text) {
    ConditionId id = ConditionId.parseAnyForm(text);
    if (id == null) {
      throw new IllegalArgumentException("'" + text + "' is not a condition id");
    }
    return id;
  }

  Answer answer(String name, Request request) throws IOException {
    return switch (name) {
      case "payouts" -> payouts(request);
      case "conditions" -> conditions();
      case "markets" -> markets();
      case "wallets" -> wallets();
      case "positions" -> positions(wallets(request));
      case "own-trades" -> ownTrades();
      case "logs" -> logs(request);
      case "chain", "balances", "custodians", "eras" -> chain.answer(name, request);
      case "fills" -> fills(ids(request));
      default -> Answer.json(404, "{\"error\":" + Json.quoted("no truth named " + name) + "}");
    };
  }

  private Answer payouts(Request request) throws IOException {
    List<ConditionId> ids = ids(request);
    String source = request.param("source");
    return Answer.lines(
        out -> {
          if (ids != null) {
            for (ConditionId id : ids) {
              line(out, payout(source, id).json(id.hex()));
            }
            return;
          }
          for (int i = 0; i < universe.size; i++) {
            ConditionId id = universe.conditionId(i);
            line(out, payout(source, id).json(id.hex()));
          }
        });
  }

  private Answer conditions() {
    return Answer.lines(
        out -> {
          for (int i = 0; i < universe.size; i++) {
            line(out, condition(universe.market(i)));
          }
        });
  }

  private Answer markets() {
    return Answer.lines(
        out -> {
          for (int row = 0; row < GammaRow.count(universe); row++) {
            StringBuilder text = new StringBuilder();
            GammaJson.write(text, new GammaRow(universe, row));
            line(out, text.toString());
          }
        });
  }

  private Answer wallets() {
    return Answer.lines(
        out -> {
          for (int w = 0; w < universe.wallets.count(); w++) {
            line(
                out,
                "{\"wallet\":\""
                    + universe.wallets.address(w)
                    + "\",\"markets\":"
                    + universe.wallets.markets(w).length
                    + "}");
          }
        });
  }

  private Answer positions(List<Integer> wallets) {
    return Answer.lines(
        out -> {
          for (int wallet : wallets) {
            for (Position position : positions.of(wallet)) {
              StringBuilder text = new StringBuilder();
              positions.writeV2(text, position);
              line(out, text.toString());
            }
          }
        });
  }

  private Answer ownTrades() {
    return Answer.lines(
        out -> {
          for (ClobTrades.Own trade : ownTrades.all()) {
            line(out, trade.json());
          }
        });
  }

  private Answer logs(Request request) {
    long from = Long.parseLong(request.param("from"));
    long to = Long.parseLong(request.param("to"));
    String address = request.params().getOrDefault("address", List.of(Contracts.CTF)).get(0);
    return Answer.lines(
        out ->
            polygon.write(
                from, to, address.equals("all") ? null : address, text -> line(out, text)));
  }

  private Answer fills(List<ConditionId> ids) {
    return Answer.lines(
        out -> {
          for (int i = 0; i < (ids == null ? universe.size : ids.size()); i++) {
            int number = ids == null ? i : universe.marketOf(ids.get(i));
            if (number >= 0) {
              fills(universe.market(number), out);
            }
          }
        });
  }

  private String condition(Market m) {
    StringBuilder tokens = new StringBuilder("[");
    for (int o = 0; o < m.outcomes; o++) {
      Json.string(tokens.append(o > 0 ? "," : ""), m.token(o));
    }
    StringBuilder out = new StringBuilder();
    return new Json.Obj(out)
        .put("condition_id", m.condition.hex())
        .put("market", m.number)
        .put("gamma_id", new GammaRow(universe, GammaRow.of(m.number)).id())
        .put("slug", m.slug())
        .put("question_id", "0x" + Mix.hex(universe.questionId(m.number)))
        .put("oracle", universe.oracle(m.number))
        .put("outcomes", m.outcomes)
        .put("neg_risk", m.negRisk)
        .put("version", m.version2 ? "v2" : "v1")
        .put("created", m.created)
        .put("closes", m.closes)
        .put("closed", m.closed)
        .put("resolved_at", m.resolved)
        .put("trades", m.trades)
        .put("on_clob", universe.onClob(m.number))
        .put("on_goldsky", universe.onGoldsky(m.number))
        .put("clob_conflict", universe.clobConflict(m.number))
        .put("goldsky_conflict", universe.goldskyConflict(m.number))
        .put("payout_conflict", universe.payoutConflict(m.number))
        .raw("token_ids", tokens.append(']'))
        .end()
        .toString();
  }

  /**
   * Every order of every trade of a market, whichever source has it; on_goldsky says whether the
   * subgraph does; an order that stands alone counts as its trade's own.
   */
  private static void fills(Market m, OutputStream out) throws IOException {
    for (int j = 0; j < m.trades; j++) {
      long time = m.time(j);
      List<Market.Leg> legs = m.legs(j);
      for (Market.Leg leg : legs) {
        StringBuilder text = new StringBuilder();
        String transaction = "0x" + m.transaction(j);
        String order = m.orderHash(j, leg);
        new Json.Obj(text)
            .put("id", transaction + "_" + order)
            .put("transaction_hash", transaction)
            .put("order_hash", order)
            .put("condition_id", m.condition.hex())
            .put("token_id", m.token(leg.outcome()))
            .put("outcome_index", leg.outcome())
            .put("maker", m.address(leg.wallet()))
            .put("taker", m.counterparty(j, legs, leg))
            .put("side", leg.buy() ? "BUY" : "SELL")
            .put("size", leg.size())
            .put("cost", leg.cost())
            .put("fee", leg.fee())
            .put("timestamp", time)
            .put("taker_order", leg.taker() || m.filledAlone(j))
            .put("alone", m.filledAlone(j))
            .put("on_goldsky", time <= Universe.FREEZE)
            .end();
        line(out, text.toString());
      }
    }
  }

  /**
   * The wallets of a request's body (a JSON array or one a line); all for an empty body. Unknown
   * ones are left out.
   */
  private List<Integer> wallets(Request request) throws IOException {
    List<Integer> wallets = new ArrayList<>();
    String text = request.text().strip();
    if (text.isEmpty()) {
      for (int w = 0; w < universe.wallets.count(); w++) {
        wallets.add(w);
      }
      return wallets;
    }
    List<String> addresses = new ArrayList<>();
    if (text.startsWith("[")) {
      Json.read(text).forEach(node -> addresses.add(node.asText()));
    } else {
      text.lines().filter(line -> !line.isBlank()).forEach(addresses::add);
    }
    for (String address : addresses) {
      int wallet = universe.wallets.of(address.strip());
      if (wallet >= 0) {
        wallets.add(wallet);
      }
    }
    return wallets;
  }

  static void line(OutputStream out, String text) throws IOException {
    out.write((text + "\n").getBytes(StandardCharsets.UTF_8));
  }

  /**
   * The distinct condition ids of a request's body: a JSON array, or one a line; null for an empty
   * body.
   */
  private static List<ConditionId> ids(Request request) throws IOException {
    String text = request.text().strip();
    if (text.isEmpty()) {
      return null;
    }
    Set<ConditionId> ids = new LinkedHashSet<>();
    if (text.startsWith("[")) {
      for (JsonNode node : Json.read(text)) {
        ids.add(id(node.asText()));
      }
    } else {
      text.lines().filter(line -> !line.isBlank()).forEach(line -> ids.add(id(line)));
    }
    return new ArrayList<>(ids);
  }
}
