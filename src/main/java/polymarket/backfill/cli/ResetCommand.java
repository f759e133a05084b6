package polymarket.backfill.cli;

import java.nio.file.Path;
import java.util.Scanner;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.JobRun;
import polymarket.backfill.job.Messages;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;

/** Starts a job afresh. */
@Command(name = "reset", description = "Start a job afresh: its ledger is moved to a copy beside it. Rows in ClickHouse stay, and are not stored twice.")
final class ResetCommand implements Callable<Integer> {

    @Mixin
    private Common common;

    @Parameters(paramLabel = "JOB", description = "The job, such as payouts.")
    private String name;

    @Option(names = "--yes", description = "Do not ask.")
    private boolean yes;

    @Override
    public Integer call() {
        Settings settings = common.settings();
        Job job = Job.read(Common.home(), name);
        Path file = JobRun.ledgerFile(settings, job.getName());
        if (!Ledger.exists(file)) {
            throw new UserError("no ledger of " + job.getName() + " in " + settings.path("runtime.dir") + ": there is nothing to reset");
        }
        try (ShareLock lock = ShareLock.take(settings.path("runtime.dir").resolve(job.getSource() + ".lock"), Share.WHOLE,
                job.getSource(), "reset " + job.getName())) {
            String what;
            try (Ledger ledger = Ledger.open(file)) {
                what = Messages.count(ledger.size(Share.WHOLE)) + " ids";
            } catch (UserError damaged) {
                what = "damaged";
            }
            if (!yes) {
                System.err.print("Forget what is done in " + file + " (" + what + ")? A copy is kept. [y/N] ");
                Scanner answer = new Scanner(System.in);
                if (!answer.hasNextLine() || !answer.nextLine().strip().toLowerCase(java.util.Locale.ROOT).startsWith("y")) {
                    System.err.println("Nothing was changed.");
                    return 1;
                }
            }
            System.out.println(job.getName() + " starts afresh; its ledger was moved to " + Ledger.setAside(file));
        }
        return 0;
    }
}
