package polymarket.backfill.clickhouse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.TestBed;
import polymarket.backfill.embedded.ShardEngine;

/**
 * One server of a cluster with two shards, which {@link ShardEngine} plays. What that engine cannot
 * do is taken out of the statements: {@code ON CLUSTER}, and replication. Both shards have the same
 * tables there, so those of shards have no deduplication: a token would be known from the other
 * shard. An insert that is repeated with its token ends here.
 */
final class ShardFront implements AutoCloseable {

  private static final Pattern REPLICATED =
      Pattern.compile("\\bReplicated(\\w*MergeTree)(?:(\\()'[^']*', '[^']*'(?:, )?)?");

  private static final Pattern WINDOW =
      Pattern.compile("\\breplicated_deduplication_window = (\\d+)");

  private final ShardEngine engine;
  private final HttpFront front;

  /** The tokens of inserts, each with its statement. */
  private final Set<String> tokens = ConcurrentHashMap.newKeySet();

  /** What came. */
  final List<String> statements = new CopyOnWriteArrayList<>();

  /** What the engine refused. */
  final List<String> failures;

  /**
   * @param keys the tables NAME_shard with the column by whose hash they are spread
   */
  ShardFront(Map<String, String> keys) throws IOException {
    Path data =
        Files.createTempDirectory(
            Files.createDirectories(TestBed.PROJECT.resolve("target/tests")), "shards");
    engine = new ShardEngine(data, keys);
    front = new HttpFront(this::answer);
    failures = front.failures;
  }

  /** The settings of a program that uses it. */
  Map<String, String> settings() {
    return Map.of(
        "clickhouse.url",
        front.url(),
        "clickhouse.user",
        "default",
        "clickhouse.cluster",
        "two",
        "clickhouse.stored-on",
        "one");
  }

  private HttpFront.Reply answer(Map<String, String> parameters, byte[] body) {
    String own = parameters.get("query");
    String sql = own == null ? new String(body, StandardCharsets.UTF_8) : own;
    statements.add(sql);
    String token = parameters.get("insert_deduplication_token");
    if (token != null && !tokens.add(token + " " + own)) {
      return new HttpFront.Reply(200, null, new byte[0]);
    }
    byte[] sent = body;
    if (own == null) {
      sent = plain(sql).getBytes(StandardCharsets.UTF_8);
    } else {
      parameters.put("query", plain(own));
    }
    HttpFront.Reply reply = front.send(engine.url(), parameters, sent);
    if (reply.status() != 200) {
      failures.add(sql + ": " + new String(reply.body(), StandardCharsets.UTF_8));
    }
    return reply;
  }

  /** The statement as one server without a Keeper takes it. */
  static String plain(String sql) {
    boolean shard =
        Pattern.compile("^(\\s|--[^\\n]*\\n)*CREATE TABLE[^(]*_shard\\b").matcher(sql).find();
    String plain =
        REPLICATED
            .matcher(
                sql.replace(" ON CLUSTER `two`", "")
                    .replace("hostName() AS", "concat('server-', toString(shardNum())) AS"))
            .replaceAll(found -> found.group(1) + (found.group(2) == null ? "" : "("));
    return WINDOW
        .matcher(plain)
        .replaceAll(
            found ->
                Matcher.quoteReplacement(
                    "non_replicated_deduplication_window = " + (shard ? "0" : found.group(1))))
        .replaceAll(
            "SELECT engine_full FROM (system\\.tables WHERE database = 'default' AND name ="
                + " 'backfill_server')",
            "SELECT concat(engine, '(\\\\'/{uuid}/whole\\\\')') AS engine_full FROM $1");
  }

  @Override
  public void close() {
    front.close();
    engine.close();
  }
}
