package polymarket.backfill.cli;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;
import polymarket.backfill.enrich.Reconcile;

/** The audit trail of one id. */
@Command(
    name = "explain",
    description =
        "Explain a market, a trade or a condition: the value of each source and when, the rule that"
            + " decided, and the enriched rows.")
final class ExplainCommand implements Callable<Integer> {

  private static final String ENRICHED = "vw_enriched_trades";

  @Mixin private Common common;

  @Parameters(
      paramLabel = "MARKET|TRADE|CONDITION",
      description =
          "A market in any form (number, slug, question id, condition id, token id), or a trade by"
              + " its id or its transaction.")
  private String id;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    if (id.isBlank()) {
      throw new UserError("explain takes a market, a trade or a condition; the argument is empty");
    }
    Settings settings = common.settings();
    SqlFile sql = SqlFile.read("explain");
    Map<String, Object> results = new LinkedHashMap<>();
    results.put("id", id);
    boolean known = false;
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      Reconcile.createTables(clickHouse);
      boolean enriched = clickHouse.has("default", ENRICHED);
      Map<String, Object> values =
          new HashMap<>(
              Map.of(
                  "id",
                  id,
                  "enriched",
                  new Raw(
                      enriched
                          ? "default." + ENRICHED
                          : sql.section("nothing").statements().get(0))));
      values.putAll(clickHouse.rows(sql.section("forms").sql(values), Map.of()).get(0));
      for (SqlFile.Section check : sql.sections("check")) {
        List<Map<String, Object>> rows = clickHouse.rows(check.sql(values), Map.of());
        results.put(check.title(), rows);
        if (!json && !rows.isEmpty()) {
          System.out.println(
              (known ? "\n" : "")
                  + Character.toUpperCase(check.title().charAt(0))
                  + check.title().substring(1));
          System.out.print(Report.table(rows));
        }
        known |= !rows.isEmpty();
      }
      if (json) {
        System.out.println(Report.json(results));
      }
      if (!known) {
        throw new UserError(
            "no source and no trade has "
                + id
                + (enriched ? "" : "; there are no enriched trades yet (`backfill enrich`)")
                + ". What jobs stored since the last `backfill reconcile` is known after the next");
      }
    }
    return 0;
  }
}
