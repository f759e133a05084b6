package polymarket.backfill.run;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.State;

/**
 * The ledgers of some jobs, and what is put into them before a run: a real one, or a planned one.
 */
public abstract class RunLedgers implements AutoCloseable {

  final Settings settings;
  final ClickHouse clickHouse;
  final JobRun.Options options;
  final Messages messages;
  final Stop stop = new Stop();
  final Map<String, Ledger> ledgers = new LinkedHashMap<>();
  final Reaches reaches;

  RunLedgers(Settings settings, ClickHouse clickHouse, JobRun.Options options, Messages messages) {
    this.settings = settings;
    this.clickHouse = clickHouse;
    this.options = options;
    this.messages = messages;
    this.reaches = new Reaches(settings, clickHouse, options, stop, messages);
  }

  /** The ledger of one of the jobs. */
  public Ledger ledger(String job) {
    return ledgers.get(job);
  }

  /**
   * Asks again for the ranges of a job whose numbers its source has replaced since they were
   * fetched, as the newest blocks of a chain may be.
   *
   * @return how many ranges
   */
  public long askReplaced(Job job) {
    return reaches.replaced(job, ledger(job.getName()));
  }

  /**
   * Adds ranges to the ledger of a job whose ids are ranges.
   *
   * @param from the first number; null for the one after those in the ledger
   * @param to the last number, "latest" or null for the newest that the source has
   * @param datasets of a job that has some; null for all of them
   * @throws polymarket.backfill.UserError where the source does not say how far it reaches, or not
   *     so far
   */
  public void loadRanges(Job job, Long from, String to, List<String> datasets) {
    new RangeLoader(reaches, messages).load(job, ledger(job.getName()), from, to, datasets);
  }

  /**
   * Makes ranges of a job pending again, so that they are asked for anew and their rows replaced:
   * those that have a number from one to another.
   *
   * @param before only those marked before, epoch milliseconds
   * @return how many
   */
  public long redoRanges(
      Job job,
      Collection<State> states,
      long before,
      Long from,
      String to,
      List<String> datasets,
      long limit) {
    return RangeLoader.again(
        ledger(job.getName()), states, before, options.share(), from, to, datasets, limit);
  }

  /** What a run of a job takes, for what is in its ledger. */
  Estimate estimated(Job job) {
    Ledger ledger = ledger(job.getName());
    TreeSet<String> ranges = new TreeSet<>();
    if (job.idKind() == IdKind.RANGE) {
      ledger.entries(State.PENDING, Long.MAX_VALUE, entry -> ranges.add(entry.id()));
    }
    return Estimate.of(
        settings,
        job,
        ledger,
        options.share(),
        options.limit(),
        RoutePace.perSecond(settings, job.firstSource(settings))
            * options.fraction()
            / options.share().of(),
        ranges.isEmpty() ? null : Long.valueOf(reaches.expected(job, ranges)));
  }

  @Override
  public abstract void close();
}
