package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Messages;

/** The line that is redrawn during a run. */
class TerminalTest {

  private static final long GIVES_UP = Instant.parse("2026-11-21T09:41:00Z").toEpochMilli();

  private static Map<String, Object> waiting(String why) {
    Map<String, Object> run =
        new HashMap<>(
            Map.of(
                "requests_per_second",
                0.0,
                "limit_per_second",
                4.95,
                "ids_per_second",
                0.0,
                "retries",
                7,
                "waiting_for",
                why,
                "gives_up_at",
                Instant.ofEpochMilli(GIVES_UP).toString()));
    return Map.of(
        "job",
        "payouts",
        "ids",
        Map.of(
            "total",
            20_548,
            "pending",
            20_548,
            "found",
            0,
            "absent",
            0,
            "unresolved",
            0,
            "failed",
            0),
        "run",
        run);
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 100, 120, 160, 200})
  void whatIsWaitedFor_andUntilWhen_isThereInEveryWidth(int width) {
    for (String why :
        List.of(
            "no connection to api.goldsky.com (unknown host)",
            "goldsky answered HTTP 429: {\"error\":\"Too many requests for this key\"}",
            "goldsky sent something that is told in very many words, because somebody thought that"
                + " they all were needed, and some more")) {
      String line = Terminal.line(List.of(waiting(why)), width);
      assertTrue(line.length() < width, line);
      assertTrue(line.endsWith(", gives up at " + Messages.clock(GIVES_UP)), line);
      assertTrue(
          line.contains(
              why.startsWith("no")
                  ? "no connection to api.goldsky.com"
                  : why.contains("429") ? "goldsky answered HTTP 429" : "goldsky sent"),
          line);
    }
  }

  @Test
  void aText_isCutBetweenWords() {
    assertEquals("one two", Messages.cut("one two", 7));
    assertEquals("one two …", Messages.cut("one two three", 12));
  }
}
