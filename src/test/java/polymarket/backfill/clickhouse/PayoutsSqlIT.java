package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.TestBed;

/** payouts.sql: what the landing table and its views make of the rows that Goldsky sends. */
class PayoutsSqlIT {

  private static final ObjectMapper JSON = new ObjectMapper();
  private int number;

  @BeforeEach
  void emptyTables() {
    TestBed.empty();
    Views.create(TestBed.clickHouse(), "payouts");
  }

  private static String row(String id, String payouts) {
    return "{\"id\":\"0x"
        + id
        + "\",\"payouts\":"
        + payouts
        + ",\"batch\":\"b1\",\"fetched_at\":\"2026-05-01T01:02:03.456Z\"}";
  }

  private static void insert(String token, List<String> rows) {
    TestBed.clickHouse()
        .insert(
            "default.payouts_landing",
            String.join("\n", rows).getBytes(StandardCharsets.UTF_8),
            token);
  }

  private String id() {
    return String.format("%064x", ++number);
  }

  private static String texts(Object... payouts) {
    try {
      return JSON.writeValueAsString(payouts);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * Stores one vector and gives what it became: numerators, denominator, winning index, or the
   * reason of its rejection.
   */
  private String becomes(String payouts) {
    String id = id();
    insert("t" + id, List.of(row(id, payouts)));
    List<Map<String, Object>> stored =
        TestBed.sql(
            "SELECT concat(toString(payout_numerators), ' of ', toString(payout_denominator), ', ',"
                + " toString(winning_index)) AS text FROM default.resolutions_external_ingest WHERE"
                + " condition_id = '"
                + id
                + "'");
    List<Map<String, Object>> rejected =
        TestBed.sql(
            "SELECT reason FROM default.payouts_rejected WHERE condition_id = '" + id + "'");
    assertEquals(1, stored.size() + rejected.size(), payouts + ": " + stored + rejected);
    return stored.isEmpty()
        ? (String) rejected.get(0).get("reason")
        : (String) stored.get(0).get("text");
  }

  @Test
  void wins_shares_andTies_areExactFractions() {
    assertEquals("[1,0] of 1, 0", becomes(texts("1", "0")));
    assertEquals("[0,1] of 1, 1", becomes(texts("0", "1")));
    assertEquals("[27,23] of 50, 0", becomes(texts("0.54", "0.46")));
    assertEquals("[1,1] of 2, -1", becomes(texts("0.5", "0.5")));
    assertEquals("[1,1] of 2, -1", becomes(texts("1", "1")));
    assertEquals("[1,3] of 4, 1", becomes(texts("0.25", "0.75")));
    assertEquals("[1,0] of 1, 0", becomes(texts("1.000", "0.0")));
    assertEquals("[1,999999] of 1000000, 1", becomes(texts("0.000001", "0.999999")));
    assertEquals("[1,1] of 2, -1", becomes(texts("00.5", ".5".replace(".", "0."))));
  }

  @Test
  void thirdsWithThirtyFourDigits_keepEveryDigit() {
    String third = "0." + "3".repeat(34);
    String twoThirds = "0." + "6".repeat(33) + "7";
    assertEquals(
        "[" + "3".repeat(34) + "," + "6".repeat(33) + "7] of 1" + "0".repeat(34) + ", 1",
        becomes(texts(third, twoThirds)));
    assertEquals("[1,1,1] of 3, -1", becomes(texts(third, third, third)));
  }

  @Test
  void threeToSevenOutcomes() {
    assertEquals("[0,0,1] of 1, 2", becomes(texts("0", "0", "1")));
    assertEquals("[1,2,1] of 4, 1", becomes(texts("0.25", "0.5", "0.25")));
    assertEquals("[2,2,1] of 5, -1", becomes(texts("0.4", "0.4", "0.2")));
    assertEquals("[0,0,0,0,0,0,1] of 1, 6", becomes(texts("0", "0", "0", "0", "0", "0", "1")));
    assertEquals("[1,1,1,1,1,1,1] of 7, -1", becomes(texts("1", "1", "1", "1", "1", "1", "1")));
    assertEquals("[1] of 1, 0", becomes(texts("1")));
  }

  @Test
  void numbersInsteadOfStrings_areAccepted() {
    assertEquals("[1,0] of 1, 0", becomes("[1,0]"));
    assertEquals("[27,23] of 50, 0", becomes("[0.54,0.46]"));
    assertEquals("[27,23] of 50, 0", becomes("[\"0.54\",0.46]"));
  }

  @Test
  void invalidVectors_areRejectedWithTheReason() {
    assertEquals("a payout is not a number", becomes(texts("NaN", "0")));
    assertEquals("a payout is not a number", becomes(texts("1e", "0")));
    assertEquals("a payout is not a number", becomes(texts("", "1")));
    assertEquals("a payout is not a number", becomes(texts("1,5", "1")));
    assertEquals("a payout is not a number", becomes(texts("1.", "0")));
    assertEquals("a payout is not a number", becomes(texts(" 1", "0")));
    assertEquals("a payout is not a number", becomes("[\"1\",null]"));
    assertEquals("a payout is not a number", becomes(texts("0x1", "0")));
    assertEquals("a payout is not a number", becomes(texts("∞", "0")));
    assertEquals("a payout is negative", becomes(texts("-1", "2")));
    assertEquals("a payout is negative", becomes(texts("0", "-0.5")));
    assertEquals("all payouts are zero", becomes(texts("0", "0")));
    assertEquals("all payouts are zero", becomes(texts("0.000", "0")));
    assertEquals("the payouts are not a list of numbers", becomes("\"1\""));
    assertEquals("the payouts are not a list of numbers", becomes("{\"yes\":\"1\"}"));
    assertEquals("the payouts are not a list of numbers", becomes("[]"));
    assertEquals("the payouts are not a list of numbers", becomes("17"));
    assertEquals("the payouts are not a list of numbers", becomes("true"));
    assertEquals("a payout has more than 38 digits", becomes(texts("1", "0." + "1".repeat(39))));
  }

  @Test
  void aRejectedRow_isKeptAsItCame() {
    String id = id();
    insert("t", List.of(row(id, "[\"NaN\",\"0\"]")));
    assertEquals(
        "{\"id\":\"0x" + id + "\",\"payouts\":[\"NaN\",\"0\"]}",
        TestBed.sql("SELECT row FROM default.payouts_rejected").get(0).get("row"));
  }

  @Test
  void aBadRow_costsOneRow() {
    insert(
        "t",
        List.of(
            row(id(), texts("1", "0")), row(id(), texts("NaN", "0")), row(id(), texts("0", "1"))));
    assertEquals(2, TestBed.number("SELECT count() FROM default.resolutions_external_ingest"));
    assertEquals(1, TestBed.number("SELECT count() FROM default.payouts_rejected"));
  }

  @Test
  void storedRows_haveTheStoredForm_andNoInventedTime() {
    insert(
        "t",
        List.of(
            "{\"id\":\"0x"
                + "AB".repeat(32)
                + "\",\"payouts\":[\"1\",\"0\"],\"batch\":\"b7\",\"fetched_at\":\"2026-05-01T01:02:03.456Z\",\"more\":[1]}"));
    Map<String, Object> row =
        TestBed.sql(
                "SELECT condition_id, isNull(resolved_at) AS timeless, toString(fetched_at) AS at,"
                    + " source, batch FROM default.resolutions_external_ingest")
            .get(0);
    assertEquals("ab".repeat(32), row.get("condition_id"));
    assertEquals(1, row.get("timeless"));
    assertEquals("2026-05-01 01:02:03.456", row.get("at"));
    assertEquals("goldsky-api", row.get("source"));
    assertEquals("b7", row.get("batch"));
  }

  @Test
  void theSameRowsWithTheSameToken_areStoredOnce_inBothTables() {
    List<String> rows = List.of(row(id(), texts("1", "0")), row(id(), texts("NaN", "0")));
    for (int i = 0; i < 3; i++) {
      insert("batch-1:digest", rows);
    }
    assertEquals(1, TestBed.number("SELECT count() FROM default.resolutions_external_ingest"));
    assertEquals(1, TestBed.number("SELECT count() FROM default.payouts_rejected"));
  }

  @Test
  void changedRowsOfTheSameBatch_withATokenOfTheirOwn_areNotDropped() {
    String one = id();
    String two = id();
    insert("batch-1:digest-a", List.of(row(one, texts("1", "0"))));
    insert("batch-1:digest-b", List.of(row(one, texts("1", "0")), row(two, texts("0", "1"))));
    assertEquals(
        2,
        TestBed.number("SELECT uniqExact(condition_id) FROM default.resolutions_external_ingest"));
  }

  @Test
  void aNewerRow_replacesTheOlderOne() {
    String id = id();
    insert("a", List.of(row(id, texts("1", "0"))));
    insert("b", List.of(row(id, texts("0", "1")).replace("2026-05-01", "2026-06-01")));
    TestBed.clickHouse().execute("OPTIMIZE TABLE default.resolutions_external_ingest FINAL");
    assertEquals(
        "[0,1]",
        TestBed.sql(
                "SELECT toString(payout_numerators) AS n FROM default.resolutions_external_ingest")
            .get(0)
            .get("n"));
  }

  /** Four thousand random vectors against the arithmetic of java.math. */
  @Test
  void everyVector_matchesExactArithmetic() {
    Random random = new Random(20_260_428);
    Map<String, List<String>> vectors = new HashMap<>();
    List<String> rows = new ArrayList<>();
    for (int i = 0; i < 4000; i++) {
      List<String> payouts = new ArrayList<>();
      int outcomes = 1 + random.nextInt(8);
      int digits = new int[] {0, 1, 2, 6, 18, 34, 38}[random.nextInt(7)];
      for (int j = 0; j < outcomes; j++) {
        if (!payouts.isEmpty() && random.nextInt(4) == 0) {
          payouts.add(payouts.get(random.nextInt(payouts.size())));
        } else if (random.nextInt(4) == 0) {
          payouts.add("0");
        } else {
          BigInteger unscaled =
              new BigInteger(random.nextInt(126), random)
                  .mod(BigInteger.TEN.pow(Math.min(38, digits + random.nextInt(3))));
          payouts.add(new BigDecimal(unscaled, digits).toPlainString());
        }
      }
      String id = id();
      vectors.put(id, payouts);
      rows.add(row(id, texts(payouts.toArray())));
    }
    insert("t", rows);
    Map<String, Map<String, Object>> stored = new HashMap<>();
    TestBed.sql(
            "SELECT condition_id, arrayMap(n -> toString(n), payout_numerators) AS numerators,"
                + " toString(payout_denominator) AS denominator, winning_index FROM"
                + " default.resolutions_external_ingest")
        .forEach(row -> stored.put((String) row.get("condition_id"), row));
    Map<String, String> rejected = new HashMap<>();
    TestBed.sql("SELECT condition_id, reason FROM default.payouts_rejected")
        .forEach(row -> rejected.put((String) row.get("condition_id"), (String) row.get("reason")));
    assertEquals(4000, stored.size() + rejected.size());
    assertTrue(stored.size() > 3000, stored.size() + " stored");
    vectors.forEach(
        (id, payouts) -> {
          List<BigDecimal> decimals = payouts.stream().map(BigDecimal::new).toList();
          if (decimals.stream().allMatch(decimal -> decimal.signum() == 0)) {
            assertEquals("all payouts are zero", rejected.get(id), payouts.toString());
            return;
          }
          int scale = decimals.stream().mapToInt(BigDecimal::scale).max().orElseThrow();
          List<BigInteger> whole =
              decimals.stream().map(decimal -> decimal.setScale(scale).unscaledValue()).toList();
          BigInteger divisor = whole.stream().reduce(BigInteger.ZERO, BigInteger::gcd);
          List<BigInteger> numerators = whole.stream().map(n -> n.divide(divisor)).toList();
          BigInteger largest = numerators.stream().reduce(BigInteger::max).orElseThrow();
          int winner =
              numerators.stream().filter(largest::equals).count() > 1
                  ? -1
                  : numerators.indexOf(largest);
          Map<String, Object> row = stored.get(id);
          assertEquals(
              numerators.stream().map(BigInteger::toString).toList(),
              row.get("numerators"),
              payouts.toString());
          assertEquals(
              numerators.stream().reduce(BigInteger.ZERO, BigInteger::add).toString(),
              row.get("denominator"),
              payouts.toString());
          assertEquals(winner, row.get("winning_index"), payouts.toString());
        });
  }
}
