package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** The real program in processes of its own. */
@Timeout(900)
class ProgramIT {

  private static final ObjectMapper JSON = new ObjectMapper();

  private TestBed bed = TestBed.start();

  @AfterEach
  void close() {
    bed.close();
  }

  private void slow(long latencyMillis) {
    bed.close();
    bed =
        TestBed.start(new SandboxOptions().conditions(3000).limits(0).latencyMillis(latencyMillis));
  }

  private String list(List<String> ids) {
    try {
      return Files.write(bed.home().resolve("ids.txt"), ids).toString();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private List<String> sound(int n) {
    List<String> ids = new ArrayList<>(bed.ids(3000));
    ids.removeAll(bed.ids("rejected", 3000));
    return ids.subList(0, n);
  }

  /** What was marked as found is in the table, whatever happened to the process. */
  private void assertMarkedIsStored() {
    List<Map<String, Object>> rows =
        TestBed.sql("SELECT condition_id FROM default.resolutions_external_ingest");
    List<Object> stored = rows.stream().map(row -> row.get("condition_id")).toList();
    assertTrue(stored.containsAll(bed.in(State.FOUND)));
    assertEquals(stored.size(), stored.stream().distinct().count());
  }

  @Test
  void aCompleteRun_exitsWithZeroAndPrintsItsSums_alsoWhenRepeated() throws IOException {
    List<String> ids = sound(900);
    Program.Result first = Program.run(bed, "run", "payouts", "--ids", list(ids));
    assertEquals(0, first.exitCode(), first.toString());
    assertTrue(first.out().contains("payouts: complete"), first.out());
    assertTrue(first.out().contains("ids     900 = "), first.out());
    bed.assertTruth(ids);
    long requests = bed.requests();
    Program.Result again = Program.run(bed, "run", "payouts", "--ids", list(ids), "--json");
    assertEquals(0, again.exitCode(), again.toString());
    assertEquals(requests, bed.requests(), "there was nothing left to ask for");
    JsonNode json = JSON.readTree(again.out());
    assertEquals("complete", json.path("state").asText());
    assertEquals(0, json.path("exit_code").asInt());
    assertEquals(900, json.at("/ids/total").asInt());
    assertEquals(
        json.at("/ledger/rows_fetched").asLong(),
        json.at("/ledger/rows_inserted").asLong()
            + json.at("/ledger/rows_duplicate").asLong()
            + json.at("/ledger/rows_rejected").asLong());
    assertTrue(
        Files.readAllLines(bed.home().resolve("runtime/payouts.progress.jsonl")).size() >= 1);
    Program.Result status = Program.run(bed, "status", "payouts");
    assertTrue(
        status.out().contains("payouts: last run complete at ")
            && status.out().contains(", 0 requests, 0 retries, "),
        status.out());
  }

  @Test
  void aFailedId_exitsWithTwo_isListedWithItsReason_andFetchedByTheSameCommand()
      throws IOException {
    List<String> ids = sound(50);
    String poison = ids.get(20);
    bed.sandbox().fault("kind=poison,status=400,ids=0x" + poison);
    Program.Result run = Program.run(bed, "run", "payouts", "--ids", list(ids));
    assertEquals(2, run.exitCode(), run.toString());
    Program.Result listed = Program.run(bed, "ledger", "payouts", "--state", "failed", "--json");
    assertEquals(0, listed.exitCode(), listed.toString());
    JsonNode entry = JSON.readTree(listed.out());
    assertEquals(poison, entry.path("id").asText());
    assertEquals(400, entry.path("status").asInt());
    assertTrue(entry.path("reason").asText().contains("HTTP 400"), listed.out());
    bed.sandbox().clearFaults();
    assertEquals(0, Program.run(bed, "run", "payouts", "--ids", list(ids)).exitCode());
    bed.assertTruth(ids);
  }

  @Test
  void badLines_areReported_andNotRequested() {
    List<String> lines = new ArrayList<>(bed.ids("found", 3));
    lines.add(1, "0xnonsense");
    Program.Result run = Program.run(bed, "run", "payouts", "--ids", list(lines));
    assertEquals(0, run.exitCode(), run.toString());
    assertTrue(
        run.err().contains("ids.txt:2: not a condition id, ignored: '0xnonsense'"), run.err());
    bed.assertTruth(bed.ids("found", 3));
  }

  @Test
  void aRunWithALimit_takesThatManyIds_andIsNotCalledComplete() {
    List<String> ids = sound(300);
    Program.Result some = Program.run(bed, "run", "payouts", "--ids", list(ids), "--limit", "50");
    assertEquals(0, some.exitCode(), some.toString());
    assertFalse(some.out().contains("complete"), some.out());
    assertTrue(
        some.err()
            .contains(
                "250 ids of payouts are still pending; the same command without --limit continues"),
        some.err());
    assertEquals(250, bed.count(State.PENDING));
    Program.Result rest = Program.run(bed, "run", "payouts", "--ids", list(ids));
    assertTrue(rest.exitCode() == 0 && rest.out().contains("payouts: complete"), rest.toString());
    bed.assertTruth(ids);
  }

  @Test
  void aRunAtHalfThePace_usesThatPartOfTheLimit() throws IOException {
    String file = list(sound(30));
    double whole =
        JSON.readTree(Program.run(bed, "run", "payouts", "--ids", file, "--json").out())
            .at("/run/limit_per_second")
            .asDouble();
    double half =
        JSON.readTree(
                Program.run(
                        bed, "run", "payouts", "--ids", file, "--redo", "all", "--pace", "0.5",
                        "--json")
                    .out())
            .at("/run/limit_per_second")
            .asDouble();
    assertTrue(whole > 0 && Math.abs(half - whole / 2) < 0.02, half + " of " + whole);
  }

  @Test
  void fetch_showsTheAnswerAndItsRows_andStoresNothing() throws IOException {
    List<String> ids =
        List.of(
            bed.ids("found", 1).get(0),
            bed.ids("absent", 1).get(0),
            bed.ids("unresolved", 1).get(0));
    Program.Result fetched =
        Program.run(
            bed,
            "fetch",
            "payouts",
            "0x" + ids.get(0).toUpperCase(java.util.Locale.ROOT),
            ids.get(1),
            ids.get(2),
            "--json");
    assertEquals(0, fetched.exitCode(), fetched.toString());
    JsonNode json = JSON.readTree(fetched.out());
    assertEquals("found, rows: 1", json.at("/states/" + ids.get(0)).asText(), fetched.out());
    assertEquals("absent", json.at("/states/" + ids.get(1)).asText(), fetched.out());
    assertEquals("unresolved", json.at("/states/" + ids.get(2)).asText(), fetched.out());
    assertEquals(1, json.path("came").size());
    assertEquals(
        ids.get(0), json.at("/became/resolutions_external_ingest/0/condition_id").asText());
    // what --set says counts in the routes too, whatever the environment says
    Program.Result shown =
        Program.start(
                bed,
                List.of("-Dgoldsky.positions.url=http://127.0.0.1:1/x"),
                Map.of("GOLDSKY_POSITIONS_URL", "http://127.0.0.1:1/x"),
                "fetch",
                "payouts",
                ids.get(0),
                ids.get(1))
            .end();
    assertTrue(
        shown.out().contains("Rows for resolutions_external_ingest:")
            && shown.out().contains(ids.get(1) + "  absent"),
        shown.out());
    assertEquals(0, bed.value("SELECT count() FROM default.resolutions_external_ingest"));
    assertFalse(Files.exists(bed.ledgerFile()));
  }

  @Test
  void aStalledRun_saysWhatItWaitsFor() {
    slow(9000);
    bed.set("source.answer-timeout", "20000");
    try (Program run =
        Program.start(
            bed,
            List.of("-Dbackfill.stalled-millis=1500"),
            Map.of(),
            "run",
            "payouts",
            "--ids",
            list(sound(40)),
            "--batch-size",
            "20")) {
      run.awaitSaid("no progress of payouts for ");
      assertTrue(run.err().contains("2 batches wait for goldsky"), run.err());
      run.kill();
    }
  }

  @Test
  void anEndedJob_isNotCalledStalled_whileAnotherRuns() {
    bed.set("clob.url", bed.sandbox().urls().get("clob")).set("source.answer-timeout", "20000");
    bed.sandbox().fault("kind=slow,source=clob,millis=3000");
    Program.Result run =
        Program.start(
                bed,
                List.of("-Dbackfill.stalled-millis=1500"),
                Map.of(),
                "run",
                "goldsky-markets",
                "clob-markets")
            .end();
    assertEquals(0, run.exitCode(), run.toString());
    String since = run.err().substring(run.err().indexOf("goldsky-markets 1/1"));
    assertTrue(since.contains("no progress of clob-markets"), run.err());
    assertFalse(since.contains("no progress of goldsky-markets"), run.err());
  }

  @Test
  void aDeadSource_exitsWithFive_andSaysToRunItAgain() {
    bed.sandbox().fault("kind=503");
    Program.Result run =
        Program.run(bed.set("source.patience", "3s"), "run", "payouts", "--ids", list(sound(30)));
    assertEquals(5, run.exitCode(), run.toString());
    assertTrue(run.err().contains("Run the same command again"), run.err());
    assertEquals(30, bed.count(State.PENDING));
  }

  @Test
  void ctrlCOnce_finishesWhatIsInFlight_exits130_andTheSameCommandCompletes() {
    slow(400);
    List<String> ids = sound(2500);
    for (String signal : List.of("INT", "TERM")) {
      long before = bed.requests();
      try (Program run =
          Program.start(
              bed,
              "run",
              "payouts",
              "--ids",
              list(ids),
              "--batch-size",
              "20",
              "--concurrency",
              "2")) {
        TestBed.await(
            "some requests",
            Duration.ofSeconds(90),
            () -> bed.requests() > before + 4 || !run.isAlive());
        run.signal(signal);
        Program.Result end = run.end();
        assertEquals(130, end.exitCode(), end.toString());
        assertTrue(end.err().contains("the same command continues where it stopped"), end.err());
      }
      assertTrue(bed.count(State.FOUND) > 0 && bed.count(State.PENDING) > 0);
      assertMarkedIsStored();
    }
    assertEquals(0, Program.run(bed, "run", "payouts", "--ids", list(ids)).exitCode());
    bed.assertTruth(ids);
  }

  @Test
  void stop_endsARunAsCtrlCDoes_andReportsIfNoneRuns() {
    assertTrue(Program.run(bed, "stop").out().contains("Nothing to stop"));
    assertTrue(Program.run(bed, "stop", "enrich").out().contains("Nothing to stop"));
    Program.Result unknown = Program.run(bed, "stop", "payuots");
    assertEquals(1, unknown.exitCode(), unknown.toString());
    assertTrue(unknown.err().contains("Did you mean 'payouts'?"), unknown.err());
    slow(400);
    try (Program run =
        Program.start(
            bed,
            "run",
            "payouts",
            "--ids",
            list(sound(2500)),
            "--batch-size",
            "20",
            "--concurrency",
            "2")) {
      TestBed.await(
          "a request", Duration.ofSeconds(90), () -> bed.requests() > 0 || !run.isAlive());
      assertTrue(Program.run(bed, "stop", "wallets").out().contains("no run of wallets"));
      assertTrue(run.isAlive());
      Program.Result stop = Program.run(bed, "stop", "payouts");
      assertEquals(0, stop.exitCode(), stop.toString());
      assertTrue(stop.out().contains("Stopping run payouts (pid "), stop.out());
      Program.Result end = run.end();
      assertEquals(130, end.exitCode(), end.toString());
    }
    assertTrue(bed.count(State.PENDING) > 0);
    assertMarkedIsStored();
  }

  @Test
  void ctrlCOnATerminal_isHandledToo_althoughTheScreenUsesSignals() {
    Assumptions.assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/script"))
            && System.getProperty("os.name").equals("Linux"),
        "there is no script(1) of util-linux");
    slow(400);
    List<String> ids = sound(2500);
    try (Program run =
        Program.startOnTerminal(
            bed,
            "run",
            "payouts",
            "--ids",
            list(ids),
            "--batch-size",
            "20",
            "--concurrency",
            "2")) {
      TestBed.await(
          "the screen is drawn: " + run.out(),
          Duration.ofSeconds(90),
          () ->
              java.util.regex.Pattern.compile("payouts [1-9]").matcher(run.out()).find()
                  || !run.isAlive());
      ProcessHandle program = run.process().children().findFirst().orElseThrow();
      Program.signal("INT", program.pid());
      Program.Result end = run.end();
      assertEquals(130, end.exitCode(), end.toString());
      assertTrue(end.out().contains("the same command continues where it stopped"), end.out());
    }
    assertMarkedIsStored();
  }

  @Test
  void ctrlCTwice_stopsAtOnce_andEveryMarkedIdIsStored() {
    slow(8000);
    bed.set("source.answer-timeout", "20000");
    List<String> ids = sound(500);
    try (Program run =
        Program.start(
            bed,
            "run",
            "payouts",
            "--ids",
            list(ids),
            "--batch-size",
            "50",
            "--concurrency",
            "2")) {
      TestBed.await(
          "a request", Duration.ofSeconds(90), () -> bed.requests() > 0 || !run.isAlive());
      run.signal("INT");
      // at the same instant, as timeout(1) signals a process and its group
      run.signal("INT");
      run.awaitSaid("a second signal stops at once");
      TestBed.await(
          "the end",
          Duration.ofSeconds(30),
          () -> {
            run.signal("INT");
            return !run.isAlive();
          });
      Program.Result end = run.end();
      assertEquals(130, end.exitCode(), end.toString());
      assertTrue(end.err().contains("stopped at once"), end.toString());
    }
    String status = Program.run(bed, "status", "payouts").out();
    assertTrue(status.contains("interrupted") && !status.contains("died"), status);
    assertMarkedIsStored();
    List<String> settings = List.of("--batch-size", "1000");
    assertEquals(
        0,
        Program.run(bed, "run", "payouts", "--ids", list(ids), settings.get(0), settings.get(1))
            .exitCode());
    bed.assertTruth(ids);
  }

  @Test
  void aSecondRunAtTheSameTime_saysWhoHoldsTheSource() {
    slow(1500);
    List<String> ids = sound(400);
    try (Program first =
        Program.start(
            bed,
            "run",
            "payouts",
            "--ids",
            list(ids),
            "--batch-size",
            "20",
            "--concurrency",
            "1")) {
      TestBed.await(
          "a request", Duration.ofSeconds(90), () -> bed.requests() > 0 || !first.isAlive());
      Program.Result second = Program.run(bed, "run", "payouts", "--ids", list(ids));
      assertEquals(1, second.exitCode(), second.toString());
      assertTrue(
          second.err().contains("pid " + first.process().pid())
              && second.err().contains("in use by another run"),
          second.err());
      assertEquals(1, second.err().lines().count(), second.err());
      Program.Result reset = Program.run(bed, "reset", "payouts", "--yes");
      assertEquals(1, reset.exitCode(), reset.toString());
      assertTrue(Files.exists(bed.ledgerFile()));
    }
  }

  @Test
  void status_showsTheSameFromASecondProcess_whileItRunsAndAfter() throws IOException {
    slow(700);
    List<String> ids = sound(1200);
    try (Program run =
        Program.start(
            bed,
            "run",
            "payouts",
            "--ids",
            list(ids),
            "--batch-size",
            "20",
            "--concurrency",
            "2")) {
      TestBed.await(
          "some requests", Duration.ofSeconds(90), () -> bed.requests() > 6 || !run.isAlive());
      Program.Result status = Program.run(bed, "status", "payouts", "--json");
      assertEquals(0, status.exitCode(), status.toString());
      JsonNode json = JSON.readTree(status.out());
      assertEquals(1200, json.at("/ids/total").asInt());
      assertTrue(json.at("/ids/found").asInt() > 0, status.out());
      assertEquals("running", json.at("/runs/0/state").asText());
      assertEquals(run.process().pid(), json.at("/runs/0/pid").asLong());
      run.kill();
    }
    Program.Result after = Program.run(bed, "status");
    assertEquals(0, after.exitCode(), after.toString());
    assertTrue(after.out().contains("payouts") && after.out().contains("died"), after.out());
  }

  /** What stands on the lines of a terminal in the end. */
  private static List<String> screen(String out) {
    return Stream.of(out.split("\n"))
        .map(String::stripTrailing)
        .map(line -> line.substring(1 + line.lastIndexOf('\r')).replace("\033[K", ""))
        .toList();
  }

  @Test
  void theStatusLine_isErasedAtTheEnd() {
    Assumptions.assumeTrue(
        Files.exists(Path.of("/usr/bin/script")) && System.getProperty("os.name").equals("Linux"),
        "there is no script(1) of util-linux");
    slow(400);
    try (Program run =
        Program.startOnTerminal(
            bed,
            "run",
            "payouts",
            "--ids",
            list(sound(300)),
            "--batch-size",
            "20",
            "--concurrency",
            "2")) {
      Program.Result end = run.end();
      assertEquals(0, end.exitCode(), end.toString());
      assertTrue(end.out().contains("payouts 0/300") || end.out().contains("/300 "), end.out());
      assertEquals(
          List.of(),
          screen(end.out()).stream().filter(line -> line.matches("payouts [\\d,]+/.*")).toList());
    }
  }

  @Test
  void aRunWithoutIds_namesTheListOfScriptsThatIsThere() throws IOException {
    Path list = bed.home().resolve("reports/condition_ids_missing_api.txt");
    Files.createDirectories(list.getParent());
    Files.write(list, sound(3));
    String says =
        " payouts: reports/condition_ids_missing_api.txt is not read; to take its ids: run payouts"
            + " --ids reports/condition_ids_missing_api.txt\n";
    String without = Program.run(bed, "run", "payouts").err();
    assertTrue(without.contains(says), without);
    Program.Result with = Program.run(bed, "run", "payouts", "--ids", list.toString());
    assertEquals(0, with.exitCode(), with.toString());
    assertFalse(with.err().contains("is not read"), with.err());
  }

  @Test
  void anUnreachableSource_isNamedWithItsPort_andTheEndOfItsRetries() {
    bed.set("goldsky.positions.url", "http://127.0.0.1:1/graphql").set("source.patience", "7s");
    Program.Result run = Program.run(bed, "run", "payouts", "--ids", list(sound(3)));
    assertEquals(5, run.exitCode(), run.toString());
    assertTrue(
        run.err()
            .matches(
                "(?s).*warning: no connection to 127\\.0\\.0\\.1:1 \\(connection refused\\); trying"
                    + " again until \\d\\d:\\d\\d \\(source.patience\\).*"),
        run.err());
  }

  @Test
  void aMistakeInARouteFile_isOneLineWithFileAndLine() throws IOException {
    Path file = bed.home().resolve("routes/sources/goldsky.camel.yaml");
    String good = Files.readString(file);
    int lines = (int) good.lines().count();
    int throttle =
        1
            + good.lines()
                .toList()
                .indexOf(
                    good.lines()
                        .filter(line -> line.contains("throttle:"))
                        .findFirst()
                        .orElseThrow());
    Map<String, Integer> mistakes =
        Map.of(good + "foo: [\n", lines + 1, good.replace("throttle:", "throtle:"), throttle);
    for (Map.Entry<String, Integer> mistake : mistakes.entrySet()) {
      Files.writeString(file, mistake.getKey());
      Program.Result run = Program.run(bed, "run", "payouts", "--ids", list(sound(3)));
      assertEquals(1, run.exitCode(), run.toString());
      String said =
          run.err().lines().filter(line -> line.startsWith("backfill: ")).findFirst().orElse("");
      assertTrue(
          said.matches(
              ".*goldsky[.]camel[.]yaml:(?:"
                  + mistake.getValue()
                  + "|"
                  + (mistake.getValue() + 1)
                  + "): .*"),
          mistake.getValue() + ": " + run.err());
    }
  }

  @Test
  void redoWithALimit_fetchesThatManyIds_andReportsATableTooLargeToMerge() {
    List<String> ids = sound(300);
    assertEquals(0, Program.run(bed, "run", "payouts", "--ids", list(ids)).exitCode());
    Program.Result few =
        Program.run(bed, "run", "payouts", "--ids", list(ids), "--limit", "3", "--redo", "all");
    assertEquals(0, few.exitCode(), few.toString());
    assertTrue(few.err().contains("3 ids will be fetched again"), few.err());
    assertTrue(
        few.out().contains("payouts: complete")
            && few.out().contains("this run: 3 ids")
            && few.out().contains(" 0 pending"),
        few.out());
    bed.assertTruth(ids);
    try (Program large =
        Program.start(
            bed,
            List.of("-Dbackfill.merged-rows=1"),
            Map.of(),
            "run",
            "payouts",
            "--limit",
            "1",
            "--redo",
            "found",
            "--ids",
            list(ids))) {
      Program.Result end = large.end();
      assertEquals(0, end.exitCode(), end.toString());
      assertTrue(end.err().contains("1 id will be fetched again"), end.err());
      assertTrue(end.err().contains("stay in default.resolutions_external_ingest"), end.err());
    }
  }

  @Test
  void reset_keepsACopy_andNothingIsStoredTwice() throws IOException {
    List<String> ids = sound(300);
    assertEquals(0, Program.run(bed, "run", "payouts", "--ids", list(ids)).exitCode());
    Program.Result kept = Program.run(bed, "reset", "payouts");
    assertEquals(1, kept.exitCode(), "nobody said yes: " + kept);
    assertTrue(Files.exists(bed.ledgerFile()));
    Program.Result reset = Program.run(bed, "reset", "payouts", "--yes");
    assertEquals(0, reset.exitCode(), reset.toString());
    assertFalse(Files.exists(bed.ledgerFile()));
    try (Stream<Path> files = Files.list(bed.home().resolve("runtime"))) {
      assertTrue(files.anyMatch(file -> file.toString().endsWith(".copy")));
    }
    assertEquals(0, Program.run(bed, "run", "payouts", "--ids", list(ids)).exitCode());
    bed.assertTruth(ids);
  }

  @Test
  void aKilledWorkersShare_isFinishedByAnotherNumberOfWorkers() {
    slow(300);
    List<String> ids = sound(2400);
    String file = list(ids);
    List<Program> two = List.of(worker(file, 1, 2), worker(file, 2, 2));
    TestBed.await(
        "both work",
        Duration.ofSeconds(120),
        () -> bed.requests() > 12 || two.stream().noneMatch(Program::isAlive));
    two.get(0).kill();
    two.get(1).signal("INT");
    assertEquals(130, two.get(1).end().exitCode(), two.get(1).err());
    assertMarkedIsStored();
    List<Program> three = List.of(worker(file, 1, 3), worker(file, 2, 3), worker(file, 3, 3));
    for (Program worker : three) {
      Program.Result end = worker.end();
      assertEquals(0, end.exitCode(), end.toString());
      assertTrue(end.out().contains(" rejected (all workers together)"), end.out());
    }
    bed.assertTruth(ids);
    assertEquals(0, Program.run(bed, "run", "payouts", "--ids", file).exitCode());
  }

  private Program worker(String file, int worker, int of) {
    return Program.start(
        bed,
        "run",
        "payouts",
        "--ids",
        file,
        "--batch-size",
        "20",
        "--concurrency",
        "2",
        "--worker",
        String.valueOf(worker),
        "--of",
        String.valueOf(of));
  }

  @Test
  void theLauncher_worksFromAnyFolder_alsoThroughALink() throws IOException {
    Path home = bed.home();
    Files.copy(TestBed.PROJECT.resolve("backfill"), home.resolve("backfill"));
    assertTrue(home.resolve("backfill").toFile().setExecutable(true));
    Files.createDirectories(home.resolve("target"));
    Files.createSymbolicLink(
        home.resolve("target/classes"), TestBed.PROJECT.resolve("target/classes"));
    Files.createSymbolicLink(home.resolve("target/lib"), TestBed.PROJECT.resolve("target/lib"));
    Files.createFile(home.resolve("target/built"));
    Path elsewhere = Files.createDirectories(home.resolve("else where"));
    Path link = Files.createSymbolicLink(elsewhere.resolve("link"), home.resolve("backfill"));
    Map<String, String> java = Map.of("JAVA_HOME", System.getProperty("java.home"));
    Program.Result help =
        Program.start(List.of(link.toString(), "--version"), elsewhere, java).end();
    assertEquals(0, help.exitCode(), help.toString());
    assertTrue(help.out().startsWith("backfill "), help.out());
    Program.Result wrong =
        Program.start(List.of(link.toString(), "run", "payout"), elsewhere, java).end();
    assertEquals(1, wrong.exitCode(), wrong.toString());
    assertEquals(1, wrong.err().lines().count(), wrong.err());
    assertTrue(wrong.err().contains("Did you mean 'payouts'?"), wrong.err());
    Files.delete(home.resolve("target/classes"));
    Files.delete(home.resolve("target/lib"));
  }
}
