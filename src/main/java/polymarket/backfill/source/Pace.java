package polymarket.backfill.source;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import polymarket.backfill.Messages;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedPace;

/**
 * The state of a source during a run: its turns, its answers, and pauses that it asked for. All
 * callers of a source share one object.
 */
public final class Pace {

  /** How old an unused turn may be, in milliseconds; half a period if that is shorter. */
  private static final long CATCH_UP = 2000;

  /** The milliseconds from which on the use of a limit is measured. */
  private static final long MEASURED = 1000;

  /** So many late turns of a request are given up before the turns of all are delayed. */
  private static final int GIVEN_UP = 2;

  private final String name;
  private final Share share;
  private final double fraction;
  private final LongSupplier clock;

  /** Null where this process, or the workers of this machine, have the limit for themselves. */
  private final SharedPace shared;

  private final AtomicLong requests = new AtomicLong();
  private final Map<String, Long> requestsOf = new ConcurrentHashMap<>();
  private final Map<String, Long> retriesOf = new ConcurrentHashMap<>();
  private final Map<String, Long> answers = new ConcurrentSkipListMap<>();
  private final AtomicBoolean circuitOpen = new AtomicBoolean();
  private volatile String throttle = "";
  private volatile long lastAnswer;

  /** When the latest request was sent that got a good answer. */
  private long lastAnswered;

  /** The source's current failure and its start; null and 0 if it answers well. */
  private String trouble;

  private long troubleSince;

  /** Whether the user was told of it, and that its circuit breaker opened meanwhile. */
  private boolean told;

  private boolean toldCircuit;

  private volatile long pausedUntil;
  private double firstTurn;
  private double lastTurn;

  /** The time that the turns since the first one take, each at its pace. */
  private double taken;

  private boolean changed;

  private volatile double limit;

  /**
   * The grid of the last turn, its start, and the slots that were used late, with the delays in
   * milliseconds.
   */
  private double step;

  private long since;

  /** How old its turns may be. */
  private long catchUp;

  private final TreeMap<Long, Long> late = new TreeMap<>();

  /** Turns that were given back before their time: the start of each, by its end. */
  private final TreeMap<Double, Double> givenBack = new TreeMap<>();

  private int leftOut;

  /**
   * A request's turn.
   *
   * @param waitMillis the wait from when the turn was taken
   * @param slot its number on the grid, whose slots are {@code step} milliseconds apart
   * @param reserved the turn among those of all members; null where the pace is not shared
   */
  record Turn(
      Pace source,
      long waitMillis,
      long slot,
      double step,
      long periodMillis,
      int calls,
      SharedPace.Turn reserved) {

    /** How many milliseconds a reserved turn would be late if its request was sent now. */
    double late() {
      return (System.nanoTime() - reserved.dueNanos()) / 1e6 + reserved.unsureMillis();
    }

    /**
     * So many milliseconds late is on time: a fifth of what a source route stays below its limit.
     */
    double tolerance() {
      return periodMillis / 500.0;
    }

    /** So late does not exceed the limit yet: the rest is for network delays. */
    double allowance() {
      return periodMillis * 6 / 1000.0;
    }

    private Turn sentAt(long nanos) {
      return new Turn(
          source, waitMillis, slot, step, periodMillis, calls, new SharedPace.Turn(nanos, 0));
    }
  }

  /**
   * @param share this process's share of the pace
   * @param fraction a further fraction of it, for a slower run; 1 for all of it
   */
  Pace(String name, Share share, double fraction) {
    this(name, share, fraction, System::currentTimeMillis, null);
  }

  /** Where members on several machines share the limit. */
  Pace(String name, double fraction, SharedPace shared) {
    this(name, Share.WHOLE, fraction, System::currentTimeMillis, shared);
  }

  /**
   * @param clock the time in epoch milliseconds
   */
  Pace(String name, Share share, double fraction, LongSupplier clock) {
    this(name, share, fraction, clock, null);
  }

