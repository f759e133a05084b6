package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.embedded.TestEngine.ask;
import static polymarket.backfill.embedded.TestEngine.encode;
import static polymarket.backfill.embedded.TestEngine.post;
import static polymarket.backfill.embedded.TestEngine.table;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Statements reach no file, no address and no program outside the data folder. */
class EngineAccessTest {
  private static final String SECRET = "a1b2c3-only-in-the-file";

  /** Functions of this engine that were looked at and are refused. */
  private static final Set<String> REFUSED_FUNCTIONS =
      Set.of(
          ("AIClassify AIExtract AIGenerate AITranslate addressToLine addressToLineWithInlines"
                  + " addressToSymbol aiClassify aiEmbed aiExtract aiGenerate aiTranslate"
                  + " catboostEvaluate demangle evalMLMethod file fuzzQuery generateSerialID"
                  + " getClientHTTPHeader getMacro getServerPort getServerSetting hasThreadFuzzer"
                  + " naiveBayesClassifier naiveBayesClassifierWithAllProbs"
                  + " naiveBayesClassifierWithProb naiveBayesNgrams showCertificate tcpPort"
                  + " zookeeperSessionUptime")
              .split(" "));

  @TempDir static Path folder;
  private static URI engine;
  private static Path secret;

  @BeforeAll
  static void start() throws IOException {
    engine = TestEngine.shared().url();
    secret = Files.writeString(folder.resolve("secret.txt"), SECRET);
  }

  private static Set<String> names(String sql, String allowed) {
    Set<String> names = new TreeSet<>(ask(engine, sql + " FORMAT TSVRaw").lines().toList());
    assertTrue(names.size() > 10, sql + ": " + names);
    names.removeAll(EngineAccess.allowed(allowed));
    return names;
  }

  private static void assertRefused(String parameters, String sql) {
    HttpResponse<String> response = post(engine, parameters, sql);
    assertEquals(
        "497",
        response.headers().firstValue("X-ClickHouse-Exception-Code").orElse("none"),
        () -> sql + ": " + response.statusCode() + " " + response.body());
    assertEquals(403, response.statusCode(), sql);
  }

  @Test
  void everyFunctionThatIsNotAllowed_isRefused_andWasReviewed() {
    Set<String> functions =
        names("SELECT name FROM system.functions WHERE origin = 'System'", "functions");
    for (String name : functions) {
      assertRefused("", "SELECT " + name + "('x')");
      assertRefused("", "SELECT arrayMap(`" + name + "`, ['x'])");
      assertRefused("", "CREATE VIEW v AS SELECT " + name.toUpperCase() + " ('x') AS a");
    }
    assertEquals(new TreeSet<>(REFUSED_FUNCTIONS), functions);
  }

  @Test
  void everyTableFunctionThatIsNotAllowed_isRefused() {
    Set<String> functions = names("SELECT name FROM system.table_functions", "table functions");
    for (String name : functions) {
      assertRefused("", "SELECT * FROM " + name + "('x', 'y')");
      assertRefused("", "INSERT INTO FUNCTION " + name + "('x', 'CSV', 'a String') VALUES ('x')");
      assertRefused("", "DESCRIBE TABLE " + name + "()");
      assertRefused("", "CREATE TABLE t AS " + name + "('x')");
    }
    assertTrue(
        functions.containsAll(
            Set.of("file", "url", "s3", "remote", "executable", "format", "eval", "sqlite")),
        functions.toString());
  }

  @Test
  void everyEngineThatIsNotAllowed_isRefused() {
    Set<String> engines = names("SELECT name FROM system.table_engines", "table engines");
    for (String name : engines) {
      assertRefused("", "CREATE TABLE t (a String) ENGINE = " + name + "('x')");
      assertRefused("", "CREATE TABLE t (a String) engine/**/" + name);
    }
    assertTrue(engines.containsAll(Set.of("File", "URL", "S3", "MySQL", "Executable", "SQLite")));
    Set<String> databases = names("SELECT name FROM system.database_engines", "database engines");
    for (String name : databases) {
      assertRefused("", "CREATE DATABASE d ENGINE = `" + name + "`('x')");
    }
    assertTrue(databases.containsAll(Set.of("Filesystem", "SQLite", "S3", "Backup")));
  }

