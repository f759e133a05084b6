package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Share;

/** What a second run in a folder is told. */
class SourceLocksTest {

  @TempDir private Path runtime;

  private String refused(Settings settings) {
    List<Job> jobs = List.of(Job.read(TestBed.PROJECT, "payouts"));
    try (SourceLocks first = SourceLocks.of(settings, jobs, Share.WHOLE)) {
      return assertThrows(
              UserError.class, () -> SourceLocks.of(settings, jobs, Share.WHOLE).close())
          .getMessage();
    }
  }

  @Test
  void workersAreNamed_butNotToAMember_forWhichTheyAreRefused() {
    Settings alone = TestBed.defaults().with("runtime.dir", runtime.toString());
    assertTrue(refused(alone).contains("--worker N --of M"), refused(alone));
    String member = refused(alone.with("cluster.url", "jdbc:postgresql://127.0.0.1:9/none"));
    assertFalse(member.contains("--worker"), member);
    assertTrue(member.contains("--set runtime.dir="), member);
  }
}
