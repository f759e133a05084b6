package polymarket.backfill.polymarket;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import polymarket.backfill.Memory;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;

/**
 * Fills the table {@code computed_token_ids}: the token ids of conditions, computed forward and
 * never looked up.
 */
public final class ComputedTokenIds {

  private static final String TABLE = "default.computed_token_ids";
  private static final int CHUNK = 5_000;

  private record Condition(String id, int outcomes) {}

  private ComputedTokenIds() {}

  /**
   * Does what a job's SQL file says is done at the end of a run ({@code @finish}), after the token
   * ids that it lacks are computed ({@code @token-ids}).
   */
  public static void finish(ClickHouse clickHouse, Steps steps, SqlFile sql) {
    if (sql.has("token-ids")) {
      String lacking = sql.section("token-ids").sql(Memory.of(steps.budget()));
      steps.run("compute token ids", () -> fill(clickHouse, lacking));
    }
    steps.finish(clickHouse, sql);
  }

  /**
   * Computes on as many threads as there are cores while the conditions stream in; at most a few
   * chunks of {@value #CHUNK} are held at once.
   *
   * @param conditions a query that gives {@code condition_id} (stored form) and {@code outcomes} (2
   *     to 256)
   * @return how many conditions were computed
   */
  public static long fill(ClickHouse clickHouse, String conditions) {
    int threads = Runtime.getRuntime().availableProcessors();
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    ArrayBlockingQueue<Future<?>> waiting = new ArrayBlockingQueue<>(threads * 2);
    AtomicLong computed = new AtomicLong();
    List<Condition> chunk = new ArrayList<>();
    try {
      clickHouse.stream(
          conditions,
          Map.of(),
          row -> {
            chunk.add(
                new Condition(
                    (String) row.get("condition_id"), ((Number) row.get("outcomes")).intValue()));
            if (chunk.size() == CHUNK) {
              hand(clickHouse, pool, waiting, chunk, computed);
            }
          });
      hand(clickHouse, pool, waiting, chunk, computed);
      while (!waiting.isEmpty()) {
        await(waiting.remove());
      }
    } finally {
      pool.shutdownNow();
    }
    return computed.get();
  }

  private static void hand(
      ClickHouse clickHouse,
      ExecutorService pool,
      ArrayBlockingQueue<Future<?>> waiting,
      List<Condition> chunk,
      AtomicLong computed) {
    if (chunk.isEmpty()) {
      return;
    }
    if (waiting.remainingCapacity() == 0) {
      await(waiting.remove());
    }
    List<Condition> own = List.copyOf(chunk);
    chunk.clear();
    waiting.add(
        pool.submit(
            () -> {
              StringBuilder rows = new StringBuilder(own.size() * 800);
              own.forEach(condition -> row(rows, condition));
              clickHouse.insert(
                  TABLE,
                  rows.toString().getBytes(StandardCharsets.UTF_8),
                  "computed-" + own.get(0) + own.size() + own.get(own.size() - 1));
              computed.addAndGet(own.size());
            }));
  }

  private static void await(Future<?> chunk) {
    try {
      chunk.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException cause
          ? cause
          : new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  private static void row(StringBuilder to, Condition condition) {
    List<TokenIds.OutcomeTokens> tokens = TokenIds.tokenIds(condition.id(), condition.outcomes());
    to.append("{\"condition_id\":\"")
        .append(condition.id())
        .append("\",\"outcomes\":")
        .append(condition.outcomes());
    list(to, "usdc_token_ids", tokens.stream().map(TokenIds.OutcomeTokens::usdcTokenId).toList());
    list(
        to,
        "wrapped_token_ids",
        tokens.stream().map(TokenIds.OutcomeTokens::wrappedTokenId).toList());
    list(to, "other_token_ids", TokenIds.otherTokenIds(condition.id(), condition.outcomes()));
    to.append("}\n");
  }

  private static void list(StringBuilder to, String name, List<String> ids) {
    to.append(",\"").append(name).append("\":[");
    String comma = "";
    for (String id : ids) {
      to.append(comma).append('"').append(id).append('"');
      comma = ",";
    }
    to.append(']');
  }
}
