package polymarket.backfill.sandbox;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;

/**
 * The CLOB: all markets by an opaque cursor to LTE=, a thousand a page, with rows that have no ids,
 * rows that come twice and pages that bring nothing new. {@link ClobTrades} has the trades of an
 * account.
 */
final class Clob extends Source {
  static final String PREFIX = "/clob";

  /** The cursor of the end of a list. */
  static final String END = "LTE=";

  private static final int PAGE = 1000;
  private static final int BLANK_EVERY = 19;
  private static final int REPEAT_EVERY = 400;

  private final Universe universe;
  private final ClobTrades trades;

  /** The markets on the list. */
  private final int[] listed;

  Clob(Universe universe) {
    super(
        "clob",
        PREFIX,
        List.of(
            new Limit("clob", 9000, 10_000, request -> true),
            new Limit(
                "clob /data/trades", 500, 10_000, request -> request.path.equals("/data/trades"))));
    this.universe = universe;
    trades = new ClobTrades(universe);
    listed = java.util.stream.IntStream.range(0, universe.size).filter(universe::onClob).toArray();
  }

  /** The account's trades, which tell the truth too. */
  ClobTrades trades() {
    return trades;
  }

  @Override
  Answer answer(Request request) throws Exception {
    String path = request.path;
    if (!request.method.equals("GET")) {
      return error(request, 405, "Method Not Allowed");
    }
    switch (path) {
      case "/", "" -> {
        return Answer.json("\"OK\"");
      }
      case "/time" -> {
        return Answer.text(200, String.valueOf(universe.now));
      }
      case "/markets", "/simplified-markets" -> {
        return page(request, path.equals("/simplified-markets"));
      }
      case "/data/trades" -> {
        return trades.answer(request);
      }
      default -> {
        if (path.startsWith("/markets/")) {
          ConditionId id = ConditionId.parse(path.substring("/markets/".length()));
          int market = id == null ? -1 : universe.marketOf(id);
          if (market >= 0 && universe.onClob(market)) {
            StringBuilder out = new StringBuilder();
            row(out, universe.market(market));
            return Answer.json(out).rows(1);
          }
          return error(request, 404, "market not found");
        }
        return error(request, 404, "Not Found");
      }
    }
  }

  // ---- the list

  /** Entries of the list: every 19th has no ids, every 400th repeats an earlier one. */
  private int entries() {
    int rows = listed.length + listed.length / (BLANK_EVERY - 1);
    return rows + rows / (REPEAT_EVERY - 1);
  }

  private void entry(StringBuilder out, int at, boolean simplified) {
    int block = at / REPEAT_EVERY;
    int inside = at % REPEAT_EVERY;
    int row = block * (REPEAT_EVERY - 1) + (inside == REPEAT_EVERY - 1 ? 7 : inside);
    if (row % BLANK_EVERY == BLANK_EVERY - 1) {
      blank(out, row);
    } else if (simplified) {
      simple(out, universe.market(listed[row - row / BLANK_EVERY]));
    } else {
      row(out, universe.market(listed[row - row / BLANK_EVERY]));
    }
  }

  /** Of ten pages, the fourth and the fifth repeat the third. */
  private static int realPage(int page) {
    int tens = page / 10;
    int rest = page % 10;
    return tens * 8 + (rest < 3 ? rest : rest < 5 ? 2 : rest - 2);
  }

