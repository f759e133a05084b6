package polymarket.backfill.audit;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Where a law is broken.
 *
 * @param firstBlock the missing log is not before this block
 * @param lastBlock nor behind this one
 * @param transaction its hash, or empty where more than one transaction may lack a log
 * @param wallet an address, or empty
 * @param token a token id, or empty
 * @param wrong what should not be
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record Place(
    long firstBlock,
    long lastBlock,
    String transaction,
    String wallet,
    String token,
    String wrong) {

  /** As many blocks as a range of the job has at least. */
  private static final long NEAR = 100;

  /** Its blocks. */
  public Blocks blocks() {
    return new Blocks(firstBlock, lastBlock);
  }

  /** Transaction and wallet, as far as they are known, each behind a comma. */
  public String who() {
    return (transaction.isEmpty() ? "" : ", transaction " + transaction)
        + (wallet.isEmpty() ? "" : ", wallet " + wallet);
  }

  /**
   * The ranges of blocks to fetch again so that all places are in one, from the narrowest places
   * on: a wide one that holds a narrow one adds nothing, because what is missing there explains
   * both. Ranges that are near each other are one: the job fetches more blocks at once than are
   * between them.
   */
  public static List<Blocks> ranges(List<Place> places) {
    List<Blocks> chosen = new ArrayList<>();
    places.stream()
        .map(Place::blocks)
        .sorted(Comparator.comparingLong(Blocks::width))
        .forEach(
            range -> {
              if (chosen.stream()
                  .noneMatch(
                      known -> known.first() >= range.first() && known.last() <= range.last())) {
                chosen.add(range);
              }
            });
    return Blocks.joined(chosen, NEAR);
  }
}
