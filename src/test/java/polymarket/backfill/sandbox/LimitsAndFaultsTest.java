package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class LimitsAndFaultsTest {
  private static final String PATH = PositionsSubgraph.PREFIX;
  private static final String ONE = "{\"query\":\"{conditions(first: 1000){id payouts}}\"}";

  private static Sandbox sandbox(String... faults) throws IOException {
    SandboxOptions options = new SandboxOptions().limits(0).conditions(2000);
    for (String fault : faults) {
      options.fault(fault);
    }
    return Sandbox.start(options);
  }

  @Test
  void fiftyInTenSeconds_pass_andTheNextDoesNot() throws Exception {
    try (Sandbox sandbox = Sandbox.start(new SandboxOptions().conditions(10))) {
      Client client = new Client(sandbox);
      for (int i = 0; i < 50; i++) {
        assertEquals(200, client.post(PATH, ONE).statusCode());
      }
      HttpResponse<String> refused = client.post(PATH, ONE);
      assertEquals(429, refused.statusCode());
      JsonNode limit = client.json("/_sandbox/stats").at("/limits/goldsky");
      assertEquals(51, limit.get("highest").asInt());
      assertEquals(1, limit.get("violations").asInt());
      assertEquals(1, sandbox.violations("goldsky"));
      assertEquals(51, sandbox.highest("goldsky"));
      client.post("/_sandbox/reset", "");
      assertEquals(
          0, client.json("/_sandbox/stats").at("/sources/goldsky-positions/requests").asInt());
      assertEquals(200, client.post(PATH, ONE).statusCode());
    }
  }

  @Test
  void windowSlides_overArrivals() throws Exception {
    Limit limit = new Limit("x", 5, 200, request -> true);
    for (int i = 0; i < 5; i++) {
      assertEquals(0, limit.arrive(1));
    }
    long wait = limit.arrive(1);
    assertTrue(wait > 0 && wait <= 201, "wait " + wait);
    Thread.sleep(210);
    assertEquals(0, limit.arrive(5));
    assertTrue(limit.arrive(1) > 0);
    limit.scale(0);
    assertEquals(0, limit.arrive(1000));
  }

  @Test
  void statusFaults_carryRetryAfterAsAsked() throws Exception {
    try (Sandbox sandbox =
        sandbox(
            "kind=429,retryAfter=3,count=1",
            "kind=503,retryAfter=date:5,count=1",
            "kind=500,count=1",
            "kind=html,status=403,count=1")) {
      Client client = new Client(sandbox);
      HttpResponse<String> first = client.post(PATH, ONE);
      assertEquals(429, first.statusCode());
      assertEquals("3", first.headers().firstValue("Retry-After").orElseThrow());
      HttpResponse<String> second = client.post(PATH, ONE);
      assertEquals(503, second.statusCode());
      assertTrue(second.headers().firstValue("Retry-After").orElseThrow().endsWith(" GMT"));
      assertEquals(500, client.post(PATH, ONE).statusCode());
      HttpResponse<String> html = client.post(PATH, ONE);
      assertEquals(403, html.statusCode());
      assertTrue(html.body().startsWith("<!DOCTYPE html>"));
    }
  }

  @Test
  void sameSeed_givesTheSameFaults() throws Exception {
    String[] seen = new String[2];
    for (int round = 0; round < 2; round++) {
      try (Sandbox sandbox = sandbox("kind=500,rate=0.3", "kind=error-200,rate=0.2")) {
        Client client = new Client(sandbox);
        StringBuilder statuses = new StringBuilder();
        for (int i = 0; i < 40; i++) {
          HttpResponse<String> answer = client.post(PATH, "{\"query\":\"{_meta{block{number}}}\"}");
          statuses
              .append(answer.statusCode())
              .append(answer.body().contains("errors") ? "e " : " ");
        }
        seen[round] = statuses.toString();
      }
    }
    assertEquals(seen[0], seen[1]);
    assertTrue(seen[0].contains("500") && seen[0].contains("200e"));
  }

  @Test
  void cutJson_isACompleteHttpAnswerWithBrokenJson() throws Exception {
    try (Sandbox sandbox = sandbox("kind=cut-json")) {
      HttpResponse<String> answer = new Client(sandbox).post(PATH, ONE);
      assertEquals(200, answer.statusCode());
      assertThrows(JsonProcessingException.class, () -> Json.read(answer.body()));
    }
  }

  @Test
  void cutReset_andStalledConnections_areErrorsOfTheClient() throws Exception {
    try (Sandbox sandbox = sandbox()) {
      Client client = new Client(sandbox);
      for (String kind : new String[] {"cut-connection", "reset"}) {
        client.post("/_sandbox/faults", "{\"kind\":\"" + kind + "\"}");
        assertThrows(IOException.class, () -> client.post(PATH, ONE), kind);
        client.delete("/_sandbox/faults");
      }
      for (String kind : new String[] {"stall", "stall-body"}) {
        client.post("/_sandbox/faults", "{\"kind\":\"" + kind + "\"}");
        assertThrows(
            HttpTimeoutException.class, () -> client.post(PATH, ONE, Duration.ofMillis(300)), kind);
        client.delete("/_sandbox/faults");
      }
      assertEquals(200, client.post(PATH, ONE).statusCode());
      assertEquals(
          1, client.json("/_sandbox/stats").at("/sources/goldsky-positions/faults/reset").asInt());
    }
  }

  @Test
  void poison_failsEveryRequestThatNamesTheId_andNoOther() throws Exception {
    String bad = "0x" + "ab".repeat(32);
    try (Sandbox sandbox = sandbox("kind=poison,ids=" + bad)) {
      Client client = new Client(sandbox);
      assertEquals(
          500,
          client
              .post(PATH, ONE.replace("first: 1000", "where:{id_in:[\\\"" + bad + "\\\"]}"))
              .statusCode());
      assertEquals(200, client.post(PATH, ONE).statusCode());
    }
  }

  @Test
  void outage_endsByItself_andTruncationAndEmptinessAreSilent() throws Exception {
    try (Sandbox sandbox = sandbox("kind=outage,seconds=3,status=503")) {
      Client client = new Client(sandbox);
      assertEquals(503, client.post(PATH, ONE).statusCode());
      Thread.sleep(3050);
      assertEquals(1000, Json.read(client.post(PATH, ONE).body()).at("/data/conditions").size());
      sandbox.fault("kind=truncate,rows=100,count=1");
      assertEquals(100, Json.read(client.post(PATH, ONE).body()).at("/data/conditions").size());
      sandbox.fault("kind=empty,count=1");
      assertEquals(0, Json.read(client.post(PATH, ONE).body()).at("/data/conditions").size());
    }
  }

  @Test
  void cursorFaults_bringTheSameCursorBack_orRefuseAGoodOne() throws Exception {
    try (Sandbox sandbox = sandbox()) {
      Client client = new Client(sandbox);
      String path = "/gamma/markets/keyset?closed=true";
      String cursor = client.json(path).get("next_cursor").asText();
      sandbox.fault("kind=stuck-cursor,source=gamma,count=1");
      assertEquals(
          cursor, client.json(path + "&after_cursor=" + cursor).get("next_cursor").asText());
      sandbox.fault("kind=expired-cursor,source=gamma,count=1");
      assertEquals(422, client.get(path + "&after_cursor=" + cursor).statusCode());
      assertEquals(200, client.get(path + "&after_cursor=" + cursor).statusCode());
    }
  }

  @Test
  void oneCallOfABatch_canFailAlone() throws Exception {
    try (Sandbox sandbox = sandbox("kind=batch-partial,source=polygon,count=1")) {
      JsonNode answers =
          Json.read(
              new Client(sandbox)
                  .post(
                      "/polygon",
                      "[{\"id\":1,\"method\":\"eth_chainId\"},{\"id\":2,\"method\":\"eth_chainId\"}]")
                  .body());
      assertEquals(
          1, (answers.get(0).has("error") ? 1 : 0) + (answers.get(1).has("error") ? 1 : 0));
    }
  }

  @Test
  void truthAndStatistics_areThereInJavaToo() throws Exception {
    try (Sandbox sandbox = sandbox()) {
      String id = sandbox.truth().conditionIds().get(5);
      assertEquals(1, sandbox.truth().lines("payouts?source=chain", id).size());
      assertEquals(
          sandbox.truth().payout("chain", id).state(),
          Json.read(sandbox.truth().lines("payouts?source=chain", id).get(0))
              .get("state")
              .asText());
      assertEquals(2000, sandbox.truth().lines("conditions", "").size());
      assertTrue(Json.read(sandbox.stats()).at("/limits/goldsky/documented").asInt() == 50);
    }
  }

  @Test
  void wrongFault_isOneLine() throws Exception {
    try (Sandbox sandbox = sandbox()) {
      Client client = new Client(sandbox);
      HttpResponse<String> answer = client.post("/_sandbox/faults", "{\"kind\":\"flood\"}");
      assertEquals(400, answer.statusCode());
      assertTrue(answer.body().contains("kind 'flood' is none of"));
    }
  }

  @Test
  void takenPort_isOneLineAndExitOne() throws Exception {
    try (Sandbox sandbox = sandbox()) {
      java.io.PrintStream err = System.err;
      java.io.ByteArrayOutputStream seen = new java.io.ByteArrayOutputStream();
      System.setErr(new java.io.PrintStream(seen));
      try {
        assertEquals(
            1,
            new picocli.CommandLine(new SandboxCommand())
                .execute("--port", String.valueOf(sandbox.port())));
      } finally {
        System.setErr(err);
      }
      assertTrue(
          seen.toString().startsWith("sandbox: port " + sandbox.port() + " cannot be used"),
          seen.toString());
      assertEquals(1, seen.toString().lines().count());
    }
  }
}
