package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.run.JobStatus;
import polymarket.backfill.run.RunState;

/** The metrics of the page, and the board and the alerts that are made of them. */
class ServeMetricsTest {

  private static final Pattern NAME = Pattern.compile("\\bbackfill_[a-z_]+");
  private static final Path GRAFANA = TestBed.PROJECT.resolve("grafana");

  @TempDir private Path runtime;
  private String metrics;

  private static JobStatus run(String job, RunState state, long requests) {
    return run(job, null, 7, state, requests);
  }

  private static JobStatus run(
      String job, String worker, long process, RunState state, long requests) {
    return new JobStatus(
        job,
        worker,
        state,
        process,
        "2026-11-28T09:00:00Z",
        "2026-11-28T09:01:00Z",
        new JobStatus.Ids(10, 4, 3, 1, 0, 2),
        new JobStatus.Numbers("blocks", 1000, 400, 7.5, 9000),
        new JobStatus.Rows(9, 5, 3, 1, null),
        new JobStatus.Run(
            60,
            6,
            2,
            0.1,
            requests,
            2.5,
            5.0,
            0.5,
            1,
            40L,
            "HTTP 503",
            null,
            Map.of(),
            3L,
            0.4,
            null,
            null),
        null,
        null,
        List.of(
            new JobStatus.SourceState(
                "goldsky", Map.of("200", requests - 1, "503", 1L), true, "50 requests in 10 s")),
        null,
        null);
  }

