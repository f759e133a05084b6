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
 * @param batchSize ids a batch; 0 in the status of earlier versions
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
    int batchSize,
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
   *
   * @param full the requests that would have asked for the ids once, a full batch each
   * @param batches those that asked for a batch: for ids that an answer left out too
   * @param requests with those for further pages and those that failed
   * @param retries those that failed; 0 where that is not known
   * @param rows null where only the ledger knows them
   */
  private record Before(
      String what,
      double ids,
      double full,
      double batches,
      long requests,
      long retries,
      Long rows) {

    /**
     * The same where a batch is asked for in parts: it takes a request for each of them.
     *
     * @param most ids a request
     */
    Before inParts(int most) {
      double parts = ids / most;
      return new Before(
          what,
          ids,
          Math.max(1, Math.max(full, parts)),
          Math.max(batches, parts),
          requests,
          retries,
          rows);
    }

    /**
     * How many requests as many ids take as this run has: as many for each full batch, as many
     * further pages for each id, and as many of all that fail.
     *
     * @param least the full batches of this run; 0 where the size of a batch makes no difference
     */
    long requests(double amount, long least) {
      if (least == 0) {
        return (long) Math.ceil(amount * requests / ids);
      }
      double answered = Math.max(batches, requests - retries);
      double pages = (answered - batches) * amount / ids;
      return (long) Math.ceil((least * batches / full + pages) * requests / answered);
    }
  }

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
    Ledger.Held held = ranges ? ledger.heldInRanges() : ledger.held();
    Before before = before(settings, job, ledger, held);
    long least =
        ofRanges != null
            ? Math.round(part * ofRanges)
            : ranges
                ? Math.round(part * spans(settings, job, ledger))
                : batches(settings, job, ids);
    boolean experienced = before != null && ofRanges == null && amount > 0;
    long requests =
        experienced ? Math.max(least, before.requests(amount, batched(job) ? least : 0)) : least;
    String source = job.firstSource(settings);
    Long latency = Latencies.read(settings).get(source);
    int inFlight =
        size(settings, job) > job.getIdsARequest()
            ? settings.number("source.calls", 1)
            : settings.number(job.getName() + ".concurrency", 1);
    return new Estimate(
        source,
        ids,
        size(settings, job),
        requests,
        experienced
            ? "as in " + before.what()
            : ofRanges != null ? "as the source said" : "at least, with full batches",
        rows(held, before, amount),
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
        batchSize,
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

  /** Whether a request takes a batch of any size, so that there are fewer of larger ones. */
  private static boolean batched(Job job) {
    return job.idKind() != IdKind.RANGE && job.getIdsARequest() > 1 && job.getMaxBatchSize() > 1;
  }

  /**
   * As many for each id as those of the ledger have that are or were done, or, where none was, as
   * in the last run; null where neither.
   */
  private static Long rows(Ledger.Held held, Before before, double amount) {
    boolean last = held.ids() == 0 && before != null && before.rows() != null;
    double each =
        last ? before.rows() / before.ids() : (double) held.rows() / Math.max(1, held.ids());
    return held.ids() == 0 && !last ? null : Long.valueOf(Math.round(amount * each));
  }

  /**
   * The last run where it fetched at least a batch, otherwise all runs of the ledger where they
   * did; null where neither.
   */
  private static Before before(Settings settings, Job job, Ledger ledger, Ledger.Held held) {
    boolean ranges = job.idKind() == IdKind.RANGE;
    // lists are so few that one of them tells
    long enough = job.isPass() ? 1 : size(settings, job);
    Path file = Progress.statusFile(settings.path("runtime.dir"), job.getName(), Share.WHOLE);
    if (!ranges && Files.exists(file)) {
      try {
        JobStatus last = JobStatus.read(file);
        JobStatus.Run run = last.run();
        if (run.ids() >= enough && run.requests() > 0) {
          int size =
              last.plan() == null || last.plan().batchSize() == 0
                  ? size(settings, job)
                  : last.plan().batchSize();
          return new Before(
                  "its last run",
                  run.ids(),
                  Math.ceil((double) run.ids() / size),
                  run.batches(),
                  run.requests(),
                  run.retries(),
                  last.rows().fetched())
              .inParts(job.getIdsARequest());
        }
      } catch (IOException e) {
        // it is written anew by the next run, which does not have to fail for an estimate
        return null;
      }
    }
    Ledger.Effort effort = ledger.effort();
    long ids = ranges ? held.ids() : Math.max(effort.ids(), held.ids());
    return ids < enough || effort.requests() == 0
        ? null
        : new Before(
                "its runs so far",
                ids,
                effort.first(),
                effort.batches(),
                effort.requests(),
                0,
                null)
            .inParts(job.getIdsARequest());
  }
}
