package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.embedded.KeeperEngine;

/** What is sent to a cluster. The engine parses it; a cluster to run it on is not needed. */
class ClusterIT {

  private static final Cluster CLUSTER = new Cluster("my cluster");

  /** Tables that are made as a copy of another one get an engine of their own. */
  private static final Pattern COPY =
      Pattern.compile("CREATE TABLE (IF NOT EXISTS )?[\\w.]+\\s+AS\\s+[\\w.]+");

  private static final String ENGINE = "MergeTree ORDER BY a SETTINGS index_granularity = 8192";

  private static String sent(String sql) {
    return CLUSTER.rewrite(sql, table -> ENGINE);
  }

  /** What ClickHouse replicates itself. */
  private static boolean isOfData(String sql) {
    return sql.matches("(?s)(?:\\s|--[^\\n]*\\n)*(TRUNCATE|ALTER TABLE \\S+ (UPDATE|DELETE)).*");
  }

  private static String parsed(String sql) {
    return (String) TestBed.clickHouse().value("SELECT formatQuery(" + Quoted.text(sql) + ")");
  }

  /** The statements of all SQL files that create, change or drop something. */
  private static List<String> definitions() throws IOException {
    List<String> definitions = new ArrayList<>();
    for (String name : SqlFileTest.names()) {
      SqlFile file = SqlFile.read(name);
      Matcher head =
          Pattern.compile("(?m)^-- @(\\S+)")
              .matcher(
                  Files.readString(
                      TestBed.PROJECT.resolve("src/main/resources/sql/" + name + ".sql")));
      List<String> sections = new ArrayList<>();
      while (head.find()) {
        sections.add(head.group(1));
      }
      sections.stream()
          .distinct()
          .flatMap(section -> file.sections(section).stream())
          .flatMap(section -> section.statements().stream())
          .filter(
              sql ->
                  sql.matches(
                      "(?s)(?:\\s|--[^\\n]*\\n)*"
                          + "(CREATE|DROP|ALTER|RENAME|EXCHANGE|TRUNCATE)\\b.*"))
          // SQL that the program puts together for the trades at hand
          .map(sql -> sql.replaceAll("\\{join_[a-z_]+\\}", ""))
          .map(sql -> sql.replaceAll("(\\(\\s*)\\{columns\\}", "$1a UInt8"))
          .map(sql -> sql.replace("{keys}", "ORDER BY a").replace("{settings}", ""))
          .map(sql -> sql.replaceAll("(COMMENT|DEFAULT) \\{[a-z_]+\\}", "$1 'text'"))
          .map(sql -> sql.replaceAll("\\{([a-z_]+)\\}", "$1"))
          .forEach(definitions::add);
    }
    return definitions;
  }

