package polymarket.backfill.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.benchmark.Benchmark;
import polymarket.backfill.benchmark.Benchmark.Part;
import polymarket.backfill.benchmark.ChainBenchmark;
import polymarket.backfill.benchmark.EnrichBenchmark;
import polymarket.backfill.benchmark.RpcLogsBenchmark;
import polymarket.backfill.benchmark.Scenario;
import polymarket.backfill.job.Job;
import polymarket.backfill.polymarket.TokenIdBenchmark;

/** Measures a job. */
@Command(
    name = "benchmark",
    description = {
      "Measure a job against the sandbox, with the program, the engine and the sandbox in separate"
          + " processes.",
      "",
      "Three parts, each from an empty folder: one process at the source's limit; several that"
          + " share the limit; and one with all limits off, which shows the program's own speed."
          + " For each part it prints the time, the used share of the limit (from the sandbox's"
          + " first request to its last), the highest number of requests in any window as counted"
          + " by the sandbox, requests over the limit, retries, CPU seconds and peak resident"
          + " memory of each process, where the time is spent, and the rows compared with the"
          + " sandbox's truth.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  backfill benchmark payouts",
      "  backfill benchmark payouts --parts off --repeat 5",
      "  backfill benchmark payouts --scale 10 --ids 20000   (a tenth of the time)",
      "  backfill benchmark payouts --memory",
      "  backfill benchmark wallets --ids 2000 --scale 1",
      "  backfill benchmark enrich --joins   (the trades, against a plain copy)"
    })
final class BenchmarkCommand implements Callable<Integer> {

  private static final long MEMORY_IDS = 10_000_000;

  /**
   * Ids per second, by which --memory estimates its duration: loading the list, the run, and
   * comparing.
   */
  private static final double MEMORY_IDS_PER_SECOND = 10_000;

  @Mixin private Common common;

  @Parameters(
      paramLabel = "JOB",
      description =
          "payouts, markets, wallets, fills, chain, rpc-logs; or enrich (the trades), or token-ids"
              + " (computed from conditions).")
  private String name;

  @Option(
      names = "--ids",
      paramLabel = "N",
      description = {
        "Number of ids (default: the job's full size:",
        "170,448 condition ids for payouts, 150,000 markets, 50,000 wallets, 31,248 markets for"
            + " fills,",
        "60,000 blocks for rpc-logs, 1,000 for chain; 16,000,000 trades for enrich)."
      })
  private Long ids;

  @Option(
      names = "--parts",
      paramLabel = "PART",
      split = ",",
      description =
          "Parts to run: one, workers, off (default: all; for markets, which workers cannot share,"
              + " one and off).")
  private List<String> parts;

  @Option(
      names = "--workers",
      paramLabel = "M",
      defaultValue = "4",
      description =
          "Number of processes that share the limit in the part 'workers' (default:"
              + " ${DEFAULT-VALUE}).")
  private int workers;

  @Option(
      names = "--scale",
      paramLabel = "N",
      description =
          "Scale the source's limit and the pace by N, for a shorter run (default: 1, for wallets"
              + " 10, for fills 4).")
  private Double askedScale;

  @Option(
      names = "--repeat",
      paramLabel = "N",
      defaultValue = "1",
      description = "Run each part N times and report the run with the median time.")
  private int repeat;

  @Option(
      names = "--memory",
      description =
          "Run ten million ids (or --ids) instead, with limits off and a heap of 512 MB, to show"
              + " that memory is flat.")
  private boolean memory;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(
      names = "--full",
      description =
          "For enrich: 160.9 million trades instead of 16 million; first prints how much disk they"
              + " need.")
  private boolean full;

  @Option(
      names = "--joins",
      paramLabel = "JOIN",
      split = ",",
      arity = "0..1",
      fallbackValue = "dictionary,direct,hash",
      description =
          "For enrich: measure these ways to look up condition ids (all three without a value).")
  private List<String> joins;

  @Option(
      names = "--narrow",
      description =
          "For enrich: trades with only the six required columns, in a third of the disk space.")
  private boolean narrow;

  @Option(
      names = "--keep",
      description =
          "For enrich: keep the trades if the run fails; the next run with --keep and the same"
              + " number of trades uses them again.")
  private boolean keep;

