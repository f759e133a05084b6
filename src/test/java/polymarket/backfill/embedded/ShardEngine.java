package polymarket.backfill.embedded;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The engine in a process of its own, as a server that is both shards of the cluster {@code two}.
 * The library has no port for other servers, so both shards are this one and have the same tables.
 * A row policy on each NAME_shard shows a shard only the rows that its number in the query gives
 * it: 1 to those with an even hash, 2 to the others. A statement that names NAME_shard itself, as a
 * deletion, has all of them.
 */
public final class ShardEngine implements AutoCloseable {

  private final Process process;
  private final String url;

  /**
   * @param data an empty folder
   * @param keys the tables that are spread, with their database, and the column by whose hash
   */
  public ShardEngine(Path data, Map<String, String> keys) throws IOException {
    StringBuilder policies = new StringBuilder();
    keys.forEach(
        (table, key) -> {
          String[] name = table.split("\\.");
          policies.append(
              String.format(
                  "<%s><%s><filter>shardNum() = 0 OR cityHash64(%s) %% 2 = shardNum() - 1</filter>"
                      + "</%s></%s>",
                  name[0], name[1], key, name[1], name[0]));
        });
    Files.createDirectories(data.resolve("engine.d"));
    Files.createDirectories(data.resolve("engine.users.d"));
    String shard =
        "<shard><internal_replication>true</internal_replication><replica><host>%s</host>"
            + "<port>9000</port></replica></shard>";
    Files.writeString(
        data.resolve("engine.d/shards.xml"),
        "<clickhouse><tcp_port>9000</tcp_port><remote_servers replace=\"true\"><two>"
            + String.format(shard, "127.0.0.1")
            + String.format(shard, "localhost")
            + "</two></remote_servers></clickhouse>\n");
    Files.writeString(
        data.resolve("engine.users.d/shards.xml"),
        "<clickhouse><users replace=\"true\"><default><password></password><networks><ip>::/0</ip>"
            + "</networks><profile>default</profile><quota>default</quota><databases>"
            + policies
            + "</databases></default></users></clickhouse>\n");
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dbackfill.home=" + Path.of("").toAbsolutePath(),
                "-cp",
                System.getProperty("java.class.path"),
                ShardEngine.class.getName(),
                data.toString()));
    process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    url =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
            .readLine();
  }

  /** Where it answers, as ClickHouse does. */
  public String url() {
    return url;
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }

  /**
   * @param args the data folder
   */
  public static void main(String[] args) throws IOException {
    EngineAccess.allowed("table engines").add("Distributed");
    EngineAccess.allowed("table functions").add("clusterAllReplicas");
    EngineAccess.allowed("settings")
        .addAll(List.of("distributed_product_mode", "parallel_distributed_insert_select"));
    try (EngineServer server =
        new EngineServer(Path.of(args[0]), 0, null, HttpConnection.Patience.USUAL, false)) {
      System.out.println(server.url());
      while (System.in.read() >= 0) {
        continue;
      }
    }
    Runtime.getRuntime().halt(0);
  }
}
