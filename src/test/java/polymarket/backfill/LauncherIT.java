package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.sandbox.SandboxOptions;

/** The script ./backfill, started from shells whose surroundings are odd: one true line each. */
@Timeout(300)
class LauncherIT {

  private static TestBed bed;
  private static Path home;

  @BeforeAll
  static void copyTheLauncher() throws IOException {
    bed = TestBed.start(new SandboxOptions().conditions(200).limits(0));
    home = bed.home();
    Files.copy(TestBed.PROJECT.resolve("backfill"), home.resolve("backfill"));
    assertTrue(home.resolve("backfill").toFile().setExecutable(true));
    Files.createDirectories(home.resolve("target"));
    for (String part : List.of("classes", "lib")) {
      Files.createSymbolicLink(
          home.resolve("target/" + part), TestBed.PROJECT.resolve("target/" + part));
    }
    Files.createFile(home.resolve("target/built"));
  }

  @AfterAll
  static void close() throws IOException {
    for (String part : List.of("classes", "lib")) {
      Files.delete(home.resolve("target/" + part));
    }
    bed.close();
  }

  /** A shell's line; $B is the launcher, $SET the bed's settings. */
  private static Program.Result shell(String line, Map<String, String> more) {
    Map<String, String> environment = new HashMap<>(more);
    environment.put("JAVA_HOME", System.getProperty("java.home"));
    environment.put("BACKFILL_JAVA_OPTIONS", "-Xmx300m -Dchdb.lib=" + Program.library());
    environment.put("B", home.resolve("backfill").toString());
    environment.put("SET", String.join(" ", bed.setArguments()));
    return Program.start(List.of("sh", "-c", line), home, environment).end();
  }

  private static void assertOneLine(String says, Program.Result result) {
    assertEquals(1, result.exitCode(), result.toString());
    assertEquals("", result.out());
    assertEquals(1, result.err().lines().count(), result.err());
    assertTrue(result.err().startsWith("backfill: ") && result.err().contains(says), result.err());
  }

  @Test
  void aSetCdpath_doesNotMisleadIt() throws IOException {
    Files.createDirectories(home.resolve("elsewhere/sub"));
    Files.createDirectories(home.resolve("sub"));
    Files.createSymbolicLink(home.resolve("sub/backfill"), home.resolve("backfill"));
    Program.Result result =
        shell(
            "cd " + home + " && sub/backfill --version",
            Map.of("CDPATH", home.resolve("elsewhere").toString()));
    assertEquals(0, result.exitCode(), result.toString());
    assertTrue(result.out().startsWith("backfill "), result.out());
  }

  @Test
  void inAnAsciiLocale_fileNamesWithOtherLettersWork() throws IOException {
    String id = bed.ids("found", 1).get(0);
    byte[] name = "ünï ś".getBytes(java.nio.charset.StandardCharsets.UTF_8);
    StringBuilder octal = new StringBuilder();
    for (byte b : name) {
      octal.append(String.format("\\%03o", b & 0xff));
    }
    // made by the shell, because the tests' own JVM may run in such a locale too
    Program.Result result =
        shell(
            "F=$(printf '"
                + octal
                + "') && mkdir -p \"$F\" && echo "
                + id
                + " > \"$F/ids\" && $B run payouts --ids \"$F/ids\" $SET --set"
                + " runtime.dir=\"$F/run\" && ls \"$F/run\"",
            Map.of("LC_ALL", "C"));
    assertEquals(0, result.exitCode(), result.toString());
    assertTrue(result.out().contains("1 found") && result.out().contains("payouts.ledger"));
  }

  @Test
  void ofTwoThatStartAtTheSameTime_oneBuilds_alsoAfterABuildThatWasKilled() {
    Program.Result result =
        shell(
            "mkdir bin && printf '#!/bin/sh\\n"
                + "sleep 2\\n"
                + "echo built >>builds\\n"
                + "' >bin/mvn && chmod +x bin/mvn && rm target/built && sh -c 'ln -s $$"
                + " target/building' && PATH=$PWD/bin:$PATH && { $B --version & $B --version; wait;"
                + " } && cat builds && ls target",
            Map.of());
    assertEquals(0, result.exitCode(), result.toString());
    List<String> out = result.out().lines().toList();
    assertEquals(2, out.stream().filter(line -> line.startsWith("backfill 1")).count(), out + "");
    assertEquals(1, out.stream().filter("built"::equals).count() - 1, "target/built, and a build");
    assertTrue(!out.contains("building"), out + "");
  }

  @Test
  void tooFewOpenFiles_areReported_andASoftLimitIsRaised() {
    assertOneLine("this shell allows 64 open files", shell("ulimit -n 64; $B status", Map.of()));
    Program.Result soft = shell("ulimit -S -n 64; $B --version", Map.of());
    assertEquals(0, soft.exitCode(), soft.toString());
  }

  @Test
  void aMissingOrFullTemporaryFolder_isReported() {
    assertOneLine(
        "the temporary folder /nowhere is not a directory; set TMPDIR",
        shell("$B status", Map.of("TMPDIR", "/nowhere")));
    assertOneLine("is full; set TMPDIR", inSmallFolder("20k", "TMPDIR=small $B status $SET"));
  }

  @Test
  void aFullRuntimeFolder_isReported() {
    String id = bed.ids("found", 1).get(0);
    String run = "echo " + id + " | $B run payouts --ids - $SET --set runtime.dir=$PWD/small/run";
    for (String size : List.of("8k", "40k")) {
      assertOneLine("no space is left on its disk; free some", inSmallFolder(size, run));
    }
  }

  /** Runs a line beside a folder small/ that holds so much and no more. */
  private static Program.Result inSmallFolder(String size, String line) {
    String mounted = "mkdir -p small && mount -t tmpfs -o size=" + size + " tmpfs small && ";
    Program.Result tried = shell("unshare -rm sh -c '" + mounted + "true'", Map.of());
    assumeTrue(tried.exitCode() == 0, "needs unshare(1) with user namespaces: " + tried.err());
    return shell("unshare -rm sh -c '" + mounted + line + "'", Map.of());
  }

  @Test
  void aDeletedWorkingFolder_isReported() {
    Program.Result result = shell("mkdir gone && cd gone && rmdir ../gone && $B status", Map.of());
    assertEquals(1, result.exitCode(), result.toString());
    assertTrue(
        result
            .err()
            .endsWith("backfill: the working directory was deleted; change to another one\n"),
        result.err());
  }

  @Test
  void aBackgroundRunOfAScript_endsOnSigterm_asItsMessageSays() {
    Program.Result result =
        shell(
            "$B run payouts --ids "
                + TestBed.PROJECT.resolve("src/main/resources/demo/condition-ids.txt.gz")
                + " $SET --set payouts.batch-size=1 & P=$!;"
                + " while ! ls runtime/payouts.status.json >/dev/null 2>&1; do sleep 0.2; done;"
                + " kill -INT $P; sleep 1; kill -0 $P && echo heard; kill -TERM $P; wait $P;"
                + " echo ended $?",
            Map.of());
    assertTrue(result.out().contains("ended 130"), result.toString());
    assertTrue(
        result.err().contains("is ignored here, as in every process that a script starts with &"),
        result.err());
  }
}
