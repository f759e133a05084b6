package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.embedded.TestEngine.PASSWORD;
import static polymarket.backfill.embedded.TestEngine.ask;
import static polymarket.backfill.embedded.TestEngine.authorization;
import static polymarket.backfill.embedded.TestEngine.encode;
import static polymarket.backfill.embedded.TestEngine.sendAsIs;
import static polymarket.backfill.embedded.TestEngine.table;

import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import polymarket.backfill.UserError;

/** Who may ask the embedded engine. */
class EngineGuardTest {
  private static URI engine;

  @BeforeAll
  static void start() {
    engine = TestEngine.shared().url();
  }

  private static HttpResponse<String> select(String parameters, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(engine + "/?" + parameters))
            .POST(HttpRequest.BodyPublishers.ofString("SELECT 'let in'"));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return sendAsIs(request, BodyHandlers.ofString());
  }

  @Test
  void thePassword_isAcceptedInAllOfClickHousesWays() {
    for (HttpResponse<String> response :
        List.of(
            select("", "Authorization", authorization(PASSWORD)),
            select("", "Authorization", authorization(PASSWORD).replace("Basic", "basic")),
            select("", "X-ClickHouse-User", "default", "X-ClickHouse-Key", PASSWORD),
            select("", "X-ClickHouse-Key", PASSWORD),
            select("user=default&password=" + PASSWORD),
            select("password=" + PASSWORD))) {
      assertEquals("200 let in\n", response.statusCode() + " " + response.body());
    }
  }

  @Test
  void withoutThePassword_nobodyIsLetIn_andClientsAreToldWhy() {
    HttpResponse<String> missing = select("");
    assertEquals(401, missing.statusCode());
    assertTrue(missing.headers().firstValue("WWW-Authenticate").orElse("").startsWith("Basic"));
    for (HttpResponse<String> response :
        List.of(
            missing,
            select("", "Authorization", authorization("")),
            select("", "Authorization", authorization(PASSWORD + "x")),
            select("", "Authorization", authorization(PASSWORD.toUpperCase())),
            select("", "Authorization", "Basic " + encode("default")),
            select("", "Authorization", "Bearer " + PASSWORD),
            select("", "X-ClickHouse-User", "admin", "X-ClickHouse-Key", PASSWORD),
            select("", "X-ClickHouse-User", "default"),
            select("user=default&password="),
            select("user=default"),
            select("session_id=x"))) {
      assertTrue(
          List.of(400, 401, 403).contains(response.statusCode()), "" + response.statusCode());
      assertFalse(response.body().contains("let in"), response.body());
      assertFalse(response.body().contains(PASSWORD), response.body());
      if (response.statusCode() != 400) {
        assertEquals(
            "516", response.headers().firstValue("X-ClickHouse-Exception-Code").orElse(""));
        assertTrue(response.body().startsWith("Code: 516. DB::Exception: "), response.body());
        assertTrue(response.body().contains("(AUTHENTICATION_FAILED)"), response.body());
      }
    }
    HttpResponse<String> ping =
        sendAsIs(HttpRequest.newBuilder(URI.create(engine + "/ping")), BodyHandlers.ofString());
    assertEquals("200 Ok.\n", ping.statusCode() + " " + ping.body());
  }

  private static String raw(String head) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", engine.getPort())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(head.getBytes(StandardCharsets.ISO_8859_1));
      socket.shutdownOutput();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void aPageOfAnotherOrigin_isRefused_evenWithThePassword() throws IOException {
    String t = table();
    String own = "127.0.0.1:" + engine.getPort();
    String body = "CREATE TABLE " + t + " (a UInt8) ENGINE = Memory";
    for (String headers :
        List.of(
            "Host: evil.example:" + engine.getPort(),
            "Host: 127.0.0.1",
            "X-No: host",
            "Host: " + own + "\r\nHost: evil.example",
            "Host: " + own + "\r\nOrigin: null",
            "Host: " + own + "\r\nOrigin: http://127.0.0.1:1",
            "Host: " + own + "\r\nOrigin: http://localhost:" + engine.getPort(),
            "Host: " + own + "\r\nOrigin: https://evil.example",
            "Host: " + own + "\r\nSec-Fetch-Site: cross-site",
            "Host: " + own + "\r\nSec-Fetch-Site: same-site")) {
      for (String path : List.of("/", "/ping", "/backfill/attach")) {
        String answer =
            raw(
                "POST "
                    + path
                    + " HTTP/1.1\r\n"
                    + headers
                    + "\r\nAuthorization: "
                    + authorization(PASSWORD)
                    + "\r\nContent-Type: text/plain\r\nContent-Length: "
                    + body.length()
                    + "\r\n\r\n"
                    + body);
        assertTrue(answer.startsWith("HTTP/1.1 403 "), headers + ": " + answer);
        assertFalse(answer.toLowerCase().contains("access-control-allow"), answer);
      }
    }
    assertEquals("0", ask(engine, "EXISTS TABLE " + t));
    assertTrue(
        raw("OPTIONS / HTTP/1.1\r\nHost: "
                + own
                + "\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n")
            .startsWith("HTTP/1.1 403 "));
    assertTrue(
        raw("GET http://evil.example/?query=SELECT+1 HTTP/1.1\r\nHost: " + own + "\r\n\r\n")
            .startsWith("HTTP/1.1 400 "));
  }

  @Test
  void anAmbiguousRequest_isRefused() throws IOException {
    String begin =
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:"
            + engine.getPort()
            + "\r\nAuthorization: "
            + authorization(PASSWORD)
            + "\r\n";
    for (String rest :
        List.of(
            "Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nSELECT 1\r\n0\r\n\r\n",
            "Content-Length: 8\r\nContent-Length: 9\r\n\r\nSELECT 1",
            "Transfer-Encoding: xchunked\r\n\r\n8\r\nSELECT 1\r\n0\r\n\r\n",
            "X-A : b\r\nContent-Length: 8\r\n\r\nSELECT 1",
            " folded: x\r\nContent-Length: 8\r\n\r\nSELECT 1")) {
      assertTrue(raw(begin + rest).startsWith("HTTP/1.1 400 "), rest);
    }
  }

  @Test
  void thePasswordFile_isPrivate_fromItsCreation() throws Exception {
    Path data = TestEngine.folder("password");
    Files.delete(data);
    try {
      List<CompletableFuture<String>> all =
          java.util.stream.IntStream.range(0, 16)
              .mapToObj(i -> CompletableFuture.supplyAsync(() -> EnginePassword.ensure(data, "")))
              .toList();
      String password = all.get(0).join();
      all.forEach(other -> assertEquals(password, other.join()));
      assertTrue(password.matches("[0-9a-f]{40}"), password);
      assertEquals(1, Files.list(data).count());
      assertPrivate(data, "rwx------");
      assertPrivate(EnginePassword.file(data), "rw-------");
      Files.setPosixFilePermissions(
          EnginePassword.file(data), PosixFilePermissions.fromString("rw-r--r--"));
      assertEquals(password, EnginePassword.ensure(data, ""));
      assertPrivate(EnginePassword.file(data), "rw-------");
      assertEquals("mine", EnginePassword.ensure(data, "mine"));
      assertPrivate(EnginePassword.file(data), "rw-------");
      assertEquals("mine", EnginePassword.ensure(data, ""));
      Files.writeString(EnginePassword.file(data), "");
      assertNotEquals("", EnginePassword.ensure(data, ""));
    } finally {
      TestEngine.delete(data);
    }
  }

  private static void assertPrivate(Path path, String permissions) throws IOException {
    Assumptions.assumeTrue(
        path.getFileSystem().supportedFileAttributeViews().contains("posix"), "no POSIX files");
    assertEquals(
        permissions,
        PosixFilePermissions.toString(Files.getPosixFilePermissions(path)),
        path.toString());
  }

  @Test
  void aNewPassword_appliesToTheRunningEngine_andItsFilesArePrivate() throws IOException {
    Path data = TestEngine.folder("own");
    Files.delete(data);
    try (EmbeddedClickHouse one = EmbeddedClickHouse.attach(data, 0);
        EmbeddedClickHouse other = EmbeddedClickHouse.attach(data, 0, "a new one", null)) {
      assertEquals(one.pid(), other.pid());
      assertEquals("a new one", one.password());
      for (String password : List.of("a new one", "an old one")) {
        assertEquals(
            password.equals("a new one") ? 200 : 403,
            sendAsIs(
                    HttpRequest.newBuilder(URI.create(one.url() + "/?query=SELECT+1"))
                        .header("Authorization", authorization(password)),
                    BodyHandlers.ofString())
                .statusCode());
      }
      assertPrivate(data, "rwx------");
      for (String name :
          List.of(
              "engine.json", "engine.log", "engine.password", "engine.xml", "engine.users.xml")) {
        assertPrivate(data.resolve(name), "rw-------");
      }
    } finally {
      TestEngine.delete(data);
    }
  }

  @Test
  void aStrangerAtTheEnginesPort_neverSeesThePassword() throws Exception {
    Path data = TestEngine.folder("stranger");
    EnginePassword.ensure(data, PASSWORD);
    try (ServerSocket stranger = new ServerSocket(0)) {
      Files.writeString(
          data.resolve("engine.json"), "{\"pid\":1,\"port\":" + stranger.getLocalPort() + "}");
      StringBuilder seen = new StringBuilder();
      Thread thread =
          new Thread(
              () -> {
                try (Socket client = stranger.accept()) {
                  InputStream in = client.getInputStream();
                  while (seen.indexOf("\r\n\r\n") < 0) {
                    seen.append((char) in.read());
                  }
                  client
                      .getOutputStream()
                      .write(
                          ("HTTP/1.1 200 OK\r\nX-Backfill-Data: "
                                  + encode(data.toAbsolutePath().toString())
                                  + "\r\nX-Backfill-Proof: 00\r\n\r\n")
                              .getBytes(StandardCharsets.US_ASCII));
                } catch (IOException e) {
                  seen.append(e);
                }
              });
      thread.start();
      try (EmbeddedClickHouse engine = TestEngine.attach(data, 0)) {
        assertNotEquals(stranger.getLocalPort(), engine.url().getPort());
      }
      thread.join();
      assertTrue(seen.toString().contains("X-Backfill-Proof: "), seen.toString());
      assertFalse(seen.toString().contains(PASSWORD), seen.toString());
    } finally {
      TestEngine.delete(data);
    }
  }

  @Test
  void anInvalidFolderForFiles_isOneLine() {
    UserError e =
        assertThrows(
            UserError.class,
            () -> EmbeddedClickHouse.attach(Path.of("target/x"), 0, "", Path.of("/nowhere")));
    assertTrue(e.getMessage().contains("clickhouse.embedded.files"), e.getMessage());
  }
}
