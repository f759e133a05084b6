package polymarket.backfill.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Parts;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.run.Preview;

/** Fetches single ids and shows the answers and the resulting rows. */
@Command(
    name = "fetch",
    description =
        "Fetch single ids and show the answers and the rows made from them; nothing is stored or"
            + " marked.")
final class FetchCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Parameters(
      index = "0",
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      completionCandidates = Names.Jobs.class,
      description = "The job, such as payouts.")
  private String name;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "ID", description = "Ids in any form.")
  private List<String> ids;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    Job job = Job.read(Common.home(), name);
    IdKind kind = job.idKind();
    List<String> wanted =
        ids.stream()
            .map(
                id -> {
                  String stored = kind.normalise(id);
                  if (stored == null) {
                    throw new UserError("'" + id + "' is not a " + kind.label());
                  }
                  return kind == IdKind.RANGE ? Ranges.whole(job, stored) : stored;
                })
            .distinct()
            .sorted()
            .toList();
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      Map<String, Preview.Result> results = new LinkedHashMap<>();
      for (Map.Entry<Job, List<String>> part :
          Parts.split(settings, clickHouse, Common.home(), job, wanted).entrySet()) {
        Preview.Result result =
            Preview.fetch(settings, part.getKey(), clickHouse, part.getValue(), new Terminal(true));
        results.put(part.getKey().getName(), result);
        if (!json) {
          show(part.getKey().sources(settings).keySet(), result);
        }
      }
      if (json) {
        System.out.println(
            Report.json(
                results.size() == 1
                    ? results.values().iterator().next()
                    : Map.of("jobs", results)));
      }
    }
    return 0;
  }

  private static void show(Set<String> sources, Preview.Result result) {
    System.out.println(
        "Answer from "
            + String.join(", ", sources)
            + " in "
            + Messages.count(result.requests(), "request")
            + ":");
    result.came().forEach(row -> System.out.println("  " + Report.json(row)));
    if (result.came().isEmpty()) {
      System.out.println("  (no rows)");
    }
    for (Map.Entry<String, List<Map<String, Object>>> table : result.became().entrySet()) {
      System.out.println("Rows for " + table.getKey() + ":");
      table.getValue().forEach(row -> System.out.println("  " + Report.json(row)));
    }
    System.out.println("States:");
    result.states().forEach((id, state) -> System.out.println("  " + id + "  " + state));
  }
}
