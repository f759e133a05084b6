package polymarket.backfill.enrich;

import java.math.BigInteger;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Columns;
import polymarket.backfill.clickhouse.Quoted;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;

/**
 * The enriched table, the one before it, and the database with what belongs to a run under way. The
 * table's comment is the run that made it.
 */
final class Target {

  /** The database of a run under way; it goes when the run is finished. */
  static final String WORK = "backfill_enrich";

  /** Settings of a table whose parts stay as they were written. */
  static final Map<String, Long> UNMERGED =
      Map.of(
          "max_bytes_to_merge_at_max_space_in_pool",
          1L,
          "max_bytes_to_merge_at_min_space_in_pool",
          1L);

  /** What a table holds: rows, and the sum over its parts of their files' hashes. */
  record Stored(long rows, BigInteger files) {

    static final Stored NOTHING = new Stored(0, BigInteger.ZERO);

    static Stored of(Map<String, Object> row) {
      return new Stored(
          ((Number) row.get("rows")).longValue(), new BigInteger((String) row.get("files")));
    }

    /** Both together; sums of hashes go round at 2^64. */
    Stored plus(Stored other) {
      return new Stored(
          rows + other.rows, files.add(other.files).mod(BigInteger.ONE.shiftLeft(64)));
    }
  }

  private final ClickHouse clickHouse;
  private final Settings settings;
  private final SqlFile sql = SqlFile.read("enrich");
  private final String name;

  Target(ClickHouse clickHouse, Settings settings) {
    this.clickHouse = clickHouse;
    this.settings = settings;
    this.name = settings.text("enrich.target");
  }

  String name() {
    return name;
  }

  String quoted() {
    return Quoted.table(name);
  }

  String nameOfPrevious() {
    return name + "_previous";
  }

  private String nameOfNext() {
    return name + "_next";
  }

  /** The run that made the table; null where there is none. */
  String madeBy() {
    return comment(name);
  }

  private String comment(String table) {
    return clickHouse
        .rows(
            "SELECT comment FROM system.tables WHERE database = {d:String} AND name = {t:String}",
            Map.of("d", Columns.database(table), "t", Columns.name(table)))
        .stream()
        .map(row -> String.valueOf(row.get("comment")))
        .findFirst()
        .orElse(null);
  }

  /** Whether a run is under way, interrupted or not. */
  boolean isUnderWay() {
    return clickHouse.number("SELECT count() FROM system.databases WHERE name = '" + WORK + "'")
        > 0;
  }

  void dropWork() {
    clickHouse.execute("DROP DATABASE IF EXISTS " + WORK + " SYNC");
  }

  /**
   * @throws UserError where the disks of the storage policy that new tables have do not hold it
   */
  void checkRoom(Trades trades) {
    Object bytes =
        clickHouse
            .rows(
                "SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database ="
                    + " {d:String} AND table = {t:String}",
                Map.of("d", Columns.database(trades.table()), "t", Columns.name(trades.table())))
            .get(0)
            .get("bytes");
    long needed = ((Number) bytes).longValue() * 3 / 2;
    long there =
        clickHouse.number(
            "SELECT coalesce(sum(bytes_on_disk), 0) FROM system.parts WHERE active AND database = '"
                + WORK
                + "'");
    long free = clickHouse.number(sql.section("free").sql(Map.of()));
    if (free < needed - there) {
      throw new UserError(
          name
              + " needs about "
              + Memory.text(needed)
              + " of disk, and "
              + Memory.text(free)
              + " are free. Make room, or drop "
              + nameOfPrevious());
    }
  }

  /**
   * What the parts of a database's tables hold, by table with database: slices are never merged, so
   * that files that were compared can be told.
   */
  Map<String, Stored> stored(String database) {
    Map<String, Stored> stored = new HashMap<>();
    clickHouse
        .rows(sql.section("stored").sql(Map.of("database", database)), Map.of())
        .forEach(row -> stored.put(database + "." + row.get("table"), Stored.of(row)));
    return stored;
  }

  /** The slices that were compared with the trades, by the tables that they were written to. */
  Map<String, Stored> compared() {
    Map<String, Stored> compared = new HashMap<>();
    clickHouse
        .rows(
            "SELECT slice, rows, toString(files) AS files FROM " + WORK + ".compared FINAL",
            Map.of())
        .forEach(row -> compared.put((String) row.get("slice"), Stored.of(row)));
    return compared;
  }

