package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.run.JobRun;

/** Keys and passwords are in no error, message, ledger or log. */
class SecretsIT {

  private static final String SECRET = "s3cretKey0123456789";

  private static int deadPort() throws IOException {
    try (ServerSocket socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress("127.0.0.1", 0));
      return socket.getLocalPort();
    }
  }

  private static void assertNothingTold(TestBed bed, String more) throws IOException {
    assertFalse(more.contains(SECRET), more);
    bed.messages().forEach(line -> assertFalse(line.contains(SECRET), line));
    try (Stream<Path> files = Files.walk(bed.home().resolve("runtime"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        assertFalse(
            new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains(SECRET),
            "it is in " + file);
      }
    }
  }

  @Test
  void aSourceUrlWithAKey_isShownAsItsHost_whenNobodyAnswers() throws IOException {
    try (TestBed bed = TestBed.start()) {
      bed.set(
              "goldsky.positions.url",
              "http://127.0.0.1:" + deadPort() + "/v2/" + SECRET + "?key=" + SECRET)
          .set("source.patience", "1s");
      JobRun.Result result = bed.run(bed.ids(2));
      assertEquals(5, result.exitCode());
      assertTrue(
          bed.messages().stream().anyMatch(line -> line.contains("127.0.0.1")),
          bed.messages().toString());
      assertNothingTold(bed, result.toString());
    }
  }

  @Test
  void aSourceUrlWithAKey_isShownAsItsHost_whenItRefuses() throws IOException {
    try (TestBed bed = TestBed.start()) {
      bed.set("goldsky.positions.url", bed.sandbox().url() + "/goldsky/" + SECRET + "/gn")
          .set("source.patience", "2s")
          .set("source.attempts", "1");
      JobRun.Result result = bed.run(bed.ids(1));
      assertFalse(result.exitCode() == 0);
      assertNothingTold(bed, result.toString());
    }
  }

  /** A server that repeats the request's path in many forms, and sends control characters. */
  private static HttpServer echo(int status, String form) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 5);
    server.createContext(
        "/",
        call -> {
          call.getRequestBody().readAllBytes();
          String path = call.getRequestURI().toString();
          String said =
              "\u001b[2J\u001b]0;owned\u0007\r\u202eCannot POST "
                  + path
                  + " "
                  + path.toUpperCase(Locale.ROOT)
                  + " "
                  + URLEncoder.encode(path, StandardCharsets.UTF_8)
                  + " "
                  + Base64.getEncoder().encodeToString(path.getBytes(StandardCharsets.UTF_8))
                  + " "
                  + HexFormat.of().formatHex(path.getBytes(StandardCharsets.UTF_8));
          byte[] body =
              String.format(form, said)
                  .replace("\u001b", form.startsWith("{") ? "\\u001b" : "\u001b")
                  .replace("\r", form.startsWith("{") ? "\\r" : "\r")
                  .replace("\u0007", form.startsWith("{") ? "\\u0007" : "\u0007")
                  .getBytes(StandardCharsets.UTF_8);
          call.sendResponseHeaders(status, body.length);
          call.getResponseBody().write(body);
          call.close();
        });
    server.start();
    return server;
  }

  @Test
  void whatAServerEchoes_isShownWithoutTheSecrets_andWithoutControlCharacters() throws IOException {
    String form = "{\"errors\":[{\"message\":\"%s\"}]}";
    for (int status : new int[] {404, 200}) {
      HttpServer server = echo(status, status == 404 ? "%s" : form);
      try (TestBed bed = TestBed.start()) {
        bed.set(
                "goldsky.positions.url",
                "http://127.0.0.1:"
                    + server.getAddress().getPort()
                    + "/v2/"
                    + SECRET
                    + "?key=Q"
                    + SECRET)
            .set("source.attempts", "2")
            .set("source.patience", "6s");
        Path ids = Files.write(bed.home().resolve("ids.txt"), bed.ids(1));
        Program.Result run = Program.run(bed, "run", "payouts", "--debug", "--ids", ids.toString());
        Program.Result ledger = Program.run(bed, "ledger", "payouts");
        Program.Result state = Program.run(bed, "status", "--json");
        assertTrue(run.err().contains("Cannot POST"), run.toString());
        for (String secret :
            List.of(
                SECRET,
                SECRET.toUpperCase(Locale.ROOT),
                HexFormat.of().formatHex(SECRET.getBytes(StandardCharsets.UTF_8)))) {
          for (Program.Result told : List.of(run, ledger, state)) {
            assertFalse(told.toString().contains(secret), told.toString());
            assertFalse(
                told.toString().chars().anyMatch(c -> c != '\n' && c != '\t' && c < ' '),
                told.toString());
            assertFalse(told.toString().contains("\u202e"), told.toString());
          }
        }
        assertNothingTold(bed, run.toString());
      } finally {
        server.stop(0);
      }
    }
  }

  @Test
  void anInvalidSourceUrl_isOneLineThatNamesTheSetting() throws IOException {
    try (TestBed bed = TestBed.start()) {
      for (String wrong :
          List.of(
              "http://127.0.0.1:80/v2/ " + SECRET,
              "no url " + SECRET,
              "ftp://127.0.0.1/" + SECRET,
              SECRET,
              "")) {
        bed.set("goldsky.positions.url", wrong);
        UserError error = assertThrows(UserError.class, () -> bed.run(bed.ids(1)), wrong);
        assertEquals(1, error.getMessage().lines().count());
        assertTrue(error.getMessage().contains("goldsky.positions.url"), error.getMessage());
        assertFalse(error.getMessage().contains(SECRET), error.getMessage());
      }
    }
  }

  @Test
  void clickHousesPassword_isInNoError(@TempDir Path home) throws IOException {
    int dead = deadPort();
    for (String url :
        List.of(
            "http://127.0.0.1:" + dead,
            "http://user:" + SECRET + "@127.0.0.1:" + dead,
            "http://127.0.0.1:" + dead + "/?password=" + SECRET,
            "no url " + SECRET)) {
      Settings settings =
          Settings.load(home, Map.of("CLICKHOUSE_PASSWORD", SECRET), Map.of("clickhouse.url", url));
      UserError error = assertThrows(UserError.class, () -> ClickHouse.open(settings).close());
      assertEquals(1, error.getMessage().lines().count());
      assertFalse(error.getMessage().contains(SECRET), error.getMessage());
    }
  }
}
