package polymarket.backfill.embedded;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Finds in a statement's text what has to be known before the engine runs it: where the data of an
 * INSERT starts, and which format the answer has. ClickHouse's own parser does the rest.
 */
final class SqlText {
  private static final SqlLexer.Kind[] KINDS = SqlLexer.Kind.values();

  /**
   * An INSERT.
   *
   * @param head the text before FORMAT or VALUES; null without data
   * @param format null if the rows are from a SELECT, or if the text has no data
   * @param data the position of the data's first byte
   * @param input whether its SELECT reads from input(...)
   * @param infile whether it reads a client's file
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

  /** The most tokens of a statement, so that its memory is bounded. */
  private static final int MOST_TOKENS = 4 << 20;

  private final byte[] bytes;
  private final int length;
  private int[] starts = new int[64];
  private int[] ends = new int[64];
  private byte[] kinds = new byte[64];
  private int count;
  private int depth;
  private boolean several;
  private boolean ended;
  private boolean selects;

  SqlText(byte[] bytes) {
    this(bytes, bytes.length, true, (kind, start, end, text) -> {});
  }

  /**
   * @param length the number of bytes of the statement
   * @param whole whether it ends with them, or may continue
   * @param guard sees each token before this does
   */
  SqlText(byte[] bytes, int length, boolean whole, SqlLexer.Sink guard) {
    this.bytes = bytes;
    this.length = length;
    SqlLexer[] lexer = new SqlLexer[1];
    lexer[0] =
        new SqlLexer(
            (kind, start, end, text) -> {
              guard.token(kind, start, end, text);
              add(kind, (int) start, (int) end);
              if (dataBegins()) {
                lexer[0].stop();
              }
            });
    lexer[0].feed(bytes, 0, length);
    if (whole) {
      lexer[0].end();
    }
  }

  private void add(SqlLexer.Kind kind, int start, int end) {
    if (count == MOST_TOKENS) {
      throw new EngineException(
          229,
          "QUERY_IS_TOO_LARGE",
          "a statement can have at most "
              + MOST_TOKENS
              + " tokens; send rows after INSERT INTO ... FORMAT ...");
    }
    if (count == starts.length) {
      starts = java.util.Arrays.copyOf(starts, 2 * count);
      ends = java.util.Arrays.copyOf(ends, 2 * count);
      kinds = java.util.Arrays.copyOf(kinds, 2 * count);
    }
    starts[count] = start;
    ends[count] = end;
    kinds[count] = (byte) kind.ordinal();
    count++;
    if (kind == SqlLexer.Kind.SIGN) {
      depth += bytes[start] == '(' ? 1 : bytes[start] == ')' ? -1 : 0;
    }
    several |= ended && !is(count - 1, ";");
    ended |= is(count - 1, ";");
  }

  /** A word in upper case, a sign, or the opening quote of a quoted token. */
  private String word(int i) {
    return switch (kind(i)) {
      case WORD -> text(i).toUpperCase(Locale.ROOT);
      case NAME -> "`";
      case STRING -> "'";
      case SIGN -> text(i);
    };
  }

  private SqlLexer.Kind kind(int i) {
    return KINDS[kinds[i]];
  }

  private boolean bare(int i) {
    return kind(i) == SqlLexer.Kind.WORD;
  }

  // the rows of an INSERT follow, which are not read as a statement: they may be long and contain
  // anything
  private boolean dataBegins() {
    if (depth != 0
        || count < 4
        || selects
        || !is(0, "INSERT")
        || !(bare(count - 1) && is(count - 1, "VALUES")
            || bare(count - 2) && is(count - 2, "FORMAT"))) {
      return false;
    }
    // the word may be the name of a table, or of a setting
    return insert().format() != null;
  }

  boolean isEmpty() {
    return count == 0;
  }

  /** The first word in upper case, or a sign, or empty. */
  String first() {
    return count == 0 ? "" : word(0);
  }

  /** Whether text follows a semicolon. */
  boolean isSeveral() {
    return several;
  }

  boolean isIntoOutfile() {
    for (int i = 0; i + 1 < count; i++) {
      if (is(i, "INTO") && is(i + 1, "OUTFILE")) {
        return true;
      }
    }
    return false;
  }

