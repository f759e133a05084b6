package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.TestBed;

/** A person's mistakes: exit 1, and one line that says what is wrong and what to do. */
class UsageTest {

  private static TestBed bed;

  @BeforeAll
  static void start() {
    bed = TestBed.start();
    System.setProperty("backfill.home", bed.home().toString());
    System.setProperty("chdb.lib", library());
  }

  /** The engine's library, which is looked for below the home otherwise. */
  private static String library() {
    try (var files = Files.walk(TestBed.PROJECT.resolve("chdb/node_modules"))) {
      return files
          .filter(file -> file.getFileName().toString().equals("libchdb.so"))
          .findFirst()
          .orElseThrow()
          .toString();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @AfterAll
  static void stop() {
    System.clearProperty("backfill.home");
    System.clearProperty("chdb.lib");
    bed.close();
  }

  private record Said(int code, String out, String err) {}

  private static Said execute(String... arguments) {
    PrintStream out = System.out;
    PrintStream err = System.err;
    InputStream in = System.in;
    ByteArrayOutputStream saidOut = new ByteArrayOutputStream();
    ByteArrayOutputStream saidErr = new ByteArrayOutputStream();
    System.setOut(new PrintStream(saidOut, true));
    System.setErr(new PrintStream(saidErr, true));
    System.setIn(new ByteArrayInputStream(new byte[0]));
    try {
      return new Said(
          Backfill.execute(arguments),
          saidOut.toString(StandardCharsets.UTF_8),
          saidErr.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(out);
      System.setErr(err);
      System.setIn(in);
    }
  }

  private static String[] withSettings(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(bed.setArguments());
    return all.toArray(String[]::new);
  }

  /** The one line. */
  private static String refused(String... arguments) {
    Said said = execute(arguments);
    String all = String.join(" ", arguments) + ": " + said;
    assertEquals(1, said.code(), all);
    // a shell that starts the tests with & has them ignore SIGINT, and the program says so
    List<String> lines =
        said.err().lines().filter(line -> !line.contains("SIGINT is ignored here")).toList();
    assertEquals(1, lines.size(), all);
    assertTrue(lines.get(0).startsWith("backfill: "), all);
    assertFalse(said.err().contains("internal error"), all);
    assertFalse(
        said.err().contains("option option")
            || said.err().matches("(?s).* is not an? (int|long|double)\\b.*"),
        all);
    assertFalse(said.err().matches("(?s).*(\\bjava\\.|\tat |Exception:? ?at ).*"), all);
    return said.err();
  }

  private static String file(String content) throws IOException {
    Path file = Files.createTempFile(bed.home(), "ids", ".txt");
    Files.writeString(file, content);
    return file.toString();
  }

  @ParameterizedTest
  @CsvSource({
    "run payout, 'payouts'",
    "run payouts --idz x, --ids",
    "rum, no command 'rum'. Did you mean: backfill run",
    "status payouts --json extra, extra",
    "run payouts --set payouts.bathc-size=5, payouts.batch-size",
    "run payouts --set clickhouse.ulr=x, clickhouse.url",
    "ledger payouts --state faild, is none of pending",
    "status payots, payouts",
  })
  void anUnknownName_isAnsweredWithTheNearest(String command, String nearest) {
    String said = refused(command.split(" "));
    assertTrue(said.contains(nearest), said);
  }

  @ParameterizedTest
  @CsvSource({
    "run payouts --batch-size many, is not a whole number",
    "run payouts --pace much, is not a number",
    "run payouts --set nonsense, --set",
    "run payouts --batch-size 0, payouts.batch-size",
    "run payouts --batch-size 1001, at most 1000",
    "run payouts --concurrency -1, payouts.concurrency",
    "run payouts --set payouts.concurrency=lots, payouts.concurrency",
    "run payouts --set source.patience=soon, source.patience",
    "run payouts --set source.attempts=0, source.attempts",
    "run payouts --set enrich.max-memory=much, enrich.max-memory",
    "run payouts --set clickhouse.url=http://127.0.0.1:1, set clickhouse.url",
    "run payouts --set clickhouse.data=/proc/x, set clickhouse.data",
    "run payouts --set runtime.dir=/proc/x, set runtime.dir",
    "run payouts --set source.connect-timeout=abc, source.connect-timeout",
    "run payouts --set source.retry-delay=abc, source.retry-delay",
    "run payouts --worker 2, --of",
    "run payouts --worker 3 --of 2, --worker 3 --of 2",
    "run payouts --pace 2, --pace",
    "run payouts --pace 0, --pace",
    "run payouts --limit 0, --limit",
    "run chain --ids x --from 1, --ids cannot be combined",
    "plan payouts --page, unknown option '--page'",
    "plan chain --follow, unknown option '--follow'",
    "plan overnight --pace 0.5, the plan of a pipeline takes no --pace",
    "plan overnight --closed, the plan of a pipeline takes no --closed",
    "benchmark enrich --noise, benchmark enrich takes no --noise",
    "benchmark payouts --memory --workers 2, takes no --workers",
    "benchmark clob-markets --latency -1, milliseconds of at least 0",
    "benchmark payouts --members 1, a number of at least 2",
    "benchmark ledger --ids 10, --members one of at least 1",
    "benchmark cluster, needs a ClickHouse cluster: set clickhouse.url and clickhouse.cluster",
    "benchmark cluster --members 2, benchmark cluster takes no --members",
    "benchmark payouts --joins, takes no --joins",
    "verify wallet 0x0 --report x, verify wallet takes no --report",
    "verify payouts --measures --json, takes no --json",
    "ready --measures --html x, takes no --html",
    "enrich --rollback --report x, enrich --rollback takes no --report",
    "run payouts --redo nonsense, --redo nonsense",
    "run payouts --older-than 7d, --redo",
    "run payouts --since 30d, --since",
    "run payouts --days 3, --days",
    "run fills --days -3, --days is -3",
    "run fills --since 2099-01-01, in the future",
    "audit --second-source bor, 'bor' is none of sqd",
    "run payouts --until 2026-01-01, --until",
    "run payouts --from 3 --to 9, --from",
    "run payouts --to latest, --to",
    "run payouts --redo all --older-than week, --older-than",
    "run payouts --ids, --ids",
    "run markets --ids x, --ids does not go with markets",
    "run rpc-logs --from 10 --to 5, --from 10 is beyond --to 5",
    "run rpc-logs --from 10 --to soon, --to soon",
    "run rpc-logs --from soon, --from",
    "run rpc-logs --from -5, --from -5: --from takes",
    "pipeline overnight --budget soon, --budget",
    "pipeline overnight --only clob --from rpc, --only",
    "verify enrichment --min-coverage much, --min-coverage",
    "clickhouse --set clickhouse.url=http://127.0.0.1:1, clickhouse.url is set",
    "audit --second-source rpc --set chain.span=500, chain.sources",
    "audit --second-source goldsky, --second-source",
    "audit --second-source sqd --sample 0%, --sample",
    "audit --second-source sqd --sample 101%, --sample",
    "audit --second-source sqd --sample some, --sample",
    "audit --sample 1%, --second-source",
    "run, JOB",
    "sql, SQL",
  })
  void aWrongValue_isNamedWithItsOption(String command, String named) throws IOException {
    List<String> arguments = new ArrayList<>(List.of(command.split(" ")));
    if (command.startsWith("run payouts") && !command.endsWith("--ids")) {
      arguments.addAll(List.of("--ids", file(bed.ids("found", 1).get(0))));
    }
    if (arguments.size() > 1) {
      List<String> settings = new ArrayList<>(bed.setArguments());
      for (String argument : command.split(" ")) {
        int at =
            argument.contains("=")
                ? indexOfKey(settings, argument.substring(0, argument.indexOf('=')))
                : -1;
        if (at >= 0) {
          settings.subList(at - 1, at + 1).clear();
        }
      }
      arguments.addAll(command.endsWith("--ids") ? List.of() : settings);
    }
    String said = refused(arguments.toArray(String[]::new));
    assertTrue(said.contains(named), said);
  }

  private static int indexOfKey(List<String> settings, String key) {
    for (int i = 0; i < settings.size(); i++) {
      if (settings.get(i).startsWith(key + "=")) {
        return i;
      }
    }
    return -1;
  }

  @Test
  void theHelpOfAJob_hasNoOptionThatItDoesNotTake() {
    String payouts = execute("run", "payouts", "--help").out();
    assertTrue(payouts.contains("--ids") && payouts.contains("Examples:"), payouts);
    for (String other : List.of("--from", "--follow", "--datasets", "--since", "--days")) {
      assertFalse(payouts.contains("\n      " + other), payouts);
    }
    String chain = execute("plan", "chain", "--help").out();
    assertTrue(chain.contains("--from") && chain.contains("--datasets"), chain);
    assertFalse(chain.contains("--days"), chain);
    String wallets = execute("run", "wallets", "--help").out();
    assertTrue(wallets.contains("  backfill run wallets --ids ids.txt\n"), wallets);
    assertFalse(wallets.contains("backfill run payouts"), wallets);
    String markets = execute("run", "markets", "fills", "--help").out();
    assertTrue(markets.contains("--ids") && markets.contains("--since"), markets);
    assertFalse(execute("run", "markets", "--help").out().contains("--ids="), markets);
    assertTrue(execute("run", "--help").out().contains("--datasets"));
  }

  @Test
  void howAListIsRead_needsAList() {
    assertTrue(refused("run", "payouts", "--strict").contains("--strict requires --ids"));
    assertTrue(refused("run", "payouts", "--column", "id").contains("--column requires --ids"));
  }

  @Test
  void anEmptyList_isNothingToDo() throws IOException {
    for (String list : List.of(file(""), file("[]\n"), "-")) {
      Said said = execute(withSettings("run", "payouts", "--ids", list));
      assertEquals(0, said.code(), said.toString());
      assertEquals("payouts: no ids, nothing to do\n", said.out());
      assertTrue(
          said.err().contains("payouts: 0 ids in " + (list.equals("-") ? "standard input" : list)),
          said.err());
    }
    assertFalse(Files.exists(bed.ledgerFile()), "no ledger is made for nothing");
  }

  @Test
  void aMissingFile_orOneWithoutIds_isOneLine() throws IOException {
    assertTrue(refused(withSettings("run", "payouts", "--ids", "")).contains("'': no such file"));
    assertFalse(refused(withSettings("run", "payouts", "--ids", file("["))).contains("Source"));
    assertTrue(
        refused(withSettings("run", "payouts", "--ids", "/nowhere/ids"))
            .contains("/nowhere/ids: no such file"));
    assertTrue(
        refused(withSettings("run", "payouts", "--ids", file("one\ntwo\n")))
            .contains("line 1 is 'one'"));
    assertFalse(
        Files.exists(bed.ledgerFile()), "a ledger that was made for nothing would be in the way");
  }

  @Test
  void strict_refusesAFileWithABadLine_andNamesIt() throws IOException {
    String said =
        refused(
            withSettings(
                "run",
                "payouts",
                "--strict",
                "--ids",
                file(bed.ids("found", 2).get(0) + "\n\nxyz\n")));
    assertTrue(said.contains("line 3") && said.contains("'xyz'"), said);
  }

  @Test
  void withoutIds_andWithoutMarkets_isOneLine() {
    String said = refused(withSettings("run", "payouts"));
    assertTrue(said.contains("run markets") && said.contains("--ids FILE"), said);
    assertFalse(Files.exists(bed.ledgerFile()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"status", "status payouts", "ledger payouts", "reset payouts"})
  void whereNothingWasRun_statusSaysSo(String command) {
    assertTrue(refused(withSettings(command.split(" "))).contains("no ledger"));
  }

  @Test
  void aTakenPort_isOneLine() throws IOException {
    try (ServerSocket other = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      String said =
          refused(
              "sql",
              "SELECT 1",
              "--set",
              "clickhouse.data=" + bed.home().resolve("other-data"),
              "--set",
              "clickhouse.port=" + other.getLocalPort());
      assertTrue(said.contains(String.valueOf(other.getLocalPort())), said);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"99999", "-1", "http"})
  void anInvalidPort_isOneLine(String port) {
    String said =
        refused(
            "sql",
            "SELECT 1",
            "--set",
            "clickhouse.data=" + bed.home().resolve("other-data"),
            "--set",
            "clickhouse.port=" + port);
    assertTrue(said.contains("clickhouse.port") || said.contains(port), said);
  }

  @Test
  void anUncreatableFolder_andANegativeNumber_areOneLine() {
    assertTrue(refused("demo", "--folder", "/proc/x").contains("cannot use /proc/x"));
    Said sandbox = execute("sandbox", "--latency", "-4");
    assertEquals(1, sandbox.code(), sandbox.toString());
    assertTrue(sandbox.err().contains("--latency is -4"), sandbox.err());
  }

  @Test
  void anSqlMistake_isOneLine_withTheNameOfTheError() {
    String said = refused(withSettings("sql", "SELECT nonsense FROM nowhere"));
    assertTrue(said.contains("there is no table nowhere"), said);
    assertTrue(said.contains("(UNKNOWN_TABLE)"), said);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--help",
        "run --help",
        "status --help",
        "fetch --help",
        "ledger --help",
        "reset --help",
        "views --help",
        "verify --help",
        "sql --help",
        "clickhouse --help",
        "demo --help",
        "sandbox --help",
        "benchmark --help",
        "pipeline --help"
      })
  void everyCommand_hasHelp(String command) {
    Said said = execute(command.split(" "));
    assertEquals(0, said.code(), said.toString());
    assertTrue(said.out().contains("Usage: backfill"), said.out());
  }
}