  private Answer page(Request request, boolean simplified) {
    String cursor = request.param("next_cursor");
    int pages = Math.max(1, (entries() + PAGE - 1) / PAGE);
    int page = 0;
    if (END.equals(cursor)) {
      return envelope("[]", END, 0);
    }
    if (cursor != null && !cursor.isEmpty() && !"expired-cursor".equals(request.special)) {
      try {
        page = place(cursor) / PAGE;
      } catch (IllegalArgumentException e) {
        // a cursor that it cannot read is the first page to this API
        page = 0;
      }
    }
    if (page < 0 || realPage(page) >= pages) {
      return envelope("[]", END, 0);
    }
    int from = realPage(page) * PAGE;
    int to = Math.min(entries(), from + Math.min(PAGE, request.rowCap));
    StringBuilder out = new StringBuilder(1 << 20).append('[');
    for (int at = from; at < to; at++) {
      out.append(at > from ? "," : "");
      entry(out, at, simplified);
    }
    String next = realPage(page + 1) >= pages ? END : cursor((page + 1) * PAGE);
    return envelope(
        out.append(']'),
        "stuck-cursor".equals(request.special) && cursor != null ? cursor : next,
        to - from);
  }

  /** The cursor that points to a row. */
  static String cursor(int row) {
    return Base64.getEncoder().encodeToString(String.valueOf(row).getBytes(StandardCharsets.UTF_8));
  }

  /**
   * The row that a cursor points to.
   *
   * @throws IllegalArgumentException where it points to none
   */
  static int place(String cursor) {
    return Integer.parseInt(new String(Base64.getDecoder().decode(cursor), StandardCharsets.UTF_8));
  }

  private static Answer envelope(CharSequence data, String next, int rows) {
    return Answer.json(
            new StringBuilder(data.length() + 100)
                .append("{\"data\":")
                .append(data)
                .append(",\"next_cursor\":\"")
                .append(next)
                .append("\",\"limit\":")
                .append(PAGE)
                .append(",\"count\":")
                .append(rows)
                .append('}'))
        .rows(rows);
  }

  /** The tokens of a market as the list shows them: {id, outcome, price, winner} in JSON. */
  private String tokens(Market m) {
    String conflict = universe.clobConflict(m.number);
    Market owner =
        conflict.equals("foreign-tokens")
            ? universe.market(listed[(below(m.number) + 1) % listed.length])
            : m;
    boolean empty = Mix.below(m.hash(80), 1000) == 0;
    boolean silent = m.closed && Mix.below(m.hash(81), 100) < 30;
    long[] payout = universe.chainPayout(m.number, m.condition);
    StringBuilder out = new StringBuilder("[");
    for (int o = 0; o < 2; o++) {
      int token = conflict.equals("swapped-tokens") ? 1 - o : o;
      boolean winner = payout != null && !silent && payout[o] > 0 && payout[1 - o] == 0;
      String price =
          silent
              ? Mix.below(m.hash(82), 2) == 0
                  ? "0"
                  : Position.number(Math.round(900 * m.price(o) + 50) / 1000.0)
              : Position.number(m.price(o));
      out.append(o > 0 ? "," : "");
      new Json.Obj(out)
          .put("token_id", empty ? "" : owner.token(token))
          .put("outcome", m.outcome(o))
          .raw("price", price)
          .put("winner", winner)
          .end();
    }
    return out.append(']').toString();
  }

  private int below(int market) {
    int at = java.util.Arrays.binarySearch(listed, market);
    return Math.max(0, at);
  }

  private boolean fiftyFifty(Market m) {
    long[] payout = universe.chainPayout(m.number, m.condition);
    return payout != null && payout[0] == payout[1] && Mix.below(m.hash(83), 10) < 8;
  }

  private void simple(StringBuilder out, Market m) {
    new Json.Obj(out)
        .put("condition_id", m.condition.toString())
        .raw("rewards", "{\"rates\":null,\"min_size\":0,\"max_spread\":0}")
        .raw("tokens", tokens(m))
        .put("active", true)
        .put("closed", m.closed)
        .put("archived", false)
        .put("accepting_orders", !m.closed)
        .end();
  }

  private void row(StringBuilder out, Market m) {
    String question = "0x" + Mix.hex(universe.questionId(m.number));
    String slug =
        universe.clobConflict(m.number).equals("foreign-slug")
            ? universe.market(listed[(below(m.number) + 1) % listed.length]).slug()
            : m.slug();
    String start = Instant.ofEpochSecond(m.created).toString();
    String accepting = m.number % 2 == 0 ? null : start;
    write(
        out,
        m,
        m.condition.toString(),
        question,
        m.question(),
        m.description(),
        slug,
        accepting,
        tokens(m));
  }

