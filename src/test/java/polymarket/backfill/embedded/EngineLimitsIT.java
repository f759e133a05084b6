package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.embedded.TestEngine.ask;
import static polymarket.backfill.embedded.TestEngine.encode;
import static polymarket.backfill.embedded.TestEngine.post;
import static polymarket.backfill.embedded.TestEngine.send;
import static polymarket.backfill.embedded.TestEngine.table;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Clients that leave, ask for too much, or say nothing. */
class EngineLimitsIT {
  private static URI engine;

  @BeforeAll
  static void start() {
    engine = TestEngine.shared().url();
  }

  @Test
  void clientsThatDisconnect_cancelTheirOwnQueriesOnly() throws Exception {
    AtomicBoolean end = new AtomicBoolean();
    List<String> failures = java.util.Collections.synchronizedList(new ArrayList<>());
    ExecutorService threads = Executors.newCachedThreadPool();
    try {
      List<CompletableFuture<Integer>> innocents = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        innocents.add(
            CompletableFuture.supplyAsync(
                () -> {
                  int n = 0;
                  for (; !end.get(); n++) {
                    HttpResponse<String> response =
                        post(engine, "", "SELECT count() FROM numbers(100000)");
                    if (response.statusCode() != 200) {
                      failures.add(response.body());
                    }
                  }
                  return n;
                },
                threads));
      }
      for (int i = 0; i < 40; i++) {
        try (InputStream in =
            send(
                    engine,
                    "",
                    "SELECT number, 'leaver' FROM numbers(100000000000)"
                        .getBytes(StandardCharsets.UTF_8),
                    BodyHandlers.ofInputStream())
                .body()) {
          in.readNBytes(2 << 20);
        }
      }
      end.set(true);
      int asked = innocents.stream().mapToInt(CompletableFuture::join).sum();
      assertTrue(asked > 20, "only " + asked + " other queries");
      assertEquals(List.of(), failures);
    } finally {
      end.set(true);
      threads.shutdown();
    }
    assertNoneRuns("leaver");
  }

  @Test
  void aClientThatDisconnectsBeforeTheFirstRow_stopsItsQuery() throws Exception {
    String sql =
        "SELECT sum(sleepEachRow(1)), 'silent' FROM numbers(600) SETTINGS max_block_size=1";
    try (Socket socket = new Socket("127.0.0.1", engine.getPort())) {
      socket
          .getOutputStream()
          .write(
              ("POST / HTTP/1.1\r\nHost: 127.0.0.1:"
                      + engine.getPort()
                      + "\r\nX-ClickHouse-Key: "
                      + TestEngine.PASSWORD
                      + "\r\nContent-Length: "
                      + sql.length()
                      + "\r\n\r\n"
                      + sql)
                  .getBytes(StandardCharsets.US_ASCII));
      for (int i = 0; i < 100 && running("silent") == 0; i++) {
        EngineServer.pause(100);
      }
      assertEquals(1, running("silent"));
    }
    assertNoneRuns("silent");
  }

  private static long running(String text) {
    return Long.parseLong(
        ask(
            engine,
            "SELECT count() FROM system.processes WHERE position(query, concat('"
                + text.charAt(0)
                + "', '"
                + text.substring(1)
                + "')) > 0"));
  }

  private static void assertNoneRuns(String text) {
    for (int i = 0; i < 100 && running(text) > 0; i++) {
      EngineServer.pause(100);
    }
    assertEquals(0, running(text));
  }

  @Test
  void twelveStatementsOfThirtyMegabytesAtOnce_areAllAnswered() {
    StringBuilder list = new StringBuilder("SELECT length('");
    list.append("0123456789".repeat(3_000_000)).append("')");
    byte[] statement = list.toString().getBytes(StandardCharsets.US_ASCII);
    ExecutorService threads = Executors.newFixedThreadPool(12);
    try {
      List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        all.add(
            CompletableFuture.supplyAsync(
                () -> send(engine, "max_query_size=100000000", statement, BodyHandlers.ofString()),
                threads));
      }
      for (CompletableFuture<HttpResponse<String>> one : all) {
        assertEquals("200 30000000\n", one.join().statusCode() + " " + one.join().body());
      }
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void aStatementOfTooManyWords_isRefused() {
    byte[] statement = ("SELECT [" + "1,".repeat(3 << 20) + "1]").getBytes();
    HttpResponse<String> response = send(engine, "", statement, BodyHandlers.ofString());
    assertEquals(413, response.statusCode(), response.body());
  }

  @Test
  void aDecompressionBomb_isStopped() throws IOException {
    String t = table();
    ask(engine, "CREATE TABLE " + t + " (a String) ENGINE = Null");
    ByteArrayOutputStream bomb = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bomb)) {
      byte[] nothing = "\n".repeat(1 << 20).getBytes();
      for (int i = 0; i < 300; i++) {
        out.write(nothing);
      }
    }
    String insert = "query=" + encode("INSERT INTO " + t + " FORMAT TSV");
    HttpResponse<String> response =
        send(
            engine,
            insert,
            bomb.toByteArray(),
            BodyHandlers.ofString(),
            "Content-Encoding",
            "gzip");
    assertEquals(413, response.statusCode(), response.body());
    assertTrue(response.body().contains("times its length"), response.body());
    // a frame that promises a gigabyte
    byte[] frame = new byte[25];
    frame[16] = (byte) 0x82;
    frame[17] = 20;
    frame[24] = 0x40;
    response = send(engine, insert + "&decompress=1", frame, BodyHandlers.ofString());
    assertEquals("432", response.headers().firstValue("X-ClickHouse-Exception-Code").orElse(""));
  }

  /** One connection to a server with short patience, and what it answers to what is sent. */
  private static String served(String... pieces) throws Exception {
    try (ServerSocket listening = new ServerSocket(0);
        Socket client = new Socket("127.0.0.1", listening.getLocalPort());
        Socket accepted = listening.accept()) {
      HttpConnection http =
          new HttpConnection(
              accepted, new HttpConnection.Patience(1_000, 500, 700, 2_000), Map.of());
      CompletableFuture<String> result =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  HttpConnection.Request request = http.next();
                  if (request == null) {
                    return "nothing came";
                  }
                  String body = new String(request.body().readAllBytes());
                  request = http.next();
                  return body + (request == null ? "" : ", and another");
                } catch (HttpConnection.BadRequest e) {
                  return String.valueOf(e.status);
                } catch (IOException e) {
                  return e.getMessage();
                }
              });
      for (String piece : pieces) {
        client.getOutputStream().write(piece.getBytes(StandardCharsets.US_ASCII));
        client.getOutputStream().flush();
        Thread.sleep(300);
      }
      return result.get(20, java.util.concurrent.TimeUnit.SECONDS);
    } catch (IOException e) {
      return "closed: " + e.getMessage();
    }
  }

  @Test
  void halfOpenConnections_timeOut() throws Exception {
    String head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n";
    assertEquals("abcd", served(head + "abcd"));
    assertEquals("abcd", served(head, "ab", "cd"));
    assertEquals("nothing came", served());
    // a byte now and then keeps no connection
    assertEquals("408", served("POST / HTTP/1.1\r\n", "A: b\r\n", "B: b\r\n", "C: b\r\n", "D: b"));
    assertEquals("Read timed out", served(head + "ab"));
    String slow = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n";
    String[] drops = new String[12];
    java.util.Arrays.fill(drops, "x");
    drops[0] = slow;
    String end = served(drops);
    assertTrue(end.equals("the request takes too long") || end.equals("Read timed out"), end);
  }
}
