package polymarket.backfill.enrich;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.HashRange;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;
import polymarket.backfill.clickhouse.Steps;

/**
 * The ids in the trades and the conditions that they stand for. Ids are collected slice by slice
 * and resolved hash range by hash range, each id once, so that no step holds more than a part of
 * them.
 */
final class Mapping {

  /** The kinds of ids that name a market by themselves. */
  private static final List<String> NAMED = List.of("market", "token");

  /** Generous: an id with the keys that it may be, in a join and an aggregation. */
  private static final long BYTES_AN_ID = 2048;

  /** The same of an id in a set of hashes, or in a dictionary. */
  private static final long BYTES_IN_A_SET = 64;

  private static final long BYTES_IN_A_DICTIONARY = 250;

  private static final long FEWEST_IDS = 1000;

  private final ClickHouse clickHouse;
  private final Messages messages;
  private final SqlFile sql;
  private final Trades trades;
  private final Steps steps;
  private final long memory;
  private final Map<String, Object> values;
  private String join;

  /**
   * @param values of all placeholders that are the same for every step
   * @param join dictionary, direct or hash
   * @param memory bytes that all queries may take together
   */
  Mapping(
      ClickHouse clickHouse,
      Messages messages,
      SqlFile sql,
      Trades trades,
      Steps steps,
      Map<String, Object> values,
      String join,
      long memory) {
    this.clickHouse = clickHouse;
    this.messages = messages;
    this.sql = sql;
    this.trades = trades;
    this.steps = steps;
    this.values = values;
    this.join = join;
    this.memory = memory;
  }

  /** The kinds of ids that the trades have of those that name a market by themselves. */
  List<String> kinds() {
    return NAMED.stream().filter(trades::has).toList();
  }

  /** Whether trades can be matched by their transactions. */
  boolean hasTransactions() {
    return trades.has("transaction")
        && clickHouse.number("SELECT count() FROM (SELECT 1 FROM default.rpc_transfers LIMIT 1)")
            > 0;
  }

  /**
   * Takes the ids of a slice that are not there yet; may be done again.
   *
   * @param slice the placeholders of the slice
   */
  void collect(Map<String, Object> slice) {
    for (String kind : kinds()) {
      clickHouse.execute(sql.section("collect").sql(of(kind, slice)));
    }
  }

  /** Takes the transactions of those rows that neither their market nor their token helped. */
  void collectTransactions(Map<String, Object> slice) {
    Map<String, Object> own = of("transaction", slice);
    List<String> helped = new ArrayList<>();
    for (String kind : kinds()) {
      helped.add(
          SqlFile.fill(
              "{hash} IN (SELECT mapped_hash FROM backfill_enrich.{table} WHERE mapped_code <"
                  + " {unknown} AND mapped_hash IN (SELECT {hash} FROM {trades} WHERE {where}))",
              of(kind, slice)));
    }
    own.put("helped", new Raw(helped.isEmpty() ? "0" : String.join(" OR ", helped)));
    clickHouse.execute(sql.section("collect-transactions").sql(own));
  }

  private Map<String, Object> of(String kind, Map<String, Object> slice) {
    Map<String, Object> own = new HashMap<>(slice);
    own.put("kind", kind);
    own.put("table", new Raw(kind + "s"));
    own.put("id", new Raw("toString(" + trades.text(kind) + ")"));
    own.put("hash", new Raw(hash(kind)));
    long known =
        clickHouse.number(
            SqlFile.fill("SELECT count() FROM backfill_enrich.ids WHERE kind = {kind}", own));
    // ids that are there are passed over as long as the set of their hashes is small
    own.put(
        "fresh",
        new Raw(
            known * BYTES_IN_A_SET > steps.budget() / 8
                ? "1"
                : SqlFile.fill(
                    "{hash} NOT IN (SELECT hash FROM backfill_enrich.ids WHERE kind = {kind})",
                    own)));
    return own;
  }

  private String hash(String kind) {
    return "cityHash64(toString(" + trades.text(kind) + "))";
  }

  /**
   * Finds the conditions of all markets and tokens that were collected and are not resolved yet.
   */
  void resolve() {
    for (String kind : kinds()) {
      resolve(kind, "resolve " + kind + "s", "resolve");
      if (!steps.isStopped() && !join.equals("hash")) {
        steps.run("load the dictionary of " + kind + "s", () -> dictionary(kind));
      }
    }
  }

  /** Finds the conditions of the transactions that were collected. */
  void resolveTransactions() {
    resolve("transaction", "resolve transactions", "resolve-transactions");
  }

  private void resolve(String kind, String step, String section) {
    long ids =
        clickHouse.number(
            SqlFile.fill(
                "SELECT uniq(hash) FROM backfill_enrich.ids WHERE kind = {kind}",
                Map.of("kind", kind)));
    if (ids == 0) {
      return;
    }
    long most = Math.max(FEWEST_IDS, steps.budget() / 2 / BYTES_AN_ID);
    steps.each(
        step,
        HashRange.of(ids, most),
        range -> {
          Map<String, Object> own = new HashMap<>(values);
          own.putAll(Memory.of(steps.budget()));
          own.put("kind", kind);
          own.put("target", new Raw("backfill_enrich." + kind + "s"));
          own.put("in_range", range.between());
          clickHouse.execute(sql.section(section).sql(own));
          if (clickHouse.number(sql.section("same-hash").sql(own)) != 0) {
            throw new UserError(
                "two "
                    + kind
                    + "s have the same hash: put sipHash64 in the place of cityHash64 in"
                    + " src/main/resources/sql/enrich.sql and in Mapping.java");
          }
        },
        range -> range.ids() < FEWEST_IDS ? List.of() : range.halves());
  }

