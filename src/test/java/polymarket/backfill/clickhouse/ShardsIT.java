package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.audit.Positions;
import polymarket.backfill.enrich.Enrich;
import polymarket.backfill.enrich.Reconcile;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.sandbox.SandboxOptions;

/** Jobs on a cluster with two shards, which one engine plays; see ShardEngine. */
class ShardsIT {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Blocks around the end of V1, which have logs of every kind but V3. */
  private static final long FREEZE = 86_126_998L;

  private static final Map<String, String> KEYS =
      Map.of(
          "default.chain_fills_shard",
          "block_number",
          "default.chain_transfers_shard",
          "block_number",
          "default.clob_fills_shard",
          "condition_id");

  private static TestBed bed() {
    TestBed bed =
        TestBed.start(
            new SandboxOptions().conditions(600).wallets(100).limits(0).blockSeconds(1000));
    bed.sandbox().settings().forEach(bed::set);
    return bed.set("chain.span", 500).set("chain.sources", "sqd");
  }

  private static List<String> ranges(long first, long last) {
    List<String> ids = new ArrayList<>();
    Ranges.cut(first, last, 500, id -> ids.add(id + "/conditions+transfers+fills+amm+lifecycle"));
    return ids;
  }

  private static void run(TestBed bed, String job, List<String> ids) {
    JobRun.Result result = bed.run(job, Share.WHOLE, ids);
    assertEquals(0, result.exitCode(), () -> job + ": " + result + "\n" + bed.messages());
  }

  /** Runs the jobs whose tables are spread, maps what they stored, and makes all views. */
  private static void runAll(TestBed bed) throws IOException {
    run(bed, "chain", ranges(FREEZE - 500, FREEZE + 500));
    run(bed, "fills", bed.ids(120).subList(0, 70));
    run(bed, "trades", bed.ids(120).subList(50, 120));
    try (ClickHouse clickHouse = ClickHouse.open(bed.settings())) {
      Reconcile.createTables(clickHouse);
      new Reconcile(clickHouse, bed.settings(), new SaidMessages(said -> {})).run();
      Views.refresh(clickHouse, bed.settings(), Job.names(bed.home()));
    }
  }

  /** What is in all tables with batches, and in the views of them: rows, and a sum of hashes. */
  private static Map<String, String> contents(ClickHouse clickHouse) {
    Map<String, String> contents = new TreeMap<>();
    for (Map<String, Object> table :
        clickHouse.rows(
            "SELECT concat(database, '.', name) AS full, engine FROM system.tables WHERE database"
                + " IN ('default', 'cascadian_clean') AND engine NOT IN ('Null',"
                + " 'MaterializedView', 'Dictionary') AND NOT endsWith(name, '_shard') AND name NOT"
                + " LIKE 'backfill_%' AND name NOT IN ('fills_checked', 'chain_ranges')",
            Map.of())) {
      String name = String.valueOf(table.get("full"));
      List<Columns.Column> columns = Columns.of(clickHouse, name).all();
      String compared =
          String.join(
              ", ",
              columns.stream()
                  .filter(
                      column ->
                          !column.name().matches("batch|.*_at|opened|closed|ended|old|kind_of_age")
                              && !column.kind().equals("ALIAS"))
                  .map(column -> "toString(" + Quoted.name(column.name()) + ")")
                  .toList());
      String from =
          name
              + (String.valueOf(table.get("engine")).matches(".*View|MergeTree|Memory")
                  ? ""
                  : " FINAL");
      try {
        contents.put(
            name,
            clickHouse
                .rows(
                    "SELECT count() AS n, toString(sum(cityHash64("
                        + compared
                        + "))) AS sum FROM "
                        + from,
                    Map.of())
                .toString());
      } catch (UserError e) {
        contents.put(name, e.getMessage().replaceAll("http\\S+|:\\d+", ""));
      }
    }
    return contents;
  }

  private static Map<String, JsonNode> verified(TestBed bed) throws IOException {
    Map<String, JsonNode> verified = new TreeMap<>();
    for (String job : List.of("chain", "fills")) {
      Program.Result result = Program.run(bed, "verify", job, "--json");
      ObjectNode found = (ObjectNode) JSON.readTree(result.out());
      // parts, and times since rows were stored
      ((ObjectNode) found.get("checks")).remove("bytes a row on disk");
      verified.put(job, found);
    }
    return verified;
  }

