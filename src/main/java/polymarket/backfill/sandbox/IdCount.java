package polymarket.backfill.sandbox;

/**
 * How many ids were asked for, and how many of them again. Exact up to four million distinct ids
 * (64 MB); from there on new ids are counted and not remembered, so that memory stays flat.
 */
final class IdCount {
  private static final int MOST = 4_000_000;

  private long[] slots = new long[1024];
  private int distinct;
  private long total;
  private long repeated;

  synchronized void add(long hash) {
    total++;
    long key = hash == 0 ? 1 : hash;
    int at = find(slots, key);
    if (slots[at] == key) {
      repeated++;
    } else if (distinct < MOST) {
      slots[at] = key;
      if (++distinct * 2 > slots.length) {
        grow();
      }
    }
  }

  synchronized void addAll(Iterable<ConditionId> ids) {
    for (ConditionId id : ids) {
      add(id.a() ^ id.d());
    }
  }

  private void grow() {
    long[] more = new long[slots.length * 2];
    for (long key : slots) {
      if (key != 0) {
        more[find(more, key)] = key;
      }
    }
    slots = more;
  }

  private static int find(long[] slots, long key) {
    int at = (int) Mix.mix(key) & (slots.length - 1);
    while (slots[at] != 0 && slots[at] != key) {
      at = (at + 1) & (slots.length - 1);
    }
    return at;
  }

  synchronized void clear() {
    slots = new long[1024];
    distinct = 0;
    total = 0;
    repeated = 0;
  }

  synchronized long total() {
    return total;
  }

  synchronized long repeated() {
    return repeated;
  }
}
