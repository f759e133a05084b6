package polymarket.backfill.run;

import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Columns;
import polymarket.backfill.clickhouse.Quoted;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.source.RawRows;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;
import polymarket.backfill.store.RawStoring;
import polymarket.backfill.store.Storing;

/**
 * Asks a job's source for single ids through the job's own routes, and maps the rows in a database
 * that is dropped again.
 */
public final class Preview {

  /**
   * What came and what it becomes.
   *
   * @param came the rows as the source sent them
   * @param became rows by table
   * @param states by id: found, absent, unresolved or failed, with the reason
   */
  public record Result(
      int requests,
      List<Map<String, Object>> came,
      Map<String, List<Map<String, Object>>> became,
      Map<String, String> states) {}

  /**
   * What a source answers to one id.
   *
   * @param rows that came
   * @param requests that they took
   * @param whole whether that is all of them
   * @param failure why there was no answer; null where there was one
   */
  public record Sample(String id, long rows, int requests, boolean whole, String failure) {}

  /** What a source answers to some ids. */
  public record Samples(List<Sample> samples, double limitPerSecond) {}

  /** A page that is stored as it came. */
  private record Page(BatchWork batch, RawRows rows) {}

  private static final ObjectMapper JSON = new ObjectMapper();

  private Preview() {}

  /**
   * Asks a job's source for ids, each on its own, and looks at how much comes.
   *
   * @param pages of an id that are asked for at most
   * @throws UserError where another run uses the source
   */
  public static Samples sample(
      Settings settings,
      Job job,
      ClickHouse clickHouse,
      List<String> ids,
      int pages,
      Messages messages) {
    job.check(settings);
    Stop stop = new Stop();
    try (Member member = Membership.guest(settings, job.getName() + "(diagnose)", stop)) {
      Sources sources = new Sources(settings, Share.WHOLE, 1, stop, member);
      return sample(settings, job, clickHouse, ids, pages, sources, stop, messages);
    }
  }

  private static Samples sample(
      Settings settings,
      Job job,
      ClickHouse clickHouse,
      List<String> ids,
      int pages,
      Sources sources,
      Stop stop,
      Messages messages) {
    Map<String, Job> jobs = Map.of(job.getName(), job);
    Retry retry = new Retry(jobs, sources, stop, 1, settings.duration("source.patience"), messages);
    List<Sample> samples = new ArrayList<>();
    try (SourceLocks locks =
            new SourceLocks(settings, job.sources(settings).keySet(), "diagnose " + job.getName());
        Routes routes =
            Routes.start(
                settings, jobs, clickHouse, sources, retry, new Marker(stop), stop, messages)) {
      for (String id : ids) {
        BatchWork batch = BatchWork.preview(job.getName(), List.of(id), Batch.Kind.FIRST);
        long rows = 0;
        String failure = null;
        try {
          for (int page = 0; page < pages && batch.isMore(); page++) {
            Exchange answer = asked(routes, job, batch);
            rows +=
                answer.getMessage().getBody() instanceof RawRows came
                    ? came.getRows()
                    : answer.getMessage().getBody(List.class).size();
          }
        } catch (UserError e) {
          failure = e.getMessage();
        }
        samples.add(new Sample(id, rows, batch.requests(), !batch.isMore(), failure));
      }
    }
    return new Samples(samples, sources.get(job.firstSource(settings)).limit());
  }

  /**
   * @param ids in their stored form
   * @throws UserError where the source does not answer, or another run uses it
   */
  public static Result fetch(
      Settings settings, Job job, ClickHouse clickHouse, List<String> ids, Messages messages) {
    job.check(settings);
    Stop stop = new Stop();
    try (Member member = Membership.guest(settings, job.getName() + "(fetch)", stop)) {
      Sources sources = new Sources(settings, Share.WHOLE, 1, stop, member);
      return fetch(settings, job, clickHouse, ids, sources, stop, messages);
    }
  }

  private static Result fetch(
      Settings settings,
      Job job,
      ClickHouse clickHouse,
      List<String> ids,
      Sources sources,
      Stop stop,
      Messages messages) {
    Map<String, Job> jobs = Map.of(job.getName(), job);
    Retry retry = new Retry(jobs, sources, stop, 1, settings.duration("source.patience"), messages);
    List<Map<String, Object>> came = new ArrayList<>();
    List<Page> pages = new ArrayList<>();
    Map<String, String> states = new LinkedHashMap<>();
    try (SourceLocks locks =
            new SourceLocks(settings, job.sources(settings).keySet(), "fetch " + job.getName());
        Routes routes =
            Routes.start(
                settings, jobs, clickHouse, sources, retry, new Marker(stop), stop, messages)) {
      // a route may have to ask them what it needs to know of an id
      Views.create(clickHouse, job.getName());
      List<BatchWork> batches = new ArrayList<>();
      // as a run does: as many ids a call as the source takes, and once more for what was left out
      int size = job.getIdsARequest();
      for (int from = 0; from < ids.size(); from += size) {
        List<String> part = ids.subList(from, Math.min(ids.size(), from + size));
        BatchWork first = BatchWork.preview(job.getName(), part, Batch.Kind.FIRST);
        batches.add(first);
        came.addAll(ask(routes, job, first, pages));
        if (!first.missing().isEmpty()) {
          BatchWork again = BatchWork.preview(job.getName(), first.missing(), Batch.Kind.REASK);
          batches.add(again);
          came.addAll(ask(routes, job, again, pages));
        }
      }
      ids.forEach(id -> states.put(id, State.ABSENT.text()));
      for (BatchWork batch : batches) {
        batch.missing().forEach(id -> states.put(id, "not known: the answer may have been cut"));
        batch.outcomes().forEach((id, outcome) -> states.put(id, outcome.state().text()));
      }
      Map<String, List<Map<String, Object>>> became =
          came.isEmpty() ? Map.of() : map(job, clickHouse, ids, came, pages, states);
      return new Result(batches.stream().mapToInt(BatchWork::requests).sum(), came, became, states);
    }
  }

