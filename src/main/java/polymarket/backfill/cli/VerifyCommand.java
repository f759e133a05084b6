package polymarket.backfill.cli;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.State;
import polymarket.backfill.verify.Checks;
import polymarket.backfill.verify.HtmlReport;

/** Runs the checks and measures of a job's SQL file. */
@Command(
    name = "verify",
    description =
        "Check what a job stored: compare measures with thresholds (exit code 3 if one is missed),"
            + " and print tables.",
    footer = {
      "",
      "Each measure M takes --min-M and --max-M, as numbers or shares such as 1%%: verify payouts"
          + " --min-found 120000 --max-failed 1%%.",
      "`backfill verify JOB --measures` lists them."
    })
final class VerifyCommand implements Callable<Integer> {

  private static final int FIRST_ROWS = 5;

  @Mixin private Common common;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      completionCandidates = Names.Jobs.class,
      description =
          "The job, such as payouts; wallet and an address for one wallet; enrichment for the"
              + " enriched trades.")
  private String name;

  @Option(names = "--measures", description = "List the job's measures and stop.")
  private boolean list;

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "Also write the report as one HTML file with charts.")
  private Path report;

  @Option(
      names = "--all",
      description = "Print the tables whole: otherwise, their first " + FIRST_ROWS + " rows.")
  private boolean all;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /**
   * Thresholds with their values, and the address of {@code verify wallet}, because a separate
   * parameter would take a threshold's value.
   */
  @Unmatched private List<String> thresholds = new ArrayList<>();

  @Override
  public Integer call() {
    Settings settings = common.settings();
    if (!Job.names(Common.home()).contains(name)
        && SqlFile.exists(name)
        && SqlFile.read(name).has("id")) {
      Takes.only(spec, "verify " + name, "--json");
      return one(settings, SqlFile.read(name));
    }
    if (!thresholds.isEmpty() && !thresholds.get(0).startsWith("-")) {
      throw new UserError(
          "verify "
              + name
              + " takes no '"
              + thresholds.get(0)
              + "'; to check one wallet, use `backfill verify wallet ADDRESS`");
    }
    // names that are not jobs, such as enrichment, may have a file of checks
    boolean own =
        !Job.names(Common.home()).contains(name)
            && SqlFile.exists(name)
            && SqlFile.read(name).has("verify");
    Job job = own ? null : Job.read(Common.home(), name);
    Checks checks = new Checks(name, own ? SqlFile.read(name) : job.sql(), thresholds);
    if (list) {
      Takes.only(spec, "verify --measures", "--measures");
      System.out.print(checks.list());
      return 0;
    }
    HtmlReport.check(report);
    Checks.Found found;
    Terminal terminal = new Terminal(false);
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      found =
          checks.run(
              clickHouse,
              settings,
              Job.names(Common.home()),
              own ? Memory.of(settings) : ledgerValues(settings, job),
              (title, table) -> terminal.status(name + ": checked " + title));
    } finally {
      terminal.ended();
    }
    if (json) {
      Map<String, Object> results = new LinkedHashMap<>();
      results.put("job", name);
      results.put("checks", found.byTitle());
      results.put("measures", found.values().stream().map(value -> value.line(true)).toList());
      results.put("failed", found.failed());
      System.out.println(Report.json(results));
    } else {
      print(found);
    }
    if (report != null) {
      HtmlReport.write(report, "Check of " + name, List.of(new HtmlReport.Checked(found)));
      if (!json) {
        System.out.println("\nThe report is in " + report);
      }
    }
    if (!found.failed().isEmpty()) {
      System.err.println("backfill: check failed: " + String.join("; ", found.failed()));
      return ExitCode.CHECK_FAILED.code();
    }
    return 0;
  }

  /** Prints the verdict and the measures, missed ones first, if there are any, then the tables. */
  private void print(Checks.Found found) {
    if (!found.values().isEmpty()) {
      printMeasures(found);
    }
    found.tables().forEach(table -> print(table, all ? Integer.MAX_VALUE : FIRST_ROWS));
  }

  private void printMeasures(Checks.Found found) {
    List<String> failed = found.failed();
    System.out.println(
        failed.isEmpty()
            ? name + ": all thresholds are kept"
            : name + ": " + Messages.count(failed.size(), "threshold") + " missed");
    failed.forEach(line -> System.out.println("  " + line));
    System.out.println("\nMeasures");
    System.out.print(
        Report.table(
            found.values().stream()
                .sorted(Comparator.comparing(value -> !value.low() && !value.high()))
                .map(value -> value.line(false))
                .toList()));
  }

  private static void print(Checks.Table table, int most) {
    System.out.println("\n" + table.title());
    if (table.why() != null) {
      System.out.println("  (not checked: " + table.why() + ")");
      return;
    }
    int rows = table.rows().size();
    System.out.print(Report.table(table.rows().subList(0, Math.min(most, rows))));
    if (rows > most) {
      System.out.println("  ... and " + Messages.count(rows - most, "row") + " more: --all");
    }
  }

  /**
   * Prints everything about one id, by the checks of a file with a section {@code -- @id KIND
   * ledger=JOB}.
   */
  private int one(Settings settings, SqlFile sql) {
    SqlFile.Section head = sql.section("id");
    IdKind kind = IdKind.of(head.title(), "src/main/resources/sql/" + name + ".sql");
    List<String> options = thresholds.stream().filter(text -> text.startsWith("-")).toList();
    String id = thresholds.isEmpty() ? null : thresholds.get(0);
    String stored = id == null || thresholds.size() > 1 ? null : kind.normalise(id);
    if (stored == null) {
      throw new UserError(
          !options.isEmpty()
              ? "unknown option '" + options.get(0) + "' of verify " + name
              : "verify "
                  + name
                  + " takes a "
                  + kind.label()
                  + (id == null ? "" : "; '" + id + "' is not one"));
    }
    Map<String, Object> results = new LinkedHashMap<>();
    results.put(name, stored);
    LedgerPlace file = LedgerPlace.of(settings, head.attributes().get("ledger"));
    if (file.exists()) {
      try (Ledger ledger = Ledger.open(file)) {
        Ledger.Entry entry = ledger.entry(stored);
        results.put(
            "ledger",
            entry == null
                ? "never requested"
                : entry.state().text()
                    + (entry.rows() > 0 ? ", rows: " + entry.rows() : "")
                    + (entry.markedAt() > 0
                        ? ", at "
                            + Instant.ofEpochMilli(entry.markedAt()).toString().substring(0, 19)
                            + "Z"
                        : "")
                    + (entry.reason() == null ? "" : ": " + entry.reason()));
      }
    } else {
      results.put("ledger", "none: " + head.attributes().get("ledger") + " has not run here yet");
    }
    if (!json) {
      results.forEach(
          (what, value) ->
              System.out.println(
                  Character.toUpperCase(what.charAt(0)) + what.substring(1) + ": " + value));
    }
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      results.put(
          "checks",
          new Checks(name, sql, List.of())
              .run(
                  clickHouse,
                  settings,
                  Job.names(Common.home()),
                  Map.of("id", stored),
                  (title, table) -> {
                    if (!json) {
                      print(table, Integer.MAX_VALUE);
                    }
                  })
              .byTitle());
    }
    if (json) {
      System.out.println(Report.json(results));
    }
    return 0;
  }

  /**
   * The sums over all jobs that run under its name; an id is absent once, if none of them has it.
   */
  private static Map<String, Object> ledgerValues(Settings settings, Job job) {
    List<String> parts = job.parts(Common.home(), "auto").stream().map(Job::getName).toList();
    try (LedgerValues ledgers = new LedgerValues(settings, parts)) {
      Map<String, Object> values = ledgers.values(parts);
      String named = String.join(",", parts);
      long[] absent = {0};
      ledgers.ids(named, State.ABSENT, id -> absent[0]++);
      values.put(State.ABSENT.text(), absent[0]);
      if (job.idKind() == IdKind.RANGE) {
        long[] numbers = {0};
        for (State done : List.of(State.FOUND, State.ABSENT)) {
          ledgers.ids(
              named,
              done,
              id -> numbers[0] += Ranges.width(id) * Math.max(1, Ranges.datasets(id).size()));
        }
        values.put("numbers", numbers[0]);
      }
      return values;
    }
  }
}
