package polymarket.backfill.enrich;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Settings;
import polymarket.backfill.Sha256;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Columns;
import polymarket.backfill.clickhouse.SqlFile;

/** Stands for all that what is written depends on, besides the rows of the trades. */
final class Fingerprint {

  /** Changes when this program writes something else for the same trades and mapping. */
  private static final String VERSION = "4";

  private final ClickHouse clickHouse;
  private final Settings settings;
  private final SqlFile sql;
  private final Trades trades;
  private final Target target;

  Fingerprint(ClickHouse clickHouse, Settings settings, SqlFile sql, Trades trades, Target target) {
    this.clickHouse = clickHouse;
    this.settings = settings;
    this.sql = sql;
    this.trades = trades;
    this.target = target;
  }

  /** As it is now: 16 hex digits. */
  String take() {
    List<String> parts = new ArrayList<>(List.of(VERSION, trades.definition(), target.quoted()));
    settings
        .all()
        .forEach(
            (key, value) -> {
              if (key.startsWith("enrich.") && key.endsWith("-columns")) {
                parts.add(key + "=" + value);
              }
            });
    parts.sort(null);
    parts.add(
        clickHouse
            .rows(
                sql.section("inputs")
                    .sql(
                        Map.of(
                            "database",
                            Columns.database(trades.table()),
                            "table",
                            Columns.name(trades.table()))),
                Map.of())
            .toString());
    parts.add(trades.plain().toString());
    return Sha256.hex(String.join("\n", parts), 16);
  }
}
