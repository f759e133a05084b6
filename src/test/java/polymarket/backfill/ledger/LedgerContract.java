package polymarket.backfill.ledger;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What a ledger does, in whichever database it is. */
abstract class LedgerContract {

  static final Ledger.Owner OWNER = new Ledger.Owner("payouts", "abc", "host", "server-1");

  /** Where this test's ledger is, the same at each call. */
  abstract LedgerPlace place();

  Ledger open() {
    return open(false);
  }

  private Ledger open(boolean tableHasRows) {
    return Ledger.open(place(), OWNER, tableHasRows, Window.ALL);
  }

  static List<String> ids(int n) {
    return IntStream.range(0, n).mapToObj(i -> String.format("%064x", i * 7919L)).sorted().toList();
  }

  static Ledger.Loaded load(Ledger ledger, Collection<String> ids) {
    return ledger.load(loading -> ids.forEach(loading::add));
  }

  static void complete(Ledger ledger, Batch batch) {
    BatchWork work = new BatchWork(batch);
    batch.ids().forEach(id -> work.outcomes().put(id, Outcome.found(1)));
    work.rows().add(batch.size(), batch.size(), 0, 0);
    assertEquals(List.of(), ledger.complete(work, List.of(), Share.WHOLE));
  }

  static void mark(Ledger ledger, Batch batch, State state) {
    BatchWork work = new BatchWork(batch);
    batch.ids().forEach(id -> work.outcomes().put(id, Outcome.of(state)));
    ledger.complete(work, List.of(), Share.WHOLE);
  }

  private static Map<String, Ledger.Entry> entries(Ledger ledger) {
    Map<String, Ledger.Entry> entries = new HashMap<>();
    for (State state : State.values()) {
      ledger.entries(state, Long.MAX_VALUE, entry -> entries.put(entry.id(), entry));
    }
    return entries;
  }

  @Test
  void repeatedIds_areCountedOnce_andLoadingAgainAddsNothing() {
    try (Ledger ledger = open()) {
      List<String> list = new ArrayList<>(ids(30));
      list.addAll(ids(10));
      assertEquals(new Ledger.Loaded(40, 30, 30), load(ledger, list));
      assertEquals(new Ledger.Loaded(40, 30, 0), load(ledger, list));
      assertEquals(new Ledger.Loaded(35, 35, 5), load(ledger, ids(35)));
      assertEquals(35, ledger.size(Share.WHOLE));
      assertEquals(35, ledger.counts(Share.WHOLE).get(State.PENDING));
    }
  }

  @Test
  void loadingAgain_leavesWhatIsDoneAsItIs() {
    try (Ledger ledger = open()) {
      load(ledger, ids(10));
      complete(ledger, ledger.claim("", Mode.NEW, Share.WHOLE, 4, 1).get(0));
      load(ledger, ids(12));
      assertEquals(4, ledger.counts(Share.WHOLE).get(State.FOUND));
      assertEquals(8, ledger.counts(Share.WHOLE).get(State.PENDING));
    }
  }

  @Test
  void aListThatBreaksOff_leavesTheLedgerUntouched() {
    try (Ledger ledger = open()) {
      load(ledger, ids(3));
      assertThrows(
          IllegalStateException.class,
          () ->
              ledger.load(
                  loading -> {
                    ids(20_000).forEach(loading::add);
                    throw new IllegalStateException("broken off");
                  }));
      assertEquals(3, ledger.size(Share.WHOLE));
      assertEquals(new Ledger.Loaded(5, 5, 2), load(ledger, ids(5)));
    }
  }

  @Test
  void batches_holdEveryIdOnceAndInOrder() {
    try (Ledger ledger = open()) {
      load(ledger, ids(25));
      List<String> seen = new ArrayList<>();
      String after = "";
      List<Batch> batches;
      while (!(batches = ledger.claim(after, Mode.NEW, Share.WHOLE, 4, 2)).isEmpty()) {
        for (Batch batch : batches) {
          assertTrue(batch.size() <= 4);
          assertEquals(Batch.Kind.FIRST, batch.kind());
          assertFalse(batch.resumed());
          seen.addAll(batch.ids());
          after = batch.ids().get(batch.size() - 1);
        }
      }
      assertEquals(ids(25), seen);
    }
  }

