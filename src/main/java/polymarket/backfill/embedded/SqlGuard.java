package polymarket.backfill.embedded;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.InvalidPathException;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Rejects a statement that uses a name that {@link EngineAccess} does not allow, anywhere: in a
 * subquery, a view, a DEFAULT, an EXPLAIN or the rows of VALUES. It checks tokens, not the grammar:
 * the name of a forbidden function must not appear at all, because a function can be named without
 * a bracket (arrayMap(file, ...), APPLY file).
 */
final class SqlGuard implements SqlLexer.Sink {

  private static final Set<String> STATEMENTS =
      Set.of(
          "(",
          "ALTER",
          "ATTACH",
          "CHECK",
          "CREATE",
          "DELETE",
          "DESC",
          "DESCRIBE",
          "DETACH",
          "DROP",
          "EXCHANGE",
          "EXISTS",
          "EXPLAIN",
          "FROM",
          "INSERT",
          "KILL",
          "OPTIMIZE",
          "RENAME",
          "REPLACE",
          "SELECT",
          "SET",
          "SHOW",
          "SYSTEM",
          "TRUNCATE",
          "UNDROP",
          "UPDATE",
          "USE",
          "WITH");

  // columns given as text may have a DEFAULT or an ALIAS, which are expressions
  private static final Pattern STRUCTURE = Pattern.compile("'[\\w\\s,()\"`.=-]*'");
  private static final Pattern EXPRESSION =
      Pattern.compile("\\b(DEFAULT|MATERIALIZED|EPHEMERAL|ALIAS|TTL)\\b", Pattern.CASE_INSENSITIVE);

  private static final String HOW =
      "; clickhouse.embedded.files allows a folder, see docs/SECURITY.md";

  private enum Expected {
    NOTHING,
    BRACKET,
    PATH
  }

  private enum Source {
    NONE,
    KIND,
    OPENED,
    KEY,
    VALUE
  }

  private final EngineAccess access;
  private String first;
  private String before = "";
  private String beforeThat = "";
  private boolean settings;
  private boolean dictionary;
  private Expected path = Expected.NOTHING;
  private Source source = Source.NONE;

  SqlGuard(EngineAccess access) {
    this.access = access;
  }

