package polymarket.backfill.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Member;

/**
 * What a run would take: the ids are put into copies of the ledgers, in a temporary folder, as a
 * run puts them into the ledgers. Takes no lock, and asks a source at most how far it reaches.
 */
public final class JobPlan extends RunLedgers {

  private final Path folder;

  /** Null where the limits are this machine's alone. */
  private Member guest;

  /**
   * Copies the ledgers of the jobs; a job without one gets an empty one.
   *
   * @throws UserError if a ledger cannot be read
   */
  public JobPlan(
      Settings settings,
      List<Job> jobs,
      ClickHouse clickHouse,
      JobRun.Options options,
      Messages messages) {
    super(settings, clickHouse, options, messages);
    try {
      folder = Files.createTempDirectory("backfill-plan");
    } catch (IOException e) {
      throw new UserError("cannot make a temporary folder: " + UserError.reason(e));
    }
    try {
      // asking a source how far it reaches takes a turn of all members
      guest = Membership.guest(settings, "plan", stop);
      reaches.pacedBy(guest);
      Views.create(clickHouse, jobs.stream().map(Job::getName).toList());
      for (Job job : jobs) {
        ledgers.put(job.getName(), open(job));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private Ledger open(Job job) {
    Path copy = folder.resolve(job.getName() + ".ledger");
    LedgerPlace place = LedgerPlace.of(settings, job.getName());
    boolean window = job.isWindow() && !options.window().all();
    if (!window && place.exists()) {
      try (Ledger ledger = Ledger.open(place)) {
        ledger.copy(copy);
      }
      return Ledger.open(copy);
    }
    Ledger.Owner owner = new Ledger.Owner(job.getName(), "plan", "plan", clickHouse.id());
    return Ledger.open(LedgerPlace.of(copy), owner, false, options.window());
  }

  /** What a run of a job would take, for what was put into its ledger. */
  public Estimate estimate(Job job) {
    Estimate estimate = estimated(job);
    return estimate.rows() == null ? estimate : estimate.with(bytes(job, estimate.rows()));
  }

  /** What rows take on disk in the tables of a job; null where these are empty or not named. */
  private Long bytes(Job job, long rows) {
    if (!job.sql().has("redone")) {
      return null;
    }
    Map<String, Object> sums =
        clickHouse
            .rows(
                SqlFile.fill(
                    "SELECT ifNull(sum(total_rows), 0) AS rows, ifNull(sum(total_bytes), 0) AS"
                        + " bytes FROM system.tables WHERE concat(database, '.', name) IN"
                        + " ({tables})",
                    Map.of(
                        "tables",
                        job.sql().section("redone").tables().stream()
                            .map(clickHouse::stored)
                            .toList())),
                Map.of())
            .get(0);
    double stored = Double.parseDouble(String.valueOf(sums.get("rows")));
    return stored == 0
        ? null
        : Long.valueOf(
            Math.round(rows * Double.parseDouble(String.valueOf(sums.get("bytes"))) / stored));
  }

  @Override
  public void close() {
    ledgers.values().forEach(Ledger::close);
    if (guest != null) {
      guest.close();
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
