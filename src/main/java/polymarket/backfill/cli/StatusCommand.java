package polymarket.backfill.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Messages;
import polymarket.backfill.Nearest;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.pipeline.PipelineLedger;
import polymarket.backfill.pipeline.PipelineStatus;
import polymarket.backfill.run.JobRun;

/** Shows the progress of jobs, also from another terminal. */
@Command(
    name = "status",
    description = "Show the progress of jobs and pipelines, during and after a run.")
final class StatusCommand implements Callable<Integer> {

  private static final ObjectMapper JSON = new ObjectMapper();

  @Mixin private Common common;

  @Parameters(
      arity = "0..1",
      paramLabel = "JOB",
      description = "One job or pipeline; without it, all that have a ledger.")
  private String name;

  @Option(names = "--watch", description = "Refresh every two seconds until Ctrl-C.")
  private boolean watch;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() throws InterruptedException {
    Settings settings = common.settings();
    List<String> pipelines =
        Pipeline.names(Common.home()).stream()
            .filter(pipeline -> name == null || pipeline.equals(name))
            .toList();
    if (name != null && pipelines.isEmpty() && !Job.names(Common.home()).contains(name)) {
      List<String> jobs = Job.names(Common.home());
      List<String> passes = Pipeline.names(Common.home());
      throw new UserError(
          "no job or pipeline '"
              + name
              + "'."
              + Nearest.hint(name, Stream.concat(jobs.stream(), passes.stream()).toList())
              + " The jobs are: "
              + String.join(", ", jobs)
              + "; the pipelines: "
              + String.join(", ", passes));
    }
    List<String> names =
        name == null
            ? Job.names(Common.home())
            : pipelines.isEmpty()
                ? Job.read(Common.home(), name).parts(Common.home(), "auto").stream()
                    .map(Job::getName)
                    .toList()
                : List.of();
    while (true) {
      List<Map<String, Object>> statuses = statuses(settings, names);
      List<Map<String, Object>> passes = passes(settings, pipelines);
      if (statuses.isEmpty() && passes.isEmpty()) {
        throw new UserError(
            "no ledger"
                + (name == null ? "" : " of " + name)
                + " in "
                + settings.path("runtime.dir")
                + ": no job has run here yet");
      }
      String text =
          json
              ? Report.json(
                      name == null
                          ? Map.of("jobs", statuses, "pipelines", passes)
                          : passes.isEmpty() ? one(statuses) : passes.get(0))
                  + "\n"
              : (statuses.isEmpty() ? "" : text(statuses))
                  + passes.stream()
                      .map(pass -> String.join("\n", PipelineView.lines(pass)) + "\n")
                      .collect(Collectors.joining());
      if (watch && !json && Boolean.getBoolean("backfill.terminal")) {
        Redaction.rawOut().print("\033[H\033[2J");
        Redaction.rawOut().flush();
      }
      System.out.print(text);
      System.out.flush();
      if (!watch) {
        return 0;
      }
      Thread.sleep(2000);
    }
  }

  /**
   * A job's status, with the statuses of its window and of the jobs that run under its name as its
   * parts.
   */
  private static Map<String, Object> one(List<Map<String, Object>> statuses) {
    Map<String, Object> first = new LinkedHashMap<>(statuses.get(0));
    if (statuses.size() > 1) {
      first.put("parts", statuses.subList(1, statuses.size()));
    }
    return first;
  }

  /** The last pass of each of these pipelines that has one; see PipelineStatus. */
  private static List<Map<String, Object>> passes(Settings settings, List<String> pipelines) {
    List<Map<String, Object>> passes = new ArrayList<>();
    for (String pipeline : pipelines) {
      Path file = PipelineLedger.file(settings.path("runtime.dir"), pipeline);
      if (Files.exists(file)) {
        try (PipelineLedger ledger = PipelineLedger.open(file, null)) {
          Map<String, Object> pass =
              PipelineStatus.of(
                  PipelineCommand.read(settings, pipeline),
                  ledger,
                  PipelineStatus.folder(settings.path("runtime.dir"), pipeline));
          if (pass != null) {
            passes.add(pass);
          }
        }
      }
    }
    return passes;
  }

  /** The state of each of these jobs that has a ledger. */
  static List<Map<String, Object>> statuses(Settings settings, List<String> names) {
    List<Map<String, Object>> statuses = new ArrayList<>();
    for (String job : names) {
      if (Ledger.exists(JobRun.ledgerFile(settings, job))) {
        statuses.add(status(settings, job, JobRun.ledgerFile(settings, job)));
      }
      if (Ledger.exists(JobRun.windowFile(settings, job))) {
        Map<String, Object> window = status(settings, job, JobRun.windowFile(settings, job));
        window.put("job", job + " (window)");
        window.put("runs", List.of());
        statuses.add(window);
      }
    }
    return statuses;
  }

