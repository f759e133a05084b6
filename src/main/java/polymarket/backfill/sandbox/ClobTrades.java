package polymarket.backfill.sandbox;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The CLOB's trades of one account, which it gives only to requests that the account signed. */
final class ClobTrades {
  static final String API_KEY = "5a11d0c5-0000-4000-8000-000000000001";
  static final String SECRET = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  static final String PASSPHRASE = "sandbox-5a11d0c5";

  /** The wallet of the account. */
  static final int ACCOUNT = 2;

  private static final int PAGE = 500;

  private final Universe universe;

  ClobTrades(Universe universe) {
    this.universe = universe;
  }

  /**
   * One of the account's trades.
   *
   * @param market the condition id
   * @param asset the taker's token id
   * @param time in epoch seconds
   * @param json as the CLOB serves it
   */
  record Own(String id, String market, String asset, long time, String json) {

    static final Comparator<Own> NEWEST_FIRST =
        Comparator.comparingLong(Own::time).reversed().thenComparing(Own::id);
  }

  /** The L2 signature: urlsafe base64 of HMAC-SHA256 over timestamp, method, path and body. */
  static String signature(
      String secret, String timestamp, String method, String path, String body) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(Base64.getUrlDecoder().decode(secret), "HmacSHA256"));
      return Base64.getUrlEncoder()
          .encodeToString(
              mac.doFinal((timestamp + method + path + body).getBytes(StandardCharsets.UTF_8)));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private boolean isSigned(Request request) {
    String timestamp = header(request, "POLY_TIMESTAMP");
    String signature = header(request, "POLY_SIGNATURE");
    // the documented path is the host's; a client that signs the sandbox's whole path is right too
    return header(request, "POLY_ADDRESS").equalsIgnoreCase(universe.wallets.address(ACCOUNT))
        && header(request, "POLY_API_KEY").equals(API_KEY)
        && header(request, "POLY_PASSPHRASE").equals(PASSPHRASE)
        && timestamp.matches("\\d{9,11}")
        && (signature.equals(
                signature(SECRET, timestamp, request.method, request.path, request.text()))
            || signature.equals(
                signature(SECRET, timestamp, request.method, request.fullPath, request.text())));
  }

  private static String header(Request request, String name) {
    return request.headers.getOrDefault(name.toLowerCase(Locale.ROOT), "");
  }

  /** A page of them. */
  Answer answer(Request request) {
    if (!isSigned(request)) {
      return Answer.json(401, "{\"error\":\"Unauthorized/Invalid api key\"}");
    }
    String market = request.param("market");
    String asset = request.param("asset_id");
    String id = request.param("id");
    long before = time(request.param("before"), Long.MAX_VALUE);
    long after = time(request.param("after"), Long.MIN_VALUE);
    List<String> rows = new ArrayList<>();
    for (Own trade : all()) {
      if ((market == null || market.equals(trade.market()))
          && (asset == null || asset.equals(trade.asset()))
          && trade.time() < before
          && trade.time() > after
          && (id == null || id.equals(trade.id()))) {
        rows.add(trade.json());
      }
    }
    int from = from(request.param("next_cursor"), rows.size());
    int to = Math.min(rows.size(), from + Math.min(PAGE, request.rowCap));
    return Answer.json(
            "{\"data\":["
                + String.join(",", rows.subList(Math.min(from, to), to))
                + "],\"next_cursor\":\""
                + (to >= rows.size() ? Clob.END : Clob.cursor(to))
                + "\",\"limit\":"
                + PAGE
                + ",\"count\":"
                + Math.max(0, to - from)
                + "}")
        .rows(Math.max(0, to - from));
  }

  /** The row that a cursor points to; the first for one that this API cannot read. */
  private static int from(String cursor, int end) {
    if (Clob.END.equals(cursor)) {
      return end;
    }
    try {
      return cursor == null || cursor.isEmpty() ? 0 : Clob.place(cursor);
    } catch (IllegalArgumentException e) {
      return 0;
    }
  }

  private static long time(String text, long otherwise) {
    return text == null || !text.matches("\\d{1,12}") ? otherwise : Long.parseLong(text);
  }

  /** All trades of the account, newest first. */
  List<Own> all() {
    List<Own> all = new ArrayList<>();
    for (int number : universe.wallets.markets(ACCOUNT)) {
      Market m = universe.market(number);
      for (int j = 0; j < m.trades; j++) {
        List<Market.Leg> legs = m.legs(j);
        if (legs.stream().anyMatch(leg -> leg.wallet() == ACCOUNT)) {
          all.add(own(m, j, legs));
        }
      }
    }
    all.sort(Own.NEWEST_FIRST);
    return all;
  }

  private Own own(Market m, int trade, List<Market.Leg> legs) {
    Market.Leg taker = legs.get(legs.size() - 1);
    String id = uuid(Mix.hex(Mix.mix(m.hash(85), trade), 16));
    long time = m.time(trade);
    StringBuilder out = new StringBuilder();
    new Json.Obj(out)
        .put("id", id)
        .put("taker_order_id", m.orderHash(trade, taker))
        .put("market", m.condition.toString())
        .put("asset_id", m.token(taker.outcome()))
        .put("side", taker.buy() ? "BUY" : "SELL")
        .put("size", decimal(taker.size()))
        .put("fee_rate_bps", "0")
        .put("price", price(taker))
        .put("status", "CONFIRMED")
        .put("match_time", String.valueOf(time))
        .put("last_update", String.valueOf(time))
        .put("outcome", m.outcome(taker.outcome()))
        .put("bucket_index", 0)
        .put("owner", API_KEY)
        .put("maker_address", universe.wallets.address(ACCOUNT))
        .put("transaction_hash", "0x" + m.transaction(trade))
        .raw("maker_orders", makers(m, trade, legs.subList(0, legs.size() - 1)))
        .put("trader_side", taker.wallet() == ACCOUNT ? "TAKER" : "MAKER")
        .end();
    return new Own(id, m.condition.toString(), m.token(taker.outcome()), time, out.toString());
  }

  private static String makers(Market m, int trade, List<Market.Leg> legs) {
    StringBuilder makers = new StringBuilder("[");
    for (Market.Leg leg : legs) {
      makers.append(makers.length() > 1 ? "," : "");
      new Json.Obj(makers)
          .put("order_id", m.orderHash(trade, leg))
          .put("owner", "")
          .put("maker_address", m.address(leg.wallet()))
          .put("matched_amount", decimal(leg.size()))
          .put("price", price(leg))
          .put("fee_rate_bps", "0")
          .put("asset_id", m.token(leg.outcome()))
          .put("outcome", m.outcome(leg.outcome()))
          .put("side", leg.buy() ? "BUY" : "SELL")
          .end();
    }
    return makers.append(']').toString();
  }

  private static String uuid(String hash) {
    return hash.substring(0, 8)
        + "-"
        + hash.substring(8, 12)
        + "-4"
        + hash.substring(13, 16)
        + "-8"
        + hash.substring(17, 20)
        + "-"
        + hash.substring(20);
  }

  private static String decimal(long millionths) {
    return BigDecimal.valueOf(millionths, 6).stripTrailingZeros().toPlainString();
  }

  private static String price(Market.Leg leg) {
    return BigDecimal.valueOf(leg.cost())
        .divide(BigDecimal.valueOf(leg.size()), 6, RoundingMode.HALF_UP)
        .stripTrailingZeros()
        .toPlainString();
  }
}
