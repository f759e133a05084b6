package polymarket.backfill.job;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import polymarket.backfill.UserError;

/**
 * Reads a list of ids: a text file with one a line, a JSON array of strings, either of them
 * gzipped, or standard input. It is streamed, so its length does not matter.
 */
public final class IdList {

  /** An entry that is no id. */
  public record Bad(long line, String text) {}

  private IdList() {}

  /**
   * @param array whether it is a JSON array, of which several entries may stand on a line
   */
  public record Kind(boolean array) {

    /** What it is made of, in words: 1 line, 3 entries. */
    public String parts(long n) {
      return array
          ? Messages.count(n) + (n == 1 ? " entry" : " entries")
          : Messages.count(n, "line");
    }
  }

  /**
   * Sees whether there is such a list at all, before anything is started for it.
   *
   * @throws UserError where it is no file
   */
  public static void check(String source, IdKind kind) {
    if (!source.equals("-") && !Files.exists(Path.of(source))) {
      throw new UserError(
          source
              + ": no such file. --ids takes a file with one "
              + kind.label()
              + " a line or a JSON array, plain or .gz, or - for standard input");
    }
    if (!source.equals("-") && Files.isDirectory(Path.of(source))) {
      throw new UserError(source + ": is a folder; --ids takes a file");
    }
  }

  /**
   * @param source a path, or - for standard input
   * @param ids takes each id in its stored form, in the order of the list, repeated ones too
   * @param bad takes each entry that is no id
   * @return which kind of list it is
   * @throws UserError where the list cannot be read, or holds nothing at all
   */
  public static Kind read(String source, IdKind kind, Consumer<String> ids, Consumer<Bad> bad) {
    String name = source.equals("-") ? "standard input" : source;
    Path path = source.equals("-") ? null : Path.of(source);
    check(source, kind);
    try (InputStream file = path == null ? System.in : Files.newInputStream(path);
        InputStream in = plain(file)) {
      boolean[] any = {false};
      Consumer<String> entry =
          id -> {
            any[0] = true;
            ids.accept(id);
          };
      Consumer<Bad> noEntry =
          found -> {
            any[0] = true;
            bad.accept(found);
          };
      boolean array = startsWithBracket(in);
      if (array) {
        array(in, kind, entry, noEntry);
      } else {
        lines(in, kind, entry, noEntry);
      }
      if (!any[0]) {
        throw new UserError(
            name + ": is empty; it should hold one " + kind.label() + " a line, or a JSON array");
      }
      return new Kind(array);
    } catch (JsonParseException e) {
      throw new UserError(
          name
              + ": line "
              + e.getLocation().getLineNr()
              + ": not a JSON array of ids: "
              + e.getOriginalMessage());
    } catch (ZipException | java.io.EOFException e) {
      throw new UserError(name + ": is not a whole gzip file: " + e.getMessage());
    } catch (IOException e) {
      throw new UserError(name + ": cannot be read: " + e.getMessage());
    }
  }

  private static InputStream plain(InputStream file) throws IOException {
    BufferedInputStream in = new BufferedInputStream(file, 1 << 16);
    in.mark(2);
    int first = in.read();
    int second = in.read();
    in.reset();
    return new BufferedInputStream(
        first == 0x1f && second == 0x8b ? new GZIPInputStream(in, 1 << 16) : in, 1 << 16);
  }

  /** Leaves the stream at the first character that is neither blank nor a byte order mark. */
  private static boolean startsWithBracket(InputStream in) throws IOException {
    in.mark(3);
    if (in.read() != 0xEF || in.read() != 0xBB || in.read() != 0xBF) {
      in.reset();
    }
    int limit = 1 << 15;
    in.mark(limit);
    int c = in.read();
    for (int read = 1; c >= 0 && Character.isWhitespace(c) && read < limit; read++) {
      c = in.read();
    }
    in.reset();
    return c == '[';
  }

  private static void lines(InputStream in, IdKind kind, Consumer<String> ids, Consumer<Bad> bad)
      throws IOException {
    BufferedReader reader =
        new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8), 1 << 16);
    String line;
    for (long number = 1; (line = reader.readLine()) != null; number++) {
      if (line.isBlank()) {
        continue;
      }
      String id = kind.normalise(line);
      if (id == null) {
        bad.accept(new Bad(number, line.strip()));
      } else {
        ids.accept(id);
      }
    }
  }

  private static void array(InputStream in, IdKind kind, Consumer<String> ids, Consumer<Bad> bad)
      throws IOException {
    try (JsonParser parser = new JsonFactory().createParser(in)) {
      parser.nextToken();
      JsonToken token;
      while ((token = parser.nextToken()) != JsonToken.END_ARRAY) {
        if (token == null) {
          throw new JsonParseException(parser, "the array does not end");
        }
        long line = parser.currentTokenLocation().getLineNr();
        String id = token == JsonToken.VALUE_STRING ? kind.normalise(parser.getText()) : null;
        if (id != null) {
          ids.accept(id);
        } else {
          bad.accept(new Bad(line, parser.getText()));
          parser.skipChildren();
        }
      }
    }
  }
}
