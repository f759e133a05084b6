package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import polymarket.backfill.ledger.Postgres;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The real program as three members of one ledger, which are killed, frozen and cut off.
 * -Dcluster.rounds=N for as many rounds as wanted, -Dcluster.seed=N for those of an earlier test.
 */
class MembersIT {

  private static final int ROUNDS = Integer.getInteger("cluster.rounds", 6);
  private static final long SEED = Long.getLong("cluster.seed", System.nanoTime());
  private static final List<String> ACTS = List.of("kill", "freeze", "leave");

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

  /** Ids that no source knows, so that there is always work. */
  private void moreIds() throws IOException {
    for (int i = 0; i < 400; i++) {
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

  @Test
  void membersThatAreKilledFrozenAndReplaced_loseNothing_andStoreNothingTwice()
      throws IOException, InterruptedException {
    System.out.println("members test: " + ROUNDS + " rounds, -Dcluster.seed=" + SEED);
    Map<String, Integer> acts = new TreeMap<>();
    List<Program> members = new ArrayList<>();
    try (TestBed bed =
        TestBed.start(
            new SandboxOptions()
                .conditions(1500)
                .limits(0)
                .latencyMillis(40)
                .seed(Math.abs(SEED % 1000) + 1))) {
      bed.share(postgres.database()).set("payouts.batch-size", 5).set("payouts.concurrency", 2);
      bed.sandbox().fault("kind=reset,rate=0.01");
      bed.sandbox().fault("kind=truncate,rows=100,rate=0.05");
      begin(bed, 1500);
      members.add(runs(bed));
      bed.awaitRequests(1);
      members.add(member(bed, "join", "payouts"));
      members.add(member(bed, "join"));
      for (int round = 0; round < ROUNDS; round++) {
        bed.awaitRequests(20);
        Thread.sleep(random.nextInt(1500));
        String act = ACTS.get(round % ACTS.size());
        Program one = members.get(random.nextInt(members.size()));
        if (one.isAlive()) {
          acts.merge(act, 1, Integer::sum);
          act(act, one, bed);
        }
        members.removeIf(program -> !program.isAlive() && ended(program, acts));
        moreIds();
        members.add(runs(bed));
      }
      members.forEach(program -> program.signal("TERM"));
      members.forEach(Program::end);
      members.forEach(program -> ended(program, acts));
      bed.set("payouts.batch-size", 200);
      assertAllIsDone(bed);
      assertTrue(acts.keySet().containsAll(ACTS), acts.toString());
      System.out.println("members test: " + acts + ", " + ids.size() + " ids");
    } finally {
      members.forEach(Program::close);
    }
  }

  /** A member ended by itself, was killed, or was asked to, perhaps before it could hear that. */
  private static boolean ended(Program program, Map<String, Integer> acts) {
    int code = program.process().exitValue();
    assertTrue(List.of(0, 2, 130, 137, 143).contains(code), code + ": " + program.err());
    acts.merge("exit " + code, 1, Integer::sum);
    return true;
  }

  private void act(String act, Program member, TestBed bed) throws InterruptedException {
    switch (act) {
      case "kill" -> member.kill();
      case "leave" -> {
        member.signal("TERM");
        member.end(TestBed.SOON);
      }
      default -> {
        member.signal("STOP");
        // its lease ends, the others take its batches over and go on
        Thread.sleep(4_500);
        bed.awaitRequests(10);
        member.signal("CONT");
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
    List<Program> members = new ArrayList<>();
    try (TestBed bed = TestBed.start(new SandboxOptions().conditions(1500).limits(1))) {
      TestBed.pace(bed.home().resolve("routes/sources/goldsky.camel.yaml"), 50, 10_100);
      bed.share(postgres.database()).set("payouts.batch-size", 4).set("payouts.concurrency", 4);
      begin(bed, 800);
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
    List<Program> members = new ArrayList<>();
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
