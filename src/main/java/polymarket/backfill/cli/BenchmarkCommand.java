package polymarket.backfill.cli;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import polymarket.backfill.Messages;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.benchmark.AuditBenchmark;
import polymarket.backfill.benchmark.Benchmark;
import polymarket.backfill.benchmark.Benchmark.Part;
import polymarket.backfill.benchmark.BenchmarkException;
import polymarket.backfill.benchmark.ChainBenchmark;
import polymarket.backfill.benchmark.EnrichBenchmark;
import polymarket.backfill.benchmark.Figures;
import polymarket.backfill.benchmark.RpcLogsBenchmark;
import polymarket.backfill.benchmark.Scenario;
import polymarket.backfill.benchmark.ServeBenchmark;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.LedgerBenchmark;
import polymarket.backfill.ledger.SharedLedgers;
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
      "  backfill benchmark payouts --noise --repeat 20 --ids 20500",
      "  backfill benchmark wallets --ids 2000 --scale 1",
      "  backfill benchmark enrich --joins   (the trades, against a plain copy)",
      "  backfill benchmark audit --repeat 3   (the laws, against a plain scan)",
      "  backfill benchmark serve --streams 100 --repeat 5   (what open pages cost a run)"
    })
final class BenchmarkCommand implements Callable<Integer> {

  private static final long MEMORY_IDS = 10_000_000;

  /** More than half of the hundredth by which a throttle stays below a limit of 10 seconds. */
  private static final long MOST_LATE_MILLIS = 50;

  private static final int TRIES = 5;

  /**
   * Ids per second, by which --memory estimates its duration: loading the list, the run, and
   * comparing.
   */
  private static final double MEMORY_IDS_PER_SECOND = 10_000;

