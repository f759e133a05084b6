package polymarket.backfill.ledger;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.UserError;

/** The ledger in PostgreSQL, and what its members do for each other. */
class SharedLedgerIT extends LedgerContract {

  private static Postgres postgres;

  private final List<Member> members = new ArrayList<>();
  private final List<String> told = Collections.synchronizedList(new ArrayList<>());
  private SharedLedgers cluster;
  private Member member;

  @BeforeAll
  static void startServer() {
    postgres = Postgres.start();
  }

  @AfterAll
  static void endServer() {
    postgres.close();
  }

  @BeforeEach
  void joinFirst() {
    cluster = postgres.database();
    member = join();
  }

  @AfterEach
  void leave() {
    members.forEach(Member::close);
  }

  private Member join() {
    Member joined = Member.join(cluster, List.of("payouts"), told::add);
    members.add(joined);
    return joined;
  }

  @Override
  LedgerPlace place() {
    return LedgerPlace.shared(member, "payouts");
  }

  private static Ledger open(Member of) {
    return Ledger.open(LedgerPlace.shared(of, "payouts"), OWNER, false, Window.ALL);
  }

  /** Lets a member look as if it had stood still for longer than its lease. */
  private void freeze(Member frozen) {
    postgres.execute(
        cluster,
        "UPDATE backfill.members SET lease_until = clock_timestamp() - interval '1 s' WHERE member"
            + " = "
            + frozen.number());
  }

  private void thaw(Member frozen) {
    postgres.execute(
        cluster,
        "UPDATE backfill.members SET lease_until = clock_timestamp() + interval '1 h' WHERE member"
            + " = "
            + frozen.number());
  }

  @Test
  void whileAMemberLives_nobodyTakesItsBatches() {
    try (Ledger one = open();
        Ledger two = open(join())) {
      load(one, ids(10));
      one.claim("", Mode.NEW, Share.WHOLE, 5, 1);
      assertEquals(List.of(), two.open(Share.WHOLE));
      assertEquals(List.of(), two.freed(Share.WHOLE));
      assertTrue(two.othersWork());
      complete(two, two.claim("", Mode.NEW, Share.WHOLE, 5, 1).get(0));
      assertTrue(two.othersWork(), "the other's batch may come back");
      complete(one, one.open(Share.WHOLE).get(0));
      assertFalse(two.othersWork());
    }
  }

  @Test
  void plansOfClaims_knowTheIdsThatWait_rightAfterALoad_andAfterRedo() {
    try (Ledger ledger = open()) {
      load(ledger, ids(1_000));
      assertEquals(1, statistics("batch", "null_frac = 1"), "without, a claim sorts all of them");
      complete(ledger, ledger.claim("", Mode.NEW, Share.WHOLE, 1_000, 1).get(0));
      assertEquals(1_000, ledger.redo(List.of(State.FOUND), null));
      assertEquals(1, statistics("mode", "most_common_vals::text = '{redo}'"));
    }
  }

  /** Whether PostgreSQL's statistics of a column of the ids are as a condition says: 1 or 0. */
  private long statistics(String column, String condition) {
    return Postgres.number(
        cluster,
        "SELECT count(*) FROM pg_stats WHERE schemaname = '"
            + LedgerSchema.name("payouts")
            + "' AND tablename = 'ids' AND attname = '"
            + column
            + "' AND "
            + condition);
  }