  @Test
  void everySettingThatCouldBeAPathOrAnExpression_isRefused() {
    String numbers =
        EngineAccess.SAFE_TYPES.stream().collect(Collectors.joining("', '", "('", "')"));
    for (String table : List.of("settings", "merge_tree_settings")) {
      for (String name :
          names("SELECT name FROM system." + table + " WHERE type NOT IN " + numbers, "settings")) {
        assertRefused("", "SELECT 1 SETTINGS " + name + " = 'x'");
        assertRefused("", "SET max_threads = 1, `" + name + "` = 'x'");
        assertRefused(name + "=x", "SELECT 1");
        assertRefused("", "ALTER TABLE t MODIFY SETTING " + name + " = 'x'");
      }
    }
  }

  @Test
  void whatIsAllowed_stillWorks() {
    String t = table();
    ask(
        engine,
        "CREATE TABLE "
            + t
            + " (a UInt64, url String, b String DEFAULT upper(url)) ENGINE = ReplacingMergeTree"
            + " ORDER BY a SETTINGS index_granularity = 128");
    ask(engine, "INSERT INTO " + t + " (a, url) VALUES (1 + 1, lower('FILE(x)'))");
    assertEquals("2\tfile(x)\tFILE(X)", ask(engine, "SELECT * FROM " + t));
    assertEquals(
        "3", ask(engine, "SELECT sum(a) FROM values('a UInt8, b String', (1, 'x'), (2, 'y'))"));
    ask(
        engine,
        "CREATE DICTIONARY "
            + t
            + "_d (a UInt64, url String) PRIMARY KEY a SOURCE(CLICKHOUSE(TABLE '"
            + t
            + "' DB 'default')) LAYOUT(HASHED_ARRAY()) LIFETIME(0)");
    ask(engine, "SYSTEM RELOAD DICTIONARY " + t + "_d");
    assertEquals("file(x)", ask(engine, "SELECT dictGet('" + t + "_d', 'url', toUInt64(2))"));
    ask(engine, "CREATE FUNCTION " + t + "_f AS (x) -> x + 1");
    assertEquals("3", ask(engine, "SELECT " + t + "_f(2)"));
    ask(engine, "CREATE DATABASE " + t + "_db");
    ask(engine, "DROP DATABASE " + t + "_db");
  }

