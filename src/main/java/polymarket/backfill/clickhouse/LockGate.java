package polymarket.backfill.clickhouse;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A table that only one process at a time can create: its creator reads and enters the holders of a
 * job. An abandoned gate is renamed to a unique name, then removed.
 */
final class LockGate implements AutoCloseable {

  private static final int TABLE_EXISTS = 57;
  private static final int UNKNOWN_TABLE = 60;
  private static final String GATE = "backfill_lock_gate";

  /**
   * How long a process sees the same gate before it counts as abandoned; its holder needs it for
   * milliseconds. Only the waiting process's own clock decides, because ClickHouse does not always
   * have the creation time of a table.
   */
  private static final long STALE_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** On a host that is very busy, a process that can be seen to live is given longer. */
  private static final long STALE_ALIVE_NANOS = TimeUnit.SECONDS.toNanos(45);

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
  private static final SqlFile SQL = SqlFile.read("lock");

  private final ClickHouse clickHouse;
  private final String token =
      JobLock.host() + "/" + ProcessHandle.current().pid() + "/" + UUID.randomUUID();

  private LockGate(ClickHouse clickHouse) {
    this.clickHouse = clickHouse;
  }

  /**
   * Waits for the gate.
   *
   * @throws ClickHouseException where others have had it for a minute
   */
  static LockGate open(ClickHouse clickHouse) {
    LockGate gate = new LockGate(clickHouse);
    long end = System.nanoTime() + PATIENCE_NANOS;
    String seen = null;
    long since = 0;
    while (!gate.make(end)) {
      String holder = gate.holder(GATE);
      if (!holder.equals(seen)) {
        seen = holder;
        since = System.nanoTime();
      } else if (System.nanoTime() - since > (isAlive(holder) ? STALE_ALIVE_NANOS : STALE_NANOS)) {
        gate.remove(holder);
      }
      LockSupport.parkNanos(RETRY_NANOS);
    }
    return gate;
  }

  /** Whether a gate's token names a process of this host that runs. */
  private static boolean isAlive(String token) {
    String[] parts = token.split("/");
    return parts.length == 3
        && parts[0].equals(JobLock.host())
        && ProcessHandle.of(Long.parseLong(parts[1])).map(ProcessHandle::isAlive).orElse(false);
  }

  private boolean make(long end) {
    try {
      clickHouse.execute(SQL.section("gate"), Map.of("token", token));
      return true;
    } catch (ClickHouseException e) {
      if (e.code() != TABLE_EXISTS || System.nanoTime() > end) {
        throw e;
      }
      return false;
    }
  }

  /** Of several processes that find the same gate left behind, one can rename it. */
  private void remove(String left) {
    String aside = GATE + "_" + UUID.randomUUID().toString().replace('-', '_');
    try {
      clickHouse.execute("RENAME TABLE default." + GATE + " TO default." + aside);
      if (left.equals(holder(aside))) {
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

  /** The token of a gate's maker; empty where there is no such gate. */
  private String holder(String name) {
    List<Map<String, Object>> found =
        clickHouse.rows(SQL.section("gate-token").sql(Map.of("name", name)), Map.of());
    return found.isEmpty() ? "" : String.valueOf(found.get(0).get("token"));
  }

  /** Whether no other process has taken the gate, as one that was suspended for long may find. */
  boolean isHeld() {
    return token.equals(holder(GATE));
  }

  @Override
  public void close() {
    if (isHeld()) {
      clickHouse.execute("DROP TABLE IF EXISTS default." + GATE);
    }
  }
}
