package polymarket.backfill.source;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.RowNames;
import polymarket.backfill.ledger.BatchWork;

/**
 * The elements of the list in an answer. One that is not an object, or is empty, becomes a row that
 * contains it unchanged and is rejected: only that element is lost, not the answer.
 */
public final class Elements {

  /** The column of a landing table for an element that is not a row. */
  private static final String FIELD = "element";

  /** The columns that the program adds to each row. */
  private static final Set<String> OURS = Set.of(FIELD, "asked", "batch", "fetched_at");

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN);

  private Elements() {}

  private static final class NoRow extends LinkedHashMap<String, Object> {
    private static final long serialVersionUID = 1;
  }

  public static boolean isNoRow(Map<String, Object> row) {
    return row instanceof NoRow;
  }

  /**
   * @param list the list of an answer; null is an empty list
   */
  @SuppressWarnings("unchecked")
  public static List<Map<String, Object>> of(List<?> list) {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (Object element : list == null ? List.of() : list) {
      rows.add(
          element instanceof Map<?, ?> map && !map.isEmpty()
              ? (Map<String, Object>) map
              : noRow(element));
    }
    return rows;
  }

  private static NoRow noRow(Object element) {
    NoRow row = new NoRow();
    try {
      row.put(FIELD, JSON.writeValueAsString(element));
    } catch (JsonProcessingException e) {
      row.put(FIELD, String.valueOf(element));
    }
    return row;
  }

  /** A row for an element of an answer to several ids that has none of the ids. */
  public static Map<String, Object> withoutId(Job job, Object element) {
    NoRow none = noRow(element);
    name(job, none);
    none.put(job.getIdField().get(0), key(none));
    return none;
  }

  private static String key(NoRow none) {
    return "element " + Walks.hash(String.valueOf(none.get(FIELD)));
  }

  private static void name(Job job, NoRow none) {
    String key = key(none);
    job.getKeyFields().forEach(field -> none.put(field.get(0), key));
  }

  /**
   * The rows of a page. Elements that are not rows, or that do not have an id, get a separate key
   * and the first id of the batch, with which they are stored as rejected.
   */
  public static List<Map<String, Object>> keyed(
      Job job, BatchWork batch, List<Map<String, Object>> rows) {
    List<Map<String, Object>> keyed = new ArrayList<>(rows.size());
    for (Map<String, Object> row : rows) {
      if (!isNoRow(row) && RowNames.id(job, batch, row) != null) {
        keyed.add(row);
        continue;
      }
      NoRow none = isNoRow(row) ? (NoRow) row : noRow(row);
      name(job, none);
      if (!job.getIdField().isEmpty()) {
        none.put(job.getIdField().get(0), batch.getIds().get(0));
      }
      keyed.add(none);
    }
    return keyed;
  }

  /**
   * A row for the insert: without fields that have the names of the columns that the program adds.
   */
  public static Map<String, Object> plain(Map<String, Object> row) {
    if (isNoRow(row) || OURS.stream().noneMatch(row::containsKey)) {
      return row;
    }
    Map<String, Object> plain = new LinkedHashMap<>(row);
    plain.keySet().removeAll(OURS);
    return plain;
  }
}
