package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.sandbox.Payout;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * The sources of mappings and payouts side by side: the program in processes of its own, the
 * sandbox and the real engine.
 */
@Timeout(600)
class MappingSourcesIT {

  private static final String SECRET = "s3cretKey0123456789";
  private static final Map<String, String> TABLES =
      new LinkedHashMap<>(
          Map.of(
              "clob-markets",
              "clob_market_mapping",
              "goldsky-markets",
              "goldsky_market_mapping",
              "resolutions",
              "resolutions_external_ingest",
              "chain",
              "rpc_transfer_mapping"));

  private static SandboxOptions options() {
    return new SandboxOptions().conditions(1500).wallets(200).limits(0).blockSeconds(2000);
  }

  private static long head() {
    return 86_126_998L + Math.floorDiv(SandboxOptions.DEFAULT_NOW - 1777374000L, 2000L);
  }

  private static String[] run(TestBed bed, String job, long first, long last) throws IOException {
    return switch (job) {
      case "chain" -> new String[] {"run", job, "--from", "" + first, "--to", "" + last};
      case "resolutions" ->
          new String[] {
            "run", job, "--ids", Files.write(bed.home().resolve("ids.txt"), bed.ids(300)).toString()
          };
      default -> new String[] {"run", job};
    };
  }

  private static String contents(String table) {
    return TestBed.number("SELECT count() FROM default." + table)
        + " "
        + TestBed.clickHouse().value("SELECT toString(sum(cityHash64(*))) FROM default." + table);
  }

