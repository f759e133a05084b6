package polymarket.backfill.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import polymarket.backfill.Redaction;
import polymarket.backfill.UserError;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.StepTimes.Step;
import polymarket.backfill.source.Pace;

/**
 * How far one job's run has come. Writes a line for each batch, and for each page of those that
 * have several, to runtime/JOB.progress.jsonl, and what a second terminal shows to
 * runtime/JOB.status.json.
 */
public final class Progress implements AutoCloseable {

  /** The pace shown is that of this time, and so is the rate of what is done, unless it is slow. */
  private static final long WINDOW_MILLIS = 10_000;

  /** The rate of ids is that of so many at least, or of this time: ten seconds may have none. */
  static final int SLOW_IDS = 20;

  static final long SLOW_MILLIS = 300_000;

  /** A source that gave no good answer for so long may be one that the run will give up on. */
  private static final long SILENT_MILLIS = 3_000;

  private final Job job;
  private final Share share;
  private final Pace source;
  private final Duration patience;
  private final Path statusFile;
  private final Path logFile;
  private final Writer log;
  private final Instant startedAt = Instant.now();
  private final long startNanos = System.nanoTime();
  private final Map<State, Long> counts;
  private long total;

  private long ids;
  private long batches;
  private long fetched;
  private long inserted;
  private long duplicate;
  private long rejected;
  private long batchNanos;
  private final Map<Step, Long> stepNanos = new EnumMap<>(Step.class);
  private long lastDoneAt = System.currentTimeMillis();
  private boolean waiting;

  /** When the job's route has ended; 0 before. */
  private long endNanos;

  private final Least least;
  private final TimeLeft timeLeft;
  private final Deque<double[]> samples = new ArrayDeque<>();

  /**
   * Where ids are ranges: how many numbers there are in them, in those that are pending, and in
   * those of this run's batches.
   */
  private Ledger.Numbers numbers;

  private long numbersDone;
  private RunState published = RunState.RUNNING;
  private final List<Pace> sources;
  private final Estimate plan;