  /**
   * All pages of an answer; the first one where an id stands for a whole listing.
   *
   * @param pages takes those that are stored as they came
   */
  private static List<Map<String, Object>> ask(
      Routes routes, Job job, BatchWork batch, List<Page> pages) {
    List<Map<String, Object>> rows = new ArrayList<>();
    do {
      Message answer = asked(routes, job, batch).getMessage();
      if (answer.getBody() instanceof RawRows came) {
        pages.add(new Page(batch, came));
        rows.addAll(parsed(came));
      } else {
        rows.addAll(list(answer));
      }
    } while (batch.isMore() && !job.isPass());
    return rows;
  }

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> list(Message answer) {
    return answer.getBody(List.class);
  }

  private static List<Map<String, Object>> parsed(RawRows page) {
    try (MappingIterator<Map<String, Object>> rows =
        JSON.readerFor(Map.class).readValues(page.getBytes())) {
      return rows.readAll();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Asks for the next page. */
  private static Exchange asked(Routes routes, Job job, BatchWork batch) {
    return asked(routes, job.getName() + "-ask", batch, Map.of());
  }

  /**
   * Asks a route.
   *
   * @param properties of the exchange, beside the batch
   * @throws UserError where there is no answer
   */
  static Exchange asked(
      Routes routes, String route, BatchWork batch, Map<String, Object> properties) {
    Exchange exchange =
        routes
            .template()
            .request(
                "direct:" + route,
                to -> {
                  properties.forEach(to::setProperty);
                  to.setProperty(BatchWork.PROPERTY, batch);
                });
    if (exchange.getException() != null) {
      throw new UserError(Retry.reason(exchange.getException()));
    }
    return exchange;
  }

  /**
   * Sends the rows through the job's own landing table and views, in a database of this process.
   *
   * @param states takes what became of each id
   * @return the rows of each table that has some
   */
  private static Map<String, List<Map<String, Object>>> map(
      Job job,
      ClickHouse clickHouse,
      List<String> ids,
      List<Map<String, Object>> rows,
      List<Page> pages,
      Map<String, String> states) {
    try (OwnDatabase own = new OwnDatabase(clickHouse, "preview")) {
      own.create(job);
      Held held = new Held();
      if (job.isAsCame()) {
        for (Page page : pages) {
          own.insert(page.rows(), page.batch());
          String query = RawStoring.previewQuery(job.sql(), page.batch(), page.rows());
          String range = page.batch().getIds().get(0);
          clickHouse.rows(own.here(query), Map.of()).forEach(row -> held.add(range, row));
        }
      } else {
        BatchWork batch = BatchWork.preview(job.getName(), ids, Batch.Kind.FIRST);
        Storing storing = new Storing(job, job.sql(), null, batch, rows);
        if (storing.prepare()) {
          clickHouse.insert(
              own.here("default." + batch.getTable() + "_landing"),
              storing.getLines(),
              storing.getToken());
        }
        clickHouse
            .rows(own.here(storing.getStoredQuery()), Map.of())
            .forEach(row -> held.add(String.valueOf(row.get("id")), row));
      }
      states.putAll(held.states());
      return tables(clickHouse, own.name());
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Map<String, List<Map<String, Object>>> tables(
      ClickHouse clickHouse, String database) {
    Map<String, List<Map<String, Object>>> became = new LinkedHashMap<>();
    for (Map<String, Object> table :
        clickHouse.rows(
            // every row of an answer carries its batch; the tables without it are the program's
            // own
            "SELECT name FROM system.tables WHERE database = {d:String}"
                + " AND engine NOT IN ('Null', 'View', 'MaterializedView') AND NOT"
                + " endsWith(name, '_shard') AND name IN (SELECT"
                + " table FROM system.columns WHERE database = {d:String} AND name = 'batch')"
                + " ORDER BY name",
            Map.of("d", database))) {
      String name = String.valueOf(table.get("name"));
      String columns =
          Columns.of(clickHouse, database + "." + name).all().stream()
              .filter(column -> !column.name().equals("batch"))
              .map(column -> column.shown() + " AS " + Quoted.name(column.name()))
              .collect(Collectors.joining(", "));
      List<Map<String, Object>> mapped =
          clickHouse.rows("SELECT " + columns + " FROM " + database + "." + name, Map.of());
      if (!mapped.isEmpty()) {
        became.put(name, mapped);
      }
    }
    return became;
  }

  /** How many rows of each id were stored, or rejected and why. */
  private static final class Held {

    private final Map<String, Long> stored = new LinkedHashMap<>();
    private final Map<String, String> rejected = new LinkedHashMap<>();

    /**
     * @param counted a row of a section {@code @stored}
     */
    void add(String id, Map<String, Object> counted) {
      if (((Number) counted.get("rejected")).longValue() > 0) {
        Object reason = counted.get("reason");
        rejected.put(id, "failed: rejected" + (reason == null ? "" : ", " + reason));
      }
      long rows = ((Number) counted.get("rows")).longValue();
      if (rows > 0) {
        stored.merge(id, rows, Long::sum);
      }
    }

    Map<String, String> states() {
      Map<String, String> states = new LinkedHashMap<>(rejected);
      stored.forEach((id, rows) -> states.put(id, "found, rows: " + rows));
      return states;
    }
  }
}