  @Test
  void aFrozenMember_losesItsBatches_andMarksNothingWhenItWakes() {
    Member second = join();
    try (Ledger one = open();
        Ledger two = open(second)) {
      load(one, ids(9));
      List<Batch> begun = one.claim("", Mode.NEW, Share.WHOLE, 3, 3);
      List<String> missing = leaveOut(one, begun.get(2), 0);
      Batch unechoed = unechoed(one);
      BatchWork page = new BatchWork(begun.get(0));
      page.rows().add(5, 5, 0, 0);
      one.page(page);
      freeze(member);

      List<Batch> taken = two.freed(Share.WHOLE);
      assertEquals(
          List.of(begun.get(0).key(), begun.get(1).key(), unechoed.key()),
          taken.stream().map(Batch::key).toList());
      assertTrue(taken.stream().allMatch(Batch::check), "they may be stored already");
      assertEquals(5, taken.get(0).saved().fetched(), "it goes on behind the stored page");
      assertEquals(missing, taken.get(2).ids());
      thaw(member);

      assertFalse(one.holds(begun.get(0)));
      assertTrue(two.holds(taken.get(0)));
      Ledger.Sums before = one.sums();
      BatchWork late = new BatchWork(begun.get(0));
      late.getIds().forEach(id -> late.outcomes().put(id, Outcome.found(1)));
      assertThrows(FencedException.class, () -> one.complete(late, List.of(), Share.WHOLE));
      assertThrows(FencedException.class, () -> one.page(late));
      assertThrows(FencedException.class, () -> one.halve(late, Share.WHOLE));
      assertThrows(FencedException.class, () -> one.cut(late, List.of("x"), Share.WHOLE));
      assertThrows(FencedException.class, () -> one.fail(late, Outcome.failed(500, "late")));
      assertEquals(List.of(), one.askTogether(List.of(unechoed), 3, true, Share.WHOLE));
      assertEquals(before, one.sums());
      assertEquals(2, one.counts(Share.WHOLE).get(State.FOUND));

      complete(two, taken.get(0));
      complete(two, taken.get(1));
      mark(two, two.askTogether(taken.subList(2, 3), 3, true, Share.WHOLE).get(0), State.ABSENT);
      assertEquals(0, two.left(Share.WHOLE));
      assertTrue(two.sums().balanced());
    }
  }

  private static Batch unechoed(Ledger ledger) {
    return ledger.open(Share.WHOLE).stream()
        .filter(batch -> batch.kind() == Batch.Kind.UNECHOED)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aBatchThatComesBack_isOtherWorkThanTheOneBegunBefore() {
    Member second = join();
    try (Ledger one = open();
        Ledger two = open(second)) {
      load(one, ids(3));
      Batch begun = one.claim("", Mode.NEW, Share.WHOLE, 3, 1).get(0);
      freeze(member);
      two.freed(Share.WHOLE);
      thaw(member);
      freeze(second);
      Batch back = one.freed(Share.WHOLE).get(0);
      assertEquals(begun.key(), back.key());
      assertFalse(one.holds(begun), "its pages may have gone on meanwhile");
      complete(one, back);
    }
  }

  @Test
  void aMemberWhoseProcessEnds_isFollowedAtOnce() throws Exception {
    Member second = join();
    try (Ledger one = open();
        Ledger two = open(second)) {
      load(one, ids(3));
      one.claim("", Mode.NEW, Share.WHOLE, 3, 1);
      // as a kill does: the session goes, the lease is long from over
      postgres.execute(
          cluster,
          "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
              + " AND classid = 4712 AND objid = "
              + member.number());
      List<Batch> taken = List.of();
      for (int i = 0; i < 100 && taken.isEmpty(); i++) {
        TimeUnit.MILLISECONDS.sleep(20);
        taken = two.freed(Share.WHOLE);
      }
      complete(two, taken.get(0));
    }
  }

  /** A member's connection in a transaction that keeps others from writing. */
  private Database writing() throws IOException, SQLException {
    Database one = place().open();
    one.connection().setAutoCommit(false);
    one.begin(true);
    return one;
  }

  @Test
  void aMemberThatStandsStillInATransaction_doesNotKeepTheOthersWaiting() throws Exception {
    Member second = join();
    try (Ledger two = open(second)) {
      load(two, ids(3));
      Database one = writing();
      assertEquals(1, two.claim("", Mode.NEW, Share.WHOLE, 3, 1).size());
      assertThrows(Exception.class, () -> one.query("holds", result -> 1, 1L, 0));
      assertTrue(member.lost() != null, "it joins again before it goes on");
    }
  }

  @Test
  void aMemberThatIsToLeave_doesNotWaitForWhatAnotherOneWrites() throws Exception {
    Member second = join();
    try (Ledger two = open(second)) {
      load(two, ids(3));
      Database one = writing();
      second.waitNoLonger();
      Exception left =
          assertThrows(UserError.class, () -> two.claim("", Mode.NEW, Share.WHOLE, 3, 1));
      assertTrue(left.getMessage().contains("this one leaves"), left.getMessage());
      assertNull(second.lost());
      assertEquals(3, two.size(Share.WHOLE), "its connection can be used");
      one.connection().rollback();
      assertEquals(1, two.claim("", Mode.NEW, Share.WHOLE, 3, 1).size());
    }
  }

  @Test
  void aMemberThatLosesTheDatabase_isNoneAnyMore_andJoinsUnderAnotherNumber() throws Exception {
    Ledger one = open();
    load(one, ids(3));
    Batch begun = one.claim("", Mode.NEW, Share.WHOLE, 3, 1).get(0);
    postgres.endSessions(cluster);
    assertThrows(AwayException.class, () -> complete(one, begun));
    assertTrue(member.lost().getMessage().contains(cluster.where()), member.lost().getMessage());
    assertEquals(List.of(member.lost().getMessage()), told);
    assertFalse(told.get(0).endsWith("."), "a half-sentence follows: " + told);
    assertSame(member.lost(), assertThrows(AwayException.class, () -> one.size(Share.WHOLE)));

    Member again = join();
    assertNotEquals(member.number(), again.number());
    try (Ledger two = open(again)) {
      Batch resumed = two.open(Share.WHOLE).get(0);
      assertEquals(begun.key(), resumed.key());
      complete(two, resumed);
    }
  }

  @Test
  void aServerThatCannotBeWritten_isSaidSo_andIsWaitedFor() {
    String name = cluster.where().replaceFirst(".*/", "");
    postgres.execute(cluster, "ALTER DATABASE " + name + " SET default_transaction_read_only = on");
    postgres.endSessions(cluster);
    String said = assertThrows(AwayException.class, this::join).getMessage();
    assertTrue(said.contains("cannot be written") && said.contains("=primary"), said);
    assertFalse(cluster.answers());
  }

  @Test
  void membersTakeAllIds_andNoneTwice() throws Exception {
    load(open(), ids(5_000));
    ExecutorService threads = Executors.newFixedThreadPool(3);
    List<Future<List<String>>> taken = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Member own = join();
      taken.add(
          threads.submit(
              () -> {
                List<String> ids = new ArrayList<>();
                try (Ledger ledger = open(own)) {
                  List<Batch> batches;
                  while (!(batches = ledger.claim("", Mode.NEW, Share.WHOLE, 50, 4)).isEmpty()) {
                    for (Batch batch : batches) {
                      ids.addAll(batch.ids());
                      complete(ledger, batch);
                    }
                  }
                }
                return ids;
              }));
    }
    List<String> all = new ArrayList<>();
    for (Future<List<String>> ids : taken) {
      assertFalse(ids.get().isEmpty(), "every member gets some");
      all.addAll(ids.get());
    }
    threads.shutdown();
    Collections.sort(all);
    assertEquals(ids(5_000), all);
    try (Ledger ledger = open()) {
      assertEquals(new Ledger.Sums(100, 5_000, 5_000, 0, 0, 0), ledger.sums());
    }
  }

