package polymarket.backfill.audit;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

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

  /**
   * Those of each slice by its beginning, so that their order is the slices', not that of the work.
   */
  private final Map<BigInteger, List<Place>> places = new TreeMap<>();

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

  /** Adds what was found in a slice. */
  synchronized void add(LawSlice slice, Found found) {
    checked += found.checked();
    if (found.broken() > 0) {
      broken += found.broken();
      first = Math.min(first, found.first());
      last = Math.max(last, found.last());
      places.merge(slice.from(), found.places(), Law::both);
    }
  }

  private static List<Place> both(List<Place> some, List<Place> others) {
    return Stream.concat(some.stream(), others.stream()).toList();
  }

  LawResult result(long millis) {
    return new LawResult(
        name,
        says,
        state(),
        checked,
        broken,
        broken > 0 ? new Blocks(first, last) : null,
        places.values().stream().flatMap(List::stream).toList(),
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
