package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.sandbox.SandboxOptions;

/** Runs of several runtime folders on one ClickHouse. */
@Timeout(180)
class JobLockIT {

  private static final String OVERDUE =
      "INSERT INTO default.backfill_lock SELECT 'payouts', 'h', 'other:/folder', 'other', 77, 0,"
          + " 720720, now64(3), now64(3) - INTERVAL %d SECOND, 1";

  private final List<JobLock> held = new ArrayList<>();

  @BeforeEach
  void emptyEngine() {
    TestBed.empty();
  }

  @AfterEach
  void release() {
    held.forEach(JobLock::close);
  }

  private JobLock take(String folder, int first, int last) {
    JobLock lock =
        JobLock.take(
            TestBed.clickHouse(),
            "payouts",
            first,
            last,
            JobLock.folder(Path.of("/tmp/" + folder)),
            why -> {});
    held.add(lock);
    return lock;
  }

  @Test
  void ofManyFoldersThatStartTogether_oneGetsTheJob() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(6);
    for (int round = 0; round < 5; round++) {
      CountDownLatch start = new CountDownLatch(1);
      List<Future<JobLock>> takes = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        String folder = "folder" + i;
        takes.add(
            threads.submit(
                () -> {
                  start.await();
                  try {
                    return JobLock.take(
                        TestBed.clickHouse(),
                        "payouts",
                        0,
                        100,
                        JobLock.folder(Path.of("/tmp/" + folder)),
                        why -> {});
                  } catch (UserError e) {
                    assertEquals(JobLock.HeldException.class, e.getClass(), e.toString());
                    return null;
                  }
                }));
      }
      start.countDown();
      int got = 0;
      for (Future<JobLock> take : takes) {
        JobLock lock = take.get();
        got += lock == null ? 0 : 1;
        if (lock != null) {
          held.add(lock);
        }
      }
      assertEquals(1, got, "round " + round);
      held.get(held.size() - 1).close();
    }
    threads.shutdown();
    assertEquals(
        0,
        TestBed.number("SELECT count() FROM system.tables WHERE name LIKE 'backfill_lock_gate%'"));
  }

  @Test
  void theSecondFolder_isToldWhoHoldsIt() {
    take("one", 0, 100);
    UserError error = assertThrows(UserError.class, () -> take("two", 50, 60));
    assertEquals(1, error.getMessage().lines().count());
    assertTrue(
        error
            .getMessage()
            .matches(
                "payouts is run on this ClickHouse from another runtime folder: pid "
                    + ProcessHandle.current().pid()
                    + " in \\S+:/tmp/one, since 20\\S+ \\S+ UTC\\. Wait for it .*"),
        error.getMessage());
  }

  @Test
  void disjointShares_andTheSameFolder_runTogether() {
    take("one", 0, 50);
    take("two", 50, 100);
    take("one", 0, 50);
    assertThrows(UserError.class, () -> take("three", 49, 51));
    held.forEach(JobLock::close);
    take("three", 49, 51);
  }

  @Test
  void aLockThatIsNotRenewed_expires() {
    take("one", 0, 1).close();
    TestBed.clickHouse().execute(String.format(OVERDUE, 20));
    assertThrows(UserError.class, () -> take("one", 0, 1));
    TestBed.clickHouse().execute("TRUNCATE TABLE default.backfill_lock");
    TestBed.clickHouse().execute(String.format(OVERDUE, 61));
    take("one", 0, 1);
  }

  @Test
  void aGateThatWasLeftBehind_isRemoved() {
    TestBed.clickHouse()
        .execute(
            "CREATE TABLE default.backfill_lock_gate (id UInt8) ENGINE = Memory COMMENT 'left'");
    take("one", 0, 1);
    assertEquals(
        0,
        TestBed.number("SELECT count() FROM system.tables WHERE name LIKE 'backfill_lock_gate%'"));
  }

  @Test
  void twoFoldersAtOnce_storeEachRowOnce_andAKilledOneGivesWay() throws Exception {
    try (TestBed bed =
        TestBed.start(new SandboxOptions().conditions(3000).limits(0).latencyMillis(1000))) {
      List<String> ids = bed.ids("found", 200);
      String list = Files.write(bed.home().resolve("ids.txt"), ids).toString();
      String other = "runtime.dir=" + bed.home().resolve("other");
      String[] run = {"run", "payouts", "--ids", list, "--batch-size", "20", "--concurrency", "1"};
      String[] elsewhere =
          Stream.concat(Arrays.stream(run), Stream.of("--set", other)).toArray(String[]::new);
      List<String> quick = List.of("-Dbackfill.lock-millis=6000");
      try (Program one = Program.start(bed, quick, Map.of(), run);
          Program two = Program.start(bed, quick, Map.of(), elsewhere)) {
        TestBed.await(
            "one of them to be refused",
            Duration.ofSeconds(90),
            () -> !one.isAlive() || !two.isAlive());
        Program refused = one.isAlive() ? two : one;
        Program.Result second = refused.end();
        assertEquals(1, second.exitCode(), second.toString());
        assertTrue(second.err().contains("from another runtime folder: pid "), second.err());
        assertEquals(1, second.err().lines().count(), second.err());
        Program first = refused == one ? two : one;
        TestBed.await("rows", Duration.ofSeconds(60), () -> bed.requests() > 2);
        first.kill();
        String[] killed = refused == one ? elsewhere : run;
        Program again = Program.start(bed, quick, Map.of(), killed);
        TestBed.await(
            "the killed run's folder to go on at once",
            Duration.ofSeconds(60),
            () -> bed.requests() > 5 || !again.isAlive());
        assertTrue(again.isAlive(), () -> again.end().toString());
        again.kill();
        Thread.sleep(6500);
        Program.Result last =
            Program.start(bed, quick, Map.of(), refused == one ? run : elsewhere).end();
        assertEquals(0, last.exitCode(), last.toString());
        Program.Result rest = Program.start(bed, quick, Map.of(), killed).end();
        assertEquals(0, rest.exitCode(), "the other folder ends too: " + rest);
      }
      assertEquals(200, TestBed.number("SELECT count() FROM default.resolutions_external_ingest"));
      bed.assertTruth(ids);
    }
  }
}
