package polymarket.backfill.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Parts;
import polymarket.backfill.ledger.State;
import polymarket.backfill.run.Estimate;
import polymarket.backfill.run.Preview;

/**
 * Reports before a long run what is missing and what it costs to fetch it, from the tables and from
 * a random sample.
 */
@Command(
    name = "diagnose",
    description =
        "Show a job's missing ids, fetch a random sample of them without storing it, and estimate a"
            + " run's result and cost.")
final class DiagnoseCommand implements Callable<Integer> {

  /** The most pages of one id of the sample: enough to see that it is a large one. */
  private static final int PAGES = 10;

  /** The quantile of the normal distribution for an interval of 95 %. */
  private static final double Z = 1.96;

  private static final int ROWS_A_PAGE = 1000;

  @Mixin private Common common;

  @Parameters(
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      completionCandidates = Names.Jobs.class,
      description = "The job: one whose SQL file has a section @missing, as that of fills.")
  private String name;

  @Option(
      names = "--sample",
      paramLabel = "N",
      defaultValue = "50",
      description = "Fetch this many of the missing ids (default: ${DEFAULT-VALUE}; 0 for none).")
  private int size;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Chooses the sample: the same ids for the same seed (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description =
          "File for the missing ids, a JSON array for `run JOB --ids FILE` (default:"
              + " missing-JOB.json in the runtime folder).")
  private Path out;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    if (size < 0) {
      throw new UserError("--sample is " + size + "; it takes a number of at least 0");
    }
    Settings settings = common.settings();
    Job job = Job.read(Common.home(), name);
    SqlFile sql = job.sql();
    if (!sql.has("missing")) {
      throw new UserError(
          "diagnose has no list of the ids that "
              + name
              + " should have; it takes "
              + String.join(
                  ", ",
                  Job.names(Common.home()).stream()
                      .filter(other -> SqlFile.read(other).has("missing"))
                      .toList()));
    }
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("job", name);
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      Views.refresh(clickHouse, settings, Job.names(Common.home()));
      Map<String, Object> coverage =
          clickHouse.rows(sql.section("coverage").sql(Map.of()), Map.of()).get(0);
      long total = ((Number) coverage.get("total")).longValue();
      long covered = ((Number) coverage.get("covered")).longValue();
      if (total == 0) {
        throw new UserError(
            "no table of a source has any market to compare "
                + name
                + " with; `backfill run markets` fetches them");
      }
      List<Job> parts = job.parts(Common.home(), Parts.source(settings, job));
      Path file =
          out != null ? out : settings.path("runtime.dir").resolve("missing-" + name + ".json");
      List<String> sample = new ArrayList<>();
      long[] counts = list(settings, clickHouse, sql, parts, file, sample);
      covered += counts[2];
      report.put("total", total);
      report.put("covered", covered);
      report.put("missing", total - covered);
      report.put("asked_and_absent", counts[0]);
      report.put("to_ask", counts[1]);
      report.put("coverage", share(covered, total));
      report.put("coverage_without_absent", share(covered, total - counts[0]));
      report.put("list", file.toString());
      Map<String, Object> tables = new LinkedHashMap<>();
      sql.sections("diagnosis")
          .forEach(
              section ->
                  tables.put(section.title(), clickHouse.rows(section.sql(Map.of()), Map.of())));
      report.put("tables", tables);
      if (!json) {
        print(report, tables);
      }
      if (counts[1] > 0 && size > 0) {
        sample(settings, clickHouse, job, sample, counts[1], covered, total - counts[0], report);
      }
    }
    if (json) {
      System.out.println(Report.json(report));
    }
    return 0;
  }

  private static double share(long part, long of) {
    return of <= 0 ? 1 : Math.round(10000.0 * part / of) / 10000.0;
  }

  /**
   * Writes the missing ids, except those known to be absent.
   *
   * @param sample receives a random sample of them
   * @return how many are known to be absent, how many were written, and how many are known to be
   *     found, because their rows came with others
   */
  private long[] list(
      Settings settings,
      ClickHouse clickHouse,
      SqlFile sql,
      List<Job> parts,
      Path file,
      List<String> sample) {
    Set<String> absent = new HashSet<>();
    Set<String> found = new HashSet<>();
    String jobs = parts.stream().map(Job::getName).collect(Collectors.joining(","));
    try (LedgerValues ledgers = new LedgerValues(settings, List.of())) {
      ledgers.ids(jobs, State.ABSENT, absent::add);
      ledgers.ids(jobs, State.FOUND, found::add);
    }
    Random random = new Random(seed);
    long[] counts = new long[3];
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      try (JsonGenerator to =
          new ObjectMapper().getFactory().createGenerator(Files.newBufferedWriter(file))) {
        to.writeStartArray();
        clickHouse.stream(
            sql.section("missing").sql(Map.of()),
            Map.of(),
            row -> {
              String id = String.valueOf(row.get("id"));
              if (found.contains(id) || absent.contains(id)) {
                counts[found.contains(id) ? 2 : 0]++;
                return;
              }
              counts[1]++;
              // each id is in the sample with the same chance, whatever the length of the list
              long place =
                  counts[1] <= size ? sample.size() : (long) (random.nextDouble() * counts[1]);
              if (counts[1] <= size) {
                sample.add(id);
              } else if (place < size) {
                sample.set((int) place, id);
              }
              write(to, id);
            });
        to.writeEndArray();
      }
    } catch (IOException e) {
      throw new UserError(
          "cannot write " + file + ": " + UserError.reason(e) + "; give another file with --out");
    }
    return counts;
  }

  private static void write(JsonGenerator to, String id) {
    try {
      to.writeString(id);
      to.writeRaw('\n');
    } catch (IOException e) {
      throw new UserError("the list of missing ids cannot be written: " + UserError.reason(e));
    }
  }

  private void print(Map<String, Object> report, Map<String, Object> tables) {
    System.out.printf(
        Locale.ROOT,
        "%s: %,d of %,d markets are covered (%.1f%%; %.1f%% without those that are known to have"
            + " none)%n",
        name,
        report.get("covered"),
        report.get("total"),
        100 * (Double) report.get("coverage"),
        100 * (Double) report.get("coverage_without_absent"));
    System.out.printf(
        Locale.ROOT,
        "missing: %,d, of which %,d are known to have none; the other %,d are in %s%n",
        report.get("missing"),
        report.get("asked_and_absent"),
        report.get("to_ask"),
        report.get("list"));
    tables.forEach(
        (title, rows) -> {
          System.out.println("\n" + Character.toUpperCase(title.charAt(0)) + title.substring(1));
          @SuppressWarnings("unchecked")
          List<Map<String, Object>> table = (List<Map<String, Object>>) rows;
          System.out.print(Report.table(table));
        });
  }

  /**
   * What a random sample says of all missing ids: sums over the sources that it was fetched from.
   */
  private static final class SampleEstimate {

    private final int sampled;
    private int found;
    private int failed;
    private int calls;
    private long requests;
    private double seconds;
    private boolean atLeast;
    private final Set<String> failures = new HashSet<>();
    private final List<Map<String, Object>> lines = new ArrayList<>();

    SampleEstimate(int sampled) {
      this.sampled = sampled;
    }

    /**
     * Adds what one source answered to its share of the sample.
     *
     * @param batches the fewest requests for all missing ids of the source
     */
    void add(Job part, Preview.Samples of, int own, long ids, long batches) {
      List<Preview.Sample> answered =
          of.samples().stream().filter(one -> one.failure() == null).toList();
      of.samples().stream()
          .filter(one -> one.failure() != null)
          .forEach(one -> failures.add(one.failure()));
      long withRows = answered.stream().filter(one -> one.rows() > 0).count();
      // the requests of every batch, and one more for each further page
      long pages =
          Math.round(
              ids
                  * answered.stream()
                      .mapToLong(one -> one.rows() / ROWS_A_PAGE)
                      .average()
                      .orElse(0));
      long ownRequests = batches + pages;
      double ownSeconds = of.limitPerSecond() > 0 ? ownRequests / of.limitPerSecond() : 0;
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("source", part.getSource());
      line.put("sampled", own);
      line.put("with_rows", withRows);
      line.put("failed", own - answered.size());
      line.put(
          "rows_each",
          Math.round(answered.stream().mapToLong(Preview.Sample::rows).average().orElse(0)));
      line.put("missing_about", ids);
      line.put("requests_about", ownRequests);
      line.put("at_the_limit", Messages.time(Math.round(ownSeconds * 1000)));
      lines.add(line);
      found += (int) withRows;
      failed += own - answered.size();
      calls += of.samples().stream().mapToInt(Preview.Sample::requests).sum();
      requests += ownRequests;
      atLeast |= answered.stream().anyMatch(one -> !one.whole());
      // the parts of a run work in parallel
      seconds = Math.max(seconds, ownSeconds);
    }

    /** The share of the missing ids that have rows. */
    double rate() {
      return sampled == failed ? 0 : (double) found / (sampled - failed);
    }

    double[] interval() {
      return wilson(found, sampled - failed);
    }

    /** The part of the limit that a run should use. */
    double pace() {
      return sampled == 0 || failed == 0 ? 1 : failed <= 0.02 * sampled ? 0.8 : 0.5;
    }
  }

  private void sample(
      Settings settings,
      ClickHouse clickHouse,
      Job job,
      List<String> sample,
      long missing,
      long covered,
      long most,
      Map<String, Object> report) {
    long start = System.nanoTime();
    SampleEstimate estimate = new SampleEstimate(sample.size());
    for (Map.Entry<Job, List<String>> entry :
        Parts.split(settings, clickHouse, Common.home(), job, sample).entrySet()) {
      Job part = entry.getKey();
      List<String> own = entry.getValue();
      Preview.Samples of =
          Preview.sample(settings, part, clickHouse, own, PAGES, new Terminal(true));
      long ids = Math.round(missing * ((double) own.size() / sample.size()));
      estimate.add(part, of, own.size(), ids, Estimate.batches(settings, part, ids));
    }
    double[] interval = estimate.interval();
    report.put("sample", estimate.lines);
    report.put("sample_requests", estimate.calls);
    report.put("sample_failures", estimate.failures);
    report.put("recovery", estimate.rate());
    report.put("recovery_interval_95", interval);
    report.put("expected_coverage", (covered + estimate.rate() * missing) / most);
    report.put(
        "expected_coverage_interval_95",
        new double[] {
          (covered + interval[0] * missing) / most, (covered + interval[1] * missing) / most
        });
    report.put("requests", estimate.requests);
    report.put("seconds_at_the_limit", Math.round(estimate.seconds));
    report.put("recommended_pace", estimate.pace());
    if (!json) {
      System.out.println(
          "\nA random sample, fetched now (seed "
              + seed
              + ") in "
              + Messages.time((System.nanoTime() - start) / 1_000_000)
              + ", nothing stored");
      print(estimate, report);
    }
  }

  private void print(SampleEstimate estimate, Map<String, Object> report) {
    System.out.print(Report.table(estimate.lines));
    estimate.failures.stream()
        .limit(3)
        .forEach(failure -> System.out.println("  failed: " + failure));
    double[] interval = estimate.interval();
    System.out.printf(
        Locale.ROOT,
        "%nOf the missing ids, %.1f%% have rows (95%% interval: %.1f%% to %.1f%%); the others never"
            + " traded, which is normal for some markets.%n",
        100 * estimate.rate(),
        100 * interval[0],
        100 * interval[1]);
    double[] coverage = (double[]) report.get("expected_coverage_interval_95");
    System.out.printf(
        Locale.ROOT,
        "Coverage after a run: %.1f%% expected (95%% interval: %.1f%% to %.1f%%).%n",
        100 * (Double) report.get("expected_coverage"),
        100 * coverage[0],
        100 * coverage[1]);
    double pace = estimate.pace();
    System.out.printf(
        Locale.ROOT,
        "A run takes %s%,d requests, %s at the documented limits%s.%n",
        estimate.atLeast ? "at least " : "about ",
        estimate.requests,
        Messages.time(Math.round(estimate.seconds * 1000)),
        pace < 1
            ? ", "
                + Messages.time(Math.round(estimate.seconds * 1000 / pace))
                + " at the recommended pace"
            : "");
    System.out.printf(
        Locale.ROOT,
        "Recommended: %s%n  ./backfill run %s --ids %s%s%n",
        estimate.failed == 0
            ? "the full pace, no request failed"
            : estimate.failed + " of " + estimate.sampled + " requests failed, so use a lower pace",
        name,
        report.get("list"),
        pace < 1 ? " --pace " + pace : "");
  }

  /**
   * The 95 % confidence interval of a share (Wilson's score interval, which is valid for small
   * samples too).
   */
  static double[] wilson(int found, int of) {
    if (of == 0) {
      return new double[] {0, 1};
    }
    double p = (double) found / of;
    double middle = (p + Z * Z / (2 * of)) / (1 + Z * Z / of);
    double half = Z / (1 + Z * Z / of) * Math.sqrt(p * (1 - p) / of + Z * Z / (4.0 * of * of));
    return new double[] {Math.max(0, middle - half), Math.min(1, middle + half)};
  }
}
