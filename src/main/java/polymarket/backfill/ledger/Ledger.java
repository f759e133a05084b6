package polymarket.backfill.ledger;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import polymarket.backfill.UserError;

/**
 * The checkpoint of one job: the state of every id and every batch, in a SQLite file, or in a
 * PostgreSQL database that several machines share. A batch is written into it, ids and all, before
 * it is requested; its ids are marked after their rows were acknowledged. Every change is one
 * transaction, synced to disk, so that it is whole after a kill at any instant. Several processes
 * may have it open.
 *
 * <p>This class is the only way in. Behind it are {@link Ids}, {@link Batches}, {@link Totals} and
 * {@link Identity}; what depends on SQLite is in {@link Database} and {@link LedgerFile}, on
 * PostgreSQL in {@link SharedDatabase} and {@link LedgerSchema}; the SQL is in the resources
 * ledger.sql and ledger-postgresql.sql.
 */
public final class Ledger implements AutoCloseable {

  /**
   * What a ledger belongs to.
   *
   * @param sourceKey stands for the source's URL without showing it (a URL may hold a key)
   * @param sourceHost shown where it differs
   * @param setting the one with the source's URL; empty where there is none
   * @param server ClickHouse's id
   */
  public record Owner(
      String job, String sourceKey, String sourceHost, String setting, String server) {

    /** Of a source that no single setting names. */
    public Owner(String job, String sourceKey, String sourceHost, String server) {
      this(job, sourceKey, sourceHost, "", server);
    }
  }

  /**
   * An id with all that the ledger knows of it: rows that are stored or, where it failed, that were
   * rejected. Times are epoch milliseconds; 0 where there is none.
   */
  public record Entry(
      String id, State state, long rows, int attempts, int status, String reason, long markedAt) {}

  /** One list of ids, written in one transaction: it is in the ledger whole or not at all. */
  public interface Loading {

    /** Takes an id in its stored form. */
    void add(String id);

    /** How many were added. */
    long entries();
  }

  /** Which ids are claimed. */
  public interface Choice {

    /**
     * What stands for some ids, in their order: ids can be cut and joined before they are asked
     * for.
     */
    default List<String> shaped(List<String> ids) {
      return ids;
    }

    /** Those of some ids that are left for a later claim. */
    default Set<String> later(List<String> ids) {
      return Set.of();
    }

    /** Whether ids that do not fill a batch are left too; asked after {@link #later}. */
    default boolean onlyFull() {
      return false;
    }
  }

  /** What came of a list: its entries, those that differ, and those the ledger did not have yet. */
  public record Loaded(long entries, long distinct, long added) {}

  /**
   * How many numbers are in ids that are ranges (such as 000000000100-000000000199, both ends
   * counted), and in the pending ones of them.
   *
   * @param last the highest of them; 0 where there are none
   */
  public record Numbers(long total, long pending, long last) {}

  /** Rows of all finished batches; those that were rejected, with their id's last try only. */
  public record Sums(
      long batches, long fetched, long inserted, long duplicate, long rejected, long requests) {

    /** Whether every fetched row is inserted, duplicate or rejected. */
    public boolean balanced() {
      return fetched == inserted + duplicate + rejected;
    }
  }

  /**
   * The ids that are done, or were before they became pending again, and the rows that they have.
   * Numbers in the place of ids where they are ranges.
   */
  public record Held(long ids, long rows) {}

  /**
   * What the finished batches took.
   *
   * @param ids how many were asked for, as often as they were made pending again
   * @param first the batches that asked for them
   * @param batches all of them, those that asked once more for ids included
   */
  public record Effort(long ids, long first, long batches, long requests) {}

  /**
   * A pass with stages.
   *
   * @param first the first key that a batch of it may have
   * @param last the last one
   * @param again whether it replaces the rows of one before it
   * @param stage the one whose ids are in the ledger; the first is 0
   */
  public record Pass(Batch.Key first, Batch.Key last, boolean again, int stage) {}

