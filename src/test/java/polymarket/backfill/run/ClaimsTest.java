package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Mode;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/** What one job leaves for another one that fills the same table. */
class ClaimsTest {

  @TempDir private Path folder;

  private Ledger ledger;
  private volatile boolean running = true;
  private EarlierJob earlier;

  @BeforeEach
  void open() {
    ledger = ledger("fills", "a", "b", "c", "d", "e", "f");
    earlier = new EarlierJob("trades", LedgerPlace.of(file("trades")), () -> running);
  }

  @AfterEach
  void close() {
    earlier.close();
    ledger.close();
  }

  private Path file(String job) {
    return Ledger.file(folder, job);
  }

  private Ledger ledger(String job, String... ids) {
    Ledger made = Ledger.open(file(job), new Ledger.Owner(job, "key", "host", "server"), false);
    made.load(loading -> Arrays.asList(ids).forEach(loading::add));
    return made;
  }

  /** Marks pending ids as the job of a ledger does. */
  private static void mark(Ledger of, State state, String... ids) {
    for (Batch batch : of.claim("", Mode.NEW, Share.WHOLE, 1, 100)) {
      if (List.of(ids).contains(batch.ids().get(0))) {
        BatchWork work = new BatchWork(batch);
        if (state == State.FAILED) {
          of.fail(work, Outcome.failed(400, "no"));
        } else {
          work.outcomes().put(batch.ids().get(0), Outcome.of(state));
          of.complete(work, List.of(), Share.WHOLE);
        }
      }
    }
  }

  private Claims claims() {
    return new Claims(ledger, Share.WHOLE, earlier, UnaryOperator.identity());
  }

  /** The ids of a whole pass. */
  private static List<String> pass(Claims claims, int size) {
    List<String> ids = new ArrayList<>();
    while (claims.goesOn()) {
      claims.next(size, 10).forEach(batch -> ids.addAll(batch.ids()));
    }
    return ids;
  }

  private static void nextLook() throws InterruptedException {
    Thread.sleep(1100);
  }

  @Test
  void idsThatTheOtherJobHasToAskFor_areClaimedWhenItHas() {
    try (Ledger trades = ledger("trades", "b", "c", "d", "z")) {
      mark(trades, State.FOUND, "d");
      Claims claims = claims();
      assertEquals(List.of("a", "d", "e", "f"), pass(claims, 1));
      assertTrue(claims.hasLeftIds());
      assertFalse(claims.isDue(), "a pass may take long");
      for (Batch batch : trades.open(Share.WHOLE)) {
        BatchWork work = new BatchWork(batch);
        work.outcomes().put(batch.ids().get(0), Outcome.of(State.ABSENT));
        trades.complete(work, List.of(), Share.WHOLE);
      }
      assertEquals(List.of(), claims.startAgain());
      assertEquals(List.of("b", "c"), pass(claims, 1));
      assertFalse(claims.hasLeftIds());
      assertTrue(earlier.hasAny(List.of("a", "d")));
      assertFalse(earlier.hasAny(List.of("a", "e")));
    }
  }

  @Test
  void idsThatFailedThere_areLeftUntilItsRunHasEnded_becauseItAsksForThemAgain() {
    try (Ledger trades = ledger("trades", "b")) {
      mark(trades, State.FAILED, "b");
      Claims claims = claims();
      assertEquals(List.of("a", "c", "d", "e"), pass(claims, 2), "f does not fill a batch");
      earlier.ended("wallets");
      assertFalse(claims.isDue(), "another job has ended");
      earlier.ended("trades");
      earlier.ended("wallets");
      assertTrue(claims.isDue());
      claims.startAgain();
      assertEquals(List.of("b", "f"), pass(claims, 2));
    }
  }

  @Test
  void anUnfinishedBatch_isLeftWhileTheOtherJobHasOneOfItsIds() {
    List<Batch> open = ledger.claim("", Mode.NEW, Share.WHOLE, 2, 3);
    try (Ledger trades = ledger("trades", "c", "e")) {
      Claims claims = claims();
      assertEquals(List.of(open.get(0)), claims.resumed(open));
      assertTrue(claims.hasLeftBatches());
      mark(trades, State.FOUND, "c");
      assertEquals(List.of(open.get(1)), claims.startAgain());
      assertTrue(claims.hasLeftBatches());
      earlier.ended("trades");
      assertEquals(List.of(open.get(2)), claims.startAgain());
      assertFalse(claims.hasLeftBatches());
    }
  }

  @Test
  void aJobThatBeginsLater_isNoticed_andOneThatNobodyRunsHoldsNothing() throws Exception {
    assertFalse(earlier.isActive());
    assertFalse(earlier.hasAny(List.of("a")));
    try (Ledger trades = ledger("trades", "a")) {
      nextLook();
      assertEquals(Set.of("a"), earlier.first(List.of("a", "b")));
      running = false;
      nextLook();
      assertEquals(Set.of(), earlier.first(List.of("a", "b")));
      assertTrue(earlier.hasAny(List.of("a")), "its rows may be there");
      assertEquals(1, trades.size(Share.WHOLE));
    }
  }

  @Test
  void withoutAnotherJob_everyIdIsClaimed() {
    Claims claims = new Claims(ledger, Share.WHOLE, EarlierJob.NONE, UnaryOperator.identity());
    assertEquals(List.of("a", "b", "c", "d", "e", "f"), pass(claims, 4));
    assertFalse(claims.hasLeftIds());
  }
}
