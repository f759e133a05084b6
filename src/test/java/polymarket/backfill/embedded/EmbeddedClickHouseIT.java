package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.embedded.TestEngine.ask;
import static polymarket.backfill.embedded.TestEngine.awaitEnd;
import static polymarket.backfill.embedded.TestEngine.encode;
import static polymarket.backfill.embedded.TestEngine.folder;
import static polymarket.backfill.embedded.TestEngine.post;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;

/** How long an engine lives, and what is there after it died. */
class EmbeddedClickHouseIT {
  private final List<Process> processes = new ArrayList<>();
  private Path data;

  /** Another process that attaches, says where, and stays until its input ends. */
  public static final class Other {
    public static void main(String[] args) throws IOException {
      if (args[0].equals("foreground")) {
        try {
          EmbeddedClickHouse.serveForeground(Path.of(args[1]), 0, "", null);
        } catch (UserError e) {
          System.out.println(e.getMessage());
        }
        return;
      }
      EmbeddedClickHouse engine = TestEngine.attach(Path.of(args[1]), 0);
      System.out.println(engine.url());
      while (System.in.read() >= 0) {
        // until the test lets go
      }
      Runtime.getRuntime().halt(0);
    }
  }

  @BeforeEach
  void makeFolder() {
    data = folder("life");
  }

  @AfterEach
  void clean() {
    processes.forEach(Process::destroyForcibly);
    EngineProcess.Info info = EngineProcess.Info.read(data);
    if (info != null) {
      awaitEnd(info.pid());
    }
    TestEngine.delete(data);
  }