  @Mixin private Common common;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "JOB",
      description =
          "payouts, resolutions, markets, clob-markets, goldsky-markets, wallets, fills, trades,"
              + " chain, rpc-logs; or enrich (the trades), audit (the laws), ledger (claims and"
              + " marks), token-ids (computed from conditions), or serve (the page's streams).")
  private String name;

  @Option(
      names = "--ids",
      paramLabel = "N",
      description = {
        "Number of ids (default: the job's full size:",
        "170,448 condition ids for payouts, 25,740 for resolutions, 150,000 markets, also for"
            + " clob-markets, 20,000 for goldsky-markets, 50,000 wallets, 31,248 markets for fills,"
            + " 7,301 for trades,",
        "60,000 blocks for rpc-logs, 4,000 for chain; 16,000,000 trades for enrich)."
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
      names = "--members",
      paramLabel = "M",
      description =
          "Measure M members of a shared ledger too, in the PostgreSQL database of cluster.url,"
              + " which must have no ledger of the job: pace and take-over after a kill, and speed"
              + " with limits off, of one process with a ledger of its own, of one member and of"
              + " M.")
  private Integer members;

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
      names = "--latency",
      paramLabel = "MS",
      split = ",",
      description =
          "Run each part once for each of these latencies: milliseconds that every answer of the"
              + " source takes at least (default: 0).")
  private List<Long> latencies = List.of(0L);

  @Option(
      names = "--noise",
      description =
          "Run the part 'one' beside four busy processes for each core. A run in which the"
              + " sandbox, which has a higher priority, was late by more than 50 ms is repeated,"
              + " because its counts may be wrong.")
  private boolean noise;

  @Option(
      names = "--memory",
      description =
          "Run ten million ids (or --ids) instead, with limits off and a heap of 512 MB, to show"
              + " that memory is flat.")
  private boolean memory;

  @Option(
      names = "--peer",
      paramLabel = "PEER",
      description =
          "For payouts: also run a script that fetches the same ids, for comparison: asyncio, in"
              + " Python (skipped where there is no python3). It keeps no checkpoint and stores"
              + " nothing in ClickHouse.")
  private String peer;

  @Option(
      names = "--streams",
      paramLabel = "N",
      defaultValue = "100",
      description = "For serve: how many streams of events are open (default: ${DEFAULT-VALUE}).")
  private int streams;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(
      names = "--full",
      description =
          "For enrich: 160.9 million trades instead of 16 million; first prints how much disk they"
              + " need. For audit: 100 million transfers and fills.")
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
    checkOptions();
    try {
      return switch (name) {
        case "enrich" -> enrich();
        case "token-ids" -> tokenIds();
        case "rpc-logs" -> rpcLogs();
        case "chain" -> chain();
        case "audit" -> audit();
        case "ledger" -> ledger();
        case "serve" -> serve();
        default -> ofAJob();
      };
    } catch (BenchmarkException e) {
      throw new UserError(e.getMessage(), e);
    }
  }

  /** Each benchmark has options of its own. */
  private void checkOptions() {
    String what = "benchmark " + name;
    switch (name) {
      case "enrich" ->
          Takes.only(spec, what, "--ids", "--full", "--joins", "--narrow", "--keep", "--json");
      case "serve" -> Takes.only(spec, what, "--streams", "--ids", "--repeat", "--json");
      case "audit" -> Takes.only(spec, what, "--ids", "--full", "--repeat", "--json");
      case "token-ids", "rpc-logs", "chain" -> Takes.only(spec, what, "--ids", "--json");
      default -> {
        if (memory) {
          Takes.only(spec, what + " --memory", "--memory", "--ids", "--repeat", "--peer", "--json");
        } else {
          Takes.only(
              spec,
              what,
              "--ids",
              "--parts",
              "--workers",
              "--scale",
              "--repeat",
              "--noise",
              "--peer",
              "--json");
        }
      }
    }
  }

  private static Scenario scenario(String name) {
    return Scenario.all().stream()
        .filter(scenario -> scenario.job().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new UserError(
                    "no benchmark of '"
                        + name
                        + "'."
                        + Nearest.hint(name, names())
                        + " There are: "
                        + String.join(", ", names())));
  }

  /** What has a benchmark: the jobs, and what is measured in a way of its own. */
  private static List<String> names() {
    return Stream.concat(
            Scenario.all().stream().map(Scenario::job),
            Stream.of("chain", "rpc-logs", "token-ids", "enrich", "audit", "ledger", "serve"))
        .toList();
  }

  private int ofAJob() {
    Scenario scenario = scenario(name);
    double scale = askedScale == null ? scenario.scale() : askedScale;
    if (workers < 2
        || members != null && members < 2
        || repeat < 1
        || !(scale > 0)
        || ids != null && ids < 1
        || latencies.stream().anyMatch(millis -> millis < 0)) {
      throw new UserError(
          "--workers and --members take a number of at least 2, --repeat and --ids of at least 1,"
              + " --scale one above 0, --latency milliseconds of at least 0");
    }
    if (peer != null && (!peer.equals("asyncio") || !name.equals("payouts"))) {
      throw new UserError("--peer takes asyncio, and only payouts has it");
    }
    Settings settings = common.settings();
    Job job = Job.read(settings.home(), scenario.job());
    chooseParts(!job.isPass());
    long full = memory ? MEMORY_IDS : scenario.ids();
    long count = ids == null ? full : ids;
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("job", scenario.job());
    result.put("ids", count);
    result.put("scale", scale);
    result.put("shorter", shorter(scenario, count, full, scale));
    result.put("cores", Runtime.getRuntime().availableProcessors());
    List<Map<String, Object>> peers = new ArrayList<>();
    List<Map<String, Object>> done = measured(settings, scenario, job, scale, count, peers);
    result.put("parts", done);
    if (peer != null) {
      result.put("peer", peers);
    }
    speeds(done, result);
    boolean right =
        done.stream()
            .allMatch(
                part ->
                    Boolean.TRUE.equals(((Map<?, ?>) part.get("rows")).get("equal"))
                        && number(part, "arrivals_over_the_limit") == 0);
    result.put("right", right);
    System.out.print(
        json
            ? Report.json(result) + "\n"
            : BenchmarkReport.text(scenario, result, done) + Benchmark.peerText(peers));
    return right ? 0 : 3;
  }

  /** What the shared ledger costs of the speed of one process, and what more members bring. */
  private static void speeds(List<Map<String, Object>> done, Map<String, Object> result) {
    Map<String, Long> speeds = new HashMap<>();
    done.forEach(
        part ->
            speeds.put(
                String.valueOf(part.get("part")).replaceFirst("^\\d+ members,", "members,"),
                number(part, "ids_per_second")));
    Long own = speeds.get("one process, limits off");
    Long one = speeds.get("one member, limits off");
    Long several = speeds.get("members, limits off");
    if (own != null && one != null) {
      result.put("shared_ledger_costs", Math.round(1000 - 1000.0 * one / own) / 1000.0);
    }
    if (one != null && several != null) {
      result.put("members_to_one_member", Math.round(100.0 * several / one) / 100.0);
    }
  }

  private void chooseParts(boolean shared) {
    if (noise) {
      if (parts != null && !parts.equals(List.of("one")) || memory) {
        throw new UserError("--noise runs the part one: leave out --memory and other --parts");
      }
      parts = List.of("one");
    } else if (members != null && parts == null) {
      parts = List.of("members", "off", "member-off", "members-off");
    } else if (members == null && parts != null && parts.toString().contains("member")) {
      throw new UserError("--parts with members needs --members M");
    } else if (parts == null) {
      parts = shared ? List.of("one", "workers", "off") : List.of("one", "off");
    } else if (parts.contains("workers") && !shared) {
      throw new UserError(name + " cannot be shared by workers: --parts takes one and off");
    }
  }

  /**
   * Runs each part as often as asked for, and gives the run with the median time of each.
   *
   * @param peers gets the figures of the script in the same parts
   */
  private List<Map<String, Object>> measured(
      Settings settings,
      Scenario scenario,
      Job job,
      double scale,
      long count,
      List<Map<String, Object>> peers) {
    Terminal terminal = new Terminal(false);
    List<Map<String, Object>> done = new ArrayList<>();
    try (Benchmark benchmark =
        new Benchmark(
            new BenchmarkProgram(settings, terminal, terminal::status),
            scenario,
            job.getSource(),
            common.overrides())) {
      if (memory) {
        terminal.info(
            String.format(
                Locale.ROOT,
                "%s ids take about %s and up to %s of disk in %s",
                Messages.count(count),
                Messages.time(Math.round(count / MEMORY_IDS_PER_SECOND) * 1000 + 5000),
                Figures.bytes(count * scenario.diskBytes()),
                settings.path("runtime.dir")));
      }
      benchmark.checkRoom(count);
      for (Part part : parts(scale)) {
        List<Map<String, Object>> runs = new ArrayList<>();
        for (int i = 0; i < repeat; i++) {
          terminal.info(
              part.name() + (repeat > 1 ? ", " + (i + 1) + " of " + repeat : "") + " ...");
          runs.add(run(benchmark, part, count, terminal));
        }
        Map<String, Object> median = Figures.median(runs);
        if (repeat > 1) {
          ofAll(runs, median);
        }
        done.add(median);
        if (peer != null && part.workers() == 1) {
          comparePeer(benchmark, part, count, terminal, peers);
        }
      }
    }
    return done;
  }

  /** Runs a part; one whose counts may be wrong is repeated. */
  private static Map<String, Object> run(
      Benchmark benchmark, Part part, long count, Terminal terminal) {
    for (int i = 1; ; i++) {
      Map<String, Object> run = benchmark.run(part, count);
      long late = number(run, "sandbox_late_ms");
      if (!part.noise() || late <= MOST_LATE_MILLIS) {
        return run;
      }
      if (i == TRIES) {
        throw new BenchmarkException(
            "the sandbox was late by more than "
                + MOST_LATE_MILLIS
                + " ms in each of "
                + TRIES
                + " runs ("
                + late
                + " ms in the last one): run this on a machine with less else to do");
      }
      terminal.info("repeated, because the sandbox was late by " + late + " ms");
    }
  }

  /** Adds to one run what counts for all of them: whether the limit was kept. */
  private static void ofAll(List<Map<String, Object>> runs, Map<String, Object> one) {
    if (one.containsKey("limit_used")) {
      one.put("limit_used_in_all_runs", runs.stream().map(run -> run.get("limit_used")).toList());
      one.put(
          "highest_in_a_window",
          runs.stream().mapToLong(run -> number(run, "highest_in_a_window")).max().orElse(0));
      one.put(
          "arrivals_over_the_limit",
          runs.stream().mapToLong(run -> number(run, "arrivals_over_the_limit")).sum());
    }
  }

  private void comparePeer(
      Benchmark benchmark,
      Part part,
      long count,
      Terminal terminal,
      List<Map<String, Object>> peers) {
    if (Benchmark.hasPeer()) {
      terminal.info(peer + ", " + part.name() + " ...");
      peers.add(benchmark.peer(part, count));
    } else {
      terminal.warn("--peer " + peer + " is skipped: there is no python3 of version 3.9 or later");
    }
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
                  new BenchmarkProgram(settings, terminal, terminal::status),
                  ids != null ? ids : full ? EnrichBenchmark.FULL : EnrichBenchmark.DEFAULT,
                  joins == null ? List.of(settings.text("enrich.join")) : joins,
                  narrow,
                  keep)
              .run();
    } finally {
      terminal.ended();
    }
    return printed(result, EnrichBenchmark::text);
  }

  /** The scan of logs, which has no parts and no workers. */
  private int rpcLogs() {
    checkChainIds();
    Terminal terminal = new Terminal(false);
    return printed(
        new RpcLogsBenchmark(
                new BenchmarkProgram(common.settings(), terminal, terminal::status),
                ids == null ? RpcLogsBenchmark.FULL : ids)
            .run(),
        RpcLogsBenchmark::text);
  }

  /** The chain's logs as the bytes that come, against the engine alone. */
  private int chain() {
    Terminal terminal = new Terminal(false);
    return printed(
        new ChainBenchmark(
                new BenchmarkProgram(common.settings(), terminal, terminal::status),
                ids == null ? ChainBenchmark.FULL : ids)
            .run(),
        ChainBenchmark::text);
  }

  /** The laws over generated logs, against a plain scan. */
  private int audit() {
    if (repeat < 1 || ids != null && ids < 1) {
      throw new UserError("--ids and --repeat take a number of at least 1");
    }
    Terminal terminal = new Terminal(false);
    try {
      return printed(
          new AuditBenchmark(
                  new BenchmarkProgram(common.settings(), terminal, terminal::status),
                  ids != null ? ids : full ? AuditBenchmark.FULL : AuditBenchmark.DEFAULT,
                  repeat)
              .run(),
          AuditBenchmark::text);
    } finally {
      terminal.ended();
    }
  }

  /** Claims and marks alone: a ledger on this machine, and with cluster.url a shared one. */
  private int ledger() {
    if (ids != null && ids < 1000 || members != null && members < 1) {
      throw new UserError("--ids takes a number of at least 1,000, --members one of at least 1");
    }
    Settings settings = common.settings();
    long count = ids == null ? LedgerBenchmark.FULL : ids;
    SharedLedgers cluster = SharedLedgers.of(settings);
    List<Map<String, Object>> runs = new ArrayList<>();
    if (members == null || cluster == null) {
      runs.add(
          LedgerBenchmark.ofFile(settings.path("runtime.dir").resolve("benchmark.ledger"), count));
    }
    if (cluster == null) {
      System.err.println("cluster.url is not set: no shared ledger is measured");
    } else {
      for (int number : members == null ? List.of(1, 3) : List.of(members)) {
        runs.add(LedgerBenchmark.shared(cluster, number, count));
      }
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("runs", runs);
    result.put("right", runs.stream().allMatch(run -> Boolean.TRUE.equals(run.get("right"))));
    return printed(result, LedgerBenchmark::text);
  }

  /** What open streams of the page's events cost a run. */
  private int serve() {
    if (repeat < 1 || streams < 1 || ids != null && ids < 1) {
      throw new UserError("--ids, --streams and --repeat take a number of at least 1");
    }
    Terminal terminal = new Terminal(false);
    Settings settings = common.settings();
    Scenario scenario = scenario("payouts");
    try {
      return printed(
          new ServeBenchmark(
                  new BenchmarkProgram(settings, terminal, terminal::status),
                  scenario,
                  Job.read(settings.home(), scenario.job()).getSource(),
                  ids != null ? ids : ServeBenchmark.FULL,
                  streams,
                  repeat)
              .run(),
          ServeBenchmark::text);
    } finally {
      terminal.ended();
    }
  }

  /** What is computed of conditions, in this process. */
  private int tokenIds() {
    checkChainIds();
    try {
      return printed(
          TokenIdBenchmark.run(ids == null ? TokenIdBenchmark.FULL : ids.intValue(), List.of(1, 2)),
          TokenIdBenchmark::text);
    } catch (InterruptedException e) {
      throw new UserError("interrupted");
    }
  }

  private void checkChainIds() {
    if (ids != null && (ids < 1 || ids > 10_000_000)) {
      throw new UserError(
          "--ids takes a number of 1 to 10,000,000: conditions of token-ids, blocks of rpc-logs");
    }
  }

  private int printed(Map<String, Object> result, Function<Map<String, Object>, String> text) {
    System.out.print(json ? Report.json(result) + "\n" : text.apply(result));
    return Boolean.FALSE.equals(result.get("right")) ? 3 : 0;
  }

  private List<Part> parts(double scale) {
    if (memory) {
      return List.of(
          new Part(
              "flat memory: one process, limits off, 512 MB of heap",
              1,
              false,
              0,
              List.of("-Xmx512m", "-Xms64m", "-Xlog:gc:file=gc.log"),
              false,
              latencies.get(0)));
    }
    return latencies.stream()
        .flatMap(latency -> parts.stream().map(part -> part(part, scale, latency)))
        .toList();
  }

  private Part part(String part, double scale, long latency) {
    String name =
        switch (part) {
          case "one" -> "one process at the limit" + (noise ? ", beside busy ones" : "");
          case "workers" -> workers + " processes that share the limit";
          case "off" -> "one process, limits off";
          case "members" -> members + " members that share the limit; one is killed";
          case "member-off" -> "one member, limits off";
          case "members-off" -> members + " members, limits off";
          default ->
              throw new UserError(
                  "--parts "
                      + part
                      + ": it takes one, workers and off, with --members also members, member-off"
                      + " and members-off, separated by commas");
        };
    return new Part(
        latency == 0 ? name : name + ", answers after " + latency + " ms",
        part.equals("workers") ? workers : part.startsWith("members") ? members : 1,
        part.startsWith("member"),
        part.endsWith("off") ? 0 : scale,
        List.of(),
        noise,
        latency);
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

  private static long number(Map<String, Object> map, String key) {
    return map.get(key) instanceof Number number ? number.longValue() : 0;
  }
}
