package polymarket.backfill.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.audit.AuditHelp;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.enrich.Enrich;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.Window;
import polymarket.backfill.run.HeldException;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.run.Membership;

/** Helps other machines with what is pending in their shared ledgers. */
@Command(
    name = "join",
    description =
        "Help other machines: fetch the pending ids of the ledgers that they share (cluster.url)."
            + " Ctrl-C leaves; the others go on. See docs/CLUSTER.md.")
final class JoinCommand implements Callable<Integer> {

  /** How often a member that waits looks whether another one has ended. */
  private static final int LOOK_MILLIS = 1000;

  /** What falls into slices and is no job. */
  private static final List<String> PASSES = List.of(EnrichRuns.NAME, AuditCommand.NAME);

  @Mixin private Common common;

  @Parameters(
      arity = "0..*",
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      description =
          "The jobs to help with, enrich or audit; without any, all that have pending ids, and"
              + " enrich and audit while they run.")
  private List<String> names = List.of();

  @Option(names = "--json", description = "Print the result as one JSON object on standard output.")
  private boolean json;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    SharedLedgers cluster = SharedLedgers.of(settings);
    if (cluster == null) {
      throw new UserError(
          "join needs a shared ledger: set CLUSTER_URL to its PostgreSQL database, such as"
              + " jdbc:postgresql://host/database; see docs/CLUSTER.md");
    }
    List<Job> jobs = jobs(settings, cluster);
    Terminal terminal = new Terminal(json);
    int code = jobs.isEmpty() ? 0 : help(settings, cluster, jobs, Window.ALL, terminal);
    List<Job> windows = windows(settings);
    for (Job job : windows) {
      if (!Signals.asked()) {
        Window window = window(LedgerPlace.window(settings, job.getName()));
        code = Math.max(code, help(settings, cluster, List.of(job), window, terminal));
      }
    }
    boolean enriches = isAskedFor(EnrichRuns.NAME, cluster);
    boolean audits = isAskedFor(AuditCommand.NAME, cluster);
    if (enriches && !Signals.asked()) {
      code = Math.max(code, enrich(settings, terminal));
    }
    if (audits && !Signals.asked()) {
      code = Math.max(code, audit(settings, terminal));
    }
    if (enriches || audits) {
      return code;
    }
    if (jobs.isEmpty() && windows.isEmpty()) {
      nothing("no ledger " + of() + "at " + cluster.where() + " has pending ids");
      return 0;
    }
    return code;
  }

  /** The jobs that were named, for messages; empty where none was. */
  private String of() {
    return names.isEmpty() ? "" : "of " + String.join(", ", names) + " ";
  }

  private void nothing(String why) {
    // with --json, standard output is for the result alone
    (json ? System.err : System.out)
        .println("nothing to do: " + why + "; `backfill run JOB` asks for failed ones again");
  }

  /** Whether a pass was named or, where nothing was, a member leads one now. */
  private boolean isAskedFor(String pass, SharedLedgers cluster) {
    return names.contains(pass) || names.isEmpty() && cluster.holder(pass) != null;
  }

  /** Helps with the slices of the trades, as long as a pass is under way. */
  private int enrich(Settings settings, Terminal terminal) {
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      Enrich.Result result = new EnrichRuns(settings, clickHouse, terminal).run(Enrich::join);
      System.out.println("enrich: " + (result == null ? "gave up" : result.state()));
      return EnrichRuns.code(result);
    }
  }

  /** Helps with the slices of an audit, as long as another member leads one. */
  private static int audit(Settings settings, Terminal terminal) {
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      Boolean ended =
          new PassRuns(settings, terminal)
              .run(
                  AuditCommand.NAME,
                  member -> {
                    AuditHelp help =
                        new AuditHelp(
                            clickHouse, settings, terminal, member, null, terminal::status);
                    Signals.handle(help::stop, terminal);
                    return help.follow() != null;
                  });
      if (ended == null || Signals.asked()) {
        return PassRuns.gaveUp().code();
      }
      System.out.println(
          ended
              ? "audit: complete; the command that leads it prints the result"
              : "audit: no member leads one now");
      return 0;
    }
  }

  private int help(
      Settings settings,
      SharedLedgers cluster,
      List<Job> pending,
      Window window,
      Terminal terminal) {
    JobRun.check(settings, pending);
    List<Job> jobs = pending;
    while (true) {
      jobs = free(settings, cluster, jobs, window, terminal);
      if (jobs.isEmpty()) {
        nothing("other members have taken the pending ids");
        return 0;
      }
      try {
        return help(settings, jobs, window, terminal);
      } catch (HeldException e) {
        // another one was quicker
      }
    }
  }

  private int help(Settings settings, List<Job> jobs, Window window, Terminal terminal) {
    terminal.info(
        "joining "
            + jobs.stream().map(Job::getName).collect(Collectors.joining(", "))
            + (window.all() ? "" : ", window " + window.text()));
    Signals.afterwards("the other members go on");
    JobRun.Result result =
        new MemberRuns(settings, terminal)
            .run(
                jobs,
                new JobRun.Options(Share.WHOLE, 1, Long.MAX_VALUE, window, true),
                new MemberRuns.Steps() {});
    return Report.end(List.of(result), jobs, json);
  }

  /**
   * The jobs that this member can work on now. One that a single member works on is left out while
   * another one has it; where there is no other job, this one waits until that has ended.
   */
  private List<Job> free(
      Settings settings, SharedLedgers cluster, List<Job> jobs, Window window, Terminal terminal) {
    String told = "";
    while (true) {
      List<Job> free = new ArrayList<>();
      List<String> held = new ArrayList<>();
      for (Job job : jobs) {
        SharedLedgers.Holder holder = Membership.holder(cluster, job);
        if (holder == null) {
          free.add(job);
        } else if (hasPending(
            window.all()
                ? LedgerPlace.of(settings, job.getName())
                : LedgerPlace.window(settings, job.getName()))) {
          held.add(job.getName() + " by " + holder);
        }
      }
      if (!free.isEmpty() || held.isEmpty()) {
        return free;
      }
      String waits = "waiting, to go on if it ends: " + String.join(", ", held);
      if (!waits.equals(told)) {
        terminal.info(waits);
        told = waits;
      }
      try {
        TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return List.of();
      }
    }
  }

  /** The jobs that have pending ids, of those that were named or of all. */
  private List<Job> jobs(Settings settings, SharedLedgers cluster) {
    List<Job> jobs = new ArrayList<>();
    for (String name : names.isEmpty() ? Job.names(Common.home()) : names) {
      if (PASSES.contains(name)) {
        continue;
      }
      LedgerPlace place = LedgerPlace.of(settings, name);
      Job job = Job.read(Common.home(), name);
      if (!names.isEmpty() && !place.exists() && !LedgerPlace.window(settings, name).exists()) {
        throw new UserError(
            "no ledger of "
                + name
                + " at "
                + cluster.where()
                + ": start it on one machine with `backfill run "
                + name
                + "`");
      }
      if (place.exists() && hasPending(place)) {
        jobs.add(job);
      }
    }
    return jobs;
  }

  /** Those of the jobs that have a window of time with pending ids. */
  private List<Job> windows(Settings settings) {
    return (names.isEmpty() ? Job.names(Common.home()) : names)
        .stream()
            .filter(name -> !PASSES.contains(name))
            .filter(
                name -> {
                  LedgerPlace place = LedgerPlace.window(settings, name);
                  return place.exists() && hasPending(place);
                })
            .map(name -> Job.read(Common.home(), name))
            .toList();
  }

  private static Window window(LedgerPlace place) {
    try (Ledger ledger = Ledger.open(place)) {
      return ledger.window();
    }
  }

  private static boolean hasPending(LedgerPlace place) {
    try (Ledger ledger = Ledger.open(place)) {
      return ledger.left(Share.WHOLE) > 0;
    }
  }
}
