package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class PositionsSubgraphTest {
  private static final String PATH = PositionsSubgraph.PREFIX;
  private static Sandbox sandbox;
  private static Client client;

  @BeforeAll
  static void start() throws Exception {
    sandbox = Sandbox.start(new SandboxOptions().limits(0).conditions(3000));
    client = new Client(sandbox);
  }

  @AfterAll
  static void stop() {
    sandbox.close();
  }

  static List<String> strangers(int count) {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ids.add("0x" + Mix.hex(Mix.mix(99, i), 32));
    }
    return ids;
  }

  private static String in(List<String> ids) {
    return ids.stream().collect(Collectors.joining("\",\"", "[\"", "\"]"));
  }

  @Test
  void withoutFirst_onlyAHundredRowsCome_withoutNotice() throws Exception {
    JsonNode answer =
        client.graphql(PATH, "{conditions(where:{id_in:" + in(strangers(500)) + "}){id payouts}}");
    assertEquals(100, answer.at("/data/conditions").size());
    assertTrue(answer.path("errors").isMissingNode());
  }

  @Test
  void thousandIds_areAnsweredAsTheTruthSays_inTheOrderOfIds() throws Exception {
    List<String> ids = strangers(1000);
    JsonNode rows =
        client
            .graphql(
                PATH, "query{conditions(where:{id_in:" + in(ids) + "}, first: 1000){id payouts}}")
            .at("/data/conditions");
    List<String> expected = new ArrayList<>();
    for (String id : ids) {
      Payout payout = sandbox.truth().goldskyPayout(id);
      if (!payout.state().equals("absent")) {
        expected.add(id + " " + payout.served());
      }
    }
    Collections.sort(expected);
    List<String> served = new ArrayList<>();
    rows.forEach(
        row -> {
          List<String> payouts = row.get("payouts").isNull() ? null : new ArrayList<>();
          row.get("payouts").forEach(p -> payouts.add(p.textValue()));
          served.add(row.get("id").textValue() + " " + payouts);
        });
    assertEquals(expected, served);
    assertTrue(
        expected.size() > 820 && expected.size() < 930,
        "about 12 % are absent, were " + (1000 - expected.size()));
  }

  @Test
  void pagingByIdGt_meetsEveryConditionOnce() throws Exception {
    List<String> met = new ArrayList<>();
    String last = "";
    while (true) {
      JsonNode rows =
          client
              .graphql(
                  PATH,
                  "{conditions(first: 1000, orderBy: id, where:{id_gt: \"" + last + "\"}){id}}")
              .at("/data/conditions");
      rows.forEach(row -> met.add(row.get("id").textValue()));
      if (rows.size() < 1000) {
        break;
      }
      last = met.get(met.size() - 1);
    }
    List<String> expected =
        sandbox.truth().conditionIds().stream()
            .filter(id -> !sandbox.truth().goldskyPayout(id).state().equals("absent"))
            .sorted()
            .toList();
    assertEquals(expected, met);
  }

  @Test
  void filtersAndOrder_areHonoured() throws Exception {
    List<String> known =
        sandbox.truth().conditionIds().stream()
            .sorted()
            .filter(id -> !sandbox.truth().goldskyPayout(id).state().equals("absent"))
            .toList();
    JsonNode answer =
        client
            .graphql(
                PATH,
                "{a: conditions(first: 2, orderBy: id, orderDirection: desc){id}"
                    + " b: conditions(first: 3, skip: 1, where:{id_gte: \""
                    + known.get(5)
                    + "\", id_lt: \""
                    + known.get(8)
                    + "\"}){id}"
                    + " c: conditions(first: 1000, where:{payouts_not: null}){payouts}"
                    + " d: condition(id: \""
                    + known.get(0)
                    + "\"){id __typename} e: condition(id: \"0x12\"){id} _meta{block{number}}}")
            .get("data");
    assertEquals(known.get(known.size() - 1), answer.at("/a/0/id").asText());
    assertEquals(known.get(known.size() - 2), answer.at("/a/1/id").asText());
    assertEquals(2, answer.get("b").size());
    assertEquals(known.get(6), answer.at("/b/0/id").asText());
    answer.get("c").forEach(row -> assertTrue(row.get("payouts").isArray()));
    assertEquals("Condition", answer.at("/d/__typename").asText());
    assertTrue(answer.get("e").isNull());
    assertEquals(86_126_998L, answer.at("/_meta/block/number").asLong());
  }

  @Test
  void idsInOtherForms_areJustAbsent() throws Exception {
    String id =
        strangers(50).stream()
            .filter(i -> sandbox.truth().goldskyPayout(i).state().equals("found"))
            .findFirst()
            .get();
    assertEquals(
        0,
        client
            .graphql(
                PATH,
                "{conditions(where:{id_in:"
                    + in(List.of(id.substring(2), "0x" + id.substring(2).toUpperCase()))
                    + "}){id}}")
            .at("/data/conditions")
            .size());
  }

  @Test
  void variables_areTakenFromTheBody() throws Exception {
    List<String> ids = strangers(200);
    String body =
        "{\"query\":\"query Q($ids: [ID!]!, $n: Int = 7) { conditions(where: {id_in: $ids}, first:"
            + " $n) { id } }\",\"variables\":{\"ids\":"
            + in(ids)
            + "}}";
    assertEquals(7, Json.read(client.post(PATH, body).body()).at("/data/conditions").size());
  }

  @Test
  void errors_comeInsideHttp200_asGraphNodeWordsThem() throws Exception {
    assertEquals(
        "The `first` argument must be between 0 and 1000, but is 10000",
        client.graphql(PATH, "{conditions(first: 10000){id}}").at("/errors/0/message").asText());
    assertEquals(
        "The `skip` argument must be between 0 and 5000, but is 6000",
        client.graphql(PATH, "{conditions(skip: 6000){id}}").at("/errors/0/message").asText());
    assertEquals(
        "Type `Query` has no field `markets`",
        client.graphql(PATH, "{markets{id}}").at("/errors/0/message").asText());
    assertEquals(
        "Type `Condition` has no field `payout`",
        client
            .graphql(PATH, "{conditions(where:{id_in:[]}){id payout}}")
            .at("/errors/0/message")
            .asText());
    JsonNode parse = client.graphql(PATH, "{\n conditions(where:{id_in: ['0x12']}) {id}}");
    assertEquals(2, parse.at("/errors/0/locations/0/line").asInt());
    assertEquals(28, parse.at("/errors/0/locations/0/column").asInt());
    assertTrue(
        parse
            .at("/errors/0/message")
            .asText()
            .startsWith("Unexpected `unexpected character '\\''`\nExpected `IntValue`"));
    assertEquals(404, client.post("/goldsky/positions-subgraph/0.0.9/gn", "{}").statusCode());
  }

  @Test
  void unknownIds_areMixedAsPlanned() {
    int[] found = new int[1];
    int rejected = 0;
    int ties = 0;
    int shares = 0;
    int many = 0;
    List<String> ids = strangers(40_000);
    for (String id : ids) {
      Payout payout = sandbox.truth().goldskyPayout(id);
      rejected += payout.state().equals("rejected") ? 1 : 0;
      if (payout.state().equals("found")) {
        found[0]++;
        ties += payout.winningIndex() < 0 ? 1 : 0;
        shares += payout.served().contains("0.54") ? 1 : 0;
        many += payout.served().size() > 2 ? 1 : 0;
        assertEquals(
            payout.denominator(),
            payout.numerators().stream()
                .reduce(java.math.BigInteger.ZERO, java.math.BigInteger::add));
      }
    }
    assertEquals(0.80, found[0] / 40_000.0, 0.01);
    assertTrue(rejected > 5 && rejected < 40, "rejected " + rejected);
    assertTrue(ties > 1000 && ties < 2000, "ties " + ties);
    assertTrue(shares > 5, "0.54 " + shares);
    assertTrue(many > 200, "more than two outcomes " + many);
  }

  @Test
  void fractions_areExactInLowestTerms() {
    assertEquals("[27, 23] 50 0", terms("0.54", "0.46"));
    assertEquals("[1, 1] 2 -1", terms("0.5", "0.5"));
    assertEquals("[333333, 666667] 1000000 1", terms("0.333333", "0.666667"));
    assertEquals("[0, 1] 1 1", terms("0", "1"));
  }

  private static String terms(String... served) {
    Payout payout = new Payout("found", List.of(served));
    return payout.numerators() + " " + payout.denominator() + " " + payout.winningIndex();
  }

  @Test
  void truth_isServedAsOneObjectPerLine() throws Exception {
    List<String> ids = strangers(10);
    String[] lines = client.post("/_sandbox/truth/payouts", in(ids)).body().split("\n");
    assertEquals(10, lines.length);
    assertEquals(ids.get(0).substring(2), Json.read(lines[0]).get("condition_id").asText());
    assertEquals(3000, client.get("/_sandbox/truth/payouts").body().split("\n").length);
  }
}
