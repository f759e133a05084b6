package polymarket.backfill.polymarket;

import java.util.List;
import polymarket.backfill.source.SourceException;

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

  /** What is wrong with an answer of other blocks. */
  SourceException other(String answered) {
    return new SourceException(
        source + " answered " + answered + " where " + first + " to " + last + " were requested");
  }

  /** For the route of its source. */
  public String getSource() {
    return source;
  }
}
