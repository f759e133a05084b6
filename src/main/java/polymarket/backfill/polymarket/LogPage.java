package polymarket.backfill.polymarket;

import java.util.List;

/**
 * The blocks that a batch asks a source for next.
 *
 * @param id the range of the ledger
 * @param datasets whose logs are asked for
 * @param first of the blocks
 * @param last of the blocks
 * @param end the last block of the batch's range
 */
public record LogPage(
    String source, String id, List<String> datasets, long first, long last, long end) {

  long blocks() {
    return last - first + 1;
  }
}