  private static String run(KeeperEngine keeper, String sql) {
    try {
      return keeper.run(sql);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void everyDefinitionOfTheSqlFiles_isSentToAllReplicas_withAReplicatedEngine() throws IOException {
    List<String> definitions = definitions();
    assertTrue(definitions.size() > 100, definitions.size() + " statements");
    for (String sql : definitions) {
      if (isOfData(sql)) {
        assertEquals(sql, sent(sql));
        continue;
      }
      String sent = parsed(sent(sql));
      assertTrue(sent.contains(" ON CLUSTER `my cluster`"), sent);
      assertFalse(
          Pattern.compile(
                  "ENGINE = (?!Replicated)\\w*MergeTree(?!.*?\\bAS\\s+(SELECT|WITH)\\b)",
                  Pattern.DOTALL)
              .matcher(sent)
              .find(),
          sent);
      assertFalse(sent.contains("non_replicated_deduplication_window"), sent);
      // nothing else differs
      assertEquals(
          parsed(sql),
          parsed(
              sent(sql)
                  .replace(" ON CLUSTER `my cluster`", "")
                  .replace(COPY.matcher(sql).matches() ? " ENGINE = Replicated" + ENGINE : "\0", "")
                  .replaceAll("(ENGINE = )Replicated", "$1")
                  .replaceAll("\\b(replicated_deduplication_window)", "non_$1")));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '~',
      value = {
        "DROP DATABASE IF EXISTS a SYNC; DROP DATABASE IF EXISTS a ON CLUSTER `my cluster` SYNC",
        "DROP VIEW IF EXISTS default.v; DROP VIEW IF EXISTS default.v ON CLUSTER `my cluster`",
        "RENAME TABLE a.`b c` TO a.d; RENAME TABLE a.`b c` TO a.d ON CLUSTER `my cluster`",
        "exchange tables a and b; exchange tables a and b ON CLUSTER `my cluster`",
        "ALTER TABLE \"a.b\" RESET SETTING c; ALTER TABLE \"a.b\" ON CLUSTER `my cluster` RESET"
            + " SETTING c",
        "CREATE OR REPLACE TABLE t ENGINE = MergeTree ORDER BY a AS SELECT 1 AS a; CREATE OR"
            + " REPLACE TABLE t ON CLUSTER `my cluster` ENGINE = MergeTree ORDER BY a AS SELECT 1"
            + " AS a",
        "CREATE TABLE a_next AS a; CREATE TABLE a_next ON CLUSTER `my cluster` AS a ENGINE ="
            + " ReplicatedMergeTree ORDER BY a SETTINGS index_granularity = 8192",
        "CREATE TABLE t (a String COMMENT 'it''s ENGINE = MergeTree') ENGINE=MergeTree ORDER BY a;"
            + " CREATE TABLE t ON CLUSTER `my cluster` (a String COMMENT 'it''s ENGINE ="
            + " MergeTree') ENGINE=ReplicatedMergeTree ORDER BY a",
        "/* one */ CREATE TABLE t (a UInt8) ENGINE = Null /* ENGINE = MergeTree */; /* one */"
            + " CREATE TABLE t ON CLUSTER `my cluster` (a UInt8) ENGINE = Null /* ENGINE ="
            + " MergeTree */",
      })
  void aStatementIsRewritten_butNotItsTextAndComments(String sql, String sent) {
    assertEquals(sent, sent(sql));
    assertEquals(parsed(sent), parsed(sent(sql)));
    assertEquals(sql, new Cluster("").rewrite(sql, table -> ENGINE), "without a cluster");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 'CREATE TABLE t (a UInt8) ENGINE = MergeTree'",
        "INSERT INTO t SELECT 1",
        "DELETE FROM default.t WHERE a = 1",
        "OPTIMIZE TABLE t FINAL",
        "TRUNCATE TABLE t",
        "ALTER TABLE a.b ATTACH PARTITION ALL FROM c",
        "ALTER TABLE a.b UPDATE c = 1 WHERE d SETTINGS mutations_sync = 2",
        "CREATE TEMPORARY TABLE t (a UInt8)",
        "CREATE TABLE t ON CLUSTER mine (a UInt8) ENGINE = ReplicatedMergeTree ORDER BY a",
      })
  void otherStatements_andThoseThatNameACluster_stayAsTheyAre(String sql) {
    assertEquals(sql, sent(sql));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', v) ORDER BY"
            + " a; ReplicatedReplacingMergeTree(v) ORDER BY a",
        "ReplicatedMergeTree('/it\\'s/a', 'r') PARTITION BY b ORDER BY a; ReplicatedMergeTree()"
            + " PARTITION BY b ORDER BY a",
        "ReplacingMergeTree(v, 'no') ORDER BY a; ReplicatedReplacingMergeTree(v, 'no') ORDER BY a",
        "Null; Null",
      },
      quoteCharacter = '~')
  void aCopyOfATable_hasItsEngine_butNotItsPathInKeeper(String engine, String copied) {
    String sent = CLUSTER.rewrite("CREATE TABLE b AS a", table -> engine);
    assertEquals("CREATE TABLE b ON CLUSTER `my cluster` AS a ENGINE = " + copied, sent);
    parsed(sent);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theDefinitions_areExecutedOnReplicatedTables_byAnEngineWithAKeeper(
      boolean shards, @TempDir Path folder) throws IOException {
    Cluster cluster = new Cluster("my cluster");
    if (shards) {
      cluster.over(
          new Shards("my cluster", 2, 1, "/clickhouse/tables/{uuid}/{shard}", "{replica}"));
    }
    List<String> failed = new ArrayList<>();
    int[] executed = {0};
    try (KeeperEngine keeper = new KeeperEngine(folder, KeeperEngine.config(folder))) {
      UnaryOperator<String> engines =
          table ->
              run(
                      keeper,
                      "SELECT any(engine_full) FROM system.tables WHERE database || '.' || name = "
                          + Quoted.text(table)
                          + " FORMAT TSVRaw")
                  .strip();
      for (String database : List.of("cascadian_clean", "backfill_enrich")) {
        run(keeper, "CREATE DATABASE IF NOT EXISTS " + database);
      }
      List<String> left =
          new ArrayList<>(definitions().stream().filter(sql -> !isOfData(sql)).distinct().toList());
      left.removeIf(sql -> sql.matches("(?s)(?:\\s|--[^\\n]*\\n)*DROP\\b.*"));
      // views need tables of other files: those that fail are tried again after the others
      for (boolean more = true; more; ) {
        more = false;
        failed.clear();
        for (String sql : List.copyOf(left)) {
          // ON CLUSTER gives all replicas the same UUID; here is only one
          if (COPY.matcher(sql).matches()
              && engines.apply(sql.replaceFirst("(?s).*\\sAS\\s+", "")).isEmpty()) {
            failed.add("no source: " + sql);
            continue;
          }
          String one = "";
          String answer = "";
          for (String sent : cluster.statements(sql, engines)) {
            one =
                sent.replaceFirst(
                        "(?s)(CREATE (?:OR REPLACE )?(?:TABLE|VIEW|MATERIALIZED"
                            + " VIEW|DICTIONARY)\\b.*?) ON CLUSTER `my cluster`",
                        "$1 UUID '" + UUID.randomUUID() + "'")
                    .replace(" ON CLUSTER `my cluster`", "")
                    // the engine knows no cluster
                    .replaceFirst(
                        "ENGINE = Distributed\\('[^']*', '([^']*)', '([^']*)'.*\\)$",
                        "ENGINE = Merge('$1', '^$2\\$')");
            answer = run(keeper, one);
            if (answer.startsWith("Code: ")) {
              break;
            }
          }
          if (answer.startsWith("Code: ")) {
            failed.add(answer.lines().findFirst().orElse("") + " -- " + one);
          } else {
            executed[0]++;
            more = true;
            left.remove(sql);
          }
        }
      }
      assertTrue(executed[0] > 120, executed[0] + " statements, not executed: " + failed);
      failed.removeIf(
          why ->
              // tables without a port for other replicas are read-only
              why.matches("(?s)Code: 242\\b.* -- ALTER TABLE .*")
                  // a benchmark creates a table in one of two ways, each dropped before the other
                  || why.startsWith("Code: 57.") && why.contains("default.trades_raw")
                  // names that the program puts in, of a cluster too
                  || why.matches(
                      "(?s)Code: (42|60|632|701)\\b.* CREATE (OR REPLACE )?(VIEW|DICTIONARY) .*"));
      assertEquals(List.of(), failed);
      definitions().stream()
          .filter(sql -> sql.matches("(?s)(?:\\s|--[^\\n]*\\n)*DROP (TABLE|VIEW) IF EXISTS\\b.*"))
          .map(sql -> sent(sql).replace(" ON CLUSTER `my cluster`", ""))
          .forEach(sql -> assertEquals("", run(keeper, sql), sql));
    }
  }

  @Test
  void aClusterThatTheServerDoesNotHave_isRefused_andSoIsTheEmbeddedEngine() throws IOException {
    Settings embedded = TestBed.defaults().with("clickhouse.cluster", "nowhere");
    assertTrue(
        assertThrows(UserError.class, () -> ClickHouse.open(embedded))
            .getMessage()
            .startsWith("clickhouse.cluster is set, but clickhouse.url is not"));
    Settings server =
        embedded
            .with("clickhouse.url", TestBed.clickHouse().url().toString())
            .with("clickhouse.user", "default")
            .with("clickhouse.password", TestBed.password());
    String message = assertThrows(UserError.class, () -> ClickHouse.open(server)).getMessage();
    // secrets that other tests of this JVM have set may mask the words before
    assertTrue(message.startsWith("clickhouse.cluster: ClickHouse at "), message);
    assertTrue(message.contains(" cluster 'nowhere'; its clusters: "), message);
  }
}
