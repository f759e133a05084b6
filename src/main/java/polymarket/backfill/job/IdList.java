package polymarket.backfill.job;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.zip.ZipException;
import polymarket.backfill.Access;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Nearest;
import polymarket.backfill.UserError;

/**
 * Reads a list of ids: text with ids between line ends, commas or blanks, quoted or not; JSON
 * arrays or lines of strings; or one column of a CSV file or one field of JSON objects. Plain or
 * gzipped, from a file, a pipe or standard input. The list is streamed, so its length does not
 * matter, and read to its end: invalid entries are reported too.
 */
public final class IdList {

  /** Longer than any id with the characters that a file may have around it. */
  private static final int LONGEST_ENTRY = 1 << 16;

  /** Other columns may hold long texts, such as a question or a description. */
  private static final int LONGEST_CELL = 1 << 20;

  private static final int MOST_COLUMNS = 10_000;

  /** After this many invalid entries, reading stops if the list has fewer ids. */
  private static final long HOPELESS = 100_000;

  private static final int SHOWN = 200;

  /** An entry that is not an id. */
  public record Bad(long line, String text) {}

  /**
   * The counts of a list.
   *
   * @param entries whether a line may have several entries
   * @param ids the number of ids, including repeated ones
   * @param bad the number of invalid entries, or of lines without an id
   */
  public record Summary(boolean entries, long ids, long bad) {

    /** A number of its parts in words: 1 line, 3 entries. */
    public String parts(long n) {
      return entries
          ? Messages.count(n) + (n == 1 ? " entry" : " entries")
          : Messages.count(n, "line");
    }
  }

  private final String name;
  private final IdKind kind;
  private final String column;
  private final Consumer<String> to;
  private final Consumer<Bad> toBad;
  private long ids;
  private long bad;
  private Bad firstBad;
  private boolean entries;

  private IdList(
      String name, IdKind kind, String column, Consumer<String> to, Consumer<Bad> toBad) {
    this.name = name;
    this.kind = kind;
    this.column = column;
    this.to = to;
    this.toBad = toBad;
  }

  /**
   * Checks that a list exists, before anything is started for it.
   *
   * @throws UserError if it is not a file, or in a folder that the user has no permission for
   */
  public static void check(String source, IdKind kind) {
    if (!source.equals("-") && (source.isEmpty() || !Access.exists(Path.of(source)))) {
      throw new UserError(
          (source.isEmpty() ? "''" : source)
              + ": no such file. --ids takes a file with one "
              + kind.label()
              + " a line or a JSON array, plain or .gz, or - for standard input");
    }
    if (!source.equals("-") && Files.isDirectory(Path.of(source))) {
      throw new UserError(source + ": is a folder; --ids takes a file");
    }
  }

  /** Reads a whole list without a column; see the other method. */
  public static Summary read(String source, IdKind kind, Consumer<String> ids, Consumer<Bad> bad) {
    return read(source, kind, null, () -> false, ids, bad);
  }

  /**
   * @param source a path, or - for standard input
   * @param column of a CSV file, by the name in its first line, or the field of JSON objects, that
   *     holds the ids; null if the list has nothing else
   * @param stopped whether the run is ending, which ends the wait for a pipe
   * @param ids receives each id in its stored form, in the order of the list, including repeated
   *     ones
   * @param bad receives each entry that is not an id
   * @return how many; an empty list, such as one of what is missing, is none
   * @throws UserError if the list cannot be read, or has more invalid entries than ids
   */
  public static Summary read(
      String source,
      IdKind kind,
      String column,
      BooleanSupplier stopped,
      Consumer<String> ids,
      Consumer<Bad> bad) {
    check(source, kind);
    String name = source.equals("-") ? "standard input" : source;
    IdList list = new IdList(name, kind, column, ids, bad);
    try (InputStream raw = ListInput.raw(source, stopped)) {
      list.read(raw);
    } catch (IOException e) {
      throw list.failure(e);
    }
    return list.summary();
  }

  /** Whether a source can be read only once, so that several jobs need a {@link #copy}. */
  public static boolean once(String source) {
    return ListInput.once(source);
  }

