package polymarket.backfill.enrich;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.IdForms;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.enrich.SliceWriter.Measured;
import polymarket.backfill.enrich.Target.Stored;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/**
 * Rewrites the trades with condition ids. The table falls into slices, which are ids of a ledger:
 * each is measured, written to a table of its own, compared, and only then marked, so that a kill
 * costs one slice. When all are there, their parts are put together without copying, and the table
 * takes the place of the previous one in one step.
 */
public final class Enrich {

  /** How often slices whose trades changed meanwhile are done again before it is given up. */
  private static final int ROUNDS = 3;

  private static final long SMALLEST_SLICE = 1000;

  /** Most times that a slice without keys is divided by the hashes of its rows. */
  private static final int MOST_PARTS = 4096;

  private final ClickHouse clickHouse;
  private final Settings settings;
  private final Messages messages;
  private final Consumer<String> status;
  private final SqlFile sql = SqlFile.read("enrich");
  private final Trades trades;
  private final Target target;
  private final Steps steps;
  private final Mapping mapping;
  private final SliceWriter writer;
  private final Fingerprint fingerprint;
  private final long memory;
  private final Map<String, Object> values = new HashMap<>();
  private final Set<String> unsettled = ConcurrentHashMap.newKeySet();

  /**
   * How it ended.
   *
   * @param state complete, unchanged or interrupted; rows are counted in the first two
   * @param halved how many slices or ranges of ids hit the cap and were divided
   * @param steps milliseconds in each step of this run; those of slices that are worked on at once
   *     add up
   */
  public record Result(
      String state,
      long rows,
      long original,
      long filled,
      long unfillable,
      int slices,
      int halved,
      long millis,
      Map<String, Long> steps) {}

  /**
   * @param status receives the progress from time to time, in one line
   * @throws UserError where there is no table of trades, or a setting is wrong
   */
  public Enrich(
      ClickHouse clickHouse, Settings settings, Messages messages, Consumer<String> status) {
    this.clickHouse = clickHouse;
    this.settings = settings;
    this.messages = messages;
    this.status = status;
    this.trades = new Trades(clickHouse, settings);
    this.target = new Target(clickHouse, settings);
    int concurrency = settings.number("enrich.concurrency", 1);
    this.memory = Memory.bytes(settings, Memory.CAP);
    String join = settings.text("enrich.join");
    if (!List.of("dictionary", "direct", "hash").contains(join)) {
      throw new UserError(
          "setting enrich.join is '" + join + "'; it takes dictionary, direct or hash");
    }
    values.putAll(sql.expressions(Map.of()));
    values.put("kept", new Raw(String.join(", ", trades.kept())));
    values.put("trades", new Raw(trades.quoted()));
    values.put("kept_as", new Raw(String.join(", ", trades.keptAs())));
    values.put("own", new Raw(trades.own()));
    values.put("no_ids", new Raw(IdForms.none()));
    // the last slices are not as many as are worked on at once: they take the other cores then
    values.put("threads", Runtime.getRuntime().availableProcessors());
    values.put("join_sides", Steps.joinSides(clickHouse));
    this.steps = new Steps("enrich", memory, concurrency);
    values.put("block", Math.min(256 << 20, steps.budget() / 8));
    this.mapping =
        new Mapping(
            clickHouse,
            messages,
            sql,
            trades,
            steps,
            Map.copyOf(values),
            join,
            memory,
            settings.number("enrich.slice-rows", 1000));
    this.writer = new SliceWriter(clickHouse, sql, trades, mapping, steps);
    this.fingerprint = new Fingerprint(clickHouse, settings, sql, trades, target);
  }

  public static Path ledgerFile(Settings settings) {
    return settings.path("runtime.dir").resolve("enrich.ledger");
  }

  /** Ends after the slices in flight. */
  public void stop() {
    steps.stop();
  }

