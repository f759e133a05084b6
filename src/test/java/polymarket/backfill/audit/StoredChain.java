package polymarket.backfill.audit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.sandbox.Sandbox;
import polymarket.backfill.sandbox.SandboxOptions;

/** The sandbox's whole chain in the real tables, as the job chain leaves it. */
final class StoredChain {

  /** The first block of all contracts. */
  static final long FIRST = 4_023_686;

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ClickHouse CLICKHOUSE = TestBed.clickHouse();

  /** Logs as a node gives them, by block and index. */
  private final Map<String, JsonNode> logs = new LinkedHashMap<>();

  private final Sandbox sandbox;
  private int inserts;

  private StoredChain(Sandbox sandbox) {
    this.sandbox = sandbox;
  }

  /** Starts a sandbox, empties the engine and stores all its logs. */
  static StoredChain of(int conditions) throws IOException {
    return of(new SandboxOptions().conditions(conditions));
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
    chain.read();
    chain.insert(chain.logs.keySet());
    chain.claim(FIRST, chain.sandbox.head());
    return chain;
  }

  Sandbox sandbox() {
    return sandbox;
  }

  private void read() throws IOException {
    for (String line :
        sandbox
            .truth()
            .lines("logs?address=all&from=" + sandbox.firstBlock() + "&to=" + sandbox.head(), "")) {
      JsonNode log = JSON.readTree(line);
      logs.put(
          Long.decode(log.get("blockNumber").asText())
              + ":"
              + Long.decode(log.get("logIndex").asText()),
          log);
    }
  }

  /**
   * Stores logs, also such as are there already.
   *
   * @param keys their blocks and indexes
   */
  void insert(Collection<String> keys) {
    StringBuilder lines = new StringBuilder();
    keys.forEach(key -> lines.append(logs.get(key)).append('\n'));
    CLICKHOUSE.insert(
        "default.chain_from_polygon",
        lines.toString().getBytes(StandardCharsets.UTF_8),
        "t" + inserts++);
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
