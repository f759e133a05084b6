package polymarket.backfill.store;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.camel.Body;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.Stop;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.RowNames;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.ImbalanceException;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.State;
import polymarket.backfill.source.Elements;
import polymarket.backfill.source.RawRows;
import polymarket.backfill.source.SourceException;
import polymarket.backfill.source.Walks;

/**
 * The bean {@code rows} of the job routes: sees whether an answer is whole, and follows its rows
 * until they are read back from the table. It knows no job from another: what differs stands in the
 * job's definition, route file and SQL file.
 */
public final class Rows {

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN);

  /** Rows from which on those of several pages are stored. */
  private static final int ROWS_TOGETHER = 500;

  /** Pages without rows in a row from which on the source is not believed that there is more. */
  private static final int EMPTY_PAGES = 50;

  private final Map<String, Job> jobs;
  private final Stop stop;
  private final Map<String, SqlFile> sql = new HashMap<>();

  private final StoringTurns turns = new StoringTurns();

  /** The pages that are stored as they came and not seen to their end, by their batches. */
  private final Map<String, RawRows> begun = new ConcurrentHashMap<>();

  public Rows(Map<String, Job> jobs, Stop stop) {
    this.jobs = jobs;
    this.stop = stop;
    jobs.values().forEach(job -> sql.put(job.getName(), job.sql()));
  }

  /**
   * Compares an answer with what was asked for. An id that the source knows and has no rows for is
   * unresolved. One that is not in the answer goes into a further batch that asks for it once more;
   * where it was asked for once more already, it is absent - unless the answer may have been cut,
   * which its number of rows tells.
   *
   * @param known the elements of the answer, or their ids alone, as the source writes them; one
   *     that has no id becomes a row that is rejected
   * @param rows those of them that are rows
   * @return the rows, with those that are rejected
   * @throws SourceException where the answer holds what was not asked for
   */
  public List<Map<String, Object>> answered(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.KNOWN) List<?> known,
      @Body List<Map<String, Object>> rows)
      throws SourceException {
    Job job = jobs.get(batch.getJob());
    Set<String> asked = new HashSet<>(batch.getIds());
    Set<String> seen = new HashSet<>();
    List<Map<String, Object>> all = new ArrayList<>();
    for (Object element : known) {
      Object value =
          element instanceof Map<?, ?> row ? RowNames.value(job.getIdField(), row) : element;
      String id = job.idKind().normalise(String.valueOf(value));
      if (id == null) {
        all.add(Elements.withoutId(job, element));
        continue;
      }
      if (!asked.contains(id)) {
        throw new SourceException(
            job.getSource()
                + " answered with "
                + job.idKind().label()
                + " "
                + value
                + ", which was not asked for");
      }
      seen.add(id);
    }
    Set<String> withRows = new HashSet<>();
    for (Map<String, Object> row : rows) {
      String id = RowNames.id(job, batch, row);
      if (id != null) {
        withRows.add(id);
        all.add(row);
      }
    }
    batch.forgetAnswer();
    batch.pages().end();
    boolean maybeCut = job.isPageSize(known.size()) && known.size() < batch.getSize();
    for (String id : batch.getIds()) {
      if (!seen.contains(id)) {
        if (batch.getKind() == Batch.Kind.REASK && !maybeCut) {
          batch.outcomes().put(id, Outcome.of(State.ABSENT));
        } else {
          batch.missing().add(id);
        }
      } else if (!withRows.contains(id)) {
        batch.outcomes().put(id, Outcome.of(State.UNRESOLVED));
      }
    }
    return all;
  }

  /**
   * Sees that a page is a new one and notes where the next begins, for jobs whose answers have
   * several pages. A page that is shorter than the job's page size may have been cut: it is asked
   * for until it has come three times with as many rows. Where the last page is in, ids without
   * rows are absent.
   *
   * @param next the next page's cursor; null where this page is the last
   * @param promised whether the page before said that there is more: an empty one is then asked for
   *     once more
   * @param walk where the cursor is one of several lists together, those
   * @param answer the list; an element that is no row becomes one that is rejected
   * @return its rows
   * @throws SourceException where the cursor or the whole page was there before, a row belongs to
   *     another id, or pages without rows go on and on
   */
  public List<Map<String, Object>> page(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.NEXT) String next,
      @ExchangeProperty(ExchangeProperties.PROMISED) Boolean promised,
      @ExchangeProperty(ExchangeProperties.WALK) Object walk,
      @Body List<?> answer)
      throws SourceException, JsonProcessingException {
    Job job = jobs.get(batch.getJob());
    List<Map<String, Object>> rows = Elements.keyed(job, batch, Elements.of(answer));
    for (Map<String, Object> row : rows) {
      if (!batch.getIds().contains(RowNames.id(job, batch, row))) {
        throw new SourceException(
            job.getSource()
                + " answered with a row of "
                + RowNames.value(job.getIdField(), row)
                + " where "
                + batch.getIds().get(0)
                + " was asked for");
      }
    }
    if (Boolean.TRUE.equals(promised) && rows.isEmpty() && batch.pages().doubts()) {
      throw new SourceException(
          job.getSource()
              + " sent an empty page of "
              + batch.getIds().get(0)
              + " where it had said that there is more");
    }
    String digest =
        rows.isEmpty()
            ? null
            : HexFormat.of()
                .formatHex(
                    Storing.sha256()
                        .digest(JSON.writeValueAsString(rows).getBytes(StandardCharsets.UTF_8)));
    if (rows.size() < job.getPageSize() && !batch.pages().isConfirmed(rows.size())) {
      return rows;
    }
    String cursor = next == null || next.isEmpty() ? null : next;
    if (!rows.isEmpty()) {
      batch.pages().sentRows();
    } else if (cursor != null && batch.pages().addEmpty() > EMPTY_PAGES) {
      throw new SourceException(
          job.getSource()
              + " sent "
              + EMPTY_PAGES
              + " empty pages in a row of "
              + batch.getIds().get(0)
              + ", each with a cursor of a further one");
    }
    String leads = walk instanceof Walks.ByCursor lists ? lists.leadsTo() : cursor;
    String again = batch.pages().add(digest, cursor, leads, job.getRepeatedPages());
    if (again != null) {
      throw new SourceException(
          job.getSource()
              + " sent a "
              + again
              + " of "
              + batch.getIds().get(0)
              + " that it had sent before");
    }
    return rows;
  }

  /**
   * The list in a field of an answer; an empty one where the field is null.
   *
   * @throws SourceException where the answer has no such field, or something else in it
   */
  public List<Map<String, Object>> list(@Body Object answer, String field) throws SourceException {
    if (!(answer instanceof Map<?, ?> map)
        || !map.containsKey(field)
        || map.get(field) != null && !(map.get(field) instanceof List)) {
      throw new SourceException("answered with something that has no list of " + field);
    }
    return Elements.of((List<?>) map.get(field));
  }

  /**
   * Where a page begins, for sources whose pages are counted by offset: the cursor as a number, 0
   * at the beginning.
   */
  public long offset(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    String cursor = batch.getCursor();
    return cursor != null && cursor.matches("\\d{1,18}") ? Long.parseLong(cursor) : 0;
  }

  /** The cursor of the page behind this one, for such sources. */
  public String nextOffset(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, @Body List<?> rows) {
    return String.valueOf(offset(batch) + rows.size());
  }

  /**
   * Keeps a page's rows, until they are stored with those of further pages or, of a batch's part,
   * with those of the other ids.
   */
  public void keep(
      Exchange exchange,
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork part,
      @Body List<Map<String, Object>> rows) {
    part.keep(rows);
    if (part.isPart() || storesPagesTogether(part)) {
      exchange.removeProperty(ExchangeProperties.FAILURES);
    }
  }

  /**
   * Whether each id of the batch is asked for on its own, because the source takes one id a
   * request. A batch of one id is stored page by page instead.
   */
  public boolean asksEach(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return batch.getSize() > 1 && jobs.get(batch.getJob()).isOneIdARequest();
  }

  private boolean storesPagesTogether(BatchWork batch) {
    return jobs.get(batch.getJob()).isPagesTogether();
  }

  /**
   * Whether a further page's rows are to be stored with those that were kept: an insert of few rows
   * costs as much as one of many.
   */
  public boolean keepsOn(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return batch.keepsOn(stop.asked() ? 1 : ROWS_TOGETHER);
  }

  /** The rows of the pages that were kept. */
  public List<Map<String, Object>> kept(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return batch.kept().take(storesPagesTogether(batch));
  }

  /**
   * The rows of all ids of a batch that could be asked for; the others get batches of their own
   * when this one is done.
   */
  public List<Map<String, Object>> gathered(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    batch.pages().end();
    return batch.kept().gathered();
  }

  /**
   * The SQL of a section of the job's file, for what a route has to know of a batch before it asks.
   */
  public String query(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, String query) {
    return sql.get(batch.getJob()).query(query).sql(Storing.values(batch));
  }

  /**
   * Begins to store the rows of an answer: what the route store works through. Where pages repeat
   * rows, it waits while another batch stores one of the same, so that of two batches which come to
   * a row at once only one finds it missing.
   */
  public Storing storing(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, @Body List<Map<String, Object>> rows)
      throws InterruptedException {
    Storing storing = new Storing(jobs.get(batch.getJob()), sql.get(batch.getJob()), batch, rows);
    turns.await(batch, storing.keys());
    return storing;
  }

  /** Takes the rows that the table has already. */
  public void looked(
      @ExchangeProperty(ExchangeProperties.STORING) Storing storing,
      @Body List<Map<String, Object>> found) {
    storing.looked(found);
  }

  /**
   * Takes what the tables hold of the batch.
   *
   * @throws ImbalanceException where rows that ClickHouse acknowledged are in no table, or more are
   *     there than were sent
   */
  public void stored(
      @ExchangeProperty(ExchangeProperties.STORING) Storing storing,
      @Body List<Map<String, Object>> tables)
      throws ImbalanceException {
    storing.stored(tables);
    turns.end(storing.batch());
  }

  /** The tables hold nothing of the batch: every row was there before. */
  public void nothingStored(@ExchangeProperty(ExchangeProperties.STORING) Storing storing) {
    storing.nothingStored();
    turns.end(storing.batch());
  }

  // ---- answers that are stored as they came

  /** Whether the batch's answers are stored as the bytes that came. */
  public boolean isAsCame(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return jobs.get(batch.getJob()).isAsCame();
  }

  /** Begins to store a page as it came: what the route store-as-came works through. */
  public RawStoring storingAsCame(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, @Body RawRows page) {
    RawRows before = begun.put(batch.getKey(), page);
    return new RawStoring(sql.get(batch.getJob()), batch, page, before);
  }

  /** Whether a count that was asked for is more than nothing. */
  public boolean any(@Body List<Map<String, Object>> counted) {
    return ((Number) counted.get(0).get("rows")).longValue() > 0;
  }

  /**
   * Takes what the tables hold of a page that was stored as it came.
   *
   * @throws ImbalanceException where it is not what was counted before the insert
   */
  public void storedAsCame(
      @ExchangeProperty(ExchangeProperties.STORING) RawStoring storing,
      @Body List<Map<String, Object>> counted)
      throws ImbalanceException {
    storing.stored(counted);
  }

  /** Takes how many rows each id of a batch has that was stored as it came. */
  public void held(
      @ExchangeProperty(ExchangeProperties.STORING) RawStoring storing,
      @Body List<Map<String, Object>> counted) {
    storing.held(counted);
  }

  /** All of a page that was stored as it came is done. */
  public void settled(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.STORING) RawStoring storing) {
    storing.settle();
    begun.remove(batch.getKey());
  }
}