  private Pace(String name, Share share, double fraction, LongSupplier clock, SharedPace shared) {
    this.shared = shared;
    this.name = name;
    this.share = share;
    this.fraction = fraction;
    this.clock = clock;
    lastAnswer = clock.getAsLong();
  }

  public String name() {
    return name;
  }

  /**
   * Goes on with the turns of another pace of the same source, as of what this process asked it
   * before: windows do not end with it.
   */
  void after(Pace other) {
    synchronized (other) {
      step = other.step;
      since = other.since;
      lastTurn = other.lastTurn;
      leftOut = other.leftOut;
      late.putAll(other.late);
    }
  }

  /**
   * Takes the next turn. Turns are evenly spaced on a grid of the clock, so that no window has more
   * of them than the limit; workers take every M-th turn of the same grid, and so share the limit
   * without communication. The turn a period after a late request is delayed by the same time. A
   * turn that has just passed unused can still be taken, as a late one; if turns a period apart
   * belong to different workers, it is lost.
   *
   * @param permits the requests per period
   * @param periodMillis the period
   * @param calls how many requests this one counts as
   */
  synchronized Turn turn(double permits, long periodMillis, int calls) {
    if (shared != null) {
      changed |= firstTurn != 0 && step != periodMillis / (permits * fraction);
      step = periodMillis / (permits * fraction);
      limit = permits * fraction * 1000 / periodMillis;
      requests.addAndGet(calls);
      Turn turn = reserved(step, periodMillis, calls);
      double at = clock.getAsLong() + turn.waitMillis();
      if (firstTurn == 0) {
        firstTurn = at;
        taken = -step;
      }
      taken += calls * step;
      lastTurn = at;
      return turn;
    }
    long now = clock.getAsLong();
    if (step != periodMillis / (permits * fraction)) {
      changed |= firstTurn != 0;
      step = periodMillis / (permits * fraction);
      since = now;
      late.clear();
    }
    throttle = Messages.count(Math.round(permits)) + " requests in " + Messages.time(periodMillis);
    limit = permits * fraction / share.of() * 1000 / periodMillis;
    catchUp = Math.min(CATCH_UP, periodMillis / 2);
    long from = slots(periodMillis) % share.of() == 0 ? Math.max(now - catchUp, since) : now;
    // the last turn counts by its time, because a changed pace has a different grid
    long slot =
        Math.max(
            (long) Math.ceil(Math.max(from, pausedUntil) / step),
            (long) Math.ceil(lastTurn / step + 0.999 * share.of()));
    slot += Math.floorMod(share.worker() - 1 - slot, share.of()) + (long) leftOut * share.of();
    leftOut = 0;
    double turn = slot * step;
    lastTurn = (slot + (calls - 1.0) * share.of()) * step;
    if (firstTurn == 0) {
      firstTurn = turn;
      taken = -step * share.of();
    }
    taken += calls * step * share.of();
    requests.addAndGet(calls);
    long later = 0;
    for (int i = 0; i < calls; i++) {
      Long by = late.get(slot + (long) i * share.of() - slots(periodMillis));
      later = Math.max(later, by == null ? 0 : by);
    }
    return new Turn(
        this, Math.max(0, Math.round(turn) + later - now), slot, step, periodMillis, calls, null);
  }

  private Turn reserved(double stepMillis, long periodMillis, int calls) {
    SharedPace.Turn turn = shared.reserve(name, stepMillis, calls, periodMillis);
    long wait = Math.max(0, (turn.dueNanos() - System.nanoTime()) / 1_000_000);
    return new Turn(this, wait, 0, stepMillis, periodMillis, calls, turn);
  }

