package polymarket.backfill.clickhouse;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/**
 * Rewrites statements that create, change or drop tables for a ClickHouse cluster: {@code ON
 * CLUSTER} sends them to every server, and MergeTree engines become replicated ones. Where the
 * cluster has several shards, every server has the whole of each table, but for those that {@link
 * Shards} spreads. A replicated engine without arguments takes its path in Keeper from the server's
 * settings {@code default_replica_path} and {@code default_replica_name}, which contain {@code
 * {uuid}}: a table that is dropped and created again, renamed or exchanged keeps a path of its own.
 * A table that is created as a copy of another one gets an engine of its own for the same reason.
 * One that is created with its rows (AS SELECT) keeps its engine: each replica fills its own.
 *
 * <p>Other statements stay as they are: ClickHouse itself replicates the rows of an INSERT, and
 * what TRUNCATE, DELETE, OPTIMIZE, mutations and moves of parts do to a replicated table. With ON
 * CLUSTER, any replica might run them, also one that does not have all rows yet.
 */
final class Cluster {

  private static final String NAME = "(?:`(?:[^`\\\\]|\\\\.)+`|\"(?:[^\"\\\\]|\\\\.)+\"|\\w++)";

  static final String TABLE = NAME + "(?:\\." + NAME + ")?";

  static final String BLANK = "(?:\\s|--[^\\n]*(?:\\n|$)|/\\*(?s:.*?)\\*/)*+";

  /** What ends in the name after which ON CLUSTER stands. */
  private static final Pattern NAMED =
      Pattern.compile(
          BLANK
              + "(?:CREATE\\s+(?:OR\\s+REPLACE\\s+)?(?<created>TABLE|VIEW|MATERIALIZED\\s+VIEW"
              + "|DICTIONARY|DATABASE|FUNCTION)(?:\\s+IF\\s+NOT\\s+EXISTS)?"
              + "|DROP\\s+(?:TABLE|VIEW|DICTIONARY|DATABASE|FUNCTION)(?:\\s+IF\\s+EXISTS)?"
              + "|ALTER\\s+TABLE(?!\\s+"
              + TABLE
              + "\\s+(?:UPDATE|DELETE|(?:ATTACH|DETACH|DROP|MOVE|REPLACE)\\s+PART(?:ITION)?)\\b))\\s+"
              + TABLE,
          Pattern.CASE_INSENSITIVE);

  /** Statements with two names, after which ON CLUSTER stands. */
  private static final Pattern TWO_NAMES =
      Pattern.compile(
          BLANK
              + "(?:RENAME\\s+TABLE\\s+"
              + TABLE
              + "\\s+TO\\s+"
              + TABLE
              + "|EXCHANGE\\s+TABLES\\s+"
              + TABLE
              + "\\s+AND\\s+"
              + TABLE
              + ")",
          Pattern.CASE_INSENSITIVE);

