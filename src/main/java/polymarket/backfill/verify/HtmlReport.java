package polymarket.backfill.verify;

import gg.jte.ContentType;
import gg.jte.TemplateEngine;
import gg.jte.output.StringOutput;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Redaction;
import polymarket.backfill.UserError;

/**
 * Writes a report as one HTML file that needs nothing else, from the templates in
 * src/main/jte/report. A check's section asks for a chart by {@code chart=columns}, {@code bars},
 * {@code funnel} or {@code strip} (see {@link Chart}).
 */
public final class HtmlReport {

  private static final String BEGIN = "<main>\n";
  private static final String END = "</main>";

  private HtmlReport() {}

  /** A part of a report's page. */
  public sealed interface Part {}

  /** A part's title. */
  public record Heading(String text) implements Part {}

  /** A line of text. */
  public record Line(String text) implements Part {}

  /** A text as a terminal shows it. */
  public record Printed(String text) implements Part {}

  /**
   * A table.
   *
   * @param rows at least one; the first one's names are the titles
   */
  public record Rows(List<Map<String, Object>> rows) implements Part {}

  /**
   * A chart of bars.
   *
   * @param rows at least one: its first value is a bar's label, its first number the length
   */
  public record Bars(List<Map<String, Object>> rows) implements Part {}

  /** Checks and measures, with charts. */
  public record Checked(Checks.Found found) implements Part {}

  /**
   * The content of a page that this class wrote earlier.
   *
   * @param html is not escaped again
   */
  public record Written(String html) implements Part {}

  /**
   * To be called before the work whose page is written at its end.
   *
   * @param file null where none is
   * @throws UserError where the file cannot be written
   */
  public static void check(Path file) {
    if (file == null) {
      return;
    }
    try {
      folder(file);
      if (Files.isDirectory(file)) {
        throw new IOException("it is a folder");
      }
      if (!Files.isWritable(Files.exists(file) ? file : file.toAbsolutePath().getParent())) {
        throw new AccessDeniedException(file.toString());
      }
    } catch (IOException e) {
      throw refused(file, e);
    }
  }

  private static void folder(Path file) throws IOException {
    if (file.toAbsolutePath().getParent() != null) {
      Files.createDirectories(file.toAbsolutePath().getParent());
    }
  }

  private static UserError refused(Path file, IOException e) {
    return new UserError(
        "cannot write " + file + ": " + UserError.reason(e) + "; choose another file");
  }

  /**
   * Writes a page.
   *
   * @param parts in their order
   * @throws UserError where the file cannot be written
   */
  public static void write(Path file, String title, List<Part> parts) {
    StringOutput html = new StringOutput();
    TemplateEngine.createPrecompiled(ContentType.Html)
        .render(
            "report/page.jte",
            Map.of(
                "title",
                title,
                "written",
                Instant.now().truncatedTo(ChronoUnit.MINUTES).toString(),
                "parts",
                parts),
            html);
    try {
      folder(file);
      Files.writeString(file, Redaction.text(html.toString()));
    } catch (IOException e) {
      throw refused(file, e);
    }
  }

  /**
   * The content below the title of a page that this class wrote, to be included in another one.
   *
   * @throws UserError where it cannot be read
   */
  public static Part content(Path file) {
    try {
      String html = Files.readString(file);
      int end = html.lastIndexOf(END);
      // texts are escaped: no data has these in it
      return html.contains(BEGIN) && end >= 0
          ? new Written(html.substring(html.indexOf(BEGIN) + BEGIN.length(), end))
          : new Printed(html);
    } catch (IOException e) {
      throw new UserError("cannot read " + file + ": " + UserError.reason(e));
    }
  }
}
