package polymarket.backfill.job;

import java.util.List;
import java.util.Map;
import polymarket.backfill.ledger.BatchWork;

/** How a row of an answer is named: by its batch's id, and by its key in the table. */
public final class RowNames {

  private RowNames() {}

  /**
   * The id that a row belongs to, in the form in which it is stored; null where the row has none.
   */
  public static String id(Job job, BatchWork batch, Map<String, Object> row) {
    return job.getIdField().isEmpty()
        ? batch.getIds().get(0)
        : job.idKind().normalise(String.valueOf(value(job.getIdField(), row)));
  }

  /** The value of the first of some fields that the row has; null where it has none of them. */
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
   * What names a row in its table: the id (as it came where it is none), or the values of the job's
   * key fields with slashes between them.
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
