package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import java.math.BigDecimal;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.polymarket.ClobSignature;
import polymarket.backfill.sandbox.SandboxOptions;

/** The job `clob-trades` and signed requests, against the sandbox's CLOB and the real engine. */
class ClobTradesJobIT {

  private static TestBed account(TestBed bed) {
    bed.sandbox().clobAccount().forEach(bed::set);
    return bed;
  }

  private static Map<String, String> environment(TestBed bed) {
    Map<String, String> environment = new HashMap<>();
    bed.sandbox()
        .clobAccount()
        .forEach(
            (key, value) -> environment.put(polymarket.backfill.Settings.variable(key), value));
    return environment;
  }

  /** The stored trades are the account's own since a time, each once and as the CLOB has it. */
  private static long assertTruth(TestBed bed, long since) {
    Map<String, String> truth = new TreeMap<>();
    SourceBed.truth(bed, "own-trades", "id")
        .forEach(
            (id, trade) -> {
              if (trade.get("match_time").asLong() >= since) {
                truth.put(
                    id,
                    trade.get("market").asText().substring(2)
                        + " "
                        + trade.get("asset_id").asText()
                        + " "
                        + trade.get("side").asText()
                        + " "
                        + plain(trade.get("price").asText())
                        + " "
                        + plain(trade.get("size").asText())
                        + " "
                        + trade.get("match_time").asText()
                        + " "
                        + trade.get("trader_side").asText()
                        + " "
                        + trade.get("transaction_hash").asText()
                        + " "
                        + makers(trade));
              }
            });
    Map<String, String> stored = new TreeMap<>();
    TestBed.sql(
            "SELECT id, condition_id, asset_id, side, toString(price) AS price, toString(size) AS"
                + " size, toUnixTimestamp(matched_at) AS at, trader_side, transaction_hash,"
                + " arrayMap(m -> concat(m.1, ' ', m.7), maker_orders) AS makers FROM"
                + " default.clob_own_trades")
        .forEach(
            row ->
                assertTrue(
                    stored.put(
                            (String) row.get("id"),
                            row.get("condition_id")
                                + " "
                                + row.get("asset_id")
                                + " "
                                + row.get("side")
                                + " "
                                + plain((String) row.get("price"))
                                + " "
                                + plain((String) row.get("size"))
                                + " "
                                + row.get("at")
                                + " "
                                + row.get("trader_side")
                                + " "
                                + row.get("transaction_hash")
                                + " "
                                + row.get("makers"))
                        == null,
                    "twice: " + row));
    assertEquals(truth, stored);
    return truth.size();
  }

  private static String makers(JsonNode trade) {
    List<String> makers = new CopyOnWriteArrayList<>();
    trade
        .get("maker_orders")
        .forEach(
            order ->
                makers.add(
                    order.get("order_id").asText() + " " + order.get("matched_amount").asText()));
    return makers.toString();
  }

  private static String plain(String number) {
    return new BigDecimal(number).stripTrailingZeros().toPlainString();
  }

  @Test
  void withoutKeys_oneLineSaysWhatItNeeds() {
    try (TestBed bed = SourceBed.start(new SandboxOptions().conditions(3000).limits(0))) {
      for (Program.Result result :
          List.of(
              Program.run(bed, "run", "clob-trades", "--days", "30"),
              Program.run(bed, "fetch", "clob-trades", "trades"))) {
        assertEquals(1, result.exitCode(), result.toString());
        assertEquals(
            1,
            result.err().lines().filter(line -> line.startsWith("backfill:")).count(),
            result.err());
        for (String variable :
            List.of("CLOB_ADDRESS", "CLOB_API_KEY", "CLOB_API_SECRET", "CLOB_API_PASSPHRASE")) {
          assertTrue(result.err().contains(variable), result.err());
        }
      }
      assertEquals(0, bed.stats().at("/sources/clob/requests").asLong());
    }
  }

