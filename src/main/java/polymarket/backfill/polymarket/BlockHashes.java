package polymarket.backfill.polymarket;

import java.util.HashMap;
import java.util.Map;
import polymarket.backfill.source.SourceException;

/**
 * The hashes of the blocks that an answer names, in headers, logs and as parents. All that it says
 * of one block is the same, unless the chain was reorganised while the source answered.
 */
final class BlockHashes {

  private final LogPage page;
  private final Map<Long, String> hashes = new HashMap<>();

  /** The block and hash that were named last: logs of one block follow each other. */
  private long lastBlock = -1;

  private String lastHash = "";

  /**
   * @param page the blocks that were asked for
   */
  BlockHashes(LogPage page) {
    this.page = page;
  }

  /**
   * Takes the hash of a block; an empty one says nothing.
   *
   * @throws SourceException where the answer has named another hash of it
   */
  void add(long block, String hash) throws SourceException {
    if (hash.isEmpty() || block == lastBlock && hash.equals(lastHash)) {
      return;
    }
    lastBlock = block;
    lastHash = hash;
    String before = hashes.putIfAbsent(block, hash);
    if (before != null && !before.equalsIgnoreCase(hash)) {
      throw new SourceException(
          page.source()
              + " answered with two hashes of block "
              + block
              + ", so its blocks are being replaced");
    }
  }

  /**
   * Takes the hash of a block, and that of the block before it.
   *
   * @throws SourceException where the answer has named another hash of one of them
   */
  void add(BlockHeader header) throws SourceException {
    add(header.number() - 1, header.parent());
    add(header.number(), header.hash());
  }

  /** The text that was read last, without a copy where it is the hash that was named last. */
  String read(JsonBytes json) {
    return json.is(lastHash) ? lastHash : json.said();
  }

  /** The hash of a block; empty where the answer does not say. */
  String of(long block) {
    return hashes.getOrDefault(block, "");
  }
}
