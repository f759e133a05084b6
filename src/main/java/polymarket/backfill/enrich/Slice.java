package polymarket.backfill.enrich;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import polymarket.backfill.clickhouse.Quoted;

/**
 * A part of the trades that is written at once. Its JSON is its id in the ledger.
 *
 * @param partitions ids of partitions; empty for the whole table
 * @param from the first value of the table's first key column, as text; null from the beginning
 * @param to the first value that is no longer in it; null to the end
 * @param of of so many parts by the rows' hashes, 1 where it is not divided so
 * @param part which of these, from 0
 */
record Slice(List<String> partitions, String from, String to, int of, int part) {

  private static final ObjectMapper JSON = new ObjectMapper();

  static Slice parse(String id) {
    try {
      Map<?, ?> map = JSON.readValue(id, Map.class);
      List<String> partitions =
          map.get("partitions") instanceof List<?> list
              ? list.stream().map(String::valueOf).toList()
              : List.of();
      return new Slice(
          partitions,
          (String) map.get("from"),
          (String) map.get("to"),
          map.get("of") instanceof Integer of ? of : 1,
          map.get("part") instanceof Integer part ? part : 0);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("no slice: " + id, e);
    }
  }

  String id() {
    Map<String, Object> map = new LinkedHashMap<>();
    if (!partitions.isEmpty()) {
      map.put("partitions", partitions);
    }
    if (from != null) {
      map.put("from", from);
    }
    if (to != null) {
      map.put("to", to);
    }
    if (of > 1) {
      map.put("of", of);
      map.put("part", part);
    }
    try {
      return JSON.writeValueAsString(map);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * The condition that its rows meet.
   *
   * @param row an expression that gives a hash of the whole row
   */
  String where(Trades trades, String row) {
    StringBuilder where = new StringBuilder("1");
    if (!partitions.isEmpty()) {
      where.append(
          partitions.stream()
              .map(Quoted::text)
              .collect(Collectors.joining(", ", " AND _partition_id IN (", ")")));
    }
    // both sides of a border ask the same question, so that no row is on neither
    if (from != null) {
      where.append(" AND ").append(atLeast(trades, from));
    }
    if (to != null) {
      where.append(" AND NOT ").append(atLeast(trades, to));
    }
    if (of > 1) {
      where.append(" AND ").append(row).append(" % ").append(of).append(" = ").append(part);
    }
    return where.toString();
  }

  private static String atLeast(Trades trades, String value) {
    String compared =
        "(" + trades.key() + " >= CAST(" + Quoted.text(value) + " AS " + trades.keyType() + "))";
    return trades.keyType().startsWith("Nullable(") ? "ifNull(" + compared + ", 0)" : compared;
  }
}
