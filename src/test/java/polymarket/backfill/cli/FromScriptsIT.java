package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.sandbox.SandboxOptions;

/** The page docs/FROM-SCRIPTS.md: what it says to type works. */
class FromScriptsIT {
  private static final Path PAGE = TestBed.PROJECT.resolve("docs/FROM-SCRIPTS.md");

  /** What stands in code between ./backfill and its end, without what is for the shell. */
  private static final Pattern COMMAND =
      Pattern.compile("`(?:nohup )?\\./backfill ([^`>]+?)(?: >[^`]*)?`");

  private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|(\\S+)");

  /** They end with exit code 3 where a threshold is missed, as the small sandbox may. */
  private static final List<String> CHECKS = List.of("verify", "ready", "doctor");

  private static List<List<String>> commands() throws IOException {
    List<List<String>> commands = new ArrayList<>();
    Matcher command = COMMAND.matcher(Files.readString(PAGE));
    while (command.find()) {
      List<String> words = new ArrayList<>();
      Matcher word = WORD.matcher(command.group(1));
      while (word.find()) {
        words.add(word.group(1) != null ? word.group(1) : word.group(2));
      }
      commands.add(words);
    }
    return commands;
  }

  /** Runs a command to its end, or, if it has none, until it has shown something. */
  private static Program.Result run(TestBed bed, List<String> command) {
    Program program =
        Program.start(
            bed,
            List.of(),
            Map.of("POLYGON_RPC_URL", bed.sandbox().urls().get("polygon")),
            command.toArray(String[]::new));
    if (command.contains("--watch")) {
      TestBed.await(
          "an output of " + command,
          Duration.ofMinutes(2),
          () -> !program.out().isBlank() || !program.isAlive());
      program.signal("INT");
    }
    return program.end();
  }

  @Test
  void everyCommandOfThePageWorks() throws IOException {
    SandboxOptions options =
        new SandboxOptions().conditions(120).wallets(20).fillsPerMarket(3).blockSeconds(8000);
    try (TestBed bed = TestBed.start(options.limits(0)).ownEngine()) {
      bed.sandbox().settings().forEach(bed::set);
      // few blocks of the sandbox have logs
      bed.set("rpc-logs.from", bed.sandbox().firstBlock()).set("chain.span", 400_000);
      try (ClickHouse clickHouse = ClickHouse.open(bed.settings())) {
        DemoCommand.trades(clickHouse, bed.sandbox());
        bed.holdEngine();
        assertEquals(0, run(bed, List.of("run", "markets")).exitCode());
        // some fills are missing, for the page's commands
        assertEquals(0, run(bed, List.of("run", "fills", "--limit", "50")).exitCode());
        clickHouse.execute(SqlFile.read("demo").section("setup"), Map.of());
      }
      List<String> ids = bed.ids(80);
      Files.createDirectories(bed.home().resolve("reports"));
      Files.createDirectories(bed.home().resolve("tmp"));
      Files.write(bed.home().resolve("reports/condition_ids_missing_api.txt"), ids);
      List<List<String>> commands = commands();
      assertTrue(commands.size() > 25, commands.toString());
      for (List<String> command : commands) {
        List<String> typed = new ArrayList<>(command);
        // the sandbox has other blocks and ids than Polymarket
        String first = String.valueOf(bed.sandbox().firstBlock());
        typed.replaceAll(word -> word.equals("4023686") ? first : word);
        typed.replaceAll(word -> word.length() == 64 ? ids.get(0) : word);
        Program.Result result = run(bed, typed);
        int code = result.exitCode();
        boolean check = CHECKS.contains(command.get(0)) || command.contains("enrichment");
        boolean watched = command.contains("--watch");
        assertTrue(
            code == 0 || check && code == 3 || watched && code == 130,
            command + " ended with " + code + ": " + result);
      }
    }
  }
}
