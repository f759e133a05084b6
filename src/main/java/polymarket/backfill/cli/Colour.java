package polymarket.backfill.cli;

import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Colours what is to be seen at a glance on a terminal: verdicts, failed counts, errors, warnings.
 * It works on finished lines, which are laid out already and have no escape codes of others in
 * them, so that codes change no width. A person turns it off with NO_COLOR (<a
 * href="https://no-color.org">no-color.org</a>) or TERM=dumb.
 */
final class Colour implements UnaryOperator<String> {

  private static final String BAD = "31";
  private static final String GOOD = "32";
  private static final String WARNING = "33";
  private static final String RESET = "\033[0m";

  /** Objects and arrays of JSON are for programs. */
  private static final Pattern JSON = Pattern.compile("[\\[{]");

  /** The words, by the place where this program prints them; each group has its colour. */
  private static final Pattern WORDS =
      Pattern.compile(
          "(?<bad>^NO(?=: )|(?<=^Is the data ready\\? )NO(?=: )|(?<=^  )NO(?=   \\S)|(?<=^ "
              + " )failed(?=   \\S)|^\\d+ checks? failed\\.$|\\d+ thresholds?"
              + " missed$|^backfill:|NOT BALANCED|\\b[1-9][\\d,]* failed\\b|\\bfail(?:ed)?"
              + " [1-9]\\d*(?:,\\d+)*|\\bfinished with failed ids\\b|(?<=: )(?:died|gave up|not"
              + " balanced)(?= a)|(?<=^  [a-z][\\w-]{0,30} {1,30})(?:failed|blocked)(?= "
              + " ))|(?<good>^YES(?=: )|(?<=^Is the data ready\\? )YES(?=: )|(?<=^  )yes(?= "
              + " \\S)|(?<=^  )ok(?=       \\S)|^All checks passed\\.$|(?<=: )complete(?= a)|all"
              + " thresholds are kept$|(?<=^  [a-z][\\w-]{0,30} {1,30})done(?= "
              + " ))|(?<warning>(?<=^\\d\\d:\\d\\d:\\d\\d (?:[\\w-]{1,30}: )?)warning:|(?<=^ "
              + " )skipped(?=  \\S)|(?<=: )interrupted(?= a)|(?<=^  [a-z][\\w-]{0,30}"
              + " {1,30})(?:cut|skipped|waiting)(?=  ))");

  private static final Map<String, String> COLOURS =
      Map.of("bad", BAD, "good", GOOD, "warning", WARNING);

  /**
   * What colours lines for standard output or error.
   *
   * @param terminal whether a terminal shows it
   */
  static UnaryOperator<String> of(boolean terminal) {
    return of(terminal, System.getenv());
  }

  static UnaryOperator<String> of(boolean terminal, Map<String, String> environment) {
    return terminal
            && environment.getOrDefault("NO_COLOR", "").isEmpty()
            && !"dumb".equals(environment.get("TERM"))
        ? new Colour()
        : UnaryOperator.identity();
  }

  @Override
  public String apply(String text) {
    StringBuilder coloured = new StringBuilder(text.length());
    for (int from = 0; from < text.length(); ) {
      int end = text.indexOf('\n', from);
      end = end < 0 ? text.length() : end + 1;
      line(coloured, text.substring(from, end));
      from = end;
    }
    return coloured.toString();
  }

  private static void line(StringBuilder to, String line) {
    if (JSON.matcher(line).lookingAt()) {
      to.append(line);
      return;
    }
    Matcher word = WORDS.matcher(line);
    int from = 0;
    while (word.find()) {
      String colour =
          COLOURS.get(
              word.group("bad") != null ? "bad" : word.group("good") != null ? "good" : "warning");
      to.append(line, from, word.start())
          .append("\033[")
          .append(colour)
          .append('m')
          .append(word.group())
          .append(RESET);
      from = word.end();
    }
    to.append(line, from, line.length());
  }
}
