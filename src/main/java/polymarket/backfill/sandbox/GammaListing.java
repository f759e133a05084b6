package polymarket.backfill.sandbox;

import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * The rows that a filter lets through, in the order that a request asks for. Every 150th entry
 * repeats an earlier row.
 */
final class GammaListing {
  private static final int REPEAT_EVERY = 150;
  private static final int REPEATED = 30;

  /** The orders that a request may ask for. */
  static final Map<String, Comparator<GammaRow>> ORDERS =
      Map.of(
          "id", Comparator.comparingInt(row -> row.number),
          "createdAt", Comparator.comparingInt(row -> row.number),
          "startDate",
              Comparator.comparingLong((GammaRow row) -> row.hasStartDate() ? row.created() : 0)
                  .thenComparing(row -> row.number),
          "endDate",
              Comparator.comparingLong((GammaRow row) -> row.hasEndDate() ? row.ends() : 0)
                  .thenComparing(row -> row.number),
          "closedTime",
              Comparator.comparingLong((GammaRow row) -> row.closed() ? row.ends() : 0)
                  .thenComparing(row -> row.number),
          "volumeNum", Comparator.comparingLong(GammaRow::volume).thenComparing(row -> row.number),
          "liquidityNum",
              Comparator.comparingLong(GammaRow::liquidity).thenComparing(row -> row.number));

  private final Gamma gamma;
  private final int rowCount;
  private final int[] order;
  private final boolean ascending;
  private final GammaFilter filter;
  private final List<Integer> only;
  private final int end;

  /** The place after the row: where a next page begins. */
  int place;

  /** The row that it stands on. */
  GammaRow row;

  /**
   * @param from the place to begin at; 0 for the beginning
   */
  GammaListing(Gamma gamma, Request request, GammaFilter filter, int from) {
    this.gamma = gamma;
    String name = request.param("order");
    order =
        name == null || name.equals("id") || name.equals("createdAt") ? null : gamma.ordered(name);
    ascending = request.flag("ascending", true);
    this.filter = filter;
    rowCount = GammaRow.count(gamma.universe());
    only = filter.candidates();
    int rows = only != null ? only.size() : rowCount;
    end = only != null ? rows : rows + rows / (REPEAT_EVERY - 1);
    place = from;
  }

  /** Moves to the next row; false at the end. */
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
      row = new GammaRow(gamma.universe(), number);
      if (filter.passes(row)) {
        return true;
      }
    }
    return false;
  }
}
