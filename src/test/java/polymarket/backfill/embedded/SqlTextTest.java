package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SqlTextTest {
  private static SqlText sql(String s) {
    return new SqlText(s.getBytes(StandardCharsets.UTF_8));
  }

  private static String data(String s) {
    byte[] bytes = s.getBytes(StandardCharsets.UTF_8);
    int at = new SqlText(bytes).insert().data();
    return new String(bytes, at, bytes.length - at, StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          select 1 format JSON                     | JSON
          select 1 FORMAT CSV settings max_threads=1; | CSV
          select format from t                     |
          select format x                          |
          select t.format x                        |
          select 'a format b'                      |
          select * from (select 1 format JSON)     |
          select 1 -- format JSON                  |
          select [1] format Native -- the end      | Native
          select 'it''s \\' format X' format XML;; | XML
          """)
  void formatClause_isFoundOnlyAtTheEnd(String text, String format) {
    assertEquals(format, sql(text).format());
  }

  @Test
  void aClauseIsPutBeforeTheFormat() {
    assertEquals(
        "select 1 settings max_threads=1 \nINTO X format JSON settings a=1",
        new String(
            sql("select 1 settings max_threads=1 format JSON settings a=1 ;").withClause("INTO X"),
            StandardCharsets.UTF_8));
    assertEquals(
        "select 1\nINTO X ",
        new String(sql("select 1 ; ;").withClause("INTO X"), StandardCharsets.UTF_8));
  }

  @Test
  void dataStartsAfterOneLineBreak() {
    assertEquals("\n1\t2", data("insert into t format TSV \n\n1\t2"));
    assertEquals(
        "{\"a\":';--/*",
        data("INSERT INTO db.`t x` (a, `format`) SETTINGS x=1 FORMAT JSONEachRow {\"a\":';--/*"));
    assertEquals(" (1), (2)", data("insert into values values (1), (2)"));
    assertEquals("x", data("insert into format format CSV\nx"));
    assertEquals("x", data("insert t format CSV\nx"));
    assertEquals(
        "x", data("insert into function file('a', 'CSV', 'x Int8') /* c */ format CSV\r\nx"));
  }

  @Test
  void insertFromSelect_hasNoData_andItsInputIsDetected() {
    assertNull(sql("insert into t select 1").insert().format());
    assertNull(sql("insert into t (a) (select 1)").insert().format());
    assertFalse(sql("insert into t select 'input(' from x").insert().input());
    assertTrue(sql("insert into t select a from input('a Int8') format CSV\n1").insert().input());
    assertNull(sql("select 1").insert());
  }

  @Test
  void severalStatements_areDetected_emptyOnesAreNot() {
    assertTrue(sql("select 1; select 2").isSeveral());
    assertFalse(sql("select ';' ; -- done; really").isSeveral());
    assertFalse(sql("select $tag$;x;$tag$;").isSeveral());
    assertTrue(sql(" -- nothing\n/* ; */").isEmpty());
  }
}
