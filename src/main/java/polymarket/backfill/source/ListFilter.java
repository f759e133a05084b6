package polymarket.backfill.source;

/** What the lists of a batch are filtered by at their source. */
public interface ListFilter {

  /** All values of the filter, as a JSON array of strings. */
  String getJson();
}
