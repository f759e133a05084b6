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
            + " tabs; of a job with parts, such as fills, also the part.")
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
    List<Job> parts = job.parts(Common.home(), "auto");
    Map<String, LedgerPlace> files = new LinkedHashMap<>();
    for (Job part : parts) {
      LedgerPlace file = LedgerPlace.of(settings, part.getName());
      if (file.exists()) {
        files.put(part.getName(), file);
      }
    }
    if (files.isEmpty()) {
      throw new UserError(
          "no ledger of "
              + job.getName()
              + " in "
              + LedgerPlace.ofAll(settings)
              + ": no job has run here yet");
    }
    boolean named = parts.size() > 1;
    if (!json) {
      System.out.println("id\trows\tattempts\tstatus\tmarked_at\treason" + (named ? "\tjob" : ""));
    }
    files.forEach((part, file) -> list(file, named ? part : null));
    return 0;
  }

  /**
   * @param part whose ledger it is; null where the job has one ledger alone
   */
  private void list(LedgerPlace file, String part) {
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
            if (part != null) {
              row.put("job", part);
            }
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
