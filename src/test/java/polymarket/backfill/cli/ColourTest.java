package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import org.junit.jupiter.api.Test;

/** What is coloured on a terminal, and when nothing is. */
class ColourTest {
  private static String coloured(String text) {
    return Colour.of(true, Map.of("TERM", "xterm"))
        .apply(text)
        .replace("\u001b[31m", "<red>")
        .replace("\u001b[32m", "<green>")
        .replace("\u001b[33m", "<yellow>")
        .replace("\u001b[0m", "</>");
  }

  @Test
  void verdictsFailuresAndWarningsAreColoured() {
    assertEquals(
        "<red>NO</>: 1 of 14 measures miss their threshold\n"
            + "  <red>NO</>   Markets: 0, at least 1\n"
            + "       ./backfill run markets\n"
            + "  <green>yes</>  Jobs that run now: 0\n",
        coloured(
            "NO: 1 of 14 measures miss their threshold\n"
                + "  NO   Markets: 0, at least 1\n"
                + "       ./backfill run markets\n"
                + "  yes  Jobs that run now: 0\n"));
    assertEquals(
        "Is the data ready? <green>YES</>: all thresholds are met",
        coloured("Is the data ready? YES: all thresholds are met"));
    assertEquals(
        "  <green>ok</>       Java: 17\n  <red>failed</>   source x\n  <yellow>skipped</>  source"
            + " y\n<red>1 check failed.</>\n",
        coloured(
            "  ok       Java: 17\n  failed   source x\n  skipped  source y\n1 check failed.\n"));
    assertEquals("<red>backfill:</> no job 'x'", coloured("backfill: no job 'x'"));
    assertEquals(
        "12:00:01 rpc: <yellow>warning:</> polygon answered HTTP 429",
        coloured("12:00:01 rpc: warning: polygon answered HTTP 429"));
    assertEquals(
        "payouts: <red>finished with failed ids</> after 3.6 s",
        coloured("payouts: finished with failed ids after 3.6 s"));
    assertEquals(
        "payouts 9/9 100.0%, found 9, absent 0, unresolved 0, <red>failed 1,234</>, 1 s left",
        coloured("payouts 9/9 100.0%, found 9, absent 0, unresolved 0, failed 1,234, 1 s left"));
    assertEquals(
        "  clob     <green>done</>      12 s\n  goldsky  <red>failed</>    it did not answer",
        coloured("  clob     done      12 s\n  goldsky  failed    it did not answer"));
  }

  @Test
  void countsOfNothing_jsonAndWordsElsewhereAreNot() {
    for (String text :
        new String[] {
          "  ids     10 = 10 found + 0 absent + 0 unresolved + 0 failed + 0 pending",
          "{\"failed\":3,\"text\":\"warning: 3 failed\"}",
          "  title                     NO",
          "NOT a verdict, and YES is none",
          "the answer is done"
        }) {
      assertEquals(text, coloured(text));
    }
    assertEquals(
        "10 = 0 found + <red>10 failed</> + 0 pending",
        coloured("10 = 0 found + 10 failed + 0 pending"));
  }

  @Test
  void nothingIsColouredWithoutATerminal_withNoColor_orOnADumbTerminal() {
    String text = "NO: 1 of 14 measures miss their threshold\n";
    assertEquals(text, Colour.of(false, Map.of()).apply(text));
    assertEquals(text, Colour.of(true, Map.of("NO_COLOR", "1")).apply(text));
    assertEquals(text, Colour.of(true, Map.of("TERM", "dumb")).apply(text));
  }
}
