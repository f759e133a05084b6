package polymarket.backfill.run;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.JobLock;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.AwayException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedLedgers;

/**
 * Where the ledgers and the pace of a run are: on this machine, or, with {@code cluster.url}, in a
 * database that machines share, of which the run is a member then.
 */
public final class Membership implements AutoCloseable {

  private static final int TURN_MILLIS = 100;

  /** How long members of another server may take to end, besides the time that a lock stays. */
  private static final Duration OTHER_SERVER = Duration.ofSeconds(60);

  private final Settings settings;

  /** Null where each machine has its own ledgers. */
  private final Member member;

  private Membership(Settings settings, Member member) {
    this.settings = settings;
    this.member = member;
  }

  /**
   * @param away is told why, where the shared database does not answer any more
   * @throws HeldException where another member has a job that one at a time works on
   * @throws UserError where an option does not go with shared ledgers
   */
  static Membership of(
      Settings settings, List<Job> jobs, JobRun.Options options, Consumer<String> away) {
    SharedLedgers cluster = SharedLedgers.of(settings);
    if (cluster == null) {
      return new Membership(settings, null);
    }
    if (!options.share().whole()) {
      throw new UserError(
          "--worker and --of do not go with cluster.url: members share the work by themselves");
    }
    List<String> names = jobs.stream().map(Job::getName).toList();
    Member member = Member.join(cluster, names, away);
    try {
      for (Job job : jobs) {
        String why = alone(job);
        SharedLedgers.Holder holder = why == null ? null : member.hold(job.getName());
        if (holder != null) {
          throw new HeldException(job.getName(), why, holder);
        }
      }
      return new Membership(settings, member);
    } catch (RuntimeException e) {
      member.close();
      throw e;
    }
  }

  /**
   * Joins for a few requests that store nothing, because the limits are those of all members.
   *
   * @param what the process does, for {@code status}: not a job's name, because it runs none
   * @return null where this machine has the limits for itself
   */
  static Member guest(Settings settings, String what, Stop stop) {
    SharedLedgers cluster = SharedLedgers.of(settings);
    return cluster == null
        ? null
        : Member.join(cluster, List.of(what), why -> stop.ask(ExitCode.GAVE_UP, why));
  }

  /** Why one member at a time works on a job; null where several do. */
  static String alone(Job job) {
    return job.isPass()
        ? "its ids are lists of pages"
        : job.isLookFirst() ? "its pages repeat rows" : null;
  }

  /** The live member that has a job to itself; null where there is none. */
  public static SharedLedgers.Holder holder(SharedLedgers cluster, Job job) {
    return alone(job) == null ? null : cluster.holder(job.getName());
  }

  /**
   * Where the ledger of a job is.
   *
   * @param window whether it is that of a window of time
   */
  LedgerPlace ledger(String job, boolean window) {
    if (member == null) {
      return window ? LedgerPlace.window(settings, job) : LedgerPlace.of(settings, job);
    }
    return window ? LedgerPlace.sharedWindow(member, job) : LedgerPlace.shared(member, job);
  }

  /**
   * Opens the ledger of a window of time, one member at a time, because a window that is finished
   * makes room for the next one.
   */
  Ledger window(Job job, Function<LedgerPlace, Ledger> open) {
    if (member == null) {
      return open.apply(ledger(job.getName(), true));
    }
    String turn = "opening the window of " + job.getName();
    try {
      while (member.hold(turn) != null) {
        TimeUnit.MILLISECONDS.sleep(TURN_MILLIS);
      }
      Ledger ledger = open.apply(ledger(job.getName(), true));
      member.worksOn(inWindow(job));
      member.release(turn);
      return ledger;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted");
    }
  }

  /** Another live member that works on the window of a job, for messages; null where none does. */
  String othersInWindow(Job job) {
    return member == null
        ? null
        : member.cluster().members().stream()
            .filter(other -> other.member() != member.number())
            .filter(other -> other.worksOn(inWindow(job)))
            .map(
                other ->
                    "member "
                        + other.member()
                        + " (pid "
                        + other.pid()
                        + " on "
                        + other.host()
                        + ")")
            .findFirst()
            .orElse(null);
  }

  private static String inWindow(Job job) {
    return job.getName() + "(window)";
  }

  /**
   * Takes the lock of a job in ClickHouse. It does not keep out other runs of the same folder,
   * which has locks of its own, or the other members, as long as they use the same server of the
   * shared database: after a failover to a standby the old server may go on, and then there are two
   * ledgers. This one waits until the members of the other server have ended.
   *
   * @param lost receives the reason where the lock was lost
   * @throws UserError where others hold it, or members of the other server do not end
   */
  JobLock lock(
      ClickHouse clickHouse, Job job, Share share, Consumer<String> lost, Messages messages) {
    // not by its hosts, which each machine may write otherwise
    String members = member == null ? null : "members of database " + member.cluster().database();
    String folder =
        member == null
            ? JobLock.folder(settings.path("runtime.dir"))
            : members + ", server " + member.server();
    long until = System.nanoTime() + JobLock.expiry().plus(OTHER_SERVER).toNanos();
    boolean told = false;
    while (true) {
      try {
        return JobLock.take(clickHouse, job.getName(), share.from(), share.to(), folder, lost);
      } catch (JobLock.HeldException e) {
        if (members == null || !e.folder().startsWith(members + ",")) {
          throw e;
        }
        if (System.nanoTime() > until) {
          throw new UserError(
              job.getName()
                  + ": members work on it with another server of the database at "
                  + member.cluster().where()
                  + ", and that server has another ledger: stop the server that is not to be"
                  + " written any more, or those members ("
                  + e.getMessage()
                  + ")",
              e);
        }
        if (!told) {
          messages.warn(
              job.getName()
                  + ": members work on it with another server of the shared database, or did so"
                  + " less than a minute ago; waiting until they have ended");
          told = true;
        }
        requireMember();
        try {
          TimeUnit.SECONDS.sleep(1);
        } catch (InterruptedException interrupted) {
          Thread.currentThread().interrupt();
          throw new UserError("interrupted");
        }
      }
    }
  }

  /** Whether other machines may work on the ledgers too. */
  boolean isShared() {
    return member != null;
  }

  Member member() {
    return member;
  }

  /** The run ends: it waits no longer for what other members write. */
  void waitNoLonger() {
    if (member != null) {
      member.waitNoLonger();
    }
  }

  /** Why the run is no member any more; null while it is one, and where there are none. */
  AwayException away() {
    return member == null ? null : member.lost();
  }

  /**
   * @throws AwayException where the run is no member any more
   */
  void requireMember() {
    if (away() != null) {
      throw away();
    }
  }

  @Override
  public void close() {
    if (member != null) {
      member.close();
    }
  }
}
