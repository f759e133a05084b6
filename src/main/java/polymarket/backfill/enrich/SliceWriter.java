package polymarket.backfill.enrich;

import java.util.HashMap;
import java.util.Map;
import polymarket.backfill.Messages;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Columns;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;
import polymarket.backfill.clickhouse.Steps;

/** Measures slices of the trades, writes each to a table of its own, and compares the two. */
final class SliceWriter {

  /** A slice before it was written: its rows, and the sum over their hashes. */
  record Measured(long rows, String content) {

    static Measured of(Map<String, Object> row) {
      return new Measured(((Number) row.get("rows")).longValue(), (String) row.get("content"));
    }
  }

  private final ClickHouse clickHouse;
  private final SqlFile sql;
  private final Trades trades;
  private final Mapping mapping;
  private final Steps steps;

  SliceWriter(ClickHouse clickHouse, SqlFile sql, Trades trades, Mapping mapping, Steps steps) {
    this.clickHouse = clickHouse;
    this.sql = sql;
    this.trades = trades;
    this.mapping = mapping;
    this.steps = steps;
  }

  /**
   * Takes rows and sum of a slice; may be done again.
   *
   * @param slice the placeholders of the slice
   */
  void measure(Map<String, Object> slice) {
    clickHouse.execute(sql.section("measure").sql(slice));
  }

  /** All slices that were measured, by their ids. */
  Map<String, Measured> measured() {
    Map<String, Measured> measured = new HashMap<>();
    clickHouse
        .rows(sql.section("measured").sql(Map.of()), Map.of())
        .forEach(row -> measured.put((String) row.get("slice"), Measured.of(row)));
    return measured;
  }

  /**
   * Writes a slice to a table of its own and compares it with what was measured.
   *
   * @param table is made anew
   * @param held throws where another member has the slice by now
   * @return false where the trades changed meanwhile, so that it has to be measured and written
   *     again
   */
  boolean write(
      Slice slice, String table, Map<String, Object> values, Measured measured, Runnable held) {
    clickHouse.execute("DROP TABLE IF EXISTS " + table + " SYNC");
    clickHouse.execute(trades.create(table, slice.id(), Target.UNMERGED));
    Map<String, Object> own = new HashMap<>(values);
    own.put("written", new Raw(table));
    own.put(
        "columns",
        new Raw(
            String.join(", ", trades.keptAs())
                + ", "
                + Trades.CONDITION
                + ", "
                + String.join(", ", Trades.ADDED)));
    own.put("values", new Raw(String.join(", ", trades.kept())));
    own.put("unfilled", new Raw(trades.unfilled()));
    own.putAll(mapping.lookups(trades.kept(), own));
    own.put("algorithm", mapping.algorithm());
    held.run();
    clickHouse.execute(sql.section("write").sql(own));
    return compare(slice, table, own, measured);
  }

  private boolean compare(Slice slice, String table, Map<String, Object> own, Measured measured) {
    Map<String, Object> row = new HashMap<>();
    steps.timed(
        "compare",
        () -> row.putAll(clickHouse.rows(sql.section("compare").sql(own), Map.of()).get(0)));
    Measured after = Measured.of(row);
    if (after.equals(measured)) {
      clickHouse.execute(
          sql.section("compared")
              .sql(
                  Map.of(
                      "slice",
                      table,
                      "database",
                      Columns.database(table),
                      "table",
                      Columns.name(table))));
      return true;
    }
    // a difference that is there in the trades themselves by now is no fault of the writing
    measure(own);
    Measured now = measured().get(slice.id());
    if (now.equals(measured) || !now.equals(after)) {
      throw new UserError(
          "a slice does not compare: "
              + Messages.count(now.rows())
              + " rows before and "
              + Messages.count(after.rows())
              + " after, with the sums "
              + now.content()
              + " and "
              + after.content()
              + ". Nothing was exchanged; "
              + slice.where(trades, "hash"));
    }
    return false;
  }
}
