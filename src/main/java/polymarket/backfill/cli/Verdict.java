package polymarket.backfill.cli;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Job;
import polymarket.backfill.verify.Checks;
import polymarket.backfill.verify.Ready;

/** The verdict of {@code ready}: whether the data can be used. */
record Verdict(List<Ready.Line> lines) {

  /** At the end of another command, so many commands to type are shown. */
  private static final int MOST_TO_DO = 3;

  /** Measures what is stored now, and keeps the verdict for the page. */
  static Verdict measure(Settings settings, ClickHouse clickHouse, Checks checks) {
    List<String> jobs = Job.names(Common.home());
    try (LedgerValues ledgers = new LedgerValues(settings, jobs)) {
      Verdict verdict = new Verdict(new Ready(clickHouse, settings, ledgers, checks).measure(jobs));
      Map<String, Object> kept = new LinkedHashMap<>(ReadyCommand.object(verdict));
      kept.put("at", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
      LastChecks.keepReady(settings, kept);
      return verdict;
    }
  }

  boolean yes() {
    return lines.stream().allMatch(Ready.Line::ok);
  }

  /** YES or NO, and how many measures miss their threshold. */
  String summary() {
    return summary(lines.stream().filter(line -> !line.ok()).count(), lines.size());
  }

  static String summary(long missed, long measures) {
    return missed == 0
        ? "YES: all thresholds are met"
        : "NO: " + missed + " of " + Messages.count(measures, "measure") + " miss their threshold";
  }

  /** What to type for the measures that miss their threshold, each command once. */
  List<String> toDo() {
    return lines.stream()
        .filter(line -> !line.ok())
        .map(Ready.Line::toDo)
        .filter(toDo -> !toDo.isEmpty())
        .distinct()
        .toList();
  }

  /** A few lines for the end of another command. */
  String brief() {
    StringBuilder text = new StringBuilder("Is the data ready? " + summary() + "\n");
    List<String> toDo = toDo();
    toDo.stream().limit(MOST_TO_DO).forEach(line -> text.append("  ").append(line).append('\n'));
    if (!yes()) {
      text.append("  ./backfill ready")
          .append(toDo.size() > MOST_TO_DO ? "   shows what else to type" : "   shows all measures")
          .append('\n');
    }
    return text.toString();
  }
}
