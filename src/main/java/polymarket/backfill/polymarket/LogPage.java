package polymarket.backfill.polymarket;

import java.util.List;

/**
 * The blocks that a batch asks a source for next.
 *
 * @param source the route that is asked
 * @param server which of the servers behind it
 * @param datasets whose logs are asked for
 * @param first of the blocks
 * @param last of the blocks
 * @param end the last block of the batch's range
 */
public record LogPage(
    String source, String server, List<String> datasets, long first, long last, long end) {

  /** For the route of its source. */
  public String getSource() {
    return source;
  }
}
