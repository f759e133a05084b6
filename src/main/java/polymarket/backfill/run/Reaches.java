package polymarket.backfill.run;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;

/** How far the sources of jobs reach whose ids are ranges; each is asked once a run. */
final class Reaches {

  /**
   * How far a source reaches.
   *
   * @param last the last number that may be asked for
   * @param widest how many numbers one call takes at most
   * @param callsPerSecond that its pace allows
   */
  record Reach(long last, long widest, double callsPerSecond) {}

  private final Settings settings;
  private final ClickHouse clickHouse;
  private final JobRun.Options options;
  private final Stop stop;
  private final Messages messages;
  private final Map<String, Reach> known = new HashMap<>();

  Reaches(
      Settings settings,
      ClickHouse clickHouse,
      JobRun.Options options,
      Stop stop,
      Messages messages) {
    this.settings = settings;
    this.clickHouse = clickHouse;
    this.options = options;
    this.stop = stop;
    this.messages = messages;
  }

  /**
   * The calls that so many numbers take at least, with the one in each request that asks how far
   * the source is.
   */
  long calls(Job job, long numbers) {
    long widest = of(job).widest();
    long ranges = (numbers + widest - 1) / widest;
    int size = settings.number(job.getName() + ".batch-size", 1);
    return ranges + (ranges + size - 1) / size;
  }

  /**
   * Ranges as wide as a call begins with: as the setting JOB.span says, and not wider than the
   * source takes.
   */
  long span(Job job) {
    return Math.min(settings.number(job.getName() + ".span", 1), of(job).widest());
  }

  /**
   * Asks a job's source how far it reaches, by the route {@code JOB-reach}, which gives the fields
   * {@code last} and {@code widest}.
   *
   * @throws UserError where there is no answer
   */
  synchronized Reach of(Job job) {
    if (!known.containsKey(job.getName())) {
      known.put(job.getName(), ask(job));
    }
    return known.get(job.getName());
  }

  private Reach ask(Job job) {
    Sources sources = new Sources(settings, options.share(), options.fraction(), stop);
    Map<String, Job> byName = Map.of(job.getName(), job);
    Retry retry = JobRun.retry(settings, byName, sources, stop, messages);
    try (Routes routes =
        Routes.start(
            settings, byName, clickHouse, sources, retry, new Marker(stop), stop, messages)) {
      BatchWork none = BatchWork.preview(job.getName(), List.of(), Batch.Kind.FIRST);
      Exchange exchange =
          routes
              .template()
              .request(
                  "direct:" + job.getName() + "-reach",
                  to -> to.setProperty(BatchWork.PROPERTY, none));
      if (exchange.getException() != null) {
        throw stop.asked()
            ? new UserError(stop.reason(), stop.code())
            : new UserError(Retry.reason(exchange.getException()));
      }
      Map<?, ?> answer = exchange.getMessage().getBody(Map.class);
      return new Reach(
          ((Number) answer.get("last")).longValue(),
          ((Number) answer.get("widest")).longValue(),
          sources.get(job.getSource()).limit());
    }
  }
}
