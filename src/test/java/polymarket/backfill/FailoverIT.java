package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.ledger.PostgresPair;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** The database of shared ledgers is restarted, or another server takes its place, during a run. */
class FailoverIT {

  @BeforeEach
  void needServer() {
    assumeTrue(
        PostgresPair.installed() != null,
        "no PostgreSQL with pg_basebackup in /usr/lib/postgresql: install Debian's postgresql");
  }

  /** The lock in ClickHouse of a member that was killed is waited for. */
  private static final List<String> OPTIONS = List.of("-Dbackfill.lock-millis=15000");

  private final List<Program> members = new ArrayList<>();

  private Program member(TestBed bed, String... command) {
    Program member = Program.startMember(bed, members.size() + 1, OPTIONS, command);
    members.add(member);
    return member;
  }

  private void startTwo(TestBed bed, List<String> ids) throws IOException {
    Path list = Files.write(bed.home().resolve("ids.txt"), ids);
    member(bed, "run", "payouts", "--ids", list.toString());
    bed.awaitRequests(1);
    member(bed, "join", "payouts").awaitSaid("joining payouts");
  }

  private void assertAllIsDone(TestBed bed, List<String> ids) {
    for (Program member : members) {
      Program.Result end = member.end();
      assertTrue(List.of(0, 2).contains(end.exitCode()), end.exitCode() + ": " + end.err());
    }
    bed.assertTruth(ids);
    assertEquals(0, bed.count(State.PENDING));
  }

  @Test
  void aRestartAndAFailoverToASynchronousStandby_loseNothing_andKeepTheLimit() throws IOException {
    try (PostgresPair pair = PostgresPair.start(true);
        TestBed bed = TestBed.start(new SandboxOptions().conditions(1000).limits(1))) {
      TestBed.pace(bed.home().resolve("routes/sources/goldsky.camel.yaml"), 50, 10_100);
      bed.share(pair.database()).set("payouts.batch-size", 4).set("payouts.concurrency", 4);
      List<String> ids = bed.ids(450);
      startTwo(bed, ids);
      bed.awaitRequests(20);
      pair.restart();
      members.get(0).awaitSaid("joining as a new member");
      bed.awaitRequests(20);
      pair.failOver();
      members.get(0).awaitSaid("joining as a new member", 2);
      assertAllIsDone(bed, ids);
      assertEquals(0, bed.sandbox().violations("goldsky"), bed.sandbox().stats());
      assertTrue(
          members.stream().filter(member -> member.err().contains("on another server")).count()
              == 1,
          "one says so");
    } finally {
      members.forEach(Program::close);
    }
  }

  @Test
  void anAsynchronousStandbyThatLacksTheNewestBatches_makesAllLookFirst_andNothingIsTwice()
      throws IOException {
    try (PostgresPair pair = PostgresPair.start(false);
        TestBed bed =
            TestBed.start(new SandboxOptions().conditions(1500).limits(0).latencyMillis(80))) {
      bed.share(pair.database()).set("payouts.batch-size", 5).set("payouts.concurrency", 2);
      List<String> ids = bed.ids(1500);
      startTwo(bed, ids);
      bed.awaitRequests(10);
      pair.cutStandby();
      // batches that are made, fetched, inserted and marked from here on are not in the standby
      bed.awaitRequests(40);
      pair.failOver();
      members.get(0).awaitSaid("joining as a new member");
      assertAllIsDone(bed, ids);
      List<Long> inTable =
          TestBed.sql(
                  "SELECT DISTINCT toUInt32(splitByChar('-', batch)[-1]) AS number"
                      + " FROM default.resolutions_external_ingest")
              .stream()
              .map(row -> ((Number) row.get("number")).longValue())
              .toList();
      long lost = inTable.size() - pair.known("payouts", inTable);
      assertTrue(lost >= 10, "lost batches whose rows are in the table: " + lost);
      assertNoneIsTwice();
      assertTrue(
          members.stream().anyMatch(member -> member.err().contains("on another server")),
          members.get(0).err());
    } finally {
      members.forEach(Program::close);
    }
  }

  /** Counted without FINAL, so that a row that was stored again is seen. */
  private static void assertNoneIsTwice() {
    assertEquals(
        0,
        TestBed.number(
            "SELECT count() - uniqExact(condition_id) FROM default.resolutions_external_ingest"));
  }

  @Test
  void ofTwoServersThatCanBeWritten_oneIsWorkedWith_andTheMembersOfTheOtherWait()
      throws IOException {
    try (PostgresPair pair = PostgresPair.start(false);
        TestBed bed =
            TestBed.start(new SandboxOptions().conditions(1500).limits(0).latencyMillis(80))) {
      bed.share(pair.database()).set("payouts.batch-size", 2).set("payouts.concurrency", 1);
      List<String> ids = bed.ids(1500);
      Path list = Files.write(bed.home().resolve("ids.txt"), ids);
      Program one = member(bed, "run", "payouts", "--ids", list.toString());
      bed.awaitRequests(10);
      pair.split();
      bed.share(pair.standbyFirst()).set("payouts.batch-size", 20).set("payouts.concurrency", 4);
      Program other = member(bed, "run", "payouts", "--ids", list.toString());
      other.awaitSaid("with another server of the shared database");
      assertTrue(one.isAlive(), "it waits although nobody is there: " + one.err());
      one.kill();
      assertTrue(List.of(0, 2).contains(other.end().exitCode()), other.err());
      assertTrue(other.err().contains("on another server than before"), other.err());
      bed.assertTruth(ids);
      assertEquals(0, bed.count(State.PENDING));
      assertNoneIsTwice();
    } finally {
      members.forEach(Program::close);
    }
  }
}
