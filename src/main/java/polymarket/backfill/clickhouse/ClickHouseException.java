package polymarket.backfill.clickhouse;

import java.util.Set;
import polymarket.backfill.UserError;

/** ClickHouse returned an error, or did not answer. */
public final class ClickHouseException extends UserError {

  /**
   * Codes of temporary errors: too many queries, memory, time-outs, network, read-only replicas,
   * Keeper.
   */
  private static final Set<Integer> PASSING =
      Set.of(159, 160, 201, 202, 209, 210, 225, 241, 242, 252, 319, 394, 439, 999);

  /** Codes of data that cannot be read into the table's columns. */
  private static final Set<Integer> DATA =
      Set.of(6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 636);

  private final int code;

  /**
   * @param code ClickHouse's error code; 0 where it gave no answer
   */
  public ClickHouseException(String message, int code, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  /** Whether the same request may succeed later. */
  public boolean passes() {
    return code == 0 || PASSING.contains(code);
  }

  /** Whether the rows themselves are the reason. */
  public boolean isData() {
    return DATA.contains(code);
  }

  public int code() {
    return code;
  }
}
