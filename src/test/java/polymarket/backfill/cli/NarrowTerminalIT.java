package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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

  @Test
  void coloursAreOnATerminalOnly_andNotWithNoColor_andHelpHasNoCodes() {
    try (TestBed bed = TestBed.start(new SandboxOptions().conditions(50))) {
      String coloured = Program.startOnTerminal(bed, OPTIONS, "ready").end().out();
      assertTrue(coloured.startsWith("\u001b[31mNO\u001b[0m: "), coloured);
      assertTrue(coloured.contains("\n  \u001b[32myes\u001b[0m  "), coloured);
      for (Map<String, String> environment :
          List.of(Map.of("NO_COLOR", "1"), Map.of("TERM", "dumb"))) {
        String plain = Program.startOnTerminal(bed, OPTIONS, environment, "ready").end().out();
        assertTrue(plain.startsWith("NO: ") && !plain.contains("\u001b"), plain);
      }
      String piped = Program.run(bed, "ready").out();
      assertTrue(piped.startsWith("NO: ") && !piped.contains("\u001b"), piped);
      String error = Program.startOnTerminal(bed, OPTIONS, "run", "payuots").end().out();
      assertTrue(error.startsWith("\u001b[31mbackfill:\u001b[0m "), error);
      String help = Program.startOnTerminal(bed, OPTIONS, "ready", "--help").end().out();
      assertTrue(help.startsWith("Usage: backfill ready [-h]"), help);
      assertTrue(!help.contains("\u001b"), help);
    }
  }
}
