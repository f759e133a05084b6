package polymarket.backfill.run;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.job.IdLoader;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/**
 * The ids of a pass that are known only when all others are done, from the query {@code @ids-after}
 * of a job's SQL file. The pass has stages: each ends when nothing of it is left, and the query
 * gives the ids of the next one. The ledger has the stage, so that a pass goes on after a kill.
 */
final class LaterIds {

  private final Job job;
  private final ClickHouse clickHouse;
  private final Ledger ledger;
  private final Duration patience;

  /** When ClickHouse failed to answer for the first time, by {@link System#nanoTime}; 0 for not. */
  private long failingSince;

  /**
   * @param patience how long temporary errors of ClickHouse are waited for
   */
  LaterIds(Job job, ClickHouse clickHouse, Ledger ledger, Duration patience) {
    this.job = job;
    this.clickHouse = clickHouse;
    this.ledger = ledger;
    this.patience = patience;
  }

  /**
   * Adds the ids of the next stage, if all of the ledger are done.
   *
   * @return how many; 0 where ClickHouse cannot tell now, but may soon; negative where no stage is
   *     left, or an id has failed
   * @throws ClickHouseException if it does not answer for too long, or refuses the query
   */
  long add() {
    Ledger.Pass pass = job.sql().has("ids-after") ? ledger.pass() : null;
    if (pass == null) {
      return -1;
    }
    Map<State, Long> counts = ledger.counts(Share.WHOLE);
    if (counts.get(State.PENDING) + counts.get(State.FAILED) > 0) {
      return -1;
    }
    try {
      long added = addNext(pass);
      failingSince = 0;
      return added > 0 ? added : -1;
    } catch (ClickHouseException e) {
      long now = System.nanoTime();
      failingSince = failingSince == 0 ? now : failingSince;
      if (!e.passes() || now - failingSince > patience.toNanos()) {
        throw e;
      }
      return 0;
    }
  }

  private long addNext(Ledger.Pass pass) {
    String stages = job.sql().section("ids-after").attributes().getOrDefault("stages", "1");
    if (!stages.matches("[1-9]\\d?")) {
      throw new UserError(
          "stages="
              + stages
              + " of @ids-after in the SQL file of "
              + job.getName()
              + " takes a whole number from 1 to 99");
    }
    int stage = pass.stage();
    List<String> ids = List.of();
    // a stage may be empty though a later one is not
    while (ids.isEmpty() && ++stage <= Integer.parseInt(stages)) {
      ids = ids(pass, stage);
    }
    ledger.follow(pass, stage, ids);
    return ids.size();
  }

  private List<String> ids(Ledger.Pass pass, int stage) {
    String sql =
        job.sql()
            .section("ids-after")
            .sql(
                Map.of(
                    "stage",
                    stage,
                    "redo",
                    pass.again(),
                    "pass_first",
                    pass.first().toString(),
                    "pass_last",
                    pass.last().toString()));
    List<String> ids = new ArrayList<>();
    IdLoader.ids(clickHouse, job, sql, ids::add);
    return ids;
  }
}
