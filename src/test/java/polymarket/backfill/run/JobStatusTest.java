package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.Redaction;

/** The names that scripts match on. */
class JobStatusTest {

  private static final String RUNNING =
      "{\"job\":\"payouts\",\"worker\":null,\"state\":\"running\",\"pid\":7,"
          + "\"started_at\":\"a\",\"updated_at\":\"b\","
          + "\"ids\":{\"total\":21,\"pending\":6,\"found\":5,\"absent\":4,\"unresolved\":3,"
          + "\"failed\":3},"
          + "\"rows\":{\"fetched\":9,\"inserted\":5,\"duplicate\":3,\"rejected\":1},"
          + "\"run\":{\"seconds\":1.5,\"ids\":15,\"batches\":2,\"ids_per_second\":10.0,"
          + "\"requests\":4,\"requests_per_second\":2.5,\"limit_per_second\":5.0,"
          + "\"limit_used\":0.5,\"retries\":1,\"seconds_left\":null,\"waiting_for\":null,"
          + "\"gives_up_at\":null,\"seconds_in\":{\"turn\":0.25},"
          + "\"least_requests\":3,\"useful_pace\":0.375}}";

  private static final JobStatus STATUS =
      new JobStatus(
          "payouts",
          null,
          RunState.RUNNING,
          7,
          "a",
          "b",
          new JobStatus.Ids(21, 6, 5, 4, 3, 3),
          null,
          new JobStatus.Rows(9, 5, 3, 1, null),
          new JobStatus.Run(
              1.5,
              15,
              2,
              10.0,
              4,
              2.5,
              5.0,
              0.5,
              1,
              null,
              null,
              null,
              Map.of("turn", 0.25),
              3L,
              0.375,
              null,
              null),
          null,
          null,
          null,
          null,
          null);

  private static String json(Object value) throws Exception {
    return Redaction.json().writeValueAsString(value);
  }

  @Test
  void aRunningJob_hasNoSumsOfItsLedgerYet() throws Exception {
    assertEquals(RUNNING, json(STATUS));
  }

  @Test
  void aJobThatWaitsForAnotherOne_namesIt_untilItEnds(@TempDir Path folder) throws Exception {
    String text = RUNNING.substring(0, RUNNING.length() - 1) + ",\"waits_for\":\"trades\"}";
    JobStatus waits = JobStatus.read(Files.writeString(folder.resolve("x.status.json"), text));
    assertEquals("trades", waits.waitsFor());
    assertEquals(text, json(waits));
    assertEquals(STATUS.in(RunState.COMPLETE), waits.in(RunState.COMPLETE));
  }

  @Test
  void aJobThatEnded_hasThem_andTheExitCodeAndReasonBehindThem() throws Exception {
    JobStatus ended =
        STATUS
            .in(RunState.FAILED_IDS)
            .with(new JobStatus.LedgerSums(21, 6, 5, 4, 3, 3, null, 9, 5, 3, 1), true);
    assertEquals(
        RUNNING.replace("\"running\"", "\"finished with failed ids\"").replaceFirst("}$", ",")
            + "\"ledger\":{\"ids\":21,\"pending\":6,\"found\":5,\"absent\":4,\"unresolved\":3,"
            + "\"failed\":3,\"rows_fetched\":9,\"rows_inserted\":5,\"rows_duplicate\":3,"
            + "\"rows_rejected\":1},\"balanced\":true,\"exit_code\":2,\"reason\":null}",
        json(new JobResult(ended, 2, null)));
  }

  @Test
  void aFile_isReadAsItWasWritten_andOneOfAnotherVersionToo(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("payouts.status.json");
    Files.writeString(file, RUNNING);
    assertEquals(STATUS, JobStatus.read(file));
    Files.writeString(file, RUNNING.replace("\"running\",", "\"resting\",\"mood\":\"good\","));
    assertEquals(STATUS.in(RunState.UNKNOWN), JobStatus.read(file));
  }
}