  @Test
  void idsThatAreLeftForLater_areInNoBatch_andAllOthersFillBatches() {
    try (Ledger ledger = open()) {
      load(ledger, ids(30));
      Set<String> left = new HashSet<>();
      for (int i = 0; i < 30; i += 3) {
        left.add(ids(30).get(i));
      }
      Ledger.Choice choice =
          new Ledger.Choice() {
            @Override
            public Set<String> later(List<String> ids) {
              return left;
            }

            @Override
            public boolean onlyFull() {
              return !left.isEmpty();
            }
          };
      List<String> claimed = new ArrayList<>();
      String after = "";
      List<Batch> batches;
      while (!(batches = ledger.claim(after, Mode.NEW, Share.WHOLE, 3, 2, choice)).isEmpty()) {
        for (Batch batch : batches) {
          assertEquals(3, batch.size());
          claimed.addAll(batch.ids());
          after = batch.ids().get(2);
        }
      }
      List<String> free = new ArrayList<>(ids(30));
      free.removeAll(left);
      assertEquals(free.subList(0, 18), claimed, "20 are free, and fill 6 batches");
      left.clear();
      batches = ledger.claim("", Mode.NEW, Share.WHOLE, 100, 1, choice);
      assertEquals(12, batches.get(0).size());
    }
  }

  @Test
  void states_areThoseOfTheIdsThatItHas() {
    try (Ledger ledger = open()) {
      load(ledger, ids(10));
      complete(ledger, ledger.claim("", Mode.NEW, Share.WHOLE, 4, 1).get(0));
      Map<String, State> states = ledger.states(ids(12).subList(2, 12));
      assertEquals(8, states.size());
      assertEquals(State.PENDING, states.get(ids(10).get(9)));
      assertFalse(states.get(ids(10).get(2)) == State.PENDING);
      assertEquals(Map.of(), ledger.states(List.of()));
    }
  }

  @Test
  void anUnfinishedBatch_isResumedAsItWas_whateverTheBatchSizeIsNow() {
    List<List<String>> begun;
    Set<Batch.Key> keys = new HashSet<>();
    try (Ledger ledger = open()) {
      load(ledger, ids(50));
      List<Batch> batches = ledger.claim("", Mode.NEW, Share.WHOLE, 7, 3);
      complete(ledger, batches.get(1));
      begun = List.of(batches.get(0).ids(), batches.get(2).ids());
      keys.add(batches.get(0).key());
      keys.add(batches.get(2).key());
    }
    try (Ledger ledger = open()) {
      List<Batch> resumed = ledger.open(Share.WHOLE);
      assertEquals(begun, resumed.stream().map(Batch::ids).toList());
      assertEquals(keys, Set.copyOf(resumed.stream().map(Batch::key).toList()));
      assertTrue(resumed.stream().allMatch(batch -> batch.resumed() && batch.check()));
      Set<String> rest = new TreeSet<>();
      ledger.claim("", Mode.NEW, Share.WHOLE, 13, 10).forEach(batch -> rest.addAll(batch.ids()));
      assertEquals(50 - 21, rest.size());
      assertTrue(begun.stream().noneMatch(ids -> ids.stream().anyMatch(rest::contains)));
    }
  }

  @Test
  void halves_standInThePlaceOfTheirBatch_alsoAfterAKill() {
    List<String> whole;
    try (Ledger ledger = open()) {
      load(ledger, ids(9));
      Batch batch = ledger.claim("", Mode.NEW, Share.WHOLE, 9, 1).get(0);
      whole = batch.ids();
      List<Batch> halves = ledger.halve(new BatchWork(batch), Share.WHOLE);
      assertEquals(List.of(5, 4), halves.stream().map(Batch::size).toList());
      assertTrue(
          halves.stream().allMatch(half -> half.kind() == Batch.Kind.HALF && half.check()),
          "a half may be in the table already");
      assertNotEquals(batch.key(), halves.get(0).key());
    }
    try (Ledger ledger = open()) {
      List<Batch> resumed = ledger.open(Share.WHOLE);
      List<String> ids = new ArrayList<>();
      resumed.forEach(half -> ids.addAll(half.ids()));
      assertEquals(2, resumed.size());
      assertEquals(whole, ids);
    }
  }

