package polymarket.backfill.audit;

import java.util.List;

/**
 * What came of holding one law against the tables.
 *
 * @param law its name
 * @param says the law in words
 * @param state {@code holds}, {@code broken} or {@code not checked}
 * @param checked how many cases were looked at
 * @param broken how many of them break the law
 * @param blocks from the first to the last block with something broken; null where nothing is
 * @param places the first ones
 * @param why why it was not checked, or not everywhere; else empty
 * @param millis how long it took
 */
public record LawResult(
    String law,
    String says,
    String state,
    long checked,
    long broken,
    Blocks blocks,
    List<Place> places,
    String why,
    long millis) {

  /** Where it is broken, or why it was not checked, in a line for people. */
  public String where() {
    if (broken == 0) {
      return why;
    }
    Place first = places.get(0);
    String text = blocks + first.who() + ": " + first.wrong();
    return why.isEmpty() ? text : text + "; " + why;
  }
}
