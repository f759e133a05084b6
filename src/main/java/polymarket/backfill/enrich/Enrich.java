package polymarket.backfill.enrich;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.Window;
import polymarket.backfill.slices.PassHelp;
import polymarket.backfill.slices.SliceLedger;

/**
 * Rewrites the trades with condition ids. The table falls into slices, which are ids of a ledger:
 * each is measured, written to a table of its own, compared, and only then marked, so that a kill
 * costs one slice. When all are there, their parts are put together without copying, and the table
 * takes the place of the previous one in one step.
 */
public final class Enrich {

  /** How often slices whose trades changed meanwhile are done again before it is given up. */
  private static final int ROUNDS = 3;

  /** What one member at a time leads. */
  private static final String PASS = "enrich";

  private final ClickHouse clickHouse;
  private final Settings settings;
  private final Messages messages;
  private final SqlFile sql = SqlFile.read("enrich");
  private final Trades trades;
  private final Target target;
  private final Steps steps;
  private final Mapping mapping;
  private final SliceSteps.Tools tools;
  private final Fingerprint fingerprint;
  private final long memory;
  private final Map<String, Object> values = new HashMap<>();

  /** Null where the ledger is on this machine alone. */
  private final Member member;

  private final LedgerPlace place;

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
    this(clickHouse, settings, messages, status, null);
  }

  /**
   * @param member who shares the work with other members; null for this process alone
   */
  public Enrich(
      ClickHouse clickHouse,
      Settings settings,
      Messages messages,
      Consumer<String> status,
      Member member) {
    clickHouse.requireOneShard("enrich");
    this.member = member;
    this.place = place(settings, member);
    this.clickHouse = clickHouse;
    this.settings = settings;
    this.messages = messages;
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
    this.steps = new Steps("enrich", true, memory, concurrency);
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
    this.tools =
        new SliceSteps.Tools(
            clickHouse, sql, trades, mapping, steps, Map.copyOf(values), messages, status);
    this.fingerprint = new Fingerprint(clickHouse, settings, sql, trades, target);
  }

  private static LedgerPlace place(Settings settings, Member member) {
    return member == null
        ? LedgerPlace.of(Ledger.file(settings.path("runtime.dir"), PASS))
        : LedgerPlace.shared(member, PASS);
  }

  /** Ends after the slices in flight. */
  public void stop() {
    steps.stop();
    if (member != null) {
      member.waitNoLonger();
    }
  }

  /**
   * Runs to the end, from where an earlier run was. Where members share the work, one of them leads
   * and the others help; a helper goes on with the pass if the one that leads it is gone.
   *
   * @throws UserError where the trades keep changing, do not compare, a step fails or there is no
   *     room; the previous table stands then
   */
  public Result run() {
    return run(true);
  }

  /** The same for a pass that is under way; where there is none, none is begun. */
  public Result join() {
    return run(false);
  }

  private Result run(boolean begins) {
    long started = System.nanoTime();
    messages.info("enrich reads " + trades.reads());
    String helped =
        member == null
            ? null
            : new PassHelp(PASS, member, steps::isStopped, messages, this::help).help();
    if (steps.isStopped()) {
      return new Result("interrupted", 0, 0, 0, 0, 0, steps.divided(), 0, steps.millis());
    }
    if (helped != null && place.exists()) {
      try (Ledger ledger = Ledger.open(place)) {
        if (helped.equals(ledger.id()) && SliceTables.run(ledger).equals(target.madeBy())) {
          return result("complete", ledger, started);
        }
      }
    }
    if (!begins && !(place.exists() && target.isUnderWay())) {
      return new Result("unchanged", 0, 0, 0, 0, 0, 0, 0, steps.millis());
    }
    return lead(started);
  }

  /** Does what there is to do in the step that another member leads. */
  private void help(Ledger ledger, String stage, SharedLedgers.Holder leader) {
    if (!fingerprint.take().equals(ledger.sourceKey())) {
      throw new UserError(
          "the mapping, the table of trades or the settings enrich.* differ from those of the pass"
              + " that "
              + leader
              + " leads: use the same on all machines, or wait until it ends");
    }
    SliceSteps slices = new SliceSteps(tools, ledger, member, () -> stage.equals(ledger.stage()));
    if (stage.startsWith("measure ")) {
      slices.measure();
    } else if (stage.startsWith("look ")) {
      slices.look();
    } else if (stage.startsWith("write ")) {
      mapping.adopt();
      slices.write();
    }
  }

  private Result lead(long started) {
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
            place,
            new Ledger.Owner(PASS, key, trades.table(), clickHouse.id()),
            false,
            Window.ALL)) {
      clickHouse.execute(sql.section("setup"), Map.of());
      if (ledger.size(Share.WHOLE) == 0) {
        List<Slice> slices = trades.slices(settings.number("enrich.slice-rows", 1000));
        ledger.load(loading -> slices.forEach(slice -> loading.add(slice.id())));
      } else {
        SliceLedger.again(ledger, lostSlices(ledger));
        again(ledger, SliceLedger.ids(ledger, State.FAILED));
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
    if (place.exists()) {
      try (Ledger ledger = Ledger.open(place)) {
        String run = SliceTables.run(ledger);
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
    afresh(target, place);
    return null;
  }

  private Result rounds(Ledger ledger, String key, long started) {
    SliceSteps slices = new SliceSteps(tools, ledger, member, () -> true);
    for (int round = 1; round <= ROUNDS && !steps.isStopped(); round++) {
      round(ledger, slices, round);
      if (steps.isStopped()) {
        break;
      }
      Set<String> changed = changed(ledger, slices);
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
                    SliceTables.run(ledger),
                    trades,
                    SliceLedger.done(ledger).values(),
                    this::requireLead));
        return result("complete", ledger, started);
      }
      messages.info(
          Messages.count(changed.size(), "slice")
              + " of "
              + trades.table()
              + " changed while being written; writing again");
      again(ledger, changed);
    }
    if (steps.isStopped()) {
      return result("interrupted", ledger, started);
    }
    throw new UserError(
        trades.table()
            + " keeps changing during the enrichment: the previous table was not replaced. Run"
            + " `backfill enrich` when nothing is written to it");
  }

  private void round(Ledger ledger, SliceSteps slices, int round) {
    stage(ledger, "measure", round);
    slices.measure();
    stage(ledger, "resolve", round);
    if (!steps.isStopped()) {
      mapping.resolve();
    }
    if (!steps.isStopped() && mapping.hasTransactions()) {
      stage(ledger, "look", round);
      slices.look();
      stage(ledger, "resolve", round);
      if (!steps.isStopped()) {
        mapping.resolveTransactions();
      }
    }
    if (!steps.isStopped()) {
      stage(ledger, "write", round);
      slices.write();
      stage(ledger, "exchange", round);
    }
  }

  /** Tells the members that help what there is to do. */
  private void stage(Ledger ledger, String what, int round) {
    if (member != null && !steps.isStopped()) {
      PassHelp.stage(ledger, member, what + " in round " + round);
    }
  }

  private void requireLead() {
    if (member != null) {
      member.requireMember();
    }
  }

  /** Lets slices be measured and written again. */
  private void again(Ledger ledger, Collection<String> changed) {
    if (!changed.isEmpty()) {
      clickHouse.execute(sql.section("forget"), Map.of("slices", List.copyOf(changed)));
      SliceLedger.again(ledger, changed.stream().filter(id -> ledger.entry(id) != null).toList());
    }
  }

  /**
   * Exchanges the finished table with the one before it.
   *
   * @param member who shares the ledger with others; null for this process alone
   * @throws UserError where there is no table before it, or another member enriches
   */
  public static void rollback(ClickHouse clickHouse, Settings settings, Member member) {
    SharedLedgers.Holder leader = member == null ? null : member.hold(PASS);
    if (leader != null) {
      throw new UserError(leader + " enriches: wait until it has ended");
    }
    Target target = new Target(clickHouse, settings);
    LedgerPlace place = place(settings, member);
    if (place.exists()) {
      String run;
      try (Ledger ledger = Ledger.open(place)) {
        run = SliceTables.run(ledger);
      }
      // a run that was killed right after its exchange has not put the previous table in its place
      // yet
      if (run.equals(target.madeBy())) {
        target.finish(run);
      }
    }
    target.rollback();
    // what is in the ledger is no longer what stands there
    afresh(target, place);
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

  private static void afresh(Target target, LedgerPlace place) {
    place.drop();
    target.dropWork();
  }

  /**
   * Slices that are marked and whose tables are not there, or not as they were when they were
   * compared.
   */
  private List<String> lostSlices(Ledger ledger) {
    Map<String, Stored> there = target.stored(Target.WORK);
    Map<String, Stored> compared = target.compared();
    List<String> lost = new ArrayList<>();
    SliceLedger.done(ledger)
        .forEach(
            (id, table) -> {
              if (!there.getOrDefault(table, Stored.NOTHING).equals(compared.get(table))) {
                lost.add(id);
              }
            });
    return lost;
  }

  /**
   * Slices whose number of trades has changed, or whose trades changed while they were written; new
   * partitions are added.
   */
  private Set<String> changed(Ledger ledger, SliceSteps slices) {
    Map<String, Measured> measured = slices.measured();
    Set<String> changed = new HashSet<>(SliceLedger.ids(ledger, State.FAILED));
    Set<String> covered = new HashSet<>();
    SliceLedger.ids(ledger, State.FOUND, State.FAILED, State.PENDING)
        .forEach(id -> covered.addAll(Slice.parse(id).partitions()));
    for (String id : SliceLedger.ids(ledger, State.FOUND)) {
      Slice slice = Slice.parse(id);
      if (slices.rows(slice) != measured.get(id).rows()) {
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
