package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The real program, killed -9 again and again at named steps and at random instants, its engine now
 * and then too, with other settings at each start. -Dkill.rounds=N for as many rounds as wanted,
 * -Dkill.seed=N for those of an earlier test, -Dkill.signals=all for other signals too.
 */
class KillIT {

  private static final int ROUNDS = Integer.getInteger("kill.rounds", 25);
  private static final long SEED = Long.getLong("kill.seed", System.nanoTime());
  private static final List<String> MOMENTS =
      List.of(
          "before-request",
          "after-request",
          "after-insert",
          "before-mark",
          "before-request-of-left-out",
          "random",
          "workers",
          "before-mark-of-left-out",
          "before-insert",
          "during-insert",
          "random");

  /**
   * What else may happen to a process: held and let go on (for seconds, as a laptop that sleeps),
   * asked to end once or twice, or its engine killed while it goes on.
   */
  private static final List<String> SIGNALS =
      List.of("stop-cont", "term", "int", "int-twice", "term-twice", "engine-alone");

  private static final List<String> ALL_MOMENTS =
      "all".equals(System.getProperty("kill.signals"))
          ? Stream.concat(MOMENTS.stream(), SIGNALS.stream()).toList()
          : MOMENTS;

  private final Random random = new Random(SEED);
  private final List<String> ids = new ArrayList<>();
  private Path list;

  @Test
  @Timeout(7200)
  void killedAtAnyInstant_losesNothing_andStoresNothingTwice() throws IOException {
    System.out.println("kill test: " + ROUNDS + " rounds, -Dkill.seed=" + SEED);
    Map<String, Integer> counted = new java.util.TreeMap<>();
    try (TestBed bed =
        TestBed.start(
            new SandboxOptions()
                .conditions(8000)
                .limits(0)
                .latencyMillis(40)
                .seed(Math.abs(SEED % 1000) + 1))) {
      bed.ownEngine();
      bed.sandbox().fault("kind=reset,rate=0.01");
      bed.sandbox().fault("kind=truncate,rows=100,rate=0.05");
      ids.addAll(bed.ids(8000));
      list = bed.home().resolve("ids.txt");
      int engineKills = 0;
      int tries = 0;
      for (int round = 0; round < ROUNDS; ) {
        assertTrue(tries++ < 4 * ROUNDS + 20, "too few rounds had ids in flight: " + counted);
        moreIds(bed);
        String moment = ALL_MOMENTS.get(tries % ALL_MOMENTS.size());
        bed.set("payouts.batch-size", 5 + random.nextInt(random.nextBoolean() ? 60 : 500))
            .set("payouts.concurrency", 1 + random.nextInt(6));
        boolean withEngine = tries % 5 == 0;
        boolean engineKilled = round(bed, moment, withEngine);
        engineKills += engineKilled ? 1 : 0;
        if (inFlight(bed) > 0 || SIGNALS.contains(moment)) {
          round++;
          counted.merge(moment, 1, Integer::sum);
        }
      }
      Program.Result last = Program.run(bed, "run", "payouts", "--ids", list.toString());
      assertTrue(last.exitCode() == 0 || last.exitCode() == 2, last.exitCode() + ": " + last.err());
      bed.assertTruth(ids);
      assertEquals(0, bed.count(State.PENDING));
      assertEquals(0, inFlight(bed));
      assertTrue(!endedAt.isEmpty(), "no round ended at a named step");
      assertTrue(ROUNDS < 25 || engineKills > 0, "no engine was killed");
      assertTrue(
          ROUNDS < 25 || endedAt.stream().anyMatch(point -> point.endsWith("-of-left-out")),
          "no round ended with ids that an answer had left out: " + endedAt);
      System.out.println("kill test: ended at " + endedAt);
      System.out.println(
          "kill test: "
              + counted
              + " rounds with ids in flight, "
              + engineKills
              + " with the engine killed too, "
              + ids.size()
              + " ids");
    }
  }

  /** The named steps at which the program ended itself, so that the test cannot pass without it. */
  private final java.util.Set<String> endedAt = new java.util.TreeSet<>();