  /**
   * Runs to the end, from where an earlier run was.
   *
   * @throws UserError where the trades keep changing, do not compare, a step fails or there is no
   *     room; the previous table stands then
   */
  public Result run() {
    long started = System.nanoTime();
    messages.info("enrich reads " + trades.reads());
    Reconcile.createTables(clickHouse);
    if (clickHouse.number("SELECT count() FROM default.condition_id_merged") == 0) {
      throw new UserError(
          "condition_id_merged is empty: run `backfill reconcile` first, after the jobs that fill"
              + " the mappings");
    }
    String key = fingerprint.take();
    Result unchanged = lastRun(key, started);
    if (unchanged != null) {
      return unchanged;
    }
    target.checkRoom(trades);
    try (Ledger ledger =
        Ledger.open(
            ledgerFile(settings),
            new Ledger.Owner("enrich", key, trades.table(), clickHouse.id()),
            false)) {
      clickHouse.execute(sql.section("setup"), Map.of());
      if (ledger.size(Share.WHOLE) == 0) {
        List<Slice> slices = trades.slices(settings.number("enrich.slice-rows", 1000));
        ledger.load(loading -> slices.forEach(slice -> loading.add(slice.id())));
      } else {
        SliceLedger.again(ledger, lostSlices(ledger));
      }
      return rounds(ledger, key, started);
    }
  }

  /**
   * Checks the state of the last run: continues if it was interrupted, otherwise starts from the
   * beginning.
   *
   * @return the result where there is nothing to do; else null
   */
  private Result lastRun(String key, long started) {
    if (Ledger.exists(ledgerFile(settings))) {
      try (Ledger ledger = Ledger.open(ledgerFile(settings))) {
        String run = SliceLedger.run(ledger);
        boolean own = clickHouse.id().equals(ledger.server());
        boolean same = own && key.equals(ledger.sourceKey());
        if (own && run.equals(target.madeBy())) {
          target.finish(run);
          if (same && isAsBefore()) {
            messages.info(
                "nothing to do: the trades and the mapping have not changed since "
                    + target.name()
                    + " was made");
            return result("unchanged", ledger, started);
          }
        } else if (own && target.isUnderWay()) {
          if (same) {
            return null;
          }
          messages.info(
              "the mapping, the table of trades or the settings changed since the last run was"
                  + " interrupted: it starts over");
        }
      }
    }
    afresh(target, settings);
    return null;
  }

  private Result rounds(Ledger ledger, String key, long started) {
    for (int round = 1; round <= ROUNDS && !steps.isStopped(); round++) {
      round(ledger);
      if (steps.isStopped()) {
        break;
      }
      Set<String> changed = changed(ledger);
      changed.addAll(unsettled);
      unsettled.clear();
      if (changed.isEmpty()) {
        if (!key.equals(fingerprint.take())) {
          throw new UserError(
              "the mapping, or the table "
                  + trades.table()
                  + " itself, changed during the enrichment: the previous table was not replaced."
                  + " Run `backfill enrich` again");
        }
        steps.run(
            "exchange",
            () ->
                target.assemble(
                    SliceLedger.run(ledger), trades, SliceLedger.ids(ledger, State.FOUND)));
        return result("complete", ledger, started);
      }
      messages.info(
          changed.size()
              + " slices of "
              + trades.table()
              + " changed while they were written: they are written again");
      clickHouse.execute(sql.section("forget"), Map.of("slices", List.copyOf(changed)));
      SliceLedger.again(ledger, changed.stream().filter(id -> ledger.entry(id) != null).toList());
    }
    if (steps.isStopped()) {
      return result("interrupted", ledger, started);
    }
    throw new UserError(
        trades.table()
            + " keeps changing during the enrichment: the previous table was not replaced. Run"
            + " `backfill enrich` when nothing is written to it");
  }

  private void round(Ledger ledger) {
    measure(ledger);
    if (!steps.isStopped()) {
      mapping.resolve();
    }
    if (!steps.isStopped() && mapping.hasTransactions()) {
      look(ledger);
      if (!steps.isStopped()) {
        mapping.resolveTransactions();
      }
    }
    if (!steps.isStopped()) {
      write(ledger);
    }
  }

