package polymarket.backfill.polymarket;

import java.nio.charset.StandardCharsets;

/**
 * Goes over JSON in one pass and makes nothing of it: says where its parts begin and end. A number
 * or a text is read only where somebody asks for it.
 */
final class JsonBytes {

  /** What is no whole JSON. */
  static final class Broken extends RuntimeException {
    private Broken(String why) {
      super(why, null, false, false);
    }
  }

  private final byte[] bytes;
  private int at;

  /** Where the last text began and ended, without its quotes. */
  private int textFrom;

  private int textTo;

  JsonBytes(byte[] bytes) {
    this(bytes, 0);
  }

  /**
   * @param from the offset to begin at
   */
  JsonBytes(byte[] bytes, int from) {
    this.bytes = bytes;
    this.at = from;
  }

  /** The offset that it has come to. */
  int at() {
    return at;
  }

  /** Goes over blanks; says whether the end is reached. */
  boolean atEnd() {
    while (at < bytes.length && bytes[at] <= ' ' && bytes[at] >= 0) {
      at++;
    }
    return at == bytes.length;
  }

  /** The next character that is no blank. */
  char peek() {
    if (atEnd()) {
      throw broken("it ends too early");
    }
    return (char) bytes[at];
  }

  private Broken broken(String why) {
    return new Broken(why + " (at byte " + at + " of " + bytes.length + ")");
  }

  void expect(char c) {
    if (peek() != c) {
      throw broken("'" + c + "' is missing");
    }
    at++;
  }

  /** Goes over a character where it is the next one. */
  private boolean take(char c) {
    if (peek() != c) {
      return false;
    }
    at++;
    return true;
  }

  /**
   * Goes on to the next entry of an object or array.
   *
   * @param first whether none was before it
   * @param end the closing bracket
   * @return whether there is one; where not, it has gone over the bracket
   */
  boolean next(boolean first, char end) {
    if (take(end)) {
      return false;
    }
    if (!first) {
      expect(',');
    }
    return true;
  }

  /** Goes over a key and its colon. */
  void key() {
    text();
    expect(':');
  }

  /** Goes over a text. */
  void text() {
    expect('"');
    textFrom = at;
    // locals: the first compiler reads a field again with each byte, and most bytes are of texts
    byte[] all = bytes;
    int end = at;
    while (end < all.length && all[end] != '"') {
      end += all[end] == '\\' ? 2 : 1;
    }
    if (end >= all.length) {
      at = all.length;
      throw broken("it ends within a text");
    }
    textTo = end;
    at = end + 1;
  }

  /** Whether the last text or key is this one. */
  boolean is(String text) {
    if (textTo - textFrom != text.length()) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      if (bytes[textFrom + i] != text.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  /** The last text. */
  String said() {
    return new String(bytes, textFrom, textTo - textFrom, StandardCharsets.UTF_8);
  }

  /** Goes over a value of any kind; gives it as it stands there. */
  String raw() {
    peek();
    int from = at;
    skip();
    return new String(bytes, from, at - from, StandardCharsets.UTF_8);
  }

  /** A whole number: digits, or a text of digits or of hex digits with 0x before them. */
  long number() {
    boolean quoted = peek() == '"';
    int from = at;
    int to;
    if (quoted) {
      text();
      from = textFrom;
      to = textTo;
    } else {
      while (at < bytes.length && bytes[at] >= '0' && bytes[at] <= '9') {
        at++;
      }
      to = at;
    }
    boolean hex = to - from > 2 && bytes[from] == '0' && (bytes[from + 1] | 0x20) == 'x';
    long number = 0;
    for (int i = hex ? from + 2 : from; i < to; i++) {
      int digit = Character.digit(bytes[i], hex ? 16 : 10);
      if (digit < 0 || number >>> 58 != 0) {
        throw broken("a number is no whole one");
      }
      number = number * (hex ? 16 : 10) + digit;
    }
    if (from == to) {
      throw broken("a number is missing");
    }
    return number;
  }

  /** Goes over a value of any kind; says whether it is {@code true}. */
  boolean skip() {
    switch (peek()) {
      case '"' -> text();
      case '{', '[' -> nested();
      default -> {
        int from = at;
        while (at < bytes.length && ",]} \n\r\t".indexOf(bytes[at]) < 0) {
          at++;
        }
        return at - from == 4 && bytes[from] == 't';
      }
    }
    return false;
  }

  private void nested() {
    int depth = 0;
    do {
      switch (peek()) {
        case '"' -> text();
        case '{', '[' -> {
          depth++;
          at++;
        }
        case '}', ']' -> {
          depth--;
          at++;
        }
        default -> at++;
      }
    } while (depth > 0);
  }
}
