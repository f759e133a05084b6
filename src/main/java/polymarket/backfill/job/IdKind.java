package polymarket.backfill.job;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import polymarket.backfill.Nearest;
import polymarket.backfill.UserError;

/** What the ids of a job are, and the one form in which they are stored. */
public enum IdKind {

  /** 64 hex digits, lower case, without 0x. */
  CONDITION_ID("condition id", 64, "", "dead".repeat(16)),
  /** 40 hex digits, lower case, with 0x. */
  WALLET("wallet address", 40, "0x", "0x" + "dead".repeat(10)),
  /**
   * Any text without blanks: what a job itself makes, such as a range of blocks or a cursor chain.
   */
  TEXT("id", 0, "", null),
  /** A range of numbers, such as blocks, that can be cut into smaller ones: see {@link Ranges}. */
  RANGE("range such as 100-199", 0, "", null);

  private static final Pattern HEX = Pattern.compile("0[xX][0-9a-fA-F]+(_0[xX][0-9a-fA-F]+)?");

  /** A token id of as many digits has no letter among them. */
  private static final Pattern BARE_ID = Pattern.compile("(?=.*[a-fA-F])[0-9a-fA-F]{64}");

  private final String label;
  private final int digits;
  private final String prefix;
  private final String nobody;

  IdKind(String label, int digits, String prefix, String nobody) {
    this.label = label;
    this.digits = digits;
    this.prefix = prefix;
    this.nobody = nobody;
  }

  /** What a person calls it. */
  public String label() {
    return label;
  }

  /**
   * Whether a character between two entries of a list keeps them apart, beside line ends: an id of
   * this kind cannot hold it.
   */
  boolean separates(char c) {
    return this != TEXT && (c == ',' || c == ';' || this != RANGE && Character.isWhitespace(c));
  }

  /**
   * An id of this kind that nobody has, to see whether a source answers at all; null where none can
   * be made up.
   */
  public String nobody() {
    return nobody;
  }

  /**
   * @param text an id as a file, a table or an API has it
   * @return the stored form, or null where it is no such id
   */
  public String normalise(String text) {
    if (this == RANGE) {
      return Ranges.normalise(text);
    }
    String trimmed = text.strip();
    if (this == TEXT) {
      return trimmed.isEmpty() || trimmed.chars().anyMatch(Character::isWhitespace)
          ? null
          : trimmed;
    }
    int from =
        trimmed.length() == digits + 2
                && trimmed.charAt(0) == '0'
                && (trimmed.charAt(1) | 0x20) == 'x'
            ? 2
            : 0;
    if (trimmed.length() != from + digits) {
      return null;
    }
    boolean upper = false;
    for (int i = from; i < trimmed.length(); i++) {
      char c = trimmed.charAt(i);
      upper |= c >= 'A' && c <= 'F';
      if (!(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F')) {
        return null;
      }
    }
    String hex = trimmed.substring(from);
    return prefix + (upper ? hex.toLowerCase(Locale.ROOT) : hex);
  }

  /**
   * The one spelling of a key of any kind: hex digits are lower case, and a condition id has its
   * 0x. The SQL of the jobs has the same as {@code $spelled}.
   */
  public static String spelled(String text) {
    if (HEX.matcher(text).matches()) {
      return text.toLowerCase(Locale.ROOT);
    }
    return BARE_ID.matcher(text).matches() ? "0x" + text.toLowerCase(Locale.ROOT) : text;
  }

  /**
   * Smaller ids that together stand for one that a source cannot answer at once; none where it
   * cannot be cut.
   */
  public List<String> parts(String id) {
    return this == RANGE ? Ranges.halves(id) : List.of();
  }

  /**
   * @param name as a job's definition writes it, such as condition-id
   */
  public static IdKind of(String name, String where) {
    return Arrays.stream(values())
        .filter(kind -> kind.fileName().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new UserError(
                    where
                        + ": no kind of ids is called '"
                        + name
                        + "'."
                        + Nearest.hint(
                            name, Arrays.stream(values()).map(IdKind::fileName).toList())));
  }

  private String fileName() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