  /**
   * The turn that a request is sent with, now. One that is late would exceed the limit of the
   * window that starts with it, unless all turns that are not reserved yet come later by the same
   * time. So they are delayed, where the turn a period later is still free and that costs less than
   * another turn; otherwise the turn is given up, because other members have gone on meanwhile.
   */
  Turn onTime(Turn turn) throws InterruptedException {
    if (shared == null) {
      return turn;
    }
    Turn now = turn;
    for (int givenUp = 0; ; givenUp++) {
      TimeUnit.NANOSECONDS.sleep(now.reserved().dueNanos() - System.nanoTime());
      double late = now.late();
      if (late <= now.tolerance()) {
        return now;
      }
      boolean cheaper = late <= now.step() || givenUp >= GIVEN_UP;
      if (cheaper && shared.later(name, late, now.periodMillis() - late)) {
        return now.sentAt(System.nanoTime());
      }
      if (late <= now.allowance()) {
        return now;
      }
      now = reserved(now.step(), now.periodMillis(), now.calls());
    }
  }

  private long slots(long periodMillis) {
    return Math.max(1, (long) (periodMillis / step + 1e-6));
  }

  /**
   * Records that a request is sent. One that is later than the route's throttle allows for would
   * exceed the limit of the full window that starts with it, so the turn a period later is delayed
   * by the same time; if that turn belongs to another worker, one turn is skipped. A request is
   * late if its delay exceeds a fifth of the one percent by which a source route stays below its
   * limit (half of it if a turn would be skipped): the rest is for network delays, which cannot be
   * measured here.
   */
  void left(Turn turn) {
    if (shared == null) {
      leftLate(turn);
    } else if (turn.late() > turn.tolerance()) {
      shared.later(name, turn.late(), Double.POSITIVE_INFINITY);
    }
  }

  private synchronized void leftLate(Turn turn) {
    long slots = slots(turn.periodMillis());
    boolean others = slots % share.of() != 0;
    long by =
        clock.getAsLong()
            - Math.round(turn.slot() * turn.step())
            - turn.periodMillis() / (others ? 200 : 500);
    if (by <= 0 || turn.step() != step) {
      return;
    }
    if (others) {
      leftOut += turn.calls();
      return;
    }
    late.headMap(turn.slot() - 2 * slots).clear();
    for (int i = 0; i < turn.calls(); i++) {
      late.put(turn.slot() + (long) i * share.of(), by);
    }
  }

  /** Delays all turns until this time, because the source asked for it. */
  void pause(long millis) {
    if (shared != null) {
      shared.pause(name, millis);
    }
    notePause(millis);
  }

  private synchronized void notePause(long millis) {
    pausedUntil = Math.max(pausedUntil, clock.getAsLong() + millis);
  }

  /**
   * Records a good answer.
   *
   * @param asked when the request was sent: an answer to a request from before a failure does not
   *     show that the failure is over
   */
  synchronized void answered(long asked) {
    lastAnswer = clock.getAsLong();
    lastAnswered = Math.max(lastAnswered, asked);
    if (asked >= troubleSince) {
      trouble = null;
      troubleSince = 0;
      told = false;
      toldCircuit = false;
    }
  }

  /** Whether a request sent after this instant, in epoch milliseconds, got a good answer. */
  public synchronized boolean answeredSince(long instant) {
    return lastAnswered > instant;
  }

  /**
   * Takes back that a request was counted when its turn was taken: it was not sent. A turn whose
   * time has not come is free again, if none after it is taken: while a route is reloaded, all
   * calls that wait give theirs back.
   */
  synchronized void unsent(Turn turn) {
    requests.addAndGet(-turn.calls());
    taken -= turn.calls() * turn.step() * share.of();
    double start = turn.slot() * turn.step();
    double now = clock.getAsLong();
    if (shared != null || start <= now) {
      return;
    }
    double apart = turn.step() * share.of();
    givenBack.headMap(now).clear();
    givenBack.put(start + (turn.calls() - 1) * apart, start);
    // sums of steps differ in their last digits
    while (!givenBack.isEmpty() && givenBack.lastKey() > lastTurn - step / 2) {
      lastTurn = givenBack.pollLastEntry().getValue() - apart;
    }
  }

