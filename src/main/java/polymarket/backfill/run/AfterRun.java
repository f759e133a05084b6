package polymarket.backfill.run;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.polymarket.ComputedTokenIds;

/** What is done in ClickHouse when a run's jobs have ended, by the sections of their SQL files. */
final class AfterRun {

  /** Tables up to this many rows are merged where rows of theirs were replaced. */
  private static final long MERGED_ROWS = Long.getLong("backfill.merged-rows", 10_000_000);

  private final Settings settings;
  private final ClickHouse clickHouse;
  private final Messages messages;
  private final Set<List<String>> finished = new HashSet<>();

  AfterRun(Settings settings, ClickHouse clickHouse, Messages messages) {
    this.settings = settings;
    this.clickHouse = clickHouse;
    this.messages = messages;
  }

  /**
   * Makes what is made of all rows of a job ({@code @finish}); nothing where there is no such, or
   * where a job that stores into the same tables has done the same.
   */
  void finish(Job job) {
    if (job.sql().has("finish") && finished.add(job.sql().section("finish").statements())) {
      ComputedTokenIds.finish(
          clickHouse, new Steps("run", true, Memory.bytes(settings, Memory.CAP), 1), job.sql());
    }
  }

  /**
   * Says which fields of the run's rows could not be read.
   *
   * @param begun when the run began, in epoch milliseconds
   */
  void sayUnread(Job job, long begun) {
    if (!job.sql().has("unread")) {
      return;
    }
    SqlFile.Section section = job.sql().section("unread");
    for (Map<String, Object> field :
        clickHouse.rows(section.sql(Map.of("since", begun)), Map.of())) {
      messages.warn(
          job.getName()
              + ": "
              + field.get("field")
              + " of "
              + Messages.count(Long.parseLong(String.valueOf(field.get("rows"))), "row")
              + " could not be read, such as '"
              + Messages.shown(String.valueOf(field.get("such_as")))
              + "'; the rows are stored without it, and have it in the column unread of "
              + section.title());
    }
  }

  /**
   * Lets ClickHouse drop the rows that were replaced on purpose, so that what is counted is what is
   * there. Large tables are left to its own merges, which come in time, because this rewrites a
   * table.
   */
  void merge(Job job, Ledger ledger) {
    long last = ledger.replacing();
    if (last == 0 || !job.sql().has("redone")) {
      return;
    }
    for (String table : job.sql().section("redone").tables()) {
      List<Map<String, Object>> found =
          clickHouse.rows(
              SqlFile.fill(
                  "SELECT ifNull(total_rows, 0) AS rows FROM system.tables"
                      + " WHERE concat(database, '.', name) = {table} AND engine LIKE '%MergeTree'",
                  Map.of("table", clickHouse.stored(table))),
              Map.of());
      long rows = found.isEmpty() ? 0 : Long.parseLong(String.valueOf(found.get(0).get("rows")));
      String otherwise =
          "rows that were replaced stay in "
              + table
              + " ("
              + Messages.count(rows, "row")
              + ") until ClickHouse merges them."
              + " Count with FINAL, or merge it with `backfill sql 'OPTIMIZE TABLE "
              + table
              + " FINAL'`";
      if (rows > MERGED_ROWS) {
        messages.info(job.getName() + ": " + otherwise);
      } else if (rows > 0) {
        try {
          clickHouse.execute("OPTIMIZE TABLE " + table + " FINAL");
        } catch (ClickHouseException e) {
          messages.warn(job.getName() + ": " + e.getMessage() + ": " + otherwise);
        }
      }
    }
    ledger.merged(last);
  }
}