  private Process other(String mode) throws IOException {
    Process process =
        new ProcessBuilder(
                Program.interruptible(
                    List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Other.class.getName(),
                        mode,
                        data.toString())))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    processes.add(process);
    return process;
  }

  private static String line(Process process) throws IOException {
    return new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
        .readLine();
  }

  private static void signal(String name, long pid) throws Exception {
    assertEquals(0, new ProcessBuilder("kill", "-" + name, String.valueOf(pid)).start().waitFor());
  }

  @Test
  void processesThatStartTogether_shareOneEngine_thatEndsAfterTheLastIsKilled() throws Exception {
    Process first = other("attach");
    Process second = other("attach");
    String url = line(first);
    assertEquals(url, line(second));
    EmbeddedClickHouse here = TestEngine.attach(data, 0);
    assertEquals(url, here.url().toString());
    here.close();
    first.destroyForcibly().waitFor();
    EngineServer.pause(1_500);
    assertEquals("1", ask(here.url(), "SELECT 1"));
    second.destroyForcibly().waitFor();
    long begin = System.nanoTime();
    assertTrue(awaitEnd(here.pid()));
    assertTrue(
        System.nanoTime() - begin < 3_000_000_000L,
        "took " + (System.nanoTime() - begin) / 1_000_000 + " ms");
    assertFalse(Files.exists(data.resolve("engine.json")));
  }

  @Test
  void theLastProcess_letsARunningRequestEnd() {
    EmbeddedClickHouse engine = TestEngine.attach(data, 0);
    CompletableFuture<String> slow =
        CompletableFuture.supplyAsync(() -> ask(engine.url(), "SELECT sleep(2.5), 'done'"));
    EngineServer.pause(500);
    engine.close();
    assertEquals("0\tdone", slow.join());
    assertTrue(awaitEnd(engine.pid()));
  }

  @Test
  void ctrlCDoesNotEndIt_sigtermDoes_andTablesAreThereAfterwards() throws Exception {
    try (EmbeddedClickHouse engine = TestEngine.attach(data, 0)) {
      ask(engine.url(), "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a");
      ask(engine.url(), "INSERT INTO t VALUES (1)");
      signal("INT", engine.pid());
      signal("HUP", engine.pid());
      EngineServer.pause(300);
      ask(engine.url(), "INSERT INTO t VALUES (2)");
      signal("TERM", engine.pid());
      assertTrue(awaitEnd(engine.pid()));
      assertFalse(engine.isAlive());
      engine.reattach();
      assertTrue(engine.isAlive());
      assertEquals("2", ask(engine.url(), "SELECT count() FROM default.t"));
    }
  }

  @Test
  void killedInTheMiddleOfInserts_keepsEveryAcknowledgedBatch() throws Exception {
    int port = freePort();
    try (EmbeddedClickHouse engine = TestEngine.attach(data, port)) {
      assertEquals(port, engine.url().getPort());
      ask(
          engine.url(),
          "CREATE TABLE t (batch UInt32, n UInt32) ENGINE = MergeTree ORDER BY batch");
      AtomicInteger acknowledged = new AtomicInteger();
      for (int round = 0; round < 2; round++) {
        long pid = engine.pid();
        AtomicLong target = new AtomicLong(acknowledged.get() + 20);
        CompletableFuture<Void> inserts =
            CompletableFuture.runAsync(
                () -> {
                  try {
                    for (int batch = acknowledged.get(); ; batch++) {
                      String rows = "SELECT " + batch + ", number FROM numbers(1000)";
                      String body = ask(engine.url(), rows + " FORMAT CSV");
                      if (post(engine.url(), "query=" + encode("INSERT INTO t FORMAT CSV"), body)
                              .statusCode()
                          != 200) {
                        return;
                      }
                      acknowledged.set(batch + 1);
                    }
                  } catch (UncheckedIOException e) {
                    // killed
                  }
                });
        while (acknowledged.get() < target.get()) {
          EngineServer.pause(5);
        }
        signal("KILL", pid);
        inserts.join();
        // its connections end before the process does
        assertTrue(awaitEnd(pid));
        engine.reattach();
        assertNotEquals(pid, engine.pid());
        assertEquals(port, engine.url().getPort());
        int known = acknowledged.get();
        assertEquals(
            known + "\t" + known * 1000L,
            ask(engine.url(), "SELECT uniqExact(batch), count() FROM t WHERE batch < " + known));
        assertEquals(
            "0",
            ask(
                engine.url(),
                "SELECT countIf(c != 1000) FROM (SELECT batch, count() AS c FROM t GROUP BY"
                    + " batch)"));
        ask(engine.url(), "DELETE FROM t WHERE batch >= " + known);
      }
    }
  }

  @Test
  void staleFile_isNotTrusted() throws Exception {
    try (ServerSocket somebody =
        new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
      Files.writeString(
          data.resolve("engine.json"),
          "{\"pid\":1,\"port\":" + TestEngine.shared().url().getPort() + "}");
      try (EmbeddedClickHouse engine = TestEngine.attach(data, 0)) {
        assertNotEquals(TestEngine.shared().url(), engine.url());
        assertNotEquals(somebody.getLocalPort(), engine.url().getPort());
      }
    }
  }

  @Test
  void foreground_servesAlone_andASecondOneSaysWhoHasTheFolder() throws Exception {
    Process foreground = other("foreground");
    String ready = line(foreground);
    assertTrue(
        ready.matches(
            "ClickHouse at http://127.0.0.1:\\d+ with the data in .*; stop it with Ctrl-C"),
        ready);
    try (EmbeddedClickHouse engine = TestEngine.attach(data, 0)) {
      assertEquals(
          foreground.pid(),
          ProcessHandle.of(engine.pid()).orElseThrow().parent().orElseThrow().pid());
      ask(engine.url(), "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a");
    }
    long pid =
        ProcessHandle.of(foreground.pid()).orElseThrow().children().findFirst().orElseThrow().pid();
    String second = line(other("foreground"));
    assertTrue(
        second.contains("(pid " + pid + ")") && second.contains("http://127.0.0.1:"), second);
    EngineServer.pause(1_500);
    assertTrue(foreground.isAlive());
    signal("INT", foreground.pid());
    assertTrue(foreground.waitFor(60, TimeUnit.SECONDS), "it goes on");
    assertEquals(0, foreground.exitValue());
    try (EmbeddedClickHouse engine = TestEngine.attach(data, 0)) {
      assertEquals("t", ask(engine.url(), "SHOW TABLES"));
    }
  }

  @Test
  void takenPort_orMissingLibrary_isOneLine() throws Exception {
    try (ServerSocket taken =
        new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
      UserError e =
          assertThrows(UserError.class, () -> TestEngine.attach(data, taken.getLocalPort()));
      assertTrue(
          e.getMessage().contains("port " + taken.getLocalPort() + " on 127.0.0.1 is taken"),
          e.getMessage());
      assertEquals(1, e.getMessage().lines().count());
    }
    System.setProperty("chdb.lib", "/nowhere/libchdb.so");
    try {
      UserError e = assertThrows(UserError.class, () -> TestEngine.attach(data, 0));
      assertEquals(
          "embedded ClickHouse: /nowhere/libchdb.so is missing; run chdb/install, or set"
              + " clickhouse.url to use a server",
          e.getMessage());
    } finally {
      System.clearProperty("chdb.lib");
    }
  }

  @Test
  void anEngineKilledBetweenStatements_orDuringARepeatableOne_isRestarted() throws Exception {
    Settings settings =
        Settings.load(
            Path.of("").toAbsolutePath(),
            Map.of(),
            Map.of(
                "clickhouse.url", "", "clickhouse.data", data.toString(), "clickhouse.port", "0"));
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      clickHouse.execute("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a");
      long first = EngineProcess.Info.read(data).pid();
      signal("KILL", first);
      assertTrue(awaitEnd(first));
      clickHouse.execute("INSERT INTO t VALUES (1)");
      signal("KILL", EngineProcess.Info.read(data).pid());
      assertEquals("1", String.valueOf(clickHouse.value("SELECT count() FROM t")));
      // under way
      long pid = EngineProcess.Info.read(data).pid();
      CompletableFuture<Object> slow =
          CompletableFuture.supplyAsync(() -> clickHouse.value("SELECT sleep(2) + count() FROM t"));
      EngineServer.pause(1_000);
      signal("KILL", pid);
      assertEquals("1", String.valueOf(slow.join()));
      assertNotEquals(pid, EngineProcess.Info.read(data).pid());
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket s = new ServerSocket(0)) {
      return s.getLocalPort();
    }
  }
}
