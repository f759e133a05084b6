package polymarket.backfill.clickhouse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.Settings;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.HttpFront.Reply;

/**
 * Two engines behind one port, as two replicas behind a load balancer: each request is answered by
 * the next one. What is written to one arrives at the other after a lag. It does what ClickHouse
 * says of the settings that a cluster or Cloud needs: {@code ON CLUSTER} reaches both engines;
 * inserts with {@code insert_quorum}, mutations with {@code mutations_sync = 2} and other changes
 * with {@code alter_sync = 2} are acknowledged when both have them; in Cloud, reads with {@code
 * select_sequential_consistency} wait for what was written.
 */
final class ReplicaFront implements AutoCloseable {

  /** What the two engines are. */
  enum Kind {
    /** Two servers that know nothing of each other. */
    APART,
    /** A cluster named two. */
    CLUSTER,
    /** A service of ClickHouse Cloud. */
    CLOUD
  }

  private static final Pattern WRITE =
      Pattern.compile(
          "(?:\\s|--[^\\n]*\\n)*(INSERT|DELETE|ALTER|TRUNCATE|OPTIMIZE)\\b.*",
          Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  private static final Pattern DEFINITION =
      Pattern.compile(
          "(?:\\s|--[^\\n"
              + "]*\\n"
              + ")*(CREATE|DROP|RENAME|EXCHANGE|ALTER TABLE \\S+ (?!UPDATE|DELETE|ATTACH))\\b.*",
          Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  private static final Pattern NOW = Pattern.compile("\\bnow64\\(\\d(?:, 'UTC')?\\)");

  private static final String ON_CLUSTER = " ON CLUSTER `two`";

  /** One engine, and what it has still to take over from the other, in order. */
  private final class Replica {
    final ClickHouse engine;
    final String password;
    final ExecutorService queue = Executors.newSingleThreadExecutor();
    volatile Future<?> last;

    Replica(String name) throws IOException {
      Path data =
          Files.createTempDirectory(
              Files.createDirectories(TestBed.PROJECT.resolve("target/tests")), name);
      engine =
          ClickHouse.open(
              TestBed.defaults()
                  .with("clickhouse.data", data.toString())
                  .with("clickhouse.port", "0"));
      password = Files.readString(data.resolve("engine.password")).strip();
    }

    synchronized Future<?> later(Request request) {
      long due = System.nanoTime() + lag * 1_000_000;
      last =
          queue.submit(
              () -> {
                long wait = due - System.nanoTime();
                if (wait > 0) {
                  Thread.sleep(wait / 1_000_000 + 1);
                }
                Reply answer = send(this, request);
                if (answer.status() != 200) {
                  failures.add(request.sql() + ": " + text(answer.body()));
                }
                return null;
              });
      return last;
    }

    void catchUp() {
      Future<?> newest = last;
      if (newest != null) {
        ReplicaFront.await(newest);
      }
    }
  }

  /**
   * @param parameters of the URL; the statement is in query, or is the body
   */
  private record Request(Map<String, String> parameters, byte[] body) {

    String sql() {
      return parameters.getOrDefault("query", "") + (isInBody() ? text(body) : "");
    }

    boolean isInBody() {
      return !parameters.containsKey("query");
    }

    Request with(String sql) {
      Map<String, String> changed = new LinkedHashMap<>(parameters);
      if (!isInBody()) {
        changed.put("query", sql);
      }
      return new Request(changed, isInBody() ? sql.getBytes(StandardCharsets.UTF_8) : body);
    }

    int number(String setting) {
      return Integer.parseInt(parameters.getOrDefault(setting, "0"));
    }
  }

  private final Kind kind;
  private final HttpFront front;
  private final List<Replica> replicas;
  private final AtomicInteger turns = new AtomicInteger();
  private volatile long lag;
  private volatile boolean hidden;

  /** What could not be replicated. */
  final List<String> failures;

  /** The statements that were sent to both by ON CLUSTER, as the engine's parser has them. */
  final List<String> onCluster = new CopyOnWriteArrayList<>();

  ReplicaFront(Kind kind) throws IOException {
    this.kind = kind;
    replicas = List.of(new Replica("replica-1"), new Replica("replica-2"));
    front = new HttpFront(this::answer);
    failures = front.failures;
  }

  /** How long it takes until the other engine has what one stored, in milliseconds. */
  ReplicaFront lag(long millis) {
    lag = millis;
    return this;
  }

  /** From now on, both say that they are the same server, as a load balancer may seem at first. */
  void hide() {
    hidden = true;
  }

  /** Lets the next request be answered by the engine after the one whose turn it is. */
  void skip() {
    turns.incrementAndGet();
  }

  Settings settings(Settings settings) {
    return settings.with(settings());
  }

  /** The settings of a program that uses both. */
  Map<String, String> settings() {
    return Map.of(
        "clickhouse.url", front.url(), "clickhouse.cluster", kind == Kind.CLUSTER ? "two" : "");
  }

  /** What each engine gives for a query, once it has taken over everything. */
  List<List<Map<String, Object>>> rows(String sql) {
    replicas.forEach(Replica::catchUp);
    return replicas.stream().map(replica -> replica.engine.rows(sql, Map.of())).toList();
  }

  private Reply answer(Map<String, String> parameters, byte[] body) {
    if (kind == Kind.CLOUD) {
      parameters.put("cloud_mode", "1");
    }
    return answer(new Request(parameters, body));
  }

  private Reply answer(Request request) {
    int turn = Math.floorMod(turns.getAndIncrement(), replicas.size());
    Replica one = replicas.get(turn);
    Replica other = replicas.get(1 - turn);
    String sql = request.sql();
    boolean everywhere = sql.contains(ON_CLUSTER);
    if (everywhere || kind == Kind.CLOUD && DEFINITION.matcher(sql).matches()) {
      return define(request, sql, everywhere);
    }
    if (sql.matches("(?s).*FROM backfill_benchmark\\.(replicas|parts)\\b.*")) {
      return together(request);
    }
    if (request.number("select_sequential_consistency") > 0) {
      one.catchUp();
    }
    Request sent =
        request.with(
            sql.replace(
                    "serverUUID()",
                    "toUUID('00000000-0000-0000-0000-00000000000" + (hidden ? 0 : turn) + "')")
                .replace(
                    "system.clusters",
                    kind == Kind.CLUSTER
                        ? "(SELECT 'two' AS cluster, 1 AS shard_num, arrayJoin([1, 2]) AS"
                            + " replica_num) AS clusters"
                        : "system.clusters"));
    if (sql.strip().toUpperCase(Locale.ROOT).startsWith("INSERT")) {
      // a statement is executed twice here, where ClickHouse copies the rows
      sent =
          sent.with(
              NOW.matcher(sent.parameters().getOrDefault("query", text(sent.body())))
                  .replaceAll(
                      "fromUnixTimestamp64Milli(" + System.currentTimeMillis() + ", 'UTC')"));
    }
    Reply answer = send(one, sent);
    if (kind != Kind.APART && answer.status() == 200 && WRITE.matcher(sql).matches()) {
      Future<?> there = other.later(sent);
      if (isAwaited(request, sql.strip().toUpperCase(Locale.ROOT))) {
        await(there);
      }
    }
    return answer;
  }

  /** Whether ClickHouse answers when all replicas have it. */
  private static boolean isAwaited(Request request, String sql) {
    if (sql.startsWith("INSERT")) {
      return request.number("insert_quorum") >= 2;
    }
    // lightweight_deletes_sync is 2 by default
    return sql.startsWith("DELETE")
        || (sql.matches("(?s)ALTER TABLE \\S+ (UPDATE|DELETE).*")
            ? request.number("mutations_sync") == 2
            : request.number("alter_sync") == 2);
  }

  /** One definition after the other reaches both engines in the same order. */
  private synchronized Reply define(Request request, String sql, boolean everywhere) {
    if (everywhere) {
      onCluster.add(
          (String) replicas.get(0).engine.value("SELECT formatQuery(" + Quoted.text(sql) + ")"));
    }
    Matcher replicated = Pattern.compile("(ENGINE\\s*=\\s*)Replicated").matcher(sql);
    Request sent =
        request.with(
            replicated
                .replaceAll("$1")
                .replace(ON_CLUSTER, "")
                .replaceAll("clusterAllReplicas\\('two', (\\S+)\\)", "$1")
                .replaceAll("\\breplicated_deduplication_window\\b", "non_$0"));
    List<Reply> answers = new ArrayList<>();
    for (Replica replica : replicas) {
      String name = "'replica-" + (replicas.indexOf(replica) + 1) + "'";
      answers.add(send(replica, sent.with(sent.sql().replace("hostName()", name))));
    }
    return answers.stream()
        .filter(answer -> answer.status() != 200)
        .findFirst()
        .orElse(answers.get(0));
  }

  /** The rows of both, as of a function that reads all replicas. */
  private Reply together(Request request) {
    Reply first = send(replicas.get(0), request);
    Reply second = send(replicas.get(1), request);
    return new Reply(
        second.status(),
        second.headers(),
        (text(first.body()) + text(second.body())).getBytes(StandardCharsets.UTF_8));
  }

  private Reply send(Replica to, Request request) {
    return front.send(
        to.engine.url().toString(),
        request.parameters(),
        request.body(),
        "Authorization",
        "Basic "
            + Base64.getEncoder()
                .encodeToString(("default:" + to.password).getBytes(StandardCharsets.UTF_8)));
  }

  private static void await(Future<?> work) {
    try {
      work.get();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    front.close();
    for (Replica replica : replicas) {
      replica.queue.shutdownNow();
      replica.engine.close();
    }
  }
}
