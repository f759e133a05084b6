package polymarket.backfill.audit;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;

/** The law of collateral: a node says what the contracts hold after some blocks. */
final class HeldCollateral {

  /** How many differences are looked for at once. */
  private static final int MOST_HALVED = 10;

  private final ClickHouse clickHouse;
  private final Node node;
  private final Steps steps;
  private final Consumer<String> progress;
  private final SqlFile sql = SqlFile.read("audit");

  /**
   * @param node null where none is to be asked
   */
  HeldCollateral(ClickHouse clickHouse, Node node, Steps steps, Consumer<String> progress) {
    this.clickHouse = clickHouse;
    this.node = node;
    this.steps = steps;
    this.progress = progress;
  }

  /**
   * Asks what is held after the last block; where that breaks the law, halves the blocks between
   * those that were asked for, until each difference has a block of its own or the node has no
   * state so old.
   *
   * @param values the placeholders of the law, with openings and lasts: the blocks after which the
   *     node is asked first
   */
  void check(SqlFile.Section section, Law law, Map<String, Object> values) {
    if (node == null) {
      law.notChecked("no node was asked what the contracts hold: add --node");
      return;
    }
    clickHouse.execute("TRUNCATE TABLE default.audit_held");
    Set<Long> ends = new TreeSet<>();
    for (String name : List.of("openings", "lasts")) {
      ((List<?>) values.get(name)).forEach(block -> ends.add(Audit.number(block)));
    }
    try {
      ends.forEach(block -> ask(block, values));
    } catch (UserError e) {
      law.notChecked(e.getMessage());
      return;
    }
    if (clickHouse.number(sql.section("unheld").sql(values)) > 0) {
      law.partly("what the modules of V3 hold is not checked");
    }
    Map<String, Object> row = clickHouse.rows(section.sql(values), Map.of()).get(0);
    try {
      for (List<Long> middles = middles(row); !middles.isEmpty() && !steps.isStopped(); ) {
        middles.forEach(block -> ask(block, values));
        row = clickHouse.rows(section.sql(values), Map.of()).get(0);
        middles = middles(row);
      }
    } catch (UserError e) {
      law.partly("the blocks are no narrower because " + e.getMessage());
    }
    law.add(LawSlice.ALL, Found.of(row));
  }

  private void ask(long block, Map<String, Object> values) {
    progress.accept("audit: what the contracts held at block " + block);
    clickHouse
        .rows(sql.section("held").sql(values), Map.of())
        .forEach(
            held -> {
              String collateral = (String) held.get("collateral");
              clickHouse.execute(
                  SqlFile.fill(
                      "INSERT INTO default.audit_held SELECT unhex({collateral}), {block},"
                          + " toUInt256({amount})",
                      Map.of(
                          "collateral", collateral.substring(2),
                          "block", block,
                          "amount",
                              node.balance(collateral, (String) held.get("holder"), block)
                                  .toString())));
            });
  }

  /** The blocks in the middle of the first places that are wider than one. */
  private static List<Long> middles(Map<String, Object> row) {
    return Found.of(row).places().stream()
        .map(Place::blocks)
        .filter(range -> range.width() > 1)
        .limit(MOST_HALVED)
        .map(range -> range.halves().get(0).last())
        .distinct()
        .toList();
  }
}
