package polymarket.backfill.run;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import polymarket.backfill.Daemons;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.AwayException;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.SharedLedgers;

/**
 * Keeps a pipeline to this machine among those that share ledgers: its steps are members like
 * others, but who starts them is one.
 */
public final class Conductor implements AutoCloseable {

  private static final int AGAIN_SECONDS = 2;
  private static final int LOOK_MILLIS = 200;

  private final SharedLedgers cluster;
  private final String pipeline;
  private final Messages messages;
  private final Consumer<String> stop;
  private final ScheduledExecutorService again = Daemons.clock("conductor");
  private final Duration patience;
  private Member member;
  private String refused;
  private boolean closed;

  private Conductor(
      SharedLedgers cluster,
      String pipeline,
      Duration patience,
      Messages messages,
      Consumer<String> stop) {
    this.patience = patience;
    this.cluster = cluster;
    this.pipeline = pipeline;
    this.messages = messages;
    this.stop = stop;
  }

  /**
   * @param stop is told why the pipeline is to stop: another machine has begun it while the
   *     database did not answer here
   * @return null where ledgers are not shared
   * @throws UserError where another machine runs the pipeline
   */
  public static Conductor of(
      Settings settings, String pipeline, Messages messages, Consumer<String> stop) {
    SharedLedgers cluster = SharedLedgers.of(settings);
    if (cluster == null) {
      return null;
    }
    Conductor conductor =
        new Conductor(cluster, pipeline, settings.duration("source.patience"), messages, stop);
    conductor.take();
    return conductor;
  }

  /** What one machine at a time does, for {@link SharedLedgers#holder}. */
  public static String named(String pipeline) {
    return "pipeline " + pipeline;
  }

  /** The shared database. */
  public SharedLedgers cluster() {
    return cluster;
  }

  /** The pipeline's name. */
  public String pipeline() {
    return pipeline;
  }

  /**
   * The member that runs the pipeline: this process, as it joined last.
   *
   * @throws AwayException where this machine does not run the pipeline at this instant
   */
  public synchronized Member lead() {
    member.requireMember();
    return member;
  }

  /**
   * Waits until this machine runs the pipeline again, after the database did not answer.
   *
   * @throws UserError where another machine runs it by now, or the database does not answer for too
   *     long
   */
  public void await(AwayException away) {
    long until = System.nanoTime() + patience.toNanos();
    while (System.nanoTime() < until) {
      synchronized (this) {
        if (refused != null) {
          throw new UserError(refused, away);
        }
        if (member.lost() == null) {
          return;
        }
      }
      try {
        TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw away;
      }
    }
    throw away;
  }

  private synchronized void take() {
    if (closed) {
      return;
    }
    String what = named(pipeline);
    Member joined = Member.join(cluster, List.of(what), this::lost);
    SharedLedgers.Holder holder = joined.hold(what);
    if (holder != null) {
      joined.close();
      throw new UserError(
          what
              + " is run by "
              + holder
              + ": one machine at a time runs it; `backfill join` helps with its jobs");
    }
    member = joined;
  }

  /** Its steps wait for the database by themselves. */
  private void lost(String why) {
    messages.warn(why + "; joining again when it does");
    again.schedule(this::takeAgain, AGAIN_SECONDS, TimeUnit.SECONDS);
  }

  private void takeAgain() {
    try {
      take();
    } catch (AwayException e) {
      again.schedule(this::takeAgain, AGAIN_SECONDS, TimeUnit.SECONDS);
    } catch (UserError e) {
      synchronized (this) {
        refused = e.getMessage();
      }
      stop.accept(e.getMessage());
    }
  }

  @Override
  public void close() {
    again.shutdownNow();
    synchronized (this) {
      closed = true;
      if (member != null) {
        member.close();
      }
    }
  }
}
