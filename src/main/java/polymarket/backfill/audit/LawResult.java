package polymarket.backfill.audit;

import java.util.List;

/**
 * What came of holding one law against the tables.
 *
 * @param law its name
 * @param says the law in words
 * @param state {@link #HOLDS}, {@link #BROKEN}, {@link #NOT_CHECKED} or {@link #NOTHING}
 * @param checked how many cases were looked at
 * @param broken how many of them break the law
 * @param blocks from the first to the last block with something broken; null where nothing is
 * @param places the first ones
 * @param why why nothing or not all was checked; else empty
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

  /** It was held against at least one case, and none breaks it. */
  public static final String HOLDS = "holds";

  /** Cases break it. */
  public static final String BROKEN = "broken";

  /** It does not apply to what was fetched. */
  public static final String NOT_CHECKED = "not checked";

  /** It applies, but there is no case to hold it against. */
  public static final String NOTHING = "nothing to check";

  /** Where it is broken, or why it was not checked, in a line for people. */
  public String where() {
    if (broken == 0) {
      return why;
    }
    Place first = places.get(0);
    String text =
        first.blocks()
            + first.who()
            + ": "
            + first.wrong()
            + (blocks.equals(first.blocks()) ? "" : "; all of them are in " + blocks);
    return why.isEmpty() ? text : text + "; " + why;
  }
}
