package polymarket.backfill.clickhouse;

import java.util.Map;
import java.util.UUID;
import polymarket.backfill.UserError;

/**
 * A ClickHouse's id, the comment of a table in it: another server, and one whose data was deleted,
 * have another. A table is made once, so processes that start together agree on it.
 */
final class ServerId {

  private ServerId() {}

  static String of(ClickHouse clickHouse) {
    clickHouse.execute(
        "CREATE TABLE IF NOT EXISTS default.backfill_server (id UInt8) ENGINE = MergeTree ORDER BY"
            + " id COMMENT '"
            + UUID.randomUUID()
            + "'");
    return clickHouse
        .rows(
            "SELECT comment FROM system.tables WHERE database = 'default' AND name ="
                + " 'backfill_server'",
            Map.of())
        .stream()
        .map(row -> String.valueOf(row.get("comment")))
        .findFirst()
        .orElseThrow(
            () ->
                new UserError(
                    clickHouse.where()
                        + " has no table default.backfill_server right after it was created:"
                        + " clickhouse.url leads to several servers. Name their cluster in"
                        + " clickhouse.cluster, or one of them in clickhouse.url"));
  }
}
