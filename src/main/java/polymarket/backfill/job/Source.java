package polymarket.backfill.job;

import java.util.concurrent.atomic.AtomicLong;
import polymarket.backfill.ledger.Share;

/**
 * What is known of a source while a run goes on: its turns, its answers, and whether it asked for a pause. One object a
 * source, used by all its callers.
 */
public final class Source {

    private final String name;
    private final Share share;
    private final double fraction;

    private final AtomicLong requests = new AtomicLong();
    private final AtomicLong retries = new AtomicLong();
    private volatile long lastAnswer = System.currentTimeMillis();
    private volatile long lastTrouble;
    private volatile String trouble;
    private volatile long pausedUntil;
    private double firstTurn;
    private double lastTurn;
    /** The time that the turns since the first one take at the pace of each. */
    private double taken;
    private volatile double limit;
    private int late;

    /**
     * @param share the part of the pace that this process takes
     * @param fraction a further part of it, for a gentler run; 1 for all of it
     */
    Source(String name, Share share, double fraction) {
        this.name = name;
        this.share = share;
        this.fraction = fraction;
    }

    public String name() {
        return name;
    }

    /**
     * Takes the next turn. Turns stand on a grid of the clock, evenly spread, so that no window of any position holds
     * more of them than the limit; workers take every M-th of the same grid, which is how they share the limit without
     * speaking to each other. For a request that left late, one is left out.
     *
     * @param permits requests in a period
     * @param periodMillis the period
     * @param calls how many requests it counts as
     * @return milliseconds to wait from now
     */
    synchronized long turn(double permits, long periodMillis, int calls) {
        double step = periodMillis / (permits * fraction);
        limit = permits * fraction / share.of() * 1000 / periodMillis;
        long now = System.currentTimeMillis();
        // the last turn counts by its time, because a pace that was changed meanwhile has another grid
        long slot = Math.max((long) Math.ceil(Math.max(now, pausedUntil) / step),
                (long) Math.ceil(lastTurn / step + 0.999 * share.of()));
        slot += Math.floorMod(share.worker() - 1 - slot, share.of()) + (long) late * share.of();
        late = 0;
        double turn = slot * step;
        lastTurn = (slot + (calls - 1.0) * share.of()) * step;
        if (firstTurn == 0) {
            firstTurn = turn;
            taken = -step * share.of();
        }
        taken += calls * step * share.of();
        requests.addAndGet(calls);
        return Math.max(0, Math.round(turn) - now);
    }

    /**
     * A request leaves. One that is late by more than the route's throttle allows for comes on top of the full window that
     * begins with it, so a later turn makes up for it. Late is what took longer than half a percent of the period: of the
     * one percent that a source route keeps below its limit, half is left for the way.
     *
     * @param turn when it should have left, in epoch milliseconds
     */
    synchronized void left(long turn, long periodMillis) {
        if (System.currentTimeMillis() - turn > periodMillis / 200) {
            late++;
        }
    }

    /** All turns wait until then; it asked for that. */
    synchronized void pause(long millis) {
        pausedUntil = Math.max(pausedUntil, System.currentTimeMillis() + millis);
    }

    void answered() {
        lastAnswer = System.currentTimeMillis();
    }

    void retried(String why) {
        retries.incrementAndGet();
        trouble(why);
    }

    void trouble(String why) {
        trouble = why;
        lastTrouble = System.currentTimeMillis();
    }

    /** What it answered last when it did not answer well; null where it does now. */
    public String trouble() {
        return lastAnswer >= lastTrouble ? null : trouble;
    }

    /** When it last answered well, in epoch milliseconds; the run's start where it has not yet. */
    public long lastAnswer() {
        return lastAnswer;
    }

    public long requests() {
        return requests.get();
    }

    public long retries() {
        return retries.get();
    }

    /** Requests a second that this process may make; 0 before the first. */
    public double limit() {
        return limit;
    }

    /** The part of its limit that was used, from the first turn to the last; 0 where there were fewer than two. */
    public synchronized double used() {
        double span = lastTurn - firstTurn;
        return span <= 0 ? 0 : taken / span;
    }

    public long pausedUntil() {
        return pausedUntil;
    }
}
