package polymarket.backfill.sandbox;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;

/** Writes the rows of Gamma as it serves them: fields that have no value are left out. */
final class GammaJson {
  private static final DateTimeFormatter SPACED =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss'+00'").withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter DAY =
      DateTimeFormatter.ofPattern("yyyy-MM-dd").withZone(ZoneOffset.UTC);

  private final GammaRow row;
  private final Market m;
  private final boolean legacy;
  private final Json.Obj obj;

  private GammaJson(StringBuilder out, GammaRow row) {
    this.row = row;
    m = row.loaded().market;
    legacy = row.legacy();
    obj = new Json.Obj(out);
  }

  static void write(StringBuilder out, GammaRow row) {
    GammaJson json = new GammaJson(out, row);
    json.texts();
    json.state();
    json.orderBook();
    json.numbers();
    json.tokens();
    json.resolution();
    json.event();
    json.end();
  }

  private static String strings(List<String> list) {
    return Json.strings(new StringBuilder(), list).toString();
  }

  private static String plain(long millionths) {
    return java.math.BigDecimal.valueOf(millionths, 6).stripTrailingZeros().toPlainString();
  }

  /** A time with a fraction of 0 to 6 digits, as rows of different years have it. */
  private static String stamp(long seconds, long hash) {
    int digits = Mix.below(hash, 4) * 2;
    String base = Instant.ofEpochSecond(seconds).toString();
    if (digits == 0) {
      return base;
    }
    String fraction =
        String.valueOf(1_000_000 + Mix.below(Mix.mix(hash), 1_000_000)).substring(1, 1 + digits);
    return base.substring(0, base.length() - 1) + "." + fraction + "Z";
  }

  private void texts() {
    obj.put("id", row.id()).put("question", m == null ? "(draft) \"untitled\"" : m.question());
    if (m != null || row.number % 2 == 0) {
      obj.put("conditionId", row.conditionId());
    }
    obj.put("slug", row.slug());
    obj.put("resolutionSource", "");
    if (row.hasEndDate()) {
      obj.put("endDate", Instant.ofEpochSecond(row.ends()).toString());
    }
    if (legacy || row.chance(11, 100)) {
      obj.put("category", row.number % 3 == 0 ? "US-current-affairs" : "Crypto");
    }
    obj.put("liquidity", plain(row.liquidity()));
    if (row.hasStartDate()) {
      obj.put("startDate", stamp(row.created(), row.hash(12)));
    }
    obj.put("image", "https://polymarket-upload.s3.us-east-2.amazonaws.com/" + row.slug() + ".png")
        .put("icon", "");
    obj.put("description", m == null ? "" : m.description());
    obj.put("outcomes", strings(row.outcomes())).put("outcomePrices", strings(row.prices()));
  }

  private void state() {
    obj.put("volume", plain(row.volume())).put("active", true);
    if (legacy) {
      obj.put(
          "marketType",
          m != null && m.outcomes > 2 ? "normal" : row.chance(13, 20) ? "scalar" : "normal");
    }
    obj.put("closed", row.closed())
        .put("marketMakerAddress", legacy ? "0x8BD6C3D7a57D650A1870dd338234f90051fe9918" : "")
        .put("createdAt", stamp(row.created(), row.hash(14)))
        .put("updatedAt", stamp(row.ends(), row.hash(15)));
    if (row.closed() && !row.chance(16, 30)) {
      obj.put("closedTime", SPACED.format(Instant.ofEpochSecond(m.closes)));
    }
    obj.put("new", false).put("featured", false);
  }

  private void orderBook() {
    if (!legacy && m != null) {
      if (m.resolved != 0) {
        obj.put(
            "resolvedBy",
            m.negRisk
                ? "0x2F5e3684cb1F318ec51b00Edba38d79Ac2c0aA9d"
                : row.universe().oracle(m.number));
      }
      obj.put("questionID", questionId(m.number))
          .put("enableOrderBook", true)
          .raw("orderPriceMinTickSize", "0.001")
          .put("orderMinSize", 5)
          .put("groupItemTitle", m.negRisk ? "<" + m.number % 8 + "k" : "")
          .put("groupItemThreshold", String.valueOf(m.number % 8));
    }
    obj.put("archived", false).put("restricted", !legacy);
  }

  private void numbers() {
    obj.raw("volumeNum", Position.number(row.volume() / 1e6))
        .raw("liquidityNum", Position.number(row.liquidity() / 1e6));
    if (row.hasEndDate() && !row.chance(17, 20)) {
      obj.put("endDateIso", DAY.format(Instant.ofEpochSecond(row.ends())));
    }
    obj.put("hasReviewedDates", true)
        .raw("volume24hr", row.closed() ? "0" : Position.number(row.volume() / 1e8));
  }

  private void tokens() {
    if (row.hasTokens()) {
      obj.put("clobTokenIds", strings(row.tokens()));
    }
    if (m != null && m.version2) {
      List<String> positions = new ArrayList<>();
      for (int o = 0; o < m.outcomes; o++) {
        positions.add(m.token(o));
      }
      obj.raw("positionIds", strings(positions));
    }
    obj.put("version", m != null && m.version2 ? "v2" : "v1");
  }

  private void resolution() {
    String status = row.umaStatus();
    if (status != null) {
      obj.put("umaResolutionStatus", status);
    }
    obj.put(
        "umaResolutionStatuses",
        status == null
            ? "[]"
            : row.chance(18, 100)
                ? "[\"proposed\",\"disputed\",\"proposed\",\"disputed\"]"
                : row.chance(19, 100) ? "[\"proposed\"]" : "[\"proposed\",\"resolved\"]");
    if (legacy || m == null) {
      return;
    }
    obj.put("umaBond", "500")
        .put("umaReward", "5")
        .put("acceptingOrders", !row.closed())
        .put("negRisk", m.negRisk);
    if (m.negRisk) {
      obj.put("negRiskMarketID", questionId(m.number - m.number % 8))
          .put("negRiskRequestID", "0x" + Mix.hex(m.hash(61), 32));
    }
    if (row.chance(20, 100)) {
      obj.put("gameStartTime", SPACED.format(Instant.ofEpochSecond(m.created + 3600)));
    }
    if (m.resolved != 0 && row.chance(21, 500)) {
      String at = Instant.ofEpochSecond(m.resolved).toString();
      obj.put("umaEndDate", row.chance(22, 300) ? at.replace("Z", "+00:00:00") : at);
    }
  }

  private void event() {
    if (m == null) {
      return;
    }
    StringBuilder event = new StringBuilder("[");
    new Json.Obj(event)
        .put("id", String.valueOf(1000 + m.number / 8))
        .put("ticker", m.eventSlug())
        .put("slug", m.eventSlug())
        .put("title", "Event \"" + m.number / 8 + "\"")
        .put("active", true)
        .put("closed", row.closed())
        .raw("volume", Position.number(row.volume() / 1e6))
        .put("negRisk", m.negRisk)
        .end();
    obj.raw("events", event.append(']'));
  }

  private void end() {
    obj.raw("spread", "0.01")
        .raw("bestAsk", "1")
        .put("ready", false)
        .put("funded", false)
        .put("cyom", false)
        .put("approved", true)
        .put("pendingDeployment", false)
        .put("deploying", false)
        .put("feesEnabled", false)
        .end();
  }

  private String questionId(int market) {
    return "0x" + Mix.hex(row.universe().questionId(market));
  }
}
