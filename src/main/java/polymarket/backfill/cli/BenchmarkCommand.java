package polymarket.backfill.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

@Command(name = "benchmark")
final class BenchmarkCommand implements Callable<Integer> {
    @Override
    public Integer call() {
        return 1;
    }
}
