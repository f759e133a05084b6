package polymarket.backfill.polymarket;

import java.util.HexFormat;

/**
 * Hexadecimal text of a fixed size, read with or without {@code 0x} and in any case, written in
 * lower case without it.
 */
final class Hex {

  private static final int SHOWN = 80;

  private Hex() {}

  /**
   * The bytes that a hexadecimal id stands for.
   *
   * @param what the id's name, for the error
   * @param text {@code 2 * size} hex digits, with or without {@code 0x}
   * @param size bytes expected
   * @throws IllegalArgumentException with one line that names the id, what was expected and what
   *     came
   */
  static byte[] bytes(String what, String text, int size) {
    int from = prefix(text);
    if (text == null || text.length() - from != 2 * size) {
      throw wrong(what, text, size);
    }
    try {
      return HexFormat.of().parseHex(text, from, text.length());
    } catch (IllegalArgumentException e) {
      throw wrong(what, text, size);
    }
  }

  /** Lower-case digits of the bytes, without {@code 0x}. */
  static String of(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** 2 when the text starts with {@code 0x}, else 0. */
  static int prefix(String text) {
    return text != null && text.regionMatches(true, 0, "0x", 0, 2) ? 2 : 0;
  }

  /** A value as an error message shows it: quoted, on one line, cut after 80 characters. */
  static String shown(String text) {
    if (text == null) {
      return "nothing";
    }
    String cut = text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
    return "\"" + cut.replaceAll("\\p{Cntrl}", " ") + "\"";
  }

  private static IllegalArgumentException wrong(String what, String text, int size) {
    return new IllegalArgumentException(
        what + ": expected " + 2 * size + " hex digits, with or without 0x, got " + shown(text));
  }
}
