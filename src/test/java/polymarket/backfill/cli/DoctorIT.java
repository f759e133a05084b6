package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** What {@code doctor} says of a whole program, and of one whose sources do not answer. */
class DoctorIT {

  private TestBed bed;

  @BeforeEach
  void start() {
    bed = TestBed.start(new SandboxOptions().conditions(300).wallets(20).limits(0));
    bed.sandbox().settings().forEach(bed::set);
    bed.set("hypersync.token", bed.sandbox().hyperSyncToken());
  }

  @AfterEach
  void close() {
    bed.close();
  }

  private static List<String> lines(Program.Result result, String verdict) {
    return result.out().lines().filter(line -> line.matches(".*  " + verdict + "  .*")).toList();
  }

  @Test
  void everySourceThatAnswers_isOk_andOneWithoutItsKeyIsSkipped() {
    Program.Result result = Program.run(bed, "doctor");
    assertEquals(0, result.exitCode(), result.toString());
    assertTrue(result.out().contains("All checks passed."), result.out());
    assertEquals(List.of(), lines(result, "failed"));
    assertEquals(1, lines(result, "skipped").size(), result.out());
    assertTrue(lines(result, "skipped").get(0).contains("CLOB_API_KEY"), result.out());
    for (String source :
        List.of("gamma", "clob", "goldsky", "data-api-positions", "polygon", "sqd", "hypersync")) {
      assertTrue(
          lines(result, "ok").stream().anyMatch(line -> line.contains("source " + source + " ")),
          source + ": " + result.out());
    }
  }

  @Test
  void aSourceThatDoesNotAnswer_andAWrongKey_areNamed_andTheExitCodeIs3() {
    bed.sandbox().clobAccount().forEach(bed::set);
    bed.set("clob.api-key", "wrong")
        .set("gamma.url", "http://127.0.0.1:9")
        .set("hypersync.token", "wrong-too");
    Program.Result result = Program.run(bed, "doctor");
    assertEquals(3, result.exitCode(), result.toString());
    List<String> failed = lines(result, "failed");
    assertTrue(failed.stream().anyMatch(line -> line.contains("source gamma ")), result.out());
    assertTrue(
        failed.stream().anyMatch(line -> line.contains("source clob-account")), result.out());
    assertTrue(failed.stream().anyMatch(line -> line.contains("source hypersync")), result.out());
    assertTrue(!result.out().contains("wrong"), "a key is never shown");
  }
}
