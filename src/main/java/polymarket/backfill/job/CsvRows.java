package polymarket.backfill.job;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The rows of a CSV text (RFC 4180), separated by commas, semicolons or tabs. */
final class CsvRows {

  private final Characters text;
  private final int longestCell;
  private final int mostColumns;
  private long line;
  private long next;
  private char separator;

  /**
   * @param line the number of the text's first line
   * @param longestCell the most characters of a cell
   * @param mostColumns the most cells of a row
   */
  CsvRows(Characters text, long line, int longestCell, int mostColumns) {
    this.text = text;
    this.next = line;
    this.longestCell = longestCell;
    this.mostColumns = mostColumns;
  }

  /** The number of the line in which the last row began. */
  long line() {
    return line;
  }

  /**
   * Returns the cells of the next row, null at the end; a blank line is a row with one empty cell.
   *
   * @throws ListInput.NoList if a quote is not closed, or a cell or row is too long
   */
  List<String> next() throws IOException {
    line = next;
    int c = text.read();
    if (c < 0) {
      return null;
    }
    List<String> row = new ArrayList<>();
    StringBuilder cell = new StringBuilder();
    boolean quoted = false;
    for (; ; c = text.read()) {
      if (quoted) {
        if (c < 0) {
          throw new ListInput.NoList("line " + line + ": a quote is not closed");
        }
        if (c == '"') {
          quoted = text.peek() == '"';
          if (!quoted) {
            continue;
          }
          text.read();
        }
        next += c == '\n' ? 1 : 0;
        cell.append((char) c);
      } else if (c == '"' && cell.toString().isBlank()) {
        cell.setLength(0);
        quoted = true;
      } else if (c < 0 || c == '\n' || c == '\r') {
        row.add(cell.toString());
        next++;
        if (c == '\r' && text.peek() == '\n') {
          text.read();
        }
        return row;
      } else if (separates((char) c)) {
        row.add(cell.toString());
        cell.setLength(0);
      } else {
        cell.append((char) c);
      }
      if (cell.length() > longestCell || row.size() > mostColumns) {
        throw new ListInput.NoList("line " + line + " is longer than a line of a CSV file may be");
      }
    }
  }

  /** The first of the three outside quotes is the separator of the whole text. */
  private boolean separates(char c) {
    if (separator == 0 && (c == ',' || c == ';' || c == '\t')) {
      separator = c;
    }
    return c == separator;
  }
}