  private void dictionary(String kind) {
    String table = "backfill_enrich." + kind + "s";
    long needed = clickHouse.number("SELECT count() FROM " + table) * BYTES_IN_A_DICTIONARY;
    if (needed > memory / 4) {
      messages.info(
          "a dictionary of "
              + kind
              + "s needs about "
              + Memory.text(needed)
              + ", more than a quarter of "
              + Memory.CAP
              + ": using hash joins");
      hashJoins();
      return;
    }
    try {
      clickHouse.execute(
          "CREATE OR REPLACE DICTIONARY "
              + table
              + "_dictionary (mapped_hash UInt64, mapped_condition String, mapped_code UInt8"
              + " DEFAULT "
              + Codes.UNKNOWN
              + ") PRIMARY KEY mapped_hash SOURCE(CLICKHOUSE(TABLE '"
              + kind
              + "s' DB 'backfill_enrich')) LAYOUT(HASHED_ARRAY()) LIFETIME(0)");
      clickHouse.execute("SYSTEM RELOAD DICTIONARY " + table + "_dictionary");
    } catch (ClickHouseException e) {
      if (e.passes()) {
        throw e;
      }
      // a server reads them as its user default, who may need a password there, or may not exist
      messages.info("dictionaries are unavailable; using hash joins: " + e.getMessage());
      hashJoins();
      return;
    }
    steps.hold(
        clickHouse.number(
            "SELECT coalesce(sum(bytes_allocated), 0) FROM system.dictionaries WHERE database ="
                + " 'backfill_enrich'"));
  }

  private void hashJoins() {
    join = "hash";
    for (String kind : NAMED) {
      clickHouse.execute("DROP DICTIONARY IF EXISTS backfill_enrich." + kind + "s_dictionary");
    }
    steps.hold(0);
  }

  /** The value of join_algorithm that the look-ups need. */
  String algorithm() {
    return join.equals("direct") ? "direct,hash" : "hash";
  }

  /**
   * How the rows of a slice find what their ids stand for: {@code from} gives them with the hashes
   * of their ids, {@code lookup} a condition and a code for each kind, such as {@code
   * __market_condition} and {@code __market_code}. A join holds the ids of the slice and no others.
   *
   * @param columns the columns of the trades that are needed
   */
  Map<String, Object> lookups(List<String> columns, Map<String, Object> slice) {
    List<String> lookup = new ArrayList<>();
    List<String> inner = new ArrayList<>(columns);
    StringBuilder joins = new StringBuilder();
    for (String kind : List.of("market", "token", "transaction")) {
      boolean named = NAMED.contains(kind);
      boolean there =
          named
              ? trades.has(kind)
              : clickHouse.number("SELECT count() FROM backfill_enrich.transactions") > 0;
      // an id that is not in the mapping appeared after the slice was measured; the slice is done
      // again then
      int otherwise = named ? there ? Codes.UNKNOWN : Codes.NONE : 0;
      if (!there) {
        lookup.add("'' AS __" + kind + "_condition");
        lookup.add("toUInt8(" + otherwise + ") AS __" + kind + "_code");
        continue;
      }
      inner.add(hash(kind) + " AS __" + kind + "_hash");
      Map<String, Object> own = new HashMap<>(slice);
      own.put("kind", new Raw(kind));
      own.put("hash", new Raw(hash(kind)));
      own.put("otherwise", otherwise);
      own.put("needed", named ? 1 : new Raw(trades.own() + " = ''"));
      if (named && join.equals("dictionary")) {
        lookup.add(
            SqlFile.fill(
                "dictGet('backfill_enrich.{kind}s_dictionary', ('mapped_condition',"
                    + " 'mapped_code'), __{kind}_hash) AS __{kind}, __{kind}.1 AS"
                    + " __{kind}_condition, __{kind}.2 AS __{kind}_code",
                own));
        continue;
      }
      joins.append(
          SqlFile.fill(
              named && join.equals("direct")
                  ? " ANY LEFT JOIN backfill_enrich.{kind}s_dictionary AS {kind}s ON"
                      + " {kind}s.mapped_hash = trades.__{kind}_hash"
                  : " ANY LEFT JOIN (SELECT mapped_hash, mapped_condition, mapped_code FROM"
                      + " backfill_enrich.{kind}s WHERE mapped_hash IN (SELECT {hash} FROM"
                      + " {trades} WHERE ({where}) AND {needed})) AS {kind}s ON"
                      + " {kind}s.mapped_hash = trades.__{kind}_hash",
              own));
      lookup.add(
          SqlFile.fill(
              "{kind}s.mapped_condition AS __{kind}_condition, if({kind}s.mapped_code = 0,"
                  + " {otherwise}, {kind}s.mapped_code) AS __{kind}_code",
              own));
    }
    return Map.of(
        "lookup",
        new Raw(String.join(",\n    ", lookup)),
        "from",
        new Raw(
            "(SELECT "
                + String.join(", ", inner)
                + SqlFile.fill(" FROM {trades} WHERE {where}) AS trades", slice)
                + joins));
  }
}
