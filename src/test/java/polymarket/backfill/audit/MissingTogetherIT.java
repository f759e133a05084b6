package polymarket.backfill.audit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
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
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;

/**
 * Several logs that are missing at once, so that one could hide the other: two of a transaction,
 * all of a transaction, all of a block. -Dproof.rounds=100 makes 100 tries of each.
 */
@Timeout(value = 3, unit = TimeUnit.HOURS)
class MissingTogetherIT {
  private static final int ROUNDS = Integer.getInteger("proof.rounds", 2);

  private static StoredChain stored;
  private static LogMeanings meanings;

  /** The kind of each stored log. */
  private static final Map<String, String> KINDS = new HashMap<>();

  /** The stored logs of each transaction. */
  private static final Map<String, List<String>> TRANSACTIONS = new TreeMap<>();

  @BeforeAll
  static void store() throws IOException {
    stored = StoredChain.withAllKinds();
    meanings = new LogMeanings(stored);
    audit();
    meanings.stored().forEach((kind, logs) -> logs.forEach(log -> KINDS.put(log, kind)));
    TestBed.sql(
            "SELECT DISTINCT lower(hex(transaction_hash)) AS tx, concat(toString(block_number),"
                + " ':', toString(log_index)) AS key FROM (SELECT transaction_hash, block_number,"
                + " log_index FROM default.chain_transfers UNION ALL SELECT transaction_hash,"
                + " block_number, log_index FROM default.chain_fills UNION ALL SELECT"
                + " transaction_hash, block_number, log_index FROM default.chain_lifecycle UNION"
                + " ALL SELECT transaction_hash, block_number, log_index FROM"
                + " default.chain_amm_trades) ORDER BY tx, key")
        .forEach(
            row ->
                TRANSACTIONS
                    .computeIfAbsent((String) row.get("tx"), tx -> new ArrayList<>())
                    .add((String) row.get("key")));
  }

  @AfterAll
  static void stop() {
    stored.sandbox().close();
    // the test JVM keeps a class's static fields until its end
    stored = null;
    meanings = null;
    KINDS.clear();
    TRANSACTIONS.clear();
  }

  private static List<LawResult> audit() {
    return new Audit(
            TestBed.clickHouse(),
            Settings.load(TestBed.PROJECT, Map.of(), Map.of()),
            SaidMessages.SILENT,
            null,
            false,
            null,
            line -> {})
        .run()
        .laws();
  }

  /** What the laws say without some logs, which are stored again then. */
  private static List<LawResult> without(Collection<String> logs) {
    logs.forEach(StoredChain::drop);
    stored.claim(StoredChain.FIRST, stored.sandbox().head());
    List<LawResult> laws = audit();
    stored.insert(logs);
    stored.claim(StoredChain.FIRST, stored.sandbox().head());
    return laws;
  }

  private static List<Place> places(List<LawResult> laws) {
    return laws.stream().flatMap(law -> law.places().stream()).toList();
  }

  private static long block(String log) {
    return Long.parseLong(log.split(":")[0]);
  }

  private static boolean covers(Place place, long block) {
    return place.firstBlock() <= block && block <= place.lastBlock();
  }

  /** A log that a law names to its transaction, whatever happens later. */
  private static boolean isNamedAtOnce(String log) {
    String kind = KINDS.getOrDefault(log, "");
    return kind.startsWith("fills ")
        || kind.startsWith("amm FPMM")
        || kind.equals("transfers mint")
        || kind.equals("transfers of a contract")
        || kind.startsWith("lifecycle Position");
  }

  @Test
  void twoLogsOfATransaction_thatLeaveOthersThere_areNamedToItsBlock() {
    List<List<String>> with =
        TRANSACTIONS.values().stream()
            .filter(logs -> logs.stream().filter(MissingTogetherIT::isNamedAtOnce).count() > 2)
            .toList();
    for (int trial = 0; trial < ROUNDS; trial++) {
      Random random = new Random(trial);
      List<String> logs = new ArrayList<>(with.get(random.nextInt(with.size())));
      logs.removeIf(log -> !isNamedAtOnce(log));
      Collections.shuffle(logs, random);
      List<String> two = logs.subList(0, 2);
      long block = block(two.get(0));
      List<Place> places = places(without(two));
      String what =
          "trial "
              + trial
              + ": "
              + two.stream().map(log -> KINDS.get(log) + " " + log).toList()
              + " in "
              + places;
      assertTrue(
          places.stream()
              .anyMatch(place -> covers(place, block) && place.firstBlock() == place.lastBlock()),
          what);
      assertTrue(places.stream().allMatch(place -> covers(place, block)), what);
    }
  }

  @Test
  void aWholeTransaction_isNamedByTheBalances_whereWhatMovedInItIsSpent() {
    List<List<String>> trades =
        TRANSACTIONS.values().stream()
            .filter(
                logs ->
                    logs.stream().anyMatch(log -> KINDS.getOrDefault(log, "").startsWith("fills")))
            .toList();
    assertNamedWhereSpent(trades);
  }

  @Test
  void aWholeBlockOfTrades_isNamedByTheBalances_whereWhatMovedInItIsSpent() {
    Map<Long, List<String>> blocks = new TreeMap<>();
    Set<Long> others = new HashSet<>();
    TRANSACTIONS
        .values()
        .forEach(
            logs -> {
              long block = block(logs.get(0));
              blocks.computeIfAbsent(block, none -> new ArrayList<>()).addAll(logs);
              if (logs.stream().noneMatch(log -> KINDS.getOrDefault(log, "").startsWith("fills"))) {
                others.add(block);
              }
            });
    blocks.keySet().removeAll(others);
    assertNamedWhereSpent(List.copyOf(blocks.values()));
  }

  /** Takes out groups of logs, each of one block. */
  private static void assertNamedWhereSpent(List<List<String>> groups) {
    int spent = 0;
    for (int trial = 0; trial < ROUNDS; trial++) {
      List<String> logs = groups.get(new Random(trial).nextInt(groups.size()));
      long block = block(logs.get(0));
      List<LawResult> laws = without(logs);
      String what = "trial " + trial + ": " + logs + " in " + places(laws);
      boolean seen = meanings.areSpent(Set.copyOf(logs));
      assertTrue(
          !seen
              || laws.stream()
                  .filter(law -> law.law().equals("balances"))
                  .flatMap(law -> law.places().stream())
                  .anyMatch(place -> covers(place, block)),
          what);
      assertTrue(places(laws).stream().allMatch(place -> covers(place, block)), what);
      for (LawResult law : laws) {
        if (Set.of("supply", "matches", "transactions").contains(law.law())) {
          assertEquals(0, law.broken(), what);
        }
      }
      spent += seen ? 1 : 0;
    }
    System.out.println(
        "proof: of "
            + ROUNDS
            + " groups of logs, "
            + spent
            + " move tokens that are spent later: named");
    assertTrue(spent > 0, "one of them has to be seen");
  }
}