  @Override
  public Integer call() {
    if (name.equals("enrich")) {
      return enrich();
    }
    if (name.equals("chain")) {
      Map<String, Object> measured =
          new ChainBenchmark(
                  common.settings(), ids == null ? ChainBenchmark.FULL : ids, new Terminal(false))
              .run();
      System.out.print(json ? Report.json(measured) + "\n" : ChainBenchmark.text(measured));
      return Boolean.TRUE.equals(measured.get("right")) ? 0 : 3;
    }
    if (List.of("token-ids", "rpc-logs").contains(name)) {
      return ofTheChain();
    }
    Scenario scenario = Scenario.of(name);
    double scale = askedScale == null ? scenario.scale() : askedScale;
    if (workers < 2 || repeat < 1 || !(scale > 0) || ids != null && ids < 1) {
      throw new UserError(
          "--workers takes a number of at least 2, --repeat and --ids of at least 1, --scale one"
              + " above 0");
    }
    Settings settings = common.settings();
    boolean shared = !Job.read(settings.home(), scenario.job()).isPass();
    if (parts == null) {
      parts = shared ? List.of("one", "workers", "off") : List.of("one", "off");
    } else if (parts.contains("workers") && !shared) {
      throw new UserError(name + " cannot be shared by workers: --parts takes one and off");
    }
    Messages messages = new Terminal(false);
    long full = memory ? MEMORY_IDS : scenario.ids();
    long count = ids == null ? full : ids;
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("job", scenario.job());
    result.put("ids", count);
    result.put("scale", scale);
    result.put("shorter", shorter(scenario, count, full, scale));
    result.put("cores", Runtime.getRuntime().availableProcessors());
    List<Map<String, Object>> done = new ArrayList<>();
    try (Benchmark benchmark = new Benchmark(settings, scenario, common.overrides(), messages)) {
      long needed = count * scenario.diskBytes();
      if (memory) {
        messages.info(
            String.format(
                Locale.ROOT,
                "%s ids take about %s and up to %s of disk in %s",
                Messages.count(count),
                Messages.time(Math.round(count / MEMORY_IDS_PER_SECOND) * 1000 + 5000),
                Benchmark.bytes(needed),
                settings.path("runtime.dir")));
      }
      if (benchmark.freeBytes() < needed) {
        throw new UserError(
            Messages.count(count)
                + " ids need up to "
                + Benchmark.bytes(needed)
                + " of disk in "
                + settings.path("runtime.dir")
                + ", and "
                + Benchmark.bytes(benchmark.freeBytes())
                + " are free: set runtime.dir to another disk, or take fewer with --ids");
      }
      for (Part part : parts(scale)) {
        List<Map<String, Object>> runs = new ArrayList<>();
        for (int i = 0; i < repeat; i++) {
          messages.info(
              part.name() + (repeat > 1 ? ", " + (i + 1) + " of " + repeat : "") + " ...");
          runs.add(benchmark.run(part, count));
        }
        List<Object> times = runs.stream().map(run -> run.get("seconds")).toList();
        runs.sort(Comparator.comparingDouble(run -> ((Number) run.get("seconds")).doubleValue()));
        Map<String, Object> median = runs.get(runs.size() / 2);
        if (repeat > 1) {
          median.put("seconds_of_all_runs", times);
        }
        done.add(median);
      }
    }
    result.put("parts", done);
    boolean right =
        done.stream()
            .allMatch(
                part ->
                    Boolean.TRUE.equals(((Map<?, ?>) part.get("rows")).get("equal"))
                        && number(part, "arrivals_over_the_limit") == 0);
    result.put("right", right);
    if (json) {
      System.out.println(Report.json(result));
    } else {
      System.out.print(text(scenario, result, done));
    }
    return right ? 0 : 3;
  }

