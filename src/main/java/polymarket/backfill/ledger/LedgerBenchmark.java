package polymarket.backfill.ledger;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import polymarket.backfill.UserError;

/**
 * Measures how many ids a second are claimed and marked: nothing is requested or stored, so that
 * the ledger alone takes time. Each member has its own connections, in a thread of this process.
 */
public final class LedgerBenchmark {

  /** A list as long as that. */
  public static final long FULL = 1_000_000;

  /** As in application.properties: ids a batch of payouts, and how many batches are claimed. */
  private static final int BATCH = 1000;

  private static final int CLAIMED = 8;
  private static final String JOB = "benchmark";

  private final long ids;
  private final long part;
  private final AtomicLong marked = new AtomicLong();
  private final long[] reached;

  private LedgerBenchmark(long ids) {
    this.ids = ids;
    this.part = Math.max(1, ids / 10);
    this.reached = new long[(int) (ids / part)];
  }

  /**
   * Measures a ledger in a file with one process.
   *
   * @param file does not exist, and is removed afterwards
   * @return what is printed, with names that say the unit
   */
  public static Map<String, Object> ofFile(Path file, long ids) {
    LedgerPlace place = LedgerPlace.of(file);
    try {
      return new LedgerBenchmark(ids).measure("SQLite", List.of(place));
    } finally {
      place.delete();
    }
  }

  /**
   * Measures a shared ledger, of a job of its own, whose schema is dropped afterwards.
   *
   * @throws UserError where the schema exists already
   */
  public static Map<String, Object> shared(SharedLedgers cluster, int members, long ids) {
    List<Member> joined = new ArrayList<>();
    if (new LedgerSchema(cluster, JOB, null).exists()) {
      throw new UserError(
          "an earlier benchmark left its schema "
              + LedgerSchema.name(JOB)
              + " at "
              + cluster.where()
              + ": drop it");
    }
    try {
      for (int i = 0; i < members; i++) {
        joined.add(Member.join(cluster, List.of(JOB), why -> {}));
      }
      return new LedgerBenchmark(ids)
          .measure(
              "PostgreSQL",
              joined.stream().map(member -> LedgerPlace.shared(member, JOB)).toList());
    } finally {
      joined.forEach(Member::close);
      cluster.drop(JOB);
    }
  }

  private Map<String, Object> measure(String engine, List<LedgerPlace> places) {
    List<Ledger> ledgers = places.stream().map(LedgerBenchmark::open).toList();
    ExecutorService threads = Executors.newFixedThreadPool(ledgers.size());
    try {
      long begin = System.nanoTime();
      SplittableRandom random = new SplittableRandom(1);
      ledgers.get(0).load(loading -> random(random, loading));
      long loaded = System.nanoTime();
      List<Future<?>> working = new ArrayList<>();
      ledgers.forEach(ledger -> working.add(threads.submit(() -> work(ledger))));
      for (Future<?> one : working) {
        one.get();
      }
      return figures(engine, ledgers, begin, loaded);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted");
    } catch (ExecutionException e) {
      throw new UserError("the ledger: " + e.getCause().getMessage(), e);
    } finally {
      threads.shutdownNow();
      ledgers.forEach(Ledger::close);
    }
  }

  private static Ledger open(LedgerPlace place) {
    return Ledger.open(place, new Ledger.Owner(JOB, "none", "none", "none"), false, Window.ALL);
  }

  private void random(SplittableRandom random, Ledger.Loading loading) {
    for (long i = 0; i < ids; i++) {
      loading.add(
          String.format(
              "%016x%016x%016x%016x",
              random.nextLong(), random.nextLong(), random.nextLong(), random.nextLong()));
    }
  }

  private void work(Ledger ledger) {
    String after = "";
    while (true) {
      List<Batch> batches = ledger.claim(after, Mode.NEW, Share.WHOLE, BATCH, CLAIMED);
      if (batches.isEmpty()) {
        return;
      }
      for (Batch batch : batches) {
        BatchWork work = new BatchWork(batch);
        batch.ids().forEach(id -> work.outcomes().put(id, Outcome.found(1)));
        work.rows().add(batch.size(), batch.size(), 0, 0);
        ledger.complete(work, List.of(), Share.WHOLE);
        long now = marked.addAndGet(batch.size());
        for (long i = (now - batch.size()) / part; i < now / part && i < reached.length; i++) {
          reached[(int) i] = System.nanoTime();
        }
      }
      List<String> last = batches.get(batches.size() - 1).ids();
      after = last.get(last.size() - 1);
    }
  }

  private Map<String, Object> figures(
      String engine, List<Ledger> ledgers, long begin, long loaded) {
    double seconds = (System.nanoTime() - loaded) / 1e9;
    List<Long> tenths = new ArrayList<>();
    for (int i = 0; i < reached.length; i++) {
      tenths.add(Math.round(part / ((reached[i] - (i == 0 ? loaded : reached[i - 1])) / 1e9)));
    }
    Ledger first = ledgers.get(0);
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("engine", engine);
    figures.put("members", ledgers.size());
    figures.put("ids", ids);
    figures.put("seconds_to_load", Math.round((loaded - begin) / 1e8) / 10.0);
    figures.put("seconds", Math.round(seconds * 10) / 10.0);
    figures.put("ids_per_second", Math.round(ids / seconds));
    figures.put("ids_per_second_in_each_tenth", tenths);
    figures.put("bytes_per_id", first.place().bytes() / ids);
    figures.put(
        "right",
        first.counts(Share.WHOLE).get(State.FOUND) == ids && first.sums().inserted() == ids);
    return figures;
  }

  /** The figures for people, a line for each run. */
  public static String text(Map<String, Object> result) {
    StringBuilder text =
        new StringBuilder("ids claimed and marked in a ledger, batches of 1,000\n");
    for (Object run : (List<?>) result.get("runs")) {
      Map<?, ?> of = (Map<?, ?>) run;
      text.append(
          String.format(
              Locale.ROOT,
              "  %s, %s: %,d ids in %.1f s (loaded in %.1f s): %,d ids/s, %,d bytes an id%s%n"
                  + "    ids/s in each tenth: %s%n",
              of.get("engine"),
              of.get("members").equals(1) ? "1 member" : of.get("members") + " members",
              of.get("ids"),
              of.get("seconds"),
              of.get("seconds_to_load"),
              of.get("ids_per_second"),
              of.get("bytes_per_id"),
              Boolean.TRUE.equals(of.get("right")) ? "" : ", NOT ALL MARKED",
              of.get("ids_per_second_in_each_tenth")));
    }
    return text.toString();
  }
}
