package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;

/** What is sent to a cluster. The engine parses it; a cluster to run it on is not needed. */
class ClusterIT {

  private static final Cluster CLUSTER = new Cluster("my cluster");

  /** Tables that are made as a copy of another one: only these are refused. */
  private static final Pattern COPY =
      Pattern.compile("CREATE TABLE (IF NOT EXISTS )?[\\w.]+\\s+AS\\s+[\\w.]+");

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

  @Test
  void everyDefinitionOfTheSqlFiles_isSentToAllReplicas_withAReplicatedEngine() throws IOException {
    List<String> definitions = definitions();
    assertTrue(definitions.size() > 100, definitions.size() + " statements");
    for (String sql : definitions) {
      if (COPY.matcher(sql).matches()) {
        assertThrows(UserError.class, () -> CLUSTER.rewrite(sql), sql);
        continue;
      }
      String sent = parsed(CLUSTER.rewrite(sql));
      assertTrue(sent.contains(" ON CLUSTER `my cluster`"), sent);
      assertFalse(
          Pattern.compile("ENGINE = (?!Replicated)\\w*MergeTree").matcher(sent).find(), sent);
      assertFalse(sent.contains("non_replicated_deduplication_window"), sent);
      // nothing else differs
      assertEquals(
          parsed(sql),
          parsed(
              CLUSTER
                  .rewrite(sql)
                  .replace(" ON CLUSTER `my cluster`", "")
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
        "ALTER TABLE \"a.b\" ATTACH PARTITION ALL FROM c;"
            + " ALTER TABLE \"a.b\" ON CLUSTER `my cluster` ATTACH PARTITION ALL FROM c",
        "CREATE TABLE t (a String COMMENT 'it''s ENGINE = MergeTree') ENGINE=MergeTree ORDER BY a;"
            + " CREATE TABLE t ON CLUSTER `my cluster` (a String COMMENT 'it''s ENGINE ="
            + " MergeTree') ENGINE=ReplicatedMergeTree ORDER BY a",
        "/* one */ CREATE TABLE t (a UInt8) ENGINE = Null /* ENGINE = MergeTree */; /* one */"
            + " CREATE TABLE t ON CLUSTER `my cluster` (a UInt8) ENGINE = Null /* ENGINE ="
            + " MergeTree */",
      })
  void aStatementIsRewritten_butNotItsTextAndComments(String sql, String sent) {
    assertEquals(sent, CLUSTER.rewrite(sql));
    assertEquals(parsed(sent), parsed(CLUSTER.rewrite(sql)));
    assertEquals(sql, new Cluster("").rewrite(sql), "without a cluster");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 'CREATE TABLE t (a UInt8) ENGINE = MergeTree'",
        "INSERT INTO t SELECT 1",
        "DELETE FROM default.t WHERE a = 1",
        "OPTIMIZE TABLE t FINAL",
        "CREATE TEMPORARY TABLE t (a UInt8)",
        "CREATE TABLE t ON CLUSTER mine (a UInt8) ENGINE = ReplicatedMergeTree ORDER BY a",
      })
  void otherStatements_andThoseThatNameACluster_stayAsTheyAre(String sql) {
    assertEquals(sql, CLUSTER.rewrite(sql));
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
