package polymarket.backfill.clickhouse;

import com.clickhouse.client.api.Client;
import com.clickhouse.client.api.insert.InsertResponse;
import com.clickhouse.client.api.insert.InsertSettings;
import com.clickhouse.client.api.query.QueryResponse;
import com.clickhouse.client.api.query.QuerySettings;
import com.clickhouse.data.ClickHouseFormat;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import javax.sql.DataSource;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.embedded.EmbeddedClickHouse;
import polymarket.backfill.embedded.EngineServer;

/**
 * The client of ClickHouse: the server of {@code clickhouse.url}, or the embedded engine if that is
 * empty. Safe for several threads.
 */
public final class ClickHouse implements AutoCloseable {

  /**
   * A page's keys, or a list of ids, are longer than the 256 KiB that ClickHouse takes by itself.
   */
  private static final String LONGEST_STATEMENT = "16777216";

  /**
   * The time limit of a statement; one over a large table of trades takes long on a slow machine.
   */
  private static final Duration LONGEST = Duration.ofHours(6);

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Statements that can be repeated with the same result. */
  private static final java.util.regex.Pattern REPEATABLE =
      java.util.regex.Pattern.compile(
          "\\s*(CREATE\\s+(OR\\s+REPLACE\\b|\\S+\\s+(VIEW\\s+)?IF\\s+NOT\\s+EXISTS\\b)"
              + "|DROP\\s+\\S+\\s+IF\\s+EXISTS\\b|OPTIMIZE\\b|TRUNCATE\\b|SYSTEM\\b)",
          java.util.regex.Pattern.CASE_INSENSITIVE);

  private final EmbeddedClickHouse embedded;
  private final URI url;
  private final String user;
  private final String password;
  private final Cluster cluster;
  private volatile Replicas replicas = Replicas.NONE;
  private volatile Client client;
  private final Queue<Client> clients = new ConcurrentLinkedQueue<>();
  private HikariDataSource pool;

  private ClickHouse(
      EmbeddedClickHouse embedded, URI url, String user, String password, Cluster cluster) {
    this.embedded = embedded;
    this.cluster = cluster;
    this.url = url;
    this.user = user;
    this.password = password;
    connect();
  }

  // a new client has a new pool: the connections of the old one lead to an engine that has ended
  private void connect() {
    Client.Builder builder =
        new Client.Builder()
            .addEndpoint(url.toString())
            .setUsername(user)
            .setPassword(password)
            .setConnectTimeout(5, ChronoUnit.SECONDS)
            .setSocketTimeout(600, ChronoUnit.SECONDS)
            .setMaxConnections(64)
            .compressServerResponse(false)
            .compressClientRequest(false)
            .setMaxRetries(0)
            .useAsyncRequests(false);
    replicas.always().forEach(builder::serverSetting);
    Client made = builder.build();
    clients.add(made);
    client = made;
  }

  /**
   * Connects, starting the embedded engine or attaching to the one that runs on the same data
   * folder.
   *
   * @throws UserError if it does not answer
   */
  public static ClickHouse open(Settings settings) {
    String url = settings.text("clickhouse.url");
    Cluster cluster = Cluster.of(settings);
    EmbeddedClickHouse embedded = null;
    URI uri;
    if (url.isEmpty()) {
      embedded =
          EmbeddedClickHouse.attach(
              settings.path("clickhouse.data"),
              settings.port("clickhouse.port"),
              settings.text("clickhouse.embedded.password"),
              files(settings));
      uri = embedded.url();
    } else {
      uri = settings.url("clickhouse.url");
    }
    ClickHouse clickHouse =
        new ClickHouse(
            embedded,
            uri,
            embedded == null ? settings.text("clickhouse.user") : embedded.user(),
            embedded == null ? settings.text("clickhouse.password") : embedded.password(),
            cluster);
    try {
      clickHouse.rows("SELECT 1", Map.of());
      long inCluster = cluster.check(clickHouse);
      if (embedded == null) {
        clickHouse.replicas = Replicas.of(clickHouse, settings, inCluster, cluster.shards());
        clickHouse.connect();
      }
    } catch (UserError e) {
      clickHouse.close();
      boolean silent = e instanceof ClickHouseException refused && refused.code() == 0;
      throw silent && embedded == null
          ? new ClickHouseException(
              e.getMessage() + "; start it, or set clickhouse.url (empty: the embedded engine)",
              0,
              e)
          : e;
    }
    return clickHouse;
  }

