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

  private static final String GAMMA = "default.api_markets_staging";
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
    steps = new Steps("reconcile", memory, 1);
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
    finishLogs();
    values.put("gamma", new Raw(gamma()));
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
    String content =
        "key_kind, key, condition_id, rule, sources_agree, sources_disagree, outcome_index";
    String merged =
        merge(
            MERGED,
            content,
            "decided != ''",
            "key_kind, key, decided AS condition_id, decider AS rule, arrayMap(c ->"
                + " toLowCardinality(priority[c.1]), arrayFilter(c -> c.2 = decided AND c.3 !="
                + " 'disproved', everyone)) AS sources_agree, arrayDistinct(arrayMap(c ->"
                + " toLowCardinality(priority[c.1]), arrayFilter(c -> NOT (c.2 = decided AND c.3 !="
                + " 'disproved'), everyone))) AS sources_disagree,"
                + " arrayMax(arrayConcat([toInt16(-1)], arrayMap(c -> c.4, arrayFilter(c -> c.2 ="
                + " decided, live)))) AS outcome_index");
    String conflicts =
        merge(
            CONFLICTS,
            "key_kind, key, candidates, condition_id, rule",
            "length(arrayDistinct(arrayMap(c -> c.2, everyone))) > 1 OR length(live) <"
                + " length(everyone)",
            "key_kind, key, arrayMap(c -> (priority[c.1], c.2, c.3), everyone)::Array(Tuple(source"
                + " String, condition_id String, proof String)) AS candidates, decided AS"
                + " condition_id, decider AS rule");
    // candidates first: merged and conflicts can be recreated from them
    boolean changed = replace(CANDIDATES, candidates, "*");
    changed |= replace(CONFLICTS, conflicts, "*");
    changed |= replace(MERGED, merged, "*");
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
    return new Result(
        clickHouse.rows(sql.section("sources").sql(values), Map.of()),
        clickHouse.rows(sql.section("summary").sql(values), Map.of()),
        clickHouse.number("SELECT count() FROM " + CONFLICTS),
        clickHouse.number("SELECT count() FROM " + CONFLICTS + " WHERE condition_id = ''"),
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
    keys = clickHouse.number("SELECT uniq(key) FROM " + entries);
    byKeys("collect what the sources say of a key", "candidates");
    clickHouse.execute("DROP TABLE " + entries + " SYNC");
    return candidates;
  }

  /**
   * A scan of logs that was cut short has not mapped the token ids that it stored; what there is of
   * them counts.
   */
  private void finishLogs() {
    SqlFile logs = SqlFile.read("rpc-logs");
    if (clickHouse.number(logs.section("unfinished").sql(values)) > 0) {
      messages.info(
          "the last scan of Polygon's logs was not finished: what it stored is mapped now");
      steps.finish(clickHouse, logs);
    }
  }

  /** Gamma's rows under fixed names, whatever the columns of the table are called. */
  private String gamma() {
    Columns columns = Columns.of(clickHouse, GAMMA);
    Columns.Column condition = columns.first("condition_id", "conditionId");
    if (condition == null) {
      messages.info(
          "there is no table "
              + GAMMA
              + " with condition ids: Gamma is left out (`backfill run markets` fills it)");
      return "(SELECT '' AS condition_id, '' AS question_id, '' AS slug, '' AS market_id, CAST([]"
          + " AS Array(String)) AS token_ids, '' AS version, now64(3, 'UTC') AS seen_at"
          + " WHERE 0)";
    }
    Columns.Column tokens = columns.first("token_ids", "clob_token_ids", "clobTokenIds");
    Columns.Column seen = columns.first("timestamp", "fetched_at", "updated_at");
    String tokenList =
        tokens == null
            ? "CAST([] AS Array(String))"
            : tokens.type().startsWith("Array(")
                ? "arrayMap(t -> toString(t), " + Quoted.name(tokens.name()) + ")"
                : "JSONExtract(" + tokens.text() + ", 'Array(String)')";
    String time =
        seen == null || !seen.type().contains("DateTime")
            ? "toDateTime64(0, 3, 'UTC')"
            : "ifNull(toDateTime64("
                + Quoted.name(seen.name())
                + ", 3, 'UTC'), toDateTime64(0, 3, 'UTC'))";
    return "(SELECT "
        + IdForms.condition(condition.text())
        + " AS condition_id, lower(replaceRegexpOne("
        + columns.text("question_id", "questionId", "questionID")
        + ", '^0[xX]', '')) AS question_id, lower(trimBoth("
        + columns.text("market_slug", "slug")
        + ")) AS slug, trimLeft("
        + columns.text("market_id", "id")
        + ", '0') AS market_id, "
        + tokenList
        + " AS token_ids, "
        + columns.text("version")
        + " AS version, "
        + time
        + " AS seen_at FROM "
        + GAMMA
        + Columns.finalOf(clickHouse, GAMMA)
        + ")";
  }

  private String draft(String table) {
    clickHouse.execute("DROP TABLE IF EXISTS " + table + "_next SYNC");
    clickHouse.execute("CREATE TABLE " + table + "_next AS " + table);
    return table + "_next";
  }

  private String merge(String table, String content, String which, String fresh) {
    String draft = draft(table);
    values.put("target", new Raw(draft));
    values.put("previous", new Raw(table));
    values.put("columns", new Raw(content + ", min(decided_at)"));
    values.put("content", new Raw(content));
    values.put("fresh", new Raw(fresh));
    values.put("which", new Raw(which));
    byKeys("merge into " + Columns.name(table), "merge");
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
  private boolean replace(String table, String draft, String columns) {
    String content =
        "SELECT concat(toString(count()), ' ', toString(sum(cityHash64(tuple("
            + columns
            + "))))) FROM ";
    boolean same = clickHouse.value(content + table).equals(clickHouse.value(content + draft));
    if (!same) {
      clickHouse.execute("EXCHANGE TABLES " + table + " AND " + draft);
    }
    clickHouse.execute("DROP TABLE " + draft + " SYNC");
    return !same;
  }
}
