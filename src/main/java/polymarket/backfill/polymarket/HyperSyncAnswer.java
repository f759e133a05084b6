package polymarket.backfill.polymarket;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import polymarket.backfill.source.SourceException;

/**
 * An answer of HyperSync: where its logs are in its bytes, and the times and hashes of their
 * blocks.
 *
 * @param next the block that the next answer begins with
 * @param hashes of blocks with logs, of the last block, and of the one before the first
 */
record HyperSyncAnswer(FoundLogs logs, Map<Long, byte[]> blocks, long next, BlockHashes hashes) {

  /**
   * @throws SourceException where it is cut, or holds what was not asked for
   */
  static HyperSyncAnswer read(LogPage page, byte[] body) throws SourceException {
    FoundLogs logs = new FoundLogs(body);
    Map<Long, byte[]> blocks = new HashMap<>();
    BlockHashes hashes = new BlockHashes(page);
    long next = -1;
    try {
      JsonBytes json = new JsonBytes(body);
      json.expect('{');
      for (boolean first = true; json.next(first, '}'); first = false) {
        json.key();
        if (json.is("data") && json.peek() == '[') {
          json.expect('[');
          for (boolean part = true; json.next(part, ']'); part = false) {
            part(json, page, logs, blocks, hashes);
          }
        } else if (json.is("next_block")) {
          next = json.number();
        } else if (json.is("rollback_guard") && json.peek() == '{') {
          guard(json, page, hashes);
        } else {
          json.skip();
        }
      }
      if (!json.atEnd()) {
        throw new SourceException(page.source() + " answered with more than an answer");
      }
    } catch (JsonBytes.Broken e) {
      throw new SourceException(page.source() + " answered with broken JSON: " + e.getMessage());
    }
    if (next < 0) {
      throw new SourceException(
          page.source() + " answered without next_block, and so does not say how far it came");
    }
    return new HyperSyncAnswer(logs, blocks, next, hashes);
  }

  /**
   * What an answer says of the chain: its last block, and the block before its first. HyperSync
   * leaves it out where it has read archived blocks alone.
   *
   * @throws SourceException where all of its blocks are others than those that were asked for
   */
  private static void guard(JsonBytes json, LogPage page, BlockHashes hashes)
      throws SourceException {
    long last = -1;
    long first = -1;
    String hash = "";
    String parent = "";
    json.expect('{');
    for (boolean field = true; json.next(field, '}'); field = false) {
      json.key();
      if (json.is("block_number")) {
        last = json.number();
      } else if (json.is("first_block_number")) {
        first = json.number();
      } else if (json.is("hash")) {
        json.text();
        hash = json.said();
      } else if (json.is("first_parent_hash")) {
        json.text();
        parent = json.said();
      } else {
        json.skip();
      }
    }
    if (first >= 0 && (first > page.last() || first < page.first() && last < page.first())) {
      throw page.other("with blocks " + first + " to " + last);
    }
    hashes.add(last, hash);
    hashes.add(first - 1, parent);
  }

  private static void part(
      JsonBytes json, LogPage page, FoundLogs logs, Map<Long, byte[]> blocks, BlockHashes hashes)
      throws SourceException {
    json.expect('{');
    for (boolean first = true; json.next(first, '}'); first = false) {
      json.key();
      boolean ofBlocks = json.is("blocks");
      if ((ofBlocks || json.is("logs")) && json.peek() == '[') {
        json.expect('[');
        for (boolean one = true; json.next(one, ']'); one = false) {
          if (ofBlocks) {
            block(json, blocks, hashes);
          } else {
            log(json, page, logs);
          }
        }
      } else {
        json.skip();
      }
    }
  }

  private static void block(JsonBytes json, Map<Long, byte[]> blocks, BlockHashes hashes)
      throws SourceException {
    BlockHeader block = BlockHeader.read(json, "parent_hash", "timestamp");
    hashes.add(block);
    String said =
        "\"backfill_time\":" + block.time() + ",\"backfill_hash\":\"" + block.hash() + "\",";
    blocks.put(block.number(), said.getBytes(StandardCharsets.US_ASCII));
  }

  private static void log(JsonBytes json, LogPage page, FoundLogs logs) throws SourceException {
    long block = -1;
    long index = -1;
    json.expect('{');
    int begin = json.at() - 1;
    for (boolean first = true; json.next(first, '}'); first = false) {
      json.key();
      if (json.is("block_number")) {
        block = json.number();
      } else if (json.is("log_index")) {
        index = json.number();
      } else {
        json.skip();
      }
    }
    if (block < 0 || index < 0) {
      throw new SourceException(page.source() + " answered with a log without its place");
    }
    logs.add(page, block, index, begin, json.at());
  }

  /**
   * The logs, one a line, each with its block's time and hash.
   *
   * @throws SourceException where a block is missing
   */
  byte[] lines() throws SourceException {
    long[] missing = {-1};
    byte[] lines =
        logs.lines(
            block -> {
              byte[] own = blocks.get(block);
              missing[0] = own == null ? block : missing[0];
              return own == null ? new byte[0] : own;
            });
    if (missing[0] >= 0) {
      throw new SourceException("an answer has logs of block " + missing[0] + " and not its time");
    }
    return lines;
  }
}
