package polymarket.backfill.enrich;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.enrich.SliceWriter.Measured;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.FencedException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/**
 * The steps that are done slice by slice. Where members share the ledger, each of them works on the
 * slices that no other one has: one that is measured is locked in the database by the member's
 * session, one that is written is a batch.
 */
final class SliceSteps {

  private static final long SMALLEST_SLICE = 1000;

  /** Most times that a slice without keys is divided by the hashes of its rows. */
  private static final int MOST_PARTS = 4096;

  private static final int LOOK_MILLIS = 300;

  /** What all passes of a process have in common. */
  record Tools(
      ClickHouse clickHouse,
      SqlFile sql,
      Trades trades,
      Mapping mapping,
      Steps steps,
      Map<String, Object> values,
      Messages messages,
      Consumer<String> status) {}

  private final Tools tools;
  private final Steps steps;
  private final SliceWriter writer;
  private final Ledger ledger;

  /** Null where the ledger is not shared. */
  private final Member member;

  /** Whether the step under way may still be worked on. */
  private final Supplier<Boolean> current;

  private final Map<String, Measured> known = new ConcurrentHashMap<>();

  /** Slices of members that are gone, which are this process's now. */
  private final List<Batch> freed = new ArrayList<>();

  /**
   * @param member who works on the shared ledger; null where it is not shared
   * @param current whether the step under way is still the one that this was made for
   */
  SliceSteps(Tools tools, Ledger ledger, Member member, Supplier<Boolean> current) {
    this.tools = tools;
    this.steps = tools.steps();
    this.ledger = ledger;
    this.member = member;
    this.current = current;
    this.writer =
        new SliceWriter(tools.clickHouse(), tools.sql(), tools.trades(), tools.mapping(), steps);
  }

  /** Collects the ids of every slice that was not measured yet, and takes its rows and sum. */
  void measure() {
    each(
        "measure",
        () -> writer.measured().keySet(),
        id -> {
          Map<String, Object> slice = values(Slice.parse(id));
          tools.mapping().collect(slice);
          writer.measure(slice);
        },
        id -> halves(id, false),
        "measured %d of %d slices of " + tools.trades().table());
  }

  /** Collects the transactions of rows that their markets and tokens did not help. */
  void look() {
    each(
        "look for transactions",
        this::looked,
        id -> {
          tools.mapping().collectTransactions(values(Slice.parse(id)));
          looked(id);
        },
        id -> halves(id, true),
        "looked for transactions in %d of %d slices");
  }

  /**
   * Does a step that may be done again, for each pending slice that it was not done for.
   *
   * @param done the slices that it was done for
   */
  private void each(
      String step,
      Supplier<Set<String>> done,
      Consumer<String> work,
      Function<String, List<String>> divide,
      String tell) {
    AtomicInteger count = new AtomicInteger();
    while (!steps.isStopped() && current.get()) {
      Set<String> before = done.get();
      List<String> todo = pending();
      todo.removeAll(before);
      if (todo.isEmpty()) {
        return;
      }
      // members that begin at the same time meet at fewer slices
      Collections.shuffle(todo);
      AtomicBoolean worked = new AtomicBoolean();
      steps.each(
          step,
          todo,
          id -> {
            if (member == null) {
              work.accept(id);
            } else if (!doAlone(step + " " + id, id, done, work)) {
              return;
            }
            worked.set(true);
            int now = count.incrementAndGet();
            tools
                .status()
                .accept("enrich: " + String.format(tell, now, Math.max(now, todo.size())));
          },
          divide);
      if (!worked.get()) {
        pause();
      }
    }
  }