  /** Exchanges the finished table with the one before it. */
  public static void rollback(ClickHouse clickHouse, Settings settings) {
    Target target = new Target(clickHouse, settings);
    if (Ledger.exists(ledgerFile(settings))) {
      String run;
      try (Ledger ledger = Ledger.open(ledgerFile(settings))) {
        run = SliceLedger.run(ledger);
      }
      // a run that was killed right after its exchange has not put the previous table in its place
      // yet
      if (run.equals(target.madeBy())) {
        target.finish(run);
      }
    }
    target.rollback();
    // what is in the ledger is no longer what stands there
    afresh(target, settings);
    target.view();
  }

  /** Whether the enriched table holds what the trades hold. */
  private boolean isAsBefore() {
    Map<String, Object> own = new HashMap<>(values);
    own.putAll(Memory.of(memory));
    own.put("written", new Raw(target.quoted()));
    return clickHouse
        .rows(sql.section("content").sql(own), Map.of())
        .equals(clickHouse.rows(sql.section("compare").sql(own), Map.of()));
  }

  private static void afresh(Target target, Settings settings) {
    for (String suffix : List.of("", "-wal", "-shm")) {
      Path file = ledgerFile(settings);
      try {
        Files.deleteIfExists(file.resolveSibling(file.getFileName() + suffix));
      } catch (IOException e) {
        throw new UserError("cannot remove " + file + ": " + e.getMessage());
      }
    }
    target.dropWork();
  }

  /**
   * Slices that are marked and whose tables are not there, or not as they were when they were
   * compared.
   */
  private List<String> lostSlices(Ledger ledger) {
    Map<String, Stored> there = target.stored(Target.WORK);
    Map<String, Stored> compared = target.compared();
    return SliceLedger.ids(ledger, State.FOUND).stream()
        .filter(
            id ->
                !compared.containsKey(id)
                    || !compared
                        .get(id)
                        .equals(there.getOrDefault(Slice.parse(id).table(), Stored.NOTHING)))
        .toList();
  }

  private Map<String, Object> values(Slice slice) {
    Map<String, Object> own = new HashMap<>(values);
    own.put("slice", slice.id());
    own.put(
        "where",
        new Raw(
            slice.where(trades, "cityHash64(tuple(" + String.join(", ", trades.kept()) + "))")));
    own.putAll(Memory.of(steps.budget()));
    return own;
  }

  private long rows(Slice slice) {
    return clickHouse.number(sql.section("slice-rows").sql(values(slice)));
  }

  /** Collects the ids of every slice that was not measured yet, and takes its rows and sum. */
  private void measure(Ledger ledger) {
    Set<String> known = writer.measured().keySet();
    List<String> todo =
        SliceLedger.ids(ledger, State.PENDING).stream().filter(id -> !known.contains(id)).toList();
    AtomicInteger done = new AtomicInteger();
    steps.each(
        "measure",
        todo,
        id -> {
          Map<String, Object> slice = values(Slice.parse(id));
          mapping.collect(slice);
          writer.measure(slice);
          tell("measured", done.incrementAndGet(), todo.size(), "slices of " + trades.table());
        },
        id -> halves(ledger, id));
  }

  /** Collects the transactions of rows that their markets and tokens did not help. */
  private void look(Ledger ledger) {
    Set<String> known = new HashSet<>();
    clickHouse
        .rows(sql.section("looked-slices").sql(Map.of()), Map.of())
        .forEach(row -> known.add((String) row.get("slice")));
    List<String> todo =
        SliceLedger.ids(ledger, State.PENDING).stream().filter(id -> !known.contains(id)).toList();
    AtomicInteger done = new AtomicInteger();
    steps.each(
        "look for transactions",
        todo,
        id -> {
          mapping.collectTransactions(values(Slice.parse(id)));
          looked(id);
          tell("looked for transactions in", done.incrementAndGet(), todo.size(), "slices");
        },
        id -> measuredHalves(ledger, id));
  }

  private void looked(String id) {
    clickHouse.execute(sql.section("looked"), Map.of("slice", id));
  }

  private void tell(String what, int done, int all, String of) {
    status.accept("enrich: " + what + " " + done + " of " + Math.max(done, all) + " " + of);
  }

