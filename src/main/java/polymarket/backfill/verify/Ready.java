package polymarket.backfill.verify;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.ledger.State;

/**
 * The verdict on what is stored: the measures of ready.sql against their thresholds. A measure
 * whose table is absent is missed, like one whose number is.
 */
public final class Ready {

  /** The SQL file of the measures. */
  public static final String FILE = "ready";

  /** What the jobs' ledgers know. */
  public interface Ledgers {

    /**
     * Numbers by the names that placeholders have: how many ids are in each state, and their sums.
     *
     * @param jobs names separated by commas; empty for all jobs
     */
    Map<String, Object> values(String jobs);

    /**
     * What is known of an id: the state that says most where several jobs know it.
     *
     * @return null where no ledger has it
     */
    State state(String jobs, String id);
  }

  /**
   * One measure.
   *
   * @param value null where it could not be measured
   * @param why the reason for that; null where there is a value
   * @param before the value of the last verdict that had one; null where there was none
   * @param toDo what to type where the threshold is missed; empty where it is not
   */
  public record Line(
      Checks.Measure measure, Checks.Value value, String why, Double before, String toDo) {

    /** Whether the threshold is met. A measure without one only informs. */
    public boolean ok() {
      return measure.min() == null && measure.max() == null
          || value != null && !value.low() && !value.high();
    }
  }

  private final ClickHouse clickHouse;
  private final Settings settings;
  private final Ledgers ledgers;
  private final SqlFile sql;
  private final Checks checks;

  /**
   * @param checks the measures of ready.sql, with their thresholds
   */
  public Ready(ClickHouse clickHouse, Settings settings, Ledgers ledgers, Checks checks) {
    this.clickHouse = clickHouse;
    this.settings = settings;
    this.ledgers = ledgers;
    this.checks = checks;
    this.sql = SqlFile.read(FILE);
  }

  /**
   * Measures all, over views that are up to date, and keeps the values in default.ready_results.
   */
  public List<Line> measure(List<String> jobs) {
    Views.refresh(clickHouse, settings, jobs);
    sql.section("setup").statements().forEach(clickHouse::execute);
    Map<String, Double> before = new HashMap<>();
    clickHouse
        .rows(sql.section("before").sql(Map.of()), Map.of())
        .forEach(
            row ->
                before.put(
                    String.valueOf(row.get("measure")), ((Number) row.get("last")).doubleValue()));
    List<Line> lines = new ArrayList<>();
    for (Checks.Measure measure : checks.measures()) {
      lines.add(line(measure, before.get(measure.name())));
    }
    long time = System.currentTimeMillis();
    for (Line line : lines) {
      Map<String, Object> values = new HashMap<>();
      values.put("time", time);
      values.put("measure", line.measure().name());
      values.put("value", line.value() == null ? new SqlFile.Raw("NULL") : line.value().value());
      values.put("ok", new SqlFile.Raw(String.valueOf(line.ok())));
      clickHouse.execute(sql.section("keep").sql(values));
    }
    return lines;
  }

  private Line line(Checks.Measure measure, Double before) {
    SqlFile.Section section = measure.section();
    String jobs = section.attributes().getOrDefault("ledger", "");
    Map<String, Object> values = ledgers.values(jobs);
    String missing = Views.missing(clickHouse, settings, section);
    List<String> statements = section.statements();
    Number number =
        missing != null
            ? null
            : section.name().equals("unproved")
                ? unproved(measure, jobs)
                : (Number) clickHouse.value(SqlFile.fill(statements.get(0), values));
    Checks.Value value = number == null ? null : new Checks.Value(measure, number.doubleValue());
    String why = missing != null || number != null ? missing : Checks.NOTHING;
    Line line = new Line(measure, value, why, before, "");
    return line.ok()
        ? line
        : new Line(
            measure,
            value,
            why,
            before,
            String.valueOf(
                clickHouse.value(SqlFile.fill(statements.get(statements.size() - 1), values))));
  }

  /**
   * How many ids are not fetched to their end, or which share of all is; see ready.sql.
   *
   * @return null where there are no ids at all
   */
  private Double unproved(Checks.Measure measure, String jobs) {
    long[] lacking = {0};
    long[] none = {0};
    List<String> statements = measure.section().statements();
    clickHouse.stream(
        statements.get(0),
        Map.of(),
        row -> {
          State state = ledgers.state(jobs, String.valueOf(row.get("id")));
          boolean stored = ((Number) row.get("stored")).intValue() == 1;
          if (state == State.ABSENT) {
            none[0]++;
          } else if (state == null ? !stored : state != State.FOUND) {
            lacking[0]++;
          }
        });
    boolean counted = statements.size() == 3;
    long all = counted ? ((Number) clickHouse.value(statements.get(1))).longValue() : 0;
    if (counted && all == 0) {
      return null;
    }
    if (!measure.share()) {
      return (double) lacking[0];
    }
    double of = all - none[0];
    return of <= 0 ? 1 : (of - lacking[0]) / of;
  }
}
