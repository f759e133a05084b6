package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Postgres;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** The real program as members that work on ranges, on whole lists, and as a pipeline. */
class SharedJobsIT {

  private static Postgres postgres;

  private final List<Program> members = new ArrayList<>();

  @BeforeAll
  static void startServer() {
    postgres = Postgres.start();
  }

  @AfterAll
  static void endServer() {
    postgres.close();
  }

  @AfterEach
  void endMembers() {
    members.forEach(Program::close);
  }

  private Program member(TestBed bed, String... command) {
    Program member = Program.startMember(bed, members.size() + 1, command);
    members.add(member);
    return member;
  }

  private static void assertDone(TestBed bed, String job) {
    try (Ledger ledger = Ledger.open(LedgerPlace.of(bed.settings(), job))) {
      assertEquals(0, ledger.left(Share.WHOLE));
      assertEquals(0, ledger.counts(Share.WHOLE).get(State.FAILED));
      assertTrue(ledger.sums().balanced(), ledger.sums().toString());
    }
  }

  @Test
  void ranges_areCutJoinedAndStoredOnce_thoughMembersAreKilledFrozenAndReplaced()
      throws IOException, InterruptedException {
    try (TestBed bed = ChainJobIT.start("kind=truncate,source=polygon,rate=0.02,rows=100")) {
      bed.share(postgres.database()).set("chain.sources", "sqd").set("chain.span", 60);
      bed.set("chain.concurrency", 3);
      long first = ChainJobIT.FREEZE - 2_000;
      long last = ChainJobIT.FREEZE + 2_000;
      String[] run = {"run", "chain", "--from", "" + first, "--to", "" + last};
      member(bed, run);
      // it brings the same ranges at the same time
      member(bed, run);
      bed.awaitRequests("sqd", 2);
      Program third = member(bed, "join", "chain");
      bed.awaitRequests("sqd", 4);
      members.get(0).kill();
      bed.awaitRequests("sqd", 4);
      third.signal("STOP");
      Thread.sleep(4_500);
      member(bed, run);
      bed.awaitRequests("sqd", 4);
      third.signal("CONT");
      for (Program member : members.subList(1, members.size())) {
        assertEquals(0, member.end().exitCode(), member.err());
      }
      assertEquals(0, member(bed, run).end().exitCode());
      assertDone(bed, "chain");
      ChainJobIT.assertStored(bed, first, last, ChainJobIT.ALL);
    }
  }

  @Test
  void aWholeList_isReadByOneMember_andAnotherGoesOnWithItWhenThatOneIsKilledOrFrozen()
      throws InterruptedException {
    try (TestBed bed =
        SourceBed.start(new SandboxOptions().conditions(20_000).limits(0).latencyMillis(60))) {
      bed.share(postgres.database());
      Program one = member(bed, "run", "clob-markets");
      bed.awaitRequests("clob", 5);
      Program refused = member(bed, "run", "clob-markets");
      assertEquals(1, refused.end().exitCode());
      assertTrue(refused.err().contains("one member at a time"), refused.err());
      Program two = member(bed, "join", "clob-markets");
      two.awaitSaid("waiting, to go on if it ends");
      one.kill();
      two.awaitSaid("joining clob-markets");
      bed.awaitRequests("clob", 5);
      two.signal("STOP");
      Program three = member(bed, "join", "clob-markets");
      three.awaitSaid("joining clob-markets");
      bed.awaitRequests("clob", 2);
      two.signal("CONT");
      assertEquals(0, three.end().exitCode(), three.err());
      two.end();
      assertDone(bed, "clob-markets");
      assertEquals(
          ClobMarketsJobIT.assertTruth(bed),
          TestBed.number("SELECT count() FROM default.clob_market_mapping"));
    }
  }

  @Test
  void aPipeline_isRunByOneMachine_othersHelpWithItsJobs_andItGoesOnAfterAKill()
      throws IOException, InterruptedException {
    try (TestBed bed =
        TestBed.start(new SandboxOptions().conditions(1500).limits(0).latencyMillis(60))) {
      bed.share(postgres.database()).set("payouts.batch-size", 5).set("payouts.concurrency", 2);
      List<String> ids = bed.ids(1500);
      Path list = Files.write(bed.home().resolve("ids.txt"), ids);
      Files.writeString(
          bed.home().resolve("routes/pipelines/small.yaml"),
          "title: payouts alone\nbudget: 1h\nsteps:\n  payouts:\n    title: payouts\n"
              + "    command: run payouts --ids "
              + list
              + "\n    takes: 1m\n");
      Program one = member(bed, "pipeline", "small");
      TestBed.await("the step's requests", TestBed.SOON, () -> bed.requests() >= 10);
      Program refused = member(bed, "pipeline", "small");
      assertEquals(1, refused.end().exitCode());
      assertTrue(refused.err().contains("one machine at a time runs it"), refused.err());
      Program helper = member(bed, "join");
      helper.awaitSaid("joining payouts");
      one.kill();
      // with a folder of its own, as on another machine
      Program again = member(bed, "pipeline", "small");
      again.awaitSaid("continuing pass 1");
      for (Program ended : List.of(again, helper)) {
        // ids that the sandbox refuses fail
        assertTrue(List.of(0, 2).contains(ended.end().exitCode()), ended.err());
      }
      bed.assertTruth(ids);
      assertEquals(0, bed.count(State.PENDING));
      Program after = member(bed, "pipeline", "small");
      assertEquals(0, after.end().exitCode(), after.err());
      assertTrue(after.out().contains("pass 1 is finished"), after.out());
    }
  }

  @Test
  void plan_countsWhatIsPendingInTheSharedLedger_andChangesNothingThere() throws IOException {
    try (TestBed bed = TestBed.start(new SandboxOptions().conditions(300).limits(0))) {
      bed.share(postgres.database());
      List<String> ids = bed.ids(300);
      Path first = Files.write(bed.home().resolve("first.txt"), ids.subList(0, 100));
      Path all = Files.write(bed.home().resolve("all.txt"), ids);
      Program run = member(bed, "run", "payouts", "--ids", first.toString());
      assertTrue(List.of(0, 2).contains(run.end().exitCode()), run.err());
      Program plan = member(bed, "plan", "payouts", "--ids", all.toString(), "--json");
      assertEquals(0, plan.end().exitCode(), plan.err());
      assertEquals(
          200,
          new ObjectMapper().readTree(plan.out()).at("/jobs/0/ids").asLong(),
          "ids that are not fetched yet: " + plan.out());
      try (Ledger ledger = Ledger.open(LedgerPlace.of(bed.settings(), "payouts"))) {
        assertEquals(100, ledger.size(Share.WHOLE));
      }
    }
  }
}
