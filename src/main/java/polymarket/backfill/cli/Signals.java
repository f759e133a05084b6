package polymarket.backfill.cli;

import polymarket.backfill.job.JobRun;
import polymarket.backfill.job.Messages;
import sun.misc.Signal;

/** Ctrl-C and SIGTERM: once ends a run when what is in flight is stored, twice at once. */
final class Signals {

    private Signals() {
    }

    static void handle(JobRun run, Messages messages) {
        handle(() -> run.stop(130, "interrupted; the same command goes on where it was"), messages);
    }

    /**
     * @param stop ends the work in good order, and returns at once
     */
    static void handle(Runnable stop, Messages messages) {
        int[] times = {0};
        for (String name : new String[] {"INT", "TERM"}) {
            Signal.handle(new Signal(name), signal -> {
                if (++times[0] == 1) {
                    messages.info("stopping: what is in flight is finished and marked; once more stops at once");
                    stop.run();
                } else {
                    messages.info("stopped at once; what was not marked is done again by the same command");
                    Runtime.getRuntime().halt(130);
                }
            });
        }
    }
}
