package polymarket.backfill.run;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.apache.camel.Exchange;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.State;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;

/** How far the sources of jobs reach whose ids are ranges; each is asked once a run. */
final class Reaches {

  /**
   * How far a source reaches.
   *
   * @param last the last number that may be asked for
   * @param widest how many numbers one call takes at most
   * @param callsPerSecond that its pace allows
   * @param identity what the numbers are of, where a job's ledger belongs to that; null otherwise
   */
  record Reach(long last, long widest, double callsPerSecond, String identity) {}

  private final Settings settings;
  private final ClickHouse clickHouse;
  private final JobRun.Options options;
  private final Stop stop;
  private final Messages messages;
  private final Map<String, Reach> known = new HashMap<>();

  /** Null where this machine has the limits for itself. */
  private Member member;

  Reaches(
      Settings settings,
      ClickHouse clickHouse,
      JobRun.Options options,
      Stop stop,
      Messages messages) {
    this.settings = settings;
    this.clickHouse = clickHouse;
    this.options = options;
    this.stop = stop;
    this.messages = messages;
  }

  /** Lets its calls count for the limits of all members. */
  void pacedBy(Member sharing) {
    member = sharing;
  }

  /**
   * The calls that so many numbers take at least, with the one in each request that asks how far
   * the source is.
   */
  private long calls(Job job, long numbers) {
    long widest = of(job).widest();
    long ranges = (numbers + widest - 1) / widest;
    int size = settings.number(job.getName() + ".batch-size", 1);
    return ranges + (ranges + size - 1) / size;
  }

  /**
   * About how many requests pending ranges take: by the section {@code @requests} where the rows of
   * an answer limit them, otherwise by how many numbers a call takes.
   */
  long expected(Job job, TreeSet<String> pending) {
    return job.sql().has("requests")
        ? clickHouse.number(
            job.sql().section("requests").sql(Map.of("ids", Ranges.joined(pending))))
        : calls(job, pending.stream().mapToLong(Ranges::width).sum());
  }

  /**
   * Ranges as wide as a call begins with: as the setting JOB.span says, and not wider than the
   * source takes.
   */
  long span(Job job) {
    return Math.min(settings.number(job.getName() + ".span", 1), of(job).widest());
  }

  /**
   * Asks a job's source how far it reaches, by the route {@code JOB-reach}, which gives the fields
   * {@code last} and {@code widest}.
   *
   * @throws UserError where there is no answer
   */
  synchronized Reach of(Job job) {
    if (!known.containsKey(job.getName())) {
      known.put(job.getName(), ask(job));
    }
    return known.get(job.getName());
  }

  private Reach ask(Job job) {
    Reach[] reach = new Reach[1];
    with(
        job,
        (routes, sources) -> {
          Map<?, ?> answer = (Map<?, ?>) asked(routes, job, "-reach", null);
          reach[0] =
              new Reach(
                  ((Number) answer.get("last")).longValue(),
                  ((Number) answer.get("widest")).longValue(),
                  sources.get(job.firstSource(settings)).limit(),
                  (String) answer.get("identity"));
        });
    Heads.keep(settings, job, reach[0].last());
    return reach[0];
  }

  /** The source that is asked how far it reaches. */
  String source(Job job) {
    return job.firstSource(settings);
  }

  /** Starts a job's routes for a while. */
  private void with(Job job, BiConsumer<Routes, Sources> action) {
    Sources sources = new Sources(settings, options.share(), options.fraction(), stop, member);
    Map<String, Job> byName = Map.of(job.getName(), job);
    Retry retry = JobRun.retry(settings, byName, sources, stop, messages);
    try (Routes routes =
        Routes.start(
            settings, byName, clickHouse, sources, retry, new Marker(stop), stop, messages)) {
      action.accept(routes, sources);
    }
  }

  private Object asked(Routes routes, Job job, String route, Long number) {
    BatchWork none = BatchWork.preview(job.getName(), List.of(), Batch.Kind.FIRST);
    Exchange exchange =
        routes
            .template()
            .request(
                "direct:" + job.getName() + route,
                to -> {
                  to.setProperty(BatchWork.PROPERTY, none);
                  to.setProperty(ExchangeProperties.NUMBER, number);
                });
    if (exchange.getException() != null) {
      throw stop.asked()
          ? new UserError(stop.reason(), stop.code())
          : new UserError(Retry.reason(exchange.getException()));
    }
    return exchange.getMessage().getBody();
  }

  /**
   * Makes ranges pending again whose numbers the source has replaced, as the newest blocks of a
   * chain may be. The section {@code @ends} gives the pages as they were fetched; a page is still
   * right where the mark of its last number is the one that the page behind it follows on, or that
   * the route {@code JOB-mark} gives now.
   *
   * @return how many ranges
   */
  long replaced(Job job, Ledger ledger) {
    List<Map<String, Object>> pages =
        job.sql().has("ends")
            ? clickHouse.rows(job.sql().section("ends").sql(Map.of()), Map.of())
            : List.of();
    if (pages.isEmpty()) {
      return 0;
    }
    // another source may have stored pages that this one does not reach yet
    long last = of(job).last();
    List<Map<String, Object>> replaced = new ArrayList<>();
    with(
        job,
        (routes, sources) -> {
          Map<Long, Object> marks = new HashMap<>();
          for (Map<String, Object> page : pages) {
            if (number(page, "last") > last) {
              continue;
            }
            Object now =
                marks.computeIfAbsent(
                    number(page, "last"), number -> asked(routes, job, "-mark", number));
            if (page.get("mark").equals(now)) {
              if (!page.get("parent").equals("")) {
                marks.putIfAbsent(number(page, "first") - 1, page.get("parent"));
              }
            } else if (!"".equals(now)) {
              replaced.add(page);
            }
          }
        });
    TreeSet<String> again = new TreeSet<>();
    for (State state : List.of(State.FOUND, State.ABSENT)) {
      ledger.entries(
          state,
          Long.MAX_VALUE,
          entry -> {
            if (replaced.stream()
                .anyMatch(
                    page ->
                        Ranges.last(entry.id()) >= number(page, "first")
                            && Ranges.first(entry.id()) <= number(page, "last"))) {
              again.add(entry.id());
            }
          });
    }
    if (again.isEmpty()) {
      return 0;
    }
    ledger.redo(List.copyOf(again));
    messages.warn(
        job.getName()
            + ": "
            + source(job)
            + " has replaced "
            + job.getUnit()
            + " from "
            + Ranges.first(again.first())
            + " on; "
            + Messages.count(again.size(), "range")
            + (again.size() == 1 ? " is" : " are")
            + " fetched again");
    return again.size();
  }

  private static long number(Map<String, Object> row, String name) {
    return ((Number) row.get(name)).longValue();
  }
}
