package polymarket.backfill.audit;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import polymarket.backfill.Messages;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;

/**
 * A random sample of the fetched blocks, whose logs are fetched a second time from another source,
 * to be compared with the stored ones.
 */
public final class Sample {

  /** Where logs of the other source are fetched to. */
  public interface Copy {

    /** The last block that the other source has. */
    long reach();

    /**
     * Fetches the logs of some blocks and datasets.
     *
     * @throws UserError where the source does not answer
     */
    void fetch(Blocks blocks, List<String> datasets);

    /** The database with the tables that the logs are in. */
    String database();
  }

  private final String source;
  private final double share;
  private final long seed;
  private final Copy copy;
  private final List<LawSlice> slices = new ArrayList<>();
  private long total;

  /**
   * @param source the other source, as default.chain_ranges calls it; blocks that came from it are
   *     not in the sample
   * @param share of the blocks, above 0 and up to 1
   * @param seed the same one chooses the same blocks
   */
  public Sample(String source, double share, long seed, Copy copy) {
    this.source = source;
    this.share = share;
    this.seed = seed;
    this.copy = copy;
  }

  /**
   * Chooses the sample and fetches it.
   *
   * @throws UserError where no block came from another source, or the source does not answer
   */
  void fetch(ClickHouse clickHouse, Steps steps, Consumer<String> progress) {
    SqlFile.Section section = SqlFile.read("audit").section("sample");
    long reach = copy.reach();
    Map<String, Object> values =
        Map.of("source", source, "share", share, "seed", seed, "reach", reach);
    steps.run(
        "choose a sample",
        () ->
            clickHouse
                .rows(section.sql(values), Map.of())
                .forEach(
                    row -> {
                      total = Audit.number(row.get("total"));
                      slices.add(
                          LawSlice.of(
                              new Blocks(
                                  Audit.number(row.get("first")), Audit.number(row.get("last"))),
                              Found.list(row.get("datasets")).stream()
                                  .map(String::valueOf)
                                  .toList()));
                    }));
    if (slices.isEmpty()) {
      throw new UserError(
          "no block up to "
              + reach
              + " was fetched from another source than "
              + source
              + ": compare with another one");
    }
    int done = 0;
    for (LawSlice slice : slices) {
      if (steps.isStopped()) {
        return;
      }
      copy.fetch(slice.blocks(), slice.datasets());
      progress.accept(
          "audit: fetched " + ++done + " of " + slices.size() + " ranges from " + source);
    }
  }

  List<LawSlice> slices() {
    return slices;
  }

  /** The values of the law's section, beside those of a slice. */
  Map<String, Object> placeholders() {
    return Map.of("source", source, "copy", new SqlFile.Raw(copy.database()));
  }

  /** How large the sample is, and how to choose it again. */
  String size() {
    return Messages.count(slices.stream().mapToLong(slice -> slice.blocks().width()).sum())
        + " of "
        + Messages.count(total)
        + " blocks were compared with "
        + source
        + ", chosen by seed "
        + seed;
  }
}
