package polymarket.backfill.cli;

import java.time.Duration;
import java.util.List;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.AwayException;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.run.RunState;

/**
 * Runs jobs until they end. Where the shared ledger does not answer meanwhile, the run ends without
 * marking anything, waits, and starts again as a new member.
 */
final class MemberRuns {

  /** How often it looks whether the shared ledger answers. */
  private static final long LOOK_MILLIS = 1000;

  private final Settings settings;
  private final Terminal terminal;

  /** What is done with a run before it begins and after it has ended. */
  interface Steps {

    /**
     * Done once, however often the run has to join again.
     *
     * @return how the run ended already; null where it is to begin
     */
    default JobRun.Result before(JobRun run, ClickHouse clickHouse) {
      return null;
    }

    /** Done while the run still has its ledgers. */
    default void after(JobRun run, JobRun.Result result) {}
  }

  MemberRuns(Settings settings, Terminal terminal) {
    this.settings = settings;
    this.terminal = terminal;
  }

  JobRun.Result run(List<Job> jobs, JobRun.Options options, Steps steps) {
    boolean joined = false;
    boolean prepared = false;
    while (true) {
      try (ClickHouse clickHouse = ClickHouse.open(settings);
          JobRun run = new JobRun(settings, jobs, clickHouse, options, terminal)) {
        joined = true;
        // before any step that may have to wait for a source
        Signals.handle(run, terminal);
        JobRun.Result ended = prepared ? null : steps.before(run, clickHouse);
        prepared = true;
        if (ended == null) {
          if (ServedPage.find(settings).isPresent()) {
            run.measure();
          }
          ended = run.run(terminal);
          steps.after(run, ended);
        }
        return ended;
      } catch (AwayException e) {
        if (!joined) {
          throw e;
        }
        JobRun.Result gaveUp = await(e);
        if (gaveUp != null) {
          return gaveUp;
        }
      }
    }
  }

  /**
   * Waits until the shared ledger answers.
   *
   * @return false where the process was interrupted or waited for too long
   */
  boolean isBack(AwayException away) {
    Duration patience = settings.duration("source.patience");
    long until = System.currentTimeMillis() + patience.toMillis();
    terminal.warn(
        away.getMessage()
            + "; nothing is requested or marked without it. Trying again until "
            + Messages.clock(until)
            + " (source.patience)");
    SharedLedgers cluster = SharedLedgers.of(settings);
    while (!Signals.asked() && System.currentTimeMillis() < until) {
      if (cluster.answers()) {
        terminal.info("the shared ledger answers again; joining as a new member");
        return true;
      }
      Signals.askedWithin(LOOK_MILLIS);
    }
    return false;
  }

  /**
   * @return how the run ended, where it was interrupted or waited for too long
   */
  private JobRun.Result await(AwayException away) {
    if (isBack(away)) {
      return null;
    }
    Duration patience = settings.duration("source.patience");
    return Signals.asked()
        ? interrupted()
        : new JobRun.Result(
            ExitCode.GAVE_UP,
            RunState.GAVE_UP,
            "gave up: "
                + away.getMessage()
                + " for "
                + Messages.time(patience.toMillis())
                + " (source.patience). Run the same command again later",
            List.of());
  }

  /** How a run ended that was interrupted while no job of it ran. */
  static JobRun.Result interrupted() {
    return new JobRun.Result(
        ExitCode.INTERRUPTED, RunState.INTERRUPTED, Signals.interrupted(), List.of());
  }
}