  @Test
  void idsThatAnswersLeftOut_waitInTheLedger_andAreAskedForTogether() {
    List<String> missing = new ArrayList<>();
    try (Ledger ledger = open()) {
      load(ledger, ids(12));
      for (Batch batch : ledger.claim("", Mode.NEW, Share.WHOLE, 6, 2)) {
        missing.addAll(leaveOut(ledger, batch, 1, 4));
      }
      assertEquals(4, ledger.counts(Share.WHOLE).get(State.PENDING));
      assertEquals(4, ledger.left(Share.WHOLE));
      assertTrue(ledger.claim("", Mode.NEW, Share.WHOLE, 6, 2).isEmpty(), "they are in batches");
    }
    try (Ledger ledger = open()) {
      List<Batch> waiting = ledger.open(Share.WHOLE);
      assertTrue(waiting.stream().allMatch(batch -> batch.kind() == Batch.Kind.UNECHOED));
      assertEquals(missing, waiting.stream().flatMap(batch -> batch.ids().stream()).toList());

      List<Batch> full = ledger.askTogether(waiting, 3, false, Share.WHOLE);
      assertEquals(
          List.of(Batch.Kind.REASK, Batch.Kind.UNECHOED), full.stream().map(Batch::kind).toList());
      assertEquals(List.of(3, 1), full.stream().map(Batch::size).toList());
      assertEquals(
          full.stream().map(Batch::key).toList(),
          ledger.open(Share.WHOLE).stream().map(Batch::key).toList(),
          "these took the place of those that waited");
      Batch rest = ledger.askTogether(full.subList(1, 2), 3, true, Share.WHOLE).get(0);
      assertEquals(Batch.Kind.REASK, rest.kind());
      assertFalse(rest.check(), "nothing of them can be in the table");
      for (Batch again : List.of(full.get(0), rest)) {
        mark(ledger, again, State.ABSENT);
      }
      assertEquals(8, ledger.counts(Share.WHOLE).get(State.FOUND));
      assertEquals(4, ledger.counts(Share.WHOLE).get(State.ABSENT));
      assertTrue(ledger.open(Share.WHOLE).isEmpty());
      assertEquals(4, ledger.sums().batches(), "what only waited was no batch");
    }
  }

  /** Marks a batch as if the answer had all its ids but those at some places; gives these. */
  static List<String> leaveOut(Ledger ledger, Batch batch, Integer... places) {
    BatchWork work = new BatchWork(batch);
    for (int i = 0; i < batch.size(); i++) {
      if (List.of(places).contains(i)) {
        work.missing().add(batch.ids().get(i));
      } else {
        work.outcomes().put(batch.ids().get(i), Outcome.found(1));
      }
    }
    int found = batch.size() - places.length;
    work.rows().add(found, found, 0, 0);
    ledger.complete(work, List.of(), Share.WHOLE);
    return work.missing();
  }

  @Test
  void aRedoOfLeftOutIds_staysARedo() {
    try (Ledger ledger = open()) {
      load(ledger, ids(2));
      complete(ledger, ledger.claim("", Mode.NEW, Share.WHOLE, 2, 1).get(0));
      ledger.redo(List.of(State.FOUND), null);
      leaveOut(ledger, ledger.claim("", Mode.REDO, Share.WHOLE, 2, 1).get(0), 0);
      List<Batch> waiting = ledger.open(Share.WHOLE);
      assertTrue(ledger.askTogether(waiting, 5, true, Share.WHOLE).get(0).redo());
    }
  }

  /** The batch may have been stored before the kill, and its id left out of the second answer. */
  @Test
  void aReaskOfABatchThatMayBeStored_looksFirst() {
    try (Ledger ledger = open()) {
      load(ledger, ids(2));
      ledger.claim("", Mode.NEW, Share.WHOLE, 2, 1);
    }
    try (Ledger ledger = open()) {
      BatchWork resumed = new BatchWork(ledger.open(Share.WHOLE).get(0));
      resumed.missing().addAll(resumed.getIds());
      List<Batch> waiting = ledger.complete(resumed, List.of(), Share.WHOLE);
      assertTrue(ledger.askTogether(waiting, 2, true, Share.WHOLE).get(0).check());
    }
  }

