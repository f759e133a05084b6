package polymarket.backfill.cli;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.benchmark.Benchmark;
import polymarket.backfill.benchmark.Benchmark.Part;
import polymarket.backfill.benchmark.BenchmarkException;
import polymarket.backfill.benchmark.Figures;
import polymarket.backfill.benchmark.Scenario;
import polymarket.backfill.job.Job;

/** The benchmark of a job against the sandbox, with the options that it alone takes. */
final class BenchmarkOfJob {

  private static final long MEMORY_IDS = 10_000_000;

  /** More than half of the hundredth by which a throttle stays below a limit of 10 seconds. */
  private static final long MOST_LATE_MILLIS = 50;

  private static final int TRIES = 5;

  /**
   * Ids per second, by which --memory estimates its duration: loading the list, the run, and
   * comparing.
   */
  private static final double MEMORY_IDS_PER_SECOND = 10_000;

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

  /**
   * What other benchmarks take too.
   *
   * @param ids how many; null for a full run
   * @param members that share the limit through PostgreSQL; null for none
   */
  record Asked(Long ids, int repeat, Integer members, boolean json) {}

  /**
   * @throws UserError for an option that would have no effect
   */
  void checkOptions(CommandSpec spec, String what) {
    if (memory) {
      Takes.only(
          spec,
          what + " --memory",
          "--memory",
          "--ids",
          "--repeat",
          "--latency",
          "--peer",
          "--json");
    } else {
      Takes.only(
          spec,
          what,
          "--ids",
          "--parts",
          "--workers",
          "--members",
          "--scale",
          "--repeat",
          "--latency",
          "--noise",
          "--peer",
          "--json");
    }
  }

  /**
   * Runs it and prints the figures.
   *
   * @return the exit code: 0, or 3 where a row is wrong or a limit was exceeded
   * @throws UserError for an option's value that is none
   */
  int run(Common common, Scenario scenario, Asked asked) {
    double scale = askedScale == null ? scenario.scale() : askedScale;
    if (workers < 2
        || asked.members() != null && asked.members() < 2
        || asked.repeat() < 1
        || !(scale > 0)
        || asked.ids() != null && asked.ids() < 1
        || latencies.stream().anyMatch(millis -> millis < 0)) {
      throw new UserError(
          "--workers and --members take a number of at least 2, --repeat and --ids of at least 1,"
              + " --scale one above 0, --latency milliseconds of at least 0");
    }
    if (peer != null && (!peer.equals("asyncio") || !scenario.job().equals("payouts"))) {
      throw new UserError("--peer takes asyncio, and only payouts has it");
    }
    Settings settings = common.settings();
    Job job = Job.read(settings.home(), scenario.job());
    chooseParts(job, asked.members());
    long full = memory ? MEMORY_IDS : scenario.ids();
    long count = asked.ids() == null ? full : asked.ids();
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("job", scenario.job());
    result.put("ids", count);
    result.put("scale", scale);
    result.put("shorter", shorter(scenario, count, full, scale));
    result.put("cores", Runtime.getRuntime().availableProcessors());
    List<Map<String, Object>> peers = new ArrayList<>();
    List<Map<String, Object>> done =
        measured(common, scenario, job, asked, parts(scale, asked.members()), count, peers);
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
        asked.json()
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

  private void chooseParts(Job job, Integer members) {
    boolean shared = !job.isPass();
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
      throw new UserError(
          job.getName() + " cannot be shared by workers: --parts takes one and off");
    }
  }

  /**
   * Runs each part as often as asked for, and gives the run with the median time of each.
   *
   * @param peers gets the figures of the script in the same parts
   */
  private List<Map<String, Object>> measured(
      Common common,
      Scenario scenario,
      Job job,
      Asked asked,
      List<Part> parts,
      long count,
      List<Map<String, Object>> peers) {
    Settings settings = common.settings();
    int repeat = asked.repeat();
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
      for (Part part : parts) {
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

  private List<Part> parts(double scale, Integer members) {
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
        .flatMap(latency -> parts.stream().map(part -> part(part, scale, latency, members)))
        .toList();
  }

  private Part part(String part, double scale, long latency, Integer members) {
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
