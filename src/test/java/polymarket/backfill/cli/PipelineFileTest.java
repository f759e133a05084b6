package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
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
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.pipeline.PassState;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.pipeline.PipelineRun;
import polymarket.backfill.pipeline.PipelineStatus;
import polymarket.backfill.pipeline.Plan;
import polymarket.backfill.pipeline.StepState;

/** What a person writes in routes/pipelines, and what is said of mistakes in it. */
class PipelineFileTest {

  private Path home;

  @BeforeEach
  void copy() throws IOException {
    home =
        Files.createTempDirectory(
            Files.createDirectories(TestBed.PROJECT.resolve("target/tests")), "pipelines");
    TestBed.copyProject(home);
  }

  @AfterEach
  void delete() {
    TestBed.delete(home);
  }

  private Settings settings() {
    return Settings.load(home, Map.of(), Map.of());
  }

  private Pipeline read(String text) {
    try {
      Files.writeString(home.resolve("routes/pipelines/try.yaml"), text);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return PipelineCommand.read(settings(), "try");
  }

  @Test
  void theProjectsOwnFiles_areValid_andAreNotRoutes() throws IOException {
    try (Stream<Path> files = Files.list(TestBed.PROJECT.resolve("routes/pipelines"))) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        assertTrue(name.endsWith(".yaml") && !name.endsWith(".camel.yaml"), name);
        PipelineCommand.read(settings(), name.replace(".yaml", ""));
      }
    }
  }

  @Test
  void overnight_runsClobAndPolygonFirst_thenGoldsky_reconcile_enrich_verify() {
    Pipeline night = PipelineCommand.read(settings(), "overnight");
    assertEquals(Duration.ofHours(6), night.budget());
    assertEquals(List.of(), night.step("clob").after());
    assertEquals(List.of(), night.step("rpc").after());
    assertEquals(List.of("clob"), night.step("goldsky").after());
    assertEquals(Pipeline.IfShort.SKIP, night.step("goldsky").ifShort());
    assertTrue(night.step("reconcile").after().containsAll(List.of("clob", "rpc", "goldsky")));
    assertEquals(List.of("enrich", "verify"), List.copyOf(night.behind("reconcile")));
    assertEquals(Pipeline.IfShort.RUN, night.step("enrich").ifShort());
    assertEquals(
        List.of(
            "run",
            "chain",
            "--from",
            settings().text("rpc-logs.from"),
            "--to",
            "latest",
            "--datasets",
            "conditions,transfers"),
        night.step("rpc").words());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "stepz: {a: {command: views}} | 1: unknown key 'stepz' of the file. Did you mean 'steps'?",
        "title: x | 1: there are no steps",
        "steps: {a: {command: views, aftr: b}} | 1: unknown key 'aftr' of step a. Did you mean"
            + " 'after'?",
        "steps:~  a:~    title: x | 2: step a has no command",
        "steps:~  a: {command: views}~  b: {command: views, after: aa} | 3: there is no step 'aa'"
            + " for the key after. Did you mean 'a'?",
        "steps:~  a: {command: views, after: b}~  b: {command: views, after: a} | 2: step a depends"
            + " on itself",
        "steps:~  a: {command: views}~  a: {command: views} | 3: ",
        "steps:~  a: {command: vews} | 2: command 'vews': there is no command 'vews'. Did you mean"
            + " 'views'?",
        "steps:~  a: {command: demo} | 2: command 'demo': 'demo' cannot be a step",
        "steps:~  a: {command: run payout} | 2: command 'run payout': no job 'payout'. Did you mean"
            + " 'payouts'?",
        "steps:~  a: {command: reconcile --jsn} | 2: command 'reconcile --jsn': unknown option:"
            + " '--jsn'",
        "steps:~  a: {command: \"run rpc-logs --from {{rpc-logs.frm}}\"} | 2: no setting"
            + " 'rpc-logs.frm'. Did you mean 'rpc-logs.from'?",
        "steps:~  a:~    command: views~    if-short: leave | 4: if-short is 'leave'.",
        "steps:~  a:~    command: views~    if-short: skip | 2: step a may be skipped when time is"
            + " short, so it takes a key takes",
        "budget: six~steps:~  a: {command: views} | 1: budget is 'six'; it takes a duration",
        "steps:~  a: {command: views, retries: -1} | 2: retries is '-1'; it takes a whole number",
        "steps:~  a: {command: views, requests: 100} | 2: add the key requests-from with the origin"
            + " of that number",
        "steps:~  a: [views] | 2: step a takes keys with values",
        "steps:~  a: {command: views | 3: "
      })
  void aMistake_isOneLine_withTheFileAndItsLine(String text, String said) {
    // a tilde stands for the end of a line
    UserError error =
        assertThrows(UserError.class, () -> read(text.strip().replace("~", "\n") + "\n"));
    assertTrue(
        error.getMessage().startsWith("routes/pipelines/try.yaml:" + said), error.getMessage());
    assertEquals(1, error.getMessage().lines().count());
  }

  @Test
  void anUnknownPipeline_isNamedWithTheNearest() {
    UserError error =
        assertThrows(UserError.class, () -> PipelineCommand.read(settings(), "overnigth"));
    assertTrue(error.getMessage().contains("Did you mean 'overnight'?"), error.getMessage());
    UserError step =
        assertThrows(
            UserError.class, () -> PipelineCommand.read(settings(), "overnight").step("reconcil"));
    assertTrue(step.getMessage().contains("Did you mean 'reconcile'?"), step.getMessage());
  }

  @Test
  void timeIsReserved_forTheLongestChainOfRequiredSteps() {
    Pipeline pipeline =
        read(
            """
            steps:
              a: {command: views}
              b: {command: views, after: a, takes: 10m}
              c: {command: views, after: a, takes: 30m, if-short: cut}
              d: {command: views, after: [b, c], takes: 5m}
              e: {command: views, after: d, takes: 1h, if-short: skip}
            """);
    assertEquals(Duration.ofMinutes(15), pipeline.kept("a", pipeline.steps().keySet()));
    assertEquals(Duration.ofMinutes(5), pipeline.kept("c", pipeline.steps().keySet()));
    assertEquals(Duration.ofMinutes(5), pipeline.kept("a", Set.of("d", "e")));
    assertEquals(Duration.ZERO, pipeline.kept("e", pipeline.steps().keySet()));
  }

  @Test
  void thePlan_takesThePaceFromTheSourcesRoutes_andSaysWhereItsNumbersComeFrom() {
    Plan.Result plan =
        Plan.of(
            settings(),
            PipelineCommand.read(settings(), "overnight"),
            new PipelineRun.Options(null, false, null, null));
    Plan.Row clob = row(plan, "clob");
    assertEquals(1500L, clob.requests());
    // 100 requests in 1.01 s
    assertEquals("15 s", clob.atTheLimit());
    assertTrue(
        plan.notes().stream()
            .anyMatch(
                note ->
                    note.startsWith(
                            "clob: 1,500 requests (1.5 million markets in June 2026, 1,000 a page;"
                                + " overnight.yaml:")
                        && note.contains("routes/sources/clob.camel.yaml")),
        plan.notes().toString());
    assertTrue(plan.seconds() < plan.budgetSeconds(), plan.toString());
    // no node is set here: the chain is read from the portal
    assertTrue(
        plan.notes().stream()
            .anyMatch(
                note -> note.startsWith("rpc: ") && note.contains("routes/sources/sqd.camel.yaml")),
        plan.notes().toString());
    assertTrue(
        plan.notes().stream().noneMatch(note -> note.contains("would fail")),
        plan.notes().toString());
  }

  @Test
  void thePlanForAShortBudget_saysWhatWouldBeSkipped() {
    Pipeline night = PipelineCommand.read(settings(), "overnight");
    Duration kept = night.kept("goldsky", night.steps().keySet());
    Plan.Result plan =
        Plan.of(
            settings(), night, new PipelineRun.Options(kept.plusMinutes(40), false, null, null));
    assertEquals("run", row(plan, "clob").ifShort(), plan.toString());
    assertEquals("would be SKIPPED", row(plan, "goldsky").ifShort(), plan.toString());
    assertEquals("would be CUT", row(plan, "rpc").ifShort(), plan.toString());
    assertEquals(
        List.of(
            "goldsky would be skipped: it takes 30 min, and 10 min would be left, because 1 h of"
                + " the budget is reserved for later steps"),
        plan.notes().stream().filter(note -> note.startsWith("goldsky")).toList(),
        "and nothing else of it");
  }

  @Test
  void theJsonOfAPassAndOfAPlan_hasTheKeysThatScriptsMatchOn() throws IOException {
    PipelineStatus status =
        new PipelineStatus(
            "night",
            1,
            PassState.FINISHED,
            2,
            "then",
            "now",
            3,
            4,
            5,
            List.of(
                new PipelineStatus.StepStatus(
                    "a", "", "views", List.of(), StepState.CUT, 1, null, 0.5, 0, null, null, null)),
            List.of(new PipelineStatus.Decision("now", "a", "stopped")));
    JsonNode ended =
        new ObjectMapper()
            .readTree(
                Report.json(new PipelineCommand.Ended(status, "report.txt", null, null, null)));
    assertEquals(
        List.of(
            "pipeline",
            "pass",
            "state",
            "pid",
            "started_at",
            "ended_at",
            "exit_code",
            "budget_seconds",
            "spent_seconds",
            "steps",
            "decisions",
            "report",
            "reason"),
        keys(ended));
    assertEquals("finished", ended.path("state").textValue());
    assertTrue(ended.path("reason").isNull());
    JsonNode step = ended.path("steps").path(0);
    assertEquals(
        List.of(
            "step",
            "title",
            "command",
            "after",
            "state",
            "tries",
            "seconds",
            "requests",
            "exit_code",
            "reason",
            "now"),
        keys(step));
    assertEquals("cut", step.path("state").textValue());
    assertEquals(List.of("at", "step", "decision"), keys(ended.path("decisions").path(0)));
    JsonNode plan =
        new ObjectMapper()
            .readTree(
                Report.json(
                    new Plan.Result(
                        List.of(new Plan.Row("a", "-", "views", null, null, "+0:00", "-", "run")),
                        List.of(),
                        0,
                        1)));
    assertEquals(List.of("steps", "notes", "seconds", "budgetSeconds"), keys(plan));
    assertEquals(
        List.of(
            "step", "after", "command", "requests", "at_the_limit", "begins", "takes", "if_short"),
        keys(plan.path("steps").path(0)));
  }

  private static List<String> keys(JsonNode object) {
    List<String> keys = new ArrayList<>();
    object.fieldNames().forEachRemaining(keys::add);
    return keys;
  }

  private static Plan.Row row(Plan.Result plan, String step) {
    return plan.steps().stream().filter(row -> row.step().equals(step)).findFirst().orElseThrow();
  }
}
