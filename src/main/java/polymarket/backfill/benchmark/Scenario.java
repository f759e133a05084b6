package polymarket.backfill.benchmark;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import polymarket.backfill.Nearest;
import polymarket.backfill.UserError;

/**
 * What the benchmark has to know of a job: everything in which one job differs from another.
 *
 * @param job as in routes/jobs
 * @param unit what its ids are called, in the plural
 * @param ids how many there are in a full run
 * @param maker writes the list for {@code --ids}; null for a job that makes its ids itself
 * @param sandbox options of `backfill sandbox`, such as --conditions
 * @param urls settings with a URL, each with the sandbox's name of that source
 * @param limit the sandbox's name of the limit that holds for the job
 * @param truth asks the sandbox how many rows of each kind there have to be
 * @param stored for each kind, the query that counts them
 * @param diskBytes of an id, in its list, the ledger and ClickHouse together, at the most
 */
public record Scenario(String job, String unit, long ids, Maker maker, List<String> sandbox, Map<String, String> urls, String limit,
        Truth truth, Map<String, String> stored, long diskBytes) {

    /** Writes a list of so many ids. */
    public interface Maker {
        void write(Path file, long count) throws IOException;
    }

    /** Gives how many rows of each kind the sandbox's answers come to. */
    public interface Truth {

        /**
         * @param sandbox its base URL
         * @param ids the list that was asked for
         */
        Map<String, Long> count(String sandbox, Path ids) throws IOException, InterruptedException;
    }

    /** Ids in one question to the sandbox's truth. */
    private static final int TRUTH_BATCH = 20_000;

    private static final List<Scenario> ALL = List.of(
            new Scenario("payouts", "condition ids", 170_448, Scenario::randomConditionIds, List.of("--conditions", "1000"),
                    Map.of("goldsky.positions.url", "goldsky-positions"), "goldsky",
                    (sandbox, ids) -> states(sandbox + "/_sandbox/truth/payouts", ids),
                    Map.of("found", "SELECT count() FROM default.resolutions_external_ingest",
                            "rejected", "SELECT count() FROM default.payouts_rejected"),
                    600));

    /**
     * @throws UserError where the job has no benchmark
     */
    public static Scenario of(String job) {
        return ALL.stream().filter(scenario -> scenario.job().equals(job)).findFirst().orElseThrow(() -> new UserError(
                "no benchmark of '" + job + "'." + Nearest.hint(job, names()) + " There are: " + String.join(", ", names())));
    }

    /** The jobs that have a benchmark. */
    public static List<String> names() {
        return ALL.stream().map(Scenario::job).toList();
    }

    private static void randomConditionIds(Path file, long count) throws IOException {
        SplittableRandom random = new SplittableRandom(170_448);
        try (BufferedWriter out = Files.newBufferedWriter(file, StandardCharsets.US_ASCII)) {
            for (long i = 0; i < count; i++) {
                for (int word = 0; word < 4; word++) {
                    String digits = Long.toHexString(random.nextLong());
                    out.write("0".repeat(16 - digits.length()));
                    out.write(digits);
                }
                out.write('\n');
            }
        }
    }

    /** Sends the list to a truth of the sandbox piece by piece, and counts the states that it gives. */
    private static Map<String, Long> states(String url, Path ids) throws IOException, InterruptedException {
        Map<String, Long> counts = new LinkedHashMap<>();
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        try (BufferedReader lines = Files.newBufferedReader(ids, StandardCharsets.US_ASCII)) {
            List<String> some = new ArrayList<>(TRUTH_BATCH);
            String line;
            do {
                line = lines.readLine();
                if (line != null) {
                    some.add(line);
                }
                if (some.size() == TRUTH_BATCH || line == null && !some.isEmpty()) {
                    var answer = client.send(HttpRequest.newBuilder(URI.create(url))
                            .POST(HttpRequest.BodyPublishers.ofString(String.join("\n", some))).build(), HttpResponse.BodyHandlers.ofInputStream());
                    try (BufferedReader truths = new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8))) {
                        truths.lines().forEach(truth -> {
                            int at = truth.indexOf("\"state\":\"") + 9;
                            counts.merge(truth.substring(at, truth.indexOf('"', at)), 1L, Long::sum);
                        });
                    }
                    some.clear();
                }
            } while (line != null);
        }
        return counts;
    }
}