  private void moreIds(TestBed bed) throws IOException {
    if (!Files.exists(bed.ledgerFile()) || bed.count(State.PENDING) < 4000) {
      for (int i = 0; Files.exists(bed.ledgerFile()) && i < 4000; i++) {
        ids.add(
            String.format(
                "%016x%016x%016x%016x",
                random.nextLong(), random.nextLong(), random.nextLong(), random.nextLong()));
      }
      Files.write(list, ids);
    }
  }

  /**
   * @return whether an engine was killed too
   */
  private boolean round(TestBed bed, String moment, boolean withEngine) {
    boolean engineKilled = false;
    bed.holdEngine();
    List<Program> programs = new ArrayList<>();
    long before = bed.requests();
    boolean named =
        !moment.equals("random") && !moment.equals("workers") && !SIGNALS.contains(moment);
    int of = moment.equals("workers") ? 2 + random.nextInt(2) : 1;
    for (int worker = 1; worker <= of; worker++) {
      List<String> arguments =
          new ArrayList<>(
              List.of(
                  "run",
                  "payouts",
                  "--ids",
                  list.toString(),
                  "--set",
                  "camel.beans.killer=#class:" + KillAt.class.getName()));
      if (of > 1) {
        arguments.addAll(List.of("--worker", String.valueOf(worker), "--of", String.valueOf(of)));
      }
      programs.add(
          Program.start(
              bed,
              named
                  ? List.of(
                      "-Dbackfill.kill-at="
                          + moment
                          + ":"
                          + (1 + random.nextInt(moment.endsWith("-of-left-out") ? 2 : 9)))
                  : List.of(),
              Map.of(),
              arguments.toArray(String[]::new)));
    }
    try {
      if (named) {
        TestBed.await(
            "the process ends at " + moment,
            Duration.ofSeconds(240),
            () -> !programs.get(0).isAlive());
        int code = programs.get(0).process().exitValue();
        assertTrue(List.of(137, 0, 2).contains(code), code + ": " + programs.get(0).err());
        if (code == 137) {
          endedAt.add(moment);
        }
      } else {
        TestBed.await(
            "a request",
            Duration.ofSeconds(240),
            () -> bed.requests() > before + of || programs.stream().noneMatch(Program::isAlive));
        Thread.sleep(random.nextInt(900));
        if (SIGNALS.contains(moment)) {
          signal(bed, moment, programs.get(0));
        }
      }
      if (withEngine && random.nextBoolean()) {
        engineKilled = bed.killEngine();
        Thread.sleep(random.nextInt(1500));
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    } finally {
      programs.forEach(Program::close);
    }
    return withEngine && bed.killEngine() || engineKilled;
  }

  /** Sends it, and sees that the program ends, or goes on, as it promises. */
  private void signal(TestBed bed, String moment, Program program) throws InterruptedException {
    List<Integer> ends =
        moment.startsWith("term") || moment.startsWith("int") ? List.of(130, 0, 2) : List.of(0, 2);
    switch (moment) {
      case "stop-cont" -> {
        for (int i = 0; i < 3; i++) {
          program.signal("STOP");
          Thread.sleep(random.nextInt(3000));
          program.signal("CONT");
          Thread.sleep(random.nextInt(500));
        }
      }
      case "engine-alone" ->
          assertTrue(bed.killEngine(), "no engine to kill after the first request");
      default -> {
        String name = moment.startsWith("term") ? "TERM" : "INT";
        program.signal(name);
        if (moment.endsWith("twice")) {
          Thread.sleep(random.nextInt(300));
          program.signal(name);
        }
      }
    }
    TestBed.await(
        "the process ends after " + moment, Duration.ofSeconds(300), () -> !program.isAlive());
    int code = program.process().exitValue();
    assertTrue(ends.contains(code), moment + ": " + code + ": " + program.err());
    endedAt.add(moment);
  }

  /** How many ids are in batches that were begun. */
  private static long inFlight(TestBed bed) {
    if (!Files.exists(bed.ledgerFile())) {
      return 0;
    }
    try (Ledger ledger = bed.ledger()) {
      return ledger.open(Share.WHOLE).stream().mapToLong(batch -> batch.size()).sum();
    }
  }
}
