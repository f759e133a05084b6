package polymarket.backfill.clickhouse;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/**
 * A part of all ids by their 64-bit hashes, so that a step over ids holds one part at a time.
 *
 * @param from the first hash, 0 to 2^64-1
 * @param to the last hash that is still in it
 * @param ids about how many ids are in it
 */
public record HashRange(BigInteger from, BigInteger to, long ids) {

  private static final BigInteger END = BigInteger.ONE.shiftLeft(64);

  /** All hashes in parts of about the same width, each of at most so many ids. */
  public static List<HashRange> of(long ids, long most) {
    long parts = Math.max(1, (ids + most - 1) / Math.max(1, most));
    List<HashRange> ranges = new ArrayList<>();
    for (long part = 0; part < parts; part++) {
      ranges.add(
          new HashRange(
              border(part, parts), border(part + 1, parts).subtract(BigInteger.ONE), ids / parts));
    }
    return ranges;
  }

  private static BigInteger border(long part, long parts) {
    return END.multiply(BigInteger.valueOf(part)).divide(BigInteger.valueOf(parts));
  }

  /** The same in two parts. */
  public List<HashRange> halves() {
    BigInteger middle = from.add(to).shiftRight(1);
    return List.of(
        new HashRange(from, middle, ids / 2),
        new HashRange(middle.add(BigInteger.ONE), to, ids - ids / 2));
  }

  /** What a hash in it meets, to be written behind the hash. */
  public SqlFile.Raw between() {
    return new SqlFile.Raw("BETWEEN " + from + " AND " + to);
  }
}
