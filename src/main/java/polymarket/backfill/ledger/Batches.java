package polymarket.backfill.ledger;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import polymarket.backfill.ledger.Batch.Kind;

/**
 * The batches of a ledger: made of pending ids, resumed, marked, and replaced by others. Each
 * public act of {@link Ledger} is one transaction.
 */
final class Batches {

  private final Database database;
  private final Identity identity;

  Batches(Database database, Identity identity) {
    this.database = database;
    this.identity = identity;
  }

  List<Batch> unfinished(Share share) {
    return resumed("unfinished", share);
  }

  List<Batch> freed(Share share) {
    return database.isShared() ? resumed("freed", share) : List.of();
  }

  private List<Batch> resumed(String statement, Share share) {
    return database
        .transaction(
            () ->
                database.query(
                    statement,
                    result ->
                        new Batch(
                            identity.key(result.getLong(1)),
                            Kind.of(result.getString(2)),
                            idsOf(result.getLong(1)),
                            Mode.of(result.getString(3)),
                            true,
                            identity.passFrom(),
                            identity.window(),
                            new Batch.Saved(
                                result.getString(4),
                                result.getLong(5),
                                result.getLong(6),
                                result.getLong(7)),
                            result.getInt(8)),
                    share.from(),
                    share.to()))
        .stream()
        .filter(batch -> batch.size() > 0 || closeEmpty(batch))
        .toList();
  }

  /** A batch all of whose ids were marked otherwise meanwhile has nothing left to do. */
  private boolean closeEmpty(Batch batch) {
    database.transaction(() -> database.update("close-batch", now(), batch.key().number()));
    return false;
  }

  private List<String> idsOf(long batch) {
    return database.query("ids-of-batch", result -> result.getString(1), batch);
  }

  List<Batch> claim(
      String after, Mode mode, Share share, int size, int count, Ledger.Choice choice) {
    return database.transaction(
        () -> {
          long most = (long) size * count;
          List<String> found = claimable(after, mode, share, most, choice);
          List<String> shaped = choice.shaped(found);
          if (!shaped.equals(found)) {
            reshape(found, shaped, mode, share);
          }
          int full = choice.onlyFull() ? shaped.size() - shaped.size() % size : shaped.size();
          List<String> ids = shaped.subList(0, (int) Math.min(full, most));
          return makeAll(Kind.FIRST, null, mode, share, ids, size);
        });
  }

  /** The next ids, without those that are left for a later claim. */
  private List<String> claimable(
      String after, Mode mode, Share share, long most, Ledger.Choice choice) {
    List<String> ids = new ArrayList<>();
    String from = after;
    List<String> found;
    do {
      found =
          database.query(
              "claimable",
              result -> result.getString(1),
              from,
              mode.text(),
              share.from(),
              share.to(),
              most);
      Set<String> later = choice.later(found);
      for (String id : found) {
        if (!later.contains(id)) {
          ids.add(id);
        }
        from = id;
      }
    } while (found.size() == most && ids.size() < most);
    return ids.subList(0, (int) Math.min(ids.size(), most));
  }

  private void reshape(List<String> found, List<String> shaped, Mode mode, Share share)
      throws SQLException {
    Set<String> before = new HashSet<>(found);
    Set<String> now = new HashSet<>(shaped);
    for (String id : found) {
      if (!now.contains(id)) {
        database.update("delete-id", id);
      }
    }
    for (String id : shaped) {
      if (!before.contains(id)) {
        add(id, share.whole() ? Share.slot(id) : share.from(), mode);
      }
    }
  }

  private void add(String id, int slot, Mode mode) throws SQLException {
    database.update("add-id-in-mode", id, slot, mode.text());
  }

  List<Batch> cut(BatchWork work, List<String> parts, Share share) {
    return marking(
        work,
        () -> {
          List<Batch> followers = replace(work, parts, share, 2);
          write(work, now());
          return followers;
        });
  }

  /** Puts smaller ids in the place of the one id of a batch, in batches of {@code size}. */
  private List<Batch> replace(BatchWork work, List<String> parts, Share share, int size)
      throws SQLException {
    String id = work.getIds().get(0);
    int slot = (int) database.number("slot-of-id", id);
    database.update("delete-id", id);
    for (String part : parts) {
      add(part, slot, work.mode());
    }
    return makeAll(Kind.HALF, number(work), work.mode(), share, parts, size);
  }

  /** Makes batches of {@code size} ids, the last one of what is left. */
  private List<Batch> makeAll(
      Kind kind, Long parent, Mode mode, Share share, List<String> ids, int size)
      throws SQLException {
    List<Batch> batches = new ArrayList<>();
    for (int from = 0; from < ids.size(); from += size) {
      List<String> some = ids.subList(from, Math.min(ids.size(), from + size));
      batches.add(make(kind, parent, mode, share, some));
    }
    return batches;
  }

  private Batch make(Kind kind, Long parent, Mode mode, Share share, List<String> ids)
      throws SQLException {
    long number =
        database.number(
            "add-batch", kind.text(), parent, mode.text(), share.from(), ids.size(), now());
    database.updateEach("claim-id", ids, id -> List.of(number, id));
    boolean look = kind == Kind.HALF || identity.looksFirst();
    return new Batch(
        identity.key(number),
        kind,
        ids,
        mode == Mode.NEW && look ? Mode.AGAIN : mode,
        identity.passFrom(),
        identity.window());
  }

