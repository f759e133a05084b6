package polymarket.backfill.clickhouse;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.UserError;

/**
 * The shards of a cluster with several. A table whose CREATE says {@code /* sharded *}{@code /} is
 * spread over them: each has its rows in NAME_shard, by the hash of the first column of ORDER BY,
 * and NAME is a Distributed table that reads and writes all of them. Rows that replace each other
 * are of one shard, because they have the same key. Every other table is whole on every server, as
 * one replicated table with all servers as its replicas.
 *
 * <p>Distributed tables take INSERT, SELECT and changes of columns. What else is done to NAME is
 * done to NAME_shard on all servers.
 */
final class Shards {

  /** What stands behind the engine of a table that is spread. */
  private static final Pattern MARK = Pattern.compile("/\\*\\s*sharded\\s*\\*/");

  private static final String SUFFIX = "_shard";

  /** In paths in Keeper, instead of the shard: one table for the replicas of all shards. */
  private static final String WHOLE = "whole";

  private static final Pattern STATEMENT =
      Pattern.compile(
          Cluster.BLANK
              + "(?<verb>CREATE\\s+TABLE(?:\\s+IF\\s+NOT\\s+EXISTS)?"
              + "|DROP\\s+TABLE(?:\\s+IF\\s+EXISTS)?|ALTER\\s+TABLE|OPTIMIZE\\s+TABLE"
              + "|TRUNCATE\\s+(?:TABLE\\s+)?(?:IF\\s+EXISTS\\s+)?|DELETE\\s+FROM"
              + "|RENAME\\s+TABLE|EXCHANGE\\s+TABLES|INSERT\\s+INTO(?:\\s+TABLE)?)\\s*+"
              + "(?<table>"
              + Cluster.TABLE
              + ")",
          Pattern.CASE_INSENSITIVE);

  private static final Pattern KEY =
      Pattern.compile("\\bORDER\\s+BY\\s+\\(?\\s*(`[^`]+`|\\w+)", Pattern.CASE_INSENSITIVE);

  /** An ALTER that changes rows. */
  private static final Pattern CHANGES_ROWS =
      Pattern.compile("\\s*(?:UPDATE|DELETE)\\b", Pattern.CASE_INSENSITIVE);

