package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TokenEntitiesTest {

  @Test
  void pagingByIdGt_meetsEveryTokenOnce_withThePlannedConflictsOnly() throws Exception {
    try (Sandbox sandbox =
        Sandbox.start(new SandboxOptions().limits(0).conditions(3000).wallets(100))) {
      Client client = new Client(sandbox);
      Map<String, JsonNode> met = new HashMap<>();
      String last = "";
      while (true) {
        JsonNode page =
            client
                .graphql(
                    PositionsSubgraph.PREFIX,
                    "{tokenIdConditions(first: 1000, orderBy: id, where:{id_gt: \""
                        + last
                        + "\"}){id complement outcomeIndex condition{id payouts}}}")
                .at("/data/tokenIdConditions");
        for (JsonNode row : page) {
          assertTrue(row.get("id").asText().compareTo(last) > 0, "ordered as text");
          last = row.get("id").asText();
          met.put(last, row);
        }
        if (page.size() < 1000) {
          break;
        }
      }
      int conflicts = 0;
      int tokens = 0;
      for (String line : client.get("/_sandbox/truth/conditions").body().split("\n")) {
        JsonNode truth = Json.read(line);
        if (!truth.get("on_goldsky").asBoolean()) {
          continue;
        }
        int outcome = 0;
        for (JsonNode token : truth.get("token_ids")) {
          tokens++;
          JsonNode row = met.get(token.asText());
          boolean right =
              row.at("/condition/id").asText().equals("0x" + truth.get("condition_id").asText())
                  && row.get("outcomeIndex").asText().equals(String.valueOf(outcome++));
          conflicts += right ? 0 : 1;
          assertTrue(
              right || !truth.get("goldsky_conflict").asText().equals("none"), row + " " + truth);
        }
      }
      assertEquals(met.size(), tokens);
      assertTrue(conflicts > 5, "conflicts " + conflicts);
      JsonNode one =
          client
              .graphql(
                  PositionsSubgraph.PREFIX,
                  "{tokenIdCondition(id: \""
                      + last
                      + "\"){id} tokenIdConditions(where:{id_in:[\""
                      + last
                      + "\",\"5\"]}){id}}")
              .get("data");
      assertEquals(last, one.at("/tokenIdCondition/id").asText());
      assertEquals(1, one.get("tokenIdConditions").size());
    }
  }
}
