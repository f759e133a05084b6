package polymarket.backfill.run;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import polymarket.backfill.Stop;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.job.Span;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.FencedException;
import polymarket.backfill.ledger.ImbalanceException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.StepTimes.Step;
import polymarket.backfill.source.Pace;
import polymarket.backfill.source.RefusalException;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.TooLargeException;

/**
 * The batches of one run of one job, handed out as there is room for them, and taken back when they
 * are done: first those that an earlier run left unfinished, then pending ids, then once more what
 * failed before. It blocks while as many batches are in flight as may be, so that no more of the
 * list is read than is worked on.
 */
final class Feed implements Iterator<BatchWork> {

  /** How often a source is probed that has not answered since an id failed. */
  private static final long PROBE_EVERY_MILLIS = 5_000;

  private static final long FREED_EVERY_NANOS = 500_000_000;

  private static final long RECOUNT_NANOS = 10_000_000_000L;

  private static final Logger LOG = LoggerFactory.getLogger("backfill.feed");

  private final Ledger ledger;
  private final Share share;
  private final Stop stop;
  private final Pace source;
  private final Retry retry;
  private final Progress progress;
  private final int size;
  private final int concurrency;
  private final long started;
  private long ids;
  private final Span span;
  private final EarlierJob earlier;
  private final LaterIds later;

  private final Deque<BatchWork> ready = new ArrayDeque<>();
  private final Unechoed unechoed;

  /** Changed by holders of this object's lock only; read by whoever watches the run, without it. */
  private final Set<BatchWork> inFlight = ConcurrentHashMap.newKeySet();

  /**
   * Batches that failed while nothing else was answered: the source may be at fault, not they.
   * Changed and read as those in flight are.
   */
  private final List<Suspect> suspects = new CopyOnWriteArrayList<>();

  private final Claims claims;

  /** A batch that failed with all its attempts, and with what. */
  private record Suspect(BatchWork batch, Throwable failure) {}

  private boolean failedTakenUp;

  /** When it last looked for batches of members that have ended, by {@link System#nanoTime}. */
  private long lookedForFreed = System.nanoTime();

  /** When the ledger is counted next, by {@link System#nanoTime}. */
  private long recountAt = System.nanoTime() + RECOUNT_NANOS;

  /** Whether nothing is left to do here, while other members still work on the job. */
  private volatile boolean othersWork;

  private long probedAt;
  private boolean ended;

  /**
   * @param size ids a batch
   * @param concurrency batches in flight
   * @param span how wide ranges are; null where ids are no ranges
   * @param earlier the job that has the ids first that both ask for
   * @param later the ids that are known when all others are done
   */
  Feed(
      Ledger ledger,
      JobRun.Options options,
      Stop stop,
      Pace source,
      Retry retry,
      Progress progress,
      int size,
      int concurrency,
      Span span,
      EarlierJob earlier,
      LaterIds later) {
    this.ledger = ledger;
    this.share = options.share();
    this.stop = stop;
    this.source = source;
    this.retry = retry;
    this.progress = progress;
    this.size = size;
    this.concurrency = concurrency;
    this.ids = options.limit();
    this.failedTakenUp = options.helps();
    this.started = ledger.now();
    this.span = span;
    this.earlier = earlier;
    this.later = later;
    this.claims = new Claims(ledger, share, earlier, this::shaped);
    this.unechoed = new Unechoed(ledger, share, size);
    resume(ledger.open(share));
    stop.listen(
        () -> {
          synchronized (this) {
            notifyAll();
          }
        });
  }

  /**
   * Never waits: the splitter asks for a next one while it still holds the last one back. It
   * changes with next() alone: where it is false after it was true, the splitter ends without
   * waiting for the batches in flight.
   */
  @Override
  public synchronized boolean hasNext() {
    return !ended;
  }

