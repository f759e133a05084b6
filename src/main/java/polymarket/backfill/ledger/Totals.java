package polymarket.backfill.ledger;

import java.util.EnumMap;
import java.util.Map;
import polymarket.backfill.ledger.Ledger.Effort;
import polymarket.backfill.ledger.Ledger.Held;
import polymarket.backfill.ledger.Ledger.Numbers;
import polymarket.backfill.ledger.Ledger.Sums;

/** What a ledger adds up to. */
final class Totals {

  private final Database database;

  Totals(Database database) {
    this.database = database;
  }

  private static Object[] slots(Share share) {
    return share.whole() ? new Object[0] : new Object[] {share.from(), share.to()};
  }

  /** The statement for a share; all ids are counted by a quicker one. */
  private static String name(String statement, Share share) {
    return share.whole() ? statement : statement + "-of-share";
  }

  Map<State, Long> counts(Share share) {
    Map<State, Long> counts = new EnumMap<>(State.class);
    for (State state : State.values()) {
      counts.put(state, 0L);
    }
    database.query(
        name("counts", share),
        result -> counts.put(State.of(result.getString(1)), result.getLong(2)),
        slots(share));
    return counts;
  }

  long left(Share share) {
    return database.number("left", share.from(), share.to());
  }

  long size(Share share) {
    return database.number(name("size", share), slots(share));
  }

  Numbers numbers(Share share) {
    return database
        .query(
            "numbers",
            result -> new Numbers(result.getLong(1), result.getLong(2), result.getLong(3)),
            share.from(),
            share.to())
        .get(0);
  }

  Sums sums() {
    return database
        .query(
            "sums",
            result ->
                new Sums(
                    result.getLong(1),
                    result.getLong(2),
                    result.getLong(3),
                    result.getLong(4),
                    result.getLong(5),
                    result.getLong(6)))
        .get(0);
  }

  Held held(String statement) {
    return database
        .query(statement, result -> new Held(result.getLong(1), result.getLong(2)))
        .get(0);
  }

  Effort effort() {
    return database
        .query(
            "effort",
            result ->
                new Effort(
                    result.getLong(1), result.getLong(2), result.getLong(3), result.getLong(4)))
        .get(0);
  }

  long replacing() {
    return database.number("replacing");
  }

  boolean replaced() {
    return !database.query("replaced", result -> 1).isEmpty();
  }
}