  private final Database database;
  private final Identity identity;
  private final Ids ids;
  private final Batches batches;
  private final Totals totals;
  private final GroupedInserts inserts;

  private Ledger(Database database) {
    this.database = database;
    this.identity = new Identity(database);
    this.ids = new Ids(database);
    this.batches = new Batches(database, identity);
    this.totals = new Totals(database);
    this.inserts = new GroupedInserts(database);
  }

  /** Where a job's ledger is. */
  public static Path file(Path runtime, String job) {
    return runtime.resolve(job + ".ledger");
  }

  /**
   * Whether a job has a ledger in this file.
   *
   * @throws UserError where the user has no permission to look
   */
  public static boolean exists(Path file) {
    return LedgerPlace.of(file).exists();
  }

  /**
   * Opens a ledger, or makes it where there is none.
   *
   * @param tableHasRows whether the job's table held rows when the ledger is made: then each batch
   *     looks first
   * @throws UserError where it belongs to another job, source or ClickHouse, or is damaged
   */
  public static Ledger open(Path file, Owner owner, boolean tableHasRows) {
    return open(LedgerPlace.of(file), owner, tableHasRows, Window.ALL);
  }

  /**
   * Opens the ledger of a window of time, or makes it where there is none.
   *
   * @throws UserError where it belongs to another job, source or ClickHouse, or is damaged
   */
  public static Ledger open(LedgerPlace place, Owner owner, boolean tableHasRows, Window window) {
    try {
      if (!place.exists()) {
        place.create(Identity.of(owner, tableHasRows, window));
      }
    } catch (SQLException | IOException e) {
      throw place.damaged(e);
    }
    Ledger ledger = open(place);
    try {
      place.requireWritable();
      ledger.identity.belongsTo(owner);
      ledger.inserts.prepare();
    } catch (UserError e) {
      ledger.close();
      throw e;
    }
    return ledger;
  }

  /**
   * Opens an existing ledger, whichever job it belongs to.
   *
   * @throws UserError if it is not a ledger or is damaged
   */
  public static Ledger open(Path file) {
    return open(LedgerPlace.of(file));
  }

  /**
   * Opens an existing ledger, whichever job it belongs to.
   *
   * @throws UserError if it is not a ledger or is damaged
   */
  public static Ledger open(LedgerPlace place) {
    Database database;
    try {
      database = place.open();
    } catch (SQLException | IOException e) {
      throw place.damaged(e);
    }
    try {
      return new Ledger(database);
    } catch (RuntimeException e) {
      database.close();
      throw e;
    }
  }

  /** What stands for the source that it was made with. */
  public String sourceKey() {
    return identity.sourceKey();
  }

  /** The ClickHouse that it was made with. */
  public String server() {
    return identity.server();
  }

  /** The ledger's own id, part of every batch's key. */
  public String id() {
    return identity.ledger();
  }

  /** The name of the job that it belongs to. */
  public String job() {
    return identity.job();
  }

  /** What its batches' keys begin with. */
  public String keyPrefix() {
    return Batch.Key.prefix(job(), id());
  }

  /** The span of time that its ids are asked for. */
  public Window window() {
    return identity.window();
  }

  /** Makes each new batch check the table first, because it has rows of other ledgers. */
  public void lookFirst() {
    identity.lookFirst();
  }

  /** Where it is. */
  public LedgerPlace place() {
    return database.place();
  }

  /** The ledger's time in epoch milliseconds; all processes that share a ledger have the same. */
  public synchronized long now() {
    return database.now();
  }

  /**
   * Takes a list of ids in. Those that are there already stay as they are.
   *
   * @param reader adds the ids; what it throws leaves the ledger untouched
   */
  public synchronized Loaded load(Consumer<Loading> reader) {
    return ids.load(reader);
  }

