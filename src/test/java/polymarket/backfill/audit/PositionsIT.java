package polymarket.backfill.audit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.sandbox.SandboxOptions;

/** Positions and profits of the sandbox's wallets, against other code over the sandbox's truth. */
class PositionsIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ClickHouse CLICKHOUSE = TestBed.clickHouse();
  private static StoredChain stored;
  private static SubgraphRules rules;

  @BeforeAll
  static void store() throws IOException {
    stored =
        StoredChain.of(
            new SandboxOptions()
                .conditions(Integer.getInteger("proof.conditions", 1200))
                // half a year after the protocol's third version, so that it has some markets
                .now(1_809_000_000L));
    Set<String> wallets = new HashSet<>();
    truth("wallets").forEach(row -> wallets.add(row.get("wallet").asText()));
    // the market maker is none of the listed wallets
    stored.meanings(
        row -> {
          if (row.get("kind").asText().equals("fills")) {
            wallets.add(row.get("owner").asText());
          }
        });
    rules = new SubgraphRules(truth("conditions"), wallets);
    stored.meanings(rules::apply);
    Views.refresh(
        CLICKHOUSE,
        Settings.load(TestBed.PROJECT, Map.of(), Map.of()),
        List.of("markets", "wallets"));
    compute();
  }

  @AfterAll
  static void stop() {
    stored.sandbox().close();
    // the test JVM keeps a class's static fields until its end
    stored = null;
    rules = null;
  }

  private static List<JsonNode> truth(String name) {
    return stored.sandbox().truth().lines(name, "").stream()
        .map(
            line -> {
              try {
                return JSON.readTree(line);
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            })
        .toList();
  }

  private static Positions.Result compute(String... overrides) {
    Map<String, String> set = new TreeMap<>();
    for (int i = 0; i < overrides.length; i += 2) {
      set.put(overrides[i], overrides[i + 1]);
    }
    return new Positions(
            CLICKHOUSE,
            Settings.load(TestBed.PROJECT, Map.of(), set),
            SaidMessages.SILENT,
            line -> {})
        .run();
  }

  private static Map<String, String> computed() {
    Map<String, String> computed = new TreeMap<>();
    CLICKHOUSE
        .rows(
            "SELECT wallet, token_id, toString(amount) AS a, toString(average_price) AS p,"
                + " toString(bought) AS b, toString(realized_pnl) AS r FROM"
                + " default.wallet_positions",
            Map.of())
        .forEach(
            row ->
                computed.put(
                    row.get("wallet") + " " + row.get("token_id"),
                    units(row, "a")
                        + " "
                        + units(row, "p")
                        + " "
                        + units(row, "b")
                        + " "
                        + units(row, "r")));
    return computed;
  }

  private static BigInteger units(Map<String, Object> row, String column) {
    return new BigDecimal((String) row.get(column)).movePointRight(6).toBigIntegerExact();
  }

  @Test
  void positionsOfEveryWallet_areThoseOfOtherCodeOverTheTruth() {
    Map<String, String> expected = new TreeMap<>();
    rules.held.forEach(
        (key, p) -> {
          if (p[2].signum() > 0) {
            expected.put(key, p[0] + " " + p[1] + " " + p[2] + " " + p[3]);
          }
        });
    for (String event :
        List.of(
            "fills",
            "PositionSplit",
            "PositionsMerge",
            "PayoutRedemption",
            "PositionsSplit",
            "PositionsMerged",
            "PositionRedeemed",
            "PositionsConverted",
            "FPMMBuy",
            "FPMMSell",
            "FPMMFundingAdded",
            "FPMMFundingRemoved")) {
      assertTrue(rules.applied.getOrDefault(event, 0) > 5, event + " in " + rules.applied);
    }
    assertTrue(expected.size() > 1000, "" + expected.size());
    Map<String, String> computed = computed();
    Map<String, String> wrong = new TreeMap<>();
    Set<String> keys = new HashSet<>(expected.keySet());
    keys.addAll(computed.keySet());
    keys.forEach(
        key -> {
          if (!String.valueOf(expected.get(key)).equals(computed.get(key))) {
            wrong.put(key, expected.get(key) + " and not " + computed.get(key));
          }
        });
    assertEquals(Map.of(), wrong, wrong.size() + " of " + keys.size());
  }

  @Test
  void slicesUnderASmallCap_giveTheSame() {
    Map<String, String> whole = computed();
    String profits = profits();
    compute("enrich.max-memory", "64M");
    assertEquals(whole, computed());
    assertEquals(profits, profits());
  }

  private static String profits() {
    return String.valueOf(
        CLICKHOUSE.value(
            "SELECT toString((count(), uniqExact(wallet, condition_id),"
                + " sum(cityHash64(*)))) FROM default.wallet_pnl"));
  }

  @Test
  void profitsByCondition_areTheSumsOfPositionsAndFills() {
    assertEquals(
        CLICKHOUSE.value(
            "SELECT toString((sum(realized_pnl), sum(unrealized_pnl), sum(cost))) FROM"
                + " default.wallet_positions"),
        CLICKHOUSE.value(
            "SELECT toString((sum(realized_pnl), sum(unrealized_pnl), sum(cost))) FROM"
                + " default.wallet_pnl"));
    BigInteger[] volumes = {BigInteger.ZERO, BigInteger.ZERO};
    stored.meanings(
        row -> {
          BigInteger collateral = BigInteger.valueOf(row.path("collateral").asLong());
          boolean fill = row.get("kind").asText().equals("fills");
          boolean pool = row.path("outcome_index").asInt(-1) >= 0 && row.has("pool");
          boolean takes =
              row.path("role").asText().equals("taker") || row.path("alone").asBoolean();
          volumes[0] = fill || pool ? volumes[0].add(collateral) : volumes[0];
          volumes[1] = pool || fill && takes ? volumes[1].add(collateral) : volumes[1];
        });
    Map<String, Object> sums =
        CLICKHOUSE
            .rows(
                "SELECT toString(sum(volume_with_makers)) AS a, toString(sum(volume)) AS t FROM"
                    + " default.vw_leaderboard",
                Map.of())
            .get(0);
    assertEquals(volumes[0], units(sums, "a"));
    assertEquals(volumes[1], units(sums, "t"));
  }

  @Test
  void leaderboard_hasWinRateAndOmegaOfTheResolvedConditions() {
    Map<String, BigDecimal> gains = new TreeMap<>();
    Map<String, BigDecimal> losses = new TreeMap<>();
    Map<String, Integer> won = new TreeMap<>();
    CLICKHOUSE
        .rows(
            "SELECT wallet, toString(realized_pnl + unrealized_pnl) AS p FROM default.wallet_pnl"
                + " WHERE resolved",
            Map.of())
        .forEach(
            row -> {
              String wallet = (String) row.get("wallet");
              BigDecimal profit = new BigDecimal((String) row.get("p"));
              (profit.signum() > 0 ? gains : losses).merge(wallet, profit.abs(), BigDecimal::add);
              won.merge(wallet, profit.signum() > 0 ? 1 : 0, Integer::sum);
            });
    List<Map<String, Object>> board =
        CLICKHOUSE.rows("SELECT * FROM default.vw_leaderboard", Map.of());
    assertTrue(board.size() >= 30, "" + board.size());
    for (Map<String, Object> row : board) {
      String wallet = (String) row.get("wallet");
      assertEquals(won.getOrDefault(wallet, 0), row.get("won"), wallet);
      if (((Number) row.get("resolved_conditions")).longValue() == 0) {
        assertNull(row.get("win_rate"), wallet);
        continue;
      }
      assertEquals(
          ((Number) row.get("won")).doubleValue()
              / ((Number) row.get("resolved_conditions")).doubleValue(),
          ((Number) row.get("win_rate")).doubleValue(),
          1e-12);
      BigDecimal lost = losses.get(wallet);
      if (lost == null || lost.signum() == 0) {
        assertNull(row.get("omega_ratio"), wallet);
      } else {
        assertEquals(
            gains.getOrDefault(wallet, BigDecimal.ZERO).doubleValue() / lost.doubleValue(),
            ((Number) row.get("omega_ratio")).doubleValue(),
            1e-9,
            wallet);
      }
    }
  }

  @Test
  void settledProfits_takeTheChainWhereItIsThere() {
    Map<String, Object> row =
        CLICKHOUSE
            .rows(
                "SELECT count() AS n, countIf(settled.source = 'chain' AND settled.wallet_address"
                    + " != '') AS there, max(abs(settled.settled_pnl_usd - held.profit)) AS most"
                    + " FROM (SELECT wallet, condition_id, sum(realized_pnl + unrealized_pnl) AS"
                    + " profit FROM default.wallet_positions WHERE outcome_index >= 0 AND"
                    + " condition_id IN (SELECT condition_id FROM default.rpc_resolutions WHERE"
                    + " arrayMax(payout_numerators) = arraySum(payout_numerators)) GROUP BY wallet,"
                    + " condition_id) AS held LEFT JOIN cascadian_clean.vw_wallet_pnl_settled AS"
                    + " settled ON settled.wallet_address = held.wallet AND settled.condition_id ="
                    + " held.condition_id",
                Map.of())
            .get(0);
    assertTrue(((Number) row.get("n")).longValue() > 1000, row.toString());
    assertEquals(row.get("n"), row.get("there"));
    // the cost of what is held is rounded, once for each outcome
    assertTrue(((Number) row.get("most")).doubleValue() <= 2e-6, row.toString());
  }

  @Test
  void differencesToTheDataApi_haveTheirKinds() {
    Settings settings = Settings.load(TestBed.PROJECT, Map.of(), Map.of());
    // what the Data API says of a balance is the balance
    CLICKHOUSE.execute(
        "INSERT INTO default.api_positions_staging (wallet_address, condition_id, asset_id,"
            + " outcome, size, entry_price, realized_pnl, timestamp, source, status) SELECT"
            + " held.wallet, p.condition_id, held.token_id, p.outcome_index,"
            + " toDecimal256(held.amount, 30) / 1000000, p.average_price, p.realized_pnl, now64(3),"
            + " 'data-api-v2', 'OPEN' FROM default.vw_balances AS held INNER JOIN"
            + " default.wallet_positions AS p ON p.wallet = held.wallet AND p.token_id ="
            + " held.token_id");
    try {
      Map<String, Long> kinds = kinds(WalletComparison.rows(CLICKHOUSE, settings, 1000));
      for (String kind : List.of("none", "transfer", "fees in shares", "conversion")) {
        assertTrue(kinds.getOrDefault("amount " + kind, 0L) > 0, kind + " in " + kinds);
      }
      assertEquals(0, kinds.getOrDefault("amount unexplained", 0L), kinds.toString());
      assertEquals(0, kinds.getOrDefault("amount another balance", 0L), kinds.toString());
      assertEquals(0, kinds.getOrDefault("realized profit unexplained", 0L), kinds.toString());
      CLICKHOUSE.execute(
          "ALTER TABLE default.api_positions_staging UPDATE size = size + 5, realized_pnl ="
              + " realized_pnl + 100 WHERE asset_id = (SELECT min(asset_id) FROM"
              + " default.api_positions_staging) SETTINGS mutations_sync = 2");
      Map<String, Long> moved = kinds(WalletComparison.rows(CLICKHOUSE, settings, 1000));
      assertTrue(moved.getOrDefault("amount another balance", 0L) > 0, moved.toString());
      assertTrue(moved.getOrDefault("realized profit another balance", 0L) > 0, moved.toString());
    } finally {
      CLICKHOUSE.execute("TRUNCATE TABLE default.api_positions_staging");
    }
  }

  private static Map<String, Long> kinds(List<Map<String, Object>> rows) {
    Map<String, Long> kinds = new TreeMap<>();
    rows.forEach(
        row ->
            kinds.put(
                row.get("what") + " " + row.get("kind"),
                ((Number) row.get("positions")).longValue()));
    return kinds;
  }
}