  /** Measures the enrichment of the trades, which uses no source, against a plain copy. */
  private int enrich() {
    if (ids != null && ids < 1) {
      throw new UserError("--ids takes a number of at least 1: the trades to generate");
    }
    Settings settings = common.settings();
    Terminal terminal = new Terminal(false);
    Map<String, Object> result;
    try {
      result =
          new EnrichBenchmark(
                  settings,
                  ids != null ? ids : full ? EnrichBenchmark.FULL : EnrichBenchmark.DEFAULT,
                  joins == null ? List.of(settings.text("enrich.join")) : joins,
                  narrow,
                  keep,
                  terminal,
                  terminal::status)
              .run();
    } finally {
      terminal.ended();
    }
    System.out.print(json ? Report.json(result) + "\n" : EnrichBenchmark.text(result));
    return Boolean.TRUE.equals(result.get("right")) ? 0 : 3;
  }

  /** Measures token ids and the scan of logs, which have no parts and no workers. */
  private int ofTheChain() {
    if (ids != null && (ids < 1 || ids > 10_000_000)) {
      throw new UserError(
          "--ids takes a number of 1 to 10,000,000: conditions of token-ids, blocks of rpc-logs");
    }
    boolean logs = name.equals("rpc-logs");
    Map<String, Object> result;
    try {
      result =
          logs
              ? new RpcLogsBenchmark(
                      common.settings(),
                      ids == null ? RpcLogsBenchmark.FULL : ids,
                      new Terminal(false))
                  .run()
              : TokenIdBenchmark.run(
                  ids == null ? TokenIdBenchmark.FULL : ids.intValue(), List.of(1, 2));
    } catch (InterruptedException e) {
      throw new UserError("interrupted");
    }
    System.out.print(
        json
            ? Report.json(result) + "\n"
            : logs ? RpcLogsBenchmark.text(result) : TokenIdBenchmark.text(result));
    return Boolean.FALSE.equals(result.get("right")) ? 3 : 0;
  }

  private List<Part> parts(double scale) {
    if (memory) {
      return List.of(
          new Part(
              "flat memory: one process, limits off, 512 MB of heap",
              1,
              0,
              List.of("-Xmx512m", "-Xlog:gc:file=gc.log")));
    }
    return parts.stream()
        .map(
            part ->
                switch (part) {
                  case "one" -> new Part("one process at the limit", 1, scale, List.of());
                  case "workers" ->
                      new Part(
                          workers + " processes that share the limit", workers, scale, List.of());
                  case "off" -> new Part("one process, limits off", 1, 0, List.of());
                  default ->
                      throw new UserError(
                          "--parts "
                              + part
                              + ": it takes one, workers and off, separated by commas");
                })
        .toList();
  }

  private String shorter(Scenario scenario, long count, long full, double scale) {
    List<String> why = new ArrayList<>();
    if (count < full) {
      why.add(
          Messages.count(count) + " instead of " + Messages.count(full) + " " + scenario.unit());
    }
    if (scale != 1 && !memory && (parts.contains("one") || parts.contains("workers"))) {
      why.add("the limit and the pace times " + String.format(Locale.ROOT, "%.4g", scale));
    }
    return why.isEmpty() ? null : String.join(", ", why);
  }

