package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import polymarket.backfill.TestBed;

/** What the texts of APIs become, by sql/values.sql and the real engine. */
class ValuesSqlTest {

  private static final SqlValues VALUES = new SqlValues(SqlFile.read("values").sections("value"));

  private static Object value(String name, String text) {
    String literal = "'" + text.replace("'", "\\'") + "'";
    return TestBed.clickHouse()
        .value("SELECT toString(" + VALUES.expand("$" + name + "(" + literal + ")") + ") AS v");
  }

  @Test
  void aTimeIsReadInEveryFormOfTheApis() {
    Map<String, String> forms = new LinkedHashMap<>();
    forms.put("2026-01-23 20:56:36+00", "2026-01-23 20:56:36.000000");
    forms.put("2026-07-10 18:08:48.683314+00:00:00", "2026-07-10 18:08:48.683314");
    forms.put("2026-04-05T21:10:00Z", "2026-04-05 21:10:00.000000");
    forms.put("2026-04-05T21:10:00.123456789Z", "2026-04-05 21:10:00.123456");
    forms.put("2026-04-05T21:10:00+05:30", "2026-04-05 15:40:00.000000");
    forms.put("2026-04-05T21:10:00-0400", "2026-04-06 01:10:00.000000");
    forms.put("2026-04-05", "2026-04-05 00:00:00.000000");
    forms.put("Fri, 01 May 2026 00:00:00 GMT", "2026-05-01 00:00:00.000000");
    forms.put("1769201796", "2026-01-23 20:56:36.000000");
    forms.put("1769201796.5", "2026-01-23 20:56:36.000000");
    forms.put("1769201796123", "2026-01-23 20:56:36.123000");
    forms.put("1769201796123456", "2026-01-23 20:56:36.123456");
    forms.forEach((text, time) -> assertEquals(time, value("past", text), text));
  }

  @Test
  void baseUnits_areDecimalsForPeople_howeverManyThereAre() {
    Map<String, String> amounts = new LinkedHashMap<>();
    amounts.put("-397920000", "-397.92");
    amounts.put("18", "0.000018");
    amounts.put("0", "0");
    amounts.put("100000000", "100");
    amounts.put(
        "57896044618658097711785492504343953926634992332820282019728792003956564819967",
        "57896044618658097711785492504343953926634992332820282019728792003956564.819967");
    amounts.forEach(
        (units, text) ->
            assertEquals(
                text,
                TestBed.clickHouse()
                    .value(
                        "SELECT " + VALUES.expand("$units(toInt256('" + units + "'))") + " AS v"),
                units));
  }

  @Test
  void anImpossibleTime_isNull() {
    for (String text :
        new String[] {
          "",
          "null",
          "0",
          "0001-01-01T00:00:00Z",
          "1970-01-01T00:00:00Z",
          "2020-08-31",
          "100000000",
          "2026-02-30",
          "2026-13-01",
          "2262-04-11",
          "9999999999",
          "soon",
          "12",
          "-1",
          "2026"
        }) {
      assertNull(value("past", text), text);
    }
    assertEquals("2050-01-01 00:00:00.000000", value("deadline", "2050-01-01"));
    assertNull(value("past", "2050-01-01"));
    assertNull(value("deadline", "2250-01-01"));
  }

  @Test
  void aNumberIsReadExactlyOrNotAtAll() {
    assertEquals("0.000012", value("exact", "1.2e-05"));
    assertEquals("1200", value("exact", "1.2E+3"));
    assertEquals("16.991", value("exact", "16.991"));
    assertEquals("-0.5", value("exact", "-0.5"));
    assertEquals(
        "99999999999999999999.999999999999999999",
        value("exact", "99999999999999999999.999999999999999999"));
    for (String text :
        new String[] {
          "123.1234567890123456789",
          "1e-19",
          "1e20",
          "1e99",
          "many",
          "NaN",
          "inf",
          "0x1",
          "1,5",
          "",
          "1.",
          ".5",
          "9".repeat(40)
        }) {
      assertNull(value("exact", text), text);
    }
    assertNull(value("amount", "-0.5"));
    assertEquals("0", value("amount", "0"));
    assertEquals("1", value("share", "1.0"));
    for (String text : new String[] {"1.000001", "-0.1", "69", "x"}) {
      assertNull(value("share", text), text);
    }
  }

  @Test
  void anUnreadableValue_isMarkedUnread() {
    assertEquals("soon", value2("soon"));
    assertEquals("", value2(""));
    assertEquals("", value2("null"));
    assertEquals("", value2("2026-04-05"));
  }

  private static Object value2(String text) {
    return TestBed.clickHouse()
        .value(
            "SELECT " + VALUES.expand("$unread('" + text + "', $past('" + text + "'))") + " AS v");
  }

  @Test
  void aCallOfAnUnknownExpression_orWithBadArguments_isRefused() {
    assertThrows(IllegalArgumentException.class, () -> VALUES.expand("$nothing(x)"));
    assertThrows(IllegalArgumentException.class, () -> VALUES.expand("$past(x, y)"));
    assertThrows(IllegalArgumentException.class, () -> VALUES.expand("$past((x)"));
  }
}