  /** What Distributed tables know of, too. */
  private static final Pattern CHANGES_COLUMNS =
      Pattern.compile(
          "\\s*(?:(?:ADD|DROP|MODIFY|ALTER|RENAME|COMMENT|CLEAR)\\s+COLUMN|MODIFY\\s+COMMENT)\\b.*",
          Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  /** What one NAME_shard cannot do for all of them. */
  private static final Pattern MOVES_PARTS =
      Pattern.compile(
          "\\s*(?:ATTACH|DETACH|DROP|MOVE|REPLACE|FETCH|FREEZE)\\s+PART(?:ITION)?\\b.*",
          Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  private final String cluster;
  private final int count;
  private final int replicas;
  private final String path;
  private final String replica;
  private final Set<String> tables = ConcurrentHashMap.newKeySet();

  /**
   * @param replicas of each shard
   * @param path in Keeper of a table's replicas, as default_replica_path has it
   * @param replica a replica's name in Keeper, as default_replica_name has it
   */
  Shards(String cluster, int count, int replicas, String path, String replica) {
    this.cluster = cluster;
    this.count = count;
    this.replicas = replicas;
    this.path = path;
    this.replica = replica;
  }

  /**
   * Those of a cluster, with the tables that are spread over them already.
   *
   * @throws UserError if they differ in replicas, do not replicate rows themselves, or replicated
   *     tables get a path without {@code {shard}}
   */
  static Shards of(ClickHouse clickHouse, String cluster) {
    Map<Object, Integer> sizes = new TreeMap<>();
    for (Map<String, Object> row :
        clickHouse.rows(
            "SELECT * FROM system.clusters WHERE cluster = {c:String}", Map.of("c", cluster))) {
      sizes.merge(row.get("shard_num"), 1, Integer::sum);
      if (row.get("internal_replication") instanceof Number own && own.intValue() == 0) {
        throw refused(
            cluster,
            "shard "
                + row.get("shard_num")
                + " has no internal_replication: set it to true in remote_servers of the servers'"
                + " configuration");
      }
    }
    if (Set.copyOf(sizes.values()).size() > 1) {
      throw refused(
          cluster,
          "its shards have different numbers of replicas ("
              + String.join(", ", sizes.values().stream().map(String::valueOf).toList())
              + "), and an insert cannot wait for all of them; give each shard as many");
    }
    String path = setting(clickHouse, "default_replica_path");
    if (!path.contains("{shard}")) {
      throw refused(
          cluster,
          "default_replica_path is "
              + path
              + ", by which all shards would have the same rows; put {shard} into it in the"
              + " servers' configuration");
    }
    Shards shards =
        new Shards(
            cluster,
            sizes.size(),
            sizes.values().iterator().next(),
            path,
            setting(clickHouse, "default_replica_name"));
    clickHouse
        .rows(
            "SELECT concat(database, '.', name) AS name FROM system.tables WHERE engine ="
                + " 'Distributed' AND position(engine_full, concat('\\'', name, '"
                + SUFFIX
                + "\\'')) > 0",
            Map.of())
        .forEach(row -> shards.tables.add(String.valueOf(row.get("name"))));
    return shards;
  }

  private static String setting(ClickHouse clickHouse, String name) {
    return clickHouse
        .rows("SELECT value FROM system.server_settings WHERE name = {n:String}", Map.of("n", name))
        .stream()
        .map(row -> String.valueOf(row.get("value")))
        .findFirst()
        .orElse(name.endsWith("path") ? "/clickhouse/tables/{uuid}/{shard}" : "{replica}");
  }

  private static UserError refused(String cluster, String why) {
    return new UserError(
        "clickhouse.cluster: cluster '" + cluster + "' has several shards, and " + why);
  }

  /**
   * @throws UserError if the tables that are there were made for several shards and there is one,
   *     or the other way round
   */
  static void requireMadeFor(ClickHouse clickHouse, String cluster, boolean several) {
    clickHouse
        .rows(
            "SELECT engine_full FROM system.tables WHERE database = 'default' AND name ="
                + " 'backfill_server'",
            Map.of())
        .forEach(
            row -> {
              boolean whole =
                  Pattern.compile("'[^']*\\b" + WHOLE + "\\b[^']*'")
                      .matcher(String.valueOf(row.get("engine_full")))
                      .find();
              if (whole != several) {
                throw new UserError(
                    "clickhouse.cluster: cluster '"
                        + cluster
                        + "' has "
                        + (several ? "several shards" : "one shard")
                        + ", but the tables of "
                        + clickHouse.where()
                        + " were made for "
                        + (several ? "one" : "several")
                        + "; name that cluster, or use a ClickHouse without tables of this"
                        + " program");
              }
            });
  }

  int count() {
    return count;
  }

  /** How many servers have a table that is whole. */
  int servers() {
    return count * replicas;
  }

  /** A replicated engine, and the bracket behind it, with the path of a table that is whole. */
  String whole(String engine) {
    String arguments =
        "("
            + Quoted.text(path.replace("{shard}", WHOLE))
            + ", "
            + Quoted.text("{shard}-" + replica);
    int bracket = engine.indexOf('(');
    return bracket < 0
        ? engine + arguments + ")"
        : engine.substring(0, bracket).stripTrailing()
            + arguments
            + (engine.endsWith(")") ? ")" : ", ");
  }

  /** The table that has this server's rows: NAME_shard, or the table itself where it is whole. */
  String stored(String table) {
    return tables.contains(table) ? table + SUFFIX : table;
  }

  /**
   * What is done instead to a table that is spread; null where the statement is about another one.
   *
   * @throws UserError for what cannot be done
   */
  List<String> parts(String sql) {
    Matcher head = STATEMENT.matcher(sql);
    if (!head.lookingAt()) {
      return null;
    }
    String table = head.group("table");
    String name = plain(table);
    String rest = sql.substring(head.end());
    String verb = head.group("verb").toUpperCase(Locale.ROOT).replaceAll("\\s+", " ");
    if (verb.startsWith("CREATE") && MARK.matcher(rest).find()) {
      return created(sql, head, name, rest);
    }
    if (verb.startsWith("CREATE") || verb.startsWith("RENAME") || verb.startsWith("EXCHANGE")) {
      if (!verb.contains("IF NOT EXISTS") && tables.contains(name) || copies(rest)) {
        throw refuses(
            sql, "a table that is spread over shards cannot be copied, renamed or exchanged");
      }
      return null;
    }
    if (!tables.contains(name) || verb.startsWith("INSERT")) {
      return null;
    }
    String shard = sql.substring(0, head.start("table")) + name + SUFFIX;
    if (verb.startsWith("DROP")) {
      tables.remove(name);
      return List.of(sql, shard + rest);
    }
    if (verb.startsWith("ALTER") && MOVES_PARTS.matcher(rest).matches()) {
      throw refuses(sql, "parts of a table that is spread over shards cannot be moved");
    }
    if (verb.startsWith("ALTER") && !CHANGES_ROWS.matcher(rest).lookingAt()) {
      return CHANGES_COLUMNS.matcher(rest).matches()
          ? List.of(shard + rest, sql)
          : List.of(shard + rest);
    }
    if (tables.stream().anyMatch(other -> rest.contains(other))) {
      throw refuses(
          sql,
          "rows of a table that is spread over shards cannot be changed by what such tables have");
    }
    return List.of(shard + " ON CLUSTER " + Quoted.name(cluster) + rest);
  }

  private List<String> created(String sql, Matcher head, String name, String rest) {
    Matcher key = KEY.matcher(rest);
    if (!key.find()) {
      throw refuses(sql, "a table that is spread over shards needs an ORDER BY with a column");
    }
    tables.add(name);
    String before = sql.substring(0, head.start("table"));
    List<String> made = new ArrayList<>();
    made.add(before + name + SUFFIX + rest);
    made.add(
        before
            + name
            + " AS "
            + name
            + SUFFIX
            + " ENGINE = Distributed("
            + Quoted.text(cluster)
            + ", "
            + Quoted.text(Columns.database(name))
            + ", "
            + Quoted.text(Columns.name(name) + SUFFIX)
            + ", cityHash64("
            + key.group(1)
            + "))");
    return made;
  }

  private boolean copies(String rest) {
    Matcher other =
        Pattern.compile(
                "\\s+(?:AS|TO|AND)\\s+(" + Cluster.TABLE + ")\\s*$", Pattern.CASE_INSENSITIVE)
            .matcher(rest);
    return other.lookingAt() && tables.contains(plain(other.group(1)));
  }

  private UserError refuses(String sql, String why) {
    return new UserError(
        "clickhouse.cluster: "
            + why
            + "; name a cluster with one shard for this: "
            + ClickHouseException.firstLine(sql));
  }

  private static String plain(String table) {
    String plain = table.replaceAll("[`\"]", "");
    return Columns.database(plain) + "." + Columns.name(plain);
  }

  /**
   * The settings of every request. An insert through a landing table reaches tables that are whole
   * and tables that are spread, and may wait only for as many replicas as a shard has.
   */
  Map<String, String> settings() {
    Map<String, String> settings = new TreeMap<>();
    // acknowledged when all shards have the rows
    settings.put("distributed_foreground_insert", "1");
    // each row goes where its hash says, also those of a SELECT on the same shards
    settings.put("parallel_distributed_insert_select", "0");
    // subqueries and joined tables are read once, here, and sent to the shards
    settings.put("prefer_global_in_and_join", "1");
    settings.put("distributed_product_mode", "global");
    // all rows, or an error
    settings.put("skip_unavailable_shards", "0");
    settings.put("alter_sync", "2");
    if (replicas > 1) {
      quorum(settings, replicas);
    }
    return settings;
  }

  private static void quorum(Map<String, String> settings, int of) {
    settings.put("insert_quorum", String.valueOf(of));
    settings.put("insert_quorum_parallel", "1");
    settings.put("insert_quorum_timeout", "60000");
  }

  /** The settings of one statement besides: rows of a table that is whole are on all servers. */
  Map<String, String> settings(String sql) {
    Map<String, String> settings = new TreeMap<>();
    Matcher head = STATEMENT.matcher(sql);
    if (head.lookingAt()
        && head.group("verb").toUpperCase(Locale.ROOT).startsWith("INSERT")
        && !tables.contains(plain(head.group("table")))) {
      quorum(settings, servers());
    }
    return settings;
  }

  /**
   * @throws UserError always
   */
  void refuseAnyServer() {
    throw refused(
        cluster,
        "a read on any server may miss what another one stored: set clickhouse.stored-on to one,"
            + " and clickhouse.url to one of the servers");
  }

  /**
   * @param what the command that was asked for
   * @throws UserError always
   */
  void refuse(String what) {
    throw new UserError(
        what
            + ": cluster '"
            + cluster
            + "' of clickhouse.cluster has "
            + count
            + " shards, and "
            + what
            + " needs all rows on one: name a cluster with one shard, or copy the tables to one"
            + " ClickHouse and run it there");
  }
}
