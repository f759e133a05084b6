package polymarket.backfill.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Messages;
import polymarket.backfill.Redaction;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.State;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.pipeline.PipelineFiles;
import polymarket.backfill.pipeline.PipelineLedger;
import polymarket.backfill.pipeline.PipelineStatus;
import polymarket.backfill.run.Estimate;
import polymarket.backfill.run.JobStatus;
import polymarket.backfill.run.RunState;
import polymarket.backfill.run.SourceLocks;

/** Shows the progress of jobs, also from another terminal. */
@Command(
    name = "status",
    description = "Show the progress of jobs and pipelines, during and after a run.")
final class StatusCommand implements Callable<Integer> {

  /**
   * What the ledger of a job holds, and what its runs say of themselves.
   *
   * @param parts those of its window and of what runs under its name; null for none
   * @param held what members hold of a shared ledger; null for one of this machine
   */
  record LedgerStatus(
      String job,
      JobStatus.Ids ids,
      JobStatus.Rows rows,
      boolean balanced,
      List<JobStatus> runs,
      @JsonInclude(JsonInclude.Include.NON_NULL) List<LedgerStatus> parts,
      @JsonInclude(JsonInclude.Include.NON_NULL) List<SharedLedgers.Held> held) {}

  @Mixin private Common common;

  @Parameters(
      arity = "0..1",
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      completionCandidates = Names.All.class,
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
      throw Names.unknown(name);
    }
    List<String> names =
        name == null
            ? Job.names(Common.home())
            : pipelines.isEmpty()
                ? Job.read(Common.home(), name).parts(Common.home(), "auto").stream()
                    .map(Job::getName)
                    .toList()
                : List.of();
    SharedLedgers cluster = SharedLedgers.of(settings);
    while (true) {
      List<LedgerStatus> statuses = statuses(settings, names);
      List<PipelineStatus> passes = passes(settings, pipelines);
      if (statuses.isEmpty() && passes.isEmpty()) {
        throw new UserError(
            "no ledger"
                + (name == null ? "" : " of " + name)
                + " in "
                + LedgerPlace.ofAll(settings)
                + ": no job has run here yet");
      }
      String text =
          json
              ? Report.json(
                      name == null
                          ? all(settings, statuses, passes, cluster)
                          : passes.isEmpty() ? one(statuses) : passes.get(0))
                  + "\n"
              : (statuses.isEmpty() ? "" : text(statuses))
                  + (cluster == null ? "" : MembersView.text(cluster, statuses))
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

  private static Map<String, Object> all(
      Settings settings,
      List<LedgerStatus> statuses,
      List<PipelineStatus> passes,
      SharedLedgers cluster) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("jobs", statuses);
    all.put("pipelines", passes);
    all.put("schedules", Schedules.read(settings));
    if (cluster != null) {
      all.put("cluster", MembersView.json(cluster));
    }
    return all;
  }

  /** A job's status, with those of its window and of what runs under its name as its parts. */
  private static LedgerStatus one(List<LedgerStatus> statuses) {
    LedgerStatus first = statuses.get(0);
    return statuses.size() == 1
        ? first
        : new LedgerStatus(
            first.job(),
            first.ids(),
            first.rows(),
            first.balanced(),
            first.runs(),
            statuses.subList(1, statuses.size()),
            first.held());
  }

  /** The last pass of each of these pipelines that has one. */
  static List<PipelineStatus> passes(Settings settings, List<String> pipelines) {
    List<PipelineStatus> passes = new ArrayList<>();
    for (String pipeline : pipelines) {
      try (PipelineLedger ledger = PipelineLedger.read(settings, pipeline)) {
        if (ledger != null) {
          PipelineStatus.of(
                  PipelineCommand.read(settings, pipeline),
                  ledger,
                  PipelineFiles.of(settings, pipeline))
              .ifPresent(passes::add);
        }
      }
    }
    return passes;
  }

  /** The state of each of these jobs that has a ledger. */
  static List<LedgerStatus> statuses(Settings settings, List<String> names) {
    List<LedgerStatus> statuses = new ArrayList<>();
    for (String job : names) {
      LedgerPlace file = LedgerPlace.of(settings, job);
      if (file.exists()) {
        SharedLedgers cluster = SharedLedgers.of(settings);
        statuses.add(
            status(
                job,
                file,
                runs(settings.path("runtime.dir"), job),
                cluster == null ? null : cluster.held(job)));
      }
      LedgerPlace window = LedgerPlace.window(settings, job);
      if (window.exists()) {
        // a job that was only run for a window has no other ledger to show its last run with
        statuses.add(
            status(
                job + " (window)",
                window,
                file.exists() ? List.of() : runs(settings.path("runtime.dir"), job),
                null));
      }
    }
    return statuses;
  }

  private static LedgerStatus status(
      String name, LedgerPlace file, List<JobStatus> runs, List<SharedLedgers.Held> held) {
    try (Ledger ledger = Ledger.open(file)) {
      Ledger.Sums sums = ledger.sums();
      return new LedgerStatus(
          name,
          JobStatus.Ids.of(ledger.size(Share.WHOLE), ledger.counts(Share.WHOLE)),
          new JobStatus.Rows(
              sums.fetched(),
              sums.inserted(),
              sums.duplicate(),
              sums.rejected(),
              ledger.replaced() ? JobStatus.REPLACED : null),
          sums.balanced(),
          runs,
          null,
          held);
    }
  }