  /**
   * Does something while no other member does such a thing: what is loaded depends on what is there
   * already. Batches are claimed and marked meanwhile.
   *
   * @throws UserError where this process is to leave before its turn has come
   */
  public synchronized void alone(Runnable action) {
    try {
      database.alone(action);
    } catch (SQLException e) {
      throw database.damaged(e);
    }
  }

  /** All ids in their order, as they are at one instant; all of them in memory. */
  public synchronized List<String> ids() {
    return ids.all();
  }

  /** The batches that were begun and not finished, and whose maker's share this is now. */
  public synchronized List<Batch> open(Share share) {
    return batches.unfinished(share);
  }

  /**
   * The unfinished batches of processes that share the ledger and have ended: they are this
   * process's from now on. A ledger that is not shared has none.
   */
  public synchronized List<Batch> freed(Share share) {
    return batches.freed(share);
  }

  /** Whether members on several machines work on it. */
  public boolean isShared() {
    return database.isShared();
  }

  /**
   * Whether this process found, as the first one, that the shared database is another server than
   * before, or an older state of it: all new batches look into the table first from then on.
   */
  public boolean isMoved() {
    return database.isMoved();
  }

  /** Whether another process that shares the ledger has work that may come to this one. */
  public synchronized boolean othersWork() {
    return batches.othersWork();
  }

  /**
   * Whether a batch is still this process's. Another one that shares the ledger has taken it over
   * where this one did not move for too long.
   */
  public synchronized boolean holds(Batch batch) {
    return batches.holds(batch);
  }

  /**
   * Makes the next batches of pending ids that are in none, in the order of the ids.
   *
   * @param after the last id of the previous call; an empty text at the beginning
   * @param size ids a batch
   * @param count how many batches at most
   * @return the batches, none where no such id is left after {@code after}
   */
  public synchronized List<Batch> claim(String after, Mode mode, Share share, int size, int count) {
    return claim(after, mode, share, size, count, new Choice() {});
  }

  /** The same, with a choice of the ids. */
  public synchronized List<Batch> claim(
      String after, Mode mode, Share share, int size, int count, Choice choice) {
    return batches.claim(after, mode, share, size, count, choice);
  }

  /**
   * Ends a batch whose one id the source cannot answer at once, with batches of the smaller ids
   * that take its place.
   */
  public synchronized List<Batch> cut(BatchWork batch, List<String> parts, Share share) {
    return batches.cut(batch, parts, share);
  }

  /**
   * Marks a batch: its ids by their outcomes; those the answer left out are put into a batch of
   * kind UNECHOED, which waits for {@link #askTogether}.
   *
   * @param unanswered ids that are asked for in parts and could not be: each part gets a batch of
   *     its own; those that are neither here nor answered go back to where the batch took them from
   * @return the batches that follow from it
   */
  public synchronized List<Batch> complete(
      BatchWork batch, Collection<String> unanswered, Share share) {
    return batches.complete(batch, unanswered, share);
  }

  /**
   * Puts the ids that several answers left out together, in batches that ask for them once more.
   *
   * @param unechoed batches of kind UNECHOED, which are gone then
   * @param size ids a batch
   * @param all whether the ids that do not fill a batch are asked for too; otherwise they are in
   *     the last batch of the result, of kind UNECHOED
   */
  public synchronized List<Batch> askTogether(
      List<Batch> unechoed, int size, boolean all, Share share) {
    return batches.askTogether(unechoed, size, all, share);
  }

  /** Keeps an insert of the rows of several batches, which is about to be sent. */
  public synchronized void begin(GroupedInsert insert) {
    inserts.begin(insert);
  }

  /** ClickHouse has acknowledged such an insert, or has refused it. */
  public synchronized void end(GroupedInsert insert) {
    inserts.end(insert.token());
  }

