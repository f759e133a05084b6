package polymarket.backfill.run;

import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.source.RawRows;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;

/**
 * Fetches ranges of a job through its own routes into tables of a database of this process, which
 * is dropped at the end; no ledger takes part. The job's route {@code JOB-copy} gives the pages as
 * the bytes that came, and {@code JOB-reach} says how far the source reaches.
 */
public final class RangeCopy implements AutoCloseable {

  private final Job job;
  private final ClickHouse clickHouse;
  private final Stop stop = new Stop();
  private final String database = "backfill_copy_" + ProcessHandle.current().pid();
  private final ShareLock lock;
  private final Routes routes;
  private boolean made;

  /**
   * @param settings whose JOB.sources names the one source that is asked
   * @throws UserError where the source is not set, or another run uses it
   */
  public RangeCopy(Settings settings, Job job, ClickHouse clickHouse, Messages messages) {
    this.job = job;
    this.clickHouse = clickHouse;
    job.check(settings);
    String source = job.firstSource(settings);
    Sources sources = new Sources(settings, Share.WHOLE, 1, stop);
    Map<String, Job> jobs = Map.of(job.getName(), job);
    Retry retry = JobRun.retry(settings, jobs, sources, stop, messages);
    lock =
        ShareLock.take(
            settings.path("runtime.dir").resolve(source + ".lock"),
            Share.WHOLE,
            source,
            "a comparison of " + job.getName());
    try {
      routes =
          Routes.start(
              settings, jobs, clickHouse, sources, retry, new Marker(stop), stop, messages);
    } catch (RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  /** Ends the request that is waited for. */
  public void stop() {
    stop.ask(ExitCode.INTERRUPTED, "interrupted");
  }

  /**
   * The last number that the source has.
   *
   * @throws UserError where it does not answer
   */
  public long reach() {
    Map<?, ?> reach =
        ask("-reach", BatchWork.preview(job.getName(), List.of(), Batch.Kind.FIRST))
            .getMessage()
            .getBody(Map.class);
    return ((Number) reach.get("last")).longValue();
  }

  /** The database with the job's tables, which hold what was fetched. */
  public String database() {
    return database;
  }

  /**
   * Fetches a range.
   *
   * @throws UserError where the source does not answer
   */
  public void fetch(long first, long last, List<String> datasets) {
    if (!made) {
      Preview.createTables(clickHouse, job, database);
      made = true;
    }
    BatchWork batch =
        BatchWork.preview(
            job.getName(), List.of(Ranges.id(first, last, datasets)), Batch.Kind.FIRST);
    while (batch.isMore()) {
      RawRows page = ask("-copy", batch).getMessage().getBody(RawRows.class);
      if (page.getRows() > 0) {
        clickHouse.insert(
            page.getLanding().replace("default.", database + "."),
            page.getBytes(),
            page.digest(),
            batch.getKey());
      }
    }
  }

  private Exchange ask(String route, BatchWork batch) {
    try {
      return Preview.asked(routes, job.getName() + route, batch);
    } catch (UserError e) {
      throw stop.asked() ? new UserError(stop.reason(), stop.code()) : e;
    }
  }

  @Override
  public void close() {
    try (lock;
        routes) {
      clickHouse.execute("DROP DATABASE IF EXISTS " + database);
    }
  }
}
