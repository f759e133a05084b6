package polymarket.backfill.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.enrich.Reconcile;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;

/** Merges the mappings of the sources. */
@Command(
    name = "reconcile",
    description =
        "Create condition_id_merged from the mappings of CLOB, RPC, Goldsky and Gamma, by proof,"
            + " agreement, majority and priority.")
final class ReconcileCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    try (ShareLock lock =
            ShareLock.take(
                settings.path("runtime.dir").resolve("reconcile.lock"),
                Share.WHOLE,
                "reconcile",
                "reconcile");
        ClickHouse clickHouse = ClickHouse.open(settings)) {
      long started = System.nanoTime();
      Reconcile.Result result = new Reconcile(clickHouse, settings, new Terminal(json)).run();
      if (json) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("changed", result.changed());
        object.put("sources", result.sources());
        object.put("keys", result.keys());
        object.put("conflicts", result.conflicts());
        object.put("undecided", result.undecided());
        object.put("not_independent", result.notIndependent());
        System.out.println(Report.json(object));
        return 0;
      }
      System.out.println("The sources' mappings");
      System.out.print(Report.table(result.sources()));
      System.out.println("\nDecisions by kind of key");
      System.out.print(Report.table(result.keys()));
      System.out.println(
          "\n"
              + Messages.count(result.conflicts())
              + " keys in condition_id_conflicts, "
              + Messages.count(result.undecided())
              + " of them undecided; "
              + (result.changed() ? "condition_id_merged was updated" : "nothing changed")
              + ", after "
              + Messages.time((System.nanoTime() - started) / 1_000_000));
      return 0;
    }
  }
}
