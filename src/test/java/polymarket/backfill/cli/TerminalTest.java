package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Messages;
import polymarket.backfill.run.JobStatus;
import polymarket.backfill.run.RunState;

/** The line that is redrawn during a run. */
class TerminalTest {

  private static final long GIVES_UP = Instant.parse("2026-11-21T09:41:00Z").toEpochMilli();

  private static JobStatus waiting(String why) {
    return waiting(why, null, null);
  }

  private static JobStatus waiting(String why, JobStatus.Numbers numbers, String waitsFor) {
    return new JobStatus(
        "payouts",
        null,
        RunState.RUNNING,
        1,
        Instant.ofEpochMilli(GIVES_UP).toString(),
        Instant.ofEpochMilli(GIVES_UP).toString(),
        new JobStatus.Ids(20_548, 20_548, 0, 0, 0, 0),
        numbers,
        new JobStatus.Rows(0, 0, 0, 0, null),
        new JobStatus.Run(
            0,
            0,
            0,
            0.0,
            0,
            0.0,
            4.95,
            null,
            7,
            null,
            why,
            Instant.ofEpochMilli(GIVES_UP).toString(),
            Map.of(),
            null,
            null,
            null,
            null),
        null,
        null,
        null,
        null,
        waitsFor);
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 100, 120, 160, 200})
  void whatARunWaitsFor_andUntilWhen_isShownInEveryWidth(int width) {
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
  void aJobThatWaitsForAnotherOne_saysForWhich() {
    String line = Terminal.line(List.of(waiting(null, null, "trades")), 200);
    assertTrue(line.endsWith(", failed 0, waits for trades"), line);
    assertTrue(Terminal.line(List.of(waiting(null)), 200).endsWith(", no answer yet"));
  }

  @Test
  void ofRanges_itCountsNumbers_andSaysThatTheStatesAreThoseOfRanges() {
    String line =
        Terminal.line(
            List.of(waiting("none", new JobStatus.Numbers("blocks", 1_000, 250, 0, 0), null)), 200);
    assertTrue(line.startsWith("payouts 250/1,000 blocks 25.0% ["), line);
    assertTrue(line.contains(", ranges: found 0, absent 0"), line);
  }

  @Test
  void aRate_isInTheUnitThatAPersonReads() {
    assertEquals("4,472 ids/s", Messages.rate(4472.3, "ids"));
    assertEquals("3.5 ids/s", Messages.rate(3.5, "ids"));
    assertEquals("7.8 ids/min", Messages.rate(0.13, "ids"));
    assertEquals("36.0 blocks/h", Messages.rate(0.01, "blocks"));
    assertEquals("0 ids/s", Messages.rate(0, "ids"));
    assertEquals("4.9 of 5.0 requests/s", Messages.paced(4.9, 4.95));
    assertEquals("21.0 of 30.0 requests/min", Messages.paced(0.35, 0.5));
  }

  @Test
  void aText_isCutBetweenWords() {
    assertEquals("one two", Messages.cut("one two", 7));
    assertEquals("one two …", Messages.cut("one two three", 12));
  }
}
