package polymarket.backfill.cli;

import polymarket.backfill.job.JobRun;
import polymarket.backfill.job.Messages;
import sun.misc.Signal;

/** Ctrl-C and SIGTERM: once ends a run when what is in flight is stored, twice at once. */
final class Signals {

    private Signals() {
    }

    static void handle(JobRun run, Messages messages) {
        int[] times = {0};
        for (String name : new String[] {"INT", "TERM"}) {
            Signal.handle(new Signal(name), signal -> {
                if (++times[0] == 1) {
                    messages.info("stopping: what is in flight is finished and marked; once more stops at once");
                    run.stop(130, "interrupted; the same command goes on where it was");
                } else {
                    messages.info("stopped at once; what was not marked is fetched again by the same command");
                    Runtime.getRuntime().halt(130);
                }
            });
        }
    }
}