  /** Counts a request that a job makes once more. */
  void retried(String job) {
    retriesOf.merge(job, 1L, Long::sum);
  }

  /** Records a failure. */
  public synchronized void trouble(String why) {
    if (trouble == null) {
      troubleSince = clock.getAsLong();
    }
    trouble = why;
  }

  /** Whether to tell the user of the current failure: true once for each. */
  public synchronized boolean tell() {
    boolean first = trouble != null && !told;
    told = trouble != null;
    return first;
  }

  /** The current failure, if the user was told of it; otherwise null. */
  public synchronized String told() {
    return told ? trouble : null;
  }

  /** The current failure; null if the source answers well. */
  public synchronized String trouble() {
    return trouble;
  }

  /** When the current failure started, in epoch milliseconds; now if there is none. */
  public synchronized long troubleSince() {
    return trouble == null ? clock.getAsLong() : troubleSince;
  }

  /** Milliseconds until the failure will have lasted this long; 0 if it has. */
  long patienceLeft(Duration patience) {
    return Math.max(0, troubleSince() + patience.toMillis() - clock.getAsLong());
  }

  /** When it last answered well, in epoch milliseconds; the run's start if it has not yet. */
  public long lastAnswer() {
    return lastAnswer;
  }

  /** The requests of all jobs of this process. */
  public long requests() {
    return requests.get();
  }

  /** Those of one job. */
  public long requests(String job) {
    return requestsOf.getOrDefault(job, 0L);
  }

  /** Counts requests of a job; a negative number takes some back. */
  void asks(String job, int calls) {
    requestsOf.merge(job, (long) calls, Long::sum);
  }

  /**
   * Counts an answer.
   *
   * @param status its HTTP status, or "none" for a request without an answer
   */
  void counted(String status) {
    answers.merge(status, 1L, Long::sum);
  }

  /** How many answers it gave, by their HTTP status; "none" for requests without one. */
  public Map<String, Long> answers() {
    return new TreeMap<>(answers);
  }

  /** Records that its circuit breaker let a call through. */
  void circuitClosed() {
    circuitOpen.set(false);
  }

  /**
   * Records that its circuit breaker refused a call.
   *
   * @return whether to tell the user: once until the source answers well again, however often the
   *     breaker lets calls through to try it
   */
  synchronized boolean circuitOpened() {
    circuitOpen.set(true);
    boolean first = !toldCircuit;
    toldCircuit = true;
    return first;
  }

  /** Whether its circuit breaker refused the last call. */
  public boolean isCircuitOpen() {
    return circuitOpen.get();
  }

  /** Its route's throttle, such as "50 requests in 10.1 s"; empty before the first request. */
  public String throttle() {
    return throttle;
  }

  /** How many requests a job made once more. */
  public long retries(String job) {
    return retriesOf.getOrDefault(job, 0L);
  }

  /** Whether the pace was changed since the first turn. */
  public synchronized boolean isChanged() {
    return changed;
  }

  /** Requests a second that this process may make; 0 before the first. */
  public double limit() {
    return limit;
  }

  /**
   * The used share of its limit, from the first turn to the last; null if they are less than a
   * second apart, because a few requests say nothing about a pace.
   */
  public synchronized Double used() {
    double span = firstTurn == 0 ? 0 : lastTurn - firstTurn;
    // turns that were all given back are no use of it
    return span < MEASURED || taken < 0 ? null : taken / span;
  }

  /**
   * The progress of the turns in milliseconds, to be compared with an earlier value: the time that
   * the turns so far take at the pace, and the start of later ones. The first never grows by more
   * than the second.
   */
  public synchronized double[] turns() {
    long now = clock.getAsLong();
    return new double[] {
      taken, firstTurn == 0 ? now : Math.max(now - catchUp, lastTurn + step * share.of())
    };
  }

  public long pausedUntil() {
    return pausedUntil;
  }
}