  @Test
  void everyOutcome_isKeptWithItsReason() {
    try (Ledger ledger = open()) {
      List<String> ids = ids(4);
      load(ledger, ids);
      BatchWork batch = new BatchWork(ledger.claim("", Mode.NEW, Share.WHOLE, 4, 1).get(0));
      batch.outcomes().put(ids.get(0), Outcome.found(3));
      batch.outcomes().put(ids.get(1), Outcome.of(State.ABSENT));
      batch.outcomes().put(ids.get(2), Outcome.of(State.UNRESOLVED));
      batch.outcomes().put(ids.get(3), Outcome.failed(500, "rejected: no number"));
      long before = System.currentTimeMillis();
      ledger.complete(batch, List.of(), Share.WHOLE);
      Map<String, Ledger.Entry> entries = entries(ledger);
      assertEquals(3, entries.get(ids.get(0)).rows());
      assertEquals(State.ABSENT, entries.get(ids.get(1)).state());
      assertEquals(State.UNRESOLVED, entries.get(ids.get(2)).state());
      Ledger.Entry failed = entries.get(ids.get(3));
      assertEquals(State.FAILED, failed.state());
      assertEquals(500, failed.status());
      assertEquals("rejected: no number", failed.reason());
      assertEquals(1, failed.attempts());
      assertTrue(failed.markedAt() >= before);
    }
  }

  @Test
  void failedIds_arePendingOnceMore_butOnlyThoseOfEarlierRuns() throws InterruptedException {
    try (Ledger ledger = open()) {
      load(ledger, ids(2));
      List<Batch> single = ledger.claim("", Mode.NEW, Share.WHOLE, 1, 2);
      ledger.fail(new BatchWork(single.get(0)), Outcome.failed(500, "first run"));
      Thread.sleep(5);
      long secondRun = System.currentTimeMillis();
      Thread.sleep(5);
      ledger.fail(new BatchWork(single.get(1)), Outcome.failed(500, "second run"));
      assertEquals(1, ledger.retryFailed(secondRun, Share.WHOLE));
      List<Batch> again = ledger.claim("", Mode.AGAIN, Share.WHOLE, 10, 1);
      assertEquals(single.get(0).ids(), again.get(0).ids());
      assertTrue(again.get(0).check(), "its rows may be in the table");
      assertEquals(1, ledger.counts(Share.WHOLE).get(State.FAILED));
    }
  }

  @Test
  void redo_takesTheStatesThatWereNamed_andOnlyThoseMarkedLongEnoughAgo()
      throws InterruptedException {
    try (Ledger ledger = open()) {
      List<String> ids = ids(3);
      load(ledger, ids);
      List<Batch> single = ledger.claim("", Mode.NEW, Share.WHOLE, 1, 3);
      complete(ledger, single.get(0));
      mark(ledger, single.get(1), State.UNRESOLVED);
      mark(ledger, single.get(2), State.ABSENT);

      assertEquals(0, ledger.redo(List.of(State.UNRESOLVED), Duration.ofHours(1)));
      Thread.sleep(20);
      assertEquals(1, ledger.redo(List.of(State.UNRESOLVED), Duration.ofMillis(10)));
      Batch redo = ledger.claim("", Mode.REDO, Share.WHOLE, 10, 1).get(0);
      assertEquals(List.of(ids.get(1)), redo.ids());
      assertTrue(redo.redo());
      assertFalse(redo.check(), "a redo replaces what is there");
      complete(ledger, redo);
      assertEquals(3, ledger.redo(List.of(State.FOUND, State.ABSENT), null));
      assertEquals(3, ledger.counts(Share.WHOLE).get(State.PENDING));
    }
  }

  @Test
  void aPassWithStages_goesOnWithTheNextOne_untilItHasNoIds() {
    try (Ledger ledger = open()) {
      load(ledger, List.of("a", "b"));
      assertNull(ledger.pass());
      ledger.stages();
      ledger.claim("", Mode.NEW, Share.WHOLE, 1, 2).forEach(batch -> complete(ledger, batch));
      assertEquals(0, ledger.pass().stage());
      assertFalse(ledger.pass().again());
      ledger.follow(ledger.pass(), 2, List.of("c"));
      assertEquals(2, ledger.pass().stage());
      Batch third = ledger.claim("", Mode.NEW, Share.WHOLE, 1, 2).get(0);
      assertEquals(List.of("c"), third.ids());
      complete(ledger, third);
      ledger.follow(ledger.pass(), 3, List.of());
      assertNull(ledger.pass());
      assertEquals(3, ledger.counts(Share.WHOLE).get(State.FOUND));
    }
  }

