package polymarket.backfill;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Filters everything that this program prints, logs or writes for people: it masks secrets and
 * replaces terminal control characters, whatever their origin. Standard output and error pass
 * through it as a whole ({@link #install}); files, ledgers and JSON are written with {@link
 * #write}, {@link #line} and {@link #json}.
 */
public final class Redaction {

  private static final ObjectMapper JSON =
      new ObjectMapper()
          .registerModule(
              new SimpleModule()
                  .addSerializer(
                      new StdSerializer<String>(String.class) {
                        @Override
                        public void serialize(
                            String value, JsonGenerator to, SerializerProvider provider)
                            throws IOException {
                          to.writeString(text(value));
                        }
                      }));

  private static volatile Secrets secrets = Secrets.NONE;
  private static PrintStream out;
  private static PrintStream err;

  private Redaction() {}

  /**
   * Learns the secrets among settings: those whose names say so, and in URLs the user, the path and
   * the query's values.
   *
   * @param values the settings by their names
   * @param defaults the settings as they come with the program; their words are no secrets
   */
  static synchronized void learn(Map<String, String> values, Map<String, String> defaults) {
    Set<String> words = new HashSet<>();
    defaults.forEach(
        (key, value) -> {
          words.addAll(List.of(key.toLowerCase(Locale.ROOT).split("[^a-z0-9]+")));
          words.addAll(List.of(value.toLowerCase(Locale.ROOT).split("[^a-z0-9]+")));
        });
    Secrets known = secrets;
    for (Map.Entry<String, String> setting : values.entrySet()) {
      if (setting.getValue().startsWith("jdbc:")) {
        known = known.andJdbcUrl(setting.getValue(), words);
      } else if (setting.getValue().contains("://") || setting.getKey().endsWith("url")) {
        for (String url : setting.getValue().split("[\\s,]+")) {
          known = known.andUrl(url, words);
        }
      } else if (Secrets.isSecret(setting.getKey())) {
        known = known.and(setting.getValue(), words);
      }
    }
    secrets = known;
  }

  /** Learns a secret that is no setting, such as one that was made up for this run. */
  public static synchronized void learn(String secret) {
    secrets = secrets.and(secret, Set.of());
  }

  /** A text in one line, without secrets and without characters that control a terminal. */
  public static String line(String text) {
    return text == null ? null : plain(secrets.mask(text), false);
  }

  /** A text that may have several lines, without secrets and control characters. */
  public static String text(String text) {
    return text == null ? null : plain(secrets.mask(text), true);
  }

  private static String plain(String text, boolean lines) {
    StringBuilder plain = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= ' ' && c < 0x7f || lines && (c == '\n' || c == '\t') || !controls(c)) {
        if (plain != null) {
          plain.append(c);
        }
        continue;
      }
      if (plain == null) {
        plain = new StringBuilder(text.length()).append(text, 0, i);
      }
      boolean endOfLine = lines && c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n';
      boolean first = i == 0 || !controls(text.charAt(i - 1));
      if (first && !endOfLine) {
        plain.append(' ');
      }
    }
    return plain == null ? text : plain.toString();
  }

  /** C0, DEL, C1, line and paragraph separators, and what turns the direction of a text. */
  private static boolean controls(char c) {
    return Character.isISOControl(c)
        || c == '\u061c'
        || c == '\u200e'
        || c == '\u200f'
        || c >= '\u2028' && c <= '\u202e'
        || c >= '\u2066' && c <= '\u2069'
        || c == '\ufeff';
  }

  /** Writes JSON whose texts are as {@link #text} gives them. */
  public static ObjectMapper json() {
    return JSON;
  }

  /**
   * Rewrites a file completely or not at all: a reader sees the old text or the new one.
   *
   * @throws IOException where it cannot be written
   */
  public static void write(Path file, String text) throws IOException {
    Path draft = file.resolveSibling(file.getFileName() + ".new");
    Files.writeString(draft, text(text), StandardCharsets.UTF_8);
    Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /**
   * Lets all that is printed from now on pass through here.
   *
   * @param layOut lays standard output out in lines, such as for a terminal's width
   * @param layErr the same for standard error
   */
  public static synchronized void install(
      UnaryOperator<String> layOut, UnaryOperator<String> layErr) {
    if (out == null) {
      out = System.out;
      err = System.err;
      System.setOut(filtered(out, "stdout.encoding", layOut));
      System.setErr(filtered(err, "stderr.encoding", layErr));
    }
  }

  /**
   * Standard output as it is, for the program's own control sequences and for what a person asked
   * for byte by byte.
   */
  public static synchronized PrintStream rawOut() {
    return out == null ? System.out : out;
  }

  /** Standard error as it is, for the program's own control sequences. */
  public static synchronized PrintStream rawErr() {
    return err == null ? System.err : err;
  }

  private static PrintStream filtered(PrintStream to, String encoding, UnaryOperator<String> lay) {
    // the property is there from Java 18 on; before, the streams have the default charset
    String name = System.getProperty(encoding);
    Charset charset = name == null ? Charset.defaultCharset() : Charset.forName(name);
    // without autoflush, which would hand out long lines in parts
    return new PrintStream(new Lines(to, charset, lay), false, charset);
  }

  /** Holds what is printed back until a line is whole, because a secret may come in two parts. */
  private static final class Lines extends OutputStream {

    private final PrintStream to;
    private final Charset charset;
    private final UnaryOperator<String> lay;
    private final ByteArrayOutputStream held = new ByteArrayOutputStream();

    private Lines(PrintStream to, Charset charset, UnaryOperator<String> lay) {
      this.to = to;
      this.lay = lay;
      this.charset = charset;
    }

    @Override
    public synchronized void write(int b) {
      held.write(b);
      if (b == '\n') {
        flush();
      }
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
      int end = offset + length;
      while (end > offset && bytes[end - 1] != '\n') {
        end--;
      }
      held.write(bytes, offset, end - offset);
      if (end > offset) {
        flush();
      }
      held.write(bytes, end, offset + length - end);
    }

    @Override
    public synchronized void flush() {
      if (held.size() > 0) {
        byte[] clean = lay.apply(text(held.toString(charset))).getBytes(charset);
        held.reset();
        to.write(clean, 0, clean.length);
      }
      to.flush();
    }
  }
}
