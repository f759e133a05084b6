package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.State;
import polymarket.backfill.source.Sources;

/** Answers that are too large, too slow, empty or absurd, and errors of the JVM, end no run. */
@Timeout(300)
class HostileAnswersIT {

  private final TestBed bed = TestBed.start().set("source.answer-size", "4M");

  @AfterEach
  void close() {
    bed.close();
  }

  private List<String> sound(int n) {
    List<String> ids = new ArrayList<>(bed.ids(3000));
    ids.removeAll(bed.ids("rejected", 3000));
    return ids.subList(0, n);
  }

  private void said(String part) {
    assertTrue(
        bed.messages().stream().anyMatch(line -> line.contains(part)), bed.messages().toString());
  }

  // ---- too large

  @ParameterizedTest
  @ValueSource(strings = {"huge,rows=300", "huge,rows=0", "gzip-bomb,rows=300"})
  void anOversizedAnswer_isCutOff_andItsIdsAreFetchedInParts(String fault) {
    bed.sandbox().fault("kind=" + fault + ",count=3");
    List<String> ids = sound(400);
    JobRun.Result result = bed.set("payouts.batch-size", 200).run(ids);
    assertEquals(0, result.exitCode(), result.toString());
    bed.assertTruth(ids);
    said("sent an answer of more than 4 MB (source.answer-size)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"huge,rows=0", "gzip-bomb,rows=100"})
  void anIdWhoseAnswerIsTooLarge_failsAloneWithTheReason(String fault) {
    List<String> ids = sound(20);
    bed.sandbox().fault("kind=" + fault + ",ids=0x" + ids.get(7));
    JobRun.Result result = bed.run(ids);
    assertEquals(2, result.exitCode(), result.toString());
    bed.assertTruth(ids, List.of(ids.get(7)));
    String reason = bed.entries().get(ids.get(7)).reason();
    assertTrue(reason.contains("more than 4 MB"), reason);
  }

  // ---- too slow

  @ParameterizedTest
  @ValueSource(strings = {"drip", "drip-head"})
  void anAnswerThatComesAByteAtATime_isCutOffAtItsDeadline(String kind) {
    bed.sandbox().fault("kind=" + kind + ",millis=50,count=2");
    List<String> ids = sound(300);
    JobRun.Result result =
        bed.set("source.answer-deadline", "1500ms").set("payouts.batch-size", 100).run(ids);
    assertEquals(0, result.exitCode(), result.toString());
    bed.assertTruth(ids);
    said("did not finish an answer within 1.5 s (source.answer-deadline)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"drip,millis=50", "drip-head,millis=50", "huge,rows=0"})
  void aSourceWithoutAnyCompleteAnswer_isGivenUpAfterThePatience(String fault) {
    bed.sandbox().fault("kind=" + fault);
    long start = System.nanoTime();
    JobRun.Result result =
        bed.set("source.answer-deadline", "700ms")
            .set("source.patience", "4s")
            .run(bed.ids("found", 1));
    assertEquals(5, result.exitCode(), result.toString());
    assertTrue(System.nanoTime() - start < 40_000_000_000L);
    assertEquals(1, bed.count(State.PENDING));
  }

  // ---- pauses that cannot be meant

  @ParameterizedTest
  @ValueSource(strings = {"99999999999", "date:3000000000", "999999999999999999999999999999"})
  void aRetryAfterBeyondThePatience_isCapped_andReported(String header) {
    bed.sandbox().fault("kind=429,count=1,retryAfter=" + header);
    JobRun.Result result = bed.set("source.patience", "4s").run(bed.ids("found", 20));
    assertEquals(0, result.exitCode(), result.toString());
    said("is longer than source.patience, so the request is repeated in 2 s");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-5", "soon", "NaN", "0x1p30", "1e400", "date:-5000", "0"})
  void anInvalidRetryAfter_isIgnored(String header) {
    bed.sandbox().fault("kind=503,count=1,retryAfter=" + header);
    long start = System.nanoTime();
    JobRun.Result result = bed.run(bed.ids("found", 20));
    assertEquals(0, result.exitCode(), result.toString());
    assertTrue(System.nanoTime() - start < 30_000_000_000L, "the patience is 60 s");
  }

  @Test
  void aSourceThatAlwaysAsksForAYear_isGivenUpAfterThePatience() {
    bed.sandbox().fault("kind=429,retryAfter=31536000");
    JobRun.Result result = bed.set("source.patience", "3s").run(bed.ids("found", 20));
    assertEquals(5, result.exitCode(), result.toString());
    double seconds = result.jobs().get(0).status().run().seconds();
    assertTrue(seconds >= 3 && seconds < 20, seconds + " s");
    assertTrue(bed.requests() >= 3, "it was asked again meanwhile");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Sun, 06 Nov 2094 08:49:37 GMT",
        "Saturday, 06-Nov-94 08:49:37 GMT",
        "Sat Nov  6 08:49:37 2094"
      })
  void anHttpDate_isReadInEachOfItsForms(String date) {
    assertTrue(Sources.retryAfter(date) >= 0, date);
    assertEquals(0, Sources.retryAfter("Fri, 31 Dec 1999 23:59:59 GMT"));
    assertEquals(1500, Sources.retryAfter(" 1.5 "));
  }

  // ---- nothing at all

  @Test
  void anEmptyBodyWithStatus200_isAnErrorThatSaysSo() {
    String id = bed.ids("found", 1).get(0);
    bed.sandbox().fault("kind=204,ids=0x" + id);
    List<String> ids = new ArrayList<>(sound(30));
    ids.remove(id);
    ids.add(id);
    JobRun.Result result = bed.run(ids);
    assertEquals(2, result.exitCode(), result.toString());
    bed.assertTruth(ids, List.of(id));
    assertEquals("goldsky answered HTTP 204 with an empty body", bed.entries().get(id).reason());
  }

  // ---- outages in the middle

  @ParameterizedTest
  @ValueSource(ints = {500, 502, 520, 521, 522, 523, 524, 525, 526})
  void anOutageAfterAGoodAnswer_isWaitedForLikeOneAtTheStart(int status) {
    bed.job("markets").set("gamma.url", bed.sandbox().urls().get("gamma"));
    bed.set("markets.concurrency", 3);
    bed.sandbox().fault("kind=html,count=8,skip=2,source=gamma,status=" + status);
    JobRun.Result result =
        bed.run(
            "markets",
            polymarket.backfill.ledger.Share.WHOLE,
            List.of("closed=false", "closed=true&order=id"));
    assertEquals(0, result.exitCode(), bed.entries() + " " + bed.messages());
    said("gamma answered HTTP " + status);
  }

  // ---- errors of the JVM

  /** A step that fails with an error for some batches. */
  public static final class Thrower implements Processor {

    static volatile java.util.function.Supplier<Error> error;
    static volatile int left;

    @Override
    public void process(Exchange exchange) {
      if (left-- > 0) {
        throw error.get();
      }
    }
  }

  /** A step that does not end. */
  public static final class Sleeper implements Processor {

    @Override
    public void process(Exchange exchange) throws InterruptedException {
      new java.util.concurrent.CountDownLatch(1).await();
    }
  }

  /** Puts a step before the call of the source of payouts. */
  private void beforeTheCall(Class<? extends Processor> step) throws IOException {
    Path file = bed.home().resolve("routes/jobs/payouts.camel.yaml");
    String text = Files.readString(file);
    String ask = "        - to:\n            uri: direct:goldsky\n";
    assertTrue(text.contains(ask));
    Files.writeString(
        file,
        text.replace(
            ask, "        - process:\n            ref: \"#class:" + step.getName() + "\"\n" + ask));
  }

  @Test
  void aStepThatDoesNotEnd_endsTheRunWith5_andIsNamed() throws Exception {
    List<String> ids = sound(10);
    Path list = Files.write(bed.home().resolve("ids.txt"), ids);
    beforeTheCall(Sleeper.class);
    bed.set("source.patience", "1s");
    Program.Result result =
        Program.start(
                bed,
                List.of("-Dbackfill.step-margin-millis=1000"),
                Map.of(),
                "run",
                "payouts",
                "--ids",
                list.toString())
            .end();
    assertEquals(5, result.exitCode(), result.toString());
    assertTrue(
        result
                .err()
                .contains("gave up: nothing of payouts moved for 1 s (source.patience): 1 batch")
            && result.err().contains("(in HostileAnswersIT$Sleeper.process)")
            && result.err().contains("Run the same command again later"),
        result.err());
    assertEquals(ids.size(), bed.count(State.PENDING));
    TestBed.copyFresh(bed.home());
    TestBed.quicken(bed.home(), 1000);
    assertEquals(0, bed.set("source.patience", "60s").run(ids).exitCode());
    bed.assertTruth(ids);
  }

  @ParameterizedTest
  @ValueSource(strings = {"OutOfMemoryError", "StackOverflowError", "NoClassDefFoundError"})
  void anErrorInAStep_failsItsBatchWithAReason_andEndsNoRun(String name) throws Exception {
    beforeTheCall(Thrower.class);
    Thrower.error =
        () ->
            switch (name) {
              case "OutOfMemoryError" -> new OutOfMemoryError("Java heap space");
              case "StackOverflowError" -> new StackOverflowError();
              default -> new NoClassDefFoundError("polymarket/Nothing");
            };
    Thrower.left = 3;
    List<String> ids = sound(300);
    JobRun.Result result = bed.set("payouts.batch-size", 100).run(ids);
    assertEquals(0, result.exitCode(), result.toString());
    bed.assertTruth(ids);
    said(name);
  }
}