  /**
   * Copies a list, for several jobs that each read it. Like reading, copying stops if the source is
   * not a list.
   */
  public static void copy(
      String source, IdKind kind, String column, BooleanSupplier stopped, Path file) {
    String name = source.equals("-") ? "standard input" : source;
    IdList list = new IdList(name, kind, column, id -> {}, entry -> {});
    try (InputStream raw = ListInput.raw(source, stopped);
        OutputStream out = Files.newOutputStream(file);
        InputStream both =
            new FilterInputStream(raw) {
              @Override
              public int read(byte[] buffer, int offset, int length) throws IOException {
                int count = super.read(buffer, offset, length);
                out.write(buffer, offset, Math.max(0, count));
                return count;
              }

              @Override
              public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
              }
            }) {
      list.read(both);
    } catch (IOException e) {
      throw list.failure(e);
    }
  }

  private UserError failure(IOException e) {
    if (e instanceof ListInput.Interrupted) {
      return new UserError(name + ": " + e.getMessage(), ExitCode.INTERRUPTED);
    }
    if (e instanceof JacksonException json) {
      return new UserError(
          name
              + (json.getLocation() == null ? "" : ": line " + json.getLocation().getLineNr())
              + ": not JSON with ids: "
              // without the parser's notes on its own source
              + json.getOriginalMessage()
                  .lines()
                  .findFirst()
                  .orElse("")
                  .replaceAll(" ?\\(start marker at .*|\\[Source: [^]]*]", ""));
    }
    return new UserError(
        e instanceof ListInput.NoList
            ? name + ": " + e.getMessage() + ": not a list of ids"
            : e instanceof ZipException || e instanceof java.io.EOFException
                ? name + ": is not a complete gzip file: " + e.getMessage()
                : name + ": cannot be read: " + UserError.reason(e));
  }

  private Summary summary() {
    Summary summary = new Summary(entries, ids, bad);
    if (bad > ids) {
      throw new UserError(mostlyBad(summary));
    }
    return summary;
  }

  private String mostlyBad(Summary summary) {
    return name
        + ": "
        + (ids > 0
            ? summary.parts(bad) + " of " + Messages.count(ids + bad) + " are not a "
            : bad == 1
                ? "its only " + (entries ? "entry" : "line") + " is not a "
                : "none of its " + summary.parts(bad) + " is a ")
        + kind.label()
        + "; line "
        + firstBad.line()
        + " is '"
        + Messages.shown(firstBad.text())
        + "'"
        + (column == null
            ? ". Nothing was requested; --column NAME takes the ids from one column of a CSV file"
                + " or one field of JSON objects"
            : ". Nothing was requested; is " + column + " the name of its column or field?");
  }

  private void id(String id) {
    ids++;
    to.accept(id);
  }

  private void bad(long line, String text) throws IOException {
    Bad entry = new Bad(line, text.length() > SHOWN ? text.substring(0, SHOWN) : text);
    firstBad = firstBad == null ? entry : firstBad;
    toBad.accept(entry);
    if (++bad > HOPELESS && bad > ids) {
      throw new ListInput.NoList(
          Messages.count(bad)
              + " of its first "
              + Messages.count(ids + bad)
              + " entries are not a "
              + kind.label());
    }
  }

  private void read(InputStream raw) throws IOException {
    Characters text = ListInput.text(raw);
    long line = 1;
    int first;
    while ((first = text.peek()) >= 0 && Character.isWhitespace(first)) {
      line += text.read() == '\n' ? 1 : 0;
    }
    if (first < 0) {
      return;
    }
    if (first == '[' || first == '{') {
      json(text, line);
    } else if (column != null) {
      csv(text, line);
    } else {
      lines(text, line);
    }
  }

  /** Ids between line ends and, if an id cannot contain them, commas, semicolons and blanks. */
  private void lines(Characters text, long line) throws IOException {
    char[] entry = new char[LONGEST_ENTRY];
    char[] shown = new char[SHOWN];
    int length = 0;
    int shownLength = 0;
    List<String> waiting = new ArrayList<>();
    long onLine = 0;
    boolean afterReturn = false;
    int c;
    do {
      c = text.read();
      boolean newLine = c == '\r' || c == '\n';
      if (c == '\n' && afterReturn) {
        afterReturn = false;
        continue;
      }
      afterReturn = c == '\r';
      if (c >= 0 && !newLine && !kind.separates((char) c)) {
        if (length == LONGEST_ENTRY) {
          throw new ListInput.NoList(
              "line "
                  + line
                  + " has an entry of more than "
                  + Messages.count(LONGEST_ENTRY)
                  + " characters");
        }
        entry[length++] = (char) c;
        if (shownLength < SHOWN) {
          shown[shownLength++] = (char) c;
        }
        continue;
      }
      String stripped = new String(entry, 0, length).strip();
      length = 0;
      if (!stripped.isEmpty()) {
        String written = unquoted(stripped);
        String id = written.isEmpty() ? null : kind.normalise(written);
        if (id != null) {
          long before = bad;
          for (String other : waiting) {
            bad(line, other);
          }
          waiting.clear();
          id(id);
          entries |= onLine++ > 0 || bad > before;
        } else if (onLine > 0 || waiting.size() == SHOWN) {
          entries = true;
          bad(line, written);
        } else {
          waiting.add(written);
        }
      }
      if (c >= 0 && !newLine) {
        if (shownLength < SHOWN) {
          shown[shownLength++] = (char) c;
        }
        continue;
      }
      if (!waiting.isEmpty()) {
        bad(line, new String(shown, 0, shownLength).strip());
      }
      waiting.clear();
      shownLength = 0;
      onLine = 0;
      line++;
    } while (c >= 0);
  }

  private static String unquoted(String text) {
    int end = text.length() - 1;
    return end > 0
            && text.charAt(0) == text.charAt(end)
            && (text.charAt(0) == '"' || text.charAt(0) == '\'')
        ? text.substring(1, end)
        : text;
  }

  /** JSON values one after the other: arrays and their elements, strings, objects. */
  private void json(Reader text, long line) throws IOException {
    entries = true;
    try (JsonParser parser = new JsonFactory().createParser(text)) {
      JsonToken token;
      while ((token = parser.nextToken()) != null) {
        if (token != JsonToken.START_ARRAY) {
          element(parser, line - 1);
          continue;
        }
        while ((token = parser.nextToken()) != JsonToken.END_ARRAY) {
          if (token == null) {
            throw new JsonParseException(parser, "the array is not closed");
          }
          element(parser, line - 1);
        }
      }
    }
  }

  private void element(JsonParser parser, long before) throws IOException {
    long line = before + parser.currentTokenLocation().getLineNr();
    String text = parser.currentToken().isScalarValue() ? parser.getText() : null;
    if (parser.currentToken() == JsonToken.START_OBJECT) {
      String other = null;
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String field = parser.currentName();
        boolean value = parser.nextToken().isScalarValue();
        if (value && field.equalsIgnoreCase(column)) {
          text = parser.getText();
        } else if (other == null) {
          String quote = parser.currentToken() == JsonToken.VALUE_STRING ? "\"" : "";
          String shown = value ? quote + parser.getText() + quote : "...";
          other = "{\"" + field + "\":" + shown + ", ...}";
        }
        parser.skipChildren();
      }
      if (text == null) {
        bad(line, other == null ? "{}" : other);
        return;
      }
    } else if (text == null) {
      parser.skipChildren();
    }
    String id = text == null ? null : kind.normalise(text);
    if (id != null) {
      id(id);
    } else {
      bad(line, text == null ? "[...]" : text);
    }
  }

  /**
   * One column of a CSV file (RFC 4180, also with semicolons or tabs), whose first line names them.
   */
  private void csv(Characters text, long line) throws IOException {
    entries = false;
    CsvRows rows = new CsvRows(text, line, LONGEST_CELL, MOST_COLUMNS);
    List<String> head = rows.next();
    int at = place(head);
    if (at < 0) {
      throw new UserError(
          name
              + ": line "
              + rows.line()
              + ": has no column "
              + column
              + "; it has "
              + Messages.shown(String.join(", ", head))
              + "."
              + Nearest.hint(column, head.stream().filter(cell -> cell.length() < SHOWN).toList()));
    }
    for (List<String> row; (row = rows.next()) != null; ) {
      int again = place(row);
      if (again >= 0) {
        // the first line of another file that was appended to this one
        at = again;
        continue;
      }
      String cell = at < row.size() ? row.get(at) : "";
      String id = kind.normalise(cell);
      if (id != null) {
        id(id);
      } else if (row.size() > 1 || !row.get(0).isBlank()) {
        bad(rows.line(), cell);
      }
    }
  }

  private int place(List<String> row) {
    for (int i = 0; i < row.size(); i++) {
      if (row.get(i).strip().equalsIgnoreCase(column)) {
        return i;
      }
    }
    return -1;
  }
}
