package polymarket.backfill.audit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** A law's results as they come in, slice by slice. */
final class Law {
  final String name;
  private final String says;
  private final String cases;
  private long checked;
  private long broken;
  private long first = Long.MAX_VALUE;
  private long last;
  private String why = "";
  private boolean skipped;
  private final List<Place> places = Collections.synchronizedList(new ArrayList<>());

  /**
   * @param cases what it is held against, in the plural
   */
  Law(String name, String says, String cases) {
    this.name = name;
    this.says = says;
    this.cases = cases;
  }

  void notChecked(String reason) {
    skipped = true;
    why = reason;
  }

  void partly(String reason) {
    why = why.isEmpty() ? reason : why + "; " + reason;
  }

  /** Adds a row of the law's statement. */
  void add(Map<String, Object> row) {
    add(Audit.number(row.get("checked")), row);
  }

  /**
   * Adds so many checked cases.
   *
   * @param row what the law's statement says of those that are doubtful; empty where none are
   */
  synchronized void add(long cases, Map<String, Object> row) {
    checked += cases;
    if (row.isEmpty()) {
      return;
    }
    long wrong = Audit.number(row.get("broken"));
    if (wrong > 0) {
      broken += wrong;
      first = Math.min(first, Audit.number(row.get("first_block")));
      last = Math.max(last, Audit.number(row.get("last_block")));
      for (Object place : list(row.get("places"))) {
        List<?> fields = list(place);
        places.add(
            new Place(
                Audit.number(fields.get(0)),
                Audit.number(fields.get(1)),
                String.valueOf(fields.get(2)),
                String.valueOf(fields.get(3)),
                String.valueOf(fields.get(4)),
                String.valueOf(fields.get(5))));
      }
    }
  }

  static List<?> list(Object value) {
    return value instanceof List<?> list ? list : Arrays.asList((Object[]) value);
  }

  LawResult result(long millis) {
    return new LawResult(
        name,
        says,
        state(),
        checked,
        broken,
        broken > 0 ? new Blocks(first, last) : null,
        List.copyOf(places),
        state().equals(LawResult.NOTHING)
            ? "no "
                + cases
                + " in the blocks that were looked at"
                + (why.isEmpty() ? "" : "; " + why)
            : why,
        millis);
  }

  private String state() {
    if (broken > 0) {
      return LawResult.BROKEN;
    }
    if (skipped) {
      return LawResult.NOT_CHECKED;
    }
    return checked == 0 ? LawResult.NOTHING : LawResult.HOLDS;
  }
}
