package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.sandbox.SandboxOptions;

/** Tables that a person brings along, from `run wallets` to the views, as the program is typed. */
class SeedTablesIT {

  private static final ObjectMapper JSON = new ObjectMapper();
  private TestBed bed;

  private void bed() {
    bed =
        TestBed.start(new SandboxOptions().conditions(120).wallets(24).fillsPerMarket(6).limits(0));
    var urls = bed.sandbox().urls();
    bed.set("data-api.url", urls.get("data-api"))
        .set("gamma.url", urls.get("gamma"))
        .set("clob.url", urls.get("clob"))
        .set("goldsky.orderbook.url", urls.get("goldsky-orderbook"))
        .set("polygon.rpc.url", urls.get("polygon"));
  }

  @AfterEach
  void close() {
    if (bed != null) {
      bed.close();
    }
  }

  private static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Program.Result run(int exitCode, String... arguments) {
    Program.Result result = Program.runHere(bed, arguments);
    assertEquals(exitCode, result.exitCode(), String.join(" ", arguments) + " " + result);
    return result;
  }

  private List<JsonNode> truth(String name) {
    return bed.sandbox().truth().lines(name, "").stream().map(SeedTablesIT::json).toList();
  }

  private static void execute(String sql) {
    TestBed.clickHouse().execute(sql);
  }

  /** A wallet or an id in one of the spellings that tables have. */
  private static String spelled(String id, int how) {
    String bare = id.startsWith("0x") ? id.substring(2) : id;
    return switch (how % 4) {
      case 0 -> "0x" + bare;
      case 1 -> bare;
      case 2 -> "0X" + bare.toUpperCase(Locale.ROOT);
      default -> "0x" + bare.substring(0, 20).toUpperCase(Locale.ROOT) + bare.substring(20);
    };
  }