  List<Batch> complete(BatchWork work, Collection<String> unanswered, Share share) {
    return marking(
        work,
        () -> {
          long now = now();
          mark(work, work.outcomes(), 1, now);
          List<Batch> followers = new ArrayList<>();
          if (!work.missing().isEmpty()) {
            followers.add(make(Kind.UNECHOED, number(work), work.mode(), share, work.missing()));
          }
          for (List<String> part : work.partsOf(unanswered)) {
            followers.add(make(Kind.HALF, number(work), work.mode(), share, part));
          }
          database.update("release-ids", work.mode().text(), number(work));
          write(work, now);
          return followers;
        });
  }

  List<Batch> askTogether(List<Batch> unechoed, int size, boolean all, Share share) {
    return database.transaction(
        () -> {
          List<Batch> held = new ArrayList<>();
          for (Batch batch : unechoed) {
            if (database.holds(batch)) {
              database.update("delete-batch", batch.key().number());
              held.add(batch);
            }
          }
          if (held.isEmpty()) {
            return List.of();
          }
          List<String> ids = held.stream().flatMap(batch -> batch.ids().stream()).sorted().toList();
          int asked = all ? ids.size() : ids.size() - ids.size() % size;
          boolean again = held.stream().anyMatch(batch -> batch.mode() == Mode.AGAIN);
          Mode mode = again ? Mode.AGAIN : held.get(0).mode();
          List<Batch> batches = makeAll(Kind.REASK, null, mode, share, ids.subList(0, asked), size);
          List<String> rest = ids.subList(asked, ids.size());
          batches.addAll(makeAll(Kind.UNECHOED, null, mode, share, rest, size));
          return batches;
        });
  }

  private void mark(BatchWork work, Map<String, Outcome> outcomes, int succeeded, long now)
      throws SQLException {
    database.updateEach(
        "mark",
        outcomes.entrySet(),
        entry -> {
          Outcome outcome = entry.getValue();
          return Arrays.asList(
              outcome.state().text(),
              outcome.rows(),
              work.failures(entry.getKey()) + succeeded,
              outcome.status() == 0 ? null : outcome.status(),
              outcome.reason(),
              now,
              entry.getKey());
        });
  }

  /**
   * Adds a batch's rows to those that are in the ledger already.
   *
   * @param doneAt null where it has further pages
   */
  private void write(BatchWork work, Long doneAt) throws SQLException {
    RowCounts rows = work.rows();
    database.update(
        "write-batch",
        rows.fetched(),
        rows.inserted(),
        rows.duplicate(),
        rows.rejected(),
        work.requests(),
        work.getCursor(),
        doneAt,
        number(work));
  }

  void page(BatchWork work) {
    marking(
        work,
        () -> {
          write(work, null);
          return null;
        });
    work.pageDone();
  }

  List<Batch> halve(BatchWork work, Share share) {
    return marking(
        work,
        () -> {
          int half = (work.getSize() + 1) / 2;
          List<Batch> halves =
              makeAll(Kind.HALF, number(work), work.mode(), share, work.getIds(), half);
          write(work, now());
          return halves;
        });
  }

  List<Batch> split(BatchWork work, List<String> parts) {
    return marking(
        work,
        () -> {
          List<Batch> batches = replace(work, parts, Share.WHOLE, 1);
          write(work, now());
          return batches;
        });
  }

  void split(String id, Collection<String> parts) {
    database.transaction(
        () -> {
          if (!database
              .query("state-of-id", result -> result.getString(1), id)
              .equals(List.of(State.PENDING.text()))) {
            return null;
          }
          database.update("close-batch-of-id", now(), id);
          database.update("delete-id", id);
          database.updateEach("add-id", parts, part -> List.of(part, Share.slot(part)));
          return null;
        });
  }

  void fail(BatchWork work, Outcome outcome) {
    marking(
        work,
        () -> {
          long now = now();
          mark(work, Map.of(work.getIds().get(0), outcome), 0, now);
          write(work, now);
          return null;
        });
  }

  Batch probe(String otherwise) {
    List<String> answered = database.query("answered-id", result -> result.getString(1));
    if (answered.isEmpty() && otherwise != null) {
      answered = List.of(otherwise);
    }
    return answered.isEmpty()
        ? null
        : new Batch(identity.key(0), Kind.PROBE, answered, Mode.AGAIN, 0, Window.ALL);
  }

  private static long number(BatchWork work) {
    return work.batch().key().number();
  }

  /** A transaction that marks a batch, or nothing where another process has it by now. */
  private <T> T marking(BatchWork work, Database.Work<T> marks) {
    return database.ownTransaction(
        () -> {
          if (!database.holds(work.batch())) {
            throw new FencedException(work.batch());
          }
          return marks.run();
        });
  }

  boolean othersWork() {
    return database.isShared() && !database.query("work-of-others", result -> 1).isEmpty();
  }

  boolean holds(Batch batch) {
    return database.holdsNow(batch);
  }

  private long now() {
    return database.now();
  }
}
