package polymarket.backfill.run;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import polymarket.backfill.Settings;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/**
 * What a job's ids that are not done are expected to take. The names of the fields, in snake case,
 * are what scripts match on.
 *
 * @param source the source that is asked first
 * @param ids to fetch: those that are pending, and those that failed
 * @param requests at least these where nothing was fetched here before
 * @param from where the number of requests comes from
 * @param rows null where nothing was fetched here before
 * @param bytes on disk, as the rows of the job's tables take now; null where that is not known
 * @param limitPerSecond the requests a second that the source's limit allows; 0 for no limit
 * @param secondsAtTheLimit the least time for the requests; null without a limit
 * @param latencyMillis how long the source took to answer doctor; null where it was not asked
 * @param secondsAtTheLatency the time for the requests, so many in flight as the settings allow
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Estimate(
    String source,
    long ids,
    long requests,
    String from,
    Long rows,
    Long bytes,
    double limitPerSecond,
    Long secondsAtTheLimit,
    Long latencyMillis,
    Long secondsAtTheLatency) {

  /**
   * What was fetched before, with what it took; numbers in the place of ids where they are ranges.
   */
  private record Before(String what, double ids, long requests, long rows) {}

  /** The longer of the two times, in seconds; null where neither is known. */
  public Long seconds() {
    return secondsAtTheLatency == null
        ? secondsAtTheLimit
        : Long.valueOf(
            Math.max(secondsAtTheLatency, secondsAtTheLimit == null ? 0 : secondsAtTheLimit));
  }

  /**
   * Estimates from the ledger, from the job's last run, and from what doctor saw.
   *
   * @param share whose ids are counted
   * @param limit how many of them at most
   * @param perSecond requests a second that this share may make; 0 for no limit
   * @param ofRanges the requests for all ids, where the source has said how much a request covers;
   *     otherwise null
   */
  static Estimate of(
      Settings settings,
      Job job,
      Ledger ledger,
      Share share,
      long limit,
      double perSecond,
      Long ofRanges) {
    Map<State, Long> counts = ledger.counts(share);
    long open = counts.get(State.PENDING) + counts.get(State.FAILED);
    long ids = Math.min(limit, open);
    double part = open == 0 ? 0 : (double) ids / open;
    boolean ranges = job.idKind() == IdKind.RANGE;
    double amount = ranges ? part * ledger.numbers(share).pending() : ids;
    Before before = before(settings, job, ledger);
    long least =
        ofRanges != null
            ? Math.round(part * ofRanges)
            : ranges
                ? Math.round(part * spans(settings, job, ledger))
                : batches(settings, job, ids);
    boolean experienced = before != null && ofRanges == null && amount > 0;
    long requests =
        experienced
            ? Math.max(least, (long) Math.ceil(amount * before.requests() / before.ids()))
            : least;
    String source = job.firstSource(settings);
    Long latency = Latencies.read(settings).get(source);
    int inFlight =
        size(settings, job) > job.getIdsARequest()
            ? settings.number("source.calls", 1)
            : settings.number(job.getName() + ".concurrency", 1);
    return new Estimate(
        source,
        ids,
        requests,
        experienced
            ? "as in " + before.what()
            : ofRanges != null ? "as the source said" : "at least, with full batches",
        before == null ? null : Long.valueOf(Math.round(amount * before.rows() / before.ids())),
        null,
        perSecond,
        perSecond > 0 ? Long.valueOf((long) Math.ceil(requests / perSecond)) : null,
        latency,
        latency == null
            ? null
            : Long.valueOf((long) Math.ceil(requests * latency / 1000.0 / inFlight)));
  }

  /** The same with the bytes that the rows take. */
  Estimate with(Long bytesOnDisk) {
    return new Estimate(
        source,
        ids,
        requests,
        from,
        rows,
        bytesOnDisk,
        limitPerSecond,
        secondsAtTheLimit,
        latencyMillis,
        secondsAtTheLatency);
  }

  /**
   * The fewest requests for the ids that are pending in a job's ledger, without asking the source.
   */
  public static long least(Settings settings, Job job, Ledger ledger) {
    return job.idKind() == IdKind.RANGE
        ? spans(settings, job, ledger)
        : batches(settings, job, ledger.counts(Share.WHOLE).get(State.PENDING));
  }

  /** The fewest requests for so many ids of a job, with full batches. */
  public static long batches(Settings settings, Job job, long ids) {
    int size = Math.min(job.getIdsARequest(), size(settings, job));
    return (ids + size - 1) / size;
  }

  private static int size(Settings settings, Job job) {
    return settings.number(job.getName() + ".batch-size", 1);
  }

  /** The parts of the pending ranges that are as wide as a request begins with. */
  private static long spans(Settings settings, Job job, Ledger ledger) {
    int span =
        settings.has(job.getName() + ".span") ? settings.number(job.getName() + ".span", 1) : 1;
    long[] spans = {0};
    ledger.entries(
        State.PENDING,
        Long.MAX_VALUE,
        entry -> spans[0] += (Ranges.width(entry.id()) + span - 1) / span);
    return spans[0];
  }

  /**
   * The last run where it fetched at least a batch, otherwise all runs of the ledger where they
   * did; null where neither.
   */
  private static Before before(Settings settings, Job job, Ledger ledger) {
    boolean ranges = job.idKind() == IdKind.RANGE;
    // lists are so few that one of them tells
    long enough = job.isPass() ? 1 : size(settings, job);
    Path file = Progress.statusFile(settings.path("runtime.dir"), job.getName(), Share.WHOLE);
    if (!ranges && Files.exists(file)) {
      try {
        JobStatus last = JobStatus.read(file);
        if (last.run().ids() >= enough && last.run().requests() > 0) {
          return new Before(
              "its last run", last.run().ids(), last.run().requests(), last.rows().fetched());
        }
      } catch (IOException e) {
        // it is written anew by the next run, which does not have to fail for an estimate
        return null;
      }
    }
    Ledger.Sums sums = ledger.sums();
    Ledger.Numbers numbers = ranges ? ledger.numbers(Share.WHOLE) : null;
    long done =
        ranges
            ? numbers.total() - numbers.pending()
            : ledger.size(Share.WHOLE) - ledger.counts(Share.WHOLE).get(State.PENDING);
    return done < enough || sums.requests() == 0
        ? null
        : new Before("its runs so far", done, sums.requests(), sums.fetched());
  }
}
