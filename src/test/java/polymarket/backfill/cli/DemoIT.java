package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;

/** What the demo and the sandbox show to a person who tries them. */
@Timeout(300)
class DemoIT {

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "payouts",
        "two words",
        "WHERE wallet = '0xbb' LIMIT 4",
        "'\"$HOME`\\'",
        "1%",
        "a;b",
        "~/x",
        "*"
      })
  void aPrintedCommand_survivesTheShell(String word) throws IOException, InterruptedException {
    Process shell =
        new ProcessBuilder("sh", "-c", "printf %s " + DemoCommand.quoted(word))
            .redirectErrorStream(true)
            .start();
    assertEquals(word, new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
    assertEquals(0, shell.waitFor());
  }

  @Test
  void ctrlCInTheDemo_exitsWith130_andSaysThatItStartsOver() {
    try (TestBed bed = TestBed.start();
        Program demo =
            Program.start(
                bed.home(),
                List.of(),
                // the demo has ledgers and tables of its own
                Map.of(
                    "SERVE_PORT",
                    "0",
                    "CLUSTER_URL",
                    "jdbc:postgresql://127.0.0.1:1/none",
                    "CLICKHOUSE_CLUSTER",
                    "none"),
                List.of("demo", "--page", "--folder", folder.resolve("demo").toString()))) {
      TestBed.await(
          "a job at work",
          Duration.ofSeconds(120),
          () -> Files.exists(folder.resolve("demo/runtime/fills.status.json")) || !demo.isAlive());
      assertTrue(demo.out().contains("The page of this demo is at http://127.0.0.1:"), demo.out());
      demo.signal("INT");
      Program.Result end = demo.end();
      assertEquals(130, end.exitCode(), end.toString());
      assertTrue(
          end.err()
              .contains(
                  "the demo was interrupted; `./backfill demo` starts again from the beginning"),
          end.err());
      assertFalse((end.out() + end.err()).contains("continues where it stopped"), end.toString());
    }
  }

  @Test
  void theSandboxsExportLines_letARunInAnotherTerminalUseIt() {
    try (TestBed bed = TestBed.start();
        Program sandbox =
            Program.start(
                bed.home(),
                List.of(),
                Map.of(),
                List.of("sandbox", "--port", "0", "--markets", "200"))) {
      TestBed.await(
          "its last line",
          Duration.ofSeconds(60),
          () -> sandbox.out().contains("export RPC_LOGS_FROM=") || !sandbox.isAlive());
      Map<String, String> environment = new LinkedHashMap<>();
      sandbox
          .out()
          .lines()
          .filter(line -> line.startsWith("export "))
          .map(line -> line.substring(7).split("=", 2))
          .forEach(pair -> environment.put(pair[0], pair[1]));
      assertTrue(
          environment
              .keySet()
              .containsAll(
                  List.of(
                      "GOLDSKY_POSITIONS_URL",
                      "GOLDSKY_ORDERBOOK_URL",
                      "GAMMA_URL",
                      "DATA_API_URL",
                      "CLOB_URL",
                      "POLYGON_RPC_URL",
                      "CLOB_ADDRESS",
                      "CLOB_API_KEY",
                      "CLOB_API_SECRET",
                      "CLOB_API_PASSPHRASE")),
          sandbox.out());
      try (Program run =
          Program.start(
              bed.home(),
              List.of(),
              environment,
              List.of(
                  "run",
                  "clob-markets",
                  "--set",
                  "clickhouse.data=" + folder.resolve("data"),
                  "--set",
                  "runtime.dir=" + folder.resolve("runtime")))) {
        Program.Result end = run.end();
        assertEquals(0, end.exitCode(), end.toString());
        assertTrue(end.out().contains("clob-markets: complete"), end.out());
      }
    }
  }

  @Test
  void aRunWithoutANode_namesTheVariableToSet() {
    try (TestBed bed = TestBed.start();
        Program run = Program.start(bed, "run", "rpc-logs", "--set", "chain.sources=polygon")) {
      Program.Result end = run.end();
      assertEquals(1, end.exitCode(), end.toString());
      assertTrue(
          end.err()
              .contains(
                  "chain asks polygon (setting chain.sources): set POLYGON_RPC_URLS in the"
                      + " environment"),
          end.err());
    }
  }
}
