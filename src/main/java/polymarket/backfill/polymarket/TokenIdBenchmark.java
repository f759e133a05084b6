package polymarket.backfill.polymarket;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Measures how many conditions a second {@link TokenIds#tokenIds} computes: two outcomes each, both
 * collaterals.
 */
public final class TokenIdBenchmark {

  /** As many as there are conditions in a table of 160.9 million trades. */
  public static final int FULL = 150_000;

  private static final int WARM_UP = 60_000;

  private TokenIdBenchmark() {}

  /**
   * @param conditions how many, with random ids
   * @param threads each number is measured on its own, behind a warm-up
   * @return what is printed, with names that say the unit
   */
  public static Map<String, Object> run(int conditions, List<Integer> threads)
      throws InterruptedException {
    String[] ids = conditionIds(Math.max(conditions, WARM_UP));
    compute(ids, 0, WARM_UP);
    List<Map<String, Object>> runs = new ArrayList<>();
    for (int n : threads) {
      runs.add(measure(ids, conditions, n));
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("job", "token-ids");
    result.put("conditions", conditions);
    result.put("cores", Runtime.getRuntime().availableProcessors());
    result.put("runs", runs);
    return result;
  }

  private static Map<String, Object> measure(String[] ids, int conditions, int threads)
      throws InterruptedException {
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    long start = System.nanoTime();
    List<Callable<Integer>> shares = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      int from = (int) ((long) conditions * i / threads);
      int to = (int) ((long) conditions * (i + 1) / threads);
      shares.add(() -> compute(ids, from, to));
    }
    int tokens = 0;
    try {
      for (Future<Integer> share : pool.invokeAll(shares)) {
        tokens += share.get();
      }
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    } finally {
      pool.shutdown();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    Map<String, Object> run = new LinkedHashMap<>();
    run.put("threads", threads);
    run.put("seconds", Math.round(seconds * 100) / 100.0);
    run.put("token_ids", tokens);
    run.put("conditions_per_second", Math.round(conditions / seconds));
    return run;
  }

  private static int compute(String[] ids, int from, int to) {
    int tokens = 0;
    for (int i = from; i < to; i++) {
      for (TokenIds.OutcomeTokens outcome : TokenIds.tokenIds(ids[i], 2)) {
        tokens += outcome.usdcTokenId().isEmpty() || outcome.wrappedTokenId().isEmpty() ? 0 : 2;
      }
    }
    return tokens;
  }

  private static String[] conditionIds(int count) {
    String[] ids = new String[count];
    byte[] bytes = new byte[32];
    Random random = new Random(1);
    for (int i = 0; i < count; i++) {
      random.nextBytes(bytes);
      ids[i] = Hex.of(bytes);
    }
    return ids;
  }

  /** The result for a person. */
  public static String text(Map<String, Object> result) {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "token ids of %,d conditions with two outcomes, both collaterals, %d cores%n",
                result.get("conditions"),
                result.get("cores")));
    for (Object each : (List<?>) result.get("runs")) {
      Map<?, ?> run = (Map<?, ?>) each;
      text.append(
          String.format(
              Locale.ROOT,
              "  %d thread%s  %.2f s, %,d token ids, %,d conditions/s%n",
              run.get("threads"),
              run.get("threads").equals(1) ? ": " : "s:",
              run.get("seconds"),
              run.get("token_ids"),
              run.get("conditions_per_second")));
    }
    return text.toString();
  }
}