  @BeforeEach
  void make() throws IOException {
    Settings settings = TestBed.defaults().with("runtime.dir", runtime.toString());
    Files.writeString(
        runtime.resolve("last-audit.json"), "{\"laws\":[{\"law\":\"supply\",\"broken\":3}]}");
    Files.writeString(
        runtime.resolve("last-ready.json"),
        "{\"ready\":false,\"measures\":[{\"measure\":\"failed\",\"value\":0.25},"
            + "{\"measure\":\"newest-fill\",\"value\":null}]}");
    Files.writeString(runtime.resolve("chain.head.json"), "{\"unit\":\"blocks\",\"number\":8990}");
    Files.writeString(
        runtime.resolve("rpc-logs.head.json"), "{\"unit\":\"blocks\",\"number\":9050}");
    Files.writeString(runtime.resolve("other.head.json"), "{\"unit\":\"epochs\",\"number\":99999}");
    for (String job : List.of("fills", "payouts", "old")) {
      Path file =
          Files.writeString(
              runtime.resolve(job + ".camel.prom"),
              "# HELP camel_a_total Help\n# TYPE camel_a_total counter\ncamel_a_total{job=\""
                  + job
                  + "\"} 1.0\n# HELP camel_b  \n# TYPE camel_b gauge\ncamel_b{job=\""
                  + job
                  + "\"} 2.0\n");
      if (job.equals("old")) {
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofMinutes(10))));
      }
    }
    JobStatus.Ids ids = new JobStatus.Ids(10, 4, 3, 1, 0, 2);
    JobStatus.Rows rows = new JobStatus.Rows(9, 5, 3, 1, null);
    metrics =
        ServeMetrics.of(
            settings,
            List.of(
                new StatusCommand.LedgerStatus(
                    "payouts",
                    ids,
                    rows,
                    true,
                    List.of(run("payouts", RunState.RUNNING, 8)),
                    null,
                    null),
                new StatusCommand.LedgerStatus(
                    "fills",
                    ids,
                    rows,
                    false,
                    List.of(run("fills", RunState.RUNNING, 8)),
                    null,
                    null)),
            Map.of("payouts", "goldsky", "fills", "goldsky"));
  }

  @Test
  void requestsCountOnceAProcess_andChecksAreOfTheirLastRun() {
    for (String line :
        List.of(
            "# TYPE backfill_source_answers_total counter",
            "backfill_source_answers_total{source=\"goldsky\",status=\"200\"} 7",
            "backfill_source_answers_total{source=\"goldsky\",status=\"503\"} 1",
            "backfill_circuit_open{source=\"goldsky\"} 1",
            // 600 of its own, and 50 that the source of another job had later
            "backfill_lag_to_head{job=\"payouts\"} 650",
            "backfill_ledger_balanced{job=\"fills\"} 0",
            "backfill_audit_violations{law=\"supply\"} 3",
            "backfill_ready 0",
            "backfill_ready_measure{measure=\"failed\"} 0.25")) {
      assertTrue(metrics.lines().anyMatch(line::equals), line + " in:\n" + metrics);
    }
    assertTrue(metrics.lines().noneMatch(line -> line.contains("newest-fill")), metrics);
    Set<String> lines = new HashSet<>();
    metrics.lines().forEach(line -> assertTrue(lines.add(line.replaceFirst(" [^ ]*$", "")), line));
  }

  private static String paces(JobStatus... running) {
    return ServeContent.paces(List.of(running), Map.of("payouts", "goldsky", "fills", "goldsky"))
        .stream()
        .map(pace -> pace.source() + " " + pace.requestsPerSecond() + "/" + pace.limitPerSecond())
        .toList()
        .toString();
  }

  @Test
  void jobsOfAProcessHaveOnePace_andProcessesAddUp() {
    JobStatus payouts = run("payouts", RunState.RUNNING, 8);
    assertEquals("[goldsky 2.5/5.0]", paces(payouts));
    assertEquals("[goldsky 2.5/5.0]", paces(payouts, run("fills", RunState.RUNNING, 8)));
    // members share the limit, workers have parts of it
    assertEquals("[goldsky 5.0/5.0]", paces(payouts, run("payouts", null, 8, RunState.RUNNING, 8)));
    assertEquals(
        "[goldsky 5.0/10.0]",
        paces(
            run("payouts", "1 of 2", 7, RunState.RUNNING, 8),
            run("payouts", "2 of 2", 8, RunState.RUNNING, 8)));
  }

  @Test
  void whatCamelCountsInSeveralRuns_isOneMetricEach_andRunsOfLongAgoAreGone() {
    assertEquals(
        List.of(
            "# HELP camel_a_total Help",
            "# TYPE camel_a_total counter",
            "camel_a_total{job=\"fills\"} 1.0",
            "camel_a_total{job=\"payouts\"} 1.0",
            "# HELP camel_b  ",
            "# TYPE camel_b gauge",
            "camel_b{job=\"fills\"} 2.0",
            "camel_b{job=\"payouts\"} 2.0"),
        metrics.lines().filter(line -> line.contains("camel_")).toList());
  }

  private Set<String> existing() {
    return metrics
        .lines()
        .filter(line -> line.startsWith("# TYPE backfill_"))
        .map(line -> line.split(" ")[2])
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static Set<String> named(String text) {
    return NAME.matcher(text)
        .results()
        .map(result -> result.group())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void theBoardShowsEveryMetric_andNoOther() throws IOException {
    JsonNode board = new ObjectMapper().readTree(GRAFANA.resolve("backfill.json").toFile());
    assertEquals(existing(), named(board.toString()));
    Set<Integer> ids = new HashSet<>();
    Set<String> cells = new HashSet<>();
    for (JsonNode panel : board.get("panels")) {
      assertTrue(ids.add(panel.get("id").asInt()), "two panels have the same id: " + panel);
      JsonNode at = panel.get("gridPos");
      assertTrue(at.get("x").asInt() + at.get("w").asInt() <= 24, "wider than the board: " + panel);
      for (int x = at.get("x").asInt(); x < at.get("x").asInt() + at.get("w").asInt(); x++) {
        for (int y = at.get("y").asInt(); y < at.get("y").asInt() + at.get("h").asInt(); y++) {
          assertTrue(cells.add(x + " " + y), "it overlaps another panel: " + panel.get("title"));
        }
      }
      assertTrue(List.of("stat", "timeseries").contains(panel.get("type").asText()));
      Set<String> letters = new HashSet<>();
      panel
          .get("targets")
          .forEach(
              target -> assertTrue(letters.add(target.get("refId").asText()), target::toString));
    }
  }

  @Test
  void everyAlertIsOnMetricsThatExist_andSaysWhatToDo() throws IOException {
    String text = Files.readString(GRAFANA.resolve("alerts.yaml"));
    Set<String> unknown = named(text);
    unknown.removeAll(existing());
    assertEquals(Set.of(), unknown);
    Map<?, ?> file = (Map<?, ?>) new Load(LoadSettings.builder().build()).loadFromString(text);
    Map<?, ?> group = (Map<?, ?>) ((List<?>) file.get("groups")).get(0);
    for (Object each : (List<?>) group.get("rules")) {
      Map<?, ?> rule = (Map<?, ?>) each;
      Map<?, ?> annotations = (Map<?, ?>) rule.get("annotations");
      assertTrue(rule.get("alert") != null && rule.get("expr") != null, rule.toString());
      assertTrue(
          annotations.get("summary") != null && annotations.get("description") != null,
          rule.toString());
    }
  }

  @Test
  void everyMetricIsDocumented() throws IOException {
    Set<String> documented = named(Files.readString(TestBed.PROJECT.resolve("docs/SERVE.md")));
    assertTrue(documented.containsAll(existing()), () -> existing() + " but " + documented);
  }
}
