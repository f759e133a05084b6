package polymarket.backfill.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import polymarket.backfill.Settings;
import polymarket.backfill.ledger.ShareLock;

/** Ends runs as Ctrl-C does, wherever they were started. */
@Command(
    name = "stop",
    description = {
      "Stop the runs of this project on this machine as Ctrl-C does: what is in flight is stored"
          + " and marked, and the same command continues.",
      "Without JOB, stops all of them, pipelines and enrichment too."
    })
final class StopCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      completionCandidates = Names.All.class,
      arity = "0..*",
      description =
          "The jobs, such as payouts; enrich, reconcile, or a pipeline such as overnight.")
  private List<String> jobs = List.of();

  @Option(
      names = "--wait",
      paramLabel = "DURATION",
      defaultValue = "2m",
      description = "How long to wait for them to end (default: ${DEFAULT-VALUE}).")
  private String patience;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    jobs.forEach(this::requireKnown);
    Duration wait = Settings.duration(patience, "--wait");
    Map<ProcessHandle, String> running = ask(settings.path("runtime.dir"), jobs);
    if (running.isEmpty()) {
      System.out.println(
          "Nothing to stop: "
              + (jobs.isEmpty() ? "no run" : "no run of " + String.join(", ", jobs))
              + " here.");
      return 0;
    }
    running.forEach(
        (process, what) ->
            System.out.println("Stopping " + what + " (pid " + process.pid() + ") ..."));
    long end = System.nanoTime() + wait.toNanos();
    int code = 0;
    for (Map.Entry<ProcessHandle, String> run : running.entrySet()) {
      if (!ended(run.getKey(), end - System.nanoTime())) {
        System.err.println(
            "backfill: "
                + run.getValue()
                + " (pid "
                + run.getKey().pid()
                + ") still ends after "
                + patience
                + "; wait for it, or end it at once with kill "
                + run.getKey().pid());
        code = 1;
      }
    }
    if (code == 0) {
      System.out.println("Stopped.");
    }
    return code;
  }

  private void requireKnown(String name) {
    if (!Names.isKnown(name) && !spec.root().subcommands().containsKey(name)) {
      throw Names.unknown(name);
    }
  }

  private static boolean ended(ProcessHandle process, long nanos) {
    try {
      process.onExit().get(Math.max(0, nanos), TimeUnit.NANOSECONDS);
    } catch (TimeoutException | ExecutionException e) {
      // whether it lives is what counts
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return !process.isAlive();
  }

  /**
   * Asks runs to stop, as Ctrl-C does.
   *
   * @param jobs what they have to run; empty for anything
   * @return what each process that was asked does
   */
  static Map<ProcessHandle, String> ask(Path runtime, List<String> jobs) {
    Map<ProcessHandle, String> running = new LinkedHashMap<>();
    ShareLock.all(runtime).stream()
        .filter(holder -> !holder.process().equals(ProcessHandle.current()))
        .filter(
            holder ->
                jobs.isEmpty() || Stream.of(holder.what().split("[ ,]+")).anyMatch(jobs::contains))
        .forEach(holder -> running.put(holder.process(), holder.what()));
    // a pipeline stops the steps that it started itself; a second signal would end them at once
    running.keySet().removeIf(process -> process.parent().map(running::containsKey).orElse(false));
    running.keySet().forEach(ProcessHandle::destroy);
    return running;
  }
}