  @Test
  void theGuidesTables_areReadAsTheyAre_fromTheWalletsToTheViews() {
    bed();
    execute(
        "CREATE TABLE default.vw_trades_canonical (wallet String, market_cid String, outcome UInt8,"
            + " shares Float64, price Float64) ENGINE = MergeTree ORDER BY (wallet, market_cid)");
    execute(
        "CREATE TABLE default.market_resolutions_final (condition_id String, payout_numerators"
            + " Array(UInt8), payout_denominator UInt8, winning_index Int8, resolved_at DateTime)"
            + " ENGINE = MergeTree ORDER BY condition_id");
    List<JsonNode> fills = truth("fills");
    Set<String> wallets = new HashSet<>();
    Set<String> conditions = new HashSet<>();
    List<String> rows = new ArrayList<>();
    double shares = 0;
    for (JsonNode fill : fills) {
      if (fill.get("outcome_index").asInt() > 1) {
        continue;
      }
      wallets.add(fill.get("maker").asText());
      conditions.add(fill.get("condition_id").asText());
      double size = fill.get("size").asLong() / 1e6;
      shares += size;
      rows.add(
          String.format(
              Locale.ROOT,
              "('%s', '%s', %d, %s, 0.5)",
              spelled(fill.get("maker").asText(), rows.size()),
              spelled(fill.get("condition_id").asText(), rows.size() / 3),
              fill.get("outcome_index").asInt(),
              size));
    }
    execute("INSERT INTO default.vw_trades_canonical VALUES " + String.join(", ", rows));
    String first = fills.get(0).get("condition_id").asText();
    execute(
        "INSERT INTO default.market_resolutions_final VALUES ('"
            + spelled(first, 2)
            + "', [1, 0], 1, 0, now())");

    String said = run(0, "run", "wallets").err();
    assertTrue(
        said.contains(
            "wallets: ids from default.vw_trades_canonical: wallet from column wallet, condition"
                + " from column market_cid, outcome from column outcome, shares from column shares,"
                + " price from column price"),
        said);
    run(0, "run", "markets");
    run(0, "run", "payouts");
    Program.Result views = run(0, "views");
    assertEquals("", views.err());
    assertTrue(
        views.out().contains("vw_trades_input reads default.vw_trades_canonical"), views.out());

    // every wallet that has positions is stored, whatever its spelling
    Set<String> held = new HashSet<>();
    truth("positions")
        .forEach(
            position -> {
              if (position.get("status").asText().equals("OPEN")) {
                held.add(position.get("proxy_wallet").asText());
              }
            });
    held.retainAll(wallets);
    assertEquals(
        held.size(),
        TestBed.number("SELECT uniqExact(wallet_address) FROM default.api_positions_staging"));
    JsonNode monitor = json(run(0, "monitor", "--json").out());
    assertTrue(
        monitor
            .at("/reads/0")
            .asText()
            .startsWith(
                "default.vw_trades_canonical: wallet from column wallet, condition from column"
                    + " market_cid"),
        monitor.toString());
    JsonNode coverage = monitor.get("coverage");
    JsonNode line = find(coverage, "wallets with positions");
    assertEquals(wallets.size(), line.get("of").asInt(), line.toString());
    assertEquals(held.size(), line.get("covered").asInt(), line.toString());
    assertEquals(wallets.size() - held.size(), line.get("proved_absent").asInt(), line.toString());
    assertEquals(0, line.get("missing").asInt(), line.toString());

    // the unified view holds each seed once, with ids in one form
    assertEquals(
        rows.size() + " " + wallets.size() + " " + conditions.size(),
        TestBed.clickHouse()
            .value(
                "SELECT concat(toString(count()), ' ', toString(uniqExact(wallet)), ' ',"
                    + " toString(uniqExact(market_cid))) FROM default.vw_trades_unified WHERE"
                    + " source = 'blockchain' AND match(wallet, '^0x[0-9a-f]{40}$') AND"
                    + " match(market_cid, '^[0-9a-f]{64}$')"));
    assertEquals(
        shares,
        Double.parseDouble(
            String.valueOf(
                TestBed.clickHouse()
                    .value(
                        "SELECT toString(sum(u.shares)) FROM default.vw_trades_unified AS u WHERE"
                            + " source = 'blockchain'"))),
        1e-6);
    assertSettled(fills, first);
    JsonNode verified =
        json(
            run(
                    0,
                    "verify",
                    "wallets",
                    "--json",
                    "--min-wallets",
                    "1",
                    "--min-positions",
                    "1",
                    "--max-running",
                    "9")
                .out());
    JsonNode traded = verified.at("/checks/traded wallets with and without positions/0");
    assertEquals(wallets.size(), traded.get("traded").asInt(), traded.toString());
    assertEquals(held.size(), traded.get("with_positions").asInt(), traded.toString());
    String wallet = held.iterator().next();
    String one = run(0, "verify", "wallet", spelled(wallet, 2)).out();
    assertTrue(one.contains("blockchain") && one.contains("clob_api"), one);
  }

  /** The P&L of the one condition that the seeds themselves resolve, by each wallet's trades. */
  private void assertSettled(List<JsonNode> fills, String condition) {
    TreeMap<String, Double> expected = new TreeMap<>();
    for (JsonNode fill : fills) {
      if (fill.get("condition_id").asText().equals(condition)
          && fill.get("outcome_index").asInt() < 2) {
        double size = fill.get("size").asLong() / 1e6;
        expected.merge(
            fill.get("maker").asText(),
            (fill.get("outcome_index").asInt() == 0 ? size : 0) - size * 0.5,
            Double::sum);
      }
    }
    TreeMap<String, Double> settled = new TreeMap<>();
    TestBed.sql(
            "SELECT wallet_address AS w, toFloat64(settled_pnl_usd) AS pnl FROM"
                + " cascadian_clean.vw_wallet_pnl_settled WHERE condition_id = '"
                + condition
                + "' AND source = 'blockchain' AND resolution_source = 'market_resolutions_final'")
        .forEach(
            row -> settled.put((String) row.get("w"), ((Number) row.get("pnl")).doubleValue()));
    assertEquals(expected.keySet(), settled.keySet());
    expected.forEach((wallet, pnl) -> assertEquals(pnl, settled.get(wallet), 1e-6, wallet));
  }