  /**
   * The inserts of several batches that were begun and not ended, all in memory: each was sent by a
   * process that was killed, or is being sent by one with another share.
   */
  public synchronized List<GroupedInsert> begunInserts() {
    return inserts.begun();
  }

  /** Notes that a page of the batch is stored, and where the next one begins. */
  public synchronized void page(BatchWork batch) {
    batches.page(batch);
  }

  /** Puts two batches of half its ids in the place of one that keeps failing. */
  public synchronized List<Batch> halve(BatchWork batch, Share share) {
    return batches.halve(batch, share);
  }

  /**
   * Puts pending ids in the place of a pending id that stood for all of them, which is gone then,
   * its batch finished. Nothing is done where it is not pending any more.
   */
  public synchronized void split(String id, Collection<String> parts) {
    batches.split(id, parts);
  }

  /**
   * The same of the one id of a batch.
   *
   * @return a batch of each of the parts
   */
  public synchronized List<Batch> split(BatchWork batch, List<String> parts) {
    return batches.split(batch, parts);
  }

  /** What those who share the ledger do now, as it was noted last; empty where it was not. */
  public synchronized String stage() {
    return identity.stage();
  }

  /** Notes what those who share the ledger do now. */
  public synchronized void stage(String stage) {
    identity.stage(stage);
  }

  /** Marks the one id of a batch as failed. */
  public synchronized void fail(BatchWork batch, Outcome outcome) {
    batches.fail(batch, outcome);
  }

  /**
   * A batch of one id that the source has answered before. Nothing is written.
   *
   * @param otherwise the id to take where it has answered none; null for no batch then
   */
  public synchronized Batch probe(String otherwise) {
    return batches.probe(otherwise);
  }

  /**
   * Makes ids pending again so that they are fetched again and their rows replaced.
   *
   * @param olderThan only those marked before that long ago; null for all
   * @return how many
   */
  public synchronized long redo(Collection<State> states, Duration olderThan) {
    return redo(states, olderThan, Share.WHOLE, Long.MAX_VALUE);
  }

  /**
   * The same for one worker's ids, because another worker's may already have been fetched again.
   *
   * @param limit how many at most, those that were marked first
   */
  public synchronized long redo(
      Collection<State> states, Duration olderThan, Share share, long limit) {
    identity.newPass();
    long now = database.now();
    long before = olderThan == null ? now + 1 : now - olderThan.toMillis();
    return ids.again(states, Mode.REDO, before, share, limit);
  }

  /**
   * Makes these ids pending again, whatever state they are in, so that they are fetched again and
   * their rows replaced.
   */
  public synchronized void redo(Collection<String> these) {
    identity.newPass();
    ids.redo(these);
  }

  /**
   * The same for a ledger in which nothing is left to do; all other ids are removed.
   *
   * @param stages as for {@link #stages}
   */
  public synchronized void redoOnly(Collection<String> these, boolean stages) {
    identity.newPass(() -> ids.only(these, stages ? identity.firstStage() : ""));
  }

  /**
   * Begins a pass with stages in a ledger in which something is left to do. Where that is of a pass
   * that replaced rows, this one does too.
   *
   * @param these the ids of its first stage, which are in the ledger
   */
  public synchronized void begin(Collection<String> these) {
    if (identity.passFrom() > 0) {
      redo(these);
    }
    stages();
  }

  /** Notes that the pass has further stages, whose ids are known when all others are done. */
  public synchronized void stages() {
    identity.beginStages();
  }

  /** The pass whose further stages are to come; null where none are. */
  public synchronized Pass pass() {
    String[] stage = identity.passStage().split(" ");
    if (stage.length < 2) {
      return null;
    }
    long from = Long.parseLong(stage[1]);
    Batch.Key first = new Batch.Key(job(), id(), from);
    return new Pass(first, first.last(), from > 0, Integer.parseInt(stage[0]));
  }

