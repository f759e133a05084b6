package polymarket.backfill.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.EmbeddedClickHouse;
import polymarket.backfill.sandbox.Sandbox;
import polymarket.backfill.sandbox.SandboxOptions;

/** Shows the whole way on one's own machine: the commands that a person would type, against the sandbox. */
@Command(name = "demo", mixinStandardHelpOptions = true,
        description = "Run everything once on this machine: a stand-in for the APIs, the embedded ClickHouse, real condition ids. No internet, no keys.")
final class DemoCommand implements Callable<Integer> {

    private static final String MARKER = ".backfill-demo";

    @Option(names = "--folder", paramLabel = "FOLDER", description = "Where the demo keeps its data; made anew each time (default: demo in the project).")
    private Path folder;

    @Override
    public Integer call() throws IOException {
        Path demo = folder == null ? Common.home().resolve("demo") : folder.toAbsolutePath();
        clear(demo);
        Files.createDirectories(demo);
        Files.createFile(demo.resolve(MARKER));
        Path ids = demo.resolve("condition-ids.txt.gz");
        try (InputStream shipped = DemoCommand.class.getResourceAsStream("/demo/condition-ids.txt.gz")) {
            Files.copy(shipped, ids);
        }
        // one engine for all the commands below; each would start its own otherwise
        try (EmbeddedClickHouse engine = EmbeddedClickHouse.attach(demo.resolve("data"), 0);
                Sandbox sandbox = Sandbox.start(new SandboxOptions())) {
            System.out.println("A stand-in for the public APIs runs at " + sandbox.url() + ", with their limits.");
            List<String> set = new ArrayList<>();
            setting(set, "runtime.dir", demo.resolve("runtime").toString());
            setting(set, "clickhouse.url", "");
            setting(set, "clickhouse.data", demo.resolve("data").toString());
            setting(set, "clickhouse.port", "0");
            List<String> sources = new ArrayList<>(set);
            sandbox.urls().forEach((name, url) -> setting(sources, name.equals("polygon") ? "polygon.rpc.url"
                    : name.replace("goldsky-", "goldsky.") + ".url", url));
            int run = step(sources, "run", "payouts", "--ids", ids.toString(), "--batch-size", "500");
            if (run != 0 && run != 2) {
                return run;
            }
            int verified = step(set, "verify", "payouts", "--min-found", "6000", "--max-failed", "1%", "--max-duplicates", "0");
            step(set, "sql", "SELECT condition_id, payout_numerators, payout_denominator, winning_index FROM cascadian_clean.vw_resolutions_truth"
                    + " ORDER BY winning_index, condition_id LIMIT 8 FORMAT PrettyCompact");
            System.out.println("\nThe data stays in " + demo + ". Look around with");
            System.out.println("  ./backfill sql 'SELECT count() FROM cascadian_clean.vw_resolutions_truth' --set clickhouse.data=" + demo.resolve("data"));
            System.out.println("  ./backfill ledger payouts --state failed --set runtime.dir=" + demo.resolve("runtime"));
            return verified;
        }
    }

    /** Removes an earlier demo, and nothing else. */
    private static void clear(Path demo) throws IOException {
        if (!Files.exists(demo)) {
            return;
        }
        if (!Files.exists(demo.resolve(MARKER))) {
            throw new UserError(demo + " is not a folder that a demo made; remove it or choose another with --folder");
        }
        try (Stream<Path> files = Files.walk(demo)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static void setting(List<String> to, String key, String value) {
        to.add("--set");
        to.add(key + "=" + value);
    }

    private static int step(List<String> settings, String... words) {
        System.out.println("\n$ ./backfill " + String.join(" ", Stream.of(words).map(word -> word.contains(" ") ? "'" + word + "'" : word).toList()));
        List<String> all = new ArrayList<>(List.of(words));
        all.addAll(settings);
        return Backfill.execute(all.toArray(String[]::new));
    }
}
