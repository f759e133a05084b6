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
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.enrich.SliceWriter.Measured;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.slices.SliceLedger;
import polymarket.backfill.slices.SliceQueue;

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
    new SliceQueue(ledger, steps, current, tools.messages())
        .each("write and compare", batch -> write(batch, written), this::writtenHalves);
  }

  private WriteProgress progress() {
    long total = rows(SliceLedger.ids(ledger, State.FOUND, State.PENDING));
    return new WriteProgress(total, total - rows(pending()));
  }

  private long rows(List<String> ids) {
    return ids.stream().mapToLong(id -> known.get(id).rows()).sum();
  }

  private void write(Batch batch, WriteProgress written) {
    String id = SliceLedger.idOf(batch);
    Slice slice = Slice.parse(id);
    Measured measured = known(id);
    if (measured == null) {
      // the step ended before this slice was claimed
      SliceLedger.giveBack(ledger, batch);
      return;
    }
    forget(batch);
    String table = SliceTables.of(batch);
    if (!writer.write(
        slice, table, values(slice), measured, () -> SliceLedger.requireHeld(ledger, batch))) {
      SliceLedger.failed(ledger, batch, table);
      return;
    }
    SliceLedger.done(ledger, batch, measured.rows(), table);
    tools.status().accept(written == null ? shared() : written.add(measured.rows()));
  }

  /** Drops what was written of a slice before and is not read any more. */
  private void forget(Batch batch) {
    Ledger.Entry entry = ledger.entry(SliceLedger.idOf(batch));
    List<String> tables = new ArrayList<>();
    // before anything is dropped: another member may have marked the slice since
    SliceLedger.requireHeld(ledger, batch);
    if (entry != null && entry.reason() != null) {
      tables.add(entry.reason());
    }
    if (SliceTables.before(batch) != null) {
      tables.add(SliceTables.before(batch));
    }
    tables.remove(SliceTables.of(batch));
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

  private List<String> writtenHalves(String id) {
    List<String> halves = divided(id);
    measureAll(halves);
    halves.forEach(this::looked);
    return halves;
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