  /** Puts halves in the place of a slice that does not fit; none where it is as small as can be. */
  private List<String> halves(Ledger ledger, String id) {
    Slice slice = Slice.parse(id);
    long rows = rows(slice);
    if (rows < SMALLEST_SLICE || slice.of() > MOST_PARTS) {
      return List.of();
    }
    messages.info(
        "a slice of "
            + Messages.count(rows)
            + " rows hit the cap of "
            + Memory.text(steps.budget())
            + " and is halved");
    List<String> halves = trades.divide(slice, 2).stream().map(Slice::id).toList();
    ledger.split(id, halves);
    return halves;
  }

  /** The same of a slice that was measured, with the halves measured as well. */
  private List<String> measuredHalves(Ledger ledger, String id) {
    List<String> halves = halves(ledger, id);
    halves.forEach(half -> writer.measure(values(Slice.parse(half))));
    return halves;
  }

  private void write(Ledger ledger) {
    Map<String, Measured> known = new ConcurrentHashMap<>(writer.measured());
    List<Batch> claimed = new ArrayList<>(ledger.open(Share.WHOLE));
    claimed.addAll(SliceLedger.claim(ledger));
    long total =
        SliceLedger.ids(ledger, State.FOUND, State.PENDING).stream()
            .mapToLong(id -> known.get(id).rows())
            .sum();
    WriteProgress written =
        new WriteProgress(
            total,
            total
                - claimed.stream()
                    .mapToLong(batch -> known.get(SliceLedger.idOf(batch)).rows())
                    .sum());
    steps.each(
        "write and compare",
        claimed,
        batch -> {
          String id = SliceLedger.idOf(batch);
          Slice slice = Slice.parse(id);
          Measured measured = known.get(id);
          if (!writer.write(slice, values(slice), measured)) {
            unsettled.add(id);
            return;
          }
          BatchWork work = new BatchWork(batch);
          work.outcomes().put(id, Outcome.found(measured.rows()));
          work.rows().add(measured.rows(), measured.rows(), 0, 0);
          ledger.complete(work, List.of(), Share.WHOLE);
          status.accept(written.add(measured.rows()));
        },
        batch -> {
          List<String> halves = measuredHalves(ledger, SliceLedger.idOf(batch));
          Map<String, Measured> all = writer.measured();
          halves.forEach(half -> known.put(half, all.get(half)));
          halves.forEach(this::looked);
          return halves.isEmpty() ? List.of() : SliceLedger.claim(ledger);
        });
  }

  /** Slices whose number of trades has changed; new partitions are added. */
  private Set<String> changed(Ledger ledger) {
    Map<String, Measured> measured = writer.measured();
    Set<String> changed = new HashSet<>();
    Set<String> covered = new HashSet<>();
    SliceLedger.ids(ledger, State.FOUND, State.PENDING)
        .forEach(id -> covered.addAll(Slice.parse(id).partitions()));
    for (String id : SliceLedger.ids(ledger, State.FOUND)) {
      Slice slice = Slice.parse(id);
      if (rows(slice) != measured.get(id).rows()) {
        changed.add(id);
      }
    }
    if (!covered.isEmpty()) {
      List<String> added =
          trades.partitions().keySet().stream()
              .filter(partition -> !covered.contains(partition))
              .map(partition -> new Slice(List.of(partition), null, null, 1, 0).id())
              .toList();
      ledger.load(loading -> added.forEach(loading::add));
      changed.addAll(added);
    }
    return changed;
  }

  private Result result(String state, Ledger ledger, long started) {
    long rows = 0;
    Map<String, Long> by = new LinkedHashMap<>();
    if (!state.equals("interrupted")) {
      for (Map<String, Object> row :
          clickHouse.rows(
              sql.section("result").sql(Map.of("target", new Raw(target.quoted()))), Map.of())) {
        by.put((String) row.get("what"), ((Number) row.get("n")).longValue());
        rows += ((Number) row.get("n")).longValue();
      }
    }
    return new Result(
        state,
        rows,
        by.getOrDefault("original", 0L),
        by.getOrDefault("filled", 0L),
        by.getOrDefault("unfillable", 0L),
        (int) ledger.size(Share.WHOLE),
        steps.divided(),
        (System.nanoTime() - started) / 1_000_000,
        steps.millis());
  }
}
