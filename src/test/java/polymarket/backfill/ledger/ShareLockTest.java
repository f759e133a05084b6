package polymarket.backfill.ledger;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;

class ShareLockTest {

  @TempDir private Path folder;

  private ShareLock take(int worker, int of) {
    return ShareLock.take(
        folder.resolve("goldsky.lock"), new Share(worker, of), "goldsky", "run payouts");
  }

  @Test
  void sharesThatOverlap_excludeEachOther_andOthersDoNot() {
    try (ShareLock half = take(1, 2)) {
      assertThrows(UserError.class, () -> take(1, 1));
      assertThrows(UserError.class, () -> take(1, 2));
      assertThrows(UserError.class, () -> take(2, 3));
      try (ShareLock otherHalf = take(2, 2)) {
        assertThrows(UserError.class, () -> take(4, 4));
      }
      take(4, 4).close();
    }
    take(1, 1).close();
  }

  @Test
  void refusal_isOneLineThatNamesTheHolder() throws Exception {
    try (Holder other = new Holder(1, 1)) {
      UserError error = assertThrows(UserError.class, () -> take(2, 4));
      assertEquals(1, error.getMessage().lines().count());
      assertTrue(error.getMessage().contains("pid " + other.process.pid()), error.getMessage());
      assertTrue(error.getMessage().contains("run payouts"), error.getMessage());
      assertTrue(
          error.getMessage().endsWith("Wait for it or stop it with kill " + other.process.pid()),
          error.getMessage());
      error =
          assertThrows(
              UserError.class,
              () ->
                  ShareLock.take(
                      folder.resolve("goldsky.lock"),
                      new Share(2, 4),
                      "goldsky",
                      "test",
                      ", or share the work with --worker N --of M"));
      assertTrue(
          error
              .getMessage()
              .endsWith(
                  "Wait for it, stop it with kill "
                      + other.process.pid()
                      + ", or share the work with --worker N --of M"),
          error.getMessage());
    }
  }

  @Test
  void aRefusalInThisProcess_doesNotReleaseTheLock() throws Exception {
    try (ShareLock held = take(1, 2)) {
      assertThrows(UserError.class, () -> take(1, 1));
      assertEquals("refused", new Holder(1, 2).said);
    }
  }

  @Test
  void processesExcludeEachOther_unlessTheirSharesAreDisjoint() throws Exception {
    try (Holder first = new Holder(1, 3)) {
      assertThrows(UserError.class, () -> take(1, 2));
      try (ShareLock second = take(2, 3);
          Holder third = new Holder(3, 3)) {
        assertEquals(3, ShareLock.holders(folder.resolve("goldsky.lock")).size());
      }
    }
  }

  @Test
  void aKilledProcess_releasesItsLock() throws Exception {
    Holder other = new Holder(1, 1);
    assertThrows(UserError.class, () -> take(1, 1));
    other.process.destroyForcibly().waitFor();
    TestBed.await(
        "the lock is free",
        Duration.ofSeconds(20),
        () -> {
          try (ShareLock lock = take(1, 1)) {
            return true;
          } catch (UserError held) {
            return false;
          }
        });
    assertEquals(List.of(), ShareLock.holders(folder.resolve("goldsky.lock")));
  }

  /** Another process that takes a share and holds it until it is closed. */
  private final class Holder implements AutoCloseable {

    final Process process;
    final String said;

    Holder(int worker, int of) throws IOException {
      process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:+UseSerialGC",
                  "-XX:TieredStopAtLevel=1",
                  "-cp",
                  System.getProperty("java.class.path"),
                  ShareLockTest.class.getName(),
                  folder.resolve("goldsky.lock").toString(),
                  String.valueOf(worker),
                  String.valueOf(of))
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      said = new BufferedReader(new InputStreamReader(process.getInputStream())).readLine();
    }

    @Override
    public void close() throws Exception {
      process.getOutputStream().close();
      process.waitFor();
    }
  }

  /** Takes the share and holds it until standard input ends. */
  public static void main(String[] args) throws IOException {
    try (ShareLock lock =
        ShareLock.take(
            Path.of(args[0]),
            new Share(Integer.parseInt(args[1]), Integer.parseInt(args[2])),
            "goldsky",
            "run payouts")) {
      System.out.println("held");
      while (System.in.read() >= 0) {
        // until the test lets go
      }
    } catch (UserError e) {
      System.out.println("refused");
    }
  }
}
