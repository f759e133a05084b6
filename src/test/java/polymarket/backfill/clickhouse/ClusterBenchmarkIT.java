package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ReplicaFront.Kind;
import polymarket.backfill.embedded.KeeperEngine;
import polymarket.backfill.sandbox.SandboxOptions;

/** The benchmark of a cluster, and the cluster that docs/CLUSTER.md starts for it. */
class ClusterBenchmarkIT {

  private static final Path FOLDER = TestBed.PROJECT.resolve("docs/cluster");

  @Test
  void theBenchmark_findsAllRowsOnBothReplicas_orSaysWhatIsWrong() throws IOException {
    try (ReplicaFront front = new ReplicaFront(Kind.CLUSTER).lag(100);
        TestBed bed = TestBed.start(new SandboxOptions().conditions(10).limits(0))) {
      front.settings().forEach(bed::set);
      Program.Result result = Program.run(bed, "benchmark", "cluster", "--ids", "3500");
      assertEquals(0, result.exitCode(), result.out() + result.err());
      assertTrue(result.out().contains("3,500 rows in 4 batches"), result.out());
      assertTrue(result.out().contains("0 not seen at once"), result.out());
      assertTrue(result.out().contains("replica-1              3,500 rows"), result.out());
      assertTrue(result.out().contains("replica-2              3,500 rows"), result.out());
      assertEquals(List.of(), front.failures);
      // a URL that does not always lead to the replica that stores
      front.hide();
      result =
          Program.run(
              bed.set("clickhouse.stored-on", "one"), "benchmark", "cluster", "--ids", "3500");
      assertEquals(3, result.exitCode(), result.out() + result.err());
      assertTrue(result.out().contains("WRONG: "), result.out());
    }
  }

  @Test
  void theComposeFile_hasTwoShardsWithTwoReplicas_andTheFilesThatItMounts() throws IOException {
    Map<?, ?> compose =
        (Map<?, ?>)
            new Load(LoadSettings.builder().build())
                .loadFromString(Files.readString(FOLDER.resolve("compose.yaml")));
    int servers = 0;
    List<Object> volumes = new ArrayList<>(list(compose.get("x-server"), "volumes"));
    for (Object service : ((Map<?, ?>) compose.get("services")).values()) {
      servers +=
          ((Map<?, ?>) service).get("environment") instanceof Map<?, ?> environment
                  && environment.containsKey("SHARD")
              ? 1
              : 0;
      list(service, "ports")
          .forEach(port -> assertTrue(port.toString().startsWith("127.0.0.1:"), port.toString()));
      volumes.addAll(list(service, "volumes"));
    }
    assertTrue(volumes.size() >= 3, volumes.toString());
    for (Object volume : volumes) {
      Path file = FOLDER.resolve(volume.toString().split(":")[0]);
      assertTrue(Files.isRegularFile(file), file.toString());
    }
    assertEquals(4, servers);
  }

  private static List<?> list(Object of, String key) {
    return ((Map<?, ?>) of).get(key) instanceof List<?> list ? list : List.of();
  }

  @Test
  void theServersConfiguration_isOneThatTheEngineTakes_withTheClustersOfTheComposeFile(
      @TempDir Path folder) throws IOException {
    String config =
        Files.readString(FOLDER.resolve("config.xml"))
            .replaceAll(
                "(?s)<zookeeper>.*</zookeeper>",
                "<zookeeper><implementation>testkeeper</implementation></zookeeper>")
            .replaceAll("<(shard|replica|interserver_http_host) from_env=\"\\w+\"/>", "<$1>a</$1>");
    Path file = Files.writeString(folder.resolve("config.xml"), config);
    try (KeeperEngine engine = new KeeperEngine(folder, file)) {
      assertEquals(
          "replicas\t1\t2\nshards\t2\t4",
          engine.run(
              "SELECT cluster, uniqExact(shard_num), count() FROM system.clusters GROUP BY cluster"
                  + " ORDER BY cluster"));
      assertEquals(
          "",
          engine.run(
              "CREATE TABLE default.t UUID '65654e09-83de-4d32-aa96-e3124ad3feed' (a UInt8) ENGINE"
                  + " = ReplicatedMergeTree ORDER BY a"));
    }
  }
}
