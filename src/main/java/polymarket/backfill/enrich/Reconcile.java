package polymarket.backfill.enrich;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Columns;
import polymarket.backfill.clickhouse.HashRange;
import polymarket.backfill.clickhouse.IdForms;
import polymarket.backfill.clickhouse.Quoted;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.polymarket.ComputedTokenIds;

/**
 * Makes {@code condition_id_merged} of what the sources say. Tables are made beside the old ones
 * and take their place in one step; a second run with the same inputs changes nothing.
 */
public final class Reconcile {

  private static final String CANDIDATES = "default.condition_id_candidates";
  private static final String MERGED = "default.condition_id_merged";
  private static final String CONFLICTS = "default.condition_id_conflicts";

  /** Generous: a condition with all that is computed of it, in a join. */
  private static final long BYTES_A_CONDITION = 2048;

  /** The same of a key with all its candidates. */
  private static final long BYTES_A_KEY = 2048;

  private static final long FEWEST = 500;

  private final ClickHouse clickHouse;
  private final Messages messages;
  private final Steps steps;
  private long keys;
  private final SqlFile sql = SqlFile.read("reconcile");
  private final Map<String, Object> values = new HashMap<>();

  /** What came of it, ready to be shown. */
  public record Result(
      List<Map<String, Object>> sources,
      List<Map<String, Object>> keys,
      long conflicts,
      long undecided,
      List<String> notIndependent,
      boolean changed) {}

  public Reconcile(ClickHouse clickHouse, Settings settings, Messages messages) {
    this.clickHouse = clickHouse;
    this.messages = messages;
    long memory = Memory.bytes(settings, Memory.CAP);
    steps = new Steps("reconcile", true, memory, 1);
    values.putAll(Memory.of(memory));
    values.put("block", Math.min(256 << 20, memory / 8));
    values.put("no_ids", new Raw(IdForms.none()));
    values.put("join_sides", Steps.joinSides(clickHouse));
    values.put("threads", Runtime.getRuntime().availableProcessors());
  }

  /** Makes the tables that are read and written, where they are not there. */
  public static void createTables(ClickHouse clickHouse) {
    clickHouse.execute(SqlFile.read("mapping-tables").section("setup"), Map.of());
    clickHouse.execute(SqlFile.read("reconcile").section("setup"), Map.of());
  }

  /**
   * @throws polymarket.backfill.UserError where ClickHouse refuses
   */
  public Result run() {
    createTables(clickHouse);
    finishInputs();
    values.put("listed", new Raw(listed()));
    long started = System.nanoTime();
    long computed = computeTokenIds();
    if (computed > 0) {
      messages.info(
          "computed the token ids of "
              + Messages.count(computed)
              + " conditions in "
              + Messages.time((System.nanoTime() - started) / 1_000_000));
    }
    String candidates = candidates();
    values.put("candidates", new Raw(candidates));
    String merged = merge(MERGED);
    String conflicts = merge(CONFLICTS);
    // candidates first: merged and conflicts can be recreated from them
    boolean changed = replace(CANDIDATES, candidates);
    changed |= replace(CONFLICTS, conflicts);
    changed |= replace(MERGED, merged);
    List<String> copies = new ArrayList<>();
    clickHouse
        .rows(sql.section("same-rows").sql(values), Map.of())
        .forEach(
            pair ->
                copies.add(
                    pair.get("one")
                        + " and "
                        + pair.get("other")
                        + " are not independent: their "
                        + Messages.count(((Number) pair.get("rows")).longValue())
                        + " rows are the same"));
    copies.forEach(messages::warn);
    Map<String, Object> counts =
        clickHouse.rows(sql.section("conflicts").sql(values), Map.of()).get(0);
    return new Result(
        clickHouse.rows(sql.section("sources").sql(values), Map.of()),
        clickHouse.rows(sql.section("summary").sql(values), Map.of()),
        ((Number) counts.get("conflicts")).longValue(),
        ((Number) counts.get("undecided")).longValue(),
        copies,
        changed);
  }

  private long computeTokenIds() {
    long[] computed = {0};
    steps.run(
        "compute token ids",
        () ->
            computed[0] = ComputedTokenIds.fill(clickHouse, sql.section("conditions").sql(values)));
    return computed[0];
  }

  /** What every source says, in a draft: range by range of the conditions, then one row a key. */
  private String candidates() {
    String entries = CANDIDATES + "_entries";
    clickHouse.execute("DROP TABLE IF EXISTS " + entries + " SYNC");
    clickHouse.execute("CREATE TABLE " + entries + " AS " + CANDIDATES);
    long conditions = clickHouse.number(sql.section("count-conditions").sql(values));
    steps.each(
        "collect what the sources say",
        HashRange.of(conditions, steps.budget() / 4 / BYTES_A_CONDITION),
        range -> {
          Map<String, Object> own = new HashMap<>(values);
          own.put("target", new Raw(entries));
          own.put("in_range", range.between());
          clickHouse.execute(sql.section("entries").sql(own));
        },
        range -> range.ids() < FEWEST ? List.of() : range.halves());
    String candidates = draft(CANDIDATES);
    values.put("target", new Raw(candidates));
    values.put("entries", new Raw(entries));
    keys = clickHouse.number(sql.section("count-keys").sql(values));
    byKeys("collect what the sources say of a key", "candidates");
    clickHouse.execute("DROP TABLE " + entries + " SYNC");
    return candidates;
  }

