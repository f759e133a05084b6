package polymarket.backfill.run;

import java.util.List;
import java.util.function.Consumer;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.JobLock;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.AwayException;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.SharedLedgers;

/**
 * Where the ledgers and the pace of a run are: on this machine, or, with {@code cluster.url}, in a
 * database that machines share, of which the run is a member then.
 */
public final class Membership implements AutoCloseable {

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
    if (!options.window().all()) {
      throw new UserError(
          "a window of time does not go with cluster.url: run it without CLUSTER_URL, on one"
              + " machine");
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
   * @param what the process does, for {@code status}
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
        ? "its ids are lists that are read from both ends"
        : job.isLookFirst() ? "its pages repeat rows" : null;
  }

  /** The live member that has a job to itself; null where there is none. */
  public static SharedLedgers.Holder holder(SharedLedgers cluster, Job job) {
    return alone(job) == null ? null : cluster.holder(job.getName());
  }

  /** Where the ledger of a job is. */
  LedgerPlace ledger(Job job) {
    return member == null
        ? LedgerPlace.of(settings, job.getName())
        : LedgerPlace.shared(member, job.getName());
  }

  /**
   * What the lock of a job in ClickHouse does not keep out: other runs of the same folder, which
   * has locks of its own, or the other members.
   */
  String lockedFor() {
    return member == null
        ? JobLock.folder(settings.path("runtime.dir"))
        : "members of " + member.cluster().where();
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
