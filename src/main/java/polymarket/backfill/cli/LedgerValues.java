package polymarket.backfill.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import polymarket.backfill.Settings;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.State;
import polymarket.backfill.verify.Ready;

/** What the ledgers of several jobs know, for the placeholders of measures. */
final class LedgerValues implements Ready.Ledgers, AutoCloseable {

  /** The states in which one job's ledger proves more than another's, the strongest first. */
  private static final List<State> STRENGTH =
      List.of(State.FOUND, State.FAILED, State.UNRESOLVED, State.PENDING, State.ABSENT);

  private final Settings settings;
  private final List<String> all;
  private final Map<String, Ledger> open = new LinkedHashMap<>();

  /** The members of shared ledgers, asked for once; null before. */
  private List<SharedLedgers.MemberInfo> members;

  /**
   * @param all the names of all jobs
   */
  LedgerValues(Settings settings, List<String> all) {
    this.settings = settings;
    this.all = all;
  }

  @Override
  public Map<String, Object> values(String jobs) {
    return values(jobs.isEmpty() ? all : List.of(jobs.split(",")));
  }

  /**
   * How many ids of these jobs are in each state ({@code found}, …), all of them ({@code total}),
   * the processes that work on them ({@code running}), the jobs with pending ids, and the largest
   * share of failed ids with its job.
   */
  Map<String, Object> values(List<String> jobs) {
    Map<String, Object> values = new HashMap<>();
    Stream.concat(Stream.of("total", "running"), Stream.of(State.values()).map(State::text))
        .forEach(key -> values.put(key, 0L));
    if (members == null) {
      members = SharedLedgers.members(settings);
    }
    double worst = 0;
    values.put("worst_job", "");
    List<String> pending = new ArrayList<>();
    for (String job : jobs) {
      add(
          values,
          "running",
          StatusCommand.running(
              StatusCommand.runs(settings.path("runtime.dir"), job), members, job));
      Ledger ledger = ledger(job);
      if (ledger == null) {
        continue;
      }
      long total = ledger.size(Share.WHOLE);
      Map<State, Long> counts = ledger.counts(Share.WHOLE);
      add(values, "total", total);
      counts.forEach((state, n) -> add(values, state.text(), n));
      boolean stageToCome = ledger.pass() != null && counts.get(State.PENDING) == 0;
      if (stageToCome) {
        add(values, State.PENDING.text(), 1);
      }
      if (stageToCome || counts.getOrDefault(State.PENDING, 0L) > 0) {
        pending.add(job);
      }
      double failed = counts.getOrDefault(State.FAILED, 0L) / Math.max(1.0, total);
      if (failed > worst) {
        worst = failed;
        values.put("worst_job", job);
      }
    }
    values.put("worst", worst);
    values.put("pending_jobs", String.join(" ", pending));
    return values;
  }

  @Override
  public State state(String jobs, String id) {
    return Stream.of(jobs.split(","))
        .map(this::ledger)
        .filter(Objects::nonNull)
        .map(ledger -> ledger.entry(id))
        .filter(Objects::nonNull)
        .map(Ledger.Entry::state)
        .min(Comparator.comparing(STRENGTH::indexOf))
        .orElse(null);
  }

  /**
   * Gives the ids, each once, of which nothing says more than this state: an id is absent only
   * where no ledger has it as pending, failed, unresolved or found.
   */
  void ids(String jobs, State state, Consumer<String> to) {
    List<Ledger> all =
        Stream.of(jobs.split(",")).map(this::ledger).filter(Objects::nonNull).toList();
    for (Ledger ledger : all) {
      List<Ledger> earlier = all.subList(0, all.indexOf(ledger));
      ledger.entries(
          state,
          Long.MAX_VALUE,
          entry -> {
            for (Ledger other : all) {
              Ledger.Entry same = other == ledger ? null : other.entry(entry.id());
              int more =
                  same == null ? 1 : STRENGTH.indexOf(same.state()) - STRENGTH.indexOf(state);
              if (more < 0 || more == 0 && earlier.contains(other)) {
                return;
              }
            }
            to.accept(entry.id());
          });
    }
  }

  /** A job's ledger; null where it has none. */
  private Ledger ledger(String job) {
    LedgerPlace place = LedgerPlace.of(settings, job);
    if (!open.containsKey(job) && place.exists()) {
      open.put(job, Ledger.open(place));
    }
    return open.get(job);
  }

  @Override
  public void close() {
    open.values().forEach(Ledger::close);
  }

  private static void add(Map<String, Object> values, String key, long n) {
    values.merge(key, n, (a, b) -> (Long) a + (Long) b);
  }
}
