package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.embedded.TestEngine.ask;
import static polymarket.backfill.embedded.TestEngine.rows;
import static polymarket.backfill.embedded.TestEngine.table;

import com.clickhouse.client.api.Client;
import com.clickhouse.client.api.insert.InsertResponse;
import com.clickhouse.client.api.insert.InsertSettings;
import com.clickhouse.client.api.query.GenericRecord;
import com.clickhouse.data.ClickHouseFormat;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** clickhouse-jdbc and its own client against the embedded engine. */
class ClickHouseJdbcTest {
  private static URI engine;

  @BeforeAll
  static void start() {
    engine = TestEngine.shared().url();
  }

  private static Connection connect(String parameters) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:clickhouse://127.0.0.1:" + engine.getPort() + "/default" + parameters,
        "default",
        TestEngine.PASSWORD);
  }

  private static Client client(boolean http, boolean compress) {
    return new Client.Builder()
        .addEndpoint(engine.toString())
        .setUsername("default")
        .setPassword(TestEngine.PASSWORD)
        .compressClientRequest(compress)
        .compressServerResponse(compress)
        .useHttpCompression(http)
        .build();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "?compress=false", "?client.use_http_compression=true"})
  void statements_readWhatTheyWrote(String parameters) throws Exception {
    String t = table();
    try (Connection c = connect(parameters);
        Statement s = c.createStatement()) {
      s.execute(
          "CREATE TABLE "
              + t
              + " (id UInt64, name String, price Decimal(18, 4), at DateTime64(3, 'UTC'), tags"
              + " Array(String)) ENGINE = MergeTree ORDER BY id");
      assertEquals(
          2,
          s.executeUpdate(
              "INSERT INTO "
                  + t
                  + " VALUES (1, 'Straße', 1.25, '2026-01-02 03:04:05.678', ['a', 'b']), (2,"
                  + " 'it''s', 0, 0, [])"));
      try (ResultSet r = s.executeQuery("SELECT * FROM " + t + " ORDER BY id")) {
        assertTrue(r.next());
        assertEquals(1, r.getLong("id"));
        assertEquals("Straße", r.getString("name"));
        assertEquals("1.2500", r.getBigDecimal("price").toPlainString());
        assertEquals(
            "2026-01-02T03:04:05.678", r.getObject("at", java.time.LocalDateTime.class).toString());
        assertTrue(r.next());
        assertEquals("it's", r.getString("name"));
        assertFalse(r.next());
      }
      SQLException e =
          assertThrows(SQLException.class, () -> s.executeQuery("SELECT * FROM nowhere"));
      assertEquals(60, e.getErrorCode(), e.getMessage());
    }
  }

  @Test
  void preparedStatements_bindAndBatch() throws Exception {
    String t = table();
    try (Connection c = connect("?beta.row_binary_for_simple_insert=true");
        Statement s = c.createStatement()) {
      s.execute("CREATE TABLE " + t + " (id UInt64, name String) ENGINE = MergeTree ORDER BY id");
      try (PreparedStatement p =
          c.prepareStatement("INSERT INTO " + t + " (id, name) VALUES (?, ?)")) {
        for (int i = 0; i < 1_000; i++) {
          p.setLong(1, i);
          p.setString(2, "name '" + i + "' \\ ✓");
          p.addBatch();
        }
        p.executeBatch();
      }
      try (PreparedStatement p =
          c.prepareStatement(
              "SELECT count(), any(name) FROM " + t + " WHERE id >= ? AND name = ?")) {
        p.setInt(1, 5);
        p.setString(2, "name '7' \\ ✓");
        try (ResultSet r = p.executeQuery()) {
          assertTrue(r.next());
          assertEquals(1, r.getLong(1));
          assertEquals("name '7' \\ ✓", r.getString(2));
        }
      }
    }
  }

  @Test
  void metaData_namesTablesAndColumns() throws Exception {
    String t = table();
    ask(
        engine,
        "CREATE TABLE " + t + " (id UInt64, name Nullable(String)) ENGINE = MergeTree ORDER BY id");
    try (Connection c = connect("")) {
      assertTrue(c.isValid(5));
      assertEquals("ClickHouse", c.getMetaData().getDatabaseProductName());
      assertEquals(ask(engine, "SELECT version()"), c.getMetaData().getDatabaseProductVersion());
      Set<String> tables = new HashSet<>();
      try (ResultSet r = c.getMetaData().getTables(null, "default", t, null)) {
        while (r.next()) {
          tables.add(r.getString("TABLE_NAME"));
        }
      }
      assertEquals(Set.of(t), tables);
      try (ResultSet r = c.getMetaData().getColumns(null, "default", t, "%")) {
        assertTrue(r.next());
        assertEquals("id", r.getString("COLUMN_NAME"));
        assertTrue(r.next());
        assertEquals("name", r.getString("COLUMN_NAME"));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "http", "none"})
  void client_insertsFiftyThousandRows_oncePerToken(String compression) throws Exception {
    String t = table();
    ask(engine, "CREATE TABLE " + t + "_in (a UInt32, s String) ENGINE = Null");
    ask(
        engine,
        "CREATE TABLE "
            + t
            + " (a UInt32, s String) ENGINE = MergeTree ORDER BY a SETTINGS"
            + " non_replicated_deduplication_window = 100");
    ask(
        engine,
        "CREATE MATERIALIZED VIEW " + t + "_view TO " + t + " AS SELECT a, s FROM " + t + "_in");
    try (Client client = client(compression.equals("http"), !compression.equals("none"))) {
      for (int i = 0; i < 2; i++) {
        InsertSettings settings =
            new InsertSettings()
                .setDeduplicationToken("batch-1")
                .serverSetting("deduplicate_blocks_in_dependent_materialized_views", "1");
        try (InsertResponse r =
            client
                .insert(t + "_in", rows(50_000), ClickHouseFormat.JSONEachRow, settings)
                .get(30, TimeUnit.SECONDS)) {
          assertTrue(r.getWrittenRows() >= 50_000, "written " + r.getWrittenRows());
        }
      }
      List<GenericRecord> all = client.queryAll("SELECT count() AS n, sum(a) AS sum FROM " + t);
      assertEquals(50_000, all.get(0).getLong("n"));
      assertEquals(1_249_975_000, all.get(0).getLong("sum"));
    }
  }

  @Test
  void client_reportsErrors() {
    try (Client client = client(false, true)) {
      Exception e =
          assertThrows(
              Exception.class,
              () ->
                  client
                      .insert(
                          "nowhere",
                          new ByteArrayInputStream("{}".getBytes(StandardCharsets.UTF_8)),
                          ClickHouseFormat.JSONEachRow,
                          new InsertSettings())
                      .get(10, TimeUnit.SECONDS));
      String all = e + " " + e.getCause();
      assertTrue(all.contains("Code: 60"), all);
    }
  }
}