  private static JsonNode find(JsonNode lines, String what) {
    for (JsonNode line : lines) {
      if (line.get("what").asText().equals(what)) {
        return line;
      }
    }
    throw new AssertionError("no line '" + what + "' in " + lines);
  }

  @Test
  void aTableWithoutAnyOfTheColumns_isRefused_inOneLine() {
    bed();
    execute(
        "CREATE TABLE default.vw_trades_canonical (who String, what String) ENGINE = MergeTree"
            + " ORDER BY who");
    for (List<String> command : List.of(List.of("run", "wallets"), List.of("views"))) {
      Program.Result refused = run(1, command.toArray(String[]::new));
      assertTrue(
          refused.err().contains("default.vw_trades_canonical has no column with wallets")
              && refused.err().contains("its columns are who, what")
              && refused.err().contains("views.wallet-columns"),
          refused.toString());
      assertEquals(1, refused.err().lines().count(), refused.toString());
    }
    execute(
        "CREATE TABLE default.trades_raw (who String, what String) ENGINE = MergeTree ORDER BY"
            + " who");
    Program.Result enrich = run(1, "enrich");
    assertEquals(1, enrich.err().lines().count(), enrich.toString());
    assertTrue(enrich.err().contains("its columns are who, what"), enrich.toString());
  }

  @Test
  void conditionsThatGammaDoesNotList_areCounted_andTheirFillsAreFetched() {
    bed();
    run(0, "run", "clob-markets", "goldsky-markets");
    // Gamma lists nothing: all is known to the CLOB and Goldsky alone
    long all = TestBed.number("SELECT count() FROM default.vw_conditions");
    assertTrue(all > 0);
    assertEquals(all, TestBed.number("SELECT countIf(NOT in_gamma) FROM default.vw_conditions"));
    String said = run(0, "run", "fills").err();
    assertTrue(
        said.contains(
            String.format(
                "%d of %d conditions are not in Gamma's list and are included", all, all)),
        said);
    Set<String> known = new HashSet<>();
    TestBed.sql("SELECT condition_id AS c FROM default.vw_conditions")
        .forEach(row -> known.add((String) row.get("c")));
    assertEquals(
        truth("fills").stream()
            .filter(fill -> known.contains(fill.get("condition_id").asText()))
            .count(),
        TestBed.number("SELECT uniqExact(condition_id, fill_id) FROM default.clob_fills"));
    JsonNode line =
        find(json(run(0, "monitor", "--json").out()).get("coverage"), "markets with fills");
    assertEquals(all, line.get("of").asLong());
    assertTrue(line.get("note").asText().startsWith(all + " of them"), line.toString());
    JsonNode measures =
        json(Program.runHere(bed, "verify", "fills", "--json").out()).get("measures");
    assertTrue(measures.toString().contains("beyond-gamma"), measures.toString());
    JsonNode diagnosis = json(run(0, "diagnose", "fills", "--sample", "0", "--json").out());
    assertEquals(all, diagnosis.get("total").asLong());
    // the guide's names in each mapping
    for (String table : List.of("clob_market_mapping", "goldsky_market_mapping")) {
      assertEquals(
          0,
          TestBed.number(
              "SELECT countIf(market_id = '' OR source != upper(splitByChar('_', '"
                  + table
                  + "')[1])) FROM default."
                  + table));
    }
    // whether Gamma lists them or not, the same conditions are asked for
    run(0, "run", "markets");
    assertTrue(TestBed.number("SELECT countIf(NOT in_gamma) FROM default.vw_conditions") < all);
  }
}
