package polymarket.backfill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The files {@code .env} and {@code .env.local} beside the program. They take what a shell that
 * sources them would take, without substitution: KEY=VALUE, also after {@code export}; a value in
 * single or double quotes; comments that begin with #.
 */
final class EnvFiles {

  private static final List<String> NAMES = List.of(".env", ".env.local");

  private static final Pattern LINE =
      Pattern.compile(
          "(?:export\\s+)?([A-Za-z_][A-Za-z0-9_]*)="
              + "(?:\"(?<double>[^\"]*)\"|'(?<single>[^']*)'|(?<plain>[^\\s\"'#][^\\s\"']*)?)"
              + "(?:\\s+#.*)?");

  /** A value whose quote is opened alone. */
  private static final Pattern OPEN = Pattern.compile("[^=]+=(?:(\")[^\"]*|(')[^']*)");

  private EnvFiles() {}

  /**
   * The variables of both files and of the environment. The environment overrides the files, and
   * .env.local overrides .env.
   *
   * @param folder where the files are; neither has to exist
   * @throws UserError if a file cannot be read; it names file and line and shows no value, because
   *     the files hold secrets
   */
  static Map<String, String> under(Path folder, Map<String, String> environment) {
    Map<String, String> variables = new HashMap<>();
    for (String name : NAMES) {
      Path file = folder.resolve(name);
      if (Files.exists(file)) {
        read(file, variables);
      }
    }
    variables.putAll(environment);
    return variables;
  }

  private static void read(Path file, Map<String, String> variables) {
    List<String> lines;
    try {
      lines = Files.readAllLines(file);
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + UserError.reason(e));
    }
    Map<String, Integer> numbers = new HashMap<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      Matcher entry = LINE.matcher(line);
      if (!entry.matches()) {
        throw new UserError(
            file
                + ", line "
                + (i + 1)
                + (OPEN.matcher(line).matches()
                    ? ": the closing quote of the value is missing"
                    : ": not KEY=VALUE; put a value with spaces, quotes or # in quotes"));
      }
      Integer before = numbers.put(entry.group(1), i + 1);
      if (before != null) {
        throw new UserError(
            file
                + ", line "
                + (i + 1)
                + ": "
                + entry.group(1)
                + " is set in line "
                + before
                + " already; keep one of the two");
      }
      String value = entry.group("double");
      value = value != null ? value : entry.group("single");
      value = value != null ? value : entry.group("plain");
      variables.put(entry.group(1), value == null ? "" : value);
    }
  }
}