  @Test
  void aPassThatBeginsWhereAnotherOneThatReplacesRowsIsLeft_replacesRowsToo_andSoDoesWhatFails() {
    try (Ledger ledger = open()) {
      load(ledger, List.of("a", "b"));
      ledger.claim("", Mode.NEW, Share.WHOLE, 1, 2).forEach(batch -> complete(ledger, batch));
      ledger.redo(List.of("a"));
      load(ledger, List.of("b", "c"));
      ledger.begin(List.of("b", "c"));
      assertTrue(ledger.pass().again());
      List<Batch> batches = ledger.claim("", Mode.REDO, Share.WHOLE, 1, 9);
      assertEquals(3, batches.size());
      complete(ledger, batches.get(0));
      complete(ledger, batches.get(1));
      ledger.fail(new BatchWork(batches.get(2)), Outcome.failed(500, "down"));
      assertEquals(1, ledger.retryFailed(ledger.now() + 1, Share.WHOLE));
      assertEquals(List.of("c"), ledger.claim("", Mode.REDO, Share.WHOLE, 1, 9).get(0).ids());
    }
  }

  @Test
  void aNewPass_hasItsOwnIdsAlone_andReplacesRowsInAllStages() {
    try (Ledger ledger = open()) {
      load(ledger, List.of("a", "b"));
      List<Batch> before = ledger.claim("", Mode.NEW, Share.WHOLE, 1, 2);
      before.forEach(batch -> complete(ledger, batch));
      ledger.redoOnly(List.of("a"), true);
      assertEquals(List.of("a"), ledger.ids());
      Batch first = ledger.claim("", Mode.REDO, Share.WHOLE, 1, 2).get(0);
      complete(ledger, first);
      Ledger.Pass pass = ledger.pass();
      assertTrue(pass.again());
      assertTrue(before.get(1).key().toString().compareTo(pass.first().toString()) < 0);
      assertTrue(first.key().toString().compareTo(pass.first().toString()) >= 0);
      assertTrue(first.key().toString().compareTo(pass.last().toString()) < 0);
      // an id that it has already is asked for again
      ledger.follow(pass, 1, List.of("a", "b"));
      List<Batch> second = ledger.claim("", Mode.REDO, Share.WHOLE, 2, 2);
      assertEquals(List.of("a", "b"), second.get(0).ids());
      // what a person asks for again meanwhile leaves the pass as it is
      ledger.redo(List.of(State.FOUND), null);
      assertEquals(pass.first(), ledger.pass().first());
    }
  }

  @Test
  void aRedoWithALimit_takesTheIdsMarkedFirst_andLeavesTheOthers() throws InterruptedException {
    try (Ledger ledger = open()) {
      List<String> ids = ids(20);
      load(ledger, ids);
      List<Batch> batches = ledger.claim("", Mode.NEW, Share.WHOLE, 10, 2);
      complete(ledger, batches.get(1));
      Thread.sleep(5);
      complete(ledger, batches.get(0));
      assertEquals(3, ledger.redo(List.of(State.FOUND, State.ABSENT), null, Share.WHOLE, 3));
      assertEquals(17, ledger.counts(Share.WHOLE).get(State.FOUND));
      assertEquals(
          ids.subList(10, 13), ledger.claim("", Mode.REDO, Share.WHOLE, 10, 2).get(0).ids());
    }
  }

  @Test
  void aWorkersRedo_takesItsOwnIdsOnly() {
    try (Ledger ledger = open()) {
      load(ledger, ids(200));
      ledger.claim("", Mode.NEW, Share.WHOLE, 200, 1).forEach(batch -> complete(ledger, batch));
      Share second = new Share(2, 4);
      long own = ledger.size(second);
      assertTrue(own > 0 && own < 200);
      assertEquals(own, ledger.redo(List.of(State.FOUND), null, second, Long.MAX_VALUE));
      assertEquals(own, ledger.counts(second).get(State.PENDING));
      assertEquals(200 - own, ledger.counts(Share.WHOLE).get(State.FOUND));
    }
  }

  @Test
  void aNewLedgerBesideATableWithRows_looksBeforeItStores() {
    try (Ledger ledger = open(true)) {
      load(ledger, ids(2));
      assertTrue(ledger.claim("", Mode.NEW, Share.WHOLE, 2, 1).get(0).check());
    }
    try (Ledger ledger = open(false)) {
      load(ledger, ids(4));
      assertTrue(
          ledger.claim("", Mode.NEW, Share.WHOLE, 2, 1).get(0).check(),
          "that is kept in the ledger");
    }
  }

