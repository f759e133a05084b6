package polymarket.backfill.audit;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A range of blocks, both ends in it. */
public record Blocks(long first, long last) {

  @Override
  public String toString() {
    return first == last ? "block " + first : "blocks " + first + " to " + last;
  }

  /** How many blocks it has. */
  public long width() {
    return last - first + 1;
  }

  /** In order, with those that touch or overlap as one. */
  public static List<Blocks> joined(List<Blocks> ranges) {
    return joined(ranges, 0);
  }

  /** The same, with those as one that have at most so many blocks between them. */
  static List<Blocks> joined(List<Blocks> ranges, long between) {
    List<Blocks> joined = new ArrayList<>();
    for (Blocks range : ranges.stream().sorted(Comparator.comparingLong(Blocks::first)).toList()) {
      Blocks before = joined.isEmpty() ? null : joined.get(joined.size() - 1);
      if (before != null && range.first <= before.last + 1 + between) {
        joined.set(joined.size() - 1, new Blocks(before.first, Math.max(before.last, range.last)));
      } else {
        joined.add(range);
      }
    }
    return joined;
  }

  /** The blocks that are in both lists; each is joined and in order. */
  public static List<Blocks> common(List<Blocks> one, List<Blocks> other) {
    List<Blocks> common = new ArrayList<>();
    for (int i = 0, j = 0; i < one.size() && j < other.size(); ) {
      Blocks a = one.get(i);
      Blocks b = other.get(j);
      if (Math.max(a.first, b.first) <= Math.min(a.last, b.last)) {
        common.add(new Blocks(Math.max(a.first, b.first), Math.min(a.last, b.last)));
      }
      if (a.last < b.last) {
        i++;
      } else {
        j++;
      }
    }
    return common;
  }

  /** The same in two parts; none for a single block. */
  List<Blocks> halves() {
    long middle = first + (last - first) / 2;
    return first == last
        ? List.of()
        : List.of(new Blocks(first, middle), new Blocks(middle + 1, last));
  }
}
