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
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
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

  @Parameters(
      paramLabel = "JOB",
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
    Duration wait = Settings.duration(patience, "--wait");
    Map<ProcessHandle, String> running = running(settings.path("runtime.dir"));
    running.values().removeIf(what -> !isAsked(what));
    if (running.isEmpty()) {
      System.out.println(
          "Nothing to stop: "
              + (jobs.isEmpty() ? "no run" : "no run of " + String.join(", ", jobs))
              + " here.");
      return 0;
    }
    // a pipeline stops the steps that it started itself; a second signal would end them at once
    running.keySet().removeIf(process -> process.parent().map(running::containsKey).orElse(false));
    running.forEach(
        (process, what) -> {
          System.out.println("Stopping " + what + " (pid " + process.pid() + ") ...");
          process.destroy();
        });
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

  private boolean isAsked(String what) {
    return jobs.isEmpty() || isOf(what, jobs);
  }

  /** Whether what a process says of itself names one of these. */
  static boolean isOf(String what, List<String> jobs) {
    return Stream.of(what.split("[ ,]+")).anyMatch(jobs::contains);
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

  /** What runs here, but for this process, by process. */
  static Map<ProcessHandle, String> running(Path runtime) {
    Map<ProcessHandle, String> running = new LinkedHashMap<>();
    ShareLock.all(runtime).stream()
        .filter(holder -> !holder.process().equals(ProcessHandle.current()))
        .forEach(holder -> running.put(holder.process(), holder.what()));
    return running;
  }
}
