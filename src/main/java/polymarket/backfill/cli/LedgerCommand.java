package polymarket.backfill.cli;

import java.time.Instant;
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
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.State;

/** Lists ids of the ledger. */
@Command(
    name = "ledger",
    description =
        "List the ids of a state, with rows, attempts, last HTTP status and reason, separated by"
            + " tabs.")
final class LedgerCommand implements Callable<Integer> {

  @Mixin private Common common;

  @Parameters(
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      completionCandidates = Names.Jobs.class,
      description = "The job, such as payouts.")
  private String name;

  @Option(
      names = "--state",
      paramLabel = "STATE",
      defaultValue = "failed",
      description = "pending, found, absent, unresolved or failed (default: ${DEFAULT-VALUE}).")
  private State state;

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "9223372036854775807",
      description = "At most N ids (default: all).")
  private long limit;

  @Option(names = "--json", description = "Print one JSON object per line.")
  private boolean json;

  @Override
  public Integer call() {
    if (limit < 1) {
      throw new UserError("--limit is " + limit + "; it takes a number of at least 1");
    }
    Settings settings = common.settings();
    Job job = Job.read(Common.home(), name);
    List<LedgerPlace> files =
        job.parts(Common.home(), "auto").stream()
            .map(part -> LedgerPlace.of(settings, part.getName()))
            .filter(LedgerPlace::exists)
            .toList();
    if (files.isEmpty()) {
      throw new UserError(
          "no ledger of "
              + job.getName()
              + " in "
              + settings.path("runtime.dir")
              + ": no job has run here yet");
    }
    if (!json) {
      System.out.println("id\trows\tattempts\tstatus\tmarked_at\treason");
    }
    files.forEach(this::list);
    return 0;
  }

  private void list(LedgerPlace file) {
    try (Ledger ledger = Ledger.open(file)) {
      ledger.entries(
          state,
          limit,
          entry -> {
            limit--;
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("id", entry.id());
            row.put("rows", entry.rows());
            row.put("attempts", entry.attempts());
            row.put("status", entry.status() == 0 ? null : entry.status());
            row.put(
                "marked_at",
                entry.markedAt() == 0 ? null : Instant.ofEpochMilli(entry.markedAt()).toString());
            row.put("reason", entry.reason());
            if (json) {
              System.out.println(Report.json(row));
            } else {
              System.out.println(
                  String.join(
                      "\t",
                      row.values().stream()
                          .map(value -> value == null ? "" : value.toString())
                          .toList()));
            }
          });
    }
  }
}
