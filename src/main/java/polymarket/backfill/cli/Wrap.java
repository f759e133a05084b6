package polymarket.backfill.cli;

import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Fits text to the width of the terminal that shows it: a longer line goes on in the next one,
 * below its own text. What is copied or read by programs stays as it is: commands, JSON, lines with
 * tabs, the tables of ClickHouse; and so does a word that is longer than a line.
 */
final class Wrap implements UnaryOperator<String> {

  /**
   * Blanks, and a short word with at least two blanks behind it, such as the verdict of a check.
   */
  private static final Pattern LABEL = Pattern.compile(" *(?:\\S{1,8} {2,})?");

  private static final Pattern AS_IT_IS =
      Pattern.compile("(?s)[\\[{].*| *(?:\\$ )?\\./backfill .*|.*[\\t\\u2500-\\u257f].*");

  private static final int LEAST = 20;

  private final int columns;

  /** Where the last line ended that had no end yet. */
  private int column;

  /**
   * @param columns of the terminal
   */
  Wrap(int columns) {
    this.columns = Math.max(LEAST, columns);
  }

  @Override
  public String apply(String text) {
    StringBuilder wrapped = new StringBuilder();
    for (int from = 0; from < text.length(); ) {
      int end = text.indexOf('\n', from);
      line(wrapped, text.substring(from, end < 0 ? text.length() : end));
      if (end < 0) {
        break;
      }
      wrapped.append('\n');
      column = 0;
      from = end + 1;
    }
    return wrapped.toString();
  }

  private void line(StringBuilder to, String line) {
    if (column + Report.width(line) <= columns || AS_IT_IS.matcher(line).matches()) {
      to.append(line);
      column += Report.width(line);
      return;
    }
    String indent = " ".repeat(indent(line));
    // the blanks before a word stay with it, unless it begins a line
    for (String word : line.split("(?<=[^ ])(?= )")) {
      if (column > indent.length() && column + Report.width(word) > columns) {
        to.append('\n').append(indent);
        column = indent.length();
        word = word.stripLeading();
      }
      to.append(word);
      column += Report.width(word);
    }
  }

  private int indent(String line) {
    Matcher label = LABEL.matcher(line);
    int blanks = line.length() - line.stripLeading().length();
    int below = label.lookingAt() && label.end() > blanks ? label.end() : blanks + 2;
    return Math.min(below, columns / 2);
  }
}