  /**
   * Puts the slices together without copying, and the table in its place in one step.
   *
   * @param run what is noted as the one that made it
   * @param slices the tables that they were written to
   * @param leads throws where another member puts them together by now
   * @throws UserError where they are not what was compared, or not all; the table stays then
   */
  void assemble(String run, Trades trades, Collection<String> slices, Runnable leads) {
    String next = Quoted.table(nameOfNext());
    leads.run();
    clickHouse.execute("DROP TABLE IF EXISTS " + next + " SYNC");
    clickHouse.execute(trades.create(next, run, UNMERGED));
    Map<String, Stored> compared = compared();
    Stored all = Stored.NOTHING;
    for (String slice : slices) {
      all = all.plus(compared.get(slice));
      if (compared.get(slice).rows() > 0) {
        clickHouse.execute("ALTER TABLE " + next + " ATTACH PARTITION ALL FROM " + slice);
      }
    }
    // the same files that were compared one by one, and all of them
    String database = Columns.database(name);
    Stored there =
        stored(database).getOrDefault(database + "." + Columns.name(nameOfNext()), Stored.NOTHING);
    long inTrades = clickHouse.number("SELECT count() FROM " + trades.quoted());
    if (there.rows() != all.rows() || there.rows() != inTrades) {
      throw new UserError(
          "the enriched table has "
              + Messages.count(there.rows())
              + " rows, its slices have "
              + Messages.count(all.rows())
              + " and "
              + trades.table()
              + " has "
              + Messages.count(inTrades)
              + ": nothing was exchanged. Run `backfill enrich` again when nothing is written to"
              + " the trades");
    }
    if (!there.equals(all)) {
      throw new UserError(
          "the slices in database "
              + WORK
              + " differ from the files that were compared with the trades: the previous table was"
              + " not replaced. Run `backfill enrich` again, it rewrites those");
    }
    clickHouse.execute(
        "ALTER TABLE " + next + " RESET SETTING " + String.join(", ", UNMERGED.keySet()));
    boolean first = madeBy() == null;
    // one who stood still until now may find the table of another one there
    leads.run();
    if (first) {
      clickHouse.execute("RENAME TABLE " + next + " TO " + quoted());
    } else {
      clickHouse.execute("EXCHANGE TABLES " + quoted() + " AND " + next);
    }
    leads.run();
    finish(run);
  }

  /** What is left to do after the exchange; may be done again. */
  void finish(String run) {
    String beside = comment(nameOfNext());
    if (beside != null && !beside.equals(run)) {
      String previous = Quoted.table(nameOfPrevious());
      clickHouse.execute("DROP TABLE IF EXISTS " + previous + " SYNC");
      clickHouse.execute("RENAME TABLE " + Quoted.table(nameOfNext()) + " TO " + previous);
    }
    dropWork();
    view();
  }

  /**
   * Exchanges the table with the previous one.
   *
   * @throws UserError where there is none
   */
  void rollback() {
    if (Columns.of(clickHouse, nameOfPrevious()).isEmpty()) {
      throw new UserError(
          "there is no table "
              + nameOfPrevious()
              + " to go back to: it is kept by the second `backfill enrich` and those after it");
    }
    clickHouse.execute("EXCHANGE TABLES " + quoted() + " AND " + Quoted.table(nameOfPrevious()));
  }

  /** The view of the table under names that do not depend on those of its own columns. */
  void view() {
    Columns columns = Columns.of(clickHouse, name);
    Map<String, Object> names = new HashMap<>();
    for (String what : List.of("market", "token", "transaction", "trade", "time")) {
      Columns.Column column = columns.first(settings.text("enrich." + what + "-columns"));
      names.put(
          what,
          new Raw(
              column == null
                  ? what.equals("time") ? "CAST(NULL AS Nullable(DateTime))" : "''"
                  : what.equals("time") ? column.time() : column.text()));
    }
    names.put("condition", new Raw(columns.text(Trades.CONDITION)));
    names.put("original", new Raw(columns.text(Trades.ORIGINAL)));
    names.put("target", new Raw(quoted()));
    names.put("trades", new Raw(Quoted.table(settings.text("enrich.trades"))));
    clickHouse.execute(sql.section("view"), names);
  }
}