  /** The folder whose files statements to the embedded engine may read and write; null for none. */
  public static Path files(Settings settings) {
    String key = "clickhouse.embedded.files";
    return settings.text(key).isEmpty() ? null : settings.path(key);
  }

  /** The base URL, without user and password. */
  public URI url() {
    return url;
  }

  /**
   * Starts the embedded engine again if it has ended, at the port that it had.
   *
   * @return whether it had ended
   * @throws UserError where it does not start
   */
  public boolean revive() {
    if (embedded == null || embedded.isAlive()) {
      return false;
    }
    embedded.reattach();
    connect();
    if (!embedded.url().equals(url)) {
      throw new UserError(
          "embedded ClickHouse: it was restarted at "
              + embedded.url()
              + ", but this run uses "
              + url
              + "; stop the run and repeat the command, which continues");
    }
    return true;
  }

  /** Where it is, for people. */
  public String where() {
    return embedded != null
        ? "embedded ClickHouse at " + url
        : "ClickHouse at " + url.getHost() + ":" + url.getPort();
  }

  /** Pooled JDBC connections, for camel-jdbc. */
  public synchronized DataSource dataSource() {
    if (pool == null) {
      Properties properties = new Properties();
      properties.setProperty("user", user);
      properties.setProperty("password", password);
      properties.setProperty("compress", "false");
      properties.setProperty("clickhouse_setting_max_query_size", LONGEST_STATEMENT);
      replicas
          .always()
          .forEach((name, value) -> properties.setProperty("clickhouse_setting_" + name, value));
      HikariConfig config = new HikariConfig();
      config.setPoolName("clickhouse");
      config.setJdbcUrl("jdbc:clickhouse:" + url);
      config.setDataSourceProperties(properties);
      config.setMinimumIdle(0);
      config.setMaximumPoolSize(64);
      config.setConnectionTimeout(10_000);
      config.setInitializationFailTimeout(-1);
      pool = new HikariDataSource(config);
    }
    return UnparsedSelects.of(pool, cluster::changed, deletions());
  }

  /**
   * Inserts rows in one block and waits until they are stored.
   *
   * @param table with its database
   * @param rows as JSONEachRow
   * @param token the deduplication token of these rows; a second insert with the same token stores
   *     nothing
   * @throws ClickHouseException if it did not acknowledge them
   */
  public void insert(String table, byte[] rows, String token) {
    insert(
        table,
        rows,
        oneBlock(token)
            .serverSetting("input_format_json_read_arrays_as_strings", "1")
            .serverSetting("input_format_json_read_objects_as_strings", "1")
            .serverSetting("input_format_json_read_numbers_as_strings", "1")
            .serverSetting("input_format_json_read_bools_as_strings", "1")
            .serverSetting("date_time_input_format", "best_effort"));
  }

  /**
   * Inserts an answer's bytes unchanged, in the same way.
   *
   * @param batch what the view behind the landing table gives as the rows' batch, by {@code
   *     getSetting('log_comment')}: the bytes themselves do not name it
   */
  public void insert(String table, byte[] answer, String token, String batch) {
    insert(
        table,
        answer,
        // several are inserted side by side; threads of one insert that wait for each other take
        // longer
        oneBlock(token).serverSetting("log_comment", batch).serverSetting("max_threads", "1"));
  }

  private static InsertSettings oneBlock(String token) {
    return new InsertSettings()
        .setDeduplicationToken(token)
        .serverSetting("deduplicate_blocks_in_dependent_materialized_views", "1")
        .serverSetting("async_insert", "0")
        // a block is atomic, a request of several blocks is not
        .serverSetting("max_insert_block_size", "10000000")
        .serverSetting("min_insert_block_size_rows", "10000000")
        .serverSetting("min_insert_block_size_bytes", "1000000000")
        .serverSetting("input_format_parallel_parsing", "0")
        .serverSetting("input_format_skip_unknown_fields", "1");
  }