  /**
   * How many processes work on a job: those that say so in the runtime folder, and the living
   * members of its shared ledger that are none of them.
   *
   * @param status the job, as {@link #statuses} names it
   */
  static long running(List<JobStatus> runs, List<SharedLedgers.MemberInfo> members, String status) {
    List<JobStatus> here = runs.stream().filter(run -> run.state() == RunState.RUNNING).toList();
    String what = status.replace(" (window)", "(window)");
    return here.size()
        + members.stream()
            .filter(member -> member.worksOn(what))
            .filter(member -> here.stream().noneMatch(run -> member.isProcess(run.pid())))
            .count();
  }

  /** What the processes that work, or last worked, on the job say of themselves. */
  static List<JobStatus> runs(Path runtime, String job) {
    if (!Files.isDirectory(runtime)) {
      return List.of();
    }
    String name = Pattern.quote(job) + "(\\.worker-\\d+-of-\\d+)?\\.status\\.json";
    List<JobStatus> runs = new ArrayList<>();
    try (Stream<Path> files = Files.list(runtime)) {
      for (Path file :
          files.filter(path -> path.getFileName().toString().matches(name)).sorted().toList()) {
        JobStatus run = JobStatus.read(file);
        runs.add(run.in(state(runtime, run)));
      }
    } catch (IOException e) {
      throw new UserError("cannot read " + runtime + ": " + e.getMessage());
    }
    return runs;
  }

  /** The state that a run wrote, or what became of its process since. */
  private static RunState state(Path runtime, JobStatus run) {
    boolean alive = ProcessHandle.of(run.pid()).map(ProcessHandle::isAlive).orElse(false);
    return switch (run.state()) {
      case RUNNING -> alive ? RunState.RUNNING : RunState.DIED;
      case COMPLETE -> alive && follows(runtime, run) ? RunState.FOLLOWING : RunState.COMPLETE;
      default -> run.state();
    };
  }

  private static boolean follows(Path runtime, JobStatus run) {
    return ShareLock.all(runtime).stream()
        .anyMatch(holder -> holder.process().pid() == run.pid() && SourceLocks.isFollowing(holder));
  }

  static String text(List<LedgerStatus> statuses) {
    List<Map<String, Object>> table = new ArrayList<>();
    StringBuilder lines = new StringBuilder();
    for (LedgerStatus status : statuses) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("job", status.job());
      row.put("ids", status.ids().total());
      for (State state :
          List.of(State.FOUND, State.ABSENT, State.UNRESOLVED, State.FAILED, State.PENDING)) {
        row.put(state.text(), status.ids().of(state));
      }
      row.put("rows", status.rows().inserted());
      row.put("rejected", status.rows().rejected());
      table.add(row);
      if (status.rows().of() != null) {
        lines
            .append("  ")
            .append(status.job())
            .append(": rows are counted ")
            .append(status.rows().of())
            .append('\n');
      }
      status.runs().forEach(run -> lines.append("  ").append(line(run)).append('\n'));
    }
    return Report.table(table) + lines;
  }

  private static String line(JobStatus run) {
    if (run.state() == RunState.FOLLOWING) {
      return run.job()
          + ": following (pid "
          + run.pid()
          + "), complete at "
          + run.updatedAt().substring(0, 19)
          + "Z; it looks for more every few seconds";
    }
    if (run.state() != RunState.RUNNING && Boolean.getBoolean("backfill.terminal.output")) {
      return brief(run);
    }
    if (run.state() != RunState.RUNNING) {
      // what a run took, as it said itself at its end or, where it died, the last time
      return run.job()
          + (run.worker() == null ? "" : " worker " + run.worker())
          + ": last run "
          + run.state()
          + " at "
          + run.updatedAt().substring(0, 19)
          + "Z, after "
          + Messages.time(Math.round(run.run().seconds() * 1000))
          + ", "
          + Report.calls(run.run())
          + planned(run);
    }
    String running =
        "running (pid "
            + run.pid()
            + (run.worker() == null ? "" : ", worker " + run.worker())
            + "): ";
    return running
        + Terminal.line(List.of(run), Terminal.width() - running.length() - 2)
        + (planned(run).isEmpty() ? "" : "\n    " + planned(run).substring(2));
  }

  /** A run that has ended, in one line of a narrow terminal, with its time here. */
  private static String brief(JobStatus run) {
    Estimate plan = run.plan();
    boolean planned = plan != null && plan.requests() > 0;
    return run.job()
        + (run.worker() == null ? "" : " worker " + run.worker())
        + ": "
        + run.state()
        + " at "
        + Messages.clock(Instant.parse(run.updatedAt()).toEpochMilli())
        + ", "
        + Messages.count(run.run().requests(), "request")
        + (planned ? " (planned " + Messages.count(plan.requests()) + ")" : "")
        + " in "
        + Messages.time(Math.round(run.run().seconds() * 1000))
        + (planned && plan.seconds() != null
            ? " (" + Messages.time(plan.seconds() * 1000) + ")"
            : "");
  }

  /** What the run was expected to take when it began; empty where it had nothing to do. */
  private static String planned(JobStatus run) {
    Estimate plan = run.plan();
    return plan == null || plan.requests() == 0
        ? ""
        : "; planned "
            + Messages.count(plan.requests(), "request")
            + (plan.seconds() == null ? "" : ", " + Messages.time(plan.seconds() * 1000));
  }
}
