package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** What {@code clickhouse} prints is what clients need. */
class ClickHouseCommandIT {

  private static String printed(Program program, String client) {
    return program
        .out()
        .lines()
        .filter(line -> line.startsWith("  " + client + ": "))
        .map(line -> line.substring(client.length() + 4))
        .findFirst()
        .orElseThrow(() -> new AssertionError(client + " is missing in: " + program.out()));
  }

  @Test
  void thePrintedCommandAndUrl_reachTheEngine_untilSigterm() throws Exception {
    try (TestBed bed =
            TestBed.start(new SandboxOptions().conditions(10))
                .ownEngine()
                .set("clickhouse.port", "0");
        Program program = Program.start(bed, "clickhouse")) {
      TestBed.await(
          "the ways to connect",
          Duration.ofSeconds(120),
          () -> program.out().contains("clickhouse-connect: ") || !program.isAlive());
      try (Connection connection =
              DriverManager.getConnection(printed(program, "clickhouse-jdbc"));
          ResultSet one = connection.createStatement().executeQuery("SELECT 1")) {
        assertTrue(one.next());
        assertEquals(1, one.getInt(1));
      }
      assertEquals(1, count(program.out(), "password "), "the password is printed once by itself");
      assumeTrue(isThere("curl"), "there is no curl here");
      Process curl =
          new ProcessBuilder("sh", "-c", printed(program, "curl"))
              .redirectErrorStream(true)
              .start();
      String answer = new String(curl.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(answer.endsWith("1\n"), answer);
      program.signal("TERM");
      assertEquals(0, program.end().exitCode());
    }
  }

  private static int count(String text, String word) {
    return text.split(word, -1).length - 1;
  }

  private static boolean isThere(String command) throws IOException {
    for (String folder : System.getenv("PATH").split(":")) {
      if (Files.isExecutable(Path.of(folder, command))) {
        return true;
      }
    }
    return false;
  }
}
