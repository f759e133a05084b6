package polymarket.backfill.run;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.camel.Exchange;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;

/**
 * A job's routes that are asked outside a run, with the pace and the retries of its sources, which
 * no other process uses meanwhile; no ledger takes part.
 */
public final class AskedRoutes implements AutoCloseable {

  private final Job job;
  private final Stop stop = new Stop();
  private final SourceLocks locks;
  private final Routes routes;

  /**
   * @param settings whose JOB.sources names the source that is asked
   * @param others sources that are asked too, by the names of their routes
   * @throws UserError where a source is not set, another run uses one of them, or the routes cannot
   *     be built
   */
  public AskedRoutes(
      Settings settings,
      Job job,
      Collection<String> others,
      ClickHouse clickHouse,
      Messages messages) {
    this.job = job;
    job.check(settings);
    Set<String> sources = new LinkedHashSet<>(List.of(job.firstSource(settings)));
    sources.addAll(others);
    Map<String, Job> jobs = Map.of(job.getName(), job);
    Sources paces = new Sources(settings, Share.WHOLE, 1, stop);
    Retry retry = JobRun.retry(settings, jobs, paces, stop, messages);
    locks = new SourceLocks(settings, sources, "a comparison of " + job.getName());
    try {
      routes =
          Routes.start(settings, jobs, clickHouse, paces, retry, new Marker(stop), stop, messages);
    } catch (RuntimeException e) {
      locks.close();
      throw e;
    }
  }

  Job job() {
    return job;
  }

  /** Ends the request that is waited for. */
  public void stop() {
    stop.ask(ExitCode.INTERRUPTED, "interrupted");
  }

  /**
   * Asks the job's route {@code JOBend}.
   *
   * @param end such as -copy
   * @param properties of the exchange, beside the batch
   * @throws UserError where there is no answer
   */
  Exchange ask(String end, BatchWork batch, Map<String, Object> properties) {
    try {
      return Preview.asked(routes, job.getName() + end, batch, properties);
    } catch (UserError e) {
      throw stop.asked() ? new UserError(stop.reason(), stop.code()) : e;
    }
  }

  /** The same, for a route that needs no ids. */
  Exchange ask(String end, Map<String, Object> properties) {
    return ask(end, BatchWork.preview(job.getName(), List.of(), Batch.Kind.FIRST), properties);
  }

  @Override
  public void close() {
    try {
      routes.close();
    } finally {
      locks.close();
    }
  }
}
