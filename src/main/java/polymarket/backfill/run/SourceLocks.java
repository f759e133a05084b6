package polymarket.backfill.run;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import polymarket.backfill.Settings;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;

/** The locks of sources, so that no other process of this runtime folder asks them meanwhile. */
public final class SourceLocks implements AutoCloseable {

  /** What a holder's words end with that follows. */
  private static final String FOLLOWS = " --follow";

  private final List<ShareLock> locks = new ArrayList<>();

  /**
   * @param sources by the names of their routes
   * @param holder says what is done, to those who find a source locked
   * @param otherwise the end of that message; may be empty
   * @throws polymarket.backfill.UserError where another process uses one of them
   */
  private SourceLocks(
      Settings settings, Collection<String> sources, Share share, String holder, String otherwise) {
    try {
      for (String source : sources) {
        locks.add(
            ShareLock.take(
                settings.path("runtime.dir").resolve(source + ".lock"),
                share,
                source,
                holder,
                otherwise));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /**
   * The sources of a run's jobs.
   *
   * @param share of the sources' paces that the run takes
   */
  static SourceLocks of(Settings settings, List<Job> jobs, Share share) {
    return of(settings, jobs, share, "");
  }

  /**
   * The same for a run that follows its sources, which keeps them between its rounds: another run
   * waits for it, and whoever looks at the holders finds it.
   */
  public static SourceLocks following(Settings settings, List<Job> jobs, Share share) {
    return of(settings, jobs, share, FOLLOWS);
  }

  /** Whether a process holds sources as one that follows them. */
  public static boolean isFollowing(ShareLock.Holder holder) {
    return List.of(holder.what().split(" ")).contains(FOLLOWS.strip());
  }

  private static SourceLocks of(Settings settings, List<Job> jobs, Share share, String how) {
    return new SourceLocks(
        settings,
        jobs.stream().flatMap(job -> job.sources(settings).keySet().stream()).distinct().toList(),
        share,
        "run " + String.join(" ", jobs.stream().map(Job::getName).toList()) + how,
        otherwise(settings, jobs));
  }

  /** How a further process of this machine may work on the jobs, for the message. */
  private static String otherwise(Settings settings, List<Job> jobs) {
    if (jobs.stream().anyMatch(Job::isPass)) {
      return "";
    }
    return settings.text("cluster.url").isEmpty()
        ? ", or share the work with --worker N --of M"
        : ", or give this member a folder of its own with --set runtime.dir=FOLDER";
  }

  /** All of these sources, for a process that does not share them. */
  public SourceLocks(Settings settings, Collection<String> sources, String holder) {
    this(settings, sources, Share.WHOLE, holder, "");
  }

  @Override
  public void close() {
    locks.forEach(ShareLock::close);
  }
}
