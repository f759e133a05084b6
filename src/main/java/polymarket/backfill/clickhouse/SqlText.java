package polymarket.backfill.clickhouse;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The little that has to be known about a statement's text before the engine sees it: where the
 * data of an INSERT begins, and which format the answer has. Everything else is left to
 * ClickHouse's own parser.
 */
final class SqlText {
  /**
   * A token's place in the bytes; {@code word} in upper case for a bare word, else the sign or a
   * quote.
   */
  private record Token(int start, int end, String word, boolean bare) {}

  /**
   * An INSERT.
   *
   * @param head the text before FORMAT or VALUES
   * @param format null if the rows come from a SELECT, or if no data is named within the text
   * @param data where the data begins, in bytes
   * @param input whether its SELECT reads from input(...)
   * @param infile whether it reads a file of the client
   */
  record Insert(byte[] head, String format, int data, boolean input, boolean infile) {}

  private static final Set<String> NOT_BEFORE_FORMAT =
      Set.of(
          ".",
          ",",
          "(",
          "[",
          "{",
          "=",
          "<",
          ">",
          "+",
          "-",
          "/",
          "%",
          ":",
          "|",
          "?",
          "SELECT",
          "DISTINCT",
          "WHERE",
          "PREWHERE",
          "HAVING",
          "QUALIFY",
          "BY",
          "AND",
          "OR",
          "NOT",
          "ON",
          "AS",
          "THEN",
          "ELSE",
          "WHEN",
          "CASE",
          "IN",
          "LIKE",
          "ILIKE",
          "BETWEEN",
          "LIMIT",
          "OFFSET",
          "FROM",
          "JOIN",
          "TABLE",
          "DATABASE");

  private final byte[] bytes;
  private final List<Token> tokens = new ArrayList<>();

  SqlText(byte[] bytes) {
    int limit = bytes.length;
    this.bytes = bytes;
    int i = 0;
    int depth = 0;
    while (i < limit && !dataBegins(depth)) {
      int c = bytes[i];
      int next = i + 1 < limit ? bytes[i + 1] : 0;
      if (c == ' ' || c >= 9 && c <= 13 || c == 0) {
        i++;
      } else if (c == '-' && next == '-' || c == '#' && (next == ' ' || next == '!')) {
        i = find("\n", i, limit);
      } else if (c == '/' && next == '*') {
        i = find("*/", i + 2, limit);
      } else if (c == '\'' || c == '"' || c == '`') {
        int end = quoted(i, limit);
        tokens.add(new Token(i, end, c == '\'' ? "'" : "`", false));
        i = end;
      } else if (word(c)) {
        int end = i;
        while (end < limit && word(bytes[end])) {
          end++;
        }
        String text = new String(bytes, i, end - i, StandardCharsets.UTF_8);
        if (text.length() > 1 && text.startsWith("$") && text.indexOf('$', 1) > 0) {
          String tag = text.substring(0, text.indexOf('$', 1) + 1);
          end = find(tag, i + tag.length(), limit);
          tokens.add(new Token(i, end, "'", false));
        } else {
          tokens.add(new Token(i, end, text.toUpperCase(Locale.ROOT), true));
        }
        i = end;
      } else {
        tokens.add(new Token(i, i + 1, String.valueOf((char) c), false));
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        i++;
      }
    }
  }

  // what follows are the rows of an INSERT, which are not read as SQL: they may be long, and hold
  // anything
  private boolean dataBegins(int depth) {
    int n = tokens.size();
    return depth == 0
        && n > 3
        && tokens.get(0).word.equals("INSERT")
        && (tokens.get(n - 1).bare && tokens.get(n - 1).word.equals("VALUES")
            || n > 4 && tokens.get(n - 2).bare && tokens.get(n - 2).word.equals("FORMAT"));
  }

  private static boolean word(int c) {
    return c >= '0' && c <= '9'
        || c >= 'a' && c <= 'z'
        || c >= 'A' && c <= 'Z'
        || c == '_'
        || c == '$'
        || c < 0;
  }

  private int quoted(int start, int limit) {
    byte quote = bytes[start];
    for (int i = start + 1; i < limit; i++) {
      if (bytes[i] == '\\') {
        i++;
      } else if (bytes[i] == quote) {
        if (i + 1 < limit && bytes[i + 1] == quote) {
          i++;
        } else {
          return i + 1;
        }
      }
    }
    return limit;
  }

  private int find(String what, int from, int limit) {
    byte[] w = what.getBytes(StandardCharsets.UTF_8);
    next:
    for (int i = from; i + w.length <= limit; i++) {
      for (int k = 0; k < w.length; k++) {
        if (bytes[i + k] != w[k]) {
          continue next;
        }
      }
      return i + w.length;
    }
    return limit;
  }

  boolean isEmpty() {
    return tokens.isEmpty();
  }

