package polymarket.backfill.run;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/**
 * How far one job's run is: what it writes to runtime/JOB.status.json for other terminals, and what
 * {@code --json} prints. The names of the fields, in snake case, are what scripts match on.
 *
 * @param worker such as "1 of 4"; null where the job is not shared
 * @param startedAt the instant, as text
 * @param updatedAt likewise
 * @param numbers where ids are ranges, what is in them; otherwise null
 * @param rows of this run
 * @param ledger what the ledger holds; null while the job runs
 * @param balanced whether these sums add up; null while the job runs
 * @param sources how the job's sources answered; null for runs of earlier versions
 * @param plan what the run was expected to take when it began; null for runs of earlier versions
 * @param waitsFor the job that has all ids first that are left; null where it does not wait
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record JobStatus(
    String job,
    String worker,
    RunState state,
    long pid,
    String startedAt,
    String updatedAt,
    Ids ids,
    @JsonInclude(JsonInclude.Include.NON_NULL) Numbers numbers,
    Rows rows,
    Run run,
    @JsonInclude(JsonInclude.Include.NON_NULL) LedgerSums ledger,
    @JsonInclude(JsonInclude.Include.NON_NULL) Boolean balanced,
    @JsonInclude(JsonInclude.Include.NON_NULL) List<SourceState> sources,
    @JsonInclude(JsonInclude.Include.NON_NULL) Estimate plan,
    @JsonInclude(JsonInclude.Include.NON_NULL) String waitsFor) {

  /** What else the rows of a ledger count: of rejected rows, it has those of the last try only. */
  public static final String REPLACED = "with inserted rows that were replaced";

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.READ_UNKNOWN_ENUM_VALUES_USING_DEFAULT_VALUE)
          .build();

  /** Ids by their states. */
  public record Ids(
      long total, long pending, long found, long absent, long unresolved, long failed) {

    public static Ids of(long total, Map<State, Long> counts) {
      return new Ids(
          total,
          counts.get(State.PENDING),
          counts.get(State.FOUND),
          counts.get(State.ABSENT),
          counts.get(State.UNRESOLVED),
          counts.get(State.FAILED));
    }

    public long of(State state) {
      return switch (state) {
        case PENDING -> pending;
        case FOUND -> found;
        case ABSENT -> absent;
        case UNRESOLVED -> unresolved;
        case FAILED -> failed;
      };
    }
  }

  /**
   * The numbers that are in ids which are ranges.
   *
   * @param unit such as blocks
   * @param last the highest number; 0 in the status of earlier versions
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Numbers(String unit, long total, long done, double perSecond, long last) {}

  /**
   * @param of what else they count; null where nothing
   */
  public record Rows(
      long fetched,
      long inserted,
      long duplicate,
      long rejected,
      @JsonInclude(JsonInclude.Include.NON_NULL) String of) {}

  /**
   * What a run did, and how fast it is: of the last ten seconds while it runs, of all of it then.
   * Ids a second are those of up to five minutes where few are done. While it runs, requests a
   * second are those of all jobs of the process that ask the source.
   *
   * @param limitUsed the part of the source's limit that was used; null where there were too few
   *     requests to measure it
   * @param secondsLeft until nothing is pending, or the run's limit is reached; null where that is
   *     not known
   * @param waitingFor the source's trouble; null where it has none
   * @param givesUpAt when the run gives up on the source; null where it has no trouble
   * @param secondsIn the seconds that finished batches spent in each step; of batches and calls
   *     that go on at once, they add up
   * @param leastRequests the fewest requests that what is done could have taken; null where that is
   *     not known
   * @param usefulPace the part of the source's limit without this job's further requests; null
   *     where either is not known
   * @param sharedLimit true where other jobs of the process used the limit too: the parts are those
   *     of all of them
   * @param changedLimit true where the limit was changed meanwhile: the parts are those of the
   *     limit at each time
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Run(
      double seconds,
      long ids,
      long batches,
      double idsPerSecond,
      long requests,
      double requestsPerSecond,
      double limitPerSecond,
      Double limitUsed,
      long retries,
      Long secondsLeft,
      String waitingFor,
      String givesUpAt,
      Map<String, Double> secondsIn,
      @JsonInclude(JsonInclude.Include.NON_NULL) Long leastRequests,
      @JsonInclude(JsonInclude.Include.NON_NULL) Double usefulPace,
      @JsonInclude(JsonInclude.Include.NON_NULL) Boolean sharedLimit,
      @JsonInclude(JsonInclude.Include.NON_NULL) Boolean changedLimit) {}

  /**
   * A source in a run; jobs of one process share it.
   *
   * @param answers how many, by their HTTP status; "none" for requests without one
   * @param circuitOpen whether its circuit breaker refused the last call
   * @param throttle in force, such as "50 requests in 10.1 s"
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record SourceState(
      String source, Map<String, Long> answers, boolean circuitOpen, String throttle) {}

  /**
   * The ids of a share, counted anew, and the rows of the whole ledger: batches are not divided as
   * ids are when the number of workers changes.
   *
   * @param rowsOf what else the rows count; null where nothing
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record LedgerSums(
      long ids,
      long pending,
      long found,
      long absent,
      long unresolved,
      long failed,
      @JsonInclude(JsonInclude.Include.NON_NULL) String rowsOf,
      long rowsFetched,
      long rowsInserted,
      long rowsDuplicate,
      long rowsRejected) {

    static LedgerSums of(Ledger ledger, Share share) {
      Ids ids = Ids.of(ledger.size(share), ledger.counts(share));
      Ledger.Sums sums = ledger.sums();
      boolean replaced = ledger.replaced();
      String rowsOf =
          share.whole() && !replaced
              ? null
              : (share.whole() ? "" : "all workers together")
                  + (!share.whole() && replaced ? ", " : "")
                  + (replaced ? REPLACED : "");
      return new LedgerSums(
          ids.total(),
          ids.pending(),
          ids.found(),
          ids.absent(),
          ids.unresolved(),
          ids.failed(),
          rowsOf,
          sums.fetched(),
          sums.inserted(),
          sums.duplicate(),
          sums.rejected());
    }
  }

  /**
   * This round and those before it as one run, of a run that follows its source. The used pace is
   * that of the round with the most requests: between the rounds it only waits.
   */
  public JobStatus after(JobStatus earlier) {
    Rows was = earlier.rows;
    Run before = earlier.run;
    Run paced = before.requests() > run.requests() ? before : run;
    double seconds =
        Duration.between(Instant.parse(earlier.startedAt), Instant.parse(updatedAt)).toMillis()
            / 1000.0;
    long idsOfAll = before.ids() + run.ids();
    long requests = before.requests() + run.requests();
    Long least =
        before.leastRequests() == null || run.leastRequests() == null
            ? null
            : Long.valueOf(before.leastRequests() + run.leastRequests());
    Map<String, Double> secondsIn = new TreeMap<>(before.secondsIn());
    run.secondsIn().forEach((step, spent) -> secondsIn.merge(step, spent, Double::sum));
    return new JobStatus(
        job,
        worker,
        state,
        pid,
        earlier.startedAt,
        updatedAt,
        ids,
        numbers,
        new Rows(
            was.fetched() + rows.fetched(),
            was.inserted() + rows.inserted(),
            was.duplicate() + rows.duplicate(),
            was.rejected() + rows.rejected(),
            rows.of()),
        new Run(
            seconds,
            idsOfAll,
            before.batches() + run.batches(),
            seconds > 0 ? idsOfAll / seconds : 0,
            requests,
            seconds > 0 ? requests / seconds : 0,
            paced.limitPerSecond(),
            paced.limitUsed(),
            before.retries() + run.retries(),
            run.secondsLeft(),
            run.waitingFor(),
            run.givesUpAt(),
            secondsIn,
            least,
            paced.usefulPace(),
            paced.sharedLimit(),
            paced.changedLimit()),
        ledger,
        balanced,
        sources,
        plan,
        null);
  }

  /** The status that a run wrote to a file. */
  public static JobStatus read(Path file) throws IOException {
    return JSON.readValue(file.toFile(), JobStatus.class);
  }

  /** The same in another state. */
  public JobStatus in(RunState other) {
    return new JobStatus(
        job, worker, other, pid, startedAt, updatedAt, ids, numbers, rows, run, ledger, balanced,
        sources, plan, null);
  }

  /** The same with what the ledger holds at the end. */
  JobStatus with(LedgerSums sums, boolean adds) {
    return new JobStatus(
        job, worker, state, pid, startedAt, updatedAt, ids, numbers, rows, run, sums, adds, sources,
        plan, null);
  }
}
