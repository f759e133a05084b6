package polymarket.backfill.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
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

  @Option(
      names = "--page",
      description = "Serve the live page while it runs, as `backfill serve` does; prints its link.")
  private boolean page;

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
    Settings.apart(demo.resolve("data"), demo.resolve("runtime"))
        .forEach((key, value) -> setting(set, key, value));
    // one engine for all the commands below; otherwise each would start its own
    try (EmbeddedClickHouse engine = EmbeddedClickHouse.attach(demo.resolve("data"), 0);
        Sandbox sandbox =
            Sandbox.start(
                new SandboxOptions()
                    .conditions(MARKETS)
                    .wallets(WALLETS)
                    .fillsPerMarket(FILLS_A_MARKET)
                    .now(Instant.now().getEpochSecond())
                    .blockSeconds(BLOCK_SECONDS))) {
      Path file = demo.resolve("report.txt");
      System.out.println(
          "The sandbox simulates the public APIs at " + sandbox.url() + ", with their limits.");
      System.out.println("All that the commands print is in " + file + ".\n");
      List<String> all = new ArrayList<>(set);
      sandbox.settings().forEach((key, value) -> setting(all, key, value));
      setting(all, "rpc-logs.from", String.valueOf(sandbox.firstBlock()));
      try (PrintStream report =
              new PrintStream(Files.newOutputStream(file), true, StandardCharsets.UTF_8);
          ClickHouse clickHouse =
              ClickHouse.open(Settings.load(Common.home(), Map.of(), overrides(set)));
          ServedPage served = page ? serve(all) : null) {
        if (served != null) {
          System.out.println("The page of this demo is at " + served.link() + "\n");
        }
        Steps steps = new Steps(all, report);
        jobs(steps, ids, clickHouse);
        int night = night(steps, clickHouse, sandbox);
        int ready = verdict(steps, clickHouse);
        tellWhereTheDataIs(demo, clickHouse);
        return night != 0 ? night : ready;
      }
    } catch (Interrupted e) {
      System.err.println("backfill: the demo was interrupted; " + STARTS_OVER);
      return INTERRUPTED;
    } catch (StepFailed e) {
      throw new UserError("the demo ended at `" + e.getMessage() + "`");
    }
  }

  /** Serves the page of the demo's folder, with the settings that its commands get. */
  private static ServedPage serve(List<String> set) {
    Map<String, String> overrides = overrides(set);
    return ServedPage.open(
        Settings.load(Common.home(), System.getenv(), overrides), overrides, false);
  }

  private static void jobs(Steps steps, Path ids, ClickHouse clickHouse) {
    steps.run("run", "markets");
    steps.run("run", "fills");
    // a part of the fills becomes a table of chain trades, like one that users have
    clickHouse.execute(SqlFile.read("demo").section("setup"), Map.of());
    steps.run("run", "wallets");
    steps.run("run", "payouts", "--ids", ids.toString(), "--batch-size", "500");
    steps.run("run", "payouts");
    steps.run("run", "resolutions");
    steps.run("run", "chain", "--from", CONTRACTS_FIRST_BLOCK, "--set", "chain.span=400000");
    steps.run("views");
    steps.run("positions");
  }

  /**
   * @return the exit code of the overnight pipeline
   */
  private static int night(Steps steps, ClickHouse clickHouse, Sandbox sandbox) {
    System.out.println(
        "  ("
            + Messages.count(trades(clickHouse, sandbox), "trade")
            + " are generated, like a table that users have: half of them without a condition id)");
    int night = steps.run("pipeline", "overnight");
    steps.run("explain", String.valueOf(value(clickHouse, "market")));
    steps.run("monitor");
    return night;
  }

  /**
   * Shows what is stored, and whether it can be used.
   *
   * @return the exit code of the verdict
   */
  private static int verdict(Steps steps, ClickHouse clickHouse) {
    System.out.println("\nWhat is stored now");
    System.out.print(Report.table(rows(clickHouse, "stored")));
    Map<String, Object> judged = rows(clickHouse, "judge").get(0);
    System.out.println(
        "\nTrades with a condition id: "
            + judged.get("coverage_before")
            + " before, "
            + judged.get("coverage")
            + " after. Compared with the sandbox's truth, "
            + judged.get("wrong")
            + " are wrong, "
            + judged.get("wrong_at_the_clob")
            + " of them because the CLOB itself has the wrong condition.");
    steps.show("audit", "--node", "--brief");
    return steps.verdict("ready");
  }

  private static void tellWhereTheDataIs(Path demo, ClickHouse clickHouse) {
    Path runtime = demo.resolve("runtime");
    System.out.println(
        "\nThe report of the night, with charts: " + PipelineFiles.of(runtime, "overnight").page());
    System.out.println("Go on in this shell with");
    System.out.println("  export CLICKHOUSE_DATA=" + quoted(demo.resolve("data").toString()));
    System.out.println("  export RUNTIME_DIR=" + quoted(runtime.toString()));
    System.out.println("  ./backfill explain " + value(clickHouse, "market"));
    System.out.println("  ./backfill verify wallet " + value(clickHouse, "wallet"));
    System.out.println("  ./backfill ledger payouts --state failed");
    System.out.println("  ./backfill serve    # the live page of what was filled");
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

  private static List<Map<String, Object>> rows(ClickHouse clickHouse, String section) {
    return clickHouse.rows(SqlFile.read("demo").section(section).statements().get(0), Map.of());
  }

  private static Object value(ClickHouse clickHouse, String section) {
    return clickHouse.value(SqlFile.read("demo").section(section).statements().get(0));
  }

  /** Runs commands as a user would type them, a line each; what they print goes to a report. */
  private static final class Steps {

    /** Begins the line of a job's end that says what its run did. */
    private static final String DID = "  this run: ";

    /** Begins the line of a measure that meets its threshold. */
    private static final String MET = "  yes  ";

    private final List<String> settings;
    private final PrintStream report;

    Steps(List<String> settings, PrintStream report) {
      this.settings = settings;
      this.report = report;
    }

    /**
     * Runs a command and shows how it ended.
     *
     * @return its exit code: complete, finished with failed ids, or a check that failed
     */
    int run(String... words) {
      String command = command(words);
      System.out.print("$ " + command);
      System.out.flush();
      long started = System.nanoTime();
      Printed printed = printed(words);
      System.out.println("  (" + Messages.time((System.nanoTime() - started) / 1_000_000) + ")");
      printed
          .text()
          .lines()
          .filter(line -> line.startsWith(DID))
          .forEach(line -> System.out.println("    " + line.substring(DID.length())));
      return checked(command, printed.code(), printed.text());
    }

    /** Runs a check and shows its verdict and what is not all right. */
    int verdict(String... words) {
      System.out.println("\n$ " + command(words));
      Printed printed = printed(words);
      printed.text().lines().filter(line -> !line.startsWith(MET)).forEach(System.out::println);
      return checked(command(words), printed.code(), printed.text());
    }

    /** How a command ended, and what it printed. */
    private record Printed(int code, String text) {}

    /** Runs a command; what it prints goes to the report. */
    private Printed printed(String... words) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      PrintStream before = System.out;
      PrintStream errors = System.err;
      // what would be redrawn goes to the report, and must not erase the lines above
      String terminal = System.setProperty("backfill.terminal", "false");
      int code;
      try (PrintStream printed = new PrintStream(out, true, StandardCharsets.UTF_8)) {
        System.setOut(printed);
        System.setErr(printed);
        code = Backfill.execute(all(words));
      } finally {
        System.setOut(before);
        System.setErr(errors);
        System.setProperty("backfill.terminal", terminal == null ? "false" : terminal);
      }
      String text = out.toString(StandardCharsets.UTF_8);
      report.println("$ " + command(words) + "\n" + text);
      return new Printed(code, text);
    }

    /** Runs a command and shows what it prints. */
    int show(String... words) {
      System.out.println("\n$ " + command(words));
      System.out.flush();
      return checked(command(words), Backfill.execute(all(words)), "");
    }

    private static String command(String... words) {
      return "./backfill " + String.join(" ", Stream.of(words).map(DemoCommand::quoted).toList());
    }

    private String[] all(String... words) {
      return Stream.concat(Stream.of(words), settings.stream()).toArray(String[]::new);
    }

    private static int checked(String command, int code, String printed) {
      // a signal may also have arrived when no job was running
      if (code == INTERRUPTED || Signals.asked()) {
        throw new Interrupted();
      }
      if (code != 0 && code != 2 && code != 3) {
        System.err.print(printed);
        throw new StepFailed(command);
      }
      return code;
    }
  }
}
