package polymarket.backfill.clickhouse;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import polymarket.backfill.Memory;
import polymarket.backfill.UserError;

/**
 * Runs the steps of work on large tables under a memory cap. A step that grows with its input is
 * done in pieces; a piece that hits the cap is split. The error of a failed step names the step and
 * the setting to change.
 */
public final class Steps {

  private static final int MEMORY_LIMIT_EXCEEDED = 241;

  /** A generous size of a key with its joined columns. */
  private static final long BYTES_A_KEY = 2048;

  private static final long FEWEST_KEYS = 1000;

  private final String command;
  private final boolean continues;
  private final long memory;
  private final int concurrency;
  private final Map<String, Long> millis = new ConcurrentHashMap<>();
  private final AtomicInteger divided = new AtomicInteger();
  private volatile long held;
  private volatile boolean stopped;

  /**
   * @param command the command that does the work, such as enrich
   * @param continues whether it keeps finished parts when a step fails; otherwise it begins anew
   * @param memory bytes that all queries may take together
   * @param concurrency how many pieces are worked on at once
   */
  public Steps(String command, boolean continues, long memory, int concurrency) {
    this.command = command;
    this.continues = continues;
    this.memory = memory;
    this.concurrency = concurrency;
  }

  /** Stops after the pieces in flight. */
  public void stop() {
    stopped = true;
  }

  /** Whether a stop was asked for. */
  public boolean isStopped() {
    return stopped;
  }

  /** Reserves memory that is in use during all steps. */
  public void hold(long bytes) {
    held = bytes;
  }

  /** Bytes that one query may take while pieces are worked on at once. */
  public long budget() {
    return Math.max(1 << 20, (memory - held) / concurrency);
  }

  /** Milliseconds in each step; those of pieces that are worked on at once add up. */
  public Map<String, Long> millis() {
    return Map.copyOf(millis);
  }

  /** How many pieces were divided because they hit the cap. */
  public int divided() {
    return divided.get();
  }

  /** Runs a step that is one query. */
  public void run(String step, Runnable work) {
    try {
      timed(step, work);
    } catch (ClickHouseException e) {
      throw failed(step, e);
    }
  }

  /**
   * Works on several pieces at once until there are none left, a stop was asked for or one fails.
   *
   * @param work of one piece; must leave nothing that hurts if it is done again
   * @param divide gives the pieces that take the place of one that hit the cap; none where it
   *     cannot be divided any more
   */
  public <P> void each(
      String step, Collection<P> pieces, Consumer<P> work, Function<P, List<P>> divide) {
    each(step, pieces, () -> null, work, divide);
  }

