package polymarket.backfill.cli;

import java.util.List;
import java.util.Scanner;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.run.SourceLocks;

/** Resets a job's progress. */
@Command(
    name = "reset",
    description =
        "Reset the progress of a job: its ledger is renamed and kept. Rows in ClickHouse are kept,"
            + " and are not stored twice.")
final class ResetCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Parameters(
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      completionCandidates = Names.Jobs.class,
      description = "The job, such as payouts.")
  private String name;

  @Option(names = "--yes", description = "Do not ask for confirmation.")
  private boolean yes;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    Job job = Job.read(Common.home(), name);
    List<Job> parts = job.parts(Common.home(), "auto");
    // includes the jobs that run under its name, and the last window of time
    List<LedgerPlace> files =
        parts.stream()
            .flatMap(
                part ->
                    Stream.of(
                        LedgerPlace.of(settings, part.getName()),
                        LedgerPlace.window(settings, part.getName())))
            .filter(LedgerPlace::exists)
            .toList();
    if (files.isEmpty()) {
      throw new UserError(
          "no ledger of "
              + job.getName()
              + " in "
              + LedgerPlace.ofAll(settings)
              + ": there is nothing to reset");
    }
    SharedLedgers cluster = SharedLedgers.of(settings);
    if (cluster != null && cluster.members().stream().anyMatch(SharedLedgers.MemberInfo::alive)) {
      throw new UserError(
          "members work on the ledgers at "
              + cluster.where()
              + ": stop them first; `backfill status` shows them");
    }
    List<String> sources =
        parts.stream()
            .flatMap(
                part ->
                    Stream.concat(Stream.of(part.getSource()), part.getOthers().keySet().stream()))
            .distinct()
            .toList();
    try (SourceLocks locks = new SourceLocks(settings, sources, "reset " + job.getName())) {
      if (!yes) {
        System.err.print(
            "Reset the progress in "
                + String.join(
                    " and ", files.stream().map(file -> file + " (" + what(file) + ")").toList())
                + "? A copy is kept. [y/N] ");
        if (System.console() == null) {
          System.err.println();
        }
        System.err.flush();
        Scanner answer = new Scanner(System.in);
        if (!answer.hasNextLine()
            || !answer.nextLine().strip().toLowerCase(java.util.Locale.ROOT).startsWith("y")) {
          System.err.println("Nothing was changed.");
          return ExitCode.ERROR.code();
        }
      }
      files.forEach(
          file ->
              System.out.println(
                  job.getName() + " starts over; its ledger was moved to " + file.setAside()));
    }
    return 0;
  }

  private static String what(LedgerPlace file) {
    try (Ledger ledger = Ledger.open(file)) {
      return Messages.count(ledger.size(Share.WHOLE), "id");
    } catch (UserError damaged) {
      return "damaged";
    }
  }
}
