package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The program against small servers that misbehave in one way each (shared/cases). */
@Timeout(300)
class CasesIT {

  private final TestBed bed = TestBed.start();
  private final List<Process> servers = new ArrayList<>();

  @AfterEach
  void close() {
    servers.forEach(Process::destroyForcibly);
    bed.close();
  }

  /** Starts a script of the folder on a free port; gives its URL. */
  private String serve(String script, String... arguments) throws Exception {
    Path file = Shared.cases(script);
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    List<String> command = new ArrayList<>(List.of("python3", file.toString(), "" + port));
    command.addAll(List.of(arguments));
    try {
      servers.add(
          new ProcessBuilder(command)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start());
    } catch (IOException e) {
      Assumptions.abort("skipped: no python3");
    }
    TestBed.await(script, Duration.ofSeconds(60), () -> answers(port));
    return "http://127.0.0.1:" + port;
  }

  private static boolean answers(int port) {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return socket.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  private String run(String variable, String url, String... arguments) {
    Program.Result result = Program.start(bed, List.of(), Map.of(variable, url), arguments).end();
    assertEquals(0, result.exitCode(), result.toString());
    return result.out() + result.err();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "wide:1000:maximum [from, to] blocks distance: 1000",
        "wide:100:Request timeout on the free tier",
        "batch:3",
        "batch:1"
      })
  void aNodeWithALowerLimit_getsSmallerRequests(String mode) throws Exception {
    run("POLYGON_RPC_URL", serve("node.py", mode), "run", "rpc-logs", "--from", "89997900");
    assertEquals(397, TestBed.number("SELECT sum(transfers) FROM default.rpc_transfers"));
    assertEquals(1, TestBed.number("SELECT count() FROM default.rpc_resolutions"));
  }

  @Test
  void anUnreadableField_isNull_andReported() throws Exception {
    String said = run("GAMMA_URL", serve("gamma_one_field.py"), "run", "markets");
    assertEquals(4, TestBed.number("SELECT count() FROM default.api_markets_staging"));
    // the date and the exponent are known forms; 19 decimals fit no column
    assertEquals(
        "liquidity",
        TestBed.sql(
                "SELECT arrayStringConcat(arrayFlatten(groupArray(mapKeys(unread)))) AS fields FROM"
                    + " default.api_markets_staging")
            .get(0)
            .get("fields"));
    assertTrue(said.contains("liquidity"), said);
  }

  @Test
  void nullForAList_isAnEmptyList() throws Exception {
    run("GAMMA_URL", serve("gamma_one_field.py", "null"), "run", "markets");
    assertEquals(4, TestBed.number("SELECT count() FROM default.api_markets_staging"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"null", "tag"})
  void theClobsList_ends_andAnIdInTwoSpellingsIsOneRow(String mode) throws Exception {
    run("CLOB_URL", serve("clob_list.py", mode), "run", "clob-markets");
    assertEquals(
        mode.equals("null") ? 1000 : 1004,
        TestBed.number("SELECT uniqExact(condition_id) FROM default.clob_market_mapping"));
    assertEquals(
        0,
        TestBed.number(
            "SELECT count() - uniqExact(condition_id) FROM default.clob_market_mapping FINAL"));
  }

  @Test
  void idsJoinedWithCommas_areRead() {
    Path ids = Shared.cases("joined-with-commas.txt");
    Program.Result result = Program.run(bed, "run", "payouts", "--ids", ids.toString());
    assertEquals(0, result.exitCode(), result.toString());
    assertEquals(12, bed.entries().size());
  }

  @Test
  void filesThatEditorsLeaveBesideRoutes_areIgnored() throws IOException {
    Path sources = bed.home().resolve("routes/sources");
    Files.createSymbolicLink(sources.resolve(".#goldsky.camel.yaml"), Path.of("nowhere"));
    Files.writeString(sources.resolve("._goldsky.camel.yaml"), "\0\5\26\7");
    Files.writeString(sources.resolve("goldsky.camel.yaml~"), "- route: [");
    Program.Result result =
        Program.run(
            bed, "run", "payouts", "--ids", Shared.cases("joined-with-commas.txt").toString());
    assertEquals(0, result.exitCode(), result.toString());
  }

  @ParameterizedTest
  @ValueSource(ints = {502, 520, 526})
  void anOutageDuringARun_makesItWait(int status) throws Exception {
    String gamma = bed.sandbox().urls().get("gamma");
    String url = serve("outage.py", gamma.replaceAll("/gamma.*", ""), "status:" + status + ":2:5");
    run("GAMMA_URL", url + "/gamma", "run", "markets");
    long markets = TestBed.number("SELECT count() FROM default.api_markets_staging");
    assertTrue(markets > 100, markets + " markets");
    assertEquals(
        markets, TestBed.number("SELECT uniqExact(market_id) FROM default.api_markets_staging"));
  }
}