  @Test
  void
      withKeysFromTheEnvironment_theLastDaysAreStored_whatIsNotFinalIsFetchedAgain_andKeysAreToldToNobody()
          throws Exception {
    long now = System.currentTimeMillis() / 1000;
    try (TestBed bed = SourceBed.start(new SandboxOptions().conditions(3000).limits(0).now(now))) {
      Program.Result result =
          Program.start(bed, List.of(), environment(bed), "run", "clob-trades", "--days", "300")
              .end();
      assertEquals(0, result.exitCode(), result.toString());
      long since =
          TestBed.number("SELECT toUnixTimestamp(min(matched_at)) FROM default.clob_own_trades");
      assertTrue(since >= now - 301 * 86_400L, "nothing older than was asked for");
      long some = assertTruth(bed, Math.min(since, now - 300 * 86_400L + 60));
      assertTrue(some > 10, some + " trades");
      result =
          Program.start(bed, List.of(), environment(bed), "run", "clob-trades", "--debug").end();
      assertEquals(0, result.exitCode(), result.toString());
      assertTrue(assertTruth(bed, 0) > some);
      TestBed.clickHouse()
          .execute(
              "ALTER TABLE default.clob_own_trades UPDATE status = 'MATCHED' WHERE id = (SELECT"
                  + " argMax(id, matched_at) FROM default.clob_own_trades) SETTINGS mutations_sync"
                  + " = 1");
      assertEquals(
          1,
          TestBed.number(
              "SELECT countIf(status != 'CONFIRMED') FROM default.clob_own_trades FINAL"));
      assertEquals(
          0,
          Program.start(bed, List.of(), environment(bed), "run", "clob-trades", "--days", "300")
              .end()
              .exitCode());
      assertEquals(
          0,
          TestBed.number(
              "SELECT countIf(status != 'CONFIRMED') FROM default.clob_own_trades FINAL"),
          "what was not final was fetched again");
      Map<String, String> secrets = new HashMap<>(bed.sandbox().clobAccount());
      secrets.remove("clob.address");
      secrets.remove("clob.api-passphrase");
      for (String secret : secrets.values()) {
        assertFalse((result.out() + result.err()).contains(secret), result.toString());
        assertEquals(
            0,
            TestBed.number(
                "SELECT count() FROM default.clob_own_trades WHERE position(toString(tuple(*)), '"
                    + secret
                    + "') > 0"));
        try (Stream<Path> files = Files.walk(bed.home().resolve("runtime"))) {
          for (Path file : files.filter(Files::isRegularFile).toList()) {
            assertFalse(
                new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains(secret),
                "it is in " + file);
          }
        }
      }
    }
  }

  @Test
  void everyFault_andTheTableIsTheTruth() {
    try (TestBed bed =
        account(
            SourceBed.start(
                new SandboxOptions()
                    .conditions(6000)
                    .limits(0)
                    .fault("kind=429,source=clob,rate=0.1")
                    .fault("kind=500,source=clob,rate=0.1")
                    .fault("kind=html,source=clob,rate=0.1")
                    .fault("kind=error-200,source=clob,rate=0.1")
                    .fault("kind=cut-json,source=clob,rate=0.1")
                    .fault("kind=truncate,source=clob,rate=0.2,rows=37")))) {
      bed.set("source.attempts", 10);
      assertEquals(0, bed.run("clob-trades", Share.WHOLE, List.of("trades")).exitCode());
      long rows = assertTruth(bed, 0);
      assertTrue(rows > 500, rows + " trades");
      SourceBed.balanced(bed, "clob-trades");
    }
  }

  @Test
  void aKeyThatIsNotAccepted_endsTheRunAtOnce() {
    try (TestBed bed = account(SourceBed.start(new SandboxOptions().conditions(3000).limits(0)))) {
      bed.set("clob.api-passphrase", "wrong-passphrase-9");
      JobRun.Result result = bed.run("clob-trades", Share.WHOLE, List.of("trades"));
      assertEquals(1, result.exitCode(), result.toString());
      assertTrue(
          result.reason().contains("401") && result.reason().contains("Invalid api key"),
          result.reason());
      assertEquals(1, bed.stats().at("/sources/clob/requests").asLong());
    }
  }

  @Test
  void anAccount_signsTheRequestsForMarketsToo() throws Exception {
    List<Map<String, List<String>>> asked = new CopyOnWriteArrayList<>();
    HttpServer clob = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 1);
    clob.createContext(
        "/markets",
        call -> {
          asked.add(Map.copyOf(call.getRequestHeaders()));
          byte[] page = "{\"data\":[],\"next_cursor\":\"LTE=\"}".getBytes(StandardCharsets.UTF_8);
          call.sendResponseHeaders(200, page.length);
          call.getResponseBody().write(page);
          call.close();
        });
    clob.start();
    try (TestBed bed = SourceBed.start(new SandboxOptions().conditions(100).limits(0))) {
      bed.set("clob.url", "http://127.0.0.1:" + clob.getAddress().getPort());
      bed.run("clob-markets", Share.WHOLE, List.of("markets"));
      assertFalse(asked.isEmpty());
      asked.forEach(
          headers ->
              assertTrue(
                  headers.keySet().stream()
                      .noneMatch(name -> name.toUpperCase().startsWith("POLY")),
                  headers.toString()));
      asked.clear();
      Map<String, String> account = bed.sandbox().clobAccount();
      account(bed);
      bed.run("clob-markets", Share.WHOLE, List.of("more"));
      assertFalse(asked.isEmpty());
      for (Map<String, List<String>> headers : asked) {
        Map<String, String> sent = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        headers.forEach((name, values) -> sent.put(name, values.get(0)));
        new ClobSignature(
                account.get("clob.address"),
                account.get("clob.api-key"),
                account.get("clob.api-secret"),
                account.get("clob.api-passphrase"))
            .headers("GET", "/markets", null, Long.parseLong(sent.get("POLY_TIMESTAMP")))
            .forEach((name, value) -> assertEquals(value, sent.get(name), name));
      }
    } finally {
      clob.stop(0);
    }
  }
}
