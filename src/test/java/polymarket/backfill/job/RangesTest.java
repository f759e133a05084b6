package polymarket.backfill.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class RangesTest {

  @Test
  void aRange_hasOneForm() {
    assertEquals("000000000100-000000000199", IdKind.RANGE.normalise(" 100-199 "));
    assertEquals("000000000007-000000000007", IdKind.RANGE.normalise("7-7"));
    assertNull(IdKind.RANGE.normalise("9-8"));
    assertNull(IdKind.RANGE.normalise("9"));
    assertNull(IdKind.RANGE.normalise("1234567890123-1234567890124"));
  }

  @Test
  void rangesThatFollowOnEachOther_areJoined_ifTheirDatasetsAreTheSame() {
    assertEquals(
        List.of(Ranges.id(1, 9) + "/fills", Ranges.id(10, 12) + "/amm", Ranges.id(14, 20) + "/amm"),
        Ranges.joined(
            new TreeSet<>(
                List.of(
                    Ranges.id(14, 20) + "/amm",
                    Ranges.id(5, 9) + "/fills",
                    Ranges.id(1, 4) + "/fills",
                    Ranges.id(10, 12) + "/amm"))));
    assertEquals(
        List.of(Ranges.id(1, 3)),
        Ranges.joined(new TreeSet<>(List.of(Ranges.id(1, 2), Ranges.id(3, 3)))));
  }

  @Test
  void halves_holdTheSameNumbers_andOneNumberHasNone() {
    assertEquals(List.of(Ranges.id(1, 3), Ranges.id(4, 5)), Ranges.halves(Ranges.id(1, 5)));
    assertEquals(List.of(Ranges.id(1, 1), Ranges.id(2, 2)), Ranges.halves(Ranges.id(1, 2)));
    assertEquals(List.of(), Ranges.halves(Ranges.id(2, 2)));
  }

  @Test
  void neighboursAreJoined_wideOnesAreCut_andGapsStay() {
    assertEquals(
        List.of(Ranges.id(1, 5), Ranges.id(6, 6), Ranges.id(8, 9)),
        Ranges.shaped(List.of(Ranges.id(1, 2), Ranges.id(3, 6), Ranges.id(8, 9)), 5));
    assertEquals(
        List.of(Ranges.id(1, 2), Ranges.id(3, 4), Ranges.id(5, 5)),
        Ranges.shaped(List.of(Ranges.id(1, 5)), 2));
  }

  @Test
  void gaps_areWhatIsInNoRange() {
    List<String> gaps = new ArrayList<>();
    Ranges.gaps(
        List.of(Ranges.id(1, 4), Ranges.id(6, 9), Ranges.id(20, 30)),
        3,
        25,
        (first, last) -> gaps.add(first + "-" + last));
    assertEquals(List.of("5-5", "10-19"), gaps);
    gaps.clear();
    Ranges.gaps(List.of(), 3, 25, (first, last) -> gaps.add(first + "-" + last));
    Ranges.gaps(List.of(Ranges.id(40, 50)), 3, 25, (first, last) -> gaps.add(first + "-" + last));
    Ranges.gaps(List.of(Ranges.id(1, 50)), 3, 25, (first, last) -> gaps.add(first + "-" + last));
    assertEquals(List.of("3-25", "3-25"), gaps);
  }

  @Test
  void theSpan_halvesOnRefusalsAndLargeAnswers_andGrowsWhileTheyAreSmall() {
    Span span = new Span(2000, 10_000, 5000);
    span.refused(2000);
    assertEquals(1000, span.width());
    span.refused(2000);
    assertEquals(1000, span.width(), "of a range that was wider than what is asked for now");
    span.answered(11_000, 5);
    assertEquals(500, span.width());
    for (int i = 0; i < 100; i++) {
      span.answered(10, 20);
    }
    assertEquals(10_000, span.width());
  }

  @Test
  void aRangeDoneForOneDataset_isMissingForTheOthers() {
    List<String> done =
        List.of(
            Ranges.id(10, 19) + "/conditions+fills+transfers",
            Ranges.id(20, 24) + "/conditions+fills",
            Ranges.id(25, 29) + "/conditions",
            Ranges.id(40, 49) + "/conditions+fills+transfers");
    List<String> missing = new ArrayList<>();
    Ranges.missing(done, List.of("conditions", "transfers", "fills"), 5, 45, 8, missing::add);
    assertEquals(
        List.of(
            Ranges.id(5, 9) + "/conditions+transfers+fills",
            Ranges.id(20, 24) + "/transfers",
            Ranges.id(25, 29) + "/transfers+fills",
            Ranges.id(30, 37) + "/conditions+transfers+fills",
            Ranges.id(38, 39) + "/conditions+transfers+fills"),
        missing);
    assertEquals(List.of("transfers", "fills"), Ranges.datasets(missing.get(2)));
    assertEquals(
        List.of(Ranges.id(25, 27) + "/transfers+fills", Ranges.id(28, 29) + "/transfers+fills"),
        Ranges.halves(missing.get(2)));
    assertEquals(
        List.of(Ranges.id(20, 24) + "/transfers", Ranges.id(25, 29) + "/transfers+fills"),
        Ranges.shaped(
            List.of(
                missing.get(1),
                Ranges.id(25, 26) + "/transfers+fills",
                Ranges.id(27, 29) + "/transfers+fills"),
            5));
  }
}
