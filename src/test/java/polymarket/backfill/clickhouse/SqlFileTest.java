package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;

/** The sections of SQL files: what is made from the line @job, and what a mistake in one says. */
class SqlFileTest {

  private static final Path SQL = TestBed.PROJECT.resolve("src/main/resources/sql");

  private static SqlFile file(String text) {
    return new SqlFile("my-books", "sql/my-books.sql", text, true);
  }

  static List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(SQL)) {
      return files.map(file -> file.getFileName().toString().replace(".sql", "")).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void everySectionOfTheProgramsOwnFiles_isExplained_orNamedByTheCommandThatUsesIt(String name)
      throws IOException {
    SqlFile.read(name);
    StringBuilder code = new StringBuilder();
    try (Stream<Path> files = Files.walk(TestBed.PROJECT.resolve("src/main/java"))) {
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        code.append(Files.readString(file));
      }
    }
    Matcher head =
        Pattern.compile("(?m)^-- @(\\S+)(.*)$")
            .matcher(Files.readString(SQL.resolve(name + ".sql")));
    while (head.find()) {
      // the enrichment asks for @ids-of-markets as "ids-of-" and a kind, the audit for
      // @glance-moves
      String section = head.group(1).replaceFirst("(?<=^(ids-of|glance)-).*", "");
      boolean known = SqlSections.names().contains(section);
      assertTrue(
          known || code.indexOf("\"" + section + "\"") >= 0,
          name + ".sql: nothing uses @" + head.group(1));
      Matcher attribute = Pattern.compile("(?<=\\s)([a-z-]+)=\\S").matcher(head.group(2));
      while (known && attribute.find()) {
        assertTrue(
            SqlSections.attributes(section).contains(attribute.group(1)),
            name + ".sql: unknown attribute " + attribute.group(1) + " of @" + section);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void aTableThatPeopleRead_hasAnOrder_alsoWhereItIsAUnion(String name) throws IOException {
    String text = Files.readString(SQL.resolve(name + ".sql"));
    for (String section : text.split("(?m)^(?=-- @)")) {
      if (!section.startsWith("-- @check")) {
        continue;
      }
      String outside =
          section.replaceAll("(?m)^--.*$", "").replaceAll("'(?:[^'\\\\]|\\\\.)*'", "''");
      for (String inner = ""; !inner.equals(outside); ) {
        inner = outside;
        outside = outside.replaceAll("\\([^()]*\\)", "");
      }
      String head = name + ".sql: " + section.lines().findFirst().orElseThrow();
      assertFalse(
          outside.contains("UNION ALL"),
          head + ": ORDER BY orders only the last of the SELECTs; put them in one");
      assertTrue(outside.contains("ORDER BY") || !outside.contains("GROUP BY"), head);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "-- @present\\n"
            + "-- @storde\\n"
            + "SELECT 1; 2; unknown section @storde. Did you mean 'stored'?",
        "-- @setup\\n\\n-- @measure x mx=0 y; 3; unknown attribute mx of @measure. Did you mean"
            + " 'max'?",
        "-- @present max=1; 1; unknown attribute max of @present.",
        "-- first\\n-- @job key=id; 2; @job takes target=…",
        "-- @job target=default.books; 1; @job takes key=…",
      })
  void aMistake_isOneLineWithFileAndLine_andTheNearestName(String text, int line, String says) {
    String message =
        assertThrows(UserError.class, () -> file(text.replace("\\n", "\n"))).getMessage();
    assertTrue(message.startsWith("sql/my-books.sql:" + line + ": " + says), message);
    assertFalse(message.contains("\n"), message);
  }

  private static final String SETUP =
      "-- @setup\nCREATE TABLE IF NOT EXISTS default.my_books_landing (id String) ENGINE = Null;\n";

  @Test
  void sectionsThatJobsShare_areMadeFromTheJobLine() {
    SqlFile file =
        file(
            "-- @job target=default.books id=condition_id key=token_id source=api\n"
                + SETUP
                + "-- @rejected\n");
    assertEquals(
        "SELECT count() FROM (SELECT 1 FROM default.books WHERE source = 'api' AND NOT"
            + " startsWith(batch, 'books-1-') LIMIT 1)",
        file.section("has-rows").sql(Map.of("ledger", "books-1-")));
    assertEquals(
        "SELECT concat(stored.condition_id, '/', stored.token_id) AS key, max(stored.batch = 'b')"
            + " AS own FROM default.books AS stored\n"
            + "WHERE stored.condition_id IN ('1','2') AND stored.source = 'api' AND (0 = 0 OR"
            + " stored.batch = 'b') GROUP BY stored.condition_id, stored.token_id",
        file.section("present").sql(Map.of("ids", List.of("1", "2"), "batch", "b", "redo", false)));
    assertEquals(
        "SELECT stored.condition_id AS id, uniqExact(stored.token_id) AS rows, 0 AS rejected, ''"
            + " AS reason FROM default.books AS stored\n"
            + "WHERE (stored.condition_id BETWEEN '1' AND '2') AND stored.source = 'api' AND"
            + " stored.batch = 'b' GROUP BY stored.condition_id\n"
            + "UNION ALL\n"
            + "SELECT stored.condition_id, 0, uniqExact(stored.token_id), any(stored.reason) FROM"
            + " default.my_books_rejected AS stored\n"
            + "WHERE (stored.condition_id BETWEEN '1' AND '2' OR startsWith(stored.condition_id,"
            + " 'element ')) AND stored.batch = 'b' GROUP BY stored.condition_id",
        file.section("stored").sql(Map.of("first", "1", "last", "2", "batch", "b")));
    assertEquals(List.of("default.books"), file.section("redone").tables());
    assertEquals(3, file.section("setup").statements().size(), "the table and its view come last");
    assertTrue(
        file.section("setup").statements().get(1).contains("ORDER BY (condition_id, token_id)"));
  }

  @Test
  void rowsOfAList_areKnownByTheirKeys_alsoRejectedOnes() {
    SqlFile file = file("-- @job target=default.books key=token_id\n" + SETUP + "-- @rejected\n");
    assertEquals(
        "SELECT stored.token_id AS key, max(stored.batch = 'b') AS own FROM default.books AS"
            + " stored\n"
            + "WHERE stored.token_id IN ('k') AND (1 = 0 OR stored.batch = 'b') GROUP BY"
            + " stored.token_id\n"
            + "UNION ALL\n"
            + "SELECT stored.token_id, 1 FROM default.my_books_rejected AS stored WHERE"
            + " stored.token_id IN ('k') AND stored.batch = 'b' GROUP BY stored.token_id",
        file.section("present").sql(Map.of("keys", List.of("k"), "batch", "b", "redo", true)));
    assertTrue(
        file.section("stored")
            .sql(Map.of("first", "all", "batch", "b"))
            .startsWith("SELECT 'all' AS id"));
  }

  @Test
  void aSectionOfTheFile_isNotGenerated_andReplacedSupersedesRedone() {
    SqlFile file =
        file(
            "-- @job target=default.books key=token_id\n"
                + "-- @has-rows\nSELECT 7;\n-- @replaced\nDELETE FROM default.books;\n");
    assertEquals(
        "SELECT 7 /* sql/my-books.sql:2 @has-rows */", file.section("has-rows").sql(Map.of()));
    assertEquals(1, file.sections("has-rows").size());
    assertFalse(file.has("redone"));
    assertFalse(file.section("stored").statements().get(0).contains("_rejected"));
  }

  @Test
  void withoutAJobLine_nothingIsGenerated() {
    assertFalse(file(SETUP).has("stored"));
    assertTrue(
        assertThrows(UserError.class, () -> file(SETUP).section("stored"))
            .getMessage()
            .contains("sql/my-books.sql has no section -- @stored"));
  }

  @Test
  void thePage_explainsEverySectionAndAttribute_withAnExampleThatIsRead() throws IOException {
    String page = Files.readString(TestBed.PROJECT.resolve("docs/SQL-SECTIONS.md"));
    List<String> explained = new ArrayList<>();
    for (String part : page.split("(?m)^### ")) {
      Matcher name = Pattern.compile("^`@(\\S+)`\n").matcher(part);
      if (!name.find()) {
        continue;
      }
      String section = name.group(1);
      explained.add(section);
      Matcher example = Pattern.compile("(?s)```sql\n(.*?)```").matcher(part);
      assertTrue(example.find(), "no example of @" + section);
      assertTrue(file(example.group(1)).has(section), "the example of @" + section);
      for (String attribute : SqlSections.attributes(section)) {
        assertTrue(part.contains("`" + attribute + "=`"), "@" + section + ": " + attribute);
      }
    }
    assertEquals(
        SqlSections.names().stream().sorted().toList(), explained.stream().sorted().toList());
  }
}
