package polymarket.backfill.clickhouse;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import polymarket.backfill.Daemons;
import polymarket.backfill.UserError;

/**
 * A lock on a job in a ClickHouse, which several runtime folders may share: each folder has its own
 * ledger, so that two of them would store the same rows twice. It excludes runs of other folders
 * whose shares of the ids overlap; runs of one folder exclude each other with that folder's lock
 * files.
 *
 * <p>ClickHouse has no compare-and-set. So a process that takes a lock first passes the {@link
 * LockGate}, one process at a time. A run sends a heartbeat every few seconds; without one, its
 * lock expires.
 */
public final class JobLock implements AutoCloseable {

  private static final int UNKNOWN_TABLE = 60;

  /** Above the end of every share. */
  private static final long ANY_SHARE = 0xffff_ffffL;

  /** A lock without a heartbeat for this long has expired; a minute, shorter in tests. */
  private static final long STALE_MILLIS = Long.getLong("backfill.lock-millis", 60_000);

  private static final SqlFile SQL = SqlFile.read("lock");

  /** A run of another folder holds the job. */
  public static final class HeldException extends UserError {

    private static final long serialVersionUID = 1;

    private final String folder;

    HeldException(String message, String folder) {
      super(message);
      this.folder = folder;
    }

    /** The folder of the run that holds it, as that one gave it. */
    public String folder() {
      return folder;
    }
  }

  private final ClickHouse clickHouse;
  private final Map<String, Object> values = new HashMap<>();
  private final ScheduledExecutorService signs = Daemons.clock("lock");
  private long lastSign;

  private JobLock(ClickHouse clickHouse, String job, int first, int last, String folder) {
    this.clickHouse = clickHouse;
    String host = host();
    values.put("job", job);
    values.put("holder", UUID.randomUUID().toString());
    values.put("folder", folder);
    values.put("host", host);
    values.put("pid", ProcessHandle.current().pid());
    values.put("first", first);
    values.put("last", last);
    values.put("since", System.currentTimeMillis());
    values.put("stale", STALE_MILLIS);
    values.put("held", true);
  }

  /**
   * @param first where the share of the ids begins, inclusive
   * @param last where it ends, exclusive
   * @param folder what shares the lock, such as {@link #folder}
   * @param lost receives the reason, if another folder took the job after this process could not
   *     send a heartbeat for too long
   * @throws UserError where another folder's run holds a share that overlaps
   */
  public static JobLock take(
      ClickHouse clickHouse,
      String job,
      int first,
      int last,
      String folder,
      Consumer<String> lost) {
    JobLock lock = new JobLock(clickHouse, job, first, last, folder);
    lock.enter();
    lock.signs.scheduleWithFixedDelay(
        () -> lock.sign(lost), STALE_MILLIS / 6, STALE_MILLIS / 6, TimeUnit.MILLISECONDS);
    return lock;
  }

  /** For how long a lock stays after the process that had it was killed. */
  public static Duration expiry() {
    return Duration.ofMillis(STALE_MILLIS);
  }

  /** Names a runtime folder of this host: runs of one folder exclude each other there. */
  public static String folder(Path runtime) {
    return host() + ":" + runtime.toAbsolutePath().normalize();
  }

  /** The name of this host, or what stands for it where it has none. */
  public static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (IOException e) {
      return "this host";
    }
  }

  private void enter() {
    clickHouse.execute(SQL.section("setup"), Map.of());
    while (true) {
      try (LockGate gate = LockGate.open(clickHouse)) {
        List<Map<String, Object>> holders =
            clickHouse.rows(SQL.section("holders").sql(values), Map.of());
        if (!holders.isEmpty()) {
          throw new HeldException(
              heldBy(holders.get(0)), String.valueOf(holders.get(0).get("folder")));
        }
        sign(true);
        if (gate.isHeld()) {
          return;
        }
        // this process was out of step for so long that its gate was taken from it
        sign(false);
      }
    }
  }

  /**
   * Does something while no run, from whichever folder, stores rows of any of some jobs, and none
   * begins to.
   *
   * @return whether it was executed: false if a run is active
   */
  static boolean whileFree(ClickHouse clickHouse, List<String> jobs, Runnable action) {
    clickHouse.execute(SQL.section("setup"), Map.of());
    try (LockGate gate = LockGate.open(clickHouse)) {
      if (isHeld(clickHouse, jobs, 0, ANY_SHARE)) {
        return false;
      }
      action.run();
      return true;
    }
  }

  /** Whether a run, from whichever folder, works on an overlapping share of one of some jobs. */
  public static boolean isHeld(ClickHouse clickHouse, List<String> jobs, long first, long last) {
    Map<String, Object> any =
        Map.of("job", jobs, "first", first, "last", last, "folder", "", "stale", STALE_MILLIS);
    return !clickHouse.rows(SQL.section("holders").sql(any), Map.of()).isEmpty();
  }

  private String heldBy(Map<String, Object> holder) {
    long silent = Long.parseLong(String.valueOf(holder.get("silent_millis")));
    return values.get("job")
        + " is run on this ClickHouse from another runtime folder: pid "
        + holder.get("pid")
        + " in "
        + holder.get("folder")
        + ", since "
        + String.valueOf(holder.get("since")).substring(0, 19)
        + " UTC. Wait for it or stop it there, or share the work with --worker N --of M in both;"
        + " if it was killed, its lock expires in "
        + Math.max(1, (STALE_MILLIS - silent + 999) / 1000)
        + " s";
  }

  private void sign(boolean held) {
    Map<String, Object> now = new HashMap<>(values);
    now.put("held", held);
    clickHouse.execute(SQL.section("sign"), now);
    lastSign = System.nanoTime();
  }

  private void sign(Consumer<String> lost) {
    try {
      if (System.nanoTime() - lastSign < STALE_MILLIS * 1_000_000) {
        sign(true);
      } else {
        enter();
      }
    } catch (ClickHouseException e) {
      if (e.code() == UNKNOWN_TABLE) {
        // the table was dropped, with the entries of others
        lastSign -= 2 * STALE_MILLIS * 1_000_000;
      }
      // while ClickHouse is away, nobody else gets the lock either
    } catch (UserError e) {
      signs.shutdown();
      lost.accept(e.getMessage());
    }
  }

  /** Releases the job for other folders. */
  @Override
  public void close() {
    signs.shutdownNow();
    try {
      signs.awaitTermination(5, TimeUnit.SECONDS);
      sign(false);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ClickHouseException e) {
      // the lock expires without a heartbeat
    }
  }
}
