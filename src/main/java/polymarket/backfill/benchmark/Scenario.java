package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.LongFunction;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What the benchmark has to know of a job: everything in which one job differs from another.
 *
 * @param job as in routes/jobs
 * @param unit what it is given or lists, in the plural
 * @param ids how many there are in a full run
 * @param scale of the limit and the pace unless another is asked for: 1 where a full run takes a
 *     few minutes
 * @param maker writes the list for {@code --ids}; null for a job that makes its ids itself
 * @param sandbox options of `backfill sandbox` for so many ids, such as --conditions
 * @param urls settings with a URL, each with the sandbox's name of that source
 * @param settings further settings of the run
 * @param limit the sandbox's name of the limit that holds for the job
 * @param truth asks the sandbox how many rows of each kind there have to be
 * @param stored for each kind, the query that counts them
 * @param diskBytes of an id, in its list, the ledger and ClickHouse together, at the most
 */
public record Scenario(
    String job,
    String unit,
    long ids,
    double scale,
    Maker maker,
    LongFunction<List<String>> sandbox,
    Map<String, String> urls,
    Map<String, String> settings,
    String limit,
    Truth truth,
    Map<String, String> stored,
    long diskBytes) {

  /** Writes a list of this many ids. */
  public interface Maker {

    /**
     * @param sandbox its base URL
     */
    void write(String sandbox, Path file, long count) throws IOException, InterruptedException;
  }

  /** Gives how many rows of each kind the sandbox's answers come to. */
  public interface Truth {

    /**
     * @param sandbox its base URL
     * @param ids the list that was asked for
     */
    Map<String, Long> count(String sandbox, Path ids) throws IOException, InterruptedException;
  }

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient CLIENT =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  /** Ids in one question to the sandbox's truth. */
  private static final int TRUTH_BATCH = 20_000;

  /**
   * Of the sandbox's markets, how many have two outcomes and ended before the subgraphs stopped,
   * with a margin.
   */
  private static final double ENDED = 0.8;

  /** The moment at which the public subgraphs stopped. */
  private static final long STOPPED = Instant.parse("2026-04-28T00:00:00Z").getEpochSecond();

  private static final List<Scenario> ALL =
      List.of(
          new Scenario(
              "payouts",
              "condition ids",
              170_448,
              1,
              (sandbox, file, count) -> randomConditionIds(file, count),
              count -> List.of("--conditions", "1000"),
              Map.of("goldsky.positions.url", "goldsky-positions"),
              Map.of(),
              "goldsky",
              (sandbox, ids) -> states(sandbox + "/_sandbox/truth/payouts", ids),
              Map.of(
                  "found",
                  "SELECT count() FROM default.resolutions_external_ingest",
                  "rejected",
                  "SELECT count() FROM default.payouts_rejected"),
              600),
          new Scenario(
              "markets",
              "markets",
              150_000,
              1,
              null,
              Scenario::conditions,
              Map.of("gamma.url", "gamma"),
              Map.of(),
              "gamma /markets",
              (sandbox, ids) ->
                  kinds(
                      sandbox + "/_sandbox/truth/markets",
                      null,
                      row ->
                          row.path("conditionId").asText().length() == 66 ? "markets" : "rejected"),
              Map.of(
                  "markets",
                  "SELECT count() FROM default.api_markets_staging",
                  "rejected",
                  "SELECT count() FROM default.markets_rejected"),
              8_000),
          new Scenario(
              "wallets",
              "wallets",
              50_000,
              10,
              (sandbox, file, count) ->
                  write(
                      file,
                      count,
                      sandbox + "/_sandbox/truth/wallets",
                      row -> row.path("wallet").asText()),
              count -> List.of("--wallets", String.valueOf(count)),
              Map.of("data-api.url", "data-api"),
              Map.of(),
              "data-api v2 positions",
              (sandbox, ids) ->
                  kinds(
                      sandbox + "/_sandbox/truth/positions",
                      ids,
                      row -> row.path("status").asText().equals("OPEN") ? "positions" : "closed"),
              Map.of("positions", "SELECT count() FROM default.api_positions_staging"),
              20_000),
          new Scenario(
              "fills",
              "markets",
              31_248,
              4,
              ofConditions(
                  row ->
                      row.path("closed").asBoolean()
                          && row.path("closes").asLong() < STOPPED
                          && row.path("outcomes").asInt() == 2),
              count ->
                  Stream.concat(
                          conditions(Math.round(count / ENDED)).stream(),
                          Stream.of("--fills-per-market", "64", "--largest-market", "20000"))
                      .toList(),
              Map.of("goldsky.orderbook.url", "goldsky-orderbook"),
              Map.of("fills.source", "goldsky"),
              "goldsky",
              (sandbox, ids) ->
                  kinds(
                      sandbox + "/_sandbox/truth/fills",
                      ids,
                      row -> row.path("on_goldsky").asBoolean() ? "fills" : "later"),
              Map.of("fills", "SELECT count() FROM default.clob_fills"),
              60_000),
          new Scenario(
              "trades",
              "markets",
              7_301,
              1,
              ofConditions(row -> true),
              Scenario::conditions,
              Map.of("data-api.url", "data-api"),
              Map.of(),
              "data-api v2 trades",
              (sandbox, ids) -> kinds(sandbox + "/_sandbox/truth/fills", ids, row -> "fills"),
              Map.of("fills", "SELECT count() FROM default.clob_fills"),
              60_000),
          new Scenario(
              "resolutions",
              "condition ids",
              25_740,
              1,
              ofConditions(row -> true),
              Scenario::conditions,
              Map.of("data-api.url", "data-api"),
              Map.of(),
              "data-api v2",
              (sandbox, ids) -> states(sandbox + "/_sandbox/truth/payouts?source=data-api", ids),
              Map.of("found", "SELECT count() FROM default.resolutions_external_ingest"),
              2_000),
          new Scenario(
              "clob-markets",
              "markets",
              150_000,
              1,
              null,
              Scenario::conditions,
              Map.of("clob.url", "clob"),
              Map.of(),
              "clob",
              (sandbox, ids) ->
                  kinds(
                      sandbox + "/_sandbox/truth/conditions",
                      null,
                      row -> row.path("on_clob").asBoolean() ? "markets" : "others"),
              Map.of("markets", "SELECT count() FROM default.clob_market_mapping FINAL"),
              8_000),
          new Scenario(
              "goldsky-markets",
              "markets",
              20_000,
              1,
              null,
              Scenario::conditions,
              Map.of("goldsky.positions.url", "goldsky-positions"),
              Map.of(),
              "goldsky",
              (sandbox, ids) -> Map.of("token ids", goldskyTokens(sandbox)),
              Map.of("token ids", "SELECT count() FROM default.goldsky_market_mapping"),
              8_000));

  /** All jobs that have a benchmark against the sandbox. */
  public static List<Scenario> all() {
    return ALL;
  }

  /** The sandbox's options for so many conditions; it makes at least four. */
  private static List<String> conditions(long count) {
    return List.of("--conditions", String.valueOf(Math.max(4, count)));
  }

  /** Lists the ids of those of the sandbox's conditions that are wanted. */
  private static Maker ofConditions(Predicate<JsonNode> wanted) {
    return (sandbox, file, count) ->
        write(
            file,
            count,
            sandbox + "/_sandbox/truth/conditions",
            row -> wanted.test(row) ? row.path("condition_id").asText() : null);
  }

  /** How many token ids the positions subgraph has. */
  private static long goldskyTokens(String sandbox) throws IOException, InterruptedException {
    long[] tokens = {0};
    rows(
        sandbox + "/_sandbox/truth/conditions",
        "",
        row -> tokens[0] += row.path("on_goldsky").asBoolean() ? row.path("outcomes").asInt() : 0);
    return tokens[0];
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

  /**
   * Writes the first ids that a truth of the sandbox gives.
   *
   * @param id of a row; null where the row is none
   * @throws BenchmarkException where there are fewer
   */
  private static void write(Path file, long count, String url, Function<JsonNode, String> id)
      throws IOException, InterruptedException {
    long[] written = {0};
    try (BufferedWriter out = Files.newBufferedWriter(file, StandardCharsets.US_ASCII)) {
      rows(
          url,
          "",
          row -> {
            String text = written[0] < count ? id.apply(row) : null;
            if (text != null) {
              out.write(text);
              out.write('\n');
              written[0]++;
            }
          });
    }
    if (written[0] < count) {
      Files.delete(file);
      throw new BenchmarkException(
          "the sandbox made " + written[0] + " ids of the " + count + " that the benchmark wants");
    }
  }

  /** Counts a truth's rows by what each is; an id may have many of them. */
  private static Map<String, Long> kinds(String url, Path ids, Function<JsonNode, String> kind)
      throws IOException, InterruptedException {
    Map<String, Long> counts = new LinkedHashMap<>();
    Rows count = row -> counts.merge(kind.apply(row), 1L, Long::sum);
    if (ids == null) {
      rows(url, "", count);
    } else {
      pieces(ids, piece -> rows(url, piece, count));
    }
    return counts;
  }

  /**
   * Sends the list to a truth of the sandbox piece by piece, and counts the states that it gives.
   */
  private static Map<String, Long> states(String url, Path ids)
      throws IOException, InterruptedException {
    Map<String, Long> counts = new LinkedHashMap<>();
    pieces(
        ids,
        piece -> rows(url, piece, row -> counts.merge(row.path("state").asText(), 1L, Long::sum)));
    return counts;
  }

  private interface Rows {
    void take(JsonNode row) throws IOException;
  }

  private interface Pieces {
    void take(String ids) throws IOException, InterruptedException;
  }

  private static void pieces(Path ids, Pieces pieces) throws IOException, InterruptedException {
    try (BufferedReader lines = Files.newBufferedReader(ids, StandardCharsets.US_ASCII)) {
      List<String> some = new ArrayList<>(TRUTH_BATCH);
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        some.add(line);
        if (some.size() == TRUTH_BATCH) {
          pieces.take(String.join("\n", some));
          some.clear();
        }
      }
      if (!some.isEmpty()) {
        pieces.take(String.join("\n", some));
      }
    }
  }

  private static void rows(String url, String body, Rows rows)
      throws IOException, InterruptedException {
    var answer =
        CLIENT.send(
            HttpRequest.newBuilder(URI.create(url))
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build(),
            HttpResponse.BodyHandlers.ofInputStream());
    try (MappingIterator<JsonNode> all = JSON.readerFor(JsonNode.class).readValues(answer.body())) {
      while (all.hasNext()) {
        rows.take(all.next());
      }
    }
  }
}
