package polymarket.backfill.audit;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Memory;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;

/**
 * Compares the computed positions of wallets with those that the Data API gave, and sorts each
 * difference into a kind.
 */
public final class WalletComparison {

  /** How many wallets are compared unless another number is asked for. */
  public static final int SAMPLE = 200;

  /** The kind of what is the same in both. */
  public static final String EQUAL = "none";

  private static final String UNEXPLAINED = "unexplained";

  private WalletComparison() {}

  /**
   * The differences: a row for what differs and its kind, with how many positions and wallets, the
   * sum and the largest.
   *
   * <p>The tables of all jobs and the views have to be there.
   *
   * @param sample how many wallets are compared at most, of those whose positions are stored
   * @throws UserError where there are no positions of the chain or of the Data API
   */
  public static List<Map<String, Object>> rows(
      ClickHouse clickHouse, Settings settings, int sample) {
    Views.create(clickHouse, "positions");
    if (clickHouse.number("SELECT count() FROM default.wallet_positions") == 0) {
      throw new UserError("no positions are computed yet: run `backfill positions` first");
    }
    if (clickHouse.number("SELECT count() FROM default.api_positions_staging") == 0) {
      throw new UserError(
          "no positions of the Data API are stored yet: run `backfill run wallets --ids FILE`"
              + " first, with some wallets of default.wallet_positions");
    }
    Map<String, Object> values = new HashMap<>(Memory.of(settings));
    values.put("sample", sample);
    return clickHouse.rows(SqlFile.read("audit").section("compared").sql(values), Map.of());
  }

  /** Whether there are positions of the chain and of the Data API to compare. */
  public static boolean possible(ClickHouse clickHouse) {
    return clickHouse.number(
            "SELECT count() FROM system.tables WHERE database = 'default' AND total_rows > 0 AND"
                + " name IN ('wallet_positions', 'api_positions_staging')")
        == 2;
  }

  /** Whether one of the differences has no reason. */
  public static boolean unexplained(List<Map<String, Object>> rows) {
    return rows.stream().anyMatch(row -> row.get("kind").equals(UNEXPLAINED));
  }
}
