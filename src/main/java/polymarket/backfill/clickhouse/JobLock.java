package polymarket.backfill.clickhouse;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import polymarket.backfill.UserError;

/**
 * A lock on a job in a ClickHouse, which runs of several runtime folders may share: each folder has
 * a ledger of its own, so that two of them would store the same rows twice. It excludes runs of
 * other folders whose shares of the ids overlap; runs of one folder exclude each other by that
 * folder's lock files.
 *
 * <p>Rows of ClickHouse cannot be compared and set. So whoever takes a lock first makes a table
 * (the gate), which only one process can do at a time, and removes it when it has entered itself. A
 * gate that was left behind is renamed to a name of which there is only one, then removed. A run
 * gives a sign of life every few seconds; without one, its lock ends.
 */
public final class JobLock implements AutoCloseable {

  private static final int TABLE_EXISTS = 57;
  private static final int UNKNOWN_TABLE = 60;
  private static final String GATE = "backfill_lock_gate";

  /** A lock without a sign of life for so long has ended; a minute, unless a test has no time. */
  private static final long STALE_MILLIS = Long.getLong("backfill.lock-millis", 60_000);

  /** Who has the gate needs it for milliseconds. */
  private static final long GATE_STALE_SECONDS = 10;

  private static final long GATE_PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final long GATE_RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
  private static final SqlFile SQL = SqlFile.read("lock");

  private final ClickHouse clickHouse;
  private final Map<String, Object> values = new HashMap<>();
  private final ScheduledExecutorService signs =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "lock");
            thread.setDaemon(true);
            return thread;
          });
  private long lastSign;

  private JobLock(ClickHouse clickHouse, String job, int first, int last, Path folder) {
    this.clickHouse = clickHouse;
    String host = host();
    values.put("job", job);
    values.put("holder", UUID.randomUUID().toString());
    values.put("folder", host + ":" + folder.toAbsolutePath().normalize());
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
   * @param folder the runtime folder
   * @param lost told why, if another folder took the job after this process could not give a sign
   *     of life for too long
   * @throws UserError where another folder's run holds a share that overlaps
   */
  public static JobLock take(
      ClickHouse clickHouse, String job, int first, int last, Path folder, Consumer<String> lost) {
    JobLock lock = new JobLock(clickHouse, job, first, last, folder);
    lock.enter();
    lock.signs.scheduleWithFixedDelay(
        () -> lock.sign(lost), STALE_MILLIS / 6, STALE_MILLIS / 6, TimeUnit.MILLISECONDS);
    return lock;
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (IOException e) {
      return "this host";
    }
  }

  private void enter() {
    clickHouse.execute(SQL.section("setup"), Map.of());
    long end = System.nanoTime() + GATE_PATIENCE_NANOS;
    while (true) {
      String token = UUID.randomUUID().toString();
      openGate(token, end);
      try {
        List<Map<String, Object>> holders =
            clickHouse.rows(SQL.section("holders").sql(values), Map.of());
        if (!holders.isEmpty()) {
          throw new UserError(heldBy(holders.get(0)));
        }
        sign(true);
        if (token.equals(gate(GATE).get("token"))) {
          return;
        }
        // this process was out of step for so long that its gate was taken from it
        sign(false);
      } finally {
        if (token.equals(gate(GATE).get("token"))) {
          clickHouse.execute("DROP TABLE IF EXISTS default." + GATE);
        }
      }
    }
  }

  private void openGate(String token, long end) {
    while (true) {
      try {
        clickHouse.execute(SQL.section("gate"), Map.of("token", token));
        return;
      } catch (ClickHouseException e) {
        if (e.code() != TABLE_EXISTS || System.nanoTime() > end) {
          throw e;
        }
      }
      Map<String, Object> gate = gate(GATE);
      if (gate.get("seconds") instanceof Number age && age.longValue() > GATE_STALE_SECONDS) {
        removeGate(String.valueOf(gate.get("token")));
      }
      LockSupport.parkNanos(GATE_RETRY_NANOS);
    }
  }

  /** Of several processes that find the same gate left behind, one can rename it. */
  private void removeGate(String token) {
    String aside = GATE + "_" + UUID.randomUUID().toString().replace('-', '_');
    try {
      clickHouse.execute("RENAME TABLE default." + GATE + " TO default." + aside);
      if (token.equals(gate(aside).get("token"))) {
        clickHouse.execute("DROP TABLE default." + aside);
      } else {
        // another process was faster, and this is a new gate
        clickHouse.execute("RENAME TABLE default." + aside + " TO default." + GATE);
      }
    } catch (ClickHouseException e) {
      if (e.code() == TABLE_EXISTS) {
        clickHouse.execute("DROP TABLE IF EXISTS default." + aside);
      } else if (e.code() != UNKNOWN_TABLE) {
        throw e;
      }
    }
  }

  private Map<String, Object> gate(String name) {
    List<Map<String, Object>> found =
        clickHouse.rows(SQL.section("gate-age").sql(Map.of("name", name)), Map.of());
    return found.isEmpty() ? Map.of() : found.get(0);
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
        + " if it was killed, its lock ends in "
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
        // somebody dropped it, and with it what others have entered
        lastSign -= 2 * STALE_MILLIS * 1_000_000;
      }
      // while ClickHouse is away, nobody else gets the lock either
    } catch (UserError e) {
      signs.shutdown();
      lost.accept(e.getMessage());
    }
  }

  /** Lets other folders have the job. */
  @Override
  public void close() {
    signs.shutdownNow();
    try {
      signs.awaitTermination(5, TimeUnit.SECONDS);
      sign(false);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ClickHouseException e) {
      // the lock ends without a sign of life
    }
  }
}