  /**
   * The same, where there may be further pieces.
   *
   * @param more gives another piece when no known one is left; null where there is none now
   */
  public <P> void each(
      String step,
      Collection<P> pieces,
      Supplier<P> more,
      Consumer<P> work,
      Function<P, List<P>> divide) {
    Queue<P> todo = new ConcurrentLinkedQueue<>(pieces);
    ExecutorService pool = Executors.newFixedThreadPool(concurrency);
    AtomicInteger busy = new AtomicInteger();
    AtomicBoolean failed = new AtomicBoolean();
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < concurrency; i++) {
        running.add(
            pool.submit(
                () -> {
                  while (!stopped && !failed.get()) {
                    busy.incrementAndGet();
                    boolean worked;
                    try {
                      P known = todo.poll();
                      P piece = known == null ? more.get() : known;
                      worked = piece != null;
                      if (worked) {
                        piece(step, piece, work, divide, todo);
                      }
                    } catch (RuntimeException e) {
                      failed.set(true);
                      throw e;
                    } finally {
                      busy.decrementAndGet();
                    }
                    if (!worked) {
                      // another piece may still be split
                      if (busy.get() == 0) {
                        return null;
                      }
                      Thread.sleep(20);
                    }
                  }
                  return null;
                }));
      }
      await(running, todo);
    } finally {
      pool.shutdownNow();
    }
  }

  /**
   * Runs the section {@code -- @finish} of a job: where there is a section {@code -- @finish-keys},
   * which counts keys, its first statement for a range of them at a time, then the others once.
   */
  public void finish(ClickHouse clickHouse, SqlFile sql) {
    Map<String, Object> values = new HashMap<>(Memory.of(budget()));
    values.put("join_sides", joinSides(clickHouse));
    List<String> once = new ArrayList<>(sql.section("finish").statements());
    if (sql.has("finish-keys")) {
      String ranged = once.remove(0);
      each(
          "finish",
          HashRange.of(
              clickHouse.number(sql.section("finish-keys").sql(values)),
              budget() / 2 / BYTES_A_KEY),
          range -> {
            Map<String, Object> own = new HashMap<>(values);
            own.put("in_range", range.between());
            clickHouse.execute(SqlFile.fill(ranged, own));
          },
          range -> range.ids() < FEWEST_KEYS ? List.of() : range.halves());
    }
    run("finish", () -> once.forEach(each -> clickHouse.execute(SqlFile.fill(each, values))));
  }

  private <P> void piece(
      String step, P piece, Consumer<P> work, Function<P, List<P>> divide, Queue<P> todo) {
    try {
      timed(step, () -> work.accept(piece));
    } catch (ClickHouseException e) {
      if (e.code() != MEMORY_LIMIT_EXCEEDED) {
        throw failed(step, e);
      }
      List<P> parts;
      try {
        parts = divide.apply(piece);
      } catch (ClickHouseException again) {
        throw failed(step, again);
      }
      if (parts.isEmpty()) {
        throw failed(step, e);
      }
      divided.incrementAndGet();
      todo.addAll(parts);
    }
  }

  /**
   * Settings that keep the sides of a join as they are written, those that this ClickHouse knows:
   * its planner would hold the side with fewer rows in the whole table, and the other one is a part
   * of a larger one.
   */
  public static SqlFile.Raw joinSides(ClickHouse clickHouse) {
    return new SqlFile.Raw(
        clickHouse
            .rows(
                "SELECT name FROM system.settings WHERE name IN ('query_plan_join_swap_table',"
                    + " 'query_plan_optimize_join_order_limit') ORDER BY name",
                Map.of())
            .stream()
            .map(
                row ->
                    ", "
                        + row.get("name")
                        + (row.get("name").equals("query_plan_join_swap_table")
                            ? " = 'false'"
                            : " = 0"))
            .collect(Collectors.joining()));
  }

  private void await(List<Future<?>> running, Queue<?> todo) {
    RuntimeException failure = null;
    for (Future<?> one : running) {
      try {
        one.get();
      } catch (ExecutionException e) {
        todo.clear();
        failure =
            e.getCause() instanceof RuntimeException cause
                ? cause
                : new IllegalStateException(e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        stopped = true;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private UserError failed(String step, ClickHouseException e) {
    String next =
        continues
            ? ". Finished parts are kept, and `backfill " + command + "` continues from there"
            : ". `backfill " + command + "` begins anew";
    return new UserError(
        e.code() == MEMORY_LIMIT_EXCEEDED
            ? "the step '"
                + step
                + "' does not fit into "
                + Memory.text(budget())
                + ", the part of "
                + Memory.CAP
                + " that each of "
                + concurrency
                + " queries has, in the smallest piece ("
                + e.getMessage().replaceAll("(?s).*While executing (\\w+).*", "$1")
                + "): raise "
                + Memory.CAP
                + (concurrency > 1 ? ", or lower enrich.concurrency" : "")
                + next
            : "the step '" + step + "' failed: " + e.getMessage() + next,
        e);
  }

  /** Takes the time of a part of a step. */
  public void timed(String step, Runnable work) {
    long started = System.nanoTime();
    try {
      work.run();
    } finally {
      millis.merge(step, (System.nanoTime() - started) / 1_000_000, Long::sum);
    }
  }
}
