package polymarket.backfill.audit;

import java.util.Map;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.polymarket.ComputedTokenIds;

/**
 * What laws and positions read beside the stored logs: the contracts that act for others, pools,
 * questions, and the tokens of all conditions.
 */
final class ChainIndex {

  private ChainIndex() {}

  /** Computes the token ids that are lacking, and makes the tables anew. */
  static void make(ClickHouse clickHouse, Steps steps, Messages messages) {
    make(clickHouse, steps, messages, () -> {});
  }

  /**
   * @param allowed asked before each statement; throws where another member does this by now
   */
  static void make(ClickHouse clickHouse, Steps steps, Messages messages, Runnable allowed) {
    SqlFile sql = SqlFile.read("audit");
    Map<String, Object> memory = Memory.of(steps.budget());
    steps.run(
        "compute token ids",
        () -> {
          long computed =
              ComputedTokenIds.fill(clickHouse, sql.section("unknown-tokens").sql(memory));
          if (computed > 0) {
            messages.info("computed the token ids of " + Messages.count(computed, "condition"));
          }
        });
    steps.run(
        "begin",
        () ->
            sql.section("begin")
                .statements()
                .forEach(
                    statement -> {
                      allowed.run();
                      clickHouse.execute(SqlFile.fill(statement, memory));
                    }));
  }
}