  private void insert(String table, byte[] rows, InsertSettings settings) {
    try (InsertResponse response =
        client
            .insert(table, new ByteArrayInputStream(rows), ClickHouseFormat.JSONEachRow, settings)
            .get()) {
      response.getQueryId();
    } catch (Exception e) {
      throw ClickHouseException.of(where(), e);
    }
  }

  /**
   * Returns the rows of a query, all of them in memory.
   *
   * @param sql without a FORMAT clause
   * @param parameters values of {name:Type} placeholders
   * @throws UserError if ClickHouse returns an error or does not answer
   */
  public List<Map<String, Object>> rows(String sql, Map<String, Object> parameters) {
    return surviving(
        true,
        () -> {
          List<Map<String, Object>> rows = new ArrayList<>();
          stream(sql, parameters, rows::add);
          return rows;
        });
  }

  /** The same, a row at a time; memory stays flat. */
  public void stream(
      String sql,
      Map<String, Object> parameters,
      java.util.function.Consumer<Map<String, Object>> to) {
    read(
        sql,
        parameters,
        new QuerySettings()
            .setFormat(ClickHouseFormat.JSONEachRow)
            .serverSetting("output_format_json_quote_64bit_integers", "0"),
        in -> {
          try (MappingIterator<Map<String, Object>> lines =
              JSON.readerForMapOf(Object.class).readValues(in)) {
            while (lines.hasNextValue()) {
              to.accept(lines.nextValue());
            }
          }
        });
  }

  /** Reads an answer. */
  public interface Reader {
    /**
     * @param in to its end
     */
    void read(InputStream in) throws IOException;
  }

  /** Hands on the rows of a query as RowBinary; memory stays flat. */
  public void binary(String sql, Reader to) {
    read(sql, Map.of(), new QuerySettings().setFormat(ClickHouseFormat.RowBinary), to);
  }

  private void read(String sql, Map<String, Object> parameters, QuerySettings settings, Reader to) {
    untilItEnds(settings).serverSetting("max_query_size", LONGEST_STATEMENT);
    try (QueryResponse response = client.query(sql, parameters, settings).get();
        InputStream in = response.getInputStream()) {
      to.read(in);
    } catch (UserError e) {
      throw e;
    } catch (Exception e) {
      throw ClickHouseException.of(where(), e).in(sql);
    }
  }

  /** The one value of a query that gives one row with one column. */
  public Object value(String sql) {
    return rows(sql, Map.of()).get(0).values().iterator().next();
  }

  /**
   * The one number of a query that gives one row with one column, without decimals; {@link
   * Long#MAX_VALUE} for what is larger, such as the free space of object storage, 2^64-1.
   */
  public long number(String sql) {
    return new BigDecimal(String.valueOf(value(sql)))
        .toBigInteger()
        .min(BigInteger.valueOf(Long.MAX_VALUE))
        .longValueExact();
  }

  /** A statement over a large table may give no byte for longer than an insert of a batch may. */
  private static QuerySettings untilItEnds(QuerySettings settings) {
    settings.setNetworkTimeout(LONGEST.toMillis(), ChronoUnit.MILLIS);
    return settings;
  }

  /** Whether {@code clickhouse.cluster} names a cluster, all replicas of which have the tables. */
  public boolean isCluster() {
    return cluster.isNamed();
  }

  /**
   * The name of the table that has the rows of a table on this server, and with it parts and a
   * size: another one where the cluster has several shards and the table is spread over them.
   */
  public String stored(String table) {
    return cluster.shards() == null ? table : cluster.shards().stored(table);
  }

  /**
   * @param what a command that needs all rows on one shard
   * @throws UserError where the cluster has several
   */
  public void requireOneShard(String what) {
    if (cluster.shards() != null) {
      cluster.shards().refuse(what);
    }
  }

  private Deletions deletions() {
    return new Deletions(where(), this::number);
  }