  @Test
  void jobsOnShards_makeTheTablesAndViewsOfOneServer_andEachRowIsOnOneShard() throws IOException {
    try (ShardFront front = new ShardFront(KEYS);
        TestBed bed = bed()) {
      runAll(bed);
      Map<String, String> expected = contents(TestBed.clickHouse());
      Map<String, JsonNode> checks = verified(bed);
      front.settings().forEach(bed::set);
      bed.set("runtime.dir", bed.home().resolve("runtime-shards"));
      runAll(bed);
      try (ClickHouse clickHouse = ClickHouse.open(bed.settings())) {
        Map<String, String> found = contents(clickHouse);
        for (String table : KEYS.keySet()) {
          assertOnOneShardEach(clickHouse, table.replace("_shard", ""), KEYS.get(table));
          assertTrue(
              !expected.get(table.replace("_shard", "")).contains("{n=0,"), expected.toString());
        }
        // one line a table
        assertEquals(
            expected.toString().replace("], ", "],\n"), found.toString().replace("], ", "],\n"));
      }
      for (String sql : front.statements) {
        if (sql.contains(" ON CLUSTER `two`")) {
          TestBed.clickHouse().value("SELECT formatQuery(" + Quoted.text(sql) + ")");
        }
      }
      verified(bed).forEach((job, check) -> assertEquals(checks.get(job), check, job));
      assertEquals(List.of(), front.failures);
    }
  }

  @Test
  void theBenchmark_findsEachRowOnOneShard_andTheOthersOnBoth() throws IOException {
    try (ShardFront front = new ShardFront(Map.of("backfill_benchmark.spread_shard", "id"));
        TestBed bed = TestBed.start(new SandboxOptions().conditions(10).limits(0))) {
      front.settings().forEach(bed::set);
      Program.Result result = Program.run(bed, "benchmark", "cluster", "--ids", "3500");
      assertEquals(0, result.exitCode(), result.out() + result.err() + front.failures);
      assertTrue(result.out().contains("server-1               3,500 rows"), result.out());
      assertTrue(
          result.out().matches("(?s).*server-2 +1,[0-9]{3} rows of its shard.*"), result.out());
      assertEquals(List.of(), front.failures);
    }
  }

  /** Both shards have rows of a table, and together all of them once. */
  private static void assertOnOneShardEach(ClickHouse clickHouse, String table, String key) {
    List<Map<String, Object>> shards =
        clickHouse.rows(
            "SELECT shardNum() AS shard, count() AS n, uniqExact(cityHash64("
                + key
                + ") % 2) AS hashes FROM "
                + table
                + " GROUP BY shard ORDER BY shard",
            Map.of());
    assertEquals(2, shards.size(), table + shards);
    long rows = 0;
    for (Map<String, Object> shard : shards) {
      assertEquals(1, ((Number) shard.get("hashes")).intValue(), table + shards);
      rows += ((Number) shard.get("n")).longValue();
    }
    assertEquals(clickHouse.number("SELECT count() FROM " + table + "_shard"), rows, table);
  }

  @Test
  void aRedo_deletesOnTheShards_andWhatNeedsOneShardIsRefused() throws IOException {
    try (ShardFront front = new ShardFront(KEYS);
        TestBed bed = bed().job("chain")) {
      front.settings().forEach(bed::set);
      run(bed, "chain", ranges(FREEZE - 500, FREEZE + 500));
      try (ClickHouse clickHouse = ClickHouse.open(bed.settings())) {
        String count = "SELECT count() FROM default.chain_fills";
        long fills = clickHouse.number(count);
        assertTrue(fills > 10, fills + " fills");
        clickHouse.execute(
            "INSERT INTO default.chain_fills SELECT * REPLACE (log_index + 100000 AS log_index)"
                + " FROM default.chain_fills LIMIT 3");
        assertEquals(fills + 3, clickHouse.number(count));
        try (Ledger ledger = bed.ledger()) {
          ledger.redo(List.of(State.FOUND), null);
        }
        run(bed, "chain", List.of());
        assertEquals(List.of(), front.failures);
        assertEquals(fills, clickHouse.number(count));
        assertTrue(
            front.statements.stream()
                .anyMatch(
                    sql ->
                        sql.contains(
                            "DELETE FROM default.chain_fills_shard ON CLUSTER `two` WHERE")),
            "a deletion on the shards");
        SaidMessages silent = new SaidMessages(said -> {});
        for (String refused :
            List.of(
                assertThrows(
                        UserError.class,
                        () -> new Enrich(clickHouse, bed.settings(), silent, said -> {}))
                    .getMessage(),
                assertThrows(
                        UserError.class,
                        () -> new Positions(clickHouse, bed.settings(), silent, said -> {}))
                    .getMessage())) {
          assertTrue(
              refused.contains(": cluster 'two' of clickhouse.cluster has 2 shards, and "),
              refused);
        }
      }
      Program.Result audit = Program.run(bed, "audit");
      assertEquals(1, audit.exitCode(), audit.out() + audit.err());
      assertTrue(audit.err().contains("audit needs all rows on one"), audit.err());
      bed.set("clickhouse.stored-on", "all");
      String any =
          assertThrows(UserError.class, () -> ClickHouse.open(bed.settings())).getMessage();
      assertTrue(any.contains("set clickhouse.stored-on to one, and clickhouse.url to one"), any);
    }
  }
}
