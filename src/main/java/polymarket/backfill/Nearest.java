package polymarket.backfill;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** Finds the name that a person most likely meant. */
public final class Nearest {

  private Nearest() {}

  /**
   * @param name what was typed
   * @param known the names that exist
   * @return " Did you mean 'x'?" for the known name with the fewest edits (at most half the length
   *     of what was typed), otherwise an empty string
   */
  public static String hint(String name, Collection<String> known) {
    Optional<String> best =
        known.stream().min(Comparator.comparingInt(candidate -> edits(name, candidate)));
    return best.filter(candidate -> edits(name, candidate) <= Math.max(2, name.length() / 2))
        .map(candidate -> " Did you mean '" + candidate + "'?")
        .orElse("");
  }

  /** The Levenshtein distance: how many characters must be put in, left out or replaced. */
  static int edits(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
