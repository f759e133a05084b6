package polymarket.backfill.run;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.JobLock;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.source.RawRows;

/**
 * A database of this process with the tables of a job. It is dropped at the end; those that killed
 * processes of this machine left are dropped when the next one is made.
 */
final class OwnDatabase implements AutoCloseable {

  private final ClickHouse clickHouse;
  private final String name;
  private boolean made;

  /**
   * @param use a word that its name holds, such as copy
   */
  OwnDatabase(ClickHouse clickHouse, String use) {
    this.clickHouse = clickHouse;
    name = "backfill_" + use + "_" + machine() + "_" + ProcessHandle.current().pid();
  }

  /** Other machines may use the same ClickHouse, whose processes this one cannot look for. */
  private static String machine() {
    return Integer.toHexString(JobLock.host().hashCode());
  }

  String name() {
    return name;
  }

  /** Makes it with the job's tables and views, if it is not there yet. */
  void create(Job job) {
    if (made) {
      return;
    }
    dropLeft();
    clickHouse.execute("CREATE DATABASE IF NOT EXISTS " + name);
    made = true;
    for (String statement : Views.setup(job.getName())) {
      clickHouse.execute(here(statement));
    }
  }

  /** Inserts a page of a batch as it came into the job's landing table here. */
  void insert(RawRows page, BatchWork batch) {
    if (page.getRows() > 0) {
      clickHouse.insert(here(page.getLanding()), page.getBytes(), page.digest(), batch.getKey());
    }
  }

  /** A name or a statement with this database in the place of {@code default}. */
  String here(String sql) {
    return sql.replace("default.", name + ".");
  }

  private void dropLeft() {
    Pattern own = Pattern.compile("backfill_[a-z]+_" + machine() + "_(\\d{1,18})");
    List<Map<String, Object>> all =
        clickHouse.rows("SELECT name FROM system.databases ORDER BY name", Map.of());
    for (Map<String, Object> row : all) {
      Matcher matcher = own.matcher(String.valueOf(row.get("name")));
      if (matcher.matches() && ProcessHandle.of(Long.parseLong(matcher.group(1))).isEmpty()) {
        clickHouse.execute("DROP DATABASE IF EXISTS " + matcher.group());
      }
    }
  }

  @Override
  public void close() {
    if (made) {
      clickHouse.execute("DROP DATABASE IF EXISTS " + name);
    }
  }
}