  /**
   * @param size ids a batch
   * @param sources all that the job asks, the first one first
   * @param plan what the run is expected to take
   */
  Progress(
      Job job,
      JobRun.Options options,
      List<Pace> sources,
      Duration patience,
      Path runtime,
      Ledger ledger,
      int size,
      Estimate plan) {
    this.job = job;
    this.plan = plan;
    this.patience = patience;
    this.share = options.share();
    this.sources = sources;
    this.source = sources.get(0);
    this.least = new Least(job, size);
    this.counts = new EnumMap<>(ledger.counts(share));
    if (job.idKind() == IdKind.RANGE) {
      this.numbers = ledger.numbers(share);
    }
    this.timeLeft = new TimeLeft(options.limit(), ledger.isShared());
    timeLeft.counted(System.currentTimeMillis(), pending());
    this.total = counts.values().stream().mapToLong(Long::longValue).sum();
    this.statusFile = statusFile(runtime, job.getName(), share);
    this.logFile = runtime.resolve(job.getName() + share.suffix() + ".progress.jsonl");
    try {
      this.log =
          Files.newBufferedWriter(logFile, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw UserError.unwritable(logFile, e);
    }
  }

  public static Path statusFile(Path runtime, String job, Share share) {
    return runtime.resolve(job + share.suffix() + ".status.json");
  }

  public Job job() {
    return job;
  }

  Pace source() {
    return source;
  }

  /** Takes what the ledger says of all ids, those that other processes have done included. */
  synchronized void counted(Map<State, Long> now) {
    counts.putAll(now);
    total = now.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Takes what the ledger says, of ids and of the numbers in ranges, while the run goes on. */
  synchronized void recounted(Map<State, Long> now, Ledger.Numbers inRanges) {
    counted(now);
    numbers = inRanges;
    timeLeft.counted(System.currentTimeMillis(), pending());
  }

  /** The run takes up ids that its limit counts. */
  synchronized void took(long more) {
    timeLeft.took(more);
  }

  /** The run takes up ids that an earlier run or another member had taken. */
  synchronized void resumed(long more) {
    timeLeft.resumed(more);
  }

  /** Another member has taken ids over that this run had taken up. */
  synchronized void lost(long fewer) {
    timeLeft.done(fewer);
  }

  /** Ids that were marked as failed are pending again. */
  synchronized void moved(long failedToPending) {
    counts.merge(State.FAILED, -failedToPending, Long::sum);
    counts.merge(State.PENDING, failedToPending, Long::sum);
  }

  /** Ids took the place of others: so many more are to be done. */
  synchronized void came(long more) {
    counts.merge(State.PENDING, more, Long::sum);
    total += more;
  }

  /** Whether rows came in, and all of them were rejected. */
  synchronized boolean rejectsAll() {
    return rejected > 0 && rejected == fetched;
  }

  synchronized void done(BatchWork batch) {
    Map<State, Long> states = new EnumMap<>(State.class);
    for (Outcome outcome : batch.outcomes().values()) {
      states.merge(outcome.state(), 1L, Long::sum);
    }
    states.forEach(
        (state, n) -> {
          counts.merge(state, n, Long::sum);
          counts.merge(State.PENDING, -n, Long::sum);
        });
    ids += batch.outcomes().size();
    timeLeft.done(batch.outcomes().size());
    if (numbers != null) {
      long n = batch.outcomes().keySet().stream().mapToLong(Ranges::width).sum();
      numbers = new Ledger.Numbers(numbers.total(), numbers.pending() - n, numbers.last());
      numbersDone += n;
    }
    batches++;
    least.done(batch);
    count(batch);
    batchNanos += batch.ageNanos();
    batch.spent().forEach((step, nanos) -> stepNanos.merge(step, nanos, Long::sum));
    lastDoneAt = System.currentTimeMillis();
    log(batch, states, true);
  }

  private void log(BatchWork batch, Map<State, Long> states, boolean last) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("at", Instant.now().toString());
    line.put("batch", batch.getKey());
    line.put("kind", batch.getKind().text());
    line.put("resumed", batch.batch().resumed());
    line.put("ids", batch.getSize());
    line.put("done", last);
    states.forEach((state, n) -> line.put(state.text(), n));
    line.put("asked_again", batch.missing().size());
    line.put("rows", batch.rows().fetched());
    line.put("inserted", batch.rows().inserted());
    line.put("duplicate", batch.rows().duplicate());
    line.put("rejected", batch.rows().rejected());
    line.put("requests", batch.requests());
    line.put("ms", batch.ageNanos() / 1_000_000);
    try {
      log.write(Redaction.json().writeValueAsString(line));
      log.write('\n');
      log.flush();
    } catch (IOException e) {
      throw UserError.unwritable(logFile, e);
    }
  }

  /** A page of a batch is stored; its ids are not done. */
  synchronized void page(BatchWork batch) {
    least.pages(batch);
    count(batch);
    log(batch, Map.of(), false);
    lastDoneAt = System.currentTimeMillis();
  }

  private void count(BatchWork batch) {
    fetched += batch.rows().fetched();
    inserted += batch.rows().inserted();
    duplicate += batch.rows().duplicate();
    rejected += batch.rows().rejected();
  }

  synchronized long done() {
    return total - counts.get(State.PENDING);
  }

  synchronized long total() {
    return total;
  }

  synchronized Map<State, Long> counts() {
    return new EnumMap<>(counts);
  }

  synchronized long idleMillis() {
    return System.currentTimeMillis() - lastDoneAt;
  }

  synchronized void stirred() {
    lastDoneAt = System.currentTimeMillis();
  }

  /** The job's route has ended: it does no more in this run. */
  synchronized void ended() {
    endNanos = System.nanoTime();
  }

  synchronized boolean hasEnded() {
    return endNanos != 0;
  }

  /** Whether another job has everything first that is left. */
  synchronized void waiting(boolean waits) {
    if (waiting != waits) {
      waiting = waits;
      stirred();
    }
  }

  synchronized boolean isWaiting() {
    return waiting;
  }

  /**
   * Takes how many numbers the ids have, where they are ranges: how far a run is shows in them,
   * because ranges are cut on the way.
   */
  synchronized void numbers(Ledger.Numbers now) {
    numbers = now;
  }

  /**
   * Requests a second over the last ten seconds, by their turns, which may lie ahead; ids and
   * numbers a second over the same time, or a longer one where few are done.
   */
  private synchronized double[] rates() {
    long now = System.currentTimeMillis();
    double[] turns = source.turns();
    // what was given back since, as when the pace was changed
    for (double[] sample : samples) {
      sample[2] = Math.min(sample[2], turns[0]);
      sample[3] = Math.min(sample[3], turns[1]);
    }
    samples.addLast(new double[] {now, ids, turns[0], turns[1], numbersDone});
    while (samples.size() > 2 && now - samples.peekFirst()[0] > SLOW_MILLIS) {
      samples.removeFirst();
    }
    if (samples.size() < 2) {
      return new double[3];
    }
    double[] first = null;
    double[] slow = samples.peekFirst();
    for (Iterator<double[]> newest = samples.descendingIterator(); newest.hasNext(); ) {
      double[] sample = newest.next();
      boolean before = now - sample[0] > WINDOW_MILLIS;
      if (first == null || !before) {
        first = sample;
      }
      if (before && ids - sample[1] >= SLOW_IDS) {
        slow = sample;
        break;
      }
    }
    double seconds = Math.max(0.001, (now - slow[0]) / 1000.0);
    return new double[] {
      (ids - slow[1]) / seconds,
      source.limit() * (turns[0] - first[2]) / Math.max(1, turns[1] - first[3]),
      (numbersDone - slow[4]) / seconds
    };
  }

  /** Everything that is known of it now. */
  public synchronized JobStatus snapshot(RunState state) {
    // other jobs of the run may go on
    boolean running = state == RunState.RUNNING && !hasEnded();
    double[] rates = rates();
    double seconds = ((hasEnded() ? endNanos : System.nanoTime()) - startNanos) / 1e9;
    JobStatus.Numbers inRanges =
        numbers == null
            ? null
            : new JobStatus.Numbers(
                job.getUnit(),
                numbers.total(),
                numbers.total() - numbers.pending(),
                rounded(running ? rates[2] : numbersDone / seconds),
                numbers.last());
    return new JobStatus(
        job.getName(),
        share.whole() ? null : share.worker() + " of " + share.of(),
        state,
        ProcessHandle.current().pid(),
        startedAt.toString(),
        Instant.now().toString(),
        JobStatus.Ids.of(total, counts),
        inRanges,
        new JobStatus.Rows(fetched, inserted, duplicate, rejected, null),
        figures(state == RunState.RUNNING, running, seconds, rates),
        null,
        null,
        sources.stream()
            .map(
                of ->
                    new JobStatus.SourceState(
                        of.name(), of.answers(), of.isCircuitOpen(), of.throttle()))
            .toList(),
        plan,
        running && waiting ? job.getAfter() : null);
  }

  /**
   * @param asks whether the run goes on, so that the source may be asked by its other jobs
   * @param running whether the job does too
   */
  private JobStatus.Run figures(boolean asks, boolean running, double seconds, double[] rates) {
    double pace = numbers == null ? rates[0] : rates[2];
    // not for every answer that has to be asked for once more
    Long needed = least.requests();
    long requests = sources.stream().mapToLong(of -> of.requests(job.getName())).sum();
    long own = source.requests(job.getName());
    long all = source.requests();
    Double used = source.used();
    boolean silent = System.currentTimeMillis() - source.troubleSince() >= SILENT_MILLIS;
    return new JobStatus.Run(
        rounded(seconds),
        ids,
        batches,
        rounded(running ? rates[0] : ids / seconds),
        requests,
        rounded(asks ? rates[1] : own / seconds),
        rounded(source.limit()),
        thousandths(used),
        sources.stream().mapToLong(of -> of.retries(job.getName())).sum(),
        running && !waiting ? timeLeft.seconds(pending(), pace, rates[0]) : null,
        source.trouble(),
        silent
            ? Instant.ofEpochMilli(source.troubleSince() + patience.toMillis()).toString()
            : null,
        secondsIn(),
        needed,
        needed == null || used == null
            ? null
            : thousandths(used * (all - own + needed) / Math.max(1, all)),
        all > own ? Boolean.TRUE : null,
        source.isChanged() ? Boolean.TRUE : null);
  }

  /** Ids, or the numbers in them where they are ranges. */
  private long pending() {
    return numbers == null ? counts.get(State.PENDING) : numbers.pending();
  }

  private static Double thousandths(Double part) {
    return part == null ? null : Double.valueOf(Math.round(part * 1000) / 1000.0);
  }

  private Map<String, Double> secondsIn() {
    Map<String, Double> seconds = new LinkedHashMap<>();
    long rest = batchNanos;
    for (Step step : Step.values()) {
      long nanos = stepNanos.getOrDefault(step, 0L);
      rest -= nanos;
      seconds.put(step.name().toLowerCase(Locale.ROOT), rounded(nanos / 1e9));
    }
    seconds.put("rest", rounded(Math.max(0, rest) / 1e9));
    return seconds;
  }

  private static double rounded(double value) {
    return Math.round(value * 100) / 100.0;
  }

  /** Lets other terminals see it. What a run says at its end stays. */
  synchronized void publish(JobStatus snapshot) {
    if (published != RunState.RUNNING && snapshot.state() == RunState.RUNNING) {
      return;
    }
    published = snapshot.state();
    try {
      Redaction.write(statusFile, Redaction.json().writeValueAsString(snapshot));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    } catch (IOException e) {
      throw UserError.unwritable(statusFile, e);
    }
  }

  @Override
  public void close() {
    try {
      log.close();
    } catch (IOException e) {
      throw UserError.unwritable(logFile, e);
    }
  }
}
