package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Base64;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.TestBed;

/** A ClickHouse that reports some DELETEs as done and keeps the rows. */
class DeletionsIT {

  private static final String DELETE = "DELETE FROM default.deleted_from WHERE n >= 5 -- those";

  private final AtomicInteger lost = new AtomicInteger();
  private final AtomicInteger deletes = new AtomicInteger();
  private HttpFront front;
  private ClickHouse clickHouse;

  @BeforeEach
  void start() throws IOException {
    String login =
        Base64.getEncoder()
            .encodeToString(("default:" + TestBed.password()).getBytes(StandardCharsets.UTF_8));
    front =
        new HttpFront(
            (parameters, body) -> {
              String own = parameters.get("query");
              String sql = own == null ? new String(body, StandardCharsets.UTF_8) : own;
              if (sql.startsWith("DELETE")) {
                deletes.incrementAndGet();
                if (lost.getAndDecrement() > 0) {
                  return new HttpFront.Reply(200, null, new byte[0]);
                }
              }
              return front.send(
                  TestBed.clickHouse().url().toString(),
                  parameters,
                  body,
                  "Authorization",
                  "Basic " + login);
            });
    clickHouse =
        ClickHouse.open(
            TestBed.defaults().with("clickhouse.url", front.url()).with("clickhouse.user", "any"));
    clickHouse.execute(
        "CREATE TABLE default.deleted_from (n UInt64) ENGINE = MergeTree ORDER BY n");
    clickHouse.execute("INSERT INTO default.deleted_from SELECT number FROM numbers(10)");
  }

  @AfterEach
  void stop() {
    clickHouse.execute("DROP TABLE default.deleted_from");
    clickHouse.close();
    front.close();
    assertEquals(0, front.failures.size(), front.failures.toString());
  }

  private long rows() {
    return clickHouse.number("SELECT count() FROM default.deleted_from");
  }

  private void delete(boolean byJdbc) throws SQLException {
    if (!byJdbc) {
      clickHouse.execute(DELETE);
      return;
    }
    try (Connection connection = clickHouse.dataSource().getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(DELETE);
    }
  }

  @Test
  void aDeleteThatLeftRows_isRepeated_alsoInRoutes() throws SQLException {
    for (boolean byJdbc : new boolean[] {false, true}) {
      lost.set(3);
      deletes.set(0);
      delete(byJdbc);
      assertEquals(4, deletes.get());
      assertEquals(5, rows());
      clickHouse.execute("INSERT INTO default.deleted_from SELECT number + 5 FROM numbers(5)");
    }
  }

  @Test
  void aDeleteThatWorked_isSentOnce() throws SQLException {
    delete(true);
    assertEquals(1, deletes.get());
    assertEquals(5, rows());
  }

  @Test
  void rowsThatNoDeleteRemoves_areAnErrorInOneLine() {
    lost.set(1000);
    for (boolean byJdbc : new boolean[] {false, true}) {
      deletes.set(0);
      ClickHouseException refused = assertThrows(ClickHouseException.class, () -> delete(byJdbc));
      assertEquals(10, deletes.get());
      assertTrue(
          refused
              .getMessage()
              .endsWith(
                  ": default.deleted_from still has rows that 10 DELETEs were to remove;"
                      + " system.mutations says why"),
          refused.getMessage());
      assertTrue(refused.passes());
    }
  }
}
