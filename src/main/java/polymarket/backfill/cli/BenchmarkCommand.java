package polymarket.backfill.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
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
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.benchmark.AuditBenchmark;
import polymarket.backfill.benchmark.BenchmarkException;
import polymarket.backfill.benchmark.ChainBenchmark;
import polymarket.backfill.benchmark.ClusterBenchmark;
import polymarket.backfill.benchmark.EnrichBenchmark;
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

  @Mixin private Common common;

  @Spec private CommandSpec spec;

  @Mixin private BenchmarkOfJob jobs;

  @Parameters(
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      description =
          "payouts, resolutions, markets, clob-markets, goldsky-markets, wallets, fills, trades,"
              + " chain; or enrich (the trades), audit (the laws), ledger (claims and"
              + " marks), cluster (inserts and reads on the replicas of clickhouse.cluster),"
              + " token-ids (computed from conditions), or serve (the page's streams).")
  private String name;

  @Option(
      names = "--ids",
      paramLabel = "N",
      description = {
        "Number of ids (default: the job's full size:",
        "170,448 condition ids for payouts, 25,740 for resolutions, 150,000 markets, also for"
            + " clob-markets, 20,000 for goldsky-markets, 50,000 wallets, 31,248 markets for fills,"
            + " 7,301 for trades,",
        "4,000 blocks for chain; 16,000,000 trades for enrich)."
      })
  private Long ids;

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
      names = "--repeat",
      paramLabel = "N",
      defaultValue = "1",
      description = "Run each part N times and report the run with the median time.")
  private int repeat;

  @Option(
      names = "--streams",
      paramLabel = "N",
      defaultValue = "100",
      description = "For serve: how many streams of events are open (default: ${DEFAULT-VALUE}).")
  private int streams;

  @Option(
      names = "--datasets",
      paramLabel = "LIST",
      split = ",",
      defaultValue = "conditions,transfers,fills,amm,lifecycle",
      description = "For chain: the datasets (default: ${DEFAULT-VALUE}).")
  private List<String> datasets;

  @Option(
      names = "--against",
      paramLabel = "DIR",
      description =
          "For chain: the folder of an earlier version, which is measured too by its own `benchmark"
              + " rpc-logs`.")
  private Path against;

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
        case "chain" -> chain();
        case "audit" -> audit();
        case "ledger" -> ledger();
        case "cluster" -> cluster();
        case "serve" -> serve();
        default ->
            jobs.run(common, scenario(name), new BenchmarkOfJob.Asked(ids, repeat, members, json));
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
      case "chain" -> Takes.only(spec, what, "--ids", "--datasets", "--against", "--json");
      case "token-ids", "cluster" -> Takes.only(spec, what, "--ids", "--json");
      case "ledger" -> Takes.only(spec, what, "--ids", "--members", "--json");
      default -> jobs.checkOptions(spec, what);
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
            Stream.of("chain", "token-ids", "enrich", "audit", "ledger", "cluster", "serve"))
        .toList();
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

  /** The chain's logs as the bytes that come, against the engine alone. */
  private int chain() {
    checkChainIds();
    if (against != null && !Files.isExecutable(against.resolve("backfill"))) {
      throw new UserError(
          "--against " + against + ": there is no program `backfill` in it; name a checkout");
    }
    Terminal terminal = new Terminal(false);
    return printed(
        new ChainBenchmark(
                new BenchmarkProgram(common.settings(), terminal, terminal::status),
                ids == null ? ChainBenchmark.FULL : ids,
                datasets,
                against)
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

  /** Inserts, reads and an exchange of tables on a ClickHouse cluster. */
  private int cluster() {
    if (ids != null && ids < 1) {
      throw new UserError("--ids takes a number of at least 1: the rows to insert");
    }
    Terminal terminal = new Terminal(false);
    try {
      return printed(
          new ClusterBenchmark(
                  new BenchmarkProgram(common.settings(), terminal, terminal::status),
                  ids == null ? ClusterBenchmark.FULL : ids)
              .run(),
          ClusterBenchmark::text);
    } finally {
      terminal.ended();
    }
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
          "--ids takes a number of 1 to 10,000,000: conditions of token-ids, blocks of chain");
    }
  }

  private int printed(Map<String, Object> result, Function<Map<String, Object>, String> text) {
    System.out.print(json ? Report.json(result) + "\n" : text.apply(result));
    return Boolean.FALSE.equals(result.get("right")) ? 3 : 0;
  }
}
