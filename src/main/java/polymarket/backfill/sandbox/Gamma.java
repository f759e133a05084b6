package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/**
 * Gamma: market rows by offset (until 2000) and by keyset. Every 251st row of the list is a market
 * without a condition id; every 150th entry of a listing repeats a row of the page before.
 */
final class Gamma extends Source {
  static final String PREFIX = "/gamma";
  private static final int FIRST_ID = 10_000;
  private static final int PLACEHOLDER_EVERY = 251;
  private static final int REPEAT_EVERY = 150;
  private static final int REPEATED = 30;

  /** Longer request lines are stopped by the CDN in front. */
  private static final int LONGEST_QUERY = 4096;

  private static final DateTimeFormatter SPACED =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss'+00'").withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter DAY =
      DateTimeFormatter.ofPattern("yyyy-MM-dd").withZone(ZoneOffset.UTC);

  private final Universe universe;
  private final int rowCount;

  /** Row numbers in the orders that were asked for. */
  private final Map<String, int[]> orders = new ConcurrentHashMap<>();

  Gamma(Universe universe) {
    super(
        "gamma",
        PREFIX,
        List.of(
            new Limit("gamma", 4000, 10_000, request -> true),
            new Limit(
                "gamma /markets", 300, 10_000, request -> request.path.startsWith("/markets")),
            new Limit("gamma /events", 500, 10_000, request -> request.path.startsWith("/events")),
            new Limit(
                "gamma listing",
                900,
                10_000,
                request ->
                    request.path.startsWith("/markets") || request.path.startsWith("/events"))));
    this.universe = universe;
    rowCount = universe.size + universe.size / (PLACEHOLDER_EVERY - 1);
  }

  /** One row of the list; a placeholder has no market. */
  final class Row {
    final int number;

    /** The market's number; -1 for a placeholder. */
    final int of;

    /** The market; null for a placeholder and until it is loaded. */
    Market market;

    Row(int number) {
      this.number = number;
      of =
          number % PLACEHOLDER_EVERY == PLACEHOLDER_EVERY - 1
              ? -1
              : number - number / PLACEHOLDER_EVERY;
    }

    /** Makes the market, which filters and orders can do without. */
    Row loaded() {
      market = of < 0 ? null : universe.market(of);
      return this;
    }

    private long hash(int what) {
      return Mix.mix(universe.seed, number, 0x6A77A, what);
    }

    private boolean chance(int what, int thousandths) {
      return Mix.below(hash(what), 1000) < thousandths;
    }

    String id() {
      return String.valueOf(FIRST_ID + number);
    }

    boolean closed() {
      return of >= 0 && universe.closed(of);
    }

    /** Rows of the automated market maker's years have other fields. */
    boolean legacy() {
      return number < rowCount / 12;
    }

    boolean hasEndDate() {
      return !chance(1, 10);
    }