  @Test
  void anUnreachableSource_isReported_andNothingElseFillsItsTable() throws IOException {
    int dead;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      dead = socket.getLocalPort();
    }
    try (TestBed bed = SourceBed.start(options())) {
      bed.set("source.patience", "1s");
      Map<String, String> before = new LinkedHashMap<>();
      for (String job : TABLES.keySet()) {
        Program.Result result = Program.runHere(bed, run(bed, job, head() - 2_000, head() - 1_000));
        assertEquals(0, result.exitCode(), result.toString());
        // what its own job stored, and nothing else did
        before.forEach(
            (other, contents) ->
                assertEquals(
                    contents,
                    contents(TABLES.get(other)),
                    job + " wrote into the table of " + other));
        before.put(job, contents(TABLES.get(job)));
        assertFalse(before.get(job).startsWith("0 "), job + " stored nothing");
      }
      for (String setting :
          List.of("data-api.url", "clob.url", "polygon.rpc.url", "goldsky.positions.url")) {
        bed.set(setting, "http://127.0.0.1:" + dead);
      }
      for (String job : TABLES.keySet()) {
        Files.deleteIfExists(bed.home().resolve("runtime/" + job + ".ledger"));
        Program.Result result = Program.runHere(bed, run(bed, job, head() - 4_000, head() - 3_000));
        assertEquals(5, result.exitCode(), job + ": " + result);
        assertTrue(
            result.err().contains("gave up") && result.err().contains("127.0.0.1"), result.err());
        assertFalse(result.out().contains(": complete"), result.out());
        before.forEach(
            (other, contents) ->
                assertEquals(
                    contents, contents(TABLES.get(other)), job + " changed the table of " + other));
      }
    }
  }

  @Test
  void eachJob_isVerified_fetched_andListed() throws IOException {
    try (TestBed bed = SourceBed.start(options())) {
      for (String job : TABLES.keySet()) {
        assertEquals(
            0, Program.runHere(bed, run(bed, job, head() - 2_000, head() - 1_000)).exitCode());
        Program.Result verified = Program.runHere(bed, "verify", job);
        assertEquals(0, verified.exitCode(), verified.toString());
        assertFalse(verified.out().contains("not checked"), verified.out());
        Program.Result failed = Program.runHere(bed, "verify", job, "--max-pending", "-1");
        assertEquals(3, failed.exitCode(), failed.toString());
        String id =
            switch (job) {
              case "clob-markets" -> "markets";
              case "goldsky-markets" -> "tokens";
              case "resolutions" -> bed.ids("found", 1).get(0);
              default -> (head() - 1_500) + "-" + (head() - 1_400);
            };
        String stored = contents(TABLES.get(job));
        Program.Result fetched = Program.runHere(bed, "fetch", job, id);
        assertEquals(0, fetched.exitCode(), fetched.toString());
        assertTrue(
            fetched.out().contains("found, rows: ") && fetched.out().contains("Rows for "),
            job + ": " + fetched.out());
        assertEquals(stored, contents(TABLES.get(job)), "a fetch stores nothing");
      }
      // another run asks a further source of the job
      try (ShareLock other =
          ShareLock.take(
              bed.home().resolve("runtime/polygon.lock"), Share.WHOLE, "polygon", "run chain")) {
        Program.Result refused = Program.runHere(bed, "reset", "chain", "--yes");
        assertTrue(refused.err().contains("polygon"), refused.toString());
        assertEquals(1, refused.exitCode(), refused.toString());
      }
      Program.Result status = Program.runHere(bed, "status");
      Program.Result monitor = Program.runHere(bed, "monitor");
      assertEquals(0, status.exitCode() + monitor.exitCode(), status + " " + monitor);
      TABLES
          .keySet()
          .forEach(
              job ->
                  assertTrue(
                      status.out().contains(job) && monitor.out().contains(job),
                      job + ": " + status.out() + monitor.out()));
    }
  }

  @Test
  void thePayoutsOfTheChain_areTheStrongest_andConflictsOfAllSourcesAreListed() throws IOException {
    try (TestBed bed = SourceBed.start(options().conditions(4000))) {
      long last = head() - 28;
      List<String> ranges = new ArrayList<>();
      Ranges.cut(last - 40_000, last, 4_000, range -> ranges.add(range + "/conditions+transfers"));
      assertEquals(0, bed.run("chain", Share.WHOLE, ranges).exitCode());
      List<String> ids = bed.ids(4000);
      bed.run("payouts", Share.WHOLE, ids);
      assertEquals(0, bed.run("resolutions", Share.WHOLE, ids).exitCode());
      Program.Result verified = Program.runHere(bed, "verify", "payouts", "--json");
      assertEquals(0, verified.exitCode(), verified.toString());

      Map<String, Map<String, Object>> truth = new LinkedHashMap<>();
      TestBed.sql(
              "SELECT condition_id, toString(payout_numerators) AS numerators,"
                  + " toString(payout_denominator) AS denominator, winning_index,"
                  + " toUnixTimestamp(resolved_at) AS at, source FROM"
                  + " cascadian_clean.vw_resolutions_truth")
          .forEach(row -> truth.put((String) row.get("condition_id"), row));
      Set<Object> chain = new HashSet<>();
      TestBed.sql("SELECT condition_id FROM default.rpc_resolutions")
          .forEach(row -> chain.add(row.get("condition_id")));
      Map<String, JsonNode> conditions = SourceBed.truth(bed, "conditions", "condition_id");
      Set<String> conflicts = new HashSet<>();
      Set<String> sources = new HashSet<>();
      for (String id : ids) {
        Payout ofChain = bed.sandbox().truth().payout("chain", id);
        Payout ofDataApi = bed.sandbox().truth().payout("data-api", id);
        Payout ofGoldsky = bed.sandbox().truth().payout("goldsky", id);
        Payout strongest =
            chain.contains(id)
                ? ofChain
                : ofDataApi.state().equals("found") ? ofDataApi : ofGoldsky;
        if (!strongest.state().equals("found")) {
          assertFalse(truth.containsKey(id), id);
          continue;
        }
        Map<String, Object> row = truth.get(id);
        sources.add((String) row.get("source"));
        assertEquals(
            chain.contains(id) ? "chain" : strongest == ofDataApi ? "data-api" : "goldsky-api",
            row.get("source"),
            id);
        assertEquals(strongest.numerators().toString().replace(" ", ""), row.get("numerators"), id);
        assertEquals(strongest.denominator().toString(), row.get("denominator"), id);
        assertEquals(strongest.winningIndex(), ((Number) row.get("winning_index")).intValue(), id);
        if (chain.contains(id)) {
          assertEquals(
              conditions.get(id).get("resolved_at").asLong(),
              ((Number) row.get("at")).longValue(),
              2000,
              id);
        }
        Payout exact = bed.sandbox().truth().payout("chain", id);
        if (ofGoldsky.state().equals("found")
            && exact.state().equals("found")
            && differ(ofGoldsky, exact)
            && (chain.contains(id) || ofDataApi.state().equals("found"))) {
          conflicts.add(id);
        }
      }
      assertTrue(
          chain.size() > 100 && sources.contains("chain") && sources.contains("data-api"),
          chain.size() + " " + sources);
      Set<String> listed = new HashSet<>();
      for (Map<String, Object> row :
          TestBed.sql(
              "SELECT DISTINCT condition_id FROM cascadian_clean.vw_resolution_conflicts")) {
        listed.add((String) row.get("condition_id"));
      }
      assertEquals(conflicts, listed);
      assertFalse(conflicts.isEmpty());
      JsonNode shown =
          SourceBed.json(verified.out())
              .at("/checks/conditions that two sources disagree on (at most 20)");
      assertEquals(
          Math.min(
              20, TestBed.number("SELECT count() FROM cascadian_clean.vw_resolution_conflicts")),
          shown.size());
      assertEquals(conflicts.size(), measure(SourceBed.json(verified.out()), "conflicts"));

      String one = (String) chain.iterator().next();
      TestBed.clickHouse()
          .execute(
              "INSERT INTO default.market_resolutions_final VALUES ('0x"
                  + one.toUpperCase()
                  + "', [7, 3], 10, 0, NULL)");
      assertEquals(
          "[7,3] market_resolutions_final",
          TestBed.clickHouse()
              .value(
                  "SELECT concat(toString(payout_numerators), ' ', source)"
                      + " FROM cascadian_clean.vw_resolutions_truth WHERE condition_id = '"
                      + one
                      + "'"),
          "the person's own table comes first");
    }
  }

  private static int measure(JsonNode verified, String name) {
    for (JsonNode line : verified.get("measures")) {
      if (line.get("measure").asText().equals(name)) {
        return line.get("value").asInt();
      }
    }
    return -1;
  }

  /** Whether payouts differ by more than the Data API rounds, half a part per million each. */
  private static boolean differ(Payout one, Payout other) {
    for (int i = 0; i < one.numerators().size(); i++) {
      double difference =
          one.numerators().get(i).doubleValue() / one.denominator().doubleValue()
              - other.numerators().get(i).doubleValue() / other.denominator().doubleValue();
      if (Math.abs(difference) > 1.5e-6) {
        return true;
      }
    }
    return false;
  }

  @Test
  void aNodeThatFailsBeforeItSaysHowFarItReaches_isWaitedFor_howeverOftenItSaysTheSame()
      throws IOException {
    try (TestBed bed =
        TestBed.start(options().fault("kind=html,status=502,source=polygon,count=6"))) {
      Program.Result result =
          Program.start(
                  bed,
                  List.of(),
                  Map.of("POLYGON_RPC_URL", bed.sandbox().urls().get("polygon")),
                  run(bed, "chain", head() - 2_000, head() - 1_951))
              .end();
      assertEquals(0, result.exitCode(), result.toString());
      assertEquals(1, TestBed.number("SELECT count() > 0 FROM default.rpc_transfers"));
    }
  }

  @Test
  void aNodesUrl_isReadFromAlchemysVariable_staysSecret_andAnotherNodeContinues()
      throws IOException {
    try (TestBed bed =
        TestBed.start(
            options()
                .rpc("free")
                .fault("kind=500,source=polygon,rate=0.02")
                .fault("kind=html,source=polygon,rate=0.02"))) {
      String url = bed.sandbox().urls().get("polygon") + "/v2/" + SECRET;
      Program.Result none =
          Program.runHere(
              bed, "run", "rpc-logs", "--from", "1", "--to", "2", "--set", "chain.sources=polygon");
      assertEquals(1, none.exitCode());
      assertTrue(none.err().contains("POLYGON_RPC_URL"), none.err());
      String from = String.valueOf(head() - 2_000);
      Program.Result result =
          Program.start(
                  bed,
                  List.of(),
                  Map.of("ALCHEMY_POLYGON_RPC_URL", url),
                  "run",
                  "rpc-logs",
                  "--from",
                  from,
                  "--to",
                  String.valueOf(head() - 1_801),
                  "--datasets",
                  "conditions,transfers",
                  "--debug")
              .end();
      assertEquals(0, result.exitCode(), result.toString());
      assertTrue(
          result.err().contains("200 blocks to do, about 6 requests to polygon"), result.err());
      Program.Result other =
          Program.start(
                  bed,
                  List.of(),
                  Map.of("POLYGON_RPC_URL", url.replace("/v2/", "/v3/")),
                  "run",
                  "rpc-logs",
                  "--from",
                  from,
                  "--to",
                  String.valueOf(head() - 1_701),
                  "--datasets",
                  "conditions,transfers")
              .end();
      assertEquals(0, other.exitCode(), other.toString());
      assertTrue(other.err().contains("100 blocks from"), other.err());
      assertFalse(
          (result.out() + result.err() + other.out() + other.err()).contains(SECRET),
          result + " " + other);
      try (Stream<Path> files = Files.walk(bed.home().resolve("runtime"))) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          assertFalse(
              new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains(SECRET),
              "it is in " + file);
        }
      }
    }
  }
}
