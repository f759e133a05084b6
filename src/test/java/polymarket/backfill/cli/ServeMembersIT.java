package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import polymarket.backfill.Program;
import polymarket.backfill.Proxy;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Members;
import polymarket.backfill.ledger.Postgres;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.sandbox.SandboxOptions;

/** What one machine says of a shared ledger on which others work. */
class ServeMembersIT {

  @RegisterExtension static final Members MEMBERS = new Members();

  private static final ObjectMapper JSON = new ObjectMapper();

  private static HttpResponse<String> get(JsonNode served, String path) throws Exception {
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(URI.create(served.get("url").asText() + path))
                .header("Authorization", "Bearer " + served.get("token").asText())
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void membersElsewhere_countAsRunning_andADatabaseThatIsGoneIs503() throws Exception {
    SharedLedgers direct = MEMBERS.database();
    try (Proxy proxy = new Proxy(URI.create(direct.url().substring("jdbc:".length())).getPort());
        TestBed bed =
            TestBed.start(new SandboxOptions().conditions(2000).limits(0).latencyMillis(100))) {
      bed.share(Postgres.at(proxy.port(), direct.database())).set("serve.port", 0);
      bed.set("payouts.batch-size", 1).set("payouts.concurrency", 1);
      Path ids = Files.write(bed.home().resolve("ids.txt"), bed.ids("found", 800));
      MEMBERS.start(bed, "run", "payouts", "--ids", ids.toString());
      bed.awaitRequests(2);
      try (Program serve = Program.start(bed, "serve")) {
        Path file = bed.home().resolve("runtime/serve.json");
        TestBed.await("the page", TestBed.SOON, () -> Files.exists(file) || !serve.isAlive());
        JsonNode served = JSON.readTree(file.toFile());
        String metrics = get(served, "metrics").body();
        assertTrue(metrics.contains("backfill_running{job=\"payouts\"} 1\n"), metrics);
        JsonNode measures =
            JSON.readTree(Program.run(bed, "ready", "--json").out()).get("measures");
        List<Long> running = new ArrayList<>();
        measures.forEach(
            measure -> {
              if (measure.get("measure").asText().equals("running")) {
                running.add(measure.get("value").asLong());
              }
            });
        assertEquals(List.of(1L), running, measures.toString());
        assertEquals(404, get(served, "failed.json?job=payuots").statusCode());
        proxy.cut();
        for (String path : List.of("metrics", "status.json", "failed.json?job=payouts")) {
          HttpResponse<String> answer = get(served, path);
          assertEquals(503, answer.statusCode(), path);
          assertTrue(answer.body().contains("does not answer"), answer.body());
        }
      }
    }
  }

  @Test
  void joinSaysWhoAsksForFailedIdsAgain_andHasNothingToDoWhereNoneIsPending() throws Exception {
    try (TestBed bed =
        TestBed.start(new SandboxOptions().conditions(3000).limits(0).latencyMillis(300))) {
      bed.share(MEMBERS.database());
      bed.set("payouts.batch-size", 2).set("payouts.concurrency", 1);
      List<String> all = new ArrayList<>(bed.ids("rejected", 1));
      assertEquals(1, all.size(), "the sandbox has an id that fails");
      all.addAll(bed.ids("found", 160));
      Path ids = Files.write(bed.home().resolve("ids.txt"), all);
      Program run = MEMBERS.start(bed, "run", "payouts", "--ids", ids.toString());
      bed.awaitRequests(2);
      Program join = MEMBERS.start(bed, "join", "payouts");
      assertEquals(2, run.end().exitCode(), run.err());
      assertTrue(run.err().contains("the same command asks for them again"), run.err());
      assertEquals(2, join.end().exitCode(), join.err());
      assertTrue(join.err().contains("`backfill run payouts` asks for them again"), join.err());
      for (String[] again : new String[][] {{"join"}, {"join", "payouts"}}) {
        Program late = MEMBERS.start(bed, again);
        assertEquals(0, late.end().exitCode(), late.err());
        assertTrue(late.out().contains("nothing to do: no ledger"), late.out());
      }
    }
  }
}