  /** A run that was cut short has not finished what it stored; what there is of that counts. */
  private void finishInputs() {
    String name = sql.section("reads").title();
    SqlFile read = SqlFile.read(name);
    if (clickHouse.number(read.section("unfinished").sql(values)) > 0) {
      messages.info("the last run of " + name + " was not finished: what it stored is mapped now");
      ComputedTokenIds.finish(clickHouse, steps, read);
    }
  }

  /** The table of markets under fixed names, whatever its columns are called. */
  private String listed() {
    String table = sql.section("listed").title();
    Columns columns = Columns.of(clickHouse, table);
    Columns.Column condition = columns.first("condition_id", "conditionId");
    if (condition == null) {
      messages.info(
          "there is no table "
              + table
              + " with condition ids: it is left out (`backfill run markets` fills it)");
      return sql.section("not-listed").sql(Map.of());
    }
    Columns.Column tokens = columns.first("token_ids", "clob_token_ids", "clobTokenIds");
    Columns.Column seen = columns.first("timestamp", "fetched_at", "updated_at");
    boolean array = tokens != null && tokens.type().startsWith("Array(");
    Map<String, Object> names = new HashMap<>();
    names.put("condition", new Raw(IdForms.condition(condition.text())));
    names.put("question", new Raw(columns.text("question_id", "questionId", "questionID")));
    names.put("slug", new Raw(columns.text("market_slug", "slug")));
    names.put("market", new Raw(columns.text("market_id", "id")));
    names.put("version", new Raw(columns.text("version")));
    names.put(
        "tokens",
        new Raw(
            listed(
                "listed-tokens",
                tokens == null ? "" : array ? "Array" : "String",
                tokens == null ? "" : array ? Quoted.name(tokens.name()) : tokens.text())));
    boolean time = seen != null && seen.type().contains("DateTime");
    names.put(
        "seen",
        new Raw(
            listed("listed-seen", time ? "DateTime" : "", time ? Quoted.name(seen.name()) : "")));
    names.put("table", new Raw(table));
    names.put("final", new Raw(Columns.finalOf(clickHouse, table)));
    return sql.section("listed").sql(names);
  }

  /** How a column of a type is read: the section whose title is the type, empty for no column. */
  private String listed(String section, String type, String column) {
    return sql.sections(section).stream()
        .filter(each -> each.title().equals(type))
        .findFirst()
        .orElseThrow()
        .sql(Map.of("column", new Raw(column)));
  }

  private String draft(String table) {
    clickHouse.execute("DROP TABLE IF EXISTS " + table + "_next SYNC");
    clickHouse.execute("CREATE TABLE " + table + "_next AS " + table);
    return table + "_next";
  }

  /** A draft of a table that is made of the candidates, as its section {@code @merged} says. */
  private String merge(String table) {
    String name = Columns.name(table);
    List<String> merged =
        sql.sections("merged").stream()
            .filter(each -> each.title().equals(name))
            .findFirst()
            .orElseThrow()
            .statements();
    String draft = draft(table);
    values.put("target", new Raw(draft));
    values.put("previous", new Raw(table));
    values.put("which", new Raw(merged.get(0)));
    values.put("fresh", new Raw(merged.get(1)));
    values.put("content", new Raw(merged.get(2)));
    byKeys("merge into " + name, "merge");
    return draft;
  }

  /** Runs a section's statement for a range of keys at a time. */
  private void byKeys(String step, String section) {
    steps.each(
        step,
        HashRange.of(keys, steps.budget() / 4 / BYTES_A_KEY),
        range -> {
          Map<String, Object> own = new HashMap<>(values);
          own.put("in_range", range.between());
          clickHouse.execute(sql.section(section).sql(own));
        },
        range -> range.ids() < FEWEST ? List.of() : range.halves());
  }

  /** Puts the draft in the table's place unless both hold the same rows. */
  private boolean replace(String table, String draft) {
    boolean same = content(table).equals(content(draft));
    if (!same) {
      clickHouse.execute("EXCHANGE TABLES " + table + " AND " + draft);
    }
    clickHouse.execute("DROP TABLE " + draft + " SYNC");
    return !same;
  }

  private Object content(String table) {
    return clickHouse.value(sql.section("content").sql(Map.of("table", new Raw(table))));
  }
}
