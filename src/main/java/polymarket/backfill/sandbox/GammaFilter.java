package polymarket.backfill.sandbox;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** The filters of a request; unknown parameters are ignored, as Gamma does. */
final class GammaFilter {
  private final Universe universe;
  private final boolean closed;
  private final long startMin;
  private final long startMax;
  private final long endMin;
  private final long endMax;
  private final double volumeMin;
  private final double volumeMax;
  private final double liquidityMin;
  private final double liquidityMax;
  private final Map<String, List<String>> ids = new TreeMap<>();

  GammaFilter(Universe universe, Request request) {
    this.universe = universe;
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

  /** Whether a row meets all conditions but the ids. */
  boolean passes(GammaRow row) {
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
    TreeSet<Integer> found = null;
    for (Map.Entry<String, List<String>> entry : ids.entrySet()) {
      TreeSet<Integer> these = new TreeSet<>();
      for (String value : entry.getValue()) {
        Integer row = find(universe, entry.getKey(), value);
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

  /** The row that an id of one kind names, or null. */
  static Integer find(Universe universe, String kind, String value) {
    int market = -1;
    switch (kind) {
      case "id" -> {
        return GammaRow.withId(universe, value);
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
    return market < 0 ? null : GammaRow.of(market);
  }

  private static long time(Request request, String name, long otherwise) {
    String value = request.param(name);
    if (value == null || value.isEmpty()) {
      return otherwise;
    }
    try {
      return value.length() == 10
          ? Instant.parse(value + "T00:00:00Z").getEpochSecond()
          : OffsetDateTime.parse(value).toEpochSecond();
    } catch (DateTimeParseException e) {
      throw new IllegalArgumentException(name + " is invalid");
    }
  }

  private static double decimal(Request request, String name, double otherwise) {
    String value = request.param(name);
    return value == null || value.isEmpty() ? otherwise : Double.parseDouble(value);
  }
}
