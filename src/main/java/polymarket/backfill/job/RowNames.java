package polymarket.backfill.job;

import java.util.List;
import java.util.Map;
import polymarket.backfill.ledger.BatchWork;

/** Finds the id that a row of an answer belongs to, and its key in the table. */
public final class RowNames {

  private RowNames() {}

  /** The id that a row belongs to, in its stored form; null if the row has none. */
  public static String id(Job job, BatchWork batch, Map<String, Object> row) {
    return job.getIdField().isEmpty()
        ? batch.getIds().get(0)
        : job.idKind().normalise(String.valueOf(value(job.getIdField(), row)));
  }

  /** The value of the first of these fields that the row has; null if it has none of them. */
  public static Object value(List<String> fields, Map<?, ?> row) {
    for (String field : fields) {
      Object value = row.get(field);
      if (value != null && !"".equals(value)) {
        return value;
      }
    }
    return null;
  }

  /**
   * The key of a row in its table: the id (unchanged if it is invalid), or the values of the job's
   * key fields, joined by slashes.
   */
  public static String key(Job job, BatchWork batch, Map<String, Object> row) {
    if (job.getKeyFields().isEmpty()) {
      String id = id(job, batch, row);
      return id != null ? id : String.valueOf(value(job.getIdField(), row));
    }
    StringBuilder key = new StringBuilder();
    for (List<String> field : job.getKeyFields()) {
      Object value = field.equals(job.getIdField()) ? id(job, batch, row) : value(field, row);
      key.append(key.isEmpty() ? "" : "/")
          .append(value == null ? "" : IdKind.spelled(String.valueOf(value)));
    }
    return key.toString();
  }
}
