package polymarket.backfill.run;

import java.util.List;
import java.util.Map;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.source.RawRows;

/**
 * Fetches ranges of a job through its own routes into tables of a database of this process, which
 * is dropped at the end. The job's route {@code JOB-copy} gives the pages as the bytes that came,
 * and {@code JOB-reach} says how far the source reaches.
 */
public final class RangeCopy implements AutoCloseable {

  private final AskedRoutes routes;
  private final OwnDatabase database;

  /**
   * @param routes whose JOB.sources names the one source that is asked
   */
  public RangeCopy(AskedRoutes routes, ClickHouse clickHouse) {
    this.routes = routes;
    database = new OwnDatabase(clickHouse, "copy");
  }

  /**
   * The last number that the source has.
   *
   * @throws UserError where it does not answer
   */
  public long reach() {
    Map<?, ?> reach = routes.ask("-reach", Map.of()).getMessage().getBody(Map.class);
    return ((Number) reach.get("last")).longValue();
  }

  /** The database with the job's tables, which hold what was fetched. */
  public String database() {
    return database.name();
  }

  /**
   * Fetches a range.
   *
   * @throws UserError where the source does not answer
   */
  public void fetch(long first, long last, List<String> datasets) {
    database.create(routes.job());
    BatchWork batch =
        BatchWork.preview(
            routes.job().getName(), List.of(Ranges.id(first, last, datasets)), Batch.Kind.FIRST);
    while (batch.isMore()) {
      database.insert(
          routes.ask("-copy", batch, Map.of()).getMessage().getBody(RawRows.class), batch);
    }
  }

  @Override
  public void close() {
    database.close();
  }
}
