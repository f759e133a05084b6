package polymarket.backfill.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.embedded.EmbeddedClickHouse;
import polymarket.backfill.pipeline.PipelineFiles;
import polymarket.backfill.sandbox.Sandbox;
import polymarket.backfill.sandbox.SandboxOptions;

/** Shows everything on one machine: the commands that a user would type, against the sandbox. */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    description =
        "Run everything once on this machine, with simulated APIs (the sandbox), the embedded"
            + " ClickHouse and real condition ids. Needs no internet and no keys.")
final class DemoCommand implements Callable<Integer> {

  private static final String MARKER = ".backfill-demo";

  /** The sandbox's sizes: small enough for all jobs to take a minute at the documented limits. */
  private static final int MARKETS = 1500;

  private static final int WALLETS = 300;
  private static final int FILLS_A_MARKET = 10;

  /** Seconds per block, so that Polygon's chain of five years has fewer blocks. */
  private static final int BLOCK_SECONDS = 60;

  /**
   * The first block of the conditional tokens contract, by polymarket/chain-contracts.tsv: with all
   * blocks from there on, every law of the audit applies.
   */
  private static final String CONTRACTS_FIRST_BLOCK = "4023686";

  private static final int LINES_AN_INSERT = 10_000;
  private static final int INTERRUPTED = ExitCode.INTERRUPTED.code();
  private static final String STARTS_OVER = "`./backfill demo` starts again from the beginning";