  /**
   * Waits until a batch may be handed out.
   *
   * @return the batch, or an empty one when there will be none, which the idempotent consumer skips
   */
  @Override
  public synchronized BatchWork next() {
    try {
      while (!stop.asked()) {
        if (inFlight.size() < concurrency && available()) {
          BatchWork batch = ready.poll();
          progress.waiting(false);
          lookBeside(batch);
          inFlight.add(batch);
          batch.takenUp();
          return batch;
        }
        if (inFlight.isEmpty() && ready.isEmpty() && suspects.isEmpty()) {
          progress.waiting(isLater());
          if (!isLater() && !cameMeanwhile()) {
            othersWork = ids > 0 && ledger.othersWork();
            if (!othersWork && !cameLater()) {
              break;
            }
          }
          if (!ready.isEmpty()) {
            continue;
          }
        }
        wait(suspects.isEmpty() ? 1000 : 200);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    ended = true;
    return new BatchWork(Batch.none(ledger.job()));
  }

  /** Whether something is left that another job has first. */
  private boolean isLater() {
    return ids > 0 && claims.hasLeftIds() || claims.hasLeftBatches();
  }

  /** Lets a batch look into the table where another job may have stored rows of its ids. */
  private void lookBeside(BatchWork batch) {
    if (!batch.isCheck() && earlier.hasAny(batch.getIds())) {
      batch.look();
    }
  }

  /** Whether another process has added ids behind the place that the batches had come to. */
  private boolean cameMeanwhile() {
    take(claims.startAgain(), null);
    claim();
    return !ready.isEmpty() || isLater();
  }

  /**
   * Whether the next stage of the pass has ids, which are ready then, or may have some soon.
   *
   * @throws ClickHouseException where it does not tell
   */
  private boolean cameLater() {
    long added = ids > 0 ? later.add() : -1;
    if (added > 0) {
      progress.came(added);
    }
    return added >= 0 && (cameMeanwhile() || added == 0);
  }

  private boolean available() {
    takeUpSuspects();
    long now = System.nanoTime();
    if (ready.isEmpty() && now - lookedForFreed > FREED_EVERY_NANOS) {
      lookedForFreed = now;
      resume(ledger.freed(share));
    }
    // where nothing is answered, no more of the list is begun than is in flight otherwise
    if (ready.isEmpty() && suspects.size() < concurrency) {
      claim();
    }
    if (ready.isEmpty() && !suspects.isEmpty()) {
      probe();
    }
    return !ready.isEmpty();
  }

  private void claim() {
    boolean more = true;
    while (ready.isEmpty() && more) {
      take(unechoed.full(), null);
      if (!ready.isEmpty()) {
        return;
      }
      if (ids > 0 && claims.goesOn()) {
        claimPending();
      } else if (isLater()) {
        more = claims.isDue();
        if (more) {
          take(claims.startAgain(), null);
        }
      } else if (!inFlight.isEmpty()) {
        // answers to come may leave out ids too
        more = false;
      } else if (ids > 0 && !failedTakenUp) {
        takeUpFailed();
      } else {
        take(unechoed.rest(), null);
        more = false;
      }
    }
  }

  private void claimPending() {
    int batchSize = (int) Math.min(size, ids);
    List<Batch> claimed =
        claims.next(batchSize, (int) Math.max(1, Math.min(concurrency, ids / batchSize)));
    for (Batch batch : claimed) {
      ids -= batch.size();
      progress.took(batch.size());
    }
    take(claimed, null);
  }

  /** What failed in an earlier run is pending again; what failed in this run waits for the next. */
  private void takeUpFailed() {
    failedTakenUp = true;
    long again = ledger.retryFailed(started, share);
    if (again > 0) {
      progress.moved(again);
      if (progress.job().idKind() == IdKind.RANGE) {
        progress.numbers(ledger.numbers(share));
      }
      claims.add(Mode.AGAIN);
      // those of a pass that replaces rows
      claims.add(Mode.REDO);
    }
  }

  /**
   * Ranges as wide as they are asked for now. A worker's own are not neighbours, but too wide ones
   * are cut.
   */
  private List<String> shaped(List<String> found) {
    if (span == null) {
      return found;
    }
    List<String> shaped = span.shaped(found);
    progress.came(shaped.size() - found.size());
    return shaped;
  }

  /**
   * Tries those again that failed before the source answered a request which left later. Where that
   * was so often enough, the batch is at fault. How long ago the source answered something says
   * nothing: it may be down since.
   */
  private void takeUpSuspects() {
    List<Suspect> answeredSince =
        suspects.stream().filter(suspect -> source.answeredSince(since(suspect.batch()))).toList();
    if (!answeredSince.isEmpty()) {
      probedAt = 0;
      suspects.removeAll(answeredSince);
    }
    for (Suspect suspect : answeredSince) {
      BatchWork batch = suspect.batch();
      if (batch.failures().tryAgain() < trials(batch, suspect.failure())) {
        ready.addFirst(batch);
      } else {
        blame(batch, suspect.failure());
      }
    }
  }

  /**
   * Since when another request has to be answered so that the batch, not the source, is at fault.
   * Of a half that is refused as the whole was, the other half shows it, which left at the same
   * time.
   */
  private static long since(BatchWork batch) {
    return batch.getSize() > 1 ? batch.failures().lastOfWhole() : batch.failures().last();
  }

  private void probe() {
    long now = System.currentTimeMillis();
    if (inFlight.isEmpty()
        && now - probedAt >= PROBE_EVERY_MILLIS
        && retry.patient(source, String.valueOf(source.trouble()))) {
      probedAt = now;
      Batch probe = ledger.probe(progress.job().idKind().nobody());
      if (probe != null) {
        ready.add(new BatchWork(probe));
      } else {
        // there is nothing else to ask for: the id itself shows when that changes
        retry.tell(source, true);
        BatchWork suspect = suspects.remove(0).batch();
        suspect.failures().reset();
        ready.add(suspect);
      }
    }
  }

  private void resume(List<Batch> batches) {
    batches.forEach(batch -> progress.resumed(batch.size()));
    take(claims.resumed(batches), null);
  }

  /**
   * Makes batches ready that are in the ledger; those that are to be asked together wait. Parts of
   * a batch that failed come first, so that others are asked while the one at fault is looked for.
   *
   * @param whole the batch that they are parts of; null where there is none
   */
  private void take(List<Batch> batches, BatchWork whole) {
    for (Batch batch : batches) {
      if (batch.kind() == Batch.Kind.UNECHOED) {
        unechoed.add(batch);
      } else if (whole != null && batch.kind() == Batch.Kind.HALF) {
        ready.addFirst(whole.part(batch));
      } else {
        ready.add(new BatchWork(batch));
      }
    }
  }

  /**
   * How often a batch is taken up. To halve a half costs little; before an id fails, the batch is
   * tried once more, unless the source has said the same of all larger ones.
   */
  private int trials(BatchWork batch, Throwable failure) {
    boolean certain = batch.failures().isInherited() && retry.isCertain(batch, failure);
    return certain || batch.getKind() == Batch.Kind.HALF && batch.getSize() > 1 ? 1 : 2;
  }

  /** The batch's rows are stored: marks its ids. */
  void done(BatchWork batch) throws ImbalanceException {
    if (batch.getKind() == Batch.Kind.PROBE) {
      release(batch, List.of());
      return;
    }
    retry.stored();
    Set<String> unanswered = new HashSet<>(batch.getIds());
    unanswered.removeAll(batch.outcomes().keySet());
    batch.missing().forEach(unanswered::remove);
    Job job = progress.job();
    if (!unanswered.isEmpty() && !job.isOneIdARequest() && !job.isAskedInParts(batch)) {
      throw new ImbalanceException(
          "batch " + batch + ": no outcome recorded for " + unanswered.size() + " ids");
    }
    batch.enter(Step.LEDGER);
    // what was not asked for because the run is ending waits for the next one as it is
    List<Batch> followers = ledger.complete(batch, stop.asked() ? Set.of() : unanswered, share);
    batch.enter(null);
    if (span != null && batch.getKind() == Batch.Kind.FIRST && !batch.outcomes().isEmpty()) {
      span.answered(batch.rows().fetched(), batch.getSize());
    }
    progress.done(batch);
    release(batch, followers);
  }

  private void cut(String id, List<String> parts) {
    progress.came(parts.size() - 1);
    progress.resumed(parts.size() - 1);
    if (span != null) {
      span.refused(Ranges.width(id));
    }
  }

  /**
   * A page of the batch is stored. The one of a probe was enough.
   *
   * @throws RejectedExecutionException where the run is ending: the next one goes on behind this
   *     page
   */
  void page(BatchWork batch) {
    if (batch.getKind() == Batch.Kind.PROBE) {
      batch.pages().end();
      return;
    }
    retry.stored();
    progress.page(batch);
    batch.enter(Step.LEDGER);
    ledger.page(batch);
    batch.enter(null);
    lookBeside(batch);
    if (stop.asked()) {
      throw new RejectedExecutionException("the run is ending");
    }
  }

  /** The batch failed with all its attempts: halves it, or sees whether its one id is to blame. */
  void failed(BatchWork batch, Throwable failure) {
    LOG.debug("batch {} failed", batch, failure);
    if (stop.asked() || batch.getKind() == Batch.Kind.PROBE) {
      release(batch, List.of());
      return;
    }
    boolean kept = batch.kept().any();
    batch.forgetAnswer();
    if (kept) {
      batch.kept().pageByPage();
      synchronized (this) {
        ready.add(batch);
        release(batch, List.of());
      }
      return;
    }
    // a failure is the batch's own fault only if other batches are answered
    // behind it, unless an answer came that is at fault itself or will not change
    boolean own =
        Retry.find(failure, ClickHouseException.class) != null
            || Retry.find(failure, RefusalException.class) != null
            || Retry.find(failure, TooLargeException.class) != null
                && progress.job().isDivisible(batch)
            || batch.failures().behindAnswer();
    if (own) {
      blame(batch, failure);
    } else {
      source.trouble(retry.why(source, failure));
      synchronized (this) {
        suspects.add(new Suspect(batch, failure));
        release(batch, List.of());
      }
    }
  }

  /** Another member has the batch by now: nothing of it is stored or marked here any more. */
  void fenced(BatchWork batch) {
    retry.tellFenced(batch);
    progress.lost(batch.getSize());
    release(batch, List.of());
  }

  private void blame(BatchWork batch, Throwable failure) {
    try {
      divide(batch, failure);
    } catch (FencedException e) {
      fenced(batch);
    }
  }

  /** Halves a batch that is at fault, cuts its one id, or marks that as failed. */
  private void divide(BatchWork batch, Throwable failure) {
    if (batch.getSize() > 1) {
      release(batch, ledger.halve(batch, share));
      return;
    }
    String id = batch.getIds().get(0);
    List<String> parts = progress.job().idKind().parts(id);
    if (parts.isEmpty()) {
      Outcome outcome = Outcome.failed(batch.failures().status(), Retry.reason(failure));
      ledger.fail(batch, outcome);
      batch.outcomes().put(id, outcome);
      retry.tellFailed(batch, outcome.reason());
      progress.done(batch);
      release(batch, List.of());
    } else {
      List<Batch> followers = ledger.cut(batch, parts, share);
      cut(id, parts);
      progress.done(batch);
      release(batch, followers);
    }
  }

  Ledger ledger() {
    return ledger;
  }

  /**
   * Lets the progress show what other members have done too: every ten seconds, and of a ledger
   * that takes long to count, a twentieth of the time.
   */
  void recount() {
    long now = System.nanoTime();
    if (ledger.isShared() && now >= recountAt) {
      progress.recounted(ledger.counts(share), span == null ? null : ledger.numbers(share));
      long took = System.nanoTime() - now;
      recountAt = now + Math.max(RECOUNT_NANOS, 50 * took);
    }
  }

  synchronized void release(BatchWork batch, List<Batch> followers) {
    inFlight.remove(batch);
    batch.putDown();
    take(followers, batch);
    notifyAll();
  }

  // The next three take no lock: whoever holds it may wait for the ledger, and the watch of a run
  // waits for nobody.

  /** Whether any batch is in flight, or waits until the source answers. */
  boolean isActive() {
    return !inFlight.isEmpty() || !suspects.isEmpty();
  }

  /** When any batch in flight last moved, by {@link System#nanoTime}; now where none is. */
  long movedAt() {
    return inFlight.stream().mapToLong(BatchWork::movedAt).max().orElse(System.nanoTime());
  }

  /** What the batches in flight wait for, in words. */
  String waitsFor(String sourceName) {
    if (inFlight.isEmpty() && suspects.isEmpty()) {
      return othersWork ? "other members work on what is left" : "no batch is in flight";
    }
    return Waits.of(inFlight, suspects.size(), sourceName);
  }
}
