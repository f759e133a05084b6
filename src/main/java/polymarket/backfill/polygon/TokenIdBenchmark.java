package polymarket.backfill.polygon;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Measures how many conditions a second {@link TokenIds#tokenIds} computes: two outcomes each, both collaterals. */
public final class TokenIdBenchmark {

    private static final int DEFAULT_CONDITIONS = 150_000;
    private static final int WARM_UP = 60_000;
    private static final int SQUARES = 20_000;

    private TokenIdBenchmark() {
    }

    /**
     * Prints one line for each number of threads, after one that compares the two tests for a square.
     *
     * @param args conditions (default 150,000), then numbers of threads (default 1 and 2)
     */
    public static void main(String[] args) throws InterruptedException, ExecutionException {
        int conditions = args.length > 0 ? Integer.parseInt(args[0]) : DEFAULT_CONDITIONS;
        List<Integer> threads = new ArrayList<>();
        for (int i = 1; i < args.length; i++) {
            threads.add(Integer.parseInt(args[i]));
        }
        String[] ids = conditionIds(Math.max(conditions, WARM_UP));
        compute(ids, 0, WARM_UP);
        compareSquareTests();
        for (int n : threads.isEmpty() ? List.of(1, 2) : threads) {
            run(ids, conditions, n);
        }
    }

    private static void run(String[] ids, int conditions, int threads) throws InterruptedException, ExecutionException {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        long start = System.nanoTime();
        List<Callable<Integer>> shares = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            int from = (int) ((long) conditions * i / threads);
            int to = (int) ((long) conditions * (i + 1) / threads);
            shares.add(() -> compute(ids, from, to));
        }
        int tokens = 0;
        for (Future<Integer> share : pool.invokeAll(shares)) {
            tokens += share.get();
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        pool.shutdown();
        System.out.printf("token ids: %,d conditions, %,d token ids, %.2f s, %,.0f conditions/s, %d thread%s%n",
                conditions, tokens, seconds, conditions / seconds, threads, threads == 1 ? "" : "s");
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

    private static void compareSquareTests() {
        BigInteger[] values = new BigInteger[SQUARES];
        Random random = new Random(2);
        for (int i = 0; i < SQUARES; i++) {
            values[i] = new BigInteger(256, random).mod(AltBn128.P);
        }
        BigInteger half = AltBn128.P.shiftRight(1);
        double[] micros = new double[2];
        int[] squares = new int[2];
        for (int round = 0; round < 3; round++) {
            squares[0] = 0;
            squares[1] = 0;
            long start = System.nanoTime();
            for (BigInteger value : values) {
                squares[0] += AltBn128.isSquare(value) ? 1 : 0;
            }
            long middle = System.nanoTime();
            for (BigInteger value : values) {
                squares[1] += value.modPow(half, AltBn128.P).bitLength() <= 1 ? 1 : 0;
            }
            micros[0] = (middle - start) / 1e3 / SQUARES;
            micros[1] = (System.nanoTime() - middle) / 1e3 / SQUARES;
        }
        System.out.printf("square test: Jacobi symbol %.2f µs, modPow %.2f µs%s%n", micros[0], micros[1],
                squares[0] == squares[1] ? "" : "; THEY DISAGREE");
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
}