  @Test
  void timesAreTheDatabases_notThoseOfTheMachine() {
    long hour = TimeUnit.HOURS.toMillis(1);
    try (Ledger ledger = open()) {
      long now = member.now();
      assertTrue(Math.abs(now - System.currentTimeMillis()) < hour / 2);
      // as if this machine's clock was an hour behind the database's
      member.clock(now + hour, System.nanoTime());
      load(ledger, ids(1));
      complete(ledger, ledger.claim("", Mode.NEW, Share.WHOLE, 1, 1).get(0));
      assertTrue(ledger.entry(ids(1).get(0)).markedAt() >= now + hour);
      assertTrue(ledger.now() >= now + hour);
      assertEquals(1, ledger.redo(List.of(State.FOUND), null));
    }
  }

  @Test
  void turns_areSpreadOverAllMembers_andAPauseHoldsForAll() {
    SharedPace one = new SharedPace(member);
    SharedPace two = new SharedPace(join());
    List<Long> due = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      due.add((i % 3 == 0 ? one : two).reserve("source", 200, 1, 10_000).dueNanos());
    }
    for (int i = 1; i < due.size(); i++) {
      double millis = (due.get(i) - due.get(i - 1)) / 1e6;
      assertTrue(millis > 100 && millis < 300, i + ": " + millis + " ms");
    }
    double span = (due.get(19) - due.get(0)) / 1e6;
    assertTrue(Math.abs(span - 19 * 200) < 100, span + " ms");
    two.reserve("source", 200, 5, 10_000);
    long now = System.nanoTime();
    one.pause("source", 60_000);
    double paused = (two.reserve("source", 200, 1, 10_000).dueNanos() - now) / 1e6;
    assertTrue(paused >= 60_000 - 1, paused + " ms");
    double other = (two.reserve("other", 200, 1, 10_000).dueNanos() - System.nanoTime()) / 1e6;
    assertTrue(other < 1000, "a pause is of one source: " + other);
    assertFalse(one.later("source", 30_000, 10_000), "the next turn is a minute away");
    assertTrue(one.later("other", 30_000, 10_000));
    double later = (two.reserve("other", 200, 1, 10_000).dueNanos() - now) / 1e6;
    assertTrue(later > 29_000, later + " ms");
    assertEquals(
        List.of("other", "source"),
        cluster.pace().stream().map(SharedLedgers.PaceInfo::source).toList());
  }

  @Test
  void afterARestartOfTheDatabase_awholePeriodPassesBeforeTheNextTurn() {
    SharedPace pace = new SharedPace(member);
    pace.reserve("source", 200, 1, 10_000);
    postgres.execute(
        cluster, "UPDATE backfill.pace SET server_started = server_started - interval '1 h'");
    double wait = (pace.reserve("source", 200, 1, 10_000).dueNanos() - System.nanoTime()) / 1e6;
    assertTrue(wait > 9_900, wait + " ms");
  }

  @Test
  void whatOneMemberAtATimeDoes_isFreeWhenThatOneEnds_andTakenFromAFrozenOne() throws Exception {
    Member second = join();
    Member third = join();
    assertNull(member.hold("markets"));
    assertEquals(member.number(), second.hold("markets").member());
    assertNull(second.hold("pipeline small"), "it is another thing");
    assertEquals(member.number(), cluster.holder("markets").member());
    member.close();
    assertNull(cluster.holder("markets"));
    assertNull(second.hold("markets"));
    freeze(second);
    assertNull(cluster.holder("markets"), "the holder does not live");
    assertNull(third.hold("markets"));
    assertThrows(AwayException.class, () -> second.hold("markets"), "its session is ended");
  }

  @Test
  void onAnotherServer_newBatchesLookFirst_andTheirNumbersAreNoneThatMayBeLost() {
    try (Ledger before = open()) {
      load(before, ids(9));
      assertFalse(before.isMoved());
      assertFalse(before.claim("", Mode.NEW, Share.WHOLE, 3, 1).get(0).check());
    }
    postgres.execute(
        cluster, "UPDATE backfill_payouts.meta SET value = 'other/1' WHERE key = 'history'");
    try (Ledger after = open();
        Ledger second = open(join())) {
      assertTrue(after.isMoved());
      assertFalse(second.isMoved(), "it is told once");
      for (Ledger ledger : List.of(after, second)) {
        Batch batch = ledger.claim("", Mode.NEW, Share.WHOLE, 3, 1).get(0);
        assertTrue(batch.check());
        assertTrue(batch.key().number() > 1_000_000, batch.key().toString());
      }
    }
  }

  @Test
  void whatIsDoneAlone_waitsForTheOneWhoDoesIt() throws Exception {
    try (Ledger one = open();
        Ledger two = open(join())) {
      load(one, ids(3));
      List<String> done = Collections.synchronizedList(new ArrayList<>());
      ExecutorService thread = Executors.newSingleThreadExecutor();
      Future<?>[] second = new Future<?>[1];
      one.alone(
          () -> {
            second[0] = thread.submit(() -> two.alone(() -> done.add("two")));
            load(one, ids(6));
            done.add("one");
          });
      second[0].get(60, TimeUnit.SECONDS);
      thread.shutdown();
      assertEquals(List.of("one", "two"), done);
      assertEquals(ids(6), two.ids());
    }
  }

  @Test
  void whatMembersHold_isShown() {
    Member second = join();
    try (Ledger one = open();
        Ledger two = open(second)) {
      load(one, ids(10));
      one.claim("", Mode.NEW, Share.WHOLE, 2, 2);
      two.claim("", Mode.NEW, Share.WHOLE, 3, 1);
      assertEquals(
          List.of(
              new SharedLedgers.Held(member.number(), 2, 4),
              new SharedLedgers.Held(second.number(), 1, 3)),
          cluster.held("payouts").stream()
              .sorted(java.util.Comparator.comparing(SharedLedgers.Held::member))
              .toList());
      second.close();
      assertEquals(
          List.of(member.number()),
          cluster.members().stream().map(SharedLedgers.MemberInfo::member).toList());
      freeze(member);
      assertFalse(cluster.members().get(0).alive());
    }
  }

  @Test
  void setAside_keepsACopy_andTheNextOneIsNew() {
    String id;
    try (Ledger ledger = open()) {
      load(ledger, ids(5));
      id = ledger.id();
    }
    assertTrue(place().setAside().contains("backfill_payouts_copy_"));
    assertFalse(place().exists());
    try (Ledger ledger = open()) {
      assertEquals(0, ledger.size(Share.WHOLE));
      assertNotEquals(id, ledger.id());
    }
    assertNull(member.lost());
  }
}