  /**
   * Adds the ids of a further stage to a pass.
   *
   * @param these none where the pass is complete
   */
  public synchronized void follow(Pass pass, int stage, Collection<String> these) {
    ids.add(
        these,
        pass.again() ? Mode.REDO : Mode.NEW,
        these.isEmpty() ? "" : stage + " " + pass.first().number());
  }

  /**
   * Makes the ids pending again that failed before an instant (epoch milliseconds); their rows are
   * looked for first.
   */
  public synchronized long retryFailed(long before, Share share) {
    Pass pass = pass();
    Mode mode = pass != null && pass.again() ? Mode.REDO : Mode.AGAIN;
    return ids.again(List.of(State.FAILED), mode, before, share, Long.MAX_VALUE);
  }

  /**
   * Makes an id pending again that was found or absent before an instant (epoch milliseconds),
   * because more is known of it since; its rows are looked for first.
   *
   * @return whether it was
   */
  public synchronized boolean again(String id, long before) {
    return ids.again(id, before);
  }

  /** The states of these ids; those that it does not have are left out. */
  public synchronized Map<String, State> states(Collection<String> these) {
    return ids.states(these);
  }

  /** Whether one of these ids is in one of these states. */
  public synchronized boolean any(Collection<String> these, Collection<State> states) {
    return ids.states(these).values().stream().anyMatch(states::contains);
  }

  /**
   * Gives the ids of a state in their order.
   *
   * @param limit how many at most
   */
  public synchronized void entries(State state, long limit, Consumer<Entry> to) {
    ids.entries(state, limit, to);
  }

  /** What it knows of an id; null where it does not have it. */
  public synchronized Entry entry(String id) {
    return ids.entry(id);
  }

  /**
   * The last batch that stored rows beside older ones on purpose; 0 where {@link #merged} was told
   * of it, or there is none.
   */
  public synchronized long replacing() {
    return totals.replacing();
  }

  /** Whether its sums count rows that were replaced on purpose, and those that replaced them. */
  public synchronized boolean replaced() {
    return totals.replaced();
  }

  /** Notes that of what the batches up to this one have stored, the older rows are gone. */
  public synchronized void merged(long batch) {
    identity.merged(batch);
  }

  /** How many ids are in each state; every state is there. */
  public synchronized Map<State, Long> counts(Share share) {
    return totals.counts(share);
  }

  /**
   * How many ids a share still has to do: the pending ones that are its own, and those of batches
   * that it is to resume, but not those that are in another share's batch.
   */
  public synchronized long left(Share share) {
    return totals.left(share);
  }

  /** How many ids came in. */
  public synchronized long size(Share share) {
    return totals.size(share);
  }

  /** The sums of ids that are ranges. */
  public synchronized Numbers numbers(Share share) {
    return totals.numbers(share);
  }

  /** The rows, batches and requests of all runs. */
  public synchronized Sums sums() {
    return totals.sums();
  }

  /** What is known of the rows of ids, whatever their state is now. */
  public synchronized Held held() {
    return totals.held("held-rows");
  }

  /** The same of the numbers in ids that are ranges. */
  public synchronized Held heldInRanges() {
    return totals.held("held-rows-in-ranges");
  }

  /** The ids, batches and requests of all runs. */
  public synchronized Effort effort() {
    return totals.effort();
  }

  /**
   * Writes a copy of it as it is now, while other processes may go on with it.
   *
   * @param file the copy, which must not exist
   */
  public synchronized void copy(Path file) {
    database.copy(file);
  }

  /**
   * Moves a ledger, a damaged one too, to a copy beside it, so that the next run starts from the
   * beginning.
   *
   * @return the copy
   */
  public static String setAside(Path file) {
    return LedgerPlace.of(file).setAside();
  }

  /** Removes it, when it was closed: nobody needs a ledger without ids. */
  public void delete() {
    place().delete();
  }

  @Override
  public synchronized void close() {
    database.close();
  }
}