  @Option(
      names = "--folder",
      paramLabel = "FOLDER",
      description =
          "Folder for the demo's data; recreated each time (default: demo in the project).")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    Path demo = folder == null ? Common.home().resolve("demo") : folder.toAbsolutePath();
    clear(demo);
    Files.createDirectories(demo);
    Files.createFile(demo.resolve(MARKER));
    Path ids = demo.resolve("condition-ids.txt.gz");
    try (InputStream shipped =
        DemoCommand.class.getResourceAsStream("/demo/condition-ids.txt.gz")) {
      Files.copy(shipped, ids);
    }
    Signals.afterwards(STARTS_OVER);
    List<String> set = new ArrayList<>();
    setting(set, "runtime.dir", demo.resolve("runtime").toString());
    setting(set, "clickhouse.url", "");
    setting(set, "clickhouse.data", demo.resolve("data").toString());
    setting(set, "clickhouse.port", "0");
    // one engine for all the commands below; otherwise each would start its own
    try (EmbeddedClickHouse engine = EmbeddedClickHouse.attach(demo.resolve("data"), 0);
        Sandbox sandbox =
            Sandbox.start(
                new SandboxOptions()
                    .conditions(MARKETS)
                    .wallets(WALLETS)
                    .fillsPerMarket(FILLS_A_MARKET)
                    .blockSeconds(BLOCK_SECONDS))) {
      System.out.println(
          "The sandbox simulates the public APIs at " + sandbox.url() + ", with their limits.");
      List<String> all = new ArrayList<>(set);
      sandbox.settings().forEach((key, value) -> setting(all, key, value));
      setting(all, "rpc-logs.from", String.valueOf(sandbox.firstBlock()));
      run(all, "run", "markets");
      run(all, "run", "fills");
      try (ClickHouse clickHouse =
          ClickHouse.open(Settings.load(Common.home(), Map.of(), overrides(set)))) {
        int verified = jobs(all, ids, clickHouse);
        int night = night(all, clickHouse, sandbox);
        sayWhereTheDataIs(demo, clickHouse);
        return night != 0 ? night : verified;
      }
    } catch (Interrupted e) {
      System.err.println("backfill: the demo was interrupted; " + STARTS_OVER);
      return INTERRUPTED;
    } catch (StepFailed e) {
      throw new UserError("the demo ended at `" + e.getMessage() + "`");
    }
  }

  /**
   * Runs the jobs, and shows what they stored.
   *
   * @return the exit code of the check
   */
  private static int jobs(List<String> all, Path ids, ClickHouse clickHouse) {
    System.out.println(
        "\n"
            + "(A part of the fills becomes a table of chain trades, like one that users"
            + " have.)");
    clickHouse.execute(SqlFile.read("demo").section("setup"), Map.of());
    run(all, "run", "wallets");
    run(all, "run", "payouts", "--ids", ids.toString(), "--batch-size", "500");
    run(all, "run", "payouts");
    run(all, "run", "chain", "--from", CONTRACTS_FIRST_BLOCK, "--set", "chain.span=400000");
    run(all, "views");
    int verified =
        run(
            all,
            "verify",
            "payouts",
            "--min-found",
            "6000",
            "--max-failed",
            "1%",
            "--max-duplicates",
            "0");
    run(all, "monitor");
    run(
        all,
        "sql",
        "SELECT source, market_cid, outcome, shares, price FROM default.vw_trades_unified WHERE"
            + " wallet = '"
            + value(clickHouse, "wallet")
            + "' ORDER BY source, market_cid LIMIT 4 BY source FORMAT PrettyCompact");
    run(
        all,
        "sql",
        "SELECT condition_id, payout_numerators, payout_denominator, winning_index FROM"
            + " cascadian_clean.vw_resolutions_truth ORDER BY winning_index, condition_id LIMIT"
            + " 5 FORMAT PrettyCompact");
    run(
        all,
        "sql",
        "SELECT source, count() AS fills, countIf(taker_order) AS trades, sumIf(cost,"
            + " taker_order) AS volume, min(timestamp) AS first, max(timestamp) AS last FROM"
            + " default.vw_fills GROUP BY source ORDER BY source FORMAT PrettyCompact");
    run(
        all,
        "sql",
        "SELECT kind, version, count() AS logs FROM default.chain_lifecycle GROUP BY kind,"
            + " version ORDER BY logs DESC LIMIT 8 FORMAT PrettyCompact");
    return verified;
  }

  /**
   * Runs the overnight pipeline on generated trades, compares its result with the truth, and shows
   * what the chain's tables give.
   *
   * @return the exit code of the pipeline
   */
  private static int night(List<String> all, ClickHouse clickHouse, Sandbox sandbox) {
    System.out.println(
        "\n(Next is the overnight pipeline. A table of "
            + Messages.count(trades(clickHouse, sandbox))
            + " trades is generated, like one that users have: half of them have no condition"
            + " id, and their markets have many different forms.)");
    System.out.print(
        Report.table(
            clickHouse.rows(SqlFile.read("demo").section("forms").statements().get(0), Map.of())));
    int code = run(all, "pipeline", "overnight");
    run(all, "explain", String.valueOf(value(clickHouse, "trade")));
    System.out.println("\nThe enriched trades, compared with the sandbox's truth");
    System.out.print(
        Report.table(
            clickHouse.rows(SqlFile.read("demo").section("judge").statements().get(0), Map.of())));
    run(all, "positions");
    run(
        all,
        "sql",
        "SELECT wallet, total_pnl, volume, win_rate, omega_ratio FROM default.vw_leaderboard"
            + " LIMIT 5 FORMAT PrettyCompact");
    run(all, "audit", "--node", "--brief");
    return code;
  }

  private static void sayWhereTheDataIs(Path demo, ClickHouse clickHouse) {
    PipelineFiles files = PipelineFiles.of(demo.resolve("runtime"), "overnight");
    System.out.println(
        "\nThe report of the overnight pipeline is in "
            + files.report()
            + ", and with charts, for a browser, in "
            + files.page());
    System.out.println("The data is in " + demo + ". Try");
    System.out.println(
        "  ./backfill sql 'SELECT count() FROM default.clob_fills' --set clickhouse.data="
            + demo.resolve("data"));
    System.out.println(
        "  ./backfill explain "
            + value(clickHouse, "trade")
            + " --set clickhouse.data="
            + demo.resolve("data")
            + " --set runtime.dir="
            + demo.resolve("runtime"));
    System.out.println(
        "  ./backfill ledger payouts --state failed --set runtime.dir=" + demo.resolve("runtime"));
    System.out.println(
        "  ./backfill verify wallet "
            + value(clickHouse, "wallet")
            + " --set clickhouse.data="
            + demo.resolve("data")
            + " --set runtime.dir="
            + demo.resolve("runtime"));
  }

  /** The one value of a query of the demo's SQL file. */
  private static Object value(ClickHouse clickHouse, String section) {
    return clickHouse.value(SqlFile.read("demo").section(section).statements().get(0));
  }

  /**
   * Creates default.trades_raw from the sandbox's fills, and stores the sandbox's truth in the
   * database sandbox_truth.
   *
   * @return the number of trades
   */
  static long trades(ClickHouse clickHouse, Sandbox sandbox) {
    SqlFile sql = SqlFile.read("demo");
    clickHouse.execute(sql.section("truth"), Map.of());
    for (String table : List.of("fills", "conditions")) {
      List<String> lines = sandbox.truth().lines(table, "");
      for (int from = 0; from < lines.size(); from += LINES_AN_INSERT) {
        String part =
            String.join("\n", lines.subList(from, Math.min(lines.size(), from + LINES_AN_INSERT)));
        clickHouse.insert(
            "sandbox_truth." + table, part.getBytes(StandardCharsets.UTF_8), table + from);
      }
    }
    clickHouse.execute(sql.section("trades-raw"), Map.of());
    return ((Number) clickHouse.value("SELECT count() FROM default.trades_raw")).longValue();
  }

  /** A command of the demo failed. */
  private static final class StepFailed extends RuntimeException {

    private StepFailed(String command) {
      super(command);
    }
  }

  /** The user stopped the demo. */
  private static final class Interrupted extends RuntimeException {}

  private static Map<String, String> overrides(List<String> set) {
    Map<String, String> overrides = new LinkedHashMap<>();
    for (int i = 1; i < set.size(); i += 2) {
      overrides.put(set.get(i).split("=", 2)[0], set.get(i).split("=", 2)[1]);
    }
    return overrides;
  }

  /** Removes an earlier demo, and nothing else. */
  private static void clear(Path demo) throws IOException {
    if (!Files.exists(demo)) {
      return;
    }
    if (!Files.exists(demo.resolve(MARKER))) {
      throw new UserError(
          demo + " was not created by a demo; remove it or choose another folder with --folder");
    }
    try (Stream<Path> files = Files.walk(demo)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private static void setting(List<String> to, String key, String value) {
    to.add("--set");
    to.add(key + "=" + value);
  }

  /** A word quoted for a shell. */
  static String quoted(String word) {
    return word.matches("[A-Za-z0-9_./:=,@%+-]+")
        ? word
        : !word.contains("'")
            ? "'" + word + "'"
            : '"' + word.replaceAll("([\\\\\"$`])", "\\\\$1") + '"';
  }

  /**
   * Runs a command as a user would type it.
   *
   * @return its exit code: complete, finished with failed ids, or a check that failed
   */
  private static int run(List<String> settings, String... words) {
    String command =
        "./backfill " + String.join(" ", Stream.of(words).map(DemoCommand::quoted).toList());
    System.out.println("\n$ " + command);
    System.out.flush();
    List<String> all = new ArrayList<>(List.of(words));
    all.addAll(settings);
    int code = Backfill.execute(all.toArray(String[]::new));
    // a signal may also have arrived when no job was running
    if (code == INTERRUPTED || Signals.asked()) {
      throw new Interrupted();
    }
    if (code != 0 && code != 2 && code != 3) {
      throw new StepFailed(command);
    }
    return code;
  }
}
