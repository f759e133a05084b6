package polymarket.backfill.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.run.Doctor;

/** Checks what a run needs. */
@Command(
    name = "doctor",
    description =
        "Check what a run needs: Java, disk, ClickHouse and rights, each source with one real"
            + " request, clocks, keys, locks (exit code 3 if a check fails).")
final class DoctorCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    List<Doctor.Finding> findings = Doctor.examine(common.settings(), new Terminal(true));
    List<Doctor.Finding> failed =
        findings.stream().filter(f -> f.verdict() == Doctor.Verdict.FAILED).toList();
    if (json) {
      System.out.println(
          Report.json(
              Map.of(
                  "ok",
                  failed.isEmpty(),
                  "checks",
                  findings.stream().map(DoctorCommand::line).toList())));
    } else {
      findings.forEach(finding -> System.out.print(text(finding)));
      System.out.println(
          failed.isEmpty()
              ? "All checks passed."
              : Messages.count(failed.size(), "check") + " failed.");
    }
    return (failed.isEmpty() ? ExitCode.COMPLETE : ExitCode.CHECK_FAILED).code();
  }

  /** What to do stands below what was found: the two together are longer than a line. */
  private static String text(Doctor.Finding finding) {
    return String.format(
        Locale.ROOT,
        "  %-7s  %s: %s%n%s",
        verdict(finding),
        finding.what(),
        finding.found(),
        finding.toDo().isEmpty() ? "" : "           " + finding.toDo() + System.lineSeparator());
  }

  private static String verdict(Doctor.Finding finding) {
    return finding.verdict().name().toLowerCase(Locale.ROOT);
  }

  private static Map<String, Object> line(Doctor.Finding finding) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("check", finding.what());
    line.put("verdict", verdict(finding));
    line.put("found", finding.found());
    line.put("to_do", finding.toDo());
    return line;
  }
}