  /**
   * Passes on rows of VALUES unchanged, and checks them like a statement: they may contain
   * expressions.
   */
  InputStream watch(InputStream rows) {
    SqlLexer lexer = new SqlLexer(this);
    shift("");
    shift("");
    return new FilterInputStream(rows) {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] b, int from, int count) throws IOException {
        int n = in.read(b, from, count);
        if (n < 0) {
          lexer.end();
        } else {
          lexer.feed(b, from, n);
        }
        return n;
      }
    };
  }

  /** Checks a setting of the URL. */
  void setting(String name) {
    if (access.settings.contains(name.toLowerCase(Locale.ROOT))) {
      throw refused("the setting " + name);
    }
  }

  /** Checks a parameter of the URL, which could name a function, as {name:Identifier}. */
  void parameter(String value) {
    if (access.functions.contains(unquoted(value.strip()).toLowerCase(Locale.ROOT))) {
      throw refused("a parameter that is the name of the function " + value.strip());
    }
  }

  @Override
  public void token(SqlLexer.Kind kind, long start, long end, SqlLexer.Text text) {
    if (kind == SqlLexer.Kind.STRING) {
      string(end - start, text.get());
      source(kind, "'");
      shift("'");
      return;
    }
    String word = text.get();
    if (kind == SqlLexer.Kind.NAME) {
      if (hasHexEscape(word)) {
        throw refused("a quoted name with the escape \\x");
      }
      word = unquoted(word);
      quotedName(word);
    }
    String upper = word.toUpperCase(Locale.ROOT);
    if (first == null) {
      first = upper;
      if (!STATEMENTS.contains(first)) {
        throw new EngineException(
            62,
            "SYNTAX_ERROR",
            "Syntax error: failed at position 1 (" + word + "): not a statement of this engine");
      }
    }
    fileFunction(upper);
    if (kind != SqlLexer.Kind.SIGN) {
      name(word);
    }
    if (upper.equals("(") && !before.isEmpty()) {
      called(before);
    }
    if (kind == SqlLexer.Kind.WORD) {
      keyword(upper);
    }
    source(kind, upper);
    shift(upper);
  }

  private void shift(String token) {
    beforeThat = before;
    before = token;
  }

  private void name(String word) {
    String name = word.toLowerCase(Locale.ROOT);
    if (access.functions.contains(name)) {
      throw refused("the function " + word);
    }
    boolean engine = before.equals("ENGINE") || before.equals("=") && beforeThat.equals("ENGINE");
    if (engine && access.engines.contains(name)) {
      throw refused("the engine " + word);
    }
    if (settings && access.settings.contains(name)) {
      throw refused("the setting " + word);
    }
    if (settings && name.startsWith("param_")) {
      throw refused("a parameter that SQL sets; send param_... in the URL");
    }
  }

  private void called(String function) {
    if (access.tableFunctions.contains(function.toLowerCase(Locale.ROOT))) {
      throw refused("the table function " + function.toLowerCase(Locale.ROOT));
    }
  }

  private void keyword(String word) {
    switch (word) {
      case "SET", "SETTINGS", "SETTING" -> settings = true;
      case "DICTIONARY" -> dictionary = true;
      case "OUTFILE" -> {
        if (before.equals("INTO")) {
          expectPath(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed");
        }
      }
      case "INFILE" -> {
        if (before.equals("FROM")) {
          expectPath(
              78,
              "UNKNOWN_TYPE_OF_QUERY",
              "Query has infile and was send directly to server; send the rows as the body");
        }
      }
      default -> {}
    }
  }

  // the path after INTO OUTFILE or FROM INFILE
  private void expectPath(int code, String name, String text) {
    if (access.files == null) {
      throw new EngineException(code, name, text + HOW);
    }
    path = Expected.PATH;
  }

  private void string(long length, String text) {
    if (path == Expected.PATH) {
      path = Expected.NOTHING;
      if (length > SqlLexer.LONGEST || text.startsWith("$")) {
        throw refused("a path that is not in single quotes, or too long");
      }
      inFolder(unquoted(text));
    } else if (access.files != null) {
      // a table may be named by a string, and is then a file
      String name = unquoted(text);
      if (name.startsWith("/") || name.contains("..")) {
        inFolder(length > SqlLexer.LONGEST ? "/" : name);
      }
    }
    if (before.equals("FROM") && "ATTACH".equals(first)) {
      throw refused("ATTACH ... FROM a folder");
    }
    // the columns of values('a UInt8, b String', ...)
    if (before.equals("(")
        && beforeThat.equals("VALUES")
        && (length > SqlLexer.LONGEST
            || !STRUCTURE.matcher(text).matches()
            || EXPRESSION.matcher(text).find())) {
      throw refused("values() with columns that have expressions");
    }
  }

  private void quotedName(String name) {
    if (access.files != null && (name.contains("/") || name.contains(".."))) {
      inFolder(name);
    }
  }

  // with an allowed folder, file is allowed as a call with a path in that folder
  private void fileFunction(String upper) {
    if (path == Expected.BRACKET) {
      if (!upper.equals("(")) {
        throw refused("the function file without a path");
      }
      path = Expected.PATH;
    } else if (path == Expected.PATH) {
      throw refused("a path that is not a string literal in single quotes");
    } else if (access.files != null && upper.equals("FILE")) {
      path = Expected.BRACKET;
    }
  }

  private void inFolder(String name) {
    boolean inside = false;
    if (name.indexOf('{') < 0 && name.indexOf('\0') < 0) {
      try {
        inside = access.files.resolve(name).normalize().startsWith(access.files);
      } catch (InvalidPathException e) {
        // not inside
      }
    }
    if (!inside) {
      throw refused("a path outside the folder of clickhouse.embedded.files, " + access.files);
    }
  }

  /**
   * Allows only a table as the source of a dictionary: ClickHouse checks no grant for the other
   * sources, one of which runs a program, and QUERY and WHERE are SQL in a string.
   */
  private void source(SqlLexer.Kind kind, String upper) {
    boolean right =
        switch (source) {
          case NONE -> {
            if (dictionary && upper.equals("(") && before.equals("SOURCE")) {
              source = Source.KIND;
            }
            yield true;
          }
          case KIND -> {
            source = Source.OPENED;
            yield upper.equals("CLICKHOUSE") || upper.equals("NULL");
          }
          case OPENED -> {
            source = Source.KEY;
            yield upper.equals("(");
          }
          case KEY -> {
            source = upper.equals(")") ? Source.NONE : Source.VALUE;
            yield upper.equals(")") || upper.equals("DB") || upper.equals("TABLE");
          }
          case VALUE -> {
            source = Source.KEY;
            yield kind != SqlLexer.Kind.SIGN;
          }
        };
    if (!right) {
      throw refused("a dictionary's source other than CLICKHOUSE(DB '...' TABLE '...')");
    }
  }

  /**
   * Whether a name may contain a letter written as a hex escape: no other escape produces letters.
   */
  private static boolean hasHexEscape(String name) {
    for (int i = name.indexOf('\\'); i >= 0; i = name.indexOf('\\', i + 2)) {
      if (i + 1 < name.length() && Character.toLowerCase(name.charAt(i + 1)) == 'x') {
        return true;
      }
    }
    return false;
  }

  /** The content of a quoted text, with its escapes resolved. */
  private static String unquoted(String text) {
    if (text.isEmpty() || "'`\"".indexOf(text.charAt(0)) < 0) {
      return text;
    }
    char quote = text.charAt(0);
    StringBuilder plain = new StringBuilder();
    int end = text.length() > 1 && text.charAt(text.length() - 1) == quote ? 1 : 0;
    for (int i = 1; i < text.length() - end; i++) {
      char c = text.charAt(i);
      if (c == '\\' && i + 3 < text.length() && text.charAt(i + 1) == 'x') {
        int high = Character.digit(text.charAt(i + 2), 16);
        int low = Character.digit(text.charAt(i + 3), 16);
        plain.append((char) (16 * high + low));
        i += 3;
      } else if ((c == '\\' || c == quote) && i + 1 < text.length() - end) {
        i++;
        plain.append(text.charAt(i));
      } else {
        plain.append(c);
      }
    }
    return plain.toString();
  }

  private static EngineException refused(String what) {
    return new EngineException(
        497, "ACCESS_DENIED", "the embedded engine does not allow " + what + HOW);
  }
}
