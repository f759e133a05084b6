package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.ledger.Postgres;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The real program as three members of one ledger, which are killed, frozen and cut off.
 * -Dcluster.rounds=N for as many rounds as wanted, -Dcluster.seed=N for those of an earlier test.
 */
class MembersIT {

  private static final int ROUNDS = Integer.getInteger("cluster.rounds", 25);
  private static final long SEED = Long.getLong("cluster.seed", System.nanoTime());

  /** How often one member's sessions are ended. */
  private static final int SESSIONS_ENDED = Integer.getInteger("cluster.sessions", 10);

  private static Postgres postgres;

  private final Random random = new Random(SEED);
  private final List<String> ids = new ArrayList<>();
  private Path list;
  private int folders;

  @BeforeAll
  static void startServer() {
    postgres = Postgres.start();
  }

  @AfterAll
  static void endServer() {
    postgres.close();
  }

  private Program member(TestBed bed, String... command) {
    return Program.startMember(bed, ++folders, command);
  }

  private Program runs(TestBed bed) {
    return member(bed, "run", "payouts", "--ids", list.toString());
  }

  private void begin(TestBed bed, int number) throws IOException {
    ids.addAll(bed.ids(number));
    list = bed.home().resolve("ids.txt");
    Files.write(list, ids);
  }

  /** Ids that no source knows, so that there is always work, however many rounds. */
  private void moreIds() throws IOException {
    for (int i = 0; i < 4000; i++) {
      ids.add(
          String.format(
              "%016x%016x%016x%016x",
              random.nextLong(), random.nextLong(), random.nextLong(), random.nextLong()));
    }
    Files.write(list, ids);
  }

  private void assertAllIsDone(TestBed bed) {
    assertDone(runs(bed));
    bed.assertTruth(ids);
    assertEquals(0, bed.count(State.PENDING));
  }

  /** It ended when all was done; ids may have failed. */
  private static void assertDone(Program member) {
    Program.Result end = member.end();
    assertTrue(List.of(0, 2).contains(end.exitCode()), end.exitCode() + ": " + end.err());
  }

  /**
   * One long run. A round is one kill, at a random instant, of a member that holds batches while
   * another one does too. Now and then one is frozen until its lease has ended, or asked to leave.
   */
  @Test
  @Timeout(7200)
  void membersThatAreKilledFrozenAndReplaced_loseNothing_storeNothingTwice_andKeepTheLimit()
      throws IOException, InterruptedException, SQLException {
    System.out.println("members test: " + ROUNDS + " rounds, -Dcluster.seed=" + SEED);
    SharedLedgers database = postgres.database();
    try (TestBed bed =
            TestBed.start(
                new SandboxOptions()
                    .conditions(8000)
                    .limits(2)
                    .latencyMillis(200)
                    .seed(Math.abs(SEED % 1000) + 1));
        Connection ledger = Postgres.connect(database)) {
      TestBed.pace(bed.home().resolve("routes/sources/goldsky.camel.yaml"), 100, 10_100);
      bed.share(database).set("payouts.batch-size", 4).set("payouts.concurrency", 2);
      bed.sandbox().fault("kind=reset,rate=0.02");
      begin(bed, 8000);
      members.add(runs(bed));
      bed.awaitRequests(1);
      members.add(member(bed, "join", "payouts"));
      members.add(member(bed, "join"));
      for (int round = 1; round <= ROUNDS; round++) {
        TestBed.await(
            "two members that hold batches", TestBed.SOON, () -> working(ledger).size() >= 2);
        Thread.sleep(random.nextInt(1000));
        List<Program> working = working(ledger);
        if (working.isEmpty()) {
          round--;
          continue;
        }
        kill(any(working), ledger);
        replace(bed, ledger);
        if (frozen != null) {
          goOn(ledger);
        } else if (round % 8 == 3) {
          freeze(ledger);
        } else if (round % 8 == 7) {
          Program leaving = any(members.subList(0, 2));
          leaving.signal("TERM");
          leaving.end(TestBed.SOON);
          count("leave");
          replace(bed, ledger);
        }
      }
      if (frozen != null) {
        frozen.signal("CONT");
      }
      members.forEach(program -> program.signal("TERM"));
      members.forEach(Program::end);
      removeEnded();
      long takenOver =
          Postgres.number(ledger, "SELECT count(*) FROM backfill_payouts.batches WHERE tenure > 0");
      long highest = bed.sandbox().highest("goldsky");
      bed.set("payouts.batch-size", 200);
      assertAllIsDone(bed);
      assertEquals(0, bed.sandbox().violations("goldsky"), bed.sandbox().stats());
      System.out.println(
          "members test: "
              + acts
              + ", "
              + ids.size()
              + " ids, "
              + takenOver
              + " batches taken over, at most "
              + highest
              + " requests in 10 s");
      int proving = acts.getOrDefault("kill with batches", 0);
      assertTrue(proving >= 0.8 * ROUNDS, "kills that prove something: " + acts);
      assertTrue(takenOver >= proving, takenOver + " batches taken over: " + acts);
      assertTrue(
          ROUNDS < 8 || acts.keySet().containsAll(List.of("freeze", "go on", "leave")),
          acts.toString());
    } finally {
      members.forEach(Program::close);
    }
  }

  private final List<Program> members = new ArrayList<>();
  private final Map<String, Integer> acts = new TreeMap<>();

  /** The member that stands still; null where none does. */
  private Program frozen;

  private void count(String act) {
    acts.merge(act, 1, Integer::sum);
  }

  private Program any(List<Program> programs) {
    return programs.get(random.nextInt(programs.size()));
  }

