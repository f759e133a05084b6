package polymarket.backfill.polymarket;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.function.LongFunction;
import polymarket.backfill.source.SourceException;

/** Where the logs of an answer begin and end in it, and which they are. */
final class FoundLogs {

  private static final int LOG_BITS = 24;

  private final byte[] bytes;
  private long[] keys = new long[1024];
  private int[] from = new int[1024];
  private int[] to = new int[1024];
  private int count;
  private boolean sorted = true;

  FoundLogs(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * Takes a log.
   *
   * @param begin the offset of its opening bracket
   * @param end the offset behind its closing one
   * @throws SourceException where it is none of the blocks that were asked for, or its index is
   *     more than a block can hold
   */
  void add(LogPage page, long block, long index, int begin, int end) throws SourceException {
    if (block < page.first() || block > page.last()) {
      throw page.other("with a log of block " + block);
    }
    if (index >= 1L << LOG_BITS) {
      throw new SourceException(
          page.source() + " answered with log " + index + " of block " + block);
    }
    if (count == keys.length) {
      keys = Arrays.copyOf(keys, 2 * count);
      from = Arrays.copyOf(from, 2 * count);
      to = Arrays.copyOf(to, 2 * count);
    }
    long key = block << LOG_BITS | index;
    sorted &= count == 0 || key > keys[count - 1];
    keys[count] = key;
    from[count] = begin;
    to[count++] = end;
  }

  /** Whether a log is among them. */
  boolean has(long block, long index) {
    long key = block << LOG_BITS | index;
    return sorted
        ? Arrays.binarySearch(keys, 0, count, key) >= 0
        : Arrays.stream(keys, 0, count).anyMatch(other -> other == key);
  }

  /** How many logs there are, each counted once. */
  int distinct() {
    if (sorted) {
      return count;
    }
    return (int) Arrays.stream(keys, 0, count).distinct().count();
  }

  /** Whether a log is there more than once. */
  boolean repeats() {
    return distinct() < count;
  }

  /** Which logs are there a second time, by their place. */
  private boolean[] again() {
    boolean[] again = new boolean[count];
    if (!sorted) {
      java.util.Set<Long> seen = new java.util.HashSet<>();
      for (int i = 0; i < count; i++) {
        again[i] = !seen.add(keys[i]);
      }
    }
    return again;
  }

  /** The answer without the logs that are there a second time, each taken out of its array. */
  byte[] once() {
    ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length);
    boolean[] again = again();
    int done = 0;
    for (int i = 0; i < count; i++) {
      if (again[i]) {
        // what comes a second time has one before it, and so a comma
        int begin = from[i];
        while (bytes[begin] != ',') {
          begin--;
        }
        out.write(bytes, done, begin - done);
        done = to[i];
      }
    }
    out.write(bytes, done, bytes.length - done);
    return out.toByteArray();
  }

  /**
   * The logs alone, one a line, each once.
   *
   * @param more what stands at the beginning of each log of a block, as JSON with a comma behind it
   */
  byte[] lines(LongFunction<byte[]> more) {
    ByteArrayOutputStream out =
        new ByteArrayOutputStream(
            Math.max(32, (int) Math.min(Integer.MAX_VALUE - 8L, bytes.length * 5L / 4)));
    boolean[] again = again();
    for (int i = 0; i < count; i++) {
      if (!again[i]) {
        byte[] own = more.apply(keys[i] >>> LOG_BITS);
        out.write('{');
        out.write(own, 0, own.length);
        out.write(bytes, from[i] + 1, to[i] - from[i] - 1);
        out.write('\n');
      }
    }
    return out.toByteArray();
  }
}
