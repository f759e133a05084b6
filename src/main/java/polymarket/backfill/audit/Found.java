package polymarket.backfill.audit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * What came of holding a law against a slice.
 *
 * @param checked how many cases were looked at
 * @param broken how many of them break the law
 * @param first the first block with something broken, where there is one
 * @param last the last one
 * @param places the first ones that are broken
 */
record Found(long checked, long broken, long first, long last, List<Place> places) {

  /** So many cases, none of them broken. */
  static Found nothing(long checked) {
    return new Found(checked, 0, 0, 0, List.of());
  }

  /** Of a row of the law's statement. */
  static Found of(Map<String, Object> row) {
    long checked = Audit.number(row.get("checked"));
    long broken = Audit.number(row.get("broken"));
    if (broken == 0) {
      return nothing(checked);
    }
    List<Place> places = new ArrayList<>();
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
    return new Found(
        checked,
        broken,
        Audit.number(row.get("first_block")),
        Audit.number(row.get("last_block")),
        places);
  }

  /** The same with another number of cases. */
  Found ofCases(long cases) {
    return new Found(cases, broken, first, last, places);
  }

  static List<?> list(Object value) {
    return value instanceof List<?> list ? list : Arrays.asList((Object[]) value);
  }
}
