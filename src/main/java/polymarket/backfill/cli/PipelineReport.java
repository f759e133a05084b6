package polymarket.backfill.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import polymarket.backfill.Redaction;
import polymarket.backfill.UserError;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.pipeline.PipelineFiles;
import polymarket.backfill.pipeline.PipelineStatus;
import polymarket.backfill.pipeline.StepState;
import polymarket.backfill.verify.HtmlReport;

/**
 * The report at the end of a pipeline's run, as text and as an HTML page: the steps, the decisions,
 * and the output of the steps that the pipeline's file includes in it.
 */
final class PipelineReport {

  private final StringBuilder text = new StringBuilder();
  private final List<HtmlReport.Part> html = new ArrayList<>();

  private PipelineReport() {}

  /**
   * The text of a report.
   *
   * @param steps its begin: how the pipeline ended, and the table of the steps
   */
  record Text(String steps, String whole) {}

  /** Writes both files. */
  static Text write(Pipeline pipeline, PipelineStatus status, PipelineFiles files) {
    PipelineReport report = new PipelineReport();
    report.steps(pipeline, status);
    String steps = report.text.toString();
    report.decisions(status);
    for (PipelineStatus.StepStatus step : status.steps()) {
      if (pipeline.step(step.step()).report() && step.state() == StepState.DONE) {
        report.output(pipeline.step(step.step()), files.out(step.step()));
      }
    }
    try {
      Redaction.write(files.report(), report.text.toString());
    } catch (IOException e) {
      throw UserError.unwritable(files.report(), e);
    }
    HtmlReport.write(files.page(), pipeline.title(), report.html);
    return new Text(steps, report.text.toString());
  }

  private void steps(Pipeline pipeline, PipelineStatus status) {
    List<String> cut =
        status.steps().stream()
            .filter(step -> step.state().isShort())
            .map(step -> step.state().text() + " " + step.step())
            .toList();
    String head =
        status.pipeline()
            + ": "
            + status.state().text()
            + " after "
            + PipelineView.time(status.spentSeconds())
            + " of "
            + PipelineView.time(status.budgetSeconds())
            + " (pass "
            + status.pass()
            + ")"
            + (cut.isEmpty() ? "" : ", with the data available in time: " + String.join(", ", cut));
    List<Map<String, Object>> rows = new ArrayList<>();
    for (PipelineStatus.StepStatus step : status.steps()) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("step", step.step());
      row.put("state", step.state().text());
      row.put("tries", step.tries());
      row.put("took", PipelineView.time(step.seconds()));
      row.put("requests", step.requests());
      row.put("command", step.command());
      row.put("note", step.reason() == null ? "" : step.reason());
      rows.add(row);
    }
    text.append(pipeline.title() + "\n\n" + head + "\n" + Report.table(rows));
    html.add(new HtmlReport.Line(head));
    html.add(new HtmlReport.Rows(rows));
  }

  private void decisions(PipelineStatus status) {
    if (status.decisions().isEmpty()) {
      return;
    }
    text.append("\nDecisions\n");
    html.add(new HtmlReport.Heading("Decisions"));
    for (PipelineStatus.Decision decision : status.decisions()) {
      String line =
          decision.at()
              + " "
              + (decision.step().isEmpty() ? "" : decision.step() + ": ")
              + decision.decision();
      text.append("  ").append(line).append('\n');
      html.add(new HtmlReport.Line(line));
    }
  }

  /** What a step printed, or the page that it wrote. */
  private void output(Pipeline.Step step, Path out) {
    if (!Files.exists(out)) {
      return;
    }
    String title =
        step.title().isEmpty()
            ? step.name()
            : step.title().substring(0, 1).toUpperCase(Locale.ROOT) + step.title().substring(1);
    String printed;
    try {
      printed = Files.readString(out).strip();
    } catch (IOException e) {
      throw new UserError("cannot read " + out + ": " + UserError.reason(e));
    }
    text.append("\n").append(title).append("\n\n").append(printed).append("\n");
    html.add(new HtmlReport.Heading(title));
    html.add(
        step.html() != null && Files.exists(step.html())
            ? HtmlReport.content(step.html())
            : new HtmlReport.Printed(printed));
  }
}
