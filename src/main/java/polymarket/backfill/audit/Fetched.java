package polymarket.backfill.audit;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Messages;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;

/**
 * The blocks that were fetched of each dataset, from which block on its contracts can have logs,
 * and how many rows there are.
 */
final class Fetched {

  private final Map<String, List<Blocks>> ranges = new HashMap<>();
  private final Map<String, Long> firstBlocks = new HashMap<>();

  /** Blocks with how many rows they have, each up to the next one. */
  private final List<long[]> rows = new ArrayList<>();

  private Fetched() {}

  /**
   * @param memory the placeholders of the sections that are read
   * @throws UserError where nothing was fetched
   */
  static Fetched read(ClickHouse clickHouse, SqlFile sql, Map<String, Object> memory) {
    Fetched fetched = new Fetched();
    clickHouse.stream(
        sql.section("fetched").sql(memory),
        Map.of(),
        row ->
            fetched
                .ranges
                .computeIfAbsent((String) row.get("dataset"), dataset -> new ArrayList<>())
                .add(new Blocks(Audit.number(row.get("first")), Audit.number(row.get("last")))));
    clickHouse
        .rows(sql.section("first-blocks").sql(memory), Map.of())
        .forEach(
            row ->
                fetched.firstBlocks.put(
                    (String) row.get("dataset"), Audit.number(row.get("block"))));
    clickHouse.stream(
        sql.section("rows").sql(memory),
        Map.of(),
        row ->
            fetched.rows.add(
                new long[] {Audit.number(row.get("block")), Audit.number(row.get("rows"))}));
    fetched.ranges.replaceAll((dataset, ranges) -> Blocks.joined(ranges));
    if (fetched.ranges.isEmpty()) {
      throw new UserError(
          "no blocks were fetched yet: run `backfill run chain --from N --to latest` first"
              + " (docs/CHAIN.md says from which block)");
    }
    return fetched;
  }

  /** The ranges of a dataset, joined and in order. */
  List<Blocks> of(String dataset) {
    return ranges.getOrDefault(dataset, List.of());
  }

  /** The ranges that were fetched of all of some datasets. */
  List<Blocks> ofAll(List<String> datasets) {
    List<Blocks> all = of(datasets.get(0));
    for (String dataset : datasets) {
      all = Blocks.common(all, of(dataset));
    }
    return all;
  }

  /** From which block on the contracts of a dataset can have logs. */
  long firstBlock(String dataset) {
    return firstBlocks.get(dataset);
  }

  /** How many blocks were fetched of the dataset that has the most. */
  long blocks() {
    return ranges.values().stream().mapToLong(Fetched::width).max().orElse(0);
  }

  static long width(List<Blocks> ranges) {
    return ranges.stream().mapToLong(Blocks::width).sum();
  }

  /**
   * Why a law does not apply that needs all of some datasets from their contracts' first block on;
   * null where it does.
   */
  String lacking(List<String> datasets) {
    for (String dataset : datasets) {
      List<Blocks> ranges = of(dataset);
      long first = firstBlocks.get(dataset);
      if (ranges.isEmpty()) {
        return "nothing was fetched of dataset " + dataset;
      }
      if (ranges.get(0).first() > first) {
        return "what was there before is not known: dataset "
            + dataset
            + " was fetched from block "
            + ranges.get(0).first()
            + " on, and its contracts begin at "
            + first;
      }
      if (ranges.size() > 1) {
        return "dataset "
            + dataset
            + " lacks the blocks "
            + (ranges.get(0).last() + 1)
            + " to "
            + (ranges.get(1).first() - 1)
            + (ranges.size() > 2
                ? " and " + Messages.count(ranges.size() - 2, "further range")
                : "");
      }
    }
    return null;
  }

  /**
   * Ranges in parts.
   *
   * @param most about how many rows a part has at most
   */
  List<Blocks> cut(List<Blocks> ranges, long most) {
    List<Blocks> parts = new ArrayList<>();
    int at = 0;
    for (Blocks range : ranges) {
      long first = range.first();
      long held = 0;
      for (; at < rows.size() && rows.get(at)[0] <= range.last(); at++) {
        if (held > 0 && held + rows.get(at)[1] > most && rows.get(at)[0] > first) {
          parts.add(new Blocks(first, rows.get(at)[0] - 1));
          first = rows.get(at)[0];
          held = 0;
        }
        held += rows.get(at)[1];
      }
      // blocks are counted by the thousand: the last ones may be the next range's too
      at = Math.max(0, at - 1);
      parts.add(new Blocks(first, range.last()));
    }
    return parts;
  }
}