  @Test
  void workersTakeAllIds_andNoneTwice() {
    try (Ledger ledger = open()) {
      load(ledger, ids(500));
      for (int of : new int[] {1, 3, 5}) {
        Set<String> all = new HashSet<>();
        long sizes = 0;
        for (int worker = 1; worker <= of; worker++) {
          sizes += ledger.size(new Share(worker, of));
        }
        assertEquals(500, sizes);
        if (of == 3) {
          for (int worker = 1; worker <= of; worker++) {
            for (Batch batch : ledger.claim("", Mode.NEW, new Share(worker, of), 50, 10)) {
              batch.ids().forEach(id -> assertTrue(all.add(id), "twice: " + id));
            }
          }
          assertEquals(500, all.size());
        }
      }
    }
  }

  @Test
  void aDeadWorkersBatch_isResumedByWhoeverHoldsItsSlotNow() {
    try (Ledger ledger = open()) {
      load(ledger, ids(200));
      Set<Batch.Key> left = new HashSet<>();
      for (int worker = 1; worker <= 4; worker++) {
        left.add(ledger.claim("", Mode.NEW, new Share(worker, 4), 5, 1).get(0).key());
      }
      for (int of : new int[] {1, 2, 3, 4, 7}) {
        List<Batch.Key> resumed = new ArrayList<>();
        for (int worker = 1; worker <= of; worker++) {
          ledger.open(new Share(worker, of)).forEach(batch -> resumed.add(batch.key()));
        }
        assertEquals(4, resumed.size(), "of " + of);
        assertEquals(left, Set.copyOf(resumed));
      }
    }
  }

  @Test
  void whatIsLeftOfAShare_isItsOwnIdsAndTheBatchesItResumes() {
    try (Ledger ledger = open()) {
      load(ledger, ids(100));
      assertEquals(100, ledger.left(Share.WHOLE));
      ledger.claim("", Mode.NEW, Share.WHOLE, 60, 1);
      long ofFirst = ledger.left(new Share(1, 2));
      long ofSecond = ledger.left(new Share(2, 2));
      assertEquals(100, ofFirst + ofSecond);
      assertTrue(
          ofFirst >= 60 && ofSecond < 40,
          "the batch is the first worker's, whatever its ids: " + ofFirst + ", " + ofSecond);
      complete(ledger, ledger.open(new Share(1, 2)).get(0));
      assertEquals(40, ledger.left(Share.WHOLE));
    }
  }

  @Test
  void severalProcessesMayHaveItOpen() {
    try (Ledger one = open();
        Ledger two = open()) {
      load(one, ids(100));
      Set<String> all = new HashSet<>();
      for (Batch batch : one.claim("", Mode.NEW, new Share(1, 2), 1000, 1)) {
        all.addAll(batch.ids());
        complete(one, batch);
      }
      for (Batch batch : two.claim("", Mode.NEW, new Share(2, 2), 1000, 1)) {
        all.addAll(batch.ids());
        complete(two, batch);
      }
      assertEquals(100, all.size());
      assertEquals(100, one.counts(Share.WHOLE).get(State.FOUND));
      assertEquals(one.sums(), two.sums());
    }
  }

  @Test
  void sums_balanceOnlyWhenEveryRowIsAccountedFor() {
    try (Ledger ledger = open()) {
      load(ledger, ids(4));
      List<BatchWork> batches =
          ledger.claim("", Mode.NEW, Share.WHOLE, 2, 2).stream().map(BatchWork::new).toList();
      batches.get(0).rows().add(2, 1, 0, 1);
      batches.get(0).getIds().forEach(id -> batches.get(0).outcomes().put(id, Outcome.found(1)));
      ledger.complete(batches.get(0), List.of(), Share.WHOLE);
      assertEquals(new Ledger.Sums(1, 2, 1, 0, 1, 0), ledger.sums());
      assertTrue(ledger.sums().balanced());
      batches.get(1).rows().add(2, 1, 0, 0);
      batches.get(1).getIds().forEach(id -> batches.get(1).outcomes().put(id, Outcome.found(1)));
      ledger.complete(batches.get(1), List.of(), Share.WHOLE);
      assertFalse(ledger.sums().balanced());
    }
  }

  @Test
  void aProbe_isAnIdThatWasAnswered_andWritesNothing() {
    try (Ledger ledger = open()) {
      load(ledger, ids(2));
      assertNull(ledger.probe(null));
      assertEquals(List.of("nobody"), ledger.probe("nobody").ids());
      complete(ledger, ledger.claim("", Mode.NEW, Share.WHOLE, 1, 1).get(0));
      Batch probe = ledger.probe(null);
      assertEquals(Batch.Kind.PROBE, probe.kind());
      assertEquals(1, probe.size());
      assertTrue(ledger.open(Share.WHOLE).isEmpty());
    }
  }
}
