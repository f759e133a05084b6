package polymarket.backfill.audit;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import polymarket.backfill.clickhouse.HashRange;

/**
 * A part of what a law is held against.
 *
 * @param from the first block or hash; 0 where the law is held against all at once
 * @param to the last one
 * @param ids about how many ids have a hash in it; 0 for blocks
 * @param datasets that were fetched of the blocks from a second source; empty otherwise
 */
record LawSlice(BigInteger from, BigInteger to, long ids, List<String> datasets) {

  /** Everything at once. */
  static final LawSlice ALL = new LawSlice(BigInteger.ZERO, BigInteger.ZERO, 0, List.of());

  /** A slice of hashes with fewer ids is not divided. */
  private static final long FEWEST = 1000;

  static LawSlice of(Blocks blocks) {
    return of(blocks, List.of());
  }

  static LawSlice of(Blocks blocks, List<String> datasets) {
    return new LawSlice(
        BigInteger.valueOf(blocks.first()), BigInteger.valueOf(blocks.last()), 0, datasets);
  }

  static LawSlice of(HashRange range) {
    return new LawSlice(range.from(), range.to(), range.ids(), List.of());
  }

  Blocks blocks() {
    return new Blocks(from.longValueExact(), to.longValueExact());
  }

  private HashRange hashes() {
    return new HashRange(from, to, ids);
  }

  /**
   * The placeholders of the law's section.
   *
   * @param by how the law is asked
   */
  Map<String, Object> placeholders(String by) {
    return switch (by) {
      case "blocks" -> Map.of("from_block", from, "to_block", to);
      case "tokens" -> Map.of("in_range", hashes().between(), "from_hash", from, "to_hash", to);
      case "source" -> Map.of("from_block", from, "to_block", to, "datasets", datasets);
      default -> Map.of();
    };
  }

  /** What takes its place where it does not fit; none where it is as small as can be. */
  List<LawSlice> halves(String by) {
    return switch (by) {
      case "blocks", "source" ->
          blocks().halves().stream().map(half -> of(half, datasets)).toList();
      case "tokens" ->
          ids < FEWEST ? List.of() : hashes().halves().stream().map(LawSlice::of).toList();
      default -> List.of();
    };
  }
}
