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
  private final long sliceRows;
  private final Map<String, Object> values;
  private String join;

  /**
   * @param values of all placeholders that are the same for every step
   * @param join dictionary, direct or hash
   * @param memory bytes that all queries may take together
   * @param sliceRows about how many rows a slice has
   */
  Mapping(
      ClickHouse clickHouse,
      Messages messages,
      SqlFile sql,
      Trades trades,
      Steps steps,
      Map<String, Object> values,
      String join,
      long memory,
      long sliceRows) {
    this.clickHouse = clickHouse;
    this.messages = messages;
    this.sql = sql;
    this.trades = trades;
    this.steps = steps;
    this.values = values;
    this.join = join;
    this.memory = memory;
    this.sliceRows = sliceRows;
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
      clickHouse.execute(sql.section("collect").sql(fresh(kind, slice)));
    }
  }

  /** Takes the transactions of those rows that neither their market nor their token helped. */
  void collectTransactions(Map<String, Object> slice) {
    Map<String, Object> own = fresh("transaction", slice);
    List<String> unhelpful = new ArrayList<>(List.of("1"));
    for (String kind : kinds()) {
      Map<String, Object> of = of(kind, slice);
      long ids = clickHouse.number(sql.section("count-unhelpful").sql(of));
      unhelpful.add(
          sql.section(fits(ids, BYTES_IN_A_SET) ? "unhelpful" : "unhelpful-in-slice").sql(of));
    }
    own.put("unhelpful", new Raw(String.join(" AND ", unhelpful)));
    clickHouse.execute(sql.section("collect-transactions").sql(own));
  }

  /** The placeholders of a kind of ids, besides others. */
  private Map<String, Object> of(String kind, Map<String, Object> others) {
    Map<String, Object> own = new HashMap<>(others);
    own.put("kind", kind);
    own.put("mapped", new Raw("backfill_enrich." + kind + "s"));
    own.put("id", new Raw("toString(" + trades.text(kind) + ")"));
    own.put("hash", new Raw(hash(kind)));
    return own;
  }

  /** The same; ids that are there are passed over as long as the set of their hashes is small. */
  private Map<String, Object> fresh(String kind, Map<String, Object> slice) {
    Map<String, Object> own = of(kind, slice);
    long known = clickHouse.number(sql.section("count-ids").sql(own));
    own.put("fresh", new Raw(fits(known, BYTES_IN_A_SET) ? sql.section("fresh").sql(own) : "1"));
    return own;
  }

  /** Whether so many ids may be held beside what a statement needs otherwise. */
  private boolean fits(long ids, long bytes) {
    return ids * bytes <= steps.budget() / 8;
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
    long ids = clickHouse.number(sql.section("count-distinct-ids").sql(Map.of("kind", kind)));
    if (ids == 0) {
      return;
    }
    long most = Math.max(FEWEST_IDS, steps.budget() / 2 / BYTES_AN_ID);
    steps.each(
        step,
        HashRange.of(ids, most),
        range -> {
          Map<String, Object> own = of(kind, values);
          own.putAll(Memory.of(steps.budget()));
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
    Map<String, Object> own = of(kind, values);
    long needed = clickHouse.number(sql.section("count-mapped").sql(own)) * BYTES_IN_A_DICTIONARY;
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
    own.put("kind", new Raw(kind));
    try {
      clickHouse.execute(sql.section("dictionary"), own);
    } catch (ClickHouseException e) {
      if (e.passes()) {
        throw e;
      }
      // a server reads them as its user default, who may need a password there, or may not exist
      messages.info("dictionaries are unavailable; using hash joins: " + e.getMessage());
      hashJoins();
      return;
    }
    steps.hold(clickHouse.number(sql.section("dictionary-bytes").sql(Map.of())));
  }

  /**
   * Uses the dictionaries that another member has made, or hash joins where it could not make them.
   */
  void adopt() {
    if (!join.equals("hash")
        && clickHouse.number(sql.section("dictionaries").sql(Map.of())) < kinds().size()) {
      join = "hash";
    }
  }

  private void hashJoins() {
    join = "hash";
    for (String kind : NAMED) {
      clickHouse.execute(sql.section("drop-dictionary"), of(kind, values));
    }
    steps.hold(0);
  }

  /** The value of join_algorithm that the look-ups need. */
  String algorithm() {
    return join.equals("direct") ? "direct,hash" : "hash";
  }

  /**
   * How the rows of a slice find what their ids come to: {@code read} names what is read of them,
   * {@code joins} joins it, {@code lookup} is a condition and a code for each kind, such as {@code
   * __market_condition} and {@code __market_code}.
   *
   * @param columns the columns of the trades that are needed
   */
  Map<String, Object> lookups(List<String> columns, Map<String, Object> slice) {
    List<String> lookup = new ArrayList<>();
    List<String> read = new ArrayList<>(columns);
    List<String> joins = new ArrayList<>();
    for (String kind : List.of("token", "market", "transaction")) {
      Map<String, Object> own = of(kind, slice);
      boolean named = NAMED.contains(kind);
      long ids = !trades.has(kind) ? 0 : clickHouse.number(sql.section("count-mapped").sql(own));
      boolean there = named ? trades.has(kind) : ids > 0;
      own.put("kind", new Raw(kind));
      own.put("otherwise", !named ? 0 : values.get(there ? "unknown" : "none"));
      if (!there) {
        lookup.add(sql.section("not-there").sql(own));
        continue;
      }
      read.add(hash(kind) + " AS __" + kind + "_hash");
      own.put("needed", new Raw(named ? "1" : trades.own() + " = ''"));
      boolean joined = !named || !join.equals("dictionary");
      own.put("token_code", new Raw(joined ? "tokens.mapped_code" : "__token_code"));
      own.put(
          "key",
          new Raw(
              kind.equals("market") && trades.has("token")
                  ? sql.section("market-key").sql(own)
                  : "trades.__" + kind + "_hash"));
      if (joined) {
        own.put("side", new Raw(sql.section(side(named, ids)).sql(own)));
        joins.add(sql.section("join").sql(own));
      }
      lookup.add(sql.section(joined ? "joined" : "looked-up").sql(own));
    }
    return Map.of(
        "lookup",
        new Raw(String.join(",\n    ", lookup)),
        "read",
        new Raw(String.join(", ", read)),
        "joins",
        new Raw(String.join("\n", joins)));
  }

  /** The section with the side of a join that is held, all of it where that costs least. */
  private String side(boolean named, long ids) {
    return named && join.equals("direct")
        ? "mapped-dictionary"
        : fits(ids, BYTES_IN_A_DICTIONARY) && ids <= sliceRows ? "mapped" : "mapped-in-slice";
  }
}
