package polymarket.backfill.run;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.source.Pace;
import polymarket.backfill.source.Retry;

/** Watches the jobs of a run: publishes how far they are, and ends the run where nothing moves. */
final class RunWatch {

  /** How long what is in flight may take after a stop was asked for. */
  private static final long FINISH_MILLIS = 10_000;

  /** Five minutes, unless a test has no time for them. */
  private static final long STALLED_MILLIS = Long.getLong("backfill.stalled-millis", 300_000);

  /**
   * How much longer than the patience a step may take before nothing is expected of it: half a
   * minute, unless a test has no time for it.
   */
  private static final Duration STEP_MARGIN =
      Duration.ofMillis(Long.getLong("backfill.step-margin-millis", 30_000));

  private final ClickHouse clickHouse;
  private final Stop stop;
  private final Retry retry;
  private final Duration patience;
  private final JobRun.Watcher watcher;
  private final Messages messages;
  private final List<Progress> progress = new ArrayList<>();
  private final List<Feed> feeds = new ArrayList<>();
  private final Map<Pace, String> troubles = new HashMap<>();

  /**
   * @param patience how long the run waits for a source that gives no good answer
   */
  RunWatch(
      ClickHouse clickHouse,
      Stop stop,
      Retry retry,
      Duration patience,
      JobRun.Watcher watcher,
      Messages messages) {
    this.clickHouse = clickHouse;
    this.stop = stop;
    this.retry = retry;
    this.patience = patience;
    this.watcher = watcher;
    this.messages = messages;
  }

  void add(Progress job, Feed feed) {
    progress.add(job);
    feeds.add(feed);
  }

  List<Progress> progress() {
    return progress;
  }

  /**
   * Waits for the jobs to end; after a stop, for as long as what is in flight may take.
   *
   * @return whether they ended
   */
  boolean await(List<Future<?>> running) throws InterruptedException {
    long stoppedAt = 0;
    long nextTick = 0;
    while (true) {
      boolean all = true;
      for (Future<?> job : running) {
        try {
          job.get(100, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
          all = false;
        } catch (ExecutionException e) {
          UserError told = Retry.find(e, UserError.class);
          stop.ask(ExitCode.ERROR, told != null ? told.getMessage() : Retry.reason(e));
        }
      }
      if (all) {
        return true;
      }
      long now = System.currentTimeMillis();
      if (now >= nextTick) {
        nextTick = now + 1000;
        keepClickHouse();
        if (!stop.asked()) {
          feeds.forEach(Feed::recount);
        }
        progress.forEach(job -> job.publish(job.snapshot(RunState.RUNNING)));
        watcher.tick(progress);
        watch();
      }
      if (stop.asked()) {
        stoppedAt = stoppedAt == 0 ? now : stoppedAt;
        if (now - stoppedAt > FINISH_MILLIS) {
          return false;
        }
      }
    }
  }

  /** The embedded engine may have been killed; the batches in flight wait for it. */
  private void keepClickHouse() {
    try {
      if (clickHouse.revive()) {
        messages.warn(clickHouse.where() + " had ended and was started again");
      }
    } catch (UserError e) {
      messages.warn(e.getMessage());
    }
  }

  /**
   * Says what has changed, and what is waited for where nothing has moved for a while. Ends the run
   * where something takes longer than {@code source.patience}, whatever the threads are doing.
   */
  private void watch() {
    for (int i = 0; i < progress.size(); i++) {
      Progress job = progress.get(i);
      Pace source = job.source();
      String trouble = source.trouble();
      String told = source.told();
      String before = troubles.put(source, told == null ? "" : told);
      if (trouble == null && before != null && !before.isEmpty()) {
        messages.info(source.name() + " answers again");
      }
      Feed feed = feeds.get(i);
      if (trouble != null && feed.isActive()) {
        retry.patient(source, trouble);
      }
      if (System.nanoTime() - feed.movedAt() > patience.plus(STEP_MARGIN).toNanos()) {
        stop.ask(
            ExitCode.GAVE_UP,
            "gave up: nothing of "
                + job.job().getName()
                + " moved for "
                + Messages.time(patience.toMillis())
                + " (source.patience): "
                + feed.waitsFor(source.name())
                + ". Run the same command again later");
      }
      if (job.idleMillis() > STALLED_MILLIS && !job.isWaiting() && !job.hasEnded()) {
        messages.warn(
            "no progress of "
                + job.job().getName()
                + " for "
                + Messages.time(job.idleMillis() / 1000 * 1000)
                + ": "
                + feed.waitsFor(source.name())
                + (trouble == null ? "" : " (" + source.name() + ": " + trouble + ")"));
        job.stirred();
      }
    }
  }
}
