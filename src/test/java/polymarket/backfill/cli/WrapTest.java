package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

/** How lines fit a terminal. */
class WrapTest {

  private static List<String> wrapped(String text) {
    return new Wrap(24).apply(text).lines().toList();
  }

  @Test
  void aLongLine_goesOnBelowItsOwnText() {
    assertEquals(
        List.of("one two three four five", "  six"), wrapped("one two three four five six"));
    assertEquals(
        List.of("  ok       the node of", "           the chain"),
        wrapped("  ok       the node of the chain"));
    assertEquals(
        List.of("  - a second point that", "    is long"),
        wrapped("  - a second point that is long"));
    assertEquals(List.of("exactly twenty-four wide"), wrapped("exactly twenty-four wide"));
    assertEquals(List.of("日本 日本 日本 日本 日本", "  日本"), wrapped("日本 日本 日本 日本 日本 日本"));
  }

  @Test
  void whatIsCopiedOrReadByPrograms_staysAsItIs() {
    for (String line :
        List.of(
            "  ./backfill run payouts --ids FILE",
            "$ ./backfill run payouts --ids FILE",
            "{\"a\": \"one two three four five six\"}",
            "id\tone two three four five six",
            "│ one two three four five six │",
            "0x" + "ab".repeat(32))) {
      assertEquals(List.of(line), wrapped(line));
    }
    assertEquals(List.of("see", "  0x" + "ab".repeat(32)), wrapped("see 0x" + "ab".repeat(32)));
  }

  @Test
  void whatIsPrintedInParts_isOneLine() {
    Wrap wrap = new Wrap(24);
    assertEquals("a line of two parts", wrap.apply("a line of two parts"));
    assertEquals(" and\n   more\nnext\n", wrap.apply(" and more\nnext\n"));
  }
}
