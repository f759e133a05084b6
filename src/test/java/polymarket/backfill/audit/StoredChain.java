package polymarket.backfill.audit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.run.AskedRoutes;
import polymarket.backfill.sandbox.Sandbox;
import polymarket.backfill.sandbox.SandboxOptions;

/** The sandbox's whole chain in the real tables, as the job chain leaves it. */
final class StoredChain {

  /** The first block of all contracts. */
  static final long FIRST = 4_023_686;

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ClickHouse CLICKHOUSE = TestBed.clickHouse();

  /** In how many parts the truth is read, so that little of it is in memory at once. */
  private static final int PARTS = 24;

  private final Sandbox sandbox;
  private int inserts;

  private StoredChain(Sandbox sandbox) {
    this.sandbox = sandbox;
  }

  /** Starts a sandbox, empties the engine and stores all its logs. */
  static StoredChain of(int conditions) throws IOException {
    return of(new SandboxOptions().conditions(conditions));
  }

  /** A small chain that has logs of each kind, also of the modules, whose markets are few. */
  static StoredChain withAllKinds() throws IOException {
    return of(new SandboxOptions().seed(8).conditions(Integer.getInteger("proof.conditions", 300)));
  }

  /** The same, with the sandbox's other sizes set here. */
  static StoredChain of(SandboxOptions options) throws IOException {
    TestBed.empty();
    Views.create(CLICKHOUSE, "audit");
    StoredChain chain =
        new StoredChain(
            Sandbox.start(
                options
                    .wallets(40)
                    .fillsPerMarket(8)
                    .largestMarketFills(200)
                    .blockSeconds(1000)
                    .limits(0)));
    // one insert, because many parts make the deletes of the tests slow
    StringBuilder logs = new StringBuilder();
    chain.read("logs?address=all", part -> part.forEach(log -> logs.append(log).append('\n')));
    chain.insert(logs.toString());
    chain.claim(FIRST, chain.sandbox.head());
    return chain;
  }

  Sandbox sandbox() {
    return sandbox;
  }

  /** The routes that ask the sandbox's node, with their files of locks in this folder. */
  AskedRoutes routes(Path folder) {
    Map<String, String> set = new TreeMap<>(sandbox.settings());
    set.put("chain.sources", "polygon");
    set.put("runtime.dir", folder.toString());
    return new AskedRoutes(
        Settings.load(TestBed.PROJECT, Map.of(), set),
        Job.read(TestBed.PROJECT, "chain"),
        List.of(),
        CLICKHOUSE,
        SaidMessages.SILENT);
  }

  /**
   * Reads a truth of the whole chain.
   *
   * @param name logs?address=all, or chain
   * @param lines receives its lines in the chain's order, a part of them at a time
   */
  private void read(String name, Consumer<List<String>> lines) {
    long first = sandbox.firstBlock();
    long width = (sandbox.head() - first) / PARTS + 1;
    for (long from = first; from <= sandbox.head(); from += width) {
      long to = Math.min(from + width - 1, sandbox.head());
      lines.accept(
          sandbox
              .truth()
              .lines(name + (name.contains("?") ? "&" : "?") + "from=" + from + "&to=" + to, ""));
    }
  }

  /** Hands out what each log means, a row at a time, in the chain's order. */
  void meanings(Consumer<JsonNode> rows) {
    read("chain", lines -> lines.forEach(line -> rows.accept(json(line))));
  }

  private static JsonNode json(String line) {
    try {
      return JSON.readTree(line);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Stores logs, also such as are there already.
   *
   * @param keys their blocks and indexes
   */
  void insert(Collection<String> keys) {
    Set<String> wanted = new HashSet<>(keys);
    List<String> found = new ArrayList<>();
    for (String block : wanted.stream().map(key -> key.split(":")[0]).distinct().toList()) {
      sandbox.truth().lines("logs?address=all&from=" + block + "&to=" + block, "").stream()
          .filter(line -> wanted.contains(key(json(line))))
          .forEach(found::add);
    }
    if (found.size() != wanted.size()) {
      throw new IllegalArgumentException(
          wanted.size() + " logs wanted, " + found.size() + " there");
    }
    insert(String.join("\n", found));
  }

  private static String key(JsonNode log) {
    return Long.decode(log.get("blockNumber").asText())
        + ":"
        + Long.decode(log.get("logIndex").asText());
  }

  /**
   * Takes a log out of the tables.
   *
   * @param key its block and index
   */
  static void drop(String key) {
    String[] at = key.split(":");
    for (String table :
        List.of(
            "chain_fills",
            "chain_transfers",
            "chain_lifecycle",
            "chain_amm_trades",
            "rpc_conditions",
            "rpc_resolutions")) {
      CLICKHOUSE.execute(
          "DELETE FROM default."
              + table
              + " WHERE block_number = "
              + at[0]
              + " AND log_index = "
              + at[1]);
    }
  }

  private void insert(String logs) {
    CLICKHOUSE.insert(
        "default.chain_from_polygon", logs.getBytes(StandardCharsets.UTF_8), "t" + inserts++);
  }

  /** Notes blocks as asked for, with the logs that are there, as the job does. */
  void claim(long first, long last) {
    CLICKHOUSE.execute("TRUNCATE TABLE default.chain_ranges");
    CLICKHOUSE.execute(
        "INSERT INTO default.chain_ranges (dataset, first, last, source, logs, last_hash, batch,"
            + " fetched_at) SELECT dataset, "
            + first
            + ", "
            + last
            + ", 'rpc', sum(n), '', 'b1', now64(3) FROM (SELECT arrayJoin(['conditions',"
            + " 'transfers', 'fills', 'amm', 'lifecycle']) AS dataset, 0 AS n UNION ALL SELECT"
            + " 'transfers', countIf(batch_index = 0) FROM default.chain_transfers FINAL UNION ALL"
            + " SELECT 'fills', count() FROM default.chain_fills FINAL UNION ALL SELECT 'amm',"
            + " count() FROM default.chain_amm_trades FINAL UNION ALL SELECT toString(dataset),"
            + " count() FROM default.chain_lifecycle FINAL GROUP BY dataset UNION ALL SELECT"
            + " toString(dataset), count() FROM default.chain_rejected FINAL WHERE dataset != ''"
            + " GROUP BY dataset) GROUP BY dataset");
  }
}