    boolean hasStartDate() {
      return !legacy() && !chance(2, 30);
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

    /**
     * The token ids as served: from the third outcome on they are built with the wrong index set.
     */
    List<String> tokens() {
      List<String> tokens = new ArrayList<>();
      for (int o = 0; o < market.outcomes; o++) {
        tokens.add(
            market.outcomes == 2
                ? market.token(o)
                : new java.math.BigInteger(
                        1, ConditionalTokens.token(market.condition, o + 1, market.negRisk))
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

  @Override
  Answer answer(Request request) throws Exception {
    if (!request.method.equals("GET")) {
      return Answer.text(405, "405 method not allowed\n");
    }
    if (request.query.length() > LONGEST_QUERY) {
      return Answer.html(403, Faults.CLOUDFLARE);
    }
    try {
      return route(request);
    } catch (IllegalArgumentException e) {
      return validation(String.valueOf(e.getMessage()));
    }
  }

  private Answer route(Request request) throws IOException {
    String path = request.path;
    if (path.equals("/markets")) {
      return offsetPage(request);
    }
    if (path.equals("/markets/keyset")) {
      return keysetPage(request);
    }
    if (path.startsWith("/markets/slug/")) {
      return single(find("slug", path.substring("/markets/slug/".length())));
    }
    if (path.startsWith("/markets/")) {
      String id = path.substring("/markets/".length());
      return id.matches("\\d{1,9}") ? single(find("id", id)) : validation("id is invalid");
    }
    return error(request, 404, "");
  }

  // ---- pages

  private Answer offsetPage(Request request) {
    String order = request.param("order");
    if (order != null && !ORDERS.containsKey(order)) {
      return Answer.text(422, "order fields are not valid");
    }
    long offset = number(request, "offset", 0);
    if (offset > 2000) {
      return validation("offset too large, use /markets/keyset for deeper pagination");
    }
    int limit = limit(request);
    Filter filter = new Filter(request);
    StringBuilder out = new StringBuilder("[");
    int rows = 0;
    Listing listing = new Listing(request, filter, 0);
    while (rows < limit && listing.next()) {
      if (offset-- > 0) {
        continue;
      }
      out.append(rows++ > 0 ? "," : "");
      write(out, listing.row);
    }
    Answer answer = cached(Answer.json(out.append(']')).rows(rows));
    return answer
        .header("deprecation", "true")
        .header("sunset", "Fri, 01 May 2026 00:00:00 GMT")
        .header("warning", "299 - \"use /markets/keyset\"");
  }

  private Answer keysetPage(Request request) throws IOException {
    if (request.params().containsKey("offset")) {
      return validation("offset is not supported, use after_cursor");
    }
    String order = request.param("order");
    if (order != null && !ORDERS.containsKey(order)) {
      return Answer.text(422, "order fields are not valid");
    }
    Filter filter = new Filter(request);
    String bound =
        Mix.hex(Mix.mix(filter + " " + order + " " + request.flag("ascending", true)), 32);
    int from = 0;
    String cursor = request.param("after_cursor");
    if (cursor != null && !cursor.isEmpty()) {
      try {
        JsonNode node = Json.read(Base64.getUrlDecoder().decode(cursor));
        if (!node.path("f").asText().equals(bound) || "expired-cursor".equals(request.special)) {
          return validation("after_cursor is invalid");
        }
        from = node.path("p").asInt();
      } catch (IllegalArgumentException | IOException e) {
        return validation("after_cursor is invalid");
      }
    }
    asked.add(Mix.mix(request.path + request.query));
    int limit = Math.min(limit(request), request.rowCap);
    StringBuilder out = new StringBuilder(500_000).append("{\"markets\":[");
    int rows = 0;
    Listing listing = new Listing(request, filter, from);
    while (rows < limit && listing.next()) {
      out.append(rows++ > 0 ? "," : "");
      write(out, listing.row);
    }
    int next = listing.place;
    out.append(']');
    if (listing.next()) {
      String json =
          "{\"v\":1,\"t\":\"markets\",\"p\":"
              + next
              + ",\"f\":\""
              + bound
              + "\",\"s\":\""
              + Mix.hex(Mix.mix(universe.seed, next), 20)
              + "\"}";
      String following =
          Base64.getUrlEncoder()
              .withoutPadding()
              .encodeToString(json.getBytes(StandardCharsets.UTF_8));
      boolean stuck = "stuck-cursor".equals(request.special) && cursor != null;
      Json.string(out.append(",\"next_cursor\":"), stuck ? cursor : following);
    }
    return cached(Answer.json(out.append('}')).rows(rows));
  }

  private Answer cached(Answer answer) {
    return answer
        .header("cache-control", "public, max-age=300")
        .header("cf-cache-status", "HIT")
        .header("age", String.valueOf(counter.get() % 300));
  }

  private static int limit(Request request) {
    return (int) Math.max(0, Math.min(100, number(request, "limit", 20)));
  }

  private static final Map<String, Comparator<Row>> ORDERS =
      Map.of(
          "id", Comparator.comparingInt(row -> row.number),
          "createdAt", Comparator.comparingInt(row -> row.number),
          "startDate",
              Comparator.comparingLong((Row row) -> row.hasStartDate() ? row.created() : 0)
                  .thenComparing(row -> row.number),
          "endDate",
              Comparator.comparingLong((Row row) -> row.hasEndDate() ? row.ends() : 0)
                  .thenComparing(row -> row.number),
          "closedTime",
              Comparator.comparingLong((Row row) -> row.closed() ? row.ends() : 0)
                  .thenComparing(row -> row.number),
          "volumeNum", Comparator.comparingLong(Row::volume).thenComparing(row -> row.number),
          "liquidityNum",
              Comparator.comparingLong(Row::liquidity).thenComparing(row -> row.number));

  private int[] ordered(String order) {
    return orders.computeIfAbsent(
        order,
        name ->
            IntStream.range(0, rowCount)
                .mapToObj(Row::new)
                .sorted(ORDERS.get(name))
                .mapToInt(row -> row.number)
                .toArray());
  }

  /** Walks the rows that a filter lets through, repeats included. */
  private final class Listing {
    private final int[] order;
    private final boolean ascending;
    private final Filter filter;
    private final List<Integer> only;
    private final int end;

    /** The place after the row: where a next page begins. */
    int place;

    Row row;

    Listing(Request request, Filter filter, int from) {
      String name = request.param("order");
      order = name == null || name.equals("id") || name.equals("createdAt") ? null : ordered(name);
      ascending = request.flag("ascending", true);
      this.filter = filter;
      only = filter.candidates();
      int rows = only != null ? only.size() : rowCount;
      end = only != null ? rows : rows + rows / (REPEAT_EVERY - 1);
      place = from;
    }

    boolean next() {
      while (place < end) {
        int at = place++;
        int number;
        if (only != null) {
          number = only.get(at);
        } else {
          int block = at / REPEAT_EVERY;
          int inside = at % REPEAT_EVERY;
          int index = block * (REPEAT_EVERY - 1) + (inside == REPEAT_EVERY - 1 ? REPEATED : inside);
          int sorted = ascending ? index : rowCount - 1 - index;
          number = order == null ? sorted : order[sorted];
        }
        row = new Row(number);
        if (filter.passes(row)) {
          return true;
        }
      }
      return false;
    }
  }

  /** The filters of a request; unknown parameters are ignored, as Gamma does. */
  private final class Filter {
    private final boolean closed;
    private final long startMin;
    private final long startMax;
    private final long endMin;
    private final long endMax;
    private final double volumeMin;
    private final double volumeMax;
    private final double liquidityMin;
    private final double liquidityMax;
    private final Map<String, List<String>> ids = new java.util.TreeMap<>();

    Filter(Request request) {
      closed = request.flag("closed", false);
      startMin = time(request, "start_date_min", Long.MIN_VALUE);
      startMax = time(request, "start_date_max", Long.MAX_VALUE);
      endMin = time(request, "end_date_min", Long.MIN_VALUE);
      endMax = time(request, "end_date_max", Long.MAX_VALUE);
      volumeMin = decimal(request, "volume_num_min", Double.NEGATIVE_INFINITY);
      volumeMax = decimal(request, "volume_num_max", Double.POSITIVE_INFINITY);
      liquidityMin = decimal(request, "liquidity_num_min", Double.NEGATIVE_INFINITY);
      liquidityMax = decimal(request, "liquidity_num_max", Double.POSITIVE_INFINITY);
      for (String name :
          new String[] {"id", "slug", "condition_ids", "clob_token_ids", "question_ids"}) {
        List<String> values = request.list(name);
        if (!values.isEmpty()) {
          ids.put(name, values);
        }
      }
    }

    boolean passes(Row row) {
      return row.closed() == closed
          && (startMin == Long.MIN_VALUE || row.hasStartDate() && row.created() >= startMin)
          && (startMax == Long.MAX_VALUE || row.hasStartDate() && row.created() <= startMax)
          && (endMin == Long.MIN_VALUE || row.hasEndDate() && row.ends() >= endMin)
          && (endMax == Long.MAX_VALUE || row.hasEndDate() && row.ends() <= endMax)
          && row.volume() / 1e6 >= volumeMin
          && row.volume() / 1e6 <= volumeMax
          && row.liquidity() / 1e6 >= liquidityMin
          && row.liquidity() / 1e6 <= liquidityMax;
    }

    /** The rows that the ids name, in the order of the list; null without ids. */
    List<Integer> candidates() {
      if (ids.isEmpty()) {
        return null;
      }
      java.util.TreeSet<Integer> found = null;
      for (Map.Entry<String, List<String>> entry : ids.entrySet()) {
        java.util.TreeSet<Integer> these = new java.util.TreeSet<>();
        for (String value : entry.getValue()) {
          Integer row = find(entry.getKey(), value);
          if (row != null) {
            these.add(row);
          }
        }
        if (found == null) {
          found = these;
        } else {
          found.retainAll(these);
        }
      }
      return new ArrayList<>(found);
    }

    @Override
    public String toString() {
      return closed
          + ","
          + startMin
          + ","
          + startMax
          + ","
          + endMin
          + ","
          + endMax
          + ","
          + volumeMin
          + ","
          + volumeMax
          + ","
          + liquidityMin
          + ","
          + liquidityMax
          + ","
          + ids;
    }
  }

  private static long time(Request request, String name, long otherwise) {
    String value = request.param(name);
    if (value == null || value.isEmpty()) {
      return otherwise;
    }
    try {
      return value.length() == 10
          ? Instant.parse(value + "T00:00:00Z").getEpochSecond()
          : java.time.OffsetDateTime.parse(value).toEpochSecond();
    } catch (DateTimeParseException e) {
      throw new IllegalArgumentException(name + " is invalid");
    }
  }

  private static double decimal(Request request, String name, double otherwise) {
    String value = request.param(name);
    return value == null || value.isEmpty() ? otherwise : Double.parseDouble(value);
  }

  private static long number(Request request, String name, long otherwise) {
    String value = request.param(name);
    return value == null || !value.matches("\\d{1,9}") ? otherwise : Long.parseLong(value);
  }

  /** The row that an id of one kind names, or null. */
  private Integer find(String kind, String value) {
    int market = -1;
    switch (kind) {
      case "id" -> {
        int row = value.matches("\\d{1,9}") ? Integer.parseInt(value) - FIRST_ID : -1;
        return row >= 0 && row < rowCount ? row : null;
      }
      case "slug" -> {
        String[] parts = value.split("-");
        if (parts.length > 3 && parts[2].matches("\\d{1,8}") && parts[3].matches("\\d")) {
          market = Integer.parseInt(parts[2]) * 8 + Integer.parseInt(parts[3]);
          market =
              market < universe.size && universe.market(market).slug().equals(value) ? market : -1;
        }
      }
      case "condition_ids" -> {
        ConditionId id = ConditionId.parse(value.toLowerCase());
        market = id == null ? -1 : universe.marketOf(id);
      }
      case "clob_token_ids" -> {
        int owner = universe.tokens.owner(value);
        market = owner < 0 ? -1 : owner >> 3;
      }
      default -> {
        for (int i = 0; i < universe.size && market < 0; i++) {
          market = ("0x" + Mix.hex(universe.questionId(i))).equals(value.toLowerCase()) ? i : -1;
        }
      }
    }
    return market < 0 ? null : rowOf(market);
  }

  /** The row of a market. */
  int rowOf(int market) {
    return market + market / (PLACEHOLDER_EVERY - 1);
  }

  int rowCount() {
    return rowCount;
  }

  private Answer single(Integer row) {
    if (row == null) {
      return Answer.json(404, "{\"type\":\"not found error\",\"error\":\"id not found\"}");
    }
    StringBuilder out = new StringBuilder();
    write(out, new Row(row));
    return cached(Answer.json(out).rows(1));
  }

  // ---- rows

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

  /** Writes one market as Gamma serves it: fields that have no value are left out. */
  void write(StringBuilder out, Row row) {
    Market m = row.loaded().market;
    boolean legacy = row.legacy();
    Json.Obj obj =
        new Json.Obj(out)
            .put("id", row.id())
            .put("question", m == null ? "(draft) \"untitled\"" : m.question());
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
    if (!legacy && m != null) {
      if (m.resolved != 0) {
        obj.put(
            "resolvedBy",
            m.negRisk ? "0x2F5e3684cb1F318ec51b00Edba38d79Ac2c0aA9d" : universe.oracle(m.number));
      }
      obj.put("questionID", "0x" + Mix.hex(universe.questionId(m.number)))
          .put("enableOrderBook", true)
          .raw("orderPriceMinTickSize", "0.001")
          .put("orderMinSize", 5)
          .put("groupItemTitle", m.negRisk ? "<" + m.number % 8 + "k" : "")
          .put("groupItemThreshold", String.valueOf(m.number % 8));
    }
    obj.put("archived", false).put("restricted", !legacy);
    obj.raw("volumeNum", Position.number(row.volume() / 1e6))
        .raw("liquidityNum", Position.number(row.liquidity() / 1e6));
    if (row.hasEndDate() && !row.chance(17, 20)) {
      obj.put("endDateIso", DAY.format(Instant.ofEpochSecond(row.ends())));
    }
    obj.put("hasReviewedDates", true)
        .raw("volume24hr", row.closed() ? "0" : Position.number(row.volume() / 1e8));
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
    if (!legacy && m != null) {
      obj.put("umaBond", "500")
          .put("umaReward", "5")
          .put("acceptingOrders", !row.closed())
          .put("negRisk", m.negRisk);
      if (m.negRisk) {
        obj.put("negRiskMarketID", "0x" + Mix.hex(universe.questionId(m.number - m.number % 8)))
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
    if (m != null) {
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

  private Answer validation(String message) {
    return Answer.json(
        422, "{\"type\":\"validation error\",\"error\":" + Json.quoted(message) + "}");
  }

  @Override
  Answer tooMany(Request request, long waitMillis) {
    return Answer.html(
        429,
        "<html><head><title>Error 1015</title></head><body>You are being rate"
            + " limited</body></html>");
  }

  @Override
  Answer error(Request request, int status, String message) {
    return status == 404
        ? Answer.text(404, "404 page not found\n")
        : Answer.json(
            status, "{\"type\":\"internal error\",\"error\":" + Json.quoted(message) + "}");
  }

  @Override
  Answer errorInside200(Request request, String message) {
    return Answer.json(200, "{\"type\":\"internal error\",\"error\":" + Json.quoted(message) + "}");
  }
}
