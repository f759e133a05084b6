package polymarket.backfill.polymarket;

import polymarket.backfill.source.SourceException;

/**
 * An answer of a portal, NDJSON with a block a line: where its logs are in its bytes, and the
 * hashes of their blocks. It always ends with the last block that it covers, also where that one
 * has no logs: so an answer without logs says with a block's number and hash that there are none,
 * and one for other blocks is refused by its last block.
 *
 * @param last block that it covers, which may be before the last one that was asked for
 * @param hashes of blocks with logs, and of the last block
 */
record PortalAnswer(byte[] body, FoundLogs logs, long last, BlockHashes hashes) {

  /**
   * @throws SourceException where it is cut, or holds what was not asked for
   */
  static PortalAnswer read(LogPage page, byte[] body) throws SourceException {
    FoundLogs logs = new FoundLogs(body);
    BlockHashes hashes = new BlockHashes(page);
    long last = page.first() - 1;
    try {
      JsonBytes json = new JsonBytes(body);
      while (!json.atEnd()) {
        long block = -1;
        json.expect('{');
        for (boolean first = true; json.next(first, '}'); first = false) {
          json.key();
          if (json.is("header")) {
            BlockHeader header = BlockHeader.read(json, "parentHash", "");
            block = header.number();
            hashes.add(header);
            if (block < page.first() || block > page.last()) {
              throw page.other("with block " + block);
            }
            if (block <= last) {
              throw new SourceException(
                  page.source() + " answered with block " + block + " behind block " + last);
            }
            last = block;
          } else if (json.is("logs")) {
            logs(json, page, block, logs);
          } else {
            json.skip();
          }
        }
        if (block < 0) {
          throw new SourceException(page.source() + " answered with a line without a block");
        }
      }
    } catch (JsonBytes.Broken e) {
      throw new SourceException(page.source() + " answered with broken JSON: " + e.getMessage());
    }
    if (last < page.first()) {
      throw new SourceException(
          page.source() + " answered with no block, and so does not say how far it came");
    }
    if (hashes.of(last).isEmpty()) {
      throw new SourceException(
          page.source() + " answered without the hash of its last block, " + last);
    }
    return new PortalAnswer(body, logs, last, hashes);
  }

  private static void logs(JsonBytes json, LogPage page, long block, FoundLogs logs)
      throws SourceException {
    if (block < 0) {
      throw new SourceException(page.source() + " answered with logs before their block");
    }
    json.expect('[');
    for (boolean first = true; json.next(first, ']'); first = false) {
      long index = -1;
      json.expect('{');
      int begin = json.at() - 1;
      for (boolean field = true; json.next(field, '}'); field = false) {
        json.key();
        if (json.is("logIndex")) {
          index = json.number();
        } else {
          json.skip();
        }
      }
      if (index < 0) {
        throw new SourceException(page.source() + " answered with a log without its index");
      }
      logs.add(page, block, index, begin, json.at());
    }
  }

  /** The lines that came, without logs that are there twice. */
  byte[] lines() {
    return logs.repeats() ? logs.once() : body;
  }
}