  /** The first word in upper case, a sign, or nothing. */
  String first() {
    return tokens.isEmpty() ? "" : tokens.get(0).word;
  }

  /** Whether something stands behind a semicolon. */
  boolean isSeveral() {
    boolean ended = false;
    for (Token t : tokens) {
      if (t.word.equals(";")) {
        ended = true;
      } else if (ended) {
        return true;
      }
    }
    return false;
  }

  boolean isIntoOutfile() {
    for (int i = 0; i + 1 < tokens.size(); i++) {
      if (tokens.get(i).word.equals("INTO") && tokens.get(i + 1).word.equals("OUTFILE")) {
        return true;
      }
    }
    return false;
  }

  /**
   * The statement without its semicolon, cut before its FORMAT clause; the second part begins with
   * the clause, or is empty.
   */
  byte[][] atFormat() {
    int end = end();
    int at = formatToken();
    int cut = at < 0 ? end : tokens.get(at).start;
    return new byte[][] {slice(0, cut), slice(cut, end)};
  }

  /** The format that the statement itself asks for, or null. */
  String format() {
    int at = formatToken();
    return at < 0 ? null : text(tokens.get(at + 1));
  }

  private int formatToken() {
    int depth = 0;
    int found = -1;
    for (int i = 0; i < tokens.size(); i++) {
      String w = tokens.get(i).word;
      if (w.equals("(") || w.equals("[")) {
        depth++;
      } else if (w.equals(")") || w.equals("]")) {
        depth--;
      } else if (depth == 0
          && i > 0
          && w.equals("FORMAT")
          && tokens.get(i).bare
          && !NOT_BEFORE_FORMAT.contains(tokens.get(i - 1).word)
          && i + 1 < tokens.size()
          && tokens.get(i + 1).bare) {
        String after = i + 2 < tokens.size() ? tokens.get(i + 2).word : ";";
        if (after.equals(";") || after.equals("SETTINGS")) {
          found = i;
        }
      }
    }
    return found;
  }

  private int end() {
    int end = tokens.isEmpty() ? 0 : tokens.get(tokens.size() - 1).end;
    for (int i = tokens.size() - 1; i >= 0 && tokens.get(i).word.equals(";"); i--) {
      end = i == 0 ? 0 : tokens.get(i - 1).end;
    }
    return end;
  }

  private byte[] slice(int from, int to) {
    return java.util.Arrays.copyOfRange(bytes, from, to);
  }

  private String text(Token t) {
    return new String(bytes, t.start, t.end - t.start, StandardCharsets.UTF_8);
  }

  /** Reads the statement as an INSERT; null if it is none. */
  Insert insert() {
    if (!first().equals("INSERT")) {
      return null;
    }
    int i = 1;
    for (String optional : List.of("INTO", "TABLE", "FUNCTION")) {
      if (is(i, optional) && i + 1 < tokens.size()) {
        i++;
      }
    }
    i++;
    while (is(i, ".")) {
      i += 2;
    }
    for (int depth = 0; i < tokens.size(); i++) {
      Token t = tokens.get(i);
      if (t.word.equals("(")) {
        if (depth == 0 && (is(i + 1, "SELECT") || is(i + 1, "WITH"))) {
          return select(i);
        }
        depth++;
      } else if (t.word.equals(")")) {
        depth--;
      } else if (depth == 0 && t.bare) {
        switch (t.word) {
          case "VALUES":
            return new Insert(slice(0, t.start), "Values", t.end, false, false);
          case "FORMAT":
            if (i + 1 < tokens.size()) {
              Token name = tokens.get(i + 1);
              return new Insert(slice(0, t.start), text(name), dataAfter(name.end), false, false);
            }
            break;
          case "SELECT", "WITH":
            return select(i);
          case "INFILE":
            return new Insert(slice(0, t.start), null, bytes.length, false, true);
          default:
        }
      }
    }
    return new Insert(bytes, null, bytes.length, false, false);
  }

  private Insert select(int from) {
    for (int i = from; i + 1 < tokens.size(); i++) {
      if (is(i, "INPUT") && is(i + 1, "(")) {
        return new Insert(bytes, null, bytes.length, true, false);
      }
    }
    return new Insert(bytes, null, bytes.length, false, false);
  }

  private boolean is(int i, String word) {
    return i < tokens.size() && tokens.get(i).word.equals(word);
  }

  // as in ClickHouse's ParserInsertQuery: blanks and at most one line end belong to the statement,
  // the next byte to the data
  private int dataAfter(int i) {
    while (i < bytes.length && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\f')) {
      i++;
    }
    if (i < bytes.length && bytes[i] == '\r') {
      i++;
    }
    if (i < bytes.length && bytes[i] == '\n') {
      i++;
    }
    return i;
  }
}
