package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** On a terminal of 80 columns, no line is wider, but for commands that are to be copied. */
class NarrowTerminalIT {

  private static final List<String> OPTIONS =
      List.of("-Dbackfill.terminal.output=true", "-Dbackfill.columns=80");

  private static List<String> shown(TestBed bed, String... arguments) {
    String out = Program.startOnTerminal(bed, OPTIONS, arguments).end().out();
    List<String> lines = new ArrayList<>();
    for (String line : out.split("\r?\n")) {
      // what is redrawn begins with a carriage return
      lines.add(
          line.substring(line.lastIndexOf('\r') + 1).replaceAll("\u001b\\[[0-9;?]*[a-zA-Z]", ""));
    }
    return lines;
  }

  @Test
  void noCommandPrintsALineThatIsWider() throws IOException {
    try (TestBed bed = TestBed.start(new SandboxOptions().conditions(300))) {
      Path ids = Files.write(bed.home().resolve("ids.txt"), bed.ids(50));
      List<String> wide = new ArrayList<>();
      for (String command :
          List.of(
              "run payouts --ids " + ids,
              "plan payouts",
              "status",
              "doctor",
              "ready",
              "audit",
              "monitor",
              "verify payouts",
              "pipeline overnight --dry-run",
              "stop",
              "ready --measures",
              "run --help",
              "serve --help")) {
        List<String> lines = shown(bed, command.split(" "));
        assertTrue(lines.size() > 0 && !lines.get(0).isBlank(), command + ": " + lines);
        lines.stream()
            .filter(line -> Report.width(line) > 80 && !line.matches(" *\\./backfill .*|\\S+"))
            .forEach(line -> wide.add(command + ": " + line));
      }
      assertEquals(List.of(), wide);
    }
  }
}