  private static String text(
      Scenario scenario, Map<String, Object> result, List<Map<String, Object>> parts) {
    StringBuilder text = new StringBuilder();
    text.append(scenario.job())
        .append(": ")
        .append(Messages.count((Long) result.get("ids")))
        .append(' ')
        .append(scenario.unit())
        .append(", ")
        .append(result.get("cores"))
        .append(" cores\n");
    if (result.get("shorter") != null) {
      text.append("A shorter run: ").append(result.get("shorter")).append(".\n");
    }
    for (Map<String, Object> part : parts) {
      text.append('\n').append(part.get("part")).append('\n');
      line(
          text,
          "time",
          "%.1f s from start to end, of these %.1f s before the first batch%s",
          part.get("seconds"),
          part.get("seconds_before_the_first_batch"),
          part.containsKey("seconds_of_all_runs")
              ? " (all runs: " + part.get("seconds_of_all_runs") + ")"
              : "");
      line(
          text,
          "speed",
          "%,d %s/s (%,d with the start), %,d rows/s stored in %,d inserts, %,d rows an insert",
          part.get("ids_per_second"),
          scenario.unit(),
          part.get("ids_per_second_with_start"),
          part.get("rows_per_second"),
          part.get("inserts"),
          part.get("rows_per_insert"));
      if (part.containsKey("limit_used")) {
        line(
            text,
            "limit",
            "%.1f%% of %.4g requests/s used, from the first request to the last, %.1f s later",
            100 * decimal(part, "limit_used"),
            part.get("limit_per_second"),
            part.get("seconds_of_requests"));
        if (part.containsKey("seconds_between_their_starts")) {
          line(
              text,
              "workers",
              "started %.1f s apart, and used %s of their shares",
              part.get("seconds_between_their_starts"),
              ((List<?>) part.get("limit_used_by_each_of_its_part"))
                  .stream()
                      .map(
                          used ->
                              String.format(
                                  Locale.ROOT, "%.1f%%", 100 * ((Number) used).doubleValue()))
                      .toList());
        }
        line(
            text,
            "windows",
            "at most %,d in any %.4g s (%,d are allowed), %,d requests over the limit",
            part.get("highest_in_a_window"),
            part.get("window_seconds"),
            part.get("allowed_in_a_window"),
            part.get("arrivals_over_the_limit"));
      }
      line(text, "requests", "%,d, %,d retries", part.get("requests"), part.get("retries"));
      Map<?, ?> spent = (Map<?, ?>) part.get("seconds_in");
      double all =
          spent.values().stream().mapToDouble(seconds -> ((Number) seconds).doubleValue()).sum();
      List<String> shares = new ArrayList<>();
      spent.forEach(
          (step, seconds) ->
              shares.add(
                  String.format(
                      Locale.ROOT,
                      "%s %.1f s (%.0f%%)",
                      String.valueOf(step).replace('_', ' '),
                      ((Number) seconds).doubleValue(),
                      all == 0 ? 0 : 100 * ((Number) seconds).doubleValue() / all)));
      line(text, "batches", "%s; those in flight at once add up", String.join(", ", shares));
      Map<?, ?> rows = (Map<?, ?>) part.get("rows");
      List<String> kinds = new ArrayList<>();
      scenario.stored().keySet().stream()
          .sorted()
          .forEach(
              kind ->
                  kinds.add(
                      String.format(
                          Locale.ROOT,
                          "%,d %s (truth: %,d)",
                          rows.get(kind),
                          kind,
                          rows.get(kind + "_in_truth"))));
      line(
          text,
          "rows",
          "%s: %s",
          String.join(", ", kinds),
          Boolean.TRUE.equals(rows.get("equal")) ? "equal" : "NOT EQUAL");
      if (part.get("heap") instanceof Map<?, ?> heap) {
        line(
            text,
            "heap",
            "at most %s alive in each third of the time, of %s",
            ((List<?>) heap.get("alive_at_the_most_by_thirds"))
                .stream().map(Benchmark::bytes).toList(),
            Benchmark.bytes(heap.get("limit_bytes")));
        line(
            text,
            "resident",
            "%s at each tenth of the time",
            ((List<?>) part.get("resident_bytes_by_tenths"))
                .stream().map(Benchmark::bytes).toList());
      }
      List<Map<String, Object>> processes = new ArrayList<>();
      for (Object process : (List<?>) part.get("processes")) {
        Map<?, ?> of = (Map<?, ?>) process;
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("process", of.get("process"));
        row.put("CPU seconds", of.get("cpu_seconds"));
        row.put("peak resident", Benchmark.bytes(of.get("peak_resident_bytes")));
        processes.add(row);
      }
      text.append(Report.table(processes).indent(2));
    }
    text.append('\n')
        .append(
            "Other programs that run at the same time affect every figure; CPU seconds suffer"
                + " least.\n");
    return text.toString();
  }

  private static void line(StringBuilder text, String label, String format, Object... values) {
    text.append(String.format(Locale.ROOT, "  %-10s", label))
        .append(String.format(Locale.ROOT, format, values))
        .append('\n');
  }

  private static double decimal(Map<String, Object> map, String key) {
    return ((Number) map.get(key)).doubleValue();
  }

  private static long number(Map<String, Object> map, String key) {
    return map.get(key) instanceof Number number ? number.longValue() : 0;
  }
}
