package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.run.RunState;

/** What `status` makes of what a run wrote and of its process. */
class StatusTest {

  @TempDir private Path runtime;

  /** The state of a run that wrote this one, while this process holds a source for something. */
  private RunState state(String written, long pid, String holds) throws IOException {
    Files.writeString(
        runtime.resolve("markets.status.json"),
        "{\"job\":\"markets\",\"state\":\"" + written + "\",\"pid\":" + pid + "}");
    try (ShareLock lock =
        ShareLock.take(runtime.resolve("gamma.lock"), Share.WHOLE, "gamma", holds)) {
      return StatusCommand.runs(runtime, "markets").get(0).state();
    }
  }

  @Test
  void aRunThatIsComplete_follows_onlyWhereItsProcessHoldsTheSourceForThat() throws IOException {
    long own = ProcessHandle.current().pid();
    assertEquals(RunState.FOLLOWING, state("complete", own, "run markets --follow"));
    assertEquals(
        RunState.COMPLETE, state("complete", own, "run fills"), "a later stage of one command");
    assertEquals(RunState.COMPLETE, state("complete", Long.MAX_VALUE, "run markets --follow"));
  }

  @Test
  void aRunWhoseProcessIsGone_hasDied() throws IOException {
    assertEquals(RunState.DIED, state("running", Long.MAX_VALUE, "run fills"));
    assertEquals(
        RunState.RUNNING, state("running", ProcessHandle.current().pid(), "run markets --follow"));
  }
}
