package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompletionTest {

  @TempDir private Path folder;

  private Path script(String shell) throws Exception {
    PrintStream before = System.out;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    try {
      assertEquals(0, Backfill.execute("completion", shell));
    } finally {
      System.setOut(before);
    }
    return Files.write(folder.resolve("script"), out.toByteArray());
  }

  private static String output(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);
    return said;
  }

  @Test
  void bash_completesCommands_theirOptions_andJobs() throws Exception {
    Path script = script("bash");
    String complete =
        "source '%s'; COMP_WORDS=(backfill %s); COMP_CWORD=%d; _complete_backfill 2>/dev/null; echo"
            + " ${COMPREPLY[@]}";
    assertEquals(
        Set.of("ready", "reconcile", "reset"),
        Set.of(output("bash", "-c", complete.formatted(script, "re", 1)).strip().split(" ")));
    assertTrue(
        output("bash", "-c", complete.formatted(script, "run --id", 2)).contains("--ids"),
        "an option of run");
    assertEquals("payouts", output("bash", "-c", complete.formatted(script, "run pay", 2)).strip());
    assertEquals(
        "overnight", output("bash", "-c", complete.formatted(script, "pipeline o", 2)).strip());
  }

  @Test
  void fish_completesCommands_theirOptions_andJobs() throws Exception {
    Path script = script("fish");
    String text = Files.readString(script);
    assertTrue(text.contains("__fish_seen_subcommand_from run' -l ids -r -F"), text);
    assertTrue(!text.contains("archive-classes"), "a hidden command");
    assumeTrue(
        System.getenv("PATH")
            .lines()
            .flatMap(p -> java.util.Arrays.stream(p.split(":")))
            .anyMatch(d -> Files.isExecutable(Path.of(d, "fish"))),
        "there is no fish here");
    assertTrue(
        output("fish", "-c", "source " + script + "; complete -C 'backfill re'")
            .contains("reconcile"));
    assertTrue(
        output("fish", "-c", "source " + script + "; complete -C 'backfill run pay'")
            .contains("payouts"));
  }
}