  /** Text in quotes and comments, which stay as they are, or a word that is rewritten. */
  private static final Pattern WORDS =
      Pattern.compile(
          "'(?:[^'\\\\]|\\\\.|'')*+'|`[^`]*`|\"[^\"]*\"|--[^\\n]*|/\\*.*?\\*/"
              + "|\\bENGINE\\s*=\\s*(?<engine>\\w+)(?<open>\\s*\\((?:\\s*\\))?)?"
              + "|\\bAS\\s+(?<filled>SELECT|WITH)\\b"
              + "|\\bnon_replicated_deduplication_window\\b"
              + "|\\bON\\s+CLUSTER\\b",
          Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  /** What follows the name of a table that is created as a copy of another one. */
  private static final Pattern COPY =
      Pattern.compile("\\s+AS\\s+(?<source>" + TABLE + ")\\s*", Pattern.CASE_INSENSITIVE);

  /** A replicated engine with its path and replica in Keeper. */
  private static final Pattern WITH_PATH =
      Pattern.compile(
          "^Replicated(\\w*MergeTree)\\('(?:[^'\\\\]|\\\\.)*', '(?:[^'\\\\]|\\\\.)*'(?:, )?");

  /** The number of the group filled in WORDS. */
  private static final int FILLED = 3;

  private final String name;

  /** Null where the cluster has one shard. */
  private volatile Shards shards;

  /**
   * @param name as in system.clusters; empty for none: then every statement stays as it is
   */
  Cluster(String name) {
    this.name = name;
  }

  /**
   * The cluster that the settings name.
   *
   * @throws UserError if they name one, and no server
   */
  static Cluster of(Settings settings) {
    String name = settings.text("clickhouse.cluster");
    if (!name.isEmpty() && settings.text("clickhouse.url").isEmpty()) {
      throw new UserError(
          "clickhouse.cluster is set, but clickhouse.url is not: set it to the URL of one replica,"
              + " or clear clickhouse.cluster to use the embedded engine");
    }
    return new Cluster(name);
  }

  boolean isNamed() {
    return !name.isEmpty();
  }

  /** The shards that tables are spread over; null where there is one. */
  Shards shards() {
    return shards;
  }

  /** From now on, statements are for these shards. */
  Cluster over(Shards several) {
    shards = several;
    return this;
  }

  /**
   * Returns the statements to send: several for a table that is spread over shards.
   *
   * @param engines as for {@link #rewrite}
   * @throws UserError for what cannot be done with such a table
   */
  List<String> statements(String sql, UnaryOperator<String> engines) {
    Shards several = shards;
    List<String> parts = several == null ? null : several.parts(sql);
    if (parts == null) {
      return List.of(
          rewrite(sql, engines, several == null ? UnaryOperator.identity() : several::whole));
    }
    List<String> statements = new ArrayList<>();
    parts.forEach(part -> statements.add(rewrite(part, engines)));
    return statements;
  }

  /**
   * Returns what to send for a statement of a route. Such statements create nothing, and ClickHouse
   * replicates what they do; only a table that is spread over shards needs another one.
   */
  String changed(String sql) {
    Shards several = shards;
    List<String> parts = several == null ? null : several.parts(sql);
    if (parts == null) {
      return sql;
    }
    if (parts.size() > 1) {
      throw new UserError(
          "clickhouse.cluster: a route cannot create or change tables that are spread over shards: "
              + ClickHouseException.firstLine(sql));
    }
    return parts.get(0);
  }

  /** The settings that a statement needs besides those of all requests. */
  Map<String, String> settings(String sent) {
    Shards several = shards;
    return several == null ? Map.of() : several.settings(sent);
  }

  /**
   * Returns the statement to send.
   *
   * @param engines gives the engine of a table, with keys and settings, as system.tables has it in
   *     engine_full; asked for where a table is created as a copy of another one
   * @throws UserError for a table that is created without an engine
   */
  String rewrite(String sql, UnaryOperator<String> engines) {
    return rewrite(sql, engines, UnaryOperator.identity());
  }

  /**
   * @param path puts path and replica in Keeper into a replicated engine's arguments
   */
  private String rewrite(String sql, UnaryOperator<String> engines, UnaryOperator<String> path) {
    if (name.isEmpty()) {
      return sql;
    }
    Matcher head = NAMED.matcher(sql);
    boolean named = head.lookingAt();
    if (!named && !(head = head.usePattern(TWO_NAMES)).lookingAt()) {
      return sql;
    }
    boolean table = named && "TABLE".equalsIgnoreCase(head.group("created"));
    int end = head.end();
    String rest = sql.substring(end);
    Matcher copy = COPY.matcher(rest);
    if (table && copy.matches()) {
      String full = engines.apply(copy.group("source"));
      rest = rest.stripTrailing() + " ENGINE = " + WITH_PATH.matcher(full).replaceFirst("$1(");
    }
    StringBuilder sent = new StringBuilder();
    Matcher word = WORDS.matcher(rest);
    boolean filled = table && word.results().anyMatch(found -> found.group(FILLED) != null);
    boolean engine = false;
    word.reset();
    while (word.find()) {
      String found = word.group();
      if (found.toUpperCase(Locale.ROOT).matches("ON\\s+CLUSTER")) {
        return sql;
      }
      engine |= word.group("engine") != null;
      word.appendReplacement(
          sent, Matcher.quoteReplacement(filled ? found : replicated(word, path)));
    }
    word.appendTail(sent);
    if (table && !engine) {
      throw new UserError(
          "clickhouse.cluster: a table that is created on a cluster needs an ENGINE: "
              + ClickHouseException.firstLine(sql));
    }
    return sql.substring(0, end) + " ON CLUSTER " + Quoted.name(name) + sent;
  }

  private static String replicated(Matcher word, UnaryOperator<String> path) {
    String found = word.group();
    String engine = word.group("engine");
    if (engine == null) {
      return found.startsWith("non_") ? found.substring("non_".length()) : found;
    }
    if (!engine.endsWith("MergeTree") || engine.matches("(Replicated|Shared).*")) {
      return found;
    }
    String before = found.substring(0, word.start("engine") - word.start());
    String behind = word.group("open") == null ? "" : word.group("open");
    return before + path.apply("Replicated" + engine + behind);
  }

  /**
   * Checks that the server knows the cluster, and that its tables are kept as this one keeps them.
   *
   * @return the number of replicas of each shard; 0 without a cluster
   * @throws UserError if the server does not know it, its shards differ in replicas, replicated
   *     tables get a path without {@code {uuid}}, or the tables that are there were made for
   *     another number of shards
   */
  long check(ClickHouse clickHouse) {
    if (name.isEmpty()) {
      return 0;
    }
    List<Map<String, Object>> known =
        clickHouse.rows(
            "SELECT cluster, max(shard_num) AS shards, max(replica_num) AS replicas FROM"
                + " system.clusters GROUP BY cluster ORDER BY cluster",
            Map.of());
    Map<String, Object> found =
        known.stream().filter(row -> name.equals(row.get("cluster"))).findFirst().orElse(null);
    if (found == null) {
      throw new UserError(
          "clickhouse.cluster: "
              + clickHouse.where()
              + " has no cluster '"
              + name
              + "'; its clusters: "
              + String.join(
                  ", ", known.stream().map(row -> String.valueOf(row.get("cluster"))).toList()));
    }
    clickHouse
        .rows(
            "SELECT value FROM system.server_settings WHERE name = 'default_replica_path' AND"
                + " value NOT LIKE '%{uuid}%'",
            Map.of())
        .forEach(
            row -> {
              throw new UserError(
                  "clickhouse.cluster: default_replica_path of "
                      + clickHouse.where()
                      + " is "
                      + row.get("value")
                      + ", by which tables that were exchanged get the path of another one; put"
                      + " {uuid} into it in the servers' configuration");
            });
    if (((Number) found.get("shards")).longValue() > 1) {
      over(Shards.of(clickHouse, name));
    }
    Shards.requireMadeFor(clickHouse, name, shards != null);
    return ((Number) found.get("replicas")).longValue();
  }
}
