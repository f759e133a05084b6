package polymarket.backfill.audit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.run.AskedRoutes;
import polymarket.backfill.run.NodeCalls;
import polymarket.backfill.sandbox.Sandbox;

/**
 * The laws over the sandbox's whole chain, whose logs go through the real tables; and over the same
 * with logs taken out. A round takes one log out of each kind: -Dproof.rounds=100 makes 100 of
 * them.
 */
@Timeout(value = 3, unit = TimeUnit.HOURS)
class AuditIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int ROUNDS = Integer.getInteger("proof.rounds", 2);
  private static final ClickHouse CLICKHOUSE = TestBed.clickHouse();

  private static StoredChain stored;
  private static Sandbox sandbox;
  private static LogMeanings meanings;
  private static AskedRoutes routes;

  @TempDir static Path folder;

  @BeforeAll
  static void store() throws IOException {
    stored = StoredChain.withAllKinds();
    sandbox = stored.sandbox();
    meanings = new LogMeanings(stored);
    routes = stored.routes(folder);
  }

  @AfterAll
  static void stop() {
    routes.close();
    sandbox.close();
    // the test JVM keeps a class's static fields until its end
    sandbox = null;
    stored = null;
    meanings = null;
  }

  private static Audit.Result audit() {
    return audit(null, false);
  }

  private static Audit.Result audit(Node node, boolean opening) {
    return new Audit(
            CLICKHOUSE,
            Settings.load(TestBed.PROJECT, Map.of(), Map.of()),
            SaidMessages.SILENT,
            node,
            opening,
            null,
            line -> {})
        .run();
  }

  private static Node node() {
    return new Node(new NodeCalls(routes));
  }

  private static LawResult law(Audit.Result result, String name) {
    return result.laws().stream().filter(law -> law.law().equals(name)).findFirst().orElseThrow();
  }

  @Test
  void nothingMissing_allLawsHold() {
    Audit.Result result = audit(node(), false);
    for (LawResult law : result.laws()) {
      assertEquals("holds", law.state(), law.toString());
      assertTrue(law.checked() >= (law.law().equals("collateral") ? 2 : 5), law.toString());
    }
    assertTrue(result.commands().isEmpty());
  }

  @Test
  void aScanThatBeginsLater_orHasAGap_saysWhichLawsDoNotApply() {
    long middle = (sandbox.firstBlock() + sandbox.head()) / 2;
    try {
      stored.claim(middle, sandbox.head());
      assertNotChecked("its contracts begin at 4023686");
      claimToo(
          "['conditions', 'transfers', 'fills', 'amm', 'lifecycle']",
          StoredChain.FIRST,
          middle - 100);
      assertNotChecked("lacks the blocks " + (middle - 99) + " to " + (middle - 1));
    } finally {
      stored.claim(StoredChain.FIRST, sandbox.head());
    }
  }

  @Test
  void aScanThatBeginsLater_doesNotMissThePoolsThatWereCreatedBefore() {
    String trade =
        "SELECT max(block_number) FROM default.chain_amm_trades WHERE pool IN"
            + " (SELECT pool FROM default.audit_pools)";
    audit();
    long block = CLICKHOUSE.number(trade);
    String creation =
        (String)
            CLICKHOUSE.value(
                "SELECT concat(toString(block_number), ':', toString(log_index)) FROM"
                    + " default.chain_lifecycle WHERE kind = 'pool' AND block_number < "
                    + block
                    + " AND pool IN (SELECT pool FROM default.chain_amm_trades WHERE block_number ="
                    + " "
                    + block
                    + ")");
    StoredChain.drop(creation);
    try {
      stored.claim(block, sandbox.head());
      LawResult later = law(audit(), "pools");
      assertEquals(0, later.broken(), later.toString());
      assertTrue(later.where().contains("are left out"), later.where());
      stored.claim(StoredChain.FIRST, sandbox.head());
      LawResult whole = law(audit(), "pools");
      assertTrue(whole.broken() > 0, whole.toString());
    } finally {
      stored.insert(List.of(creation));
      stored.claim(StoredChain.FIRST, sandbox.head());
    }
  }

  @Test
  void withOpeningBalancesOfANode_aScanThatBeginsLaterOrHasAGapIsWhole_andMissesALog() {
    long middle = (sandbox.firstBlock() + sandbox.head()) / 2;
    long[] calls = {0};
    NodeCalls byRoutes = new NodeCalls(routes);
    Node counted =
        new Node(
            group -> {
              calls[0] += group.stream().filter(call -> call.data().startsWith("0x4e")).count();
              return byRoutes.call(group);
            });
    try {
      for (boolean gap : List.of(false, true)) {
        claimFrom(middle, gap);
        long before = calls[0];
        Audit.Result whole = audit(counted, true);
        for (String law : List.of("balances", "collateral", "settled")) {
          assertEquals("holds", law(whole, law).state(), law(whole, law).toString());
          assertTrue(law(whole, law).checked() > (law.equals("collateral") ? 1 : 10), law);
        }
        assertTrue(
            law(whole, "balances").where().contains("is a node's"), law(whole, "balances").where());
        assertTrue(calls[0] > before, "gap: " + gap);
      }
      long asked = calls[0];
      String key = transferThatIsSpentLater(middle);
      long block = Long.parseLong(key.split(":")[0]);
      StoredChain.drop(key);
      claimFrom(middle, true);
      LawResult missing = law(audit(counted, true), "balances");
      stored.insert(List.of(key));
      assertEquals(asked, calls[0], "opening balances are asked for once");
      assertTrue(missing.broken() > 0, missing.toString());
      for (Place place : missing.places()) {
        assertTrue(place.firstBlock() >= middle, missing.toString());
        assertTrue(names(place, block, "transfers plain"), key + " in " + missing);
      }
    } finally {
      stored.claim(StoredChain.FIRST, sandbox.head());
    }
  }

  /** Claims the blocks from one on; with a gap, and a part before it. */
  private static void claimFrom(long middle, boolean gap) {
    stored.claim(middle, sandbox.head());
    claimToo("['conditions']", StoredChain.FIRST, middle - 1);
    if (gap) {
      claimToo("['transfers', 'fills', 'amm', 'lifecycle']", middle - 20_000, middle - 10_000);
    }
  }

  private static void claimToo(String datasets, long first, long last) {
    CLICKHOUSE.execute(
        "INSERT INTO default.chain_ranges (dataset, first, last, source, logs, last_hash, batch,"
            + " fetched_at) SELECT arrayJoin("
            + datasets
            + "), "
            + first
            + ", "
            + last
            + ", 'rpc', 0, '', 'b2', now64(3)");
  }

  /** A transfer from wallet to wallet without whose tokens the receiver has too few later. */
  private static String transferThatIsSpentLater(long from) {
    return meanings.stored().get("transfers plain").stream()
        .filter(key -> Long.parseLong(key.split(":")[0]) > from)
        .filter(key -> meanings.isSeen("transfers plain", key))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aSplitOfWhichNothingIsStored_isMissedByItsCollateral_andByWhatWasPaid() throws IOException {
    audit();
    long block = 0;
    List<String> keys = new ArrayList<>();
    // one whose tokens stay where they are leaves no trace but the collateral
    for (Map<String, Object> split :
        CLICKHOUSE.rows(
            "SELECT block_number AS block, hex(transaction_hash) AS hash FROM"
                + " default.chain_lifecycle WHERE kind = 'split' AND notEmpty(numbers) AND"
                + " wallet NOT IN (SELECT address FROM default.audit_contracts) AND"
                + " condition_id IN (SELECT condition_id FROM default.chain_lifecycle WHERE"
                + " kind = 'resolution') AND condition_id NOT IN (SELECT condition_id FROM"
                + " default.audit_questions) ORDER BY block_number DESC",
            Map.of())) {
      block = ((Number) split.get("block")).longValue();
      keys.clear();
      CLICKHOUSE
          .rows(
              "SELECT DISTINCT concat(toString(block_number), ':', toString(log_index)) AS key FROM"
                  + " (SELECT block_number, log_index, transaction_hash FROM"
                  + " default.chain_transfers UNION ALL SELECT block_number, log_index,"
                  + " transaction_hash FROM default.chain_lifecycle) WHERE hex(transaction_hash) ="
                  + " '"
                  + split.get("hash")
                  + "'",
              Map.of())
          .forEach(row -> keys.add((String) row.get("key")));
      if (meanings.areSpent(Set.copyOf(keys))) {
        break;
      }
    }
    keys.forEach(StoredChain::drop);
    stored.claim(StoredChain.FIRST, sandbox.head());
    Audit.Result result = audit(node(), false);
    stored.insert(keys);
    stored.claim(StoredChain.FIRST, sandbox.head());
    assertEquals(new Blocks(block, block), law(result, "collateral").blocks());
    Blocks paid = law(result, "settled").blocks();
    assertTrue(paid.first() <= block, paid + " and not " + block);
    assertEquals(1, law(result, "settled").broken());
    for (String law : List.of("supply", "transactions", "matches", "ranges")) {
      assertEquals("holds", law(result, law).state(), law);
    }
  }

  @Test
  void aLawWithoutACase_hasNothingToCheck_andIsNotOneThatHolds() {
    try {
      stored.claim(sandbox.head(), sandbox.head());
      LawResult pools = law(audit(), "pools");
      assertEquals(LawResult.NOTHING, pools.state(), pools.toString());
      assertTrue(pools.where().startsWith("no trades of pools in the blocks"), pools.where());
      assertEquals(
          "nothing to check",
          CLICKHOUSE.value(
              "SELECT toString(argMax(state, time)) FROM default.audit_results WHERE law ="
                  + " 'pools'"));
    } finally {
      stored.claim(StoredChain.FIRST, sandbox.head());
    }
  }

  @Test
  void withoutANode_whatTheContractsHoldIsNotChecked() {
    LawResult law = law(audit(), "collateral");
    assertEquals("not checked", law.state());
    assertTrue(law.where().contains("--node"), law.where());
  }

  private static void assertNotChecked(String why) {
    Audit.Result result = audit();
    for (String law : List.of("balances", "conditions")) {
      assertEquals("not checked", law(result, law).state(), law(result, law).toString());
      assertTrue(law(result, law).where().contains(why), law(result, law).where());
    }
    for (String law : List.of("supply", "redemptions", "matches", "transactions", "pools")) {
      assertEquals("holds", law(result, law).state(), law(result, law).toString());
      assertTrue(law(result, law).checked() > 0, law);
    }
  }

  @Test
  void balances_areTheTruths() {
    Views.refresh(CLICKHOUSE, Settings.load(TestBed.PROJECT, Map.of(), Map.of()), List.of());
    Map<String, String> truth = new TreeMap<>();
    for (String line : sandbox.truth().lines("balances?block=" + sandbox.head(), "")) {
      JsonNode row = read(line);
      truth.put(
          row.get("token_id").asText() + " " + row.get("owner").asText(),
          row.get("amount").asText());
    }
    Map<String, String> stored = new TreeMap<>();
    CLICKHOUSE
        .rows("SELECT wallet, token_id, toString(amount) AS n FROM default.vw_balances", Map.of())
        .forEach(
            row ->
                stored.put(row.get("token_id") + " " + row.get("wallet"), (String) row.get("n")));
    assertTrue(truth.size() > 1000, "" + truth.size());
    assertEquals(truth, stored);
  }

  private static JsonNode read(String line) {
    try {
      return JSON.readTree(line);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** What kinds of logs no law can see; what the second source is for. */
  private static final Set<String> UNSEEN =
      Set.of("lifecycle TokenRegistered", "amm FixedProductMarketMakerCreation of other tokens");

  /** Laws see these only once the tokens are spent, somewhere before that. */
  private static final Set<String> WIDE =
      Set.of(
          "lifecycle ConditionPreparation",
          "lifecycle ConditionResolution",
          "lifecycle MarketPrepared",
          "amm FixedProductMarketMakerCreation",
          // of what is worth nothing: seen because a redemption leaves none
          "transfers burn",
          "lifecycle ConditionResolved",
          "transfers plain");

  /** What has to be among the kinds that are taken out: how their names begin. */
  private static final List<String> PROVED =
      List.of(
          "fills V1 maker",
          "fills V1 taker",
          "fills V1 alone",
          "fills V2 maker",
          "fills V2 taker",
          "fills V3 maker",
          "fills V3 taker",
          "transfers mint",
          "transfers burn",
          "transfers of a contract",
          "transfers plain",
          "lifecycle PositionSplit ",
          "lifecycle PositionsMerge ",
          "lifecycle PayoutRedemption ",
          "lifecycle PositionsSplit ",
          "lifecycle PositionsMerged ",
          "lifecycle PositionRedeemed ",
          "lifecycle PositionsConverted ",
          "amm FPMMBuy",
          "amm FPMMSell");

  @Test
  void aSingleDroppedLog_isNamedWhereALawCanSeeIt_andNoOtherBlockIs() {
    audit();
    Map<String, List<String>> kinds = meanings.stored();
    for (String proved : PROVED) {
      assertTrue(
          kinds.keySet().stream().anyMatch(kind -> (kind + " ").startsWith(proved)),
          proved + " in " + kinds.keySet());
    }
    kinds.keySet().removeAll(UNSEEN);
    // a kind after the other, so that as many trials as there are kinds have each
    List<String> names = new ArrayList<>(kinds.keySet());
    Collections.shuffle(names, new Random(1000));
    Map<String, Map<String, Integer>> named = new TreeMap<>();
    for (int trial = 0; trial < ROUNDS; trial++) {
      Random random = new Random(1000 + trial);
      String kind = names.get(trial % names.size());
      String key = kinds.get(kind).get(random.nextInt(kinds.get(kind).size()));
      StoredChain.drop(key);
      stored.claim(StoredChain.FIRST, sandbox.head());
      List<LawResult> laws = audit().laws();
      List<Place> places = laws.stream().flatMap(law -> law.places().stream()).toList();
      stored.insert(List.of(key));
      stored.claim(StoredChain.FIRST, sandbox.head());
      long block = Long.parseLong(key.split(":")[0]);
      String what = "trial " + trial + ": " + kind + " " + key + " in " + places;
      boolean seen = meanings.isSeen(kind, key);
      assertEquals(seen, places.stream().anyMatch(place -> names(place, block, kind)), what);
      assertTrue(
          places.stream()
              .allMatch(place -> place.firstBlock() <= block && block <= place.lastBlock()),
          what);
      Map<String, Integer> by = named.computeIfAbsent(kind, none -> new TreeMap<>());
      by.merge(seen ? "seen" : "not to be seen", 1, Integer::sum);
      laws.stream()
          .filter(law -> law.broken() > 0)
          .forEach(law -> by.merge(law.law(), 1, Integer::sum));
    }
    named.forEach((kind, by) -> System.out.println("proof: " + kind + " " + by));
  }

  private static boolean names(Place place, long block, String kind) {
    return place.firstBlock() <= block
        && block <= place.lastBlock()
        && (WIDE.contains(kind) || place.firstBlock() == place.lastBlock());
  }

  @Test
  void aDroppedLogOfEachKind_isNamedToItsBlock_andFetchingThatAgainMendsIt() {
    audit();
    Map<String, List<String>> kinds = meanings.stored();
    for (int round = 0; round < ROUNDS; round++) {
      Random random = new Random(round);
      Map<String, String> dropped = new TreeMap<>();
      kinds.forEach(
          (kind, keys) -> {
            if (!UNSEEN.contains(kind)) {
              dropped.put(kind, keys.get(random.nextInt(keys.size())));
            }
          });
      dropped.values().forEach(StoredChain::drop);
      stored.claim(StoredChain.FIRST, sandbox.head());
      Audit.Result result = audit();
      List<Place> places = result.laws().stream().flatMap(law -> law.places().stream()).toList();
      List<String> unnamed = new ArrayList<>();
      dropped.forEach(
          (kind, key) -> {
            long block = Long.parseLong(key.split(":")[0]);
            if (places.stream().noneMatch(place -> names(place, block, kind))) {
              unnamed.add(kind + " " + key);
            }
          });
      stored.insert(dropped.values());
      stored.claim(StoredChain.FIRST, sandbox.head());
      assertEquals(List.of(), unnamed, "round " + round);
    }
    assertTrue(!audit().broken());
  }
}
