package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.api.Test;
import polymarket.backfill.UserError;

/** Pieces that hit a cap of memory, and steps that fail. */
class StepsTest {

  private static final BigInteger LAST = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

  private static ClickHouseException error(int code) {
    return new ClickHouseException("Code: " + code, code, null);
  }

  @Test
  void hashRanges_coverEveryHashOnce_andSoDoTheirHalves() {
    for (long parts : List.of(1L, 2L, 3L, 7L, 1000L)) {
      BigInteger next = BigInteger.ZERO;
      for (HashRange range : HashRange.of(parts * 10, 10)) {
        for (HashRange half : range.halves()) {
          assertEquals(next, half.from());
          next = half.to().add(BigInteger.ONE);
        }
      }
      assertEquals(LAST.add(BigInteger.ONE), next);
    }
  }

  @Test
  void aPieceThatHitsTheCap_isDivided_untilItsPartsFit() {
    Steps steps = new Steps("enrich", true, 4 << 20, 2);
    Set<BigInteger> done = new ConcurrentSkipListSet<>();
    steps.each(
        "resolve",
        HashRange.of(4000, 4000),
        range -> {
          if (range.ids() > 1000) {
            throw error(241);
          }
          done.add(range.from());
        },
        HashRange::halves);
    assertEquals(4, done.size());
    assertEquals(3, steps.divided());
  }

  @Test
  void aPieceThatCannotBeDivided_failsWithItsStep_andTheSettingToRaise() {
    UserError error =
        assertThrows(
            UserError.class,
            () ->
                new Steps("reconcile", true, 4 << 20, 1)
                    .each(
                        "resolve",
                        List.of(1),
                        piece -> {
                          throw error(241);
                        },
                        piece -> List.of()));
    assertTrue(error.getMessage().contains("the step 'resolve' does not fit into 4 MB"));
    assertTrue(error.getMessage().contains("raise enrich.max-memory."), error.getMessage());
    assertTrue(error.getMessage().contains("`backfill reconcile`"), error.getMessage());
  }

  @Test
  void anotherError_isNotAnsweredByDividing() {
    UserError error =
        assertThrows(
            UserError.class,
            () ->
                new Steps("enrich", true, 4 << 20, 2)
                    .each(
                        "measure",
                        List.of(1, 2),
                        piece -> {
                          throw error(60);
                        },
                        piece -> List.of(piece)));
    assertTrue(error.getMessage().contains("the step 'measure' failed: Code: 60"));
  }
}
