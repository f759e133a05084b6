package polymarket.backfill.enrich;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.Columns;
import polymarket.backfill.clickhouse.IdForms;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;
import polymarket.backfill.ledger.Batch;
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

  private static final String WORK = "backfill_enrich";
  private static final int MEMORY_LIMIT_EXCEEDED = 241;

  /** How often slices whose trades changed meanwhile are done again before it is given up. */
  private static final int ROUNDS = 3;

  private static final long SMALLEST_SLICE = 1000;

  /** Settings of a table whose parts stay as they were written. */
  private static final Map<String, Long> UNMERGED =
      Map.of(
          "max_bytes_to_merge_at_max_space_in_pool",
          1L,
          "max_bytes_to_merge_at_min_space_in_pool",
          1L);

  private static final List<String> SOURCES = List.of("clob", "rpc", "goldsky", "gamma");
  private static final List<String> RULES =
      List.of("proved", "all-agree", "majority", "priority", "only-source");
  private static final int BY_TRANSACTION = 21;
  private static final int DISPUTED = 99;
  private static final int UNKNOWN = 100;
  private static final int NONE = 101;
  private static final int ZERO = 102;
  private static final int AMBIGUOUS_MARKET = 103;
  private static final int UNKNOWN_TOKEN = 104;
  private static final int AMBIGUOUS_TRANSACTION = 105;
  private static final List<String> REASONS =
      List.of(
          "unknown market",
          "no market id",
          "zero market id",
          "ambiguous market",
          "unknown token",
          "ambiguous transaction");

  private final ClickHouse clickHouse;
  private final Settings settings;
  private final Messages messages;
  private final Consumer<String> status;
  private final SqlFile sql = SqlFile.read("enrich");
  private final Trades trades;
  private final String target;
  private final String next;
  private final int concurrency;
  private final long memory;
  private volatile String join;
  private final Map<String, Object> values = new HashMap<>();
  private final AtomicInteger halved = new AtomicInteger();
  private final Set<String> unsettled = ConcurrentHashMap.newKeySet();
  private final Map<String, Long> steps = new ConcurrentHashMap<>();
  private volatile boolean stopped;
  private volatile long dictionaries;

  /**
   * How it ended.
   *
   * @param state complete, unchanged or interrupted; rows are counted in the first two
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

  /** A slice before it was written. */
  private record Measured(long rows, String content) {}

  /** What a table holds: rows, and the sum over its parts of their files' hashes. */
  private record Stored(long rows, BigInteger files) {

    static Stored of(Map<String, Object> row) {
      return new Stored(
          ((Number) row.get("rows")).longValue(), new BigInteger((String) row.get("files")));
    }

    /** Both together; sums of hashes go round at 2^64. */
    Stored plus(Stored other) {
      return new Stored(
          rows + other.rows, files.add(other.files).mod(BigInteger.ONE.shiftLeft(64)));
    }
  }

  private static final Stored NOTHING = new Stored(0, BigInteger.ZERO);

  /**
   * @param status is told now and then how far it is, in one line
   * @throws UserError where there is no table of trades, or a setting is wrong
   */
  public Enrich(
      ClickHouse clickHouse, Settings settings, Messages messages, Consumer<String> status) {
    this.clickHouse = clickHouse;
    this.settings = settings;
    this.messages = messages;
    this.status = status;
    this.trades = new Trades(clickHouse, settings);
    this.target = Columns.quotedTable(settings.text("enrich.target"));
    this.next = beside("_next");
    this.concurrency = settings.number("enrich.concurrency", 1);
    this.memory = Memory.bytes(settings, "enrich.max-memory");
    this.join = settings.text("enrich.join");
    if (!List.of("dictionary", "direct", "hash").contains(join)) {
      throw new UserError(
          "setting enrich.join is '" + join + "'; it takes dictionary, direct or hash");
    }
    values.put("kept", new Raw(String.join(", ", trades.kept())));
    values.put("kept_as", new Raw(String.join(", ", trades.keptAs())));
    values.put("trades", new Raw(trades.quoted()));
    values.put("own", new Raw(trades.own()));
    values.put("no_ids", new Raw(IdForms.none()));
    for (String column : List.of("market", "token", "transaction")) {
      values.put(column, new Raw(trades.text(column)));
    }
    values.put("sources", new Raw(array(SOURCES)));
    values.put("rules", new Raw(array(RULES)));
    values.put("unknown", UNKNOWN);
    values.put("none", NONE);
    values.put("zero", ZERO);
    values.put("ambiguous", AMBIGUOUS_MARKET);
    values.put("unknown_token", UNKNOWN_TOKEN);
    values.put("disputed", DISPUTED);
    values.put(
        "proved",
        new Raw(
            SOURCES.stream()
                .map(source -> String.valueOf(1 + 5 * SOURCES.indexOf(source)))
                .collect(Collectors.joining(", "))));
    values.put("by_transaction", BY_TRANSACTION);
    values.put("threads", Math.max(1, Runtime.getRuntime().availableProcessors() / concurrency));
  }

  private String beside(String suffix) {
    return Columns.quotedTable(settings.text("enrich.target") + suffix);
  }

  private static String array(Collection<String> texts) {
    return texts.stream().map(Slice::literal).collect(Collectors.joining(", ", "[", "]"));
  }

  public static Path ledgerFile(Settings settings) {
    return settings.path("runtime.dir").resolve("enrich.ledger");
  }

  /** Ends after the slices in flight. */
  public void stop() {
    stopped = true;
  }

  /**
   * Runs to the end, from where an earlier run was.
   *
   * @throws UserError where the trades keep changing, do not compare, or there is no room; the
   *     previous table stands then
   */
  public Result run() {
    long started = System.nanoTime();
    messages.info("enrich reads " + trades.reads());
    Reconcile.createTables(clickHouse);
    if (number("SELECT count() FROM default.condition_id_merged") == 0) {
      throw new UserError(
          "condition_id_merged is empty: run `backfill reconcile` first, after the jobs that fill"
              + " the mappings");
    }
    String key = fingerprint();
    Path file = ledgerFile(settings);
    if (Ledger.exists(file)) {
      boolean afresh;
      try (Ledger ledger = Ledger.open(file)) {
        String run = run(ledger);
        if (run.equals(comment(clickHouse, settings.text("enrich.target")))) {
          finish(clickHouse, settings, run);
          if (key.equals(ledger.sourceKey()) && isAsBefore()) {
            messages.info(
                "nothing to do: the trades and the mapping are as they were when "
                    + settings.text("enrich.target")
                    + " was made");
            return result("unchanged", ledger, started);
          }
          afresh = true;
        } else {
          afresh = !key.equals(ledger.sourceKey()) || !clickHouse.id().equals(ledger.server());
          if (afresh) {
            messages.info(
                "the mapping, the table of trades or the settings changed since the last run was"
                    + " interrupted: it starts over");
          }
        }
      }
      if (afresh) {
        afresh(clickHouse, settings);
      }
    }
    checkRoom();
    try (Ledger ledger =
        Ledger.open(
            file, new Ledger.Owner("enrich", key, trades.table(), clickHouse.id()), false)) {
      clickHouse.execute(sql.section("setup"), Map.of());
      if (ledger.size(Share.WHOLE) == 0) {
        List<Slice> slices = trades.slices(settings.number("enrich.slice-rows", 1000));
        ledger.load(loading -> slices.forEach(slice -> loading.add(slice.id())));
      } else {
        again(ledger, lostSlices(ledger));
      }
      for (int round = 1; round <= ROUNDS && !stopped; round++) {
        Map<String, Measured> measured = new ConcurrentHashMap<>(measure(ledger));
        if (!stopped) {
          timed("resolve", () -> resolve("markets"));
          lost(ledger, measured);
        }
        if (!stopped) {
          write(ledger, measured);
        }
        if (stopped) {
          break;
        }
        Set<String> changed = changed(ledger);
        changed.addAll(unsettled);
        unsettled.clear();
        if (changed.isEmpty()) {
          if (!key.equals(fingerprint())) {
            throw new UserError(
                "the mapping, or the table "
                    + trades.table()
                    + " itself, was changed while it was enriched: nothing was exchanged. Run"
                    + " `backfill enrich` again");
          }
          timed("exchange", () -> assemble(ledger));
          return result("complete", ledger, started);
        }
        messages.info(
            changed.size()
                + " slices of "
                + trades.table()
                + " changed while they were written: they are done again");
        clickHouse.execute(
            "ALTER TABLE "
                + WORK
                + ".measured DELETE WHERE slice IN ("
                + changed.stream().map(Slice::literal).collect(Collectors.joining(", "))
                + ") SETTINGS mutations_sync = 1");
        again(ledger, changed.stream().filter(id -> ledger.entry(id) != null).toList());
      }
      if (stopped) {
        return result("interrupted", ledger, started);
      }
      throw new UserError(
          trades.table()
              + " keeps changing while it is enriched: nothing was exchanged. Run `backfill enrich`"
              + " when nothing is written to it");
    }
  }

  /** Exchanges the finished table with the one before it. */
  public static void rollback(ClickHouse clickHouse, Settings settings) {
    String target = settings.text("enrich.target");
    String previous = target + "_previous";
    if (Ledger.exists(ledgerFile(settings))) {
      String run;
      try (Ledger ledger = Ledger.open(ledgerFile(settings))) {
        run = run(ledger);
      }
      // a run that was killed right after its exchange has not put the previous table in its place
      // yet
      if (run.equals(comment(clickHouse, target))) {
        finish(clickHouse, settings, run);
      }
    }
    if (Columns.of(clickHouse, previous).isEmpty()) {
      throw new UserError(
          "there is no table "
              + previous
              + " to go back to: it is kept by the second `backfill enrich` and those after it");
    }
    clickHouse.execute(
        "EXCHANGE TABLES " + Columns.quotedTable(target) + " AND " + Columns.quotedTable(previous));
    // what is in the ledger is no longer what stands there
    afresh(clickHouse, settings);
    view(clickHouse, settings);
  }

  /** Whether the enriched table holds what the trades hold. */
  private boolean isAsBefore() {
    Map<String, Object> own = new HashMap<>(values);
    own.put("max_memory", memory);
    own.put("written", new Raw(target));
    return clickHouse
        .rows(sql.section("content").sql(own), Map.of())
        .equals(clickHouse.rows(sql.section("compare").sql(own), Map.of()));
  }

  /** All that what is written depends on, besides the rows of the trades. */
  private String fingerprint() {
    List<String> parts = new ArrayList<>(List.of("2", trades.definition(), target));
    settings
        .all()
        .forEach(
            (key, value) -> {
              if (key.startsWith("enrich.") && key.endsWith("-columns")) {
                parts.add(key + "=" + value);
              }
            });
    parts.sort(null);
    for (String table : List.of("condition_id_merged", "condition_id_conflicts")) {
      parts.add(
          String.valueOf(
              clickHouse.value(
                  "SELECT concat(toString(count()), ' ', toString(sum(cityHash64(tuple(*))))) FROM"
                      + " default."
                      + table)));
    }
    parts.add(
        String.valueOf(
            clickHouse.value(
                "SELECT concat(toString(count()), ' ', toString(max(fetched_at))) FROM"
                    + " default.rpc_transfers")));
    parts.add(
        String.valueOf(
            clickHouse.rows(
                "SELECT mutation_id FROM system.mutations WHERE database = {d:String} AND table ="
                    + " {t:String} ORDER BY mutation_id",
                Map.of("d", Columns.database(trades.table()), "t", Columns.name(trades.table())))));
    parts.add(trades.plain().toString());
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest(String.join("\n", parts).getBytes(StandardCharsets.UTF_8));
      return String.format("%064x", new BigInteger(1, hash)).substring(0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String run(Ledger ledger) {
    return "backfill enrich, run " + ledger.id();
  }

  private static String comment(ClickHouse clickHouse, String table) {
    return clickHouse
        .rows(
            "SELECT comment FROM system.tables WHERE database = {d:String} AND name = {t:String}",
            Map.of("d", Columns.database(table), "t", Columns.name(table)))
        .stream()
        .map(row -> String.valueOf(row.get("comment")))
        .findFirst()
        .orElse(null);
  }

  private static void afresh(ClickHouse clickHouse, Settings settings) {
    for (String suffix : List.of("", "-wal", "-shm")) {
      try {
        Files.deleteIfExists(
            ledgerFile(settings).resolveSibling(ledgerFile(settings).getFileName() + suffix));
      } catch (IOException e) {
        throw new UserError("cannot remove " + ledgerFile(settings) + ": " + e.getMessage());
      }
    }
    clickHouse.execute("DROP DATABASE IF EXISTS " + WORK + " SYNC");
  }

  private void checkRoom() {
    Object bytes =
        clickHouse
            .rows(
                "SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database ="
                    + " {d:String} AND table = {t:String}",
                Map.of("d", Columns.database(trades.table()), "t", Columns.name(trades.table())))
            .get(0)
            .get("bytes");
    long needed = ((Number) bytes).longValue() * 3 / 2;
    long there =
        number(
            "SELECT coalesce(sum(bytes_on_disk), 0) FROM system.parts WHERE active AND database = '"
                + WORK
                + "'");
    long free = number("SELECT max(unreserved_space) FROM system.disks");
    if (free < needed - there) {
      throw new UserError(
          settings.text("enrich.target")
              + " needs about "
              + Memory.text(needed)
              + " of disk, and "
              + Memory.text(free)
              + " are free. Make room, or drop "
              + settings.text("enrich.target")
              + "_previous");
    }
  }

  /**
   * Slices that are marked and whose tables are not there, or not as they were when they were
   * compared.
   */
  private List<String> lostSlices(Ledger ledger) {
    Map<String, Stored> there = stored();
    Map<String, Stored> compared = compared();
    return ids(ledger, State.FOUND).stream()
        .filter(
            id ->
                !compared.containsKey(id)
                    || !compared
                        .get(id)
                        .equals(there.getOrDefault(Slice.parse(id).table(), NOTHING)))
        .toList();
  }

  /**
   * What the parts of the slices' tables hold, by table: they are never merged, so that files that
   * were compared can be told.
   */
  private Map<String, Stored> stored() {
    Map<String, Stored> stored = new HashMap<>();
    clickHouse
        .rows(sql.section("stored").sql(Map.of("database", WORK)), Map.of())
        .forEach(row -> stored.put(WORK + "." + row.get("table"), Stored.of(row)));
    return stored;
  }

  private Map<String, Stored> compared() {
    Map<String, Stored> compared = new HashMap<>();
    clickHouse
        .rows(
            "SELECT slice, rows, toString(files) AS files FROM " + WORK + ".compared FINAL",
            Map.of())
        .forEach(row -> compared.put((String) row.get("slice"), Stored.of(row)));
    return compared;
  }

  private static void again(Ledger ledger, Collection<String> ids) {
    if (!ids.isEmpty()) {
      ledger.redo(ids);
    }
  }

  private static List<String> ids(Ledger ledger, State state) {
    List<String> ids = new ArrayList<>();
    ledger.entries(state, Long.MAX_VALUE, entry -> ids.add(entry.id()));
    return ids;
  }

  private Map<String, Measured> measured() {
    Map<String, Measured> measured = new HashMap<>();
    clickHouse
        .rows(
            "SELECT slice, rows, toString(content) AS content FROM " + WORK + ".measured FINAL",
            Map.of())
        .forEach(
            row ->
                measured.put(
                    (String) row.get("slice"),
                    new Measured(
                        ((Number) row.get("rows")).longValue(), (String) row.get("content"))));
    return measured;
  }

  private Map<String, Object> values(Slice slice) {
    Map<String, Object> own = new HashMap<>(values);
    own.put("slice", slice.id());
    own.put(
        "where",
        new Raw(
            slice.where(trades, "cityHash64(tuple(" + String.join(", ", trades.kept()) + "))")));
    own.put("max_memory", budget());
    return own;
  }

  /** What one query may take. */
  private long budget() {
    return Math.max(1 << 20, (memory - dictionaries) / concurrency);
  }

  /** Rows, sum and ids of every slice that were not taken yet. */
  private Map<String, Measured> measure(Ledger ledger) {
    Map<String, Measured> known = measured();
    Queue<String> todo =
        new ConcurrentLinkedQueue<>(
            ids(ledger, State.PENDING).stream().filter(id -> !known.containsKey(id)).toList());
    int all = todo.size();
    AtomicInteger done = new AtomicInteger();
    side(
        todo,
        id -> {
          try {
            timed(
                "measure",
                () -> clickHouse.execute(sql.section("measure").sql(values(Slice.parse(id)))));
          } catch (ClickHouseException e) {
            List<String> halves = halves(ledger, id, e, rows(Slice.parse(id)));
            todo.addAll(halves);
          }
          status.accept(
              "enrich: measured "
                  + done.incrementAndGet()
                  + " of "
                  + Math.max(all, done.get() + todo.size())
                  + " slices of "
                  + trades.table());
        });
    return measured();
  }

  /**
   * Puts halves in the place of a slice that does not fit; throws what is not a matter of memory.
   */
  private List<String> halves(Ledger ledger, String id, ClickHouseException e, long rows) {
    if (e.code() != MEMORY_LIMIT_EXCEEDED) {
      throw e;
    }
    Slice slice = Slice.parse(id);
    if (rows < SMALLEST_SLICE || slice.of() > 4096) {
      throw new UserError(
          "a slice of "
              + Messages.count(rows)
              + " rows does not fit into "
              + Memory.text(budget())
              + ", the part of enrich.max-memory that each of "
              + concurrency
              + " slices has: raise enrich.max-memory, or lower enrich.concurrency");
    }
    List<String> halves = trades.divide(slice, 2).stream().map(Slice::id).toList();
    ledger.split(id, halves);
    halved.incrementAndGet();
    return halves;
  }

  /** Measures slices that took the place of one that was measured before. */
  private List<String> measured(List<String> halves, Map<String, Measured> to) {
    halves.forEach(
        half -> clickHouse.execute(sql.section("measure").sql(values(Slice.parse(half)))));
    Map<String, Measured> all = measured();
    halves.forEach(half -> to.put(half, all.get(half)));
    return halves;
  }

  /** Finds what the ids come to. */
  private void resolve(String kind) {
    Map<String, Object> own = new HashMap<>(values);
    own.put("max_memory", memory);
    own.put("spill", memory / 4);
    String table = WORK + "." + kind;
    own.put("target", new Raw(table));
    own.put("ids", new Raw(sql.section("ids-of-" + kind).statements().get(0)));
    clickHouse.execute("TRUNCATE TABLE " + table);
    clickHouse.execute("TRUNCATE TABLE " + WORK + ".keys");
    clickHouse.execute(sql.section("keys").sql(own));
    clickHouse.execute(sql.section("resolve").sql(own));
    if (number("SELECT count() - uniqExact(mapped_hash) FROM " + table) != 0) {
      throw new UserError(
          "two "
              + kind
              + " have the same hash: put sipHash64 in the place of cityHash64 in"
              + " src/main/resources/sql/enrich.sql and in Enrich.java");
    }
    if (join.equals("hash")) {
      return;
    }
    try {
      clickHouse.execute(
          "CREATE OR REPLACE DICTIONARY "
              + table
              + "_dictionary (mapped_hash UInt64, mapped_condition String, mapped_code UInt8"
              + " DEFAULT "
              + UNKNOWN
              + ") PRIMARY KEY mapped_hash SOURCE(CLICKHOUSE(TABLE '"
              + kind
              + "' DB '"
              + WORK
              + "')) LAYOUT(HASHED_ARRAY()) LIFETIME(0)");
      clickHouse.execute("SYSTEM RELOAD DICTIONARY " + table + "_dictionary");
    } catch (ClickHouseException e) {
      if (e.passes()) {
        throw e;
      }
      // a server reads them as its user default, who may need a password there, or may not exist
      messages.info("dictionaries are unavailable; using hash joins: " + e.getMessage());
      join = "hash";
    }
    dictionaries =
        number(
            "SELECT coalesce(sum(bytes_allocated), 0) FROM system.dictionaries WHERE database = '"
                + WORK
                + "'");
  }

  /** Finds what the tokens and transactions come to of rows that their markets did not help. */
  private void lost(Ledger ledger, Map<String, Measured> measured) {
    List.of("lost", "tokens", "transactions")
        .forEach(table -> clickHouse.execute("TRUNCATE TABLE " + WORK + "." + table));
    boolean transactions =
        trades.has("transaction")
            && number("SELECT count() FROM (SELECT 1 FROM default.rpc_transfers LIMIT 1)") > 0;
    if (!trades.has("token") && !transactions) {
      return;
    }
    List<String> slices = ids(ledger, State.PENDING);
    Queue<String> todo = new ConcurrentLinkedQueue<>(slices);
    AtomicInteger done = new AtomicInteger();
    side(
        todo,
        id -> {
          try {
            Map<String, Object> own = values(Slice.parse(id));
            own.put(
                "said",
                new Raw(transactions ? "toString(" + trades.text("transaction") + ")" : "''"));
            timed(
                "look for tokens and transactions",
                () -> clickHouse.execute(sql.section("lost").sql(own)));
          } catch (ClickHouseException e) {
            todo.addAll(measured(halves(ledger, id, e, measured.get(id).rows()), measured));
          }
          status.accept(
              "enrich: looked for tokens and transactions in "
                  + done.incrementAndGet()
                  + " of "
                  + slices.size()
                  + " slices");
        });
    if (stopped) {
      return;
    }
    timed("resolve", () -> resolve("tokens"));
    if (transactions) {
      Map<String, Object> own = new HashMap<>(values);
      own.put("max_memory", memory - dictionaries);
      own.put("spill", memory / 4);
      own.put("ambiguous", AMBIGUOUS_TRANSACTION);
      timed("resolve", () -> clickHouse.execute(sql.section("transactions").sql(own)));
    }
  }

  private void write(Ledger ledger, Map<String, Measured> known) {
    boolean tokens = trades.has("token");
    boolean transactions = number("SELECT count() FROM " + WORK + ".transactions") > 0;
    List<Batch> claimed = new ArrayList<>(ledger.open(Share.WHOLE));
    for (String mode : List.of("new", "redo", "again")) {
      claimed.addAll(ledger.claim("", mode, Share.WHOLE, 1, 1_000_000));
    }
    Queue<Batch> todo = new ConcurrentLinkedQueue<>(claimed);
    long total = rows(ledger, known);
    AtomicLong done =
        new AtomicLong(
            total
                - claimed.stream()
                    .mapToLong(batch -> known.get(batch.getIds().get(0)).rows())
                    .sum());
    long before = done.get();
    long started = System.nanoTime();
    side(
        todo,
        batch -> {
          String id = batch.getIds().get(0);
          Measured measure = known.get(id);
          try {
            if (!write(Slice.parse(id), measure, tokens, transactions)) {
              unsettled.add(id);
              return;
            }
          } catch (ClickHouseException e) {
            measured(halves(ledger, id, e, measure.rows()), known);
            messages.info(
                "a slice of "
                    + Messages.count(measure.rows())
                    + " rows hit the cap of "
                    + Memory.text(budget())
                    + " and is halved");
            synchronized (ledger) {
              todo.addAll(ledger.claim("", "new", Share.WHOLE, 1, 1_000_000));
            }
            return;
          }
          batch.outcomes().put(id, Outcome.found(measure.rows()));
          batch.count(measure.rows(), measure.rows(), 0, 0);
          ledger.complete(batch, List.of(), Share.WHOLE);
          double seconds = (System.nanoTime() - started) / 1e9;
          long now = done.addAndGet(measure.rows());
          double rate = (now - before) / Math.max(0.001, seconds);
          status.accept(
              String.format(
                  Locale.ROOT,
                  "enrich: %s/%s rows %.1f%%, %,.0f rows/s, %s left",
                  Messages.count(now),
                  Messages.count(total),
                  total == 0 ? 100 : Math.floor(1000.0 * now / total) / 10,
                  rate,
                  Messages.time(Math.round((total - now) / rate) * 1000)));
        });
  }

  /**
   * Writes a slice to a table of its own and compares it with what was measured.
   *
   * @return false where the trades changed meanwhile, so that it has to be measured and written
   *     again
   */
  private boolean write(Slice slice, Measured measured, boolean tokens, boolean transactions) {
    String table = slice.table();
    clickHouse.execute("DROP TABLE IF EXISTS " + table + " SYNC");
    clickHouse.execute(trades.create(table, slice.id(), UNMERGED));
    Map<String, Object> own = values(slice);
    own.put("written", new Raw(table));
    own.put(
        "columns",
        new Raw(
            String.join(", ", trades.keptAs())
                + ", "
                + Trades.CONDITION
                + ", "
                + String.join(", ", Trades.ADDED)));
    own.put("values", new Raw(String.join(", ", trades.kept())));
    own.put("unfilled", new Raw(trades.unfilled()));
    own.put(
        "source_of_code",
        byCode(
            code ->
                code == 0 || code == DISPUTED
                    ? "original"
                    : code < BY_TRANSACTION
                        ? SOURCES.get((code - 1) / 5)
                        : code == BY_TRANSACTION ? "rpc" : ""));
    own.put(
        "rule_of_code",
        byCode(
            code ->
                code == 0
                    ? "original"
                    : code == DISPUTED
                        ? "original-disputed"
                        : code < BY_TRANSACTION
                            ? RULES.get((code - 1) % 5)
                            : code == BY_TRANSACTION ? "transaction" : ""));
    own.put("reason_of_code", byCode(code -> code < UNKNOWN ? "" : REASONS.get(code - UNKNOWN)));
    lookups(own, tokens, transactions);
    own.put("algorithm", join.equals("direct") ? "direct,hash" : "hash");
    own.put("block", Math.min(256 << 20, budget() / 8));
    timed("write", () -> clickHouse.execute(sql.section("write").sql(own)));
    Map<String, Object> after = new HashMap<>();
    timed(
        "compare",
        () -> after.putAll(clickHouse.rows(sql.section("compare").sql(own), Map.of()).get(0)));
    long rows = ((Number) after.get("rows")).longValue();
    if (rows == measured.rows() && after.get("content").equals(measured.content())) {
      clickHouse.execute(
          sql.section("compared")
              .sql(
                  Map.of(
                      "slice",
                      slice.id(),
                      "database",
                      WORK,
                      "table",
                      table.substring(WORK.length() + 1))));
      return true;
    }
    // a difference that is there in the trades themselves by now is no fault of the writing
    clickHouse.execute(sql.section("measure").sql(own));
    Measured now = measured().get(slice.id());
    if (now.equals(measured) || now.rows() != rows || !now.content().equals(after.get("content"))) {
      throw new UserError(
          "a slice does not compare: "
              + Messages.count(now.rows())
              + " rows before and "
              + Messages.count(rows)
              + " after, with the sums "
              + now.content()
              + " and "
              + after.get("content")
              + ". Nothing was exchanged; "
              + slice.where(trades, "hash"));
    }
    return false;
  }

  /** The text that a code stands for, as an expression; codes whose text is empty are left out. */
  private static Raw byCode(java.util.function.IntFunction<String> text) {
    Map<Integer, String> texts = new LinkedHashMap<>();
    for (int code = 0; code < UNKNOWN + REASONS.size(); code++) {
      if (code <= BY_TRANSACTION || code >= DISPUTED) {
        texts.put(code, text.apply(code));
      }
    }
    texts.values().removeIf(String::isEmpty);
    return new Raw("transform(__codes, " + texts.keySet() + ", " + array(texts.values()) + ", '')");
  }

  /** How a row finds its market, its token and its transaction: for each a condition and a code. */
  private void lookups(Map<String, Object> own, boolean tokens, boolean transactions) {
    String plain = trades.quoted() + " AS trades";
    String where = " WHERE " + ((Raw) own.get("where")).sql();
    List<String> kinds = new ArrayList<>();
    kinds.add("market");
    if (tokens) {
      kinds.add("token");
    }
    List<String> lookup = new ArrayList<>();
    StringBuilder from = new StringBuilder("(SELECT " + String.join(", ", trades.kept()));
    for (String kind : kinds) {
      from.append(", cityHash64(toString(")
          .append(trades.text(kind))
          .append(")) AS __")
          .append(kind)
          .append("_hash");
    }
    from.append(", toString(" + trades.text("transaction") + ") AS __said FROM ")
        .append(plain)
        .append(where)
        .append(") AS trades");
    for (String kind : kinds) {
      if (join.equals("dictionary")) {
        lookup.add(
            String.format(
                "dictGet('%s.%ss_dictionary', ('mapped_condition', 'mapped_code'), __%s_hash) AS"
                    + " __%s",
                WORK, kind, kind, kind));
        lookup.add("__" + kind + ".1 AS __" + kind + "_condition");
        lookup.add("__" + kind + ".2 AS __" + kind + "_code");
        continue;
      }
      from.append(
          String.format(
              " ANY LEFT JOIN %s.%ss%s AS %ss ON %ss.mapped_hash = trades.__%s_hash",
              WORK, kind, join.equals("direct") ? "_dictionary" : "", kind, kind, kind));
      lookup.add(kind + "s.mapped_condition AS __" + kind + "_condition");
      // an id that appeared after the slice was measured is not in the mapping; the slice is done
      // again then
      lookup.add(
          String.format(
              "if(%ss.mapped_code = 0, %d, %ss.mapped_code) AS __%s_code",
              kind, UNKNOWN, kind, kind));
    }
    if (!tokens) {
      lookup.add("'' AS __token_condition");
      lookup.add("toUInt8(" + NONE + ") AS __token_code");
    }
    if (transactions) {
      from.append(
              " ANY LEFT JOIN (SELECT mapped_transaction, mapped_condition, mapped_code FROM "
                  + WORK
                  + ".transactions WHERE mapped_transaction IN (SELECT toString(")
          .append(trades.text("transaction"))
          .append(") FROM ")
          .append(plain)
          .append(where)
          .append(" AND ")
          .append(trades.own())
          .append(" = '')) AS transactions ON transactions.mapped_transaction = trades.__said");
    }
    lookup.add((transactions ? "transactions.mapped_condition" : "''") + " AS __moved_condition");
    lookup.add((transactions ? "transactions.mapped_code" : "toUInt8(0)") + " AS __moved_code");
    own.put("lookup", new Raw(String.join(",\n    ", lookup) + ","));
    own.put("from", new Raw(from.toString()));
  }

  private long rows(Ledger ledger, Map<String, Measured> measured) {
    long rows = 0;
    for (State state : List.of(State.FOUND, State.PENDING)) {
      rows +=
          ids(ledger, state).stream()
              .mapToLong(id -> measured.containsKey(id) ? measured.get(id).rows() : 0)
              .sum();
    }
    return rows;
  }

  /** The rows of a slice as they are now. */
  private long rows(Slice slice) {
    return number(SqlFile.fill("SELECT count() FROM {trades} WHERE {where}", values(slice)));
  }

  /** Slices whose trades are more or fewer by now; partitions that are new are taken in. */
  private Set<String> changed(Ledger ledger) {
    Map<String, Measured> measured = measured();
    Set<String> changed = new HashSet<>();
    Set<String> covered = new HashSet<>();
    List.of(State.FOUND, State.PENDING)
        .forEach(
            state ->
                ids(ledger, state).forEach(id -> covered.addAll(Slice.parse(id).partitions())));
    for (String id : ids(ledger, State.FOUND)) {
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

  private void assemble(Ledger ledger) {
    String run = run(ledger);
    clickHouse.execute("DROP TABLE IF EXISTS " + next + " SYNC");
    clickHouse.execute(trades.create(next, run, UNMERGED));
    Map<String, Stored> compared = compared();
    Stored slices = NOTHING;
    for (String id : ids(ledger, State.FOUND)) {
      slices = slices.plus(compared.get(id));
      if (compared.get(id).rows() > 0) {
        clickHouse.execute(
            "ALTER TABLE " + next + " ATTACH PARTITION ALL FROM " + Slice.parse(id).table());
      }
    }
    // the same files that were compared one by one, and all of them
    Stored there =
        clickHouse
            .rows(
                sql.section("stored")
                    .sql(Map.of("database", Columns.database(settings.text("enrich.target")))),
                Map.of())
            .stream()
            .filter(
                row ->
                    Columns.name(settings.text("enrich.target") + "_next").equals(row.get("table")))
            .map(Stored::of)
            .findFirst()
            .orElse(NOTHING);
    long inTrades = number("SELECT count() FROM " + trades.quoted());
    if (there.rows() != slices.rows() || there.rows() != inTrades) {
      throw new UserError(
          "the enriched table has "
              + Messages.count(there.rows())
              + " rows, its slices have "
              + Messages.count(slices.rows())
              + " and "
              + trades.table()
              + " has "
              + Messages.count(inTrades)
              + ": nothing was exchanged. Run `backfill enrich` again when nothing is written to"
              + " the trades");
    }
    if (!there.equals(slices)) {
      throw new UserError(
          "the slices in database "
              + WORK
              + " are no longer what was compared with the trades: nothing was exchanged. Run"
              + " `backfill enrich` again, it writes those anew");
    }
    clickHouse.execute(
        "ALTER TABLE " + next + " RESET SETTING " + String.join(", ", UNMERGED.keySet()));
    if (comment(clickHouse, settings.text("enrich.target")) == null) {
      clickHouse.execute("RENAME TABLE " + next + " TO " + target);
    } else {
      clickHouse.execute("EXCHANGE TABLES " + target + " AND " + next);
    }
    finish(clickHouse, settings, run);
  }

  /** What is left to do after the exchange; may be done again. */
  private static void finish(ClickHouse clickHouse, Settings settings, String run) {
    String next = settings.text("enrich.target") + "_next";
    String previous = Columns.quotedTable(settings.text("enrich.target") + "_previous");
    String beside = comment(clickHouse, next);
    if (beside != null && !beside.equals(run)) {
      clickHouse.execute("DROP TABLE IF EXISTS " + previous + " SYNC");
      clickHouse.execute("RENAME TABLE " + Columns.quotedTable(next) + " TO " + previous);
    }
    clickHouse.execute("DROP DATABASE IF EXISTS " + WORK + " SYNC");
    view(clickHouse, settings);
  }

  private static void view(ClickHouse clickHouse, Settings settings) {
    Columns columns = Columns.of(clickHouse, settings.text("enrich.target"));
    Map<String, Object> names = new HashMap<>();
    for (String what : List.of("market", "token", "transaction", "trade", "time")) {
      Columns.Column column = columns.first(settings.text("enrich." + what + "-columns"));
      names.put(
          what,
          new Raw(
              column == null
                  ? what.equals("time") ? "CAST(NULL AS Nullable(DateTime))" : "''"
                  : what.equals("time") ? column.time() : column.text()));
    }
    names.put("condition", new Raw(columns.text(Trades.CONDITION)));
    names.put("original", new Raw(columns.text(Trades.ORIGINAL)));
    names.put("target", new Raw(Columns.quotedTable(settings.text("enrich.target"))));
    names.put("trades", new Raw(Columns.quotedTable(settings.text("enrich.trades"))));
    clickHouse.execute(SqlFile.read("enrich").section("view"), names);
  }

  private Result result(String state, Ledger ledger, long started) {
    long rows = 0;
    Map<String, Long> by = new LinkedHashMap<>();
    if (!state.equals("interrupted")) {
      for (Map<String, Object> row :
          clickHouse.rows(
              "SELECT multiIf(condition_id_source = 'original', 'original', unfillable_reason = '',"
                  + " 'filled', 'unfillable') AS what, count() AS n FROM "
                  + target
                  + " GROUP BY what",
              Map.of())) {
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
        halved.get(),
        (System.nanoTime() - started) / 1_000_000,
        Map.copyOf(steps));
  }

  private interface Work<T> {
    void on(T item);
  }

  /** Works on several items at once until there are none, a stop was asked for or one fails. */
  private <T> void side(Queue<T> todo, Work<T> work) {
    ExecutorService pool = Executors.newFixedThreadPool(concurrency);
    AtomicInteger busy = new AtomicInteger();
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < concurrency; i++) {
        running.add(
            pool.submit(
                () -> {
                  while (!stopped) {
                    busy.incrementAndGet();
                    T item = todo.poll();
                    if (item == null) {
                      // another one may still be halved
                      if (busy.decrementAndGet() == 0) {
                        return null;
                      }
                      Thread.sleep(20);
                      continue;
                    }
                    try {
                      work.on(item);
                    } finally {
                      busy.decrementAndGet();
                    }
                  }
                  return null;
                }));
      }
      RuntimeException failure = null;
      for (Future<?> one : running) {
        try {
          one.get();
        } catch (ExecutionException e) {
          todo.clear();
          failure =
              e.getCause() instanceof RuntimeException cause
                  ? cause
                  : new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          stopped = true;
        }
      }
      if (failure != null) {
        throw failure;
      }
    } finally {
      pool.shutdownNow();
    }
  }

  private void timed(String step, Runnable work) {
    long started = System.nanoTime();
    try {
      work.run();
    } finally {
      steps.merge(step, (System.nanoTime() - started) / 1_000_000, Long::sum);
    }
  }

  private long number(String query) {
    return ((Number) clickHouse.value(query)).longValue();
  }
}
