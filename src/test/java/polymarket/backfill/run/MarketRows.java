package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * What Gamma's rows should be in api_markets_staging, worked out from their JSON without the job's
 * SQL, and what is there.
 */
public final class MarketRows {

  static final ObjectMapper JSON = new ObjectMapper();

  private static final String STORED =
      """
      SELECT market_id, condition_id, market_slug, question, description, outcomes, active, closed, resolved, winning_outcome,
          toString(volume) AS volume, toString(liquidity) AS liquidity, question_id, version, token_ids, token_ids_unverified,
          clob_token_ids, position_ids, arrayMap(p -> toString(p), outcome_prices) AS outcome_prices, resolution_status, category,
          neg_risk, toUnixTimestamp64Micro(end_date) AS end_date, toUnixTimestamp64Micro(start_date) AS start_date,
          toUnixTimestamp64Micro(created_at) AS created_at, toUnixTimestamp64Micro(closed_at) AS closed_at
      FROM default.api_markets_staging\
      """;

  private MarketRows() {}

  /** Whether a row qualifies: it has a condition id. */
  public static boolean qualifies(JsonNode row) {
    return row.path("conditionId").asText().matches("(?i)0x[0-9a-f]{64}");
  }

  /** The row as it should be stored, by column. */
  static Map<String, Object> expected(JsonNode row) {
    Map<String, Object> columns = new TreeMap<>();
    String version = row.path("version").asText("v1");
    List<String> clob = list(row, "clobTokenIds");
    List<String> positions = list(row, "positionIds");
    columns.put("market_id", row.get("id").asText());
    columns.put("condition_id", row.get("conditionId").asText().toLowerCase().substring(2));
    columns.put("market_slug", text(row, "slug"));
    columns.put("question", text(row, "question"));
    columns.put("description", text(row, "description"));
    columns.put("outcomes", list(row, "outcomes"));
    columns.put("active", row.path("active").asBoolean());
    columns.put("closed", row.path("closed").asBoolean());
    columns.put(
        "resolved",
        row.path("closed").asBoolean() && text(row, "umaResolutionStatus").equals("resolved"));
    columns.put("winning_outcome", "");
    columns.put("volume", decimal(text(row, "volume")));
    columns.put("liquidity", decimal(text(row, "liquidity")));
    columns.put("question_id", text(row, "questionID").toLowerCase().replaceFirst("^0x", ""));
    columns.put("version", version);
    columns.put("token_ids", version.equals("v2") ? positions : clob);
    columns.put("token_ids_unverified", version.equals("v1") && list(row, "outcomes").size() > 2);
    columns.put("clob_token_ids", clob);
    columns.put("position_ids", positions);
    columns.put(
        "outcome_prices", list(row, "outcomePrices").stream().map(MarketRows::decimal).toList());
    columns.put("resolution_status", text(row, "umaResolutionStatus"));
    columns.put("category", text(row, "category"));
    columns.put("neg_risk", row.path("negRisk").asBoolean());
    columns.put("end_date", micros(text(row, "endDate")));
    columns.put("start_date", micros(text(row, "startDate")));
    columns.put("created_at", micros(text(row, "createdAt")));
    columns.put("closed_at", micros(text(row, "closedTime")));
    return columns;
  }

  private static String text(JsonNode row, String field) {
    return row.path(field).asText("");
  }

  /** A list in a string, or a real one. */
  private static List<String> list(JsonNode row, String field) {
    List<String> list = new ArrayList<>();
    try {
      JsonNode value = row.path(field);
      (value.isTextual() ? JSON.readTree(value.asText()) : value)
          .forEach(element -> list.add(element.asText()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return list;
  }

  private static BigDecimal decimal(Object text) {
    return text == null || text.toString().isEmpty()
        ? null
        : new BigDecimal(text.toString()).stripTrailingZeros();
  }

  private static Long micros(String date) {
    if (date.isEmpty()) {
      return null;
    }
    Instant instant =
        OffsetDateTime.parse(date.replace(' ', 'T').replaceFirst("\\+00$", "Z")).toInstant();
    return instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1000;
  }

  /**
   * Holds the table against Gamma's rows: every one that qualifies is there once and exact, and
   * nothing else.
   *
   * @param query gives the rows of an SQL query
   */
  public static void assertStored(
      Collection<JsonNode> rows, Function<String, List<Map<String, Object>>> query) {
    Map<String, Map<String, Object>> stored = new TreeMap<>();
    query
        .apply(STORED)
        .forEach(
            row -> {
              Map<String, Object> columns = new TreeMap<>(row);
              columns.computeIfPresent("volume", (name, value) -> decimal(value));
              columns.computeIfPresent("liquidity", (name, value) -> decimal(value));
              columns.computeIfPresent(
                  "outcome_prices",
                  (name, value) -> ((List<?>) value).stream().map(MarketRows::decimal).toList());
              for (String date : List.of("end_date", "start_date", "created_at", "closed_at")) {
                columns.computeIfPresent(date, (name, value) -> ((Number) value).longValue());
              }
              if (stored.put((String) row.get("market_id"), columns) != null) {
                throw new AssertionError("twice in the table: " + row);
              }
            });
    int qualify = 0;
    for (JsonNode row : rows) {
      if (qualifies(row)) {
        qualify++;
        Map<String, Object> expected = expected(row);
        Map<String, Object> actual = stored.get(row.get("id").asText());
        if (actual == null) {
          throw new AssertionError("not in the table: " + row);
        }
        for (Map.Entry<String, Object> column : expected.entrySet()) {
          assertEquals(
              column.getValue(), actual.get(column.getKey()), column.getKey() + " of " + row);
        }
      }
    }
    assertEquals(qualify, stored.size(), "markets that Gamma does not have");
  }
}
