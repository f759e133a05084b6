package polymarket.backfill.job;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Consumer;

/** The ranges in a ledger, to which others are added without their overlapping. */
final class KnownRanges {

  private final TreeSet<String> ids = new TreeSet<>();
  private long widest;

  KnownRanges(Collection<String> ids) {
    ids.forEach(this::note);
  }

  private void note(String id) {
    ids.add(id);
    widest = Math.max(widest, Ranges.width(id));
  }

  /**
   * Adds a range.
   *
   * @param to receives its parts that are not known yet; also one that is known as it is, which is
   *     an entry of the list, too
   */
  void add(String id, Consumer<String> to) {
    if (ids.contains(id)) {
      to.accept(id);
      return;
    }
    long first = Ranges.first(id);
    long last = Ranges.last(id);
    List<String> parts = new ArrayList<>();
    Ranges.missing(
        ids.subSet(Ranges.id(Math.max(0, first - widest), 0), Ranges.id(last + 1, 0)),
        Ranges.datasets(id),
        first,
        last,
        Ranges.width(id),
        parts::add);
    parts.forEach(this::note);
    parts.forEach(to);
  }
}