  // %s is the secret's path
  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT file('%s')",
        "SELECT file ('%s')",
        "SELECT file/* x */('%s')",
        "SELECT file /* /* */ */ ('%s')",
        "SELECT file -- x\n ('%s')",
        "SELECT file // x\n ('%s')",
        "SELECT file # x\n ('%s')",
        "SELECT 1 /* /* */ ' */ */, file('%s') -- '",
        "SELECT 1 // '\n, file('%s') -- '",
        "SELECT $a$ ' $a$, file('%s') -- '",
        "SELECT '\\'', file('%s'), '\\''",
        "SELECT '''', file('%s')",
        "SELECT `file`('%s')",
        "SELECT \"file\"('%s')",
        "SELECT `fi\\x6ce`('%s')",
        "SELECT `\\\\fi\\x6ce`, `fi\\x6ce`('%s')",
        "SELECT “file”('%s')",
        "SELECT ‘’ || file('%s') || ‘’",
        "SELECT arrayMap(file, ['%s'])",
        "SELECT arrayMap(x -> file(x), ['%s'])",
        "SELECT * APPLY file FROM (SELECT '%s')",
        "SELECT * APPLY (`file`) FROM (SELECT '%s')",
        "SELECT * REPLACE (file('%s') AS dummy) FROM system.one",
        "EXPLAIN SELECT file('%s')",
        "SELECT * FROM view(SELECT file('%s'))",
        "WITH file('%s') AS x SELECT x",
        "SELECT (SELECT file('%s'))",
        "CREATE VIEW hidden AS SELECT file('%s') AS a",
        "CREATE FUNCTION hidden AS (x) -> file(x || '%s')",
        "CREATE TABLE hidden (a UInt8, b String DEFAULT file('%s')) ENGINE = Memory",
        "CREATE TABLE hidden (a UInt8, b String ALIAS file('%s')) ENGINE = Memory",
        "CREATE TABLE hidden (a String, CONSTRAINT c CHECK a != file('%s')) ENGINE = Memory",
        "ALTER TABLE system.one ADD COLUMN b String DEFAULT file('%s')",
        "SELECT 1; SELECT file('%s')",
        "SELECT file('%s') FORMAT JSON",
        "SELECT file('%s') INTO OUTFILE '/tmp/x' FORMAT CSV",
        "SELECT 1 INTO/**/OUTFILE '%s' TRUNCATE FORMAT CSV",
        "SELECT 1 INTO OUTFILE '%s' AND STDOUT APPEND",
        "INSERT INTO hidden SELECT 1 INTO OUTFILE '%s'",
        "INSERT INTO hidden FROM INFILE '%s' FORMAT LineAsString",
        "INSERT INTO hidden (a) FROM/**/INFILE '%s' COMPRESSION 'none' FORMAT LineAsString",
        "INSERT INTO values VALUES (file('%s'))",
        "INSERT INTO default.values SELECT file('%s')",
        "INSERT INTO TABLE values SELECT file('%s')",
        "INSERT INTO rows VALUES (file('%s'))",
        "INSERT INTO rows FORMAT Values (file('%s'))",
        "INSERT INTO rows FORMAT values ('x'), (lower(file('%s')))",
        "INSERT INTO rows VALUES ('it''s \\' /* '), (file('%s'))",
        "INSERT INTO rows VALUES ((SELECT file('%s')))",
        "INSERT INTO rows SELECT * FROM values('a String', file('%s'))",
        "SELECT * FROM values('a UInt8, b String ALIAS file(\\'%s\\')', (1))",
        "SELECT * FROM format(Values, 'a String', $$(file('%s'))$$)",
        "SELECT * FROM format(JSONEachRow, 'a String, b String DEFAULT file(\\'%s\\')', '{}')",
        "SELECT b FROM generateRandom('a UInt8, b String ALIAS file(\\'%s\\')') LIMIT 1",
        "SELECT * FROM '%s'",
        "SELECT * FROM `%s`",
        "SELECT * FROM default.\"%s\"",
        "SELECT * FROM file('%s', 'LineAsString')",
        "SELECT * FROM File('%s', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1', file('%s'))",
        "SELECT * FROM merge(file('%s'), 'x')",
        "DESCRIBE file('%s', 'LineAsString')",
        "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '%s'",
        "SELECT 1 SETTINGS additional_result_filter = 'throwIf(1, file(\\'%s\\'))'",
        "SELECT 1 FORMAT Protobuf SETTINGS format_schema = '%s:X'",
        "SELECT count(DISTINCT '%s') SETTINGS count_distinct_implementation = 'file'",
        "SET dialect = 'prql'",
        "SET param_f = 'file'",
        "CREATE DICTIONARY d (k UInt64, v String) PRIMARY KEY k SOURCE(FILE(path '%s' format"
            + " 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
        "CREATE DICTIONARY d (k UInt64, v String) PRIMARY KEY k SOURCE(EXECUTABLE(command 'cat %s'"
            + " format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
        "CREATE DICTIONARY d (k UInt64, v String) PRIMARY KEY k SOURCE/**/(HTTP(url 'file://%s'"
            + " format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
        "CREATE DICTIONARY d (k UInt64, v String) PRIMARY KEY k SOURCE(CLICKHOUSE(QUERY 'SELECT 1"
            + " AS k, file(\\'%s\\') AS v')) LAYOUT(FLAT()) LIFETIME(0)",
        "CREATE DICTIONARY d (k UInt64, v String) PRIMARY KEY k SOURCE(CLICKHOUSE(TABLE 'one' DB"
            + " 'system' WHERE 'file(\\'%s\\') = 1')) LAYOUT(FLAT()) LIFETIME(0)",
        "ATTACH TABLE hidden FROM '%s' (a UInt8) ENGINE = MergeTree ORDER BY a",
        "CREATE TABLE hidden (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type ="
            + " 'local', path = '%s')",
        "CREATE DATABASE hidden ENGINE = Filesystem('%s')",
        "BACKUP TABLE system.one TO File('%s')",
        "RESTORE TABLE system.one FROM File('%s')",
        "GRANT ALL ON *.* TO default",
        "CREATE USER somebody",
        "CREATE NAMED COLLECTION c AS url = 'file://%s'",
        "SYSTEM SHUTDOWN",
        "SYSTEM RELOAD CONFIG",
      })
  void noStatementReachesAFile_orGainsRights(String sql) throws IOException {
    ask(engine, "CREATE TABLE IF NOT EXISTS rows (a String) ENGINE = Memory");
    ask(engine, "CREATE TABLE IF NOT EXISTS `values` (a String) ENGINE = Memory");
    HttpResponse<String> response = post(engine, "", sql.replace("%s", secret.toString()));
    assertTrue(response.statusCode() >= 400, response.statusCode() + " " + response.body());
    assertFalse(response.body().contains(SECRET), response.body());
    assertEquals(SECRET, Files.readString(secret));
    assertEquals(
        "0", ask(engine, "SELECT (SELECT count() FROM rows) + (SELECT count() FROM `values`)"));
  }

  @Test
  void aParameter_isNotAFunction() {
    for (String value : List.of("file", " file", "`file`", "\"file\"")) {
      assertRefused(
          "param_f=" + encode(value), "SELECT arrayMap({f:Identifier}, ['" + secret + "'])");
    }
    String session = "session_id=" + table();
    assertRefused(session, "SET param_f = 'file'");
    assertTrue(
        post(engine, session, "SELECT arrayMap({f:Identifier}, ['" + secret + "'])").statusCode()
            >= 400);
  }

  @Test
  void theEnginesProcess_hasNoSecretsInItsEnvironment() throws IOException {
    Path environment = Path.of("/proc/" + TestEngine.shared().pid() + "/environ");
    org.junit.jupiter.api.Assumptions.assumeTrue(
        Files.exists(environment), "this system has no /proc");
    Set<String> names =
        List.of(Files.readString(environment).split("\0")).stream()
            .map(variable -> variable.split("=")[0])
            .collect(Collectors.toSet());
    names.removeAll(EmbeddedClickHouse.ENVIRONMENT);
    assertEquals(Set.of(), names);
  }

  @Test
  void anAllowedFolder_isReadAndWritten_andNothingBesideIt() throws IOException {
    Path data = TestEngine.folder("files");
    Path files = Files.createDirectory(folder.resolve("files")).toRealPath();
    try (EmbeddedClickHouse own = EmbeddedClickHouse.attach(data, 0, TestEngine.PASSWORD, files)) {
      URI at = own.url();
      String csv = files.resolve("a.csv").toString();
      ask(at, "SELECT number AS a FROM numbers(3) INTO OUTFILE '" + csv + "' FORMAT CSV");
      assertEquals("0\n1\n2\n", Files.readString(files.resolve("a.csv")));
      assertEquals("3", ask(at, "SELECT sum(a) FROM file('" + csv + "', 'CSV', 'a UInt8')"));
      assertEquals("0\\n1\\n2\\n", ask(at, "SELECT file('" + csv + "')"));
      ask(at, "CREATE TABLE t (a UInt8) ENGINE = Memory");
      ask(at, "INSERT INTO t FROM INFILE '" + csv + "' FORMAT CSV");
      assertEquals("3", ask(at, "SELECT count() FROM t"));
      for (String sql :
          List.of(
              "SELECT file('%s')",
              "SELECT file(concat('%s', ''))",
              "SELECT arrayMap(file, ['%s'])",
              "SELECT arrayMap(x -> file(x), ['%s'])",
              "SELECT * FROM file('%s', 'LineAsString')",
              "SELECT * FROM '%s'",
              "SELECT * FROM `%s`",
              "SELECT 1 INTO OUTFILE '%s' TRUNCATE",
              "INSERT INTO t FROM INFILE '%s' FORMAT CSV",
              "CREATE TABLE f (a String) ENGINE = File(CSV, '%s')")) {
        for (String path :
            List.of(secret.toString(), files + "/../secret.txt", files + "/{.,..}/secret.txt")) {
          HttpResponse<String> response = post(at, "", sql.replace("%s", path));
          assertTrue(response.statusCode() >= 400, sql + path + ": " + response.body());
          assertFalse(response.body().contains(SECRET), response.body());
        }
      }
      assertEquals(SECRET, Files.readString(secret));
      assertEquals("200", "" + post(at, "", "SELECT 'a/b', 1 FROM t").statusCode());
      // a relative path begins in the folder, not where the program runs
      assertEquals("0\\n1\\n2\\n", ask(at, "SELECT file('a.csv')"));
      for (String sql : List.of("SELECT file('pom.xml')", "SELECT * FROM 'pom.xml'")) {
        HttpResponse<String> response = post(at, "", sql);
        assertTrue(response.statusCode() >= 400, response.body());
        assertFalse(response.body().contains("modelVersion"), response.body());
      }
    } finally {
      TestEngine.delete(data);
    }
  }
}