  /** The statement without its semicolon, with a clause inserted before its FORMAT. */
  byte[] withClause(String clause) {
    int end = end();
    int at = formatToken();
    int cut = at < 0 ? end : starts[at];
    byte[] put = ("\n" + clause + " ").getBytes(StandardCharsets.US_ASCII);
    byte[] all = java.util.Arrays.copyOf(bytes, end + put.length);
    System.arraycopy(bytes, cut, all, cut + put.length, end - cut);
    System.arraycopy(put, 0, all, cut, put.length);
    return all;
  }

  /** The statement's own format, or null. */
  String format() {
    int at = formatToken();
    return at < 0 ? null : text(at + 1);
  }

  private int formatToken() {
    int level = 0;
    int found = -1;
    for (int i = 0; i < count; i++) {
      if (kind(i) == SqlLexer.Kind.SIGN) {
        int sign = bytes[starts[i]];
        level += sign == '(' || sign == '[' ? 1 : sign == ')' || sign == ']' ? -1 : 0;
      } else if (level == 0
          && i > 0
          && bare(i)
          && is(i, "FORMAT")
          && !NOT_BEFORE_FORMAT.contains(word(i - 1))
          && i + 1 < count
          && bare(i + 1)
          && (i + 2 == count || is(i + 2, ";") || is(i + 2, "SETTINGS"))) {
        found = i;
      }
    }
    return found;
  }

  private int end() {
    int last = count - 1;
    while (last >= 0 && is(last, ";")) {
      last--;
    }
    return last < 0 ? 0 : ends[last];
  }

  private byte[] slice(int from, int to) {
    return java.util.Arrays.copyOfRange(bytes, from, to);
  }

  private String text(int i) {
    return new String(bytes, starts[i], ends[i] - starts[i], StandardCharsets.UTF_8);
  }

  /** Reads the statement as an INSERT; null if it is not one. */
  Insert insert() {
    if (!first().equals("INSERT")) {
      return null;
    }
    int i = 1;
    for (String optional : List.of("INTO", "TABLE", "FUNCTION")) {
      if (is(i, optional) && i + 1 < count) {
        i++;
      }
    }
    i++;
    while (is(i, ".")) {
      i += 2;
    }
    for (int level = 0; i < count; i++) {
      if (is(i, "(")) {
        if (level == 0 && (is(i + 1, "SELECT") || is(i + 1, "WITH"))) {
          return select(i);
        }
        level++;
      } else if (is(i, ")")) {
        level--;
      } else if (level == 0 && bare(i)) {
        switch (word(i)) {
          case "VALUES":
            return new Insert(slice(0, starts[i]), "Values", ends[i], false, false);
          case "FORMAT":
            if (i + 1 < count) {
              return new Insert(
                  slice(0, starts[i]), text(i + 1), dataAfter(ends[i + 1]), false, false);
            }
            break;
          case "SELECT", "WITH":
            return select(i);
          case "INFILE":
            return new Insert(null, null, length, false, true);
          default:
        }
      }
    }
    return new Insert(null, null, length, false, false);
  }

  private Insert select(int from) {
    selects = true;
    for (int i = from; i + 1 < count; i++) {
      if (is(i, "INPUT") && is(i + 1, "(")) {
        return new Insert(null, null, length, true, false);
      }
    }
    return new Insert(null, null, length, false, false);
  }

  // compares without copying: a long statement has millions of tokens
  private boolean is(int i, String word) {
    if (i >= count || ends[i] - starts[i] != word.length() || kind(i) == SqlLexer.Kind.NAME) {
      return false;
    }
    for (int k = 0; k < word.length(); k++) {
      int c = bytes[starts[i] + k];
      if ((c >= 'a' && c <= 'z' ? c - 32 : c) != word.charAt(k)) {
        return false;
      }
    }
    return true;
  }

  // as in ClickHouse's ParserInsertQuery: blanks and at most one line end belong to the statement,
  // the next byte to the data
  private int dataAfter(int i) {
    while (i < length && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\f')) {
      i++;
    }
    if (i < length && bytes[i] == '\r') {
      i++;
    }
    if (i < length && bytes[i] == '\n') {
      i++;
    }
    return i;
  }
}