  private static Map<String, Object> status(Settings settings, String job, Path file) {
    Map<String, Object> status = new LinkedHashMap<>();
    status.put("job", job);
    try (Ledger ledger = Ledger.open(file)) {
      Map<String, Object> ids = new LinkedHashMap<>();
      ids.put("total", ledger.size(Share.WHOLE));
      ledger.counts(Share.WHOLE).forEach((state, n) -> ids.put(state.text(), n));
      Ledger.Sums sums = ledger.sums();
      Map<String, Object> rows = new LinkedHashMap<>();
      rows.put("fetched", sums.fetched());
      rows.put("inserted", sums.inserted());
      rows.put("duplicate", sums.duplicate());
      rows.put("rejected", sums.rejected());
      if (ledger.replaced()) {
        rows.put("of", "with those that were replaced");
      }
      status.put("ids", ids);
      status.put("rows", rows);
      status.put("balanced", sums.balanced());
    }
    status.put("runs", runs(settings.path("runtime.dir"), job));
    return status;
  }

  /** The status records of the processes that run, or last ran, the job. */
  static List<Map<String, Object>> runs(Path runtime, String job) {
    List<Map<String, Object>> runs = new ArrayList<>();
    try (Stream<Path> files = Files.list(runtime)) {
      for (Path file :
          files
              .filter(
                  path ->
                      path.getFileName()
                          .toString()
                          .matches(
                              java.util.regex.Pattern.quote(job)
                                  + "(\\.worker-\\d+-of-\\d+)?\\.status\\.json"))
              .sorted()
              .toList()) {
        @SuppressWarnings("unchecked")
        Map<String, Object> run = JSON.readValue(file.toFile(), Map.class);
        boolean alive =
            ProcessHandle.of(((Number) run.get("pid")).longValue())
                .map(ProcessHandle::isAlive)
                .orElse(false);
        if ("running".equals(run.get("state")) && !alive) {
          run.put("state", "died");
        }
        runs.add(run);
      }
    } catch (IOException e) {
      throw new UserError("cannot read " + runtime + ": " + e.getMessage());
    }
    return runs;
  }

  /** The figures of a run, as recorded at its end or, if it died, most recently. */
  private static String figures(Map<?, ?> of) {
    Map<?, ?> run = (Map<?, ?>) of.get("run");
    return ", after "
        + Messages.time(Math.round(((Number) run.get("seconds")).doubleValue() * 1000))
        + ", "
        + Messages.count(((Number) run.get("requests")).longValue(), "request")
        + ", "
        + Messages.count(((Number) run.get("retries")).longValue())
        + (((Number) run.get("retries")).longValue() == 1 ? " retry, " : " retries, ")
        + Report.used(run);
  }

  static String text(List<Map<String, Object>> statuses) {
    List<Map<String, Object>> table = new ArrayList<>();
    StringBuilder lines = new StringBuilder();
    for (Map<String, Object> status : statuses) {
      Map<?, ?> ids = (Map<?, ?>) status.get("ids");
      Map<?, ?> rows = (Map<?, ?>) status.get("rows");
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("job", status.get("job"));
      row.put("ids", ids.get("total"));
      for (State state :
          List.of(State.FOUND, State.ABSENT, State.UNRESOLVED, State.FAILED, State.PENDING)) {
        row.put(state.text(), ids.get(state.text()));
      }
      row.put("rows", rows.get("inserted"));
      row.put("rejected", rows.get("rejected"));
      table.add(row);
      if (rows.get("of") != null) {
        lines
            .append("  ")
            .append(status.get("job"))
            .append(": rows are counted ")
            .append(rows.get("of"))
            .append('\n');
      }
      for (Object run : (List<?>) status.get("runs")) {
        Map<?, ?> of = (Map<?, ?>) run;
        @SuppressWarnings("unchecked")
        Map<String, Object> snapshot = (Map<String, Object>) of;
        if ("running".equals(of.get("state"))) {
          String running =
              "  running (pid "
                  + of.get("pid")
                  + (of.get("worker") == null ? "" : ", worker " + of.get("worker"))
                  + "): ";
          lines
              .append(running)
              .append(Terminal.line(List.of(snapshot), Terminal.width() - running.length()))
              .append('\n');
        } else {
          lines
              .append("  ")
              .append(of.get("job"))
              .append(of.get("worker") == null ? "" : " worker " + of.get("worker"))
              .append(": last run ")
              .append(of.get("state"))
              .append(" at ")
              .append(String.valueOf(of.get("updated_at")).substring(0, 19))
              .append("Z")
              .append(figures(of))
              .append(of.get("reason") == null ? "" : ": " + of.get("reason"))
              .append('\n');
        }
      }
    }
    return Report.table(table) + lines;
  }
}
