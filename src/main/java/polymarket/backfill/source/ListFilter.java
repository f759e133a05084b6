package polymarket.backfill.source;

/** The filter of a batch's lists at their source. */
public interface ListFilter {

  /** All values of the filter, as a JSON array of strings. */
  String getJson();
}