  /** How many batches each process holds. */
  private static Map<Long, Long> held(Connection ledger) {
    return Postgres.numbers(
        ledger,
        "SELECT pid, count(*) FROM backfill_payouts.batches JOIN backfill.members ON holder ="
            + " member WHERE done_at IS NULL GROUP BY pid");
  }

  /** The members that hold batches and do not stand still. */
  private List<Program> working(Connection ledger) {
    Map<Long, Long> held = held(ledger);
    return members.stream()
        .filter(one -> one != frozen && one.isAlive() && held.containsKey(one.process().pid()))
        .toList();
  }

  private void kill(Program one, Connection ledger) {
    // from here on it does nothing, so that what it held when it was killed is counted
    one.signal("STOP");
    boolean holds = held(ledger).containsKey(one.process().pid());
    boolean othersWork = working(ledger).size() > (holds ? 1 : 0);
    one.kill();
    count("kill");
    if (holds && othersWork) {
      count("kill with batches");
    }
  }

  /** Removes who ended, and starts the next one, with further ids where few are left. */
  private void replace(TestBed bed, Connection ledger) throws IOException {
    removeEnded();
    if (Postgres.number(
            ledger,
            "SELECT count(*) FROM backfill_payouts.ids WHERE state = 'pending' AND batch IS NULL")
        < 2000) {
      moreIds();
      members.add(runs(bed));
    } else {
      members.add(member(bed, "join", "payouts"));
    }
  }

  /** Holds a member that has batches, as a machine does that sleeps. */
  private void freeze(Connection ledger) {
    List<Program> working = working(ledger);
    if (!working.isEmpty()) {
      frozen = any(working);
      frozen.signal("STOP");
      count("freeze");
    }
  }

  /** Lets the frozen member go on once its lease has ended and the others have its batches. */
  private void goOn(Connection ledger) {
    if (!held(ledger).containsKey(frozen.process().pid())) {
      frozen.signal("CONT");
      frozen = null;
      count("go on");
    }
  }

  /** They ended by themselves, were killed, or were asked to, perhaps before they could hear it. */
  private void removeEnded() {
    for (Program one : List.copyOf(members)) {
      if (!one.isAlive()) {
        int code = one.process().exitValue();
        assertTrue(List.of(0, 2, 130, 137, 143).contains(code), code + ": " + one.err());
        count("exit " + code);
        members.remove(one);
      }
    }
  }

  /** The server may end a session at any moment, also while a batch is being marked. */
  @Test
  void aMemberWhoseSessionsAreEnded_joinsAgain_andStillLeavesWhenAsked() throws IOException {
    try (TestBed bed =
        TestBed.start(new SandboxOptions().conditions(1500).limits(0).latencyMillis(10))) {
      SharedLedgers database = postgres.database();
      bed.share(database).set("payouts.batch-size", 1).set("payouts.concurrency", 8);
      begin(bed, 1500);
      try (Program one = runs(bed)) {
        for (int times = 1; times <= SESSIONS_ENDED; times++) {
          bed.awaitRequests(8);
          postgres.endSessions(database);
          one.awaitSaid("joining as a new member", times);
        }
        one.signal("TERM");
        assertEquals(130, one.end(TestBed.SOON).exitCode(), one.err());
      }
    }
  }

  @Test
  void theLimit_isKeptByAllMembersTogether_alsoWhenOneIsKilledAndAnotherFrozen()
      throws IOException, InterruptedException {
    try (TestBed bed = TestBed.start(new SandboxOptions().conditions(1500).limits(1))) {
      TestBed.pace(bed.home().resolve("routes/sources/goldsky.camel.yaml"), 50, 10_100);
      bed.share(postgres.database()).set("payouts.batch-size", 4).set("payouts.concurrency", 4);
      begin(bed, 520);
      members.add(runs(bed));
      bed.awaitRequests(1);
      members.add(member(bed, "join", "payouts"));
      members.add(member(bed, "join", "payouts"));
      bed.awaitRequests(40);
      members.get(0).kill();
      bed.awaitRequests(20);
      members.get(1).signal("STOP");
      Thread.sleep(6_000);
      members.get(1).signal("CONT");
      members.add(member(bed, "join", "payouts"));
      for (Program member : members.subList(1, members.size())) {
        assertDone(member);
      }
      assertEquals(0, bed.sandbox().violations("goldsky"), bed.sandbox().stats());
      System.out.println(
          "members test: at most " + bed.sandbox().highest("goldsky") + " requests in 10 s");
      assertAllIsDone(bed);
    } finally {
      members.forEach(Program::close);
    }
  }

  @Test
  void aMemberThatIsCutOffFromTheDatabase_stopsAsking_andJoinsAgain()
      throws IOException, InterruptedException {
    SharedLedgers direct = postgres.database();
    try (Proxy proxy = new Proxy(postgres.port());
        TestBed bed =
            TestBed.start(new SandboxOptions().conditions(600).limits(0).latencyMillis(40))) {
      bed.share(Postgres.at(proxy.port(), direct.where().replaceFirst(".*/", "")))
          .set("payouts.batch-size", 5)
          .set("payouts.concurrency", 2);
      begin(bed, 600);
      members.add(runs(bed));
      bed.awaitRequests(20);
      proxy.cut();
      members.get(0).awaitSaid("does not answer");
      long asked = bed.requests();
      Thread.sleep(2_000);
      assertEquals(asked, bed.requests(), "nothing is asked without the ledger");
      assertTrue(members.get(0).isAlive(), members.get(0).err());
      proxy.restore();
      members.get(0).awaitSaid("joining as a new member");
      assertDone(members.get(0));
      String said = members.get(0).err();
      assertFalse(said.contains("/" + bed.settings().text("cluster.url")), said);
      assertAllIsDone(bed);
    } finally {
      members.forEach(Program::close);
    }
  }
}
