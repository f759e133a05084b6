package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Tables for people. */
class ReportTest {

  private static Map<String, Object> row(String title, long n) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("title", title);
    row.put("n", n);
    return row;
  }

  @Test
  void aTitleWithALineBreakOrAnEscape_staysInItsLine() {
    assertEquals(
        "  title         n  \n  two lines     1\n  red [31m one  2\n".replace("n  \n", "n\n"),
        Report.table(List.of(row("two\r\nlines", 1), row("red\u001b[31m one", 2))));
  }

  @Test
  void wideCharactersTakeTwoColumns_andWhatJoinsAnotherNone() {
    assertEquals(
        List.of("  title  n", "  日本   1", "  🏀     2", "  e\u0301      3"),
        Report.table(List.of(row("日本", 1), row("🏀", 2), row("e\u0301", 3))).lines().toList());
  }

  @Test
  void aLongTitle_isCutBetweenCharacters() {
    assertEquals("🏀".repeat(60), cell("🏀".repeat(60)), "what is piped is whole");
    System.setProperty("backfill.terminal.output", "true");
    try {
      String cell = cell("🏀".repeat(60));
      assertEquals("🏀".repeat(17) + "…" + "🏀".repeat(17), cell);
      assertTrue(Report.width(cell) <= 70);
      String id = "0x" + "ab".repeat(32);
      System.setProperty("backfill.columns", "40");
      assertEquals(
          List.of(
              "  title                                n",
              "  0xabababababababa…babababababababab  1"),
          Report.table(List.of(row(id, 1))).lines().toList());
      assertEquals("words are cut …", Report.cut("words are cut at their end", 15));
    } finally {
      System.clearProperty("backfill.terminal.output");
      System.clearProperty("backfill.columns");
    }
  }

  private static String cell(String title) {
    return Report.table(List.of(row(title, 1))).lines().toList().get(1).strip().split(" ")[0];
  }
}