  /**
   * Works on a slice while no other member does.
   *
   * @return false where another one has it, or has done it
   */
  private boolean doAlone(
      String what, String id, Supplier<Set<String>> done, Consumer<String> work) {
    String lock = "enrich " + what;
    if (member.hold(lock) != null) {
      return false;
    }
    try {
      Ledger.Entry entry = ledger.entry(id);
      boolean open = entry != null && entry.state() == State.PENDING && !done.get().contains(id);
      if (open) {
        work.accept(id);
      }
      return open;
    } finally {
      if (member.lost() == null) {
        member.release(lock);
      }
    }
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private List<String> pending() {
    return new ArrayList<>(SliceLedger.ids(ledger, State.PENDING));
  }

  private Set<String> looked() {
    Set<String> looked = new HashSet<>();
    tools
        .clickHouse()
        .rows(tools.sql().section("looked-slices").sql(Map.of()), Map.of())
        .forEach(row -> looked.add((String) row.get("slice")));
    return looked;
  }

  private void looked(String id) {
    tools.clickHouse().execute(tools.sql().section("looked"), Map.of("slice", id));
  }

  /** Writes every slice that is pending and compares it; returns when all are marked. */
  void write() {
    known.putAll(writer.measured());
    WriteProgress written = member == null ? progress() : null;
    while (!steps.isStopped() && current.get()) {
      List<Batch> claimed = claim(member == null ? Integer.MAX_VALUE : 1);
      if (claimed.isEmpty()) {
        if (!ledger.othersWork()) {
          return;
        }
        pause();
        continue;
      }
      steps.each(
          "write and compare",
          claimed,
          () ->
              member == null || !current.get() ? null : claim(1).stream().findFirst().orElse(null),
          batch -> write(batch, written),
          this::writtenHalves);
    }
    freed.forEach(batch -> SliceLedger.giveBack(ledger, batch));
    freed.clear();
  }

  private WriteProgress progress() {
    long total = rows(SliceLedger.ids(ledger, State.FOUND, State.PENDING));
    return new WriteProgress(total, total - rows(pending()));
  }

  private long rows(List<String> ids) {
    return ids.stream().mapToLong(id -> known.get(id).rows()).sum();
  }

  /** Slices for this process: those that were begun and left, then others. */
  private List<Batch> claim(int most) {
    synchronized (ledger) {
      List<Batch> claimed = new ArrayList<>(member == null ? ledger.open(Share.WHOLE) : freed());
      if (claimed.size() < most) {
        claimed.addAll(SliceLedger.claim(ledger, Math.min(1_000_000, most - claimed.size())));
      }
      return claimed;
    }
  }

  /** One slice of a member that is gone; what it had besides waits for the next call. */
  private List<Batch> freed() {
    if (freed.isEmpty()) {
      freed.addAll(ledger.freed(Share.WHOLE));
    }
    return freed.isEmpty() ? List.of() : List.of(freed.remove(0));
  }

  private void write(Batch batch, WriteProgress written) {
    String id = SliceLedger.idOf(batch);
    Slice slice = Slice.parse(id);
    try {
      Measured measured = known(id);
      if (measured == null || !current.get()) {
        // the step ended before this slice was claimed
        SliceLedger.giveBack(ledger, batch);
        return;
      }
      forget(batch);
      if (!writer.write(
          slice, SliceLedger.table(batch), values(slice), measured, () -> requireHeld(batch))) {
        SliceLedger.changed(ledger, batch);
        return;
      }
      SliceLedger.done(ledger, batch, measured.rows());
      tools.status().accept(written == null ? shared() : written.add(measured.rows()));
    } catch (FencedException e) {
      fenced(slice);
    } catch (ClickHouseException e) {
      if (ledger.holds(batch)) {
        throw e;
      }
      // the one that took it over has dropped its table
      fenced(slice);
    }
  }

  private void requireHeld(Batch batch) {
    if (!ledger.holds(batch)) {
      throw new FencedException(batch);
    }
  }

  private void fenced(Slice slice) {
    tools
        .messages()
        .warn(
            "another member took over the slice "
                + slice.id()
                + ", because this one stood still: nothing of it is marked here");
  }

  /** Drops what was written of a slice before and is not read any more. */
  private void forget(Batch batch) {
    Ledger.Entry entry = ledger.entry(SliceLedger.idOf(batch));
    List<String> tables = new ArrayList<>();
    // before anything is dropped: another member may have marked the slice since
    requireHeld(batch);
    if (entry != null && entry.reason() != null) {
      tables.add(entry.reason());
    }
    if (SliceLedger.tableBefore(batch) != null) {
      tables.add(SliceLedger.tableBefore(batch));
    }
    tables.remove(SliceLedger.table(batch));
    tables.forEach(table -> tools.clickHouse().execute("DROP TABLE IF EXISTS " + table));
  }

  private String shared() {
    long done = ledger.counts(Share.WHOLE).get(State.FOUND);
    long all = ledger.size(Share.WHOLE);
    // rows/s are not known of the others
    return "enrich: " + done + " of " + all + " slices written by all members";
  }

  private Measured known(String id) {
    if (!known.containsKey(id)) {
      known.putAll(writer.measured());
    }
    return known.get(id);
  }

  /** Rows of each slice when it was measured, and the sums. */
  Map<String, Measured> measured() {
    return writer.measured();
  }

  long rows(Slice slice) {
    return tools.clickHouse().number(tools.sql().section("slice-rows").sql(values(slice)));
  }

  private Map<String, Object> values(Slice slice) {
    Map<String, Object> own = new HashMap<>(tools.values());
    own.put("slice", slice.id());
    own.put(
        "where",
        new Raw(
            slice.where(
                tools.trades(),
                "cityHash64(tuple(" + String.join(", ", tools.trades().kept()) + "))")));
    own.putAll(Memory.of(steps.budget()));
    return own;
  }

  /**
   * Puts halves in the place of a slice that does not fit; none where it is as small as can be.
   *
   * @param measured whether the slice was measured, so that the halves have to be as well
   */
  private List<String> halves(String id, boolean measured) {
    List<String> halves = divided(id);
    if (measured) {
      measureAll(halves);
    }
    if (!halves.isEmpty()) {
      ledger.split(id, halves);
    }
    return halves;
  }

  private List<Batch> writtenHalves(Batch batch) {
    String id = SliceLedger.idOf(batch);
    List<String> halves = divided(id);
    if (halves.isEmpty()) {
      return List.of();
    }
    measureAll(halves);
    halves.forEach(this::looked);
    try {
      return ledger.split(new BatchWork(batch), halves);
    } catch (FencedException e) {
      // the next try to write it finds the same
      return List.of(batch);
    }
  }

  private void measureAll(List<String> ids) {
    ids.forEach(id -> writer.measure(values(Slice.parse(id))));
  }

  private List<String> divided(String id) {
    Slice slice = Slice.parse(id);
    long rows = rows(slice);
    if (rows < SMALLEST_SLICE || slice.of() > MOST_PARTS) {
      return List.of();
    }
    tools
        .messages()
        .info(
            "a slice of "
                + Messages.count(rows)
                + " rows hit the cap of "
                + Memory.text(steps.budget())
                + " and is halved");
    return tools.trades().divide(slice, 2).stream().map(Slice::id).toList();
  }
}
