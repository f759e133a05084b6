package polymarket.backfill.embedded;

import java.nio.charset.StandardCharsets;

/**
 * Splits SQL into tokens like ClickHouse's own lexer (src/Parsers/Lexer.cpp), byte by byte, so that
 * it can process a statement as well as a stream of VALUES. Quotes and blanks outside ASCII, which
 * that lexer treats specially, are rejected, so that both lexers always agree.
 */
final class SqlLexer {
  /**
   * A word, a name in backticks or double quotes, a text in quotes or a heredoc, any other sign.
   */
  enum Kind {
    WORD,
    NAME,
    STRING,
    SIGN
  }

  /** Receives each token at its end. */
  interface Sink {
    /**
     * @param start the token's first byte, from the start of the text
     * @param end the byte after the token
     * @param text the token unchanged, truncated to {@link #LONGEST} bytes
     */
    void token(Kind kind, long start, long end, Text text);
  }

  /** The bytes of a token, decoded to text only on request. */
  interface Text {
    String get();
  }

  private enum State {
    BETWEEN,
    WORD,
    QUOTED,
    ESCAPED,
    QUOTE_SEEN,
    DASH,
    SLASH,
    HASH,
    LINE_COMMENT,
    COMMENT,
    COMMENT_STAR,
    COMMENT_SLASH,
    TAG,
    HEREDOC
  }

  static final int LONGEST = 4096;

  private final Sink sink;
  private final byte[] kept = new byte[LONGEST];
  private final Text text = () -> new String(kept, 0, length(), StandardCharsets.UTF_8);
  private State state = State.BETWEEN;
  private boolean stopped;
  private long position;
  private long start;
  private int quote;
  private int depth;
  private byte[] tag = new byte[0];
  private int matched;

  SqlLexer(Sink sink) {
    this.sink = sink;
  }

  private int length() {
    return (int) Math.min(LONGEST, position - start);
  }

  /** Reads the next bytes. */
  void feed(byte[] bytes, int from, int count) {
    for (int i = from; i < from + count && !stopped; i++) {
      feed(bytes[i]);
    }
  }

  /**
   * @throws EngineException for a byte that is not valid there
   */
  void feed(byte b) {
    // if a token ends before this byte, the byte belongs to the next token
    while (!stopped && !step(b)) {
      // process the byte again
    }
    position++;
  }

  /** Stops reading; for a sink that needs no more tokens. */
  void stop() {
    stopped = true;
  }

  /** Ends the text: an open token ends or is rejected. */
  void end() {
    if (stopped) {
      return;
    }
    switch (state) {
      case WORD, QUOTE_SEEN -> emit(state == State.WORD ? Kind.WORD : quoteKind());
      case DASH, SLASH -> emit(Kind.SIGN);
      case QUOTED, ESCAPED, TAG, HEREDOC -> throw refused("a quote that is not closed");
      case HASH -> throw refused("a '#' that does not start a comment");
      default -> {}
    }
    state = State.BETWEEN;
  }

  private void keep(byte b) {
    if (position - start < LONGEST) {
      kept[(int) (position - start)] = b;
    }
  }

  private boolean step(byte b) {
    switch (state) {
      case BETWEEN -> between(b);
      case WORD -> {
        if (!isWord(b)) {
          return emitBefore(Kind.WORD);
        }
        keep(b);
      }
      case QUOTED -> {
        keep(b);
        state = b == '\\' ? State.ESCAPED : b == quote ? State.QUOTE_SEEN : State.QUOTED;
      }
      case ESCAPED -> {
        keep(b);
        state = State.QUOTED;
      }
      case QUOTE_SEEN -> {
        if (b != quote) {
          return emitBefore(quoteKind());
        }
        keep(b);
        state = State.QUOTED;
      }
      case DASH -> {
        if (b != '-') {
          return emitBefore(Kind.SIGN);
        }
        state = State.LINE_COMMENT;
      }
      case SLASH -> {
        if (b != '/' && b != '*') {
          return emitBefore(Kind.SIGN);
        }
        depth = 1;
        state = b == '/' ? State.LINE_COMMENT : State.COMMENT;
      }
      case HASH -> {
        if (b != ' ' && b != '!') {
          throw refused("a '#' that does not start a comment");
        }
        state = State.LINE_COMMENT;
      }
      case LINE_COMMENT -> state = b == '\n' ? State.BETWEEN : State.LINE_COMMENT;
      case COMMENT, COMMENT_STAR, COMMENT_SLASH -> comment(b);
      case TAG -> tag(b);
      case HEREDOC -> heredoc(b);
    }
    return true;
  }

  // comments can be nested
  private void comment(byte b) {
    if (state == State.COMMENT_STAR && b == '/') {
      depth--;
      state = depth == 0 ? State.BETWEEN : State.COMMENT;
    } else if (state == State.COMMENT_SLASH && b == '*') {
      depth++;
      state = State.COMMENT;
    } else {
      state = b == '*' ? State.COMMENT_STAR : b == '/' ? State.COMMENT_SLASH : State.COMMENT;
    }
  }

  private void between(byte b) {
    if (b == ' ' || b >= 9 && b <= 13) {
      return;
    }
    start = position;
    keep(b);
    if (b == '\'' || b == '"' || b == '`') {
      quote = b;
      state = State.QUOTED;
    } else if (b == '$') {
      state = State.TAG;
    } else if (isWord(b)) {
      state = State.WORD;
    } else if (b == '-') {
      state = State.DASH;
    } else if (b == '/') {
      state = State.SLASH;
    } else if (b == '#') {
      state = State.HASH;
    } else if (b <= 32 || b == 127) {
      throw refused(
          b < 0
              ? "a character outside ASCII that is not in quotes (a quote or blank of a word"
                  + " processor?)"
              : "a control character");
    } else {
      sink.token(Kind.SIGN, start, position + 1, () -> String.valueOf((char) b));
    }
  }

  private void tag(byte b) {
    keep(b);
    if (b == '$') {
      tag = text.get().getBytes(StandardCharsets.UTF_8);
      // the current character belongs to it
      tag = java.util.Arrays.copyOf(tag, tag.length + 1);
      tag[tag.length - 1] = '$';
      matched = 0;
      state = State.HEREDOC;
    } else if (!isWord(b) || position - start > 128) {
      throw refused("a '$' that does not start a $tag$text$tag$");
    }
  }

  // a tag has '$' only at its ends, so that a mismatch can only be the start of a new tag
  private void heredoc(byte b) {
    keep(b);
    matched = b == tag[matched] ? matched + 1 : b == '$' ? 1 : 0;
    if (matched == tag.length) {
      position++;
      emit(Kind.STRING);
      position--;
      state = State.BETWEEN;
    }
  }

  private Kind quoteKind() {
    return quote == '\'' ? Kind.STRING : Kind.NAME;
  }

  private boolean emitBefore(Kind kind) {
    emit(kind);
    state = State.BETWEEN;
    return false;
  }

  private void emit(Kind kind) {
    sink.token(kind, start, position, text);
  }

  private EngineException refused(String what) {
    return new EngineException(
        62, "SYNTAX_ERROR", "Syntax error: at byte " + (position + 1) + ": " + what);
  }

  private static boolean isWord(byte b) {
    return b >= '0' && b <= '9'
        || b >= 'a' && b <= 'z'
        || b >= 'A' && b <= 'Z'
        || b == '_'
        || b == '$';
  }
}