  /** Runs a statement that gives no rows; on a cluster, as {@link Cluster} rewrites it. */
  public void execute(String sql) {
    deletions()
        .complete(
            sql,
            () -> {
              send(sql);
              return null;
            });
  }

  private void send(String sql) {
    for (String sent : cluster.statements(sql, table -> Columns.engine(this, table))) {
      surviving(
          REPEATABLE.matcher(sql).lookingAt(),
          () -> {
            QuerySettings own = untilItEnds(new QuerySettings());
            replicas.statements().forEach(own::serverSetting);
            cluster.settings(sent).forEach(own::serverSetting);
            try (QueryResponse response = client.query(sent, own).get()) {
              return response.getQueryId();
            } catch (Exception e) {
              throw ClickHouseException.of(where(), e).in(sql);
            }
          });
    }
  }

  /**
   * Repeats work if the embedded engine was killed meanwhile: at the set-up and the end of a run
   * nothing else restarts it.
   *
   * @param repeatable whether it may be done twice; if not, it is repeated only where the engine
   *     was gone before it could begin
   */
  private <T> T surviving(boolean repeatable, Supplier<T> work) {
    if (!repeatable) {
      // a connection of the pool would only tell that it broke, not when
      revive();
    }
    long engine = embedded == null ? 0 : embedded.pid();
    try {
      return work.get();
    } catch (ClickHouseException e) {
      if (e.code() == 0 && (repeatable || isRefused(e)) && isGone(engine)) {
        revive();
        return work.get();
      }
      throw e;
    }
  }

  private static boolean isRefused(Throwable e) {
    return e != null && (e instanceof ConnectException || isRefused(e.getCause()));
  }

  // its connections may break a moment before the one that says that it lives; and another thread
  // may have started it again by now
  private boolean isGone(long engine) {
    for (int i = 0; i < 20 && embedded != null; i++) {
      if (embedded.pid() != engine || !embedded.isAlive()) {
        return true;
      }
      EngineServer.pause(50);
    }
    return false;
  }

  /** Runs the statements of a section in their order. */
  public void execute(SqlFile.Section section, Map<String, ?> values) {
    section.statements().forEach(statement -> execute(SqlFile.fill(statement, values)));
  }

  /**
   * Sends a statement unchanged and returns the answer as a stream, in the format of the statement.
   *
   * @param format the format where it has no FORMAT clause
   */
  public InputStream raw(String sql, String format) {
    HttpRequest request =
        HttpRequest.newBuilder(
                URI.create(url.toString().replaceAll("/$", "") + "/?default_format=" + format))
            .timeout(LONGEST)
            .header(
                "Authorization",
                "Basic "
                    + Base64.getEncoder()
                        .encodeToString(
                            (user + ":" + password)
                                .getBytes(java.nio.charset.StandardCharsets.UTF_8)))
            .POST(HttpRequest.BodyPublishers.ofString(sql))
            .build();
    try {
      HttpResponse<InputStream> response =
          HttpClient.newBuilder()
              .connectTimeout(Duration.ofSeconds(5))
              .build()
              .send(request, HttpResponse.BodyHandlers.ofInputStream());
      if (response.statusCode() == 200) {
        return response.body();
      }
      try (InputStream body = response.body()) {
        throw new UserError(
            ClickHouseException.plain(
                new String(body.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)));
      }
    } catch (IOException e) {
      throw new ClickHouseException(where() + " does not answer: " + e.getMessage(), 0, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted");
    }
  }

  /** Whether a table or view is there. */
  public boolean has(String database, String table) {
    return !rows(
            "SELECT 1 FROM system.tables WHERE database = {d:String} AND name = {t:String}",
            Map.of("d", database, "t", table))
        .isEmpty();
  }

  /** This ClickHouse's id: another server, and one whose data was deleted, have another. */
  public String id() {
    return ServerId.of(this);
  }

  @Override
  public void close() {
    if (pool != null) {
      pool.close();
    }
    clients.forEach(Client::close);
    if (embedded != null) {
      embedded.close();
    }
  }
}
