package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Members;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** The real program as members that work on ranges, on whole lists, and as a pipeline. */
class SharedJobsIT {

  @RegisterExtension static final Members MEMBERS = new Members();

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
      bed.share(MEMBERS.database()).set("chain.sources", "sqd").set("chain.span", 60);
      bed.set("chain.concurrency", 3);
      long first = ChainJobIT.FREEZE - 2_000;
      long last = ChainJobIT.FREEZE + 2_000;
      String[] run = {"run", "chain", "--from", "" + first, "--to", "" + last};
      MEMBERS.start(bed, run);
      // it brings the same ranges at the same time
      MEMBERS.start(bed, run);
      bed.awaitRequests("sqd", 2);
      Program third = MEMBERS.start(bed, "join", "chain");
      bed.awaitRequests("sqd", 4);
      MEMBERS.started().get(0).kill();
      bed.awaitRequests("sqd", 4);
      third.signal("STOP");
      Thread.sleep(4_500);
      MEMBERS.start(bed, run);
      bed.awaitRequests("sqd", 4);
      third.signal("CONT");
      for (Program member : MEMBERS.started().subList(1, MEMBERS.started().size())) {
        assertEquals(0, member.end().exitCode(), member.err());
      }
      assertEquals(0, MEMBERS.start(bed, run).end().exitCode());
      assertDone(bed, "chain");
      ChainJobIT.assertStored(bed, first, last, ChainJobIT.ALL);
    }
  }

  @Test
  void aWholeList_isReadByOneMember_andAnotherGoesOnWithItWhenThatOneIsKilledOrFrozen()
      throws InterruptedException {
    try (TestBed bed =
        SourceBed.start(new SandboxOptions().conditions(20_000).limits(0).latencyMillis(60))) {
      bed.share(MEMBERS.database());
      Program one = MEMBERS.start(bed, "run", "clob-markets");
      bed.awaitRequests("clob", 5);
      Program refused = MEMBERS.start(bed, "run", "clob-markets");
      assertEquals(1, refused.end().exitCode());
      assertTrue(refused.err().contains("one member at a time"), refused.err());
      Program two = MEMBERS.start(bed, "join", "clob-markets");
      two.awaitSaid("waiting, to go on if it ends");
      one.kill();
      two.awaitSaid("joining clob-markets");
      bed.awaitRequests("clob", 5);
      two.signal("STOP");
      Program three = MEMBERS.start(bed, "join", "clob-markets");
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
      bed.share(MEMBERS.database()).set("payouts.batch-size", 5).set("payouts.concurrency", 2);
      List<String> ids = bed.ids(1500);
      Path list = Files.write(bed.home().resolve("ids.txt"), ids);
      Files.writeString(
          bed.home().resolve("routes/pipelines/small.yaml"),
          "title: payouts alone\nbudget: 1h\nsteps:\n  payouts:\n    title: payouts\n"
              + "    command: run payouts --ids "
              + list
              + "\n    takes: 1m\n");
      Program one = MEMBERS.start(bed, "pipeline", "small");
      TestBed.await("the step's requests", TestBed.SOON, () -> bed.requests() >= 10);
      Program refused = MEMBERS.start(bed, "pipeline", "small");
      assertEquals(1, refused.end().exitCode());
      assertTrue(refused.err().contains("one machine at a time runs it"), refused.err());
      Program helper = MEMBERS.start(bed, "join");
      helper.awaitSaid("joining payouts");
      one.kill();
      // with a folder of its own, as on another machine
      Program again = MEMBERS.start(bed, "pipeline", "small");
      again.awaitSaid("continuing pass 1");
      for (Program ended : List.of(again, helper)) {
        // ids that the sandbox refuses fail
        assertTrue(List.of(0, 2).contains(ended.end().exitCode()), ended.err());
      }
      bed.assertTruth(ids);
      assertEquals(0, bed.count(State.PENDING));
      Program after = MEMBERS.start(bed, "pipeline", "small");
      assertEquals(0, after.end().exitCode(), after.err());
      assertTrue(after.out().contains("pass 1 is finished"), after.out());
    }
  }

  @Test
  void plan_countsWhatIsPendingInTheSharedLedger_andChangesNothingThere() throws IOException {
    try (TestBed bed = TestBed.start(new SandboxOptions().conditions(300).limits(0))) {
      bed.share(MEMBERS.database());
      List<String> ids = bed.ids(300);
      Path first = Files.write(bed.home().resolve("first.txt"), ids.subList(0, 100));
      Path all = Files.write(bed.home().resolve("all.txt"), ids);
      Program run = MEMBERS.start(bed, "run", "payouts", "--ids", first.toString());
      assertTrue(List.of(0, 2).contains(run.end().exitCode()), run.err());
      Program plan = MEMBERS.start(bed, "plan", "payouts", "--ids", all.toString(), "--json");
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