  private void blank(StringBuilder out, int row) {
    String token = "{\"token_id\":\"\",\"outcome\":\"\",\"price\":0,\"winner\":false}";
    write(
        out,
        null,
        "",
        "",
        "(draft " + row + ")",
        "",
        "draft-" + row,
        null,
        "[" + token + "," + token + "]");
  }

  private void write(
      StringBuilder out,
      Market m,
      String condition,
      String questionId,
      String question,
      String description,
      String slug,
      String accepting,
      String tokens) {
    boolean closed = m != null && m.closed;
    boolean rewarded = m != null && m.number % 2 == 1;
    String negRiskId =
        m != null && m.negRisk ? "0x" + Mix.hex(universe.questionId(m.number - m.number % 8)) : "";
    Json.Obj row =
        new Json.Obj(out)
            .put("enable_order_book", !closed)
            .put("active", true)
            .put("closed", closed)
            .put("archived", false)
            .put("accepting_orders", m != null && (!closed || Mix.below(m.hash(84), 200) == 0))
            .put("accepting_order_timestamp", accepting)
            .put("minimum_order_size", 5)
            .raw("minimum_tick_size", rewarded ? "0.001" : "0.01")
            .put("condition_id", condition)
            .put("question_id", questionId)
            .put("question", question)
            .put("description", description)
            .put("market_slug", slug)
            .put(
                "end_date_iso",
                m == null || m.number % 13 == 0
                    ? null
                    : Instant.ofEpochSecond(m.closes - Math.floorMod(m.closes, 86_400)).toString())
            .put(
                "game_start_time",
                m != null && m.number % 3 == 0
                    ? Instant.ofEpochSecond(m.created + 3600).toString()
                    : null)
            .put("seconds_delay", 0)
            .put("fpmm", "")
            .put("maker_base_fee", 0)
            .put("taker_base_fee", 0)
            .put("notifications_enabled", true)
            .put("neg_risk", m != null && m.negRisk)
            .put("neg_risk_market_id", negRiskId)
            .put("neg_risk_request_id", negRiskId.isEmpty() ? "" : "0x" + Mix.hex(m.hash(61), 32))
            .put("icon", "")
            .put("image", "")
            .raw(
                "rewards",
                rewarded
                    ? "{\"rates\":[{\"asset_address\":\""
                        + ConditionalTokens.USDC
                        + "\",\"rewards_daily_rate\":1}],\"min_size\":20,\"max_spread\":3.5}"
                    : "{\"rates\":null,\"min_size\":0,\"max_spread\":0}")
            .put("is_50_50_outcome", m != null && fiftyFifty(m))
            .raw("tokens", tokens);
    row.raw(
            "tags",
            m == null || m.number % 100 == 0 ? "null" : "[\"All\",\"event " + m.number / 8 + "\"]")
        .end();
  }

  @Override
  Answer tooMany(Request request, long waitMillis) {
    return Answer.json(429, "{\"error\":\"Too Many Requests\"}");
  }

  @Override
  Answer error(Request request, int status, String message) {
    return status == 404 && !request.path.startsWith("/markets/")
        ? Answer.html(
            404,
            "<html>\r\n"
                + "<head><title>404 Not Found</title></head>\r\n"
                + "<body>\r\n"
                + "<center><h1>404 Not Found</h1></center>\r\n"
                + "</body>\r\n"
                + "</html>\r\n")
        : Answer.json(status, "{\"error\":" + Json.quoted(message) + "}");
  }

  @Override
  Answer errorInside200(Request request, String message) {
    return Answer.json(200, "{\"error\":" + Json.quoted(message) + "}");
  }
}
